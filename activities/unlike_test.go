package activities

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
)

func TestDeliver_InAWorkerWithoutTheSink_IsSkippedAndCostsNothing(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetDataConverter(consign.DataConverter())
	a := &Activities{Metrics: NewMetrics(prometheus.NewRegistry()), Log: zap.NewNop()}
	a.Use(new(Current))
	env.RegisterActivityWithOptions(a.Deliver, activity.RegisterOptions{Name: consign.DeliverActivity})
	in := DeliverInput{Sink: "b", Batch: []Item{{}, {}}, Policy: Policy{Inline: true, BestEffort: true}}

	var inline, queued Outcome
	answer, err := env.ExecuteLocalActivity(a.Deliver, in)
	require.NoError(t, err)
	require.NoError(t, answer.Get(&inline))
	require.Equal(t, Outcome{Skipped: noSuchSink}, inline)

	settle := in
	settle.Settle = true
	_, err = env.ExecuteLocalActivity(a.Deliver, settle)
	require.NoError(t, err)

	answer, err = env.ExecuteActivity(consign.DeliverActivity, in)
	require.NoError(t, err)
	require.NoError(t, answer.Get(&queued))
	require.Equal(t, noSuchSink, queued.Skipped)
	require.Zero(t, queued.Made)
	require.Len(t, queued.Failures, 2)
}
