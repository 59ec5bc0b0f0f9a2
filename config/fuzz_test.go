package config_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever the file holds, it is read or refused, and what was read can be shown and read again.
func FuzzParse(f *testing.F) {
	mistakes, err := os.ReadFile("testdata/mistakes.yaml")
	require.NoError(f, err)
	for _, seed := range []string{
		string(mistakes), shown, "", "a", "- a", "sinks:", "sinks: {a: {stdout: }}", "? a\n: b", "&a [*a]", "<<: *a",
		"sinks: {a: &a {<<: *a}}", "acks: {secret: \"${KEY}\"}", "acks: {secret: $$${KEY}$}", "%YAML 1.2\n---\n", "a: |\n  b\n",
		"sinks: {a: {webhook: {url: 'https://a', headers: {a: !!str 1}}}}", "\ufeff", "{", "*", "!!x", "&", "1d: 2", ">\n>", "{\"000\":0000A,",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		c, err := parse(source, "KEY", "value")
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		var text, again bytes.Buffer
		require.NoError(t, c.Show(&text))
		second, err := parse(text.String(), "KEY", "value")
		require.NoError(t, err, text.String())
		require.NoError(t, second.Show(&again))
		require.Equal(t, text.String(), again.String())
	})
}
