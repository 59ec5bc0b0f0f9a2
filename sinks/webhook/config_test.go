package webhook

import (
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

func TestConfig_EachMistake_NamesTheFieldAndTheRemedyAndNoSecret(t *testing.T) {
	t.Parallel()
	const good = "https://example.com/" + password
	for _, test := range []struct {
		config        Config
		field, remedy string
	}{
		{Config{}, "url", "is missing"},
		{Config{URL: "htps://example.com/" + password}, "url", `unknown scheme "htps" (did you mean https?)`},
		{Config{URL: "htpp://example.com/" + password}, "url", `(did you mean http?)`},
		{Config{URL: "ftp://example.com/" + password}, "url", "speaks https and http"},
		{Config{URL: "example.com/" + password}, "url", "begin it with https://"},
		{Config{URL: "localhost:8080/" + password}, "url", "begin it with https://"},
		{Config{URL: "https:///" + password}, "url", "names no host"},
		{Config{URL: "https://:80/" + password}, "url", "names no host"},
		{Config{URL: "https://example.com:99999/" + password}, "url", "1 to 65535"},
		{Config{URL: "https://example.com:" + password + "/"}, "url", "is not a URL"},
		{Config{URL: "https://example.com/%zz" + password}, "url", "is not a URL"},
		{Config{URL: "https://me:" + password + "@example.com/"}, "url", "Authorization"},
		{Config{URL: good, Secret: config.NewSecret("whsec_" + password + "!")}, "secret", "not base64"},
		{Config{URL: good, Secret: config.NewSecret("whsec_c2hvcnQ=")}, "secret", "holds 5 bytes"},
		{Config{URL: good, Secret: config.NewSecret(password)}, "secret", "openssl"},
		{Config{URL: good, Secret: config.NewSecret("whsk_c2hvcnQ=")}, "secret", "ed25519"},
		{Config{URL: good, Headers: map[string]config.Secret{"webhook-ID": config.NewSecret(bearer)}}, "headers.webhook-ID", "Consign itself"},
		{Config{URL: good, Headers: map[string]config.Secret{"host": config.NewSecret(bearer)}}, "headers.host", "Consign itself"},
		{Config{URL: good, Headers: map[string]config.Secret{"bad name": config.NewSecret(bearer)}}, "headers.bad name", "not a header name"},
		{Config{URL: good, Headers: map[string]config.Secret{"X-A": config.NewSecret(bearer + "\n")}}, "headers.X-A", "line break"},
		{Config{URL: good, Headers: map[string]config.Secret{"X-A": config.NewSecret(bearer), "x-a": config.NewSecret(bearer)}}, "headers.x-a", "X-A"},
	} {
		var fields []string
		test.config.Validate(func(field, problem string) {
			fields = append(fields, field)
			require.Contains(t, problem, test.remedy)
			for _, secret := range []string{password, bearer, key} {
				require.NotContains(t, problem, secret)
			}
		})
		require.Equal(t, []string{test.field}, fields, test.remedy)
		_, err := New(test.config)
		require.ErrorContains(t, err, "webhook."+test.field+": ")
	}
}

func TestConfig_ExampleOfThePackage_IsAConfiguration(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "webhook.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	require.NoError(t, err)
	var example strings.Builder
	_, doc, _ := strings.Cut(file.Doc.Text(), "\n\n")
	for line := range strings.Lines(doc) {
		code, indented := strings.CutPrefix(line, "\t")
		if !indented {
			break // what comes further down is no configuration
		}
		example.WriteString(code)
	}
	environment := map[string]string{"SLACK_URL": "https://example.com/" + password, "SLACK_SECRET": key, "SLACK_TOKEN": bearer, "TICKETS_SECRET": clientSecret}
	parsed, err := config.Parse("example.yaml", []byte(example.String()), []config.Kind{Kind()}, func(name string) (string, bool) {
		value, found := environment[name]
		return value, found
	})
	require.NoError(t, err)
	require.Len(t, parsed.Sinks, 2)
	require.Equal(t, "webhook", parsed.Sinks[0].Kind)
	settings := parsed.Sinks[0].Settings.(*Config)
	require.Equal(t, environment["SLACK_URL"], settings.URL)
	require.Equal(t, key, settings.Secret.Reveal())
	require.Equal(t, "Bearer "+bearer, settings.Headers["Authorization"].Reveal())
	for _, one := range parsed.Sinks {
		sink, err := one.Settings.(*Config).Open(t.Context(), one.Name)
		require.NoError(t, err)
		require.NoError(t, sink.Close(t.Context()))
	}
}

func TestConfig_ExamplesInTheDocumentation_AreConfigurations(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/webhook.md")
	require.NoError(t, err)
	blocks := strings.Split(string(page), "```yaml\n")[1:]
	require.Len(t, blocks, 3)
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		parsed, err := config.Parse("docs/webhook.md", []byte(block), []config.Kind{Kind()}, func(string) (string, bool) { return key, true })
		require.NoError(t, err, block)
		for _, one := range parsed.Sinks {
			sink, err := one.Settings.(*Config).Open(t.Context(), one.Name)
			require.NoError(t, err)
			require.NoError(t, sink.Close(t.Context()))
		}
	}
}
