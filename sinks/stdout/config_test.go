package stdout_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/formats"
	"github.com/consign-dev/consign/sinks/sinktest"
	"github.com/consign-dev/consign/sinks/stdout"
)

func TestConfig_ExampleOfThePackage_IsRead(t *testing.T) {
	t.Parallel()
	example := sinktest.Example(t, "stdout.go")
	read, err := config.Parse("consign.yaml", []byte(example), []config.Kind{stdout.Kind()}, noVariables)
	require.NoError(t, err)
	require.Len(t, read.Sinks, 1)
	require.Equal(t, "console", read.Sinks[0].Name)
	require.Equal(t, &stdout.Config{Stream: stdout.Stdout, Format: formats.NDJSON}, read.Sinks[0].Settings)
}

func TestConfig_NothingSet_PrintsToStdout(t *testing.T) {
	t.Parallel()
	read, err := config.Parse("consign.yaml", []byte("sinks: {console: {stdout: {}}}"), []config.Kind{stdout.Kind()}, noVariables)
	require.NoError(t, err)
	require.Equal(t, &stdout.Config{Stream: "stdout", Format: formats.NDJSON}, read.Sinks[0].Settings)
}

func TestConfig_UnknownStreamAndFormat_AreReported(t *testing.T) {
	t.Parallel()
	settings := &stdout.Config{Stream: "stdlog", Format: "ndjason"}
	var reports []string
	settings.Validate(func(field, problem string) { reports = append(reports, field+" "+problem) })
	require.Equal(t, []string{
		`stream "stdlog" is no stream: stdout and stderr are`,
		`format "ndjason": expected one of ndjson, ocsf, cloudevents (did you mean "ndjson"?)`,
	}, reports)
	_, err := stdout.New(*settings)
	require.ErrorContains(t, err, "stdlog")
}

func noVariables(string) (string, bool) { return "", false }
