package all_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/all"
)

var update = flag.Bool("update", false, "renew settings.json, docs/sinks.md and docs/configuration.md")

// TestDocumentation_IsWhatTheStructsSay reads the comments that stand in the source today.
func TestDocumentation_IsWhatTheStructsSay(t *testing.T) {
	t.Parallel()
	said := comments(t)
	if *update {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		require.NoError(t, encoder.Encode(said))
		require.NoError(t, os.WriteFile("settings.json", text.Bytes(), 0o644))
		return
	}
	require.Equal(t, said, all.Documentation(), "run go test ./sinks/all -update")
}

func TestManual_HasEverySetting(t *testing.T) {
	t.Parallel()
	docs := comments(t)
	for page, generated := range map[string]string{
		"sinks.md":         ofSinks(docs),
		"configuration.md": ofFile(docs),
	} {
		path := filepath.Join("..", "..", "docs", page)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		want := regexp.MustCompile(`(?s)(<!-- settings -->\n).*(<!-- end of settings -->)`).ReplaceAllString(string(text), "${1}"+strings.ReplaceAll(generated, "$", "$$")+"${2}")
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
			continue
		}
		require.Contains(t, string(text), "<!-- settings -->", page)
		require.Equal(t, want, string(text), "run go test ./sinks/all -update")
	}
}

func TestSettings_EachIsDocumented(t *testing.T) {
	t.Parallel()
	said := comments(t)
	for _, kind := range all.Kinds() {
		for _, setting := range config.SettingsOf(kind) {
			require.NotEmpty(t, said[setting.Key], "%s.%s, field %s", kind.Name, setting.Name, setting.Key)
		}
	}
	for _, setting := range append(config.SettingsOfEvery(true), config.SettingsOfFile()...) {
		require.NotEmpty(t, said[setting.Key], setting.Key)
	}
}

// ofFile is the generated part of the page about the configuration as a whole.
func ofFile(docs map[string]string) string {
	var text strings.Builder
	for _, part := range []struct{ name, title, about string }{
		{"unmatched", "Results that no sink wants", "[Which sink gets a result](routing.md)."},
		{"dead_letters", "Dead letters", "[When something is wrong](failures.md)."},
		{"acks", "Acks", "How the upstream is told over HTTP: [acks](contract.md#being-acked)."},
		{"http", "Results over HTTP, and the page", "[Results over HTTP](http.md), [the page](page.md)."},
	} {
		fmt.Fprintf(&text, "\n## %s\n\n%s\n\n", part.title, part.about)
		table(&text, slices.DeleteFunc(config.SettingsOfFile(), func(s config.Setting) bool { return s.Name != part.name && !strings.HasPrefix(s.Name, part.name+".") }), docs)
	}
	fmt.Fprintln(&text)
	return text.String()
}

// ofSinks is the generated part of the page about sinks.
func ofSinks(docs map[string]string) string {
	var text strings.Builder
	for _, kind := range all.Kinds() {
		fmt.Fprintf(&text, "\n## %s\n\n%s\n\n", kind.Name, strings.ToUpper(kind.Summary[:1])+kind.Summary[1:]+".")
		table(&text, config.SettingsOf(kind), docs)
	}
	fmt.Fprint(&text, "\n## Settings of every sink\n\nThey stand beside the kind, or under `defaults` for all sinks. Kinds that cross a network begin with the\ndefaults shown here, the others with those that the text names.\n\n")
	table(&text, config.SettingsOfEvery(true), docs)
	fmt.Fprintln(&text)
	return text.String()
}

func table(text *strings.Builder, settings []config.Setting, docs map[string]string) {
	if len(settings) == 0 {
		fmt.Fprintln(text, "It has no settings of its own.")
		return
	}
	fmt.Fprint(text, "| setting | value | default | |\n|---|---|---|---|\n")
	for _, s := range settings {
		standard := s.Default
		if standard != "" {
			standard = "`" + standard + "`"
		}
		said := strings.ReplaceAll(strings.ReplaceAll(docs[s.Key], "|", `\|`), "\n", " ")
		fmt.Fprintf(text, "| `%s` | %s | %s | %s |\n", s.Name, s.Form, standard, said)
	}
}

// link is a reference to a Go name in a comment, which a user of the file has no use for.
var link = regexp.MustCompile(`\[([A-Za-z.]+)\]`)

// comments reads the documentation of every field with a yaml tag in config, and in the packages of kinds.
func comments(t *testing.T) map[string]string {
	t.Helper()
	said := map[string]string{}
	folders, err := filepath.Glob("../*")
	require.NoError(t, err)
	sources, err := filepath.Glob("../../sources/*")
	require.NoError(t, err)
	folders = append(append(folders, sources...), "..", "../../config") // what kinds share stands above them
	for _, folder := range folders {
		files, _ := filepath.Glob(filepath.Join(folder, "*.go"))
		for _, name := range slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") }) {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			require.NoError(t, err)
			maps.Copy(said, commentsIn(file))
		}
	}
	return said
}

func commentsIn(file *ast.File) map[string]string {
	said := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if of, ok := spec.Type.(*ast.StructType); ok {
			for _, field := range of.Fields.List {
				for _, name := range field.Names {
					text := strings.TrimSpace(field.Doc.Text())
					if text == "" || !documented(spec, field) {
						continue
					}
					said[file.Name.Name+"."+spec.Name.Name+"."+name.Name] = link.ReplaceAllString(text, "$1")
				}
			}
		}
		return false
	})
	return said
}

// documented tells the fields of the configuration from others.
func documented(spec *ast.TypeSpec, field *ast.Field) bool {
	tagged := field.Tag != nil && strings.Contains(field.Tag.Value, `yaml:"`) && !strings.Contains(field.Tag.Value, `yaml:"-"`)
	return tagged || spec.Name.Name == "Sink" && len(field.Names) == 1 && field.Names[0].Name == "Aliases"
}
