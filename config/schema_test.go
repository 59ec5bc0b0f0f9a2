package config_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

// schemaOf compiles the schema, as an editor that reads the command's output would.
func schemaOf(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := json.Marshal(config.Schema(kinds(), nil))
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("consign.schema.json", document))
	schema, err := compiler.Compile("consign.schema.json")
	require.NoError(t, err)
	return schema
}

// asJSON gives what a validator sees of a file.
func asJSON(t *testing.T, source string) any {
	t.Helper()
	text, err := yaml.YAMLToJSON([]byte(source))
	require.NoError(t, err, source)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err, source)
	return value
}

// right are files that hold every kind of value.
func right() map[string]string {
	return map[string]string{
		"empty":      "{}",
		"no sinks":   "sinks:",
		"every type": `sinks: {a: {webhook: {url: "https://a", secret: "${A}", headers: {X: 1}, wait: 1d2h, factor: 0.5, strict: true, to: [x], port: 1, tls: {name: n}}}}`,
		"secret in a file": "sinks: {a: {webhook: {url: 'https://a', secret: {file: /run/s}}}}\n" +
			"acks: {secret: plain, timeout: 500ms, retry: {max: 3, backoff: 1.5s}, private: false}",
		"every section": "defaults: {timeout: 1m30s, on_full: drop, retry: {jitter: 1}, circuit: {failures: -1}}\n" +
			"sinks: {a: {file: , aliases: [b], inline: false, concurrency: 3}}\nunmatched: park\ndead_letters: {also_to: [a]}\n" +
			"http: {listen: 8088, tokens: ['${A}'], max_body: 1024, read_timeout: 1s}",
		"variables": `{sinks: {a: {file: {path: "${P}"}, concurrency: "${N}", timeout: "${T}", inline: "${I}", on_full: "${F}"}}}`,
	}
}

func TestSchema_TakesWhatIsRight(t *testing.T) {
	t.Parallel()
	schema := schemaOf(t)
	for name, source := range right() {
		require.NoError(t, schema.Validate(asJSON(t, source)), name)
		_, err := parse(source, "A", "plain-secret", "P", "x", "N", "3", "T", "1s", "I", "true", "F", "drop")
		if name != "secret in a file" {
			require.NoError(t, err, name)
		}
	}
}

// TestSchema_RefusesEveryMistakeOfShape goes through mistakes of names and types, each of which Parse refuses too.
func TestSchema_RefusesEveryMistakeOfShape(t *testing.T) {
	t.Parallel()
	schema := schemaOf(t)
	for name, source := range map[string]string{
		"unknown section":       "unmatchd: ack",
		"unknown field":         "defaults: {concurency: 4}",
		"unknown kind":          "sinks: {a: {webhok: {url: x}}}",
		"unknown kind's field":  "sinks: {a: {file: {pth: x}}}",
		"unknown nested field":  "sinks: {a: {webhook: {url: 'https://a', tls: {nam: x}}}}",
		"two kinds":             "sinks: {a: {stdout: , file: }}",
		"no kind":               "sinks: {a: {inline: true}}",
		"a sink that is a list": "sinks: {a: [1]}",
		"sinks as a list":       "sinks: [a]",
		"a name":                "sinks: {Big_: {file: }}",
		"one of ours":           "sinks: {_none: {file: }}",
		"a list for a text":     "sinks: {a: {file: {path: [x]}}}",
		"a mapping for a list":  "dead_letters: {also_to: {a: b}}",
		"a text for a list":     "dead_letters: {also_to: a}",
		"a list for a mapping":  "sinks: {a: {webhook: {url: 'https://a', headers: [x]}}}",
		"a text for a number":   "sinks: {a: {webhook: {url: 'https://a', factor: much}}}",
		"a quoted number":       `sinks: {a: {file: , queue_depth: "9"}}`,
		"a fraction":            "sinks: {a: {file: , concurrency: 1.5}}",
		"a number for a truth":  "sinks: {a: {file: , inline: 1}}",
		"a quoted truth":        `sinks: {a: {file: , inline: "true"}}`,
		"a number for a time":   "acks: {timeout: 1}",
		"no unit":               "acks: {timeout: '5 minutes'}",
		"less than nothing":     "acks: {timeout: -5s}",
		"an unknown choice":     "unmatched: pak",
		"a choice of a sink":    "sinks: {a: {file: , on_full: blok}}",
		"no secret's file":      "acks: {secret: {fil: x}}",
		"a list for a secret":   "acks: {secret: [x]}",
	} {
		require.Error(t, schema.Validate(asJSON(t, source)), name)
		_, err := parse(source)
		require.Error(t, err, name)
	}
}

func TestSchema_SaysWhatIsSaidOfASetting(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(config.Schema(kinds(), map[string]string{"config.Delivery.Timeout": "Of one attempt.", "config_test.hook.URL": "Where to."}))
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(text), "Of one attempt."), "for a sink, and in defaults")
	require.Equal(t, 1, strings.Count(string(text), "Where to."))
}

func TestSettingsOf_NamesEachAsInTheFile(t *testing.T) {
	t.Parallel()
	kind := kinds()[2]
	byName := map[string]config.Setting{}
	for _, setting := range config.SettingsOf(kind) {
		byName[setting.Name] = setting
	}
	require.Equal(t, []string{"factor", "headers", "host", "port", "secret", "strict", "tls.name", "to", "url", "wait"}, slices.Sorted(maps.Keys(byName)))
	require.Equal(t, config.Setting{Name: "wait", Form: "a duration such as 10s, 1m30s or 2d", Default: "1s", Key: "config_test.hook.Wait"}, byName["wait"])
	require.Equal(t, "true", byName["strict"].Default)
	for _, setting := range config.SettingsOfEvery(true) {
		byName[setting.Name] = setting
	}
	require.Equal(t, "12", byName["retry.max"].Default)
	require.Equal(t, "one of block, drop", byName["on_full"].Form)
}
