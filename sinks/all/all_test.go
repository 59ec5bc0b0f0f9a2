package all_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/all"
)

func TestKinds_EachIsAFolderAndOpensSinks(t *testing.T) {
	t.Parallel()
	names := make(map[string]bool)
	for _, kind := range all.Kinds() {
		require.False(t, names[kind.Name], "%s is there twice", kind.Name)
		names[kind.Name] = true
		require.NotEmpty(t, kind.Summary, kind.Name)
		require.Implements(t, (*sinks.Settings)(nil), kind.New())
		require.DirExists(t, filepath.Join("..", kind.Name))
	}
}

func TestKinds_WithAnEnvelopeOfTheirOwn_TakeNoFormat(t *testing.T) {
	t.Parallel()
	for kind, settings := range map[string]string{
		"postgres": "url: postgres://db.example.com/results", // its columns
		"webhook":  "url: https://example.com/hook",          // its templates
		"external": "",                                       // its worker
	} {
		_, err := config.Parse("consign.yaml", []byte("sinks:\n  a:\n    "+kind+":\n      format: ocsf\n      "+settings+"\n"), all.Kinds(),
			func(string) (string, bool) { return "", false })
		require.ErrorContains(t, err, `consign.yaml:4:7: sinks.a.`+kind+`.format: unknown field "format"`)
		require.NotContains(t, err.Error(), "\n", "and nothing else is wrong")
	}
}

func TestKinds_ThatMakeFindings_TakeNoDeadLetters(t *testing.T) {
	t.Parallel()
	for kind, settings := range map[string]string{
		"file": "path: a", "stdout": "", "unix": "path: a", "s3": "bucket: detections", "nats": "url: nats://127.0.0.1, subject: a", "kafka": "brokers: [a], topic: a",
	} {
		check := func(format string) error {
			_, err := config.Parse("consign.yaml", []byte("sinks:\n  siem: {"+kind+": {"+format+settings+"}}\ndead_letters: {also_to: [siem]}\n"), all.Kinds(),
				func(string) (string, bool) { return "", false })
			return err
		}
		require.EqualError(t, check("format: ocsf, "), `consign.yaml:3:26: dead_letters.also_to[0]: sink "siem" has the format ocsf, which would make a security finding of each dead letter: name a sink with another format`)
		require.NoError(t, check("format: cloudevents, "), "an envelope around the record")
		require.NoError(t, check("format: ndjson, "))
		require.NoError(t, check(""))
	}
}

func TestKinds_EveryFolderOfASink_IsThere(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"all": true, "formats": true, "sinktest": true}
	for _, kind := range all.Kinds() {
		known[kind.Name] = true
	}
	folders, err := os.ReadDir("..")
	require.NoError(t, err)
	for _, folder := range folders {
		if folder.IsDir() {
			require.True(t, known[folder.Name()], "sinks/%s is not in all.Kinds", folder.Name())
		}
	}
}
