package otlp_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/otlp"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestConfig_EachMistake_NamesTheFieldAndTheRemedyAndNoSecret(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	headers := func(pairs ...string) map[string]config.Secret {
		of := map[string]config.Secret{}
		for i := 0; i < len(pairs); i += 2 {
			of[pairs[i]] = config.NewSecret(pairs[i+1])
		}
		return of
	}
	for _, test := range []struct {
		config        otlp.Config
		field, remedy string
	}{
		{otlp.Config{}, "url", "is missing"},
		{otlp.Config{URL: "collector:4317"}, "url", "has no scheme"},
		{otlp.Config{URL: "//collector:4317"}, "url", "has no scheme"},
		{otlp.Config{URL: "http://collector:4318"}, "url", "otlp:// for gRPC, or otlphttp:// for HTTP"},
		{otlp.Config{URL: "https://collector:4318"}, "url", "otlps:// for gRPC, or otlphttps:// for HTTP"},
		{otlp.Config{URL: "grpcs://collector:4317"}, "url", "otlps:// for gRPC"},
		{otlp.Config{URL: "nats://collector:4317"}, "url", `unknown scheme "nats"`},
		{otlp.Config{URL: "otlp://:4317"}, "url", "names no host"},
		{otlp.Config{URL: "otlp://collector:99999"}, "url", "1 to 65535"},
		{otlp.Config{URL: "otlp://collector:" + secret}, "url", "is not a URL"},
		{otlp.Config{URL: "otlp://me:" + secret + "@collector"}, "url", "set headers"},
		{otlp.Config{URL: "otlp://collector?key=" + secret}, "url", "keys belong into headers"},
		{otlp.Config{URL: "otlp://collector/" + secret}, "url", "gRPC has no paths"},
		{otlp.Config{URL: "otlphttp://collector/otlp/v1/logs/"}, "url", "take it out"},
		{otlp.Config{URL: "otlp://collector", Headers: headers("a b", secret)}, "headers.a b", "not a header name"},
		{otlp.Config{URL: "otlp://collector", Headers: headers("content-type", secret)}, "headers.content-type", "by the protocol itself"},
		{otlp.Config{URL: "otlp://collector", Headers: headers("grpc-timeout", secret)}, "headers.grpc-timeout", "by the protocol itself"},
		{otlp.Config{URL: "otlp://collector", Headers: headers("key-bin", secret)}, "headers.key-bin", "there are texts alone"},
		{otlp.Config{URL: "otlp://collector", Headers: headers("Key", secret, "key", secret)}, "headers.key", "the same header as Key"},
		{otlp.Config{URL: "otlp://collector", Headers: headers("key", secret+"\nx")}, "headers.key", "printable ASCII"},
		{otlp.Config{URL: "otlp://collector", Headers: headers("key", secret+"é")}, "headers.key", "printable ASCII"},
		{otlp.Config{URL: "otlp://collector", Compression: "zstd"}, "compression", "gzip and none are"},
		{otlp.Config{URL: "otlp://collector", Resource: map[string]string{"": "x"}}, "resource", "without a name"},
		{otlp.Config{URL: "otlphttp://collector", TLS: &sinks.TLS{}}, "tls", "make it otlphttps://"},
		{otlp.Config{URL: "otlps://collector", TLS: &sinks.TLS{CA: "missing.pem"}}, "tls.ca", "open missing.pem: no such file"},
		{otlp.Config{URL: "otlps://collector", TLS: &sinks.TLS{ClientCert: empty}}, "tls.client_key", "is missing"},
	} {
		test.config.SetDefaults()
		var fields []string
		test.config.Validate(func(field, problem string) {
			fields = append(fields, field)
			require.Contains(t, problem, test.remedy)
			require.NotContains(t, problem, secret)
		})
		require.Equal(t, []string{test.field}, fields, test.remedy)
		_, err := otlp.New(test.config)
		require.ErrorContains(t, err, "otlp."+test.field+": ")
	}
}

func TestConfig_ExampleOfThePackage_IsAConfiguration(t *testing.T) {
	t.Parallel()
	parsed, err := config.Parse("example.yaml", []byte(sinktest.Example(t, "otlp.go")), []config.Kind{otlp.Kind()},
		func(name string) (string, bool) { return secret, name == "OTLP_KEY" })
	require.NoError(t, err)
	require.Len(t, parsed.Sinks, 1)
	require.True(t, parsed.Sinks[0].Incidents)
	settings := parsed.Sinks[0].Settings.(*otlp.Config)
	require.Equal(t, &otlp.Config{
		URL:         "otlps://collector.example.com:4317",
		Headers:     map[string]config.Secret{"x-api-key": config.NewSecret(secret)},
		Compression: "gzip",
		Resource:    map[string]string{"service.name": "detections", "deployment.environment.name": "production"},
		TLS:         &sinks.TLS{ServerName: "collector.internal"},
	}, settings)
	sink, err := settings.Open(t.Context(), parsed.Sinks[0].Name)
	require.NoError(t, err)
	require.NoError(t, sink.Close(t.Context()))
}

func TestConfig_AFormat_IsRefusedAtItsLine(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"ndjson", "ocsf"} {
		_, err := config.Parse("consign.yaml", []byte("sinks:\n  a:\n    otlp:\n      url: otlp://collector\n      format: "+format+"\n"), []config.Kind{otlp.Kind()},
			func(string) (string, bool) { return "", false })
		require.ErrorContains(t, err, "consign.yaml:5:7: sinks.a.otlp.format: unknown field")
	}
}

func TestConfig_WithoutIncidents_TakesNone(t *testing.T) {
	t.Parallel()
	parsed, err := config.Parse("consign.yaml", []byte("sinks: {a: {otlp: {url: otlp://collector}}}"), []config.Kind{otlp.Kind()},
		func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	require.False(t, parsed.Sinks[0].Incidents)
}
