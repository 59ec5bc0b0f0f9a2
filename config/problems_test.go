package config_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

var update = flag.Bool("update", false, "renew the files in testdata")

func TestParse_ManyMistakes_AreAllReportedAtOnceWithTheirPlaces(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("testdata/mistakes.yaml")
	require.NoError(t, err)
	_, err = parse(string(source), "EMPTY", "", "MANY", "4711")
	var problems config.Problems
	require.ErrorAs(t, err, &problems)
	if *update {
		require.NoError(t, os.WriteFile("testdata/mistakes.golden", []byte(err.Error()+"\n"), 0o600))
	}
	golden, readErr := os.ReadFile("testdata/mistakes.golden")
	require.NoError(t, readErr)
	require.Equal(t, string(golden), err.Error()+"\n")
	require.NotContains(t, err.Error(), "4711")
}

func TestParse_OneMistake_IsOneClearLine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ source, problem string }{
		"not YAML":             {"sinks:\n  a: b: c\n", `consign.yaml:2:6: not YAML: mapping value is not allowed in this context`},
		"tab":                  {"sinks:\n\ta: {}\n", `consign.yaml:2:1: not YAML: found character '\t' that cannot start any token: indent with spaces, not with tabs`},
		"variable in braces":   {"acks: {secret: ${A}}\n", `consign.yaml:1:17: not YAML: ',' or '}' must be specified: inside { } and [ ], "${NAME}" needs its quotes`},
		"no mapping":           {"hello\n", `consign.yaml:1:1: "hello" is not a mapping with any of defaults, sinks, sources, unmatched, dead_letters, acks, http`},
		"two documents":        {"sinks: {}\n---\nsinks: {}\n", `consign.yaml:3:1: a second document: a file holds one configuration, so remove the line --- before it`},
		"sinks as a list":      {"sinks: [a]\n", `consign.yaml:1:8: sinks: expected a mapping of names to sinks, such as {archive: {file: {path: results.ndjson}}}`},
		"duplicate section":    {"unmatched: ack\nunmatched: ack\n", `consign.yaml:2:1: unmatched: "unmatched" is set already, at line 1: remove one of them`},
		"duplicate sink":       {"sinks:\n  a: {file: }\n  a: {file: }\n", `consign.yaml:3:3: sinks.a: there is a sink of this name already, at line 2: names are unique`},
		"no kind":              {"sinks: {a: {inline: true}}\n", `consign.yaml:1:9: sinks.a: no kind of sink: add one of file, stdout, webhook`},
		"kind without value":   {"sinks: {a: {webhook: }}\n", `consign.yaml:1:13: sinks.a.webhook.url: is required, such as https://example.com/hook`},
		"required, absent":     {"sinks:\n  a:\n    webhook: {port: 1}\n", `consign.yaml:3:5: sinks.a.webhook.url: is required, such as https://example.com/hook`},
		"backoff over default": {"defaults: {retry: {max_backoff: 1s}}\nsinks:\n  a: {file: , retry: {backoff: 2s}}\n", `consign.yaml:3:32: sinks.a.retry.backoff: "2s": must not be more than retry.max_backoff`},
		"default, no sinks":    {"defaults: {batch_max: 0}\n", `consign.yaml:1:23: defaults.batch_max: "0": must be between 1 and 10000`},
		"merge of a text":      {"sinks: {a: {<<: x, file: }}\n", `consign.yaml:1:13: sinks.a: << takes a mapping, an alias of one, or a list of such`},
		"also to, near":        {"sinks: {archive: {file: }}\ndead_letters: {also_to: [archiv]}\n", `consign.yaml:2:26: dead_letters.also_to[0]: unknown sink "archiv" (did you mean "archive"?); allowed: archive`},
		"also to, findings":    {"sinks:\n  siem: {file: {shape: finding}}\ndead_letters:\n  also_to:\n    - siem\n", `consign.yaml:5:7: dead_letters.also_to[0]: sink "siem" makes findings: name another`},
		"also to, a text":      {"dead_letters: {also_to: a}\n", `consign.yaml:1:25: dead_letters.also_to: "a" is not a list such as [a, b]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(test.source)
			require.EqualError(t, err, test.problem)
		})
	}
}

func TestParse_ALongSinkName_IsRefusedFrom64Letters(t *testing.T) {
	t.Parallel()
	_, err := parse("sinks: {" + strings.Repeat("a", 63) + ": {file: }}")
	require.NoError(t, err)
	_, err = parse("sinks: {" + strings.Repeat("a", 64) + ": {file: }}")
	require.ErrorContains(t, err, "at most 63")
}

func TestParse_TooLarge_IsRefused(t *testing.T) {
	t.Parallel()
	_, err := parse("#" + strings.Repeat("a", 1<<20))
	require.ErrorContains(t, err, "at most 1 MiB")
}
