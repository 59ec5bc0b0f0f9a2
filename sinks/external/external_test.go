package external_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/external"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestConfig_ExampleOfThePackage_IsReadAndNeverInline(t *testing.T) {
	t.Parallel()
	read, err := config.Parse("consign.yaml", []byte(sinktest.Example(t, "external.go")), []config.Kind{external.Kind()}, noVariables)
	require.NoError(t, err)
	require.Len(t, read.Sinks, 1)
	require.True(t, read.Sinks[0].External)
	require.False(t, *read.Sinks[0].Inline)
	require.Equal(t, 12, *read.Sinks[0].Retry.Max, "as for a kind that crosses a network")
}

// Only a worker that Consign has not can deliver to it, so the suite of sinktest says nothing here.
func TestDeliver_InConsignsOwnWorker_FailsTransientlyAndSaysWhy(t *testing.T) {
	t.Parallel()
	sink, err := new(external.Config).Open(t.Context(), "partner")
	require.NoError(t, err)
	errs := sink.Deliver(t.Context(), make([]sinks.Delivery, 2))
	require.Len(t, errs, 2)
	require.Equal(t, sinks.Failure{Message: "sink partner is served by a worker of its own", Label: "external"}, sinks.Classify(errs[1]))
	require.NoError(t, sink.Close(t.Context()))
}

func noVariables(string) (string, bool) { return "", false }
