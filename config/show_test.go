package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

const shown = `
defaults: {timeout: "${TIMEOUT}"}
sinks:
  archive: {file: {path: "a: $$b #c"}}
  null: {stdout: }
  slack:
    webhook:
      url: https://${TOKEN}@example.com
      secret: {file: "${DIR}/secret"}
      headers: {X-Key: "${KEY}", "<<": "yes", "a b": "line\nline\u2028", c: "\u00e9 ' \\ / \t 5"}
      to: ["0x1", "1", "true", "${KEY}"]
      port: ${PORT}
    retry: {max: 0, backoff: 1m, jitter: 0}
    batch_flush: 1s
    circuit: {failures: -1}
dead_letters: {also_to: ["null"]}
acks: {secret: "${KEY}"}
http: {listen: "127.0.0.1:${PORT}", tokens: ["${KEY}"]}
`

func parseShown(t *testing.T, source, dir string) *config.Config {
	t.Helper()
	c, err := parse(source, "TIMEOUT", "1h30m", "TOKEN", "t0k$3n", "DIR", dir, "KEY", "th3k3y", "PORT", "8080")
	require.NoError(t, err)
	return c
}

func secretDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("f1l3\n"), 0o600))
	return dir
}

func TestShow_ReadAgain_IsTheSameConfiguration(t *testing.T) {
	t.Parallel()
	dir := secretDir(t)
	c := parseShown(t, shown, dir)
	var text, object bytes.Buffer
	require.NoError(t, c.Show(&text))
	require.NoError(t, c.ShowJSON(&object))
	require.True(t, json.Valid(object.Bytes()))
	for name, source := range map[string]string{"YAML": text.String(), "JSON": object.String()} {
		again := parseShown(t, source, dir)
		require.Equal(t, c.Sinks, again.Sinks, name)
		require.Equal(t, c.Unmatched, again.Unmatched, name)
		require.Equal(t, c.DeadLetters, again.DeadLetters, name)
		require.Equal(t, c.Acks, again.Acks, name)
		require.Equal(t, c.HTTP, again.HTTP, name)
		var second bytes.Buffer
		require.NoError(t, again.Show(&second))
		require.Equal(t, text.String(), second.String(), name)
	}
}

func TestShow_Golden(t *testing.T) {
	t.Parallel()
	c := parseShown(t, shown, secretDir(t))
	var text bytes.Buffer
	require.NoError(t, c.Show(&text))
	if *update {
		require.NoError(t, os.WriteFile("testdata/show.golden", text.Bytes(), 0o600))
	}
	golden, err := os.ReadFile("testdata/show.golden")
	require.NoError(t, err)
	require.Equal(t, string(golden), text.String())
}

func TestConfig_InNoPrint_ShowsSecretsOrVariables(t *testing.T) {
	t.Parallel()
	dir := secretDir(t)
	c := parseShown(t, shown, dir)
	var prints []string
	for _, value := range []any{c, *c, c.Sinks, c.Sinks[2], &c.Sinks[2], c.Acks, struct{ C *config.Config }{c}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			prints = append(prints, fmt.Sprintf(verb, value))
		}
	}
	for _, value := range []any{c, *c, c.Sinks, &c.Sinks[2]} {
		asJSON, err := json.Marshal(value)
		require.NoError(t, err)
		prints = append(prints, string(asJSON))
	}
	for _, printed := range prints {
		for _, secret := range []string{"t0k$3n", "t0k$$3n", "th3k3y", "f1l3", dir} {
			require.NotContains(t, printed, secret)
		}
	}
}

func TestShow_LiteralSecret_IsMaskedAndSaidSo(t *testing.T) {
	t.Parallel()
	c, err := parse("acks: {secret: hunter2}\n")
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, c.Show(&text))
	require.NotContains(t, text.String(), "hunter2")
	require.Contains(t, text.String(), "# •••• stands for a secret that is written in the file itself")
	again, err := parse(text.String())
	require.NoError(t, err)
	require.Equal(t, "••••", again.Acks.Secret.Reveal())
}
