package config_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

// Whatever the file holds, it is read, and what was read can be shown and read again; or it is refused,
// each mistake in one line that names its place in the file. What came through a variable is in neither.
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
		const secret = "tH3-s3cret-V4lue"
		c, err := parse(source, "KEY", secret)
		if err != nil {
			checkProblems(t, source, err)
			require.NotContains(t, err.Error(), secret)
			return
		}
		var text, again bytes.Buffer
		require.NoError(t, c.Show(&text))
		require.NotContains(t, text.String(), secret)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", c, c, c), secret)
		second, err := parse(text.String(), "KEY", secret)
		require.NoError(t, err, text.String())
		require.NoError(t, second.Show(&again))
		require.Equal(t, text.String(), again.String())
	})
}

func checkProblems(t *testing.T, source string, err error) {
	t.Helper()
	var problems config.Problems
	require.ErrorAs(t, err, &problems)
	require.NotEmpty(t, problems)
	lines := strings.Count(source, "\n") + strings.Count(source, "\r") + 1 // a carriage return ends a line in YAML
	for _, problem := range problems {
		require.NotEmpty(t, problem.Message)
		require.True(t, utf8.ValidString(problem.Message), "%q", problem.Message)
		require.NotContains(t, problem.Message, "\n")
		if problem.Line == 0 {
			require.Contains(t, problem.Message, "YAML", "only what is none has no place")
			continue
		}
		require.LessOrEqual(t, problem.Line, lines+1)
		require.Positive(t, problem.Column)
	}
}
