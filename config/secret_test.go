package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

func TestSecret_InNoPrint_ShowsItself(t *testing.T) {
	t.Parallel()
	secret := config.NewSecret("hunter2")
	type exported struct {
		S config.Secret `json:"s"`
	}
	type hidden struct{ s config.Secret }
	for _, value := range []any{
		secret, &secret,
		exported{secret},
		&exported{secret},
		hidden{secret},
		&hidden{secret},
		[]config.Secret{secret},
		map[string]config.Secret{"a": secret},
		[]any{hidden{secret}},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			printed := fmt.Sprintf(verb, value)
			require.NotContains(t, printed, "hunter2", verb)
			require.NotContains(t, strings.ToLower(printed), "68756e74657232", verb)
		}
		asJSON, err := json.Marshal(value)
		require.NoError(t, err)
		require.NotContains(t, string(asJSON), "hunter2")
		asYAML, err := yaml.Marshal(value)
		require.NoError(t, err)
		require.NotContains(t, string(asYAML), "hunter2")
	}
	asJSON, err := json.Marshal(exported{secret})
	require.NoError(t, err)
	require.JSONEq(t, `{"s":"••••"}`, string(asJSON))
	require.Equal(t, "••••", secret.String())
	require.Equal(t, "hunter2", secret.Reveal())
}

func TestSecret_Empty_IsZeroAndPrintsNothing(t *testing.T) {
	t.Parallel()
	require.Equal(t, config.Secret{}, config.NewSecret(""))
	require.True(t, config.Secret{}.IsZero())
	require.False(t, config.NewSecret("x").IsZero())
	require.Empty(t, config.Secret{}.String())
	require.Empty(t, config.Secret{}.Reveal())
}

func TestParse_SecretFile_LosesOneLineBreakAndNothingElse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	for content, want := range map[string]string{"x": "x", "x\n": "x", "x\r\n": "x", "x\n\n": "x\n", "\tx \n": "\tx ", "$y${Z}\n": "$y${Z}"} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		c, err := parse(`acks: {secret: {file: "${DIR}/secret"}}`, "DIR", filepath.Dir(path))
		require.NoError(t, err)
		require.Equal(t, want, c.Acks.Secret.Reveal())
	}
	for content, problem := range map[string]string{"\n": "it is empty", strings.Repeat("x", 64<<10+1): "it is larger than 64 KiB"} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := parse(`acks: {secret: {file: "${DIR}/secret"}}`, "DIR", filepath.Dir(path))
		require.ErrorContains(t, err, `consign.yaml:1:23: acks.secret: read the secret from file "${DIR}/secret": `+problem)
		require.NotContains(t, err.Error(), filepath.Dir(path))
	}
}

// What came through a variable, or is a secret, is in no error, whatever the mistake is.
func TestParse_Errors_ShowValuesAsTheFileHasThem(t *testing.T) {
	t.Parallel()
	const leak = "s3cr3t-w0rd"
	for name, source := range map[string]string{
		"validated by the kind":              `sinks: {a: {webhook: {url: "${X}"}}}`,
		"part of a text":                     `sinks: {a: {webhook: {url: "htps://h/${X}"}}}`,
		"unquoted by the kind":               `sinks: {a: {webhook: {url: "https://h", headers: {a.b: "${X}"}}}}`,
		"number":                             `sinks: {a: {webhook: {url: "https://h", port: "${X}"}}}`,
		"duration":                           `sinks: {a: {file: , timeout: "${X}"}}`,
		"truth value":                        `sinks: {a: {file: , inline: "${X}"}}`,
		"one of":                             `sinks: {a: {file: , on_full: "${X}"}}`,
		"unmatched":                          `unmatched: "${X}"`,
		"sink":                               `dead_letters: {also_to: ["${X}"]}`,
		"secret file":                        `acks: {secret: {file: "/nonexistent/${X}"}}`,
		"literal secret, list":               `acks: {secret: [` + leak + `]}`,
		"literal secret, wrong":              `acks: {secret: {s3cr3t: ` + leak + `}}`,
		"literal secret, bad $":              `acks: {secret: "` + leak + `${"}`,
		"literal secret, syntax":             "acks:\n  secret: " + leak + ": " + leak,
		"literal secret, quoted by the kind": `sinks: {a: {webhook: {url: "https://h", secret: ` + leak + `, headers: {a.b: "${X}"}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(source, "X", leak)
			require.Error(t, err)
			require.NotContains(t, err.Error(), leak)
		})
	}
	_, err := parse(`sinks: {a: {webhook: {url: "${X}"}}}`, "X", "htps://hooks/T0/B0")
	require.EqualError(t, err, `consign.yaml:1:28: sinks.a.webhook.url: "${X}": unknown scheme "••••"`)
	_, err = parse(`sinks: {a: {webhook: {url: "htps://h/${X}"}}}`, "X", leak)
	require.EqualError(t, err, `consign.yaml:1:28: sinks.a.webhook.url: "htps://h/${X}": unknown scheme "htps"`)
}

// It counts allocations, which must not run beside other tests.
func TestRedact_DoesNotLookForTheSecretsAnewWithEachText(t *testing.T) {
	var source strings.Builder
	source.WriteString("sinks:\n")
	for i := range 50 {
		fmt.Fprintf(&source, "  s%d: {webhook: {url: 'https://a', secret: 'secret number %d'}}\n", i, i)
	}
	c, err := parse(source.String())
	require.NoError(t, err)
	require.NotContains(t, c.Redact("answered 503: secret number 7"), "secret number")
	require.Less(t, testing.AllocsPerRun(100, func() { c.Redact("answered 503") }), 10.0)
}
