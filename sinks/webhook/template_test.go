package webhook

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// hostile holds what would break out of any place that it is put to unescaped.
const hostile = `{"title":"\"},{\"x\":\" <!channel> & é\n\\ / ? # %2e ../..","level":"High","score":1.00,"none":null,"yes":true,"tags":["a","b\"c"],"deep":{"er":[{"x":9007199254740993}]}}`

func hostileDelivery() sinks.Delivery {
	d := delivery(hostile)
	d.Result.Type, d.Result.Subject = "detection", "host/1"
	d.Result.Time = time.Date(2026, 11, 25, 1, 2, 3, 0, time.UTC)
	return d
}

func TestTemplate_Body_IsAlwaysJSONAndTellsTheSame(t *testing.T) {
	t.Parallel()
	var data map[string]any
	require.NoError(t, json.Unmarshal([]byte(hostile), &data))
	for source, want := range map[string]string{
		`{"t":"{{ .data.title }}"}`:                                                      `{"t":` + quote(t, data["title"]) + `}`,
		`{"t":{{ json .data.title }}}`:                                                   `{"t":` + quote(t, data["title"]) + `}`,
		`{"t":"{{ upper .data.level }}"}`:                                                `{"t":"HIGH"}`,
		`{"t":"{{ .data.title | truncate 3 }}"}`:                                         `{"t":"\"}…"}`,
		`{"t":"{{ mrkdwn .data.title | truncate 99 }}"}`:                                 `{"t":` + quote(t, strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(data["title"].(string))) + `}`,
		`[{{ .data.score }},{{ .data.none }},{{ .data.yes }}]`:                           `[1.00,null,true]`,
		`"{{ .data.none }}"`:                                                             `"null"`,
		`{{ .raw | json }}`:                                                              hostile,
		`"{{ .data.tags }}"`:                                                             `"[\"a\",\"b\\\"c\"]"`,
		`"{{ join ", " .data.tags }}"`:                                                   `"a, b\"c"`,
		`{{ json .data.deep }}`:                                                          `{"er":[{"x":9007199254740993}]}`,
		`"{{ get .data "deep" "er" 0 "x" }}"`:                                            `"9007199254740993"`,
		`"{{ or (get .data "nothing" "here") "else" }}"`:                                 `"else"`,
		`"{{ choose .data.level "critical" "P1" "high" "P2" "P5" }}"`:                    `"P2"`,
		`"{{ choose .type "x" 1 "other" }}"`:                                             `"other"`,
		`{{ if gt (number .data.score) 0.5 }}1{{ else }}0{{ end }}`:                      `1`,
		`[{{ range $i, $tag := .data.tags }}{{ if $i }},{{ end }}"{{ $tag }}"{{ end }}]`: `["a","b\"c"]`,
		`{{ with .data.deep }}"{{ len .er }} {{ $.source }}"{{ end }}`:                   `"1 scanner"`,
		`{{ define "x" }}"{{ . }}"{{ end }}{{ template "x" .data.title }}`:               quote(t, data["title"]),
		`"{{ .source }} {{ .id }} {{ .type }} {{ .subject }} {{ .time }}"`:               `"scanner finding-1 detection host/1 2026-11-25T01:02:03Z"`,
		`"{{ .delivery_id }}"`:                                                           `"` + consign.DeliveryID("scanner", "finding-1", "hook") + `"`,
		`"{{ .values.key }}"`:                                                            `"` + bearer + `"`,
	} {
		got := make(chan string, 1)
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got <- string(body)
		}))
		sink := build(t, Config{URL: server.URL, Body: source, Values: map[string]config.Secret{"key": config.NewSecret(bearer)}})
		require.NoError(t, attempt(t, sink, hostileDelivery()), source)
		require.JSONEq(t, want, <-got, source)
		server.Close()
	}
	// The whole result and its data keep every byte.
	sink := build(t, Config{URL: "http://127.0.0.1/", Body: `{{ json .result }}`})
	d := hostileDelivery()
	request, err := sink.templates.render(d)
	require.NoError(t, err)
	encoded, err := d.Result.Encode()
	require.NoError(t, err)
	require.Equal(t, string(encoded), string(request.body))
}

// hostileTitle is the title as its reader means it.
func hostileTitle(t *testing.T) string {
	t.Helper()
	var data map[string]any
	require.NoError(t, json.Unmarshal([]byte(hostile), &data))
	return data["title"].(string)
}

func quote(t *testing.T, value any) string {
	t.Helper()
	quoted, err := json.Marshal(value)
	require.NoError(t, err)
	return string(quoted)
}

func TestTemplate_URL_AValueStaysInItsSegmentOrParameter(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r }))
	t.Cleanup(server.Close)
	sink := build(t, Config{
		URL:    server.URL + `/a/{{ .data.title }}/b{{ if .data.yes }}?q={{ .data.title }}&n={{ .data.score }}{{ end }}`,
		Method: "PUT", Headers: map[string]config.Secret{"X-Level": config.NewSecret("{{ .data.level }}/{{ .values.key }}")},
		Values: map[string]config.Secret{"key": config.NewSecret(bearer)},
	})
	d := hostileDelivery()
	require.NoError(t, attempt(t, sink, d))
	request := <-got
	title := hostileTitle(t)
	require.Equal(t, "PUT", request.Method)
	require.Equal(t, "/a/"+title+"/b", request.URL.Path)
	require.Len(t, strings.Split(request.URL.EscapedPath(), "/"), 4)
	require.Equal(t, map[string][]string{"q": {title}, "n": {"1.00"}}, map[string][]string(request.URL.Query()))
	require.Equal(t, "High/"+bearer, request.Header.Get("X-Level"))

	whole := build(t, Config{URL: `{{ raw .data.callback }}`, Egress: GuardPermissive})
	require.NoError(t, attempt(t, whole, delivery(`{"callback":"`+server.URL+`/cb?x=1"}`)))
	require.Equal(t, "/cb?x=1", (<-got).RequestURI)

	all := build(t, Config{URL: server.URL + `?all={{ urlquery .raw }}&part={{ urlquery .data.list }}&none={{ urlquery (get .data "none") }}`})
	require.NoError(t, attempt(t, all, delivery(`{"list":[1.0,"&"]}`)))
	require.Equal(t, map[string][]string{"all": {`{"list":[1.0,"&"]}`}, "part": {`[1.0,"&"]`}, "none": {"null"}}, map[string][]string((<-got).URL.Query()))
}

func TestTemplate_AValueInTheHost_IsNotShown(t *testing.T) {
	t.Parallel()
	r := receive(t, always(http.StatusNotFound, "nobody"))
	_, port, err := net.SplitHostPort(r.Listener.Addr().String())
	require.NoError(t, err)
	sink := build(t, Config{
		URL: "http://{{ .values.tenant }}.test:" + port, Egress: GuardDefault,
		Values: map[string]config.Secret{"tenant": config.NewSecret(password)},
	})
	leadsTo := &atomic.Value{}
	leadsTo.Store(netip.MustParseAddr("127.0.0.1"))
	resolving(t, sink, leadsTo)
	require.Contains(t, refused(t, attempt(t, sink, delivery(`{}`))).Message, "http://[hidden].test:"+port+": answered 404")
	sink.sender.network.close()
	leadsTo.Store(netip.MustParseAddr("169.254.169.254"))
	require.Equal(t, "egress refused", refused(t, attempt(t, sink, delivery(`{}`))).Label)
}

func TestTemplate_Form_IsEscapedAsSuch(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got <- fmt.Sprint(len(r.PostForm), r.PostForm.Get("text"))
	}))
	t.Cleanup(server.Close)
	sink := build(t, Config{
		URL: server.URL, Body: `text={{ .data.title }}&to=me`,
		Headers: map[string]config.Secret{"content-type": config.NewSecret("application/x-www-form-urlencoded")},
	})
	require.NoError(t, attempt(t, sink, hostileDelivery()))
	title := hostileTitle(t)
	require.Equal(t, "2"+title, <-got)

	text := build(t, Config{URL: server.URL, Body: `{{ .data.title }}`, Headers: map[string]config.Secret{"Content-Type": config.NewSecret("text/plain; charset=utf-8")}})
	request, err := text.templates.render(hostileDelivery())
	require.NoError(t, err)
	require.Equal(t, title, string(request.body))
}

func TestTemplate_AResultThatDoesNotFit_IsParkedAtOnceAndNothingIsSent(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	for source, cause := range map[string]string{
		`{"x":"{{ .data.nothing }}"}`:                `body: line 1: <.data.nothing>: map has no entry for key "nothing"`,
		`{"x":"{{ .data.level.deeper }}"}`:           `body: line 1: `,
		`{"x":"{{ .data.none.x }}"}`:                 `body: line 1: `,
		`{"x":{{ .data.title }}}`:                    `is no JSON`,
		`{"x":{{ if .data.yes }}1,{{ end }}}`:        `is no JSON`,
		`"{{ choose .data.level "low" 1 "mid" 2 }}"`: `none of the cases`,
		`"{{ join "," .data.level }}"`:               `not a list`,
		`{{ number .data.level }}`:                   `not a number`,
	} {
		failure := refused(t, attempt(t, build(t, Config{URL: r.URL, Body: source}), hostileDelivery()))
		require.True(t, failure.Permanent)
		require.Equal(t, "template", failure.Label)
		require.Contains(t, failure.Message, cause)
	}
	for address, cause := range map[string]string{
		`/{{ .data.nothing }}`:                 `url: line 1: <.data.nothing>: map has no entry`,
		`/{{ .data.none }}`:                    `it is null`,
		`/x/{{ truncate 2 .data.dots }}/admin`: `a dot or two`,
	} {
		d := hostileDelivery()
		d.Result.Data = json.RawMessage(strings.Replace(hostile, `{`, `{"dots":"..",`, 1))
		failure := refused(t, attempt(t, build(t, Config{URL: r.URL + address}), d))
		require.True(t, failure.Permanent)
		require.Contains(t, failure.Message, cause)
	}
	for header, cause := range map[string]string{
		`{{ .data.title }}`:                         `headers.X-A: the value has a line break`,
		bearer + `{{ .data.nothing }}`:              `headers.X-A: map has no entry for key "nothing"`,
		`{{ index "` + bearer + `" .data.nothing}}`: `headers.X-A: `,
	} {
		failure := refused(t, attempt(t, build(t, Config{URL: r.URL, Headers: map[string]config.Secret{"X-A": config.NewSecret(header)}}), hostileDelivery()))
		require.True(t, failure.Permanent)
		require.Contains(t, failure.Message, cause)
	}
	long := delivery(`"` + strings.Repeat("/é", 300_000) + `"`)
	for _, c := range []Config{
		{URL: r.URL + "/{{ .data }}"},
		{URL: r.URL + "/?q={{ .data }}"},
		{URL: r.URL, Headers: map[string]config.Secret{"X-A": config.NewSecret("{{ .data }}")}},
	} {
		failure := refused(t, attempt(t, build(t, c), long))
		require.True(t, failure.Permanent)
		require.Contains(t, failure.Message, "bytes long: at most 16384 are sent")
	}
	require.Empty(t, r.got())

	for callback, label := range map[string]string{"http://169.254.169.254/": "egress refused", "ftp://x": "bad url", "http://me:" + password + "@x/": "bad url"} {
		failure := refused(t, attempt(t, build(t, Config{URL: `{{ raw .data.callback }}`}), delivery(`{"callback":"`+callback+`"}`)))
		require.True(t, failure.Permanent)
		require.Equal(t, label, failure.Label)
	}
}

func TestTemplate_AHostThatResultsChoose_IsStrictlyGuarded(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	host := strings.TrimPrefix(r.URL, "http://")
	for address, allowed := range map[string]bool{
		"{{ raw .source }}": false, "http://{{ raw .subject }}/": false, "http://{{ raw .subject }}?": false, r.URL + "{{ raw .type }}": false,
		r.URL + "/{{ .id }}": true, r.URL + "?id={{ .id }}": true,
	} {
		for _, guard := range []Guard{"", GuardDefault} {
			d := from(r.URL)
			d.Result.Subject = host
			err := attempt(t, build(t, Config{URL: address, Egress: guard}), d)
			if allowed || guard == GuardDefault {
				require.NoError(t, err, address)
				continue
			}
			require.Equal(t, "egress refused", refused(t, err).Label, address)
		}
	}
}

func TestTemplate_RepeatedRequest_IsTheSameByteForByte(t *testing.T) {
	t.Parallel()
	sink := build(t, Config{URL: "http://127.0.0.1/{{ .id }}", Body: `{{ json .data }}`})
	first, err := sink.templates.render(hostileDelivery())
	require.NoError(t, err)
	for range 20 {
		again, err := sink.templates.render(hostileDelivery())
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
}

func TestTemplate_EachMistake_IsFoundAtStart(t *testing.T) {
	t.Parallel()
	const address = "https://example.com/"
	sample := []string{`{"type":"detection","data":{"level":"high"}}`}
	for _, test := range []struct {
		config        Config
		field, remedy string
	}{
		{Config{URL: address + "{{ .data.x "}, "url", "unclosed action"},
		{Config{URL: address + `?q={{ template "t" . }}{{ define "t" }}{{ .id }}{{ end }}`}, "url", "no use for define"},
		{Config{URL: "htps://example.com/{{ .id }}"}, "url", "did you mean https?"},
		{Config{URL: "https://me:" + password + "@example.com/{{ .id }}"}, "url", "auth.basic"},
		{Config{URL: address, Body: `{{ .daat.x }}`}, "body", `field "daat" is unknown: there are source, id`},
		{Config{URL: address, Body: `{{ if (eq $.daat 1) }}{{ end }}`}, "body", `field "daat" is unknown`},
		{Config{URL: address, Body: `{{ .values.key }}`}, "body", `value "key" is unknown`},
		{Config{URL: address, Body: `{{ nonsense .data }}`}, "body", `function "nonsense" not defined`},
		{Config{URL: address, Body: `{"x":"{{ .data.level }}"`, Samples: sample}, "samples[0]", "body: what the template makes is no JSON"},
		{Config{URL: address, Body: `"{{ .data.lvl }}"`, Samples: sample}, "samples[0]", `no entry for key "lvl"`},
		{Config{URL: address + "{{ .data.lvl }}", Samples: sample}, "samples[0]", `url: line 1: <.data.lvl>: map has no entry for key "lvl"`},
		{Config{URL: "{{ raw .data.level }}", Samples: sample}, "samples[0]", "url: has no scheme"},
		{Config{URL: "http://{{ raw .data.level }}/", Samples: []string{`{"data":{"level":"169.254.169.254"}}`}}, "samples[0]", "is refused"},
		{Config{URL: address, Body: `1{{ .id }}`, Samples: []string{`{"data":`}}, "samples[0]", "is no result"},
		{Config{URL: address, Body: `1{{ .id }}`, Samples: []string{`{"level":"high"}`}}, "samples[0]", "unknown field"},
		{Config{URL: address, Body: `1{{ .id }}`, Samples: []string{`{}`}}, "samples[0]", "data is missing"},
		{Config{URL: address, Samples: sample}, "samples", "take them out"},
		{Config{URL: address, Values: map[string]config.Secret{"k": config.NewSecret("x")}}, "values", "take them out"},
		{Config{URL: address, Body: "1", Values: map[string]config.Secret{"a-b": config.NewSecret("x")}}, "values.a-b", "letters"},
		{Config{URL: address, Method: "GET"}, "method", "POST, PUT, PATCH"},
		{Config{URL: address, Headers: map[string]config.Secret{"X-A": config.NewSecret(bearer + "{{ ")}}, "headers.X-A", "between {{ and }}"},
		{Config{URL: address, Headers: map[string]config.Secret{"Content-Type": config.NewSecret("text/plain")}}, "headers.Content-Type", "unless body"},
		{Config{URL: address, Body: "x", Headers: map[string]config.Secret{"Content-Type": config.NewSecret("text/plain"), "content-type": config.NewSecret("x")}}, "headers.content-type", "same header"},
	} {
		var fields []string
		test.config.Validate(func(field, problem string) {
			fields = append(fields, field)
			require.Contains(t, problem, test.remedy)
			require.NotContains(t, problem, password)
			require.NotContains(t, problem, bearer)
		})
		require.Equal(t, []string{test.field}, fields, test.remedy)
	}
	for _, fine := range []Config{
		{URL: "https://example.com:{{ .data.port }}/"},
		{URL: "https://{{ .data.host }}/x"},
		{URL: "{{ raw .data.url }}"},
		{URL: "https://{{ .data.host }}.example.com/x", Body: `{{ range .data.list }}{{ .anything }}{{ end }}`},
	} {
		fine.Validate(func(field, problem string) { t.Error(field, problem) })
	}
}

// A value never breaks out of the place in JSON or URL that a template has for it.
func FuzzTemplateEscapes(f *testing.F) {
	for _, value := range []string{".", "..", `"`, `\`, "/../", "?x=1&y=2", "#", "%", "\x00", "\xff", "é\u2028", "@evil.example", ":80", " ", "{{ .id }}"} {
		f.Add(value)
	}
	where := map[place]text{}
	for kind, source := range map[place]string{inJSON: `{"a":"{{ .id }}","b":1}`, inURL: `https://example.com/{{ .id }}/x?q={{ .id }}&r=1`, inForm: `q={{ .id }}&r=1`} {
		parsed, err := parseText(source, kind, nil)
		require.NoError(f, err)
		where[kind] = parsed
	}
	f.Fuzz(func(t *testing.T, value string) {
		fields := map[string]any{"id": value}
		body, err := where[inJSON].render(fields)
		require.NoError(t, err)
		var decoded map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &decoded))
		require.Len(t, decoded, 2)
		require.Equal(t, strings.ToValidUTF8(value, "\ufffd") == value, decoded["a"] == value)

		address, err := where[inURL].render(fields)
		if value == "." || value == ".." {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		target, err := endpoint(address)
		require.NoError(t, err)
		require.Equal(t, "example.com", target.Host)
		require.Equal(t, "/"+value+"/x", target.Path)
		require.Len(t, strings.Split(target.EscapedPath(), "/"), 3)
		require.Equal(t, value, target.Query().Get("q"))
		require.Len(t, target.Query(), 2)
		require.Empty(t, target.Fragment)
	})
}

func TestNotes_TemplatesWithoutSamples_AreNotedWhereTheyStand(t *testing.T) {
	t.Parallel()
	for settings, fields := range map[string][]string{
		`url: "https://a.example/{{ .id }}", body: '{"a": "{{ .id }}"}', headers: {X-Id: "{{ .id }}", X-B: b}`: {"url", "body", "headers.X-Id"},
		`url: "https://a.example/{{ .id }}", samples: ['{"data": 1}']`:                                         nil,
		`url: "https://a.example/", body: '{"a": 1}'`:                                                          nil,
	} {
		parsed, err := config.Parse("c.yaml", []byte("sinks: {hook: {webhook: {"+settings+"}}}"), []config.Kind{Kind()}, recipeEnvironment)
		require.NoError(t, err)
		var noted []string
		for _, note := range parsed.Notes {
			require.Contains(t, note.Message, "samples")
			require.Positive(t, note.Column)
			noted = append(noted, strings.TrimPrefix(note.Path, "sinks.hook.webhook."))
		}
		require.ElementsMatch(t, fields, noted, settings)
	}
}
