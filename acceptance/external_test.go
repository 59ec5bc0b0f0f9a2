package acceptance

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/consign-dev/consign"
)

// foreign serves the sink "ts" with a bare Temporal worker, which knows of Consign the name of a task
// queue and that of an activity.
func (s *stage) foreign(deliver func(ctx context.Context, in json.RawMessage) (any, error)) {
	s.Helper()
	w := worker.New(s.temporal, "consign.ts", worker.Options{DisableWorkflowWorker: true})
	w.RegisterActivityWithOptions(deliver, activity.RegisterOptions{Name: "deliver"})
	require.NoError(s, w.Start())
	s.Cleanup(w.Stop)
}

// metric is a line of the worker's metrics, after its name and labels.
func (s *stage) metric(series string) string {
	page := httptest.NewRecorder()
	promhttp.HandlerFor(s.worker.Registry(), promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	for line := range strings.Lines(page.Body.String()) {
		if after, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(after)
		}
	}
	return "absent"
}

func TestExternal_NobodyAsks_ItWaitsIsSeenAndIsNotLost(t *testing.T) {
	t.Parallel()
	s := perform(t, externalSink)
	waiting, given := s.submit("waits", `{}`), s.submit("given up", `{}`)
	first, err := waiting.FirstAttempts(s.ctx)
	require.NoError(t, err)
	require.False(t, first.Committed, "its only leg is in the queue")
	s.eventually(func() bool { return s.metric(`consign_queue_backlog{sink="ts"}`) == "2" }, "two attempts wait")
	require.Equal(t, "0", s.metric(`consign_queue_pollers{sink="ts"}`))
	description, err := s.temporal.DescribeWorkflowExecution(s.ctx, waiting.WorkflowID(), "")
	require.NoError(t, err)
	require.Len(t, description.GetPendingActivities(), 1)

	// Cancelling parks what nobody takes.
	require.NoError(t, s.temporal.CancelWorkflow(s.ctx, given.WorkflowID(), ""))
	receipt := s.wait(given)
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	require.Equal(t, "cancelled", s.record(receipt.Legs[0].DeadLetter).Label)

	// A worker that comes takes what has waited, and what is replayed.
	s.foreign(func(context.Context, json.RawMessage) (any, error) { return nil, nil })
	require.Equal(t, consign.Delivered, s.wait(waiting).Legs[0].Outcome)
	require.Equal(t, "1", s.metric(`consign_queue_pollers{sink="ts"}`))
	s.signal(receipt.Legs[0].DeadLetter, consign.ReplaySignal, nil)
	require.Equal(t, consign.StateReplayed, s.closed(receipt.Legs[0].DeadLetter).State)
}

// A worker need not know what an outcome looks like: nothing returned means delivered, and an error's
// type and message are the cause.
func TestExternal_WorkerThatKnowsNoOutcome_RetriesAndParks(t *testing.T) {
	t.Parallel()
	s := perform(t, externalSink)
	s.foreign(func(_ context.Context, in json.RawMessage) (any, error) {
		switch {
		case strings.Contains(string(in), `"id":"fails"`):
			return nil, errors.New("no luck")
		case strings.Contains(string(in), `"id":"refused"`):
			return nil, temporal.NewNonRetryableApplicationError("never that", "bad request", nil)
		}
		return nil, nil
	})
	require.Equal(t, consign.Delivered, s.wait(s.submit("taken", `{}`)).Legs[0].Outcome)
	fails := s.wait(s.submit("fails", `{}`)).Legs[0]
	require.Equal(t, consign.Parked, fails.Outcome)
	require.Equal(t, "no luck", fails.Cause)
	require.Equal(t, 3, fails.Attempts)
	refused := s.wait(s.submit("refused", `{}`)).Legs[0]
	require.Equal(t, consign.Parked, refused.Outcome)
	record := s.record(refused.DeadLetter)
	require.Equal(t, "bad request", record.Label)
	require.Equal(t, "never that", record.Cause)
}

func TestExternal_BestEffort_DropsWhatFindsTheGateFull(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  ts: {external: {}, on_full: drop, queue_depth: 1, concurrency: 1}\n")
	var handles []*consign.Handle
	for _, id := range []string{"a", "b", "c"} {
		handle := s.submit(id, `{}`)
		_, err := handle.FirstAttempts(s.ctx)
		require.NoError(t, err)
		handles = append(handles, handle)
	}
	require.Equal(t, consign.Dropped, s.wait(handles[2]).Legs[0].Outcome)
	s.foreign(func(context.Context, json.RawMessage) (any, error) { return nil, nil })
	require.Equal(t, consign.Delivered, s.wait(handles[0]).Legs[0].Outcome)
	require.Equal(t, consign.Delivered, s.wait(handles[1]).Legs[0].Outcome)
}
