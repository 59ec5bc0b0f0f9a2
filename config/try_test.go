package config
import ("testing";"os";"fmt")
type hook struct{ URL string `yaml:"url"`; Secret Secret `yaml:"secret"`; Headers map[string]string `yaml:"headers"`}
func (h *hook) SetDefaults(){}
func (h *hook) Validate(report func(a,b string)){ if h.URL=="" {report("url","is required")}; }
func TestTry(t *testing.T){
 b,_:=os.ReadFile("/tmp/try.yaml")
 c,err:=Parse("consign.yaml",b,[]Kind{{Name:"webhook",Network:true,New:func()Settings{return &hook{}}},{Name:"stdout",New:func()Settings{return &hook{URL:"x"}}}},func(s string)(string,bool){ if s=="BAD"{return "bad",true};return "",false})
 fmt.Println(err)
 if c!=nil {c.Show(os.Stdout);c.ShowJSON(os.Stdout);fmt.Printf("%+v\n",c)
 fmt.Println(c.Notes)}
}
