package consign

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/api/serviceerror"
)

func TestSubmitter_DataThatTemporalHolds_IsHeldHereNoLonger(t *testing.T) {
	t.Parallel()
	s := &Submitter{unstored: 1, open: 1}
	s.changed = sync.NewCond(&s.mu)
	i := &item{span: trace.SpanFromContext(t.Context()), entry: Entry{Result: Result{Source: "s", ID: "1", Data: json.RawMessage(`"large"`)}}}
	i.Stored = func(where Stored, err error) {
		require.NoError(t, err)
		require.Equal(t, "1", where.ID)
	}
	s.stored(&consigned{Handle: &Handle{}, items: []*item{i}})
	require.Nil(t, i.entry.Data)
	require.Zero(t, s.unstored)
	require.Equal(t, 1, s.open)
}

func TestPace_WaitsLongerInAFlood_AndNotForADeadSink(t *testing.T) {
	t.Parallel()
	var p pace
	require.Equal(t, promptly, p.patience())
	for range 10 {
		p.learn(10*time.Millisecond, true)
	}
	require.Equal(t, promptly, p.patience(), "an idle system")
	for range 10 {
		p.learn(400*time.Millisecond, true)
	}
	require.InDelta(t, 1600*time.Millisecond, p.patience(), float64(10*time.Millisecond))
	for range 10 {
		p.learn(time.Minute, true)
	}
	require.Equal(t, lessPromptly, p.patience())
	p.took.Store(int64(400 * time.Millisecond))
	for range 5 {
		p.learn(time.Minute, false)
	}
	require.Equal(t, promptly, p.patience(), "a dead sink")
}

// TestSubmitError_OfAWorkflowThatFails_SaysThatTheResultIsStoredAndWhatToDo is about a duplicate whose ack the first
// one's workflow cannot be asked for, as its tasks fail.
func TestSubmitError_OfAWorkflowThatFails_SaysThatTheResultIsStoredAndWhatToDo(t *testing.T) {
	t.Parallel()
	broken := serviceerror.NewWorkflowNotReady("Unable to perform workflow execution update due to Workflow Task in failed state.")
	err := submitError(Result{Source: "s", ID: "1"}, broken)
	require.ErrorIs(t, err, broken)
	require.NotErrorIs(t, err, ErrUnreachable, "one workflow is not all of Temporal")
	require.ErrorContains(t, err, "s/1: it is stored, by an earlier submission")
	require.ErrorContains(t, err, "submit it again with the same id")
}
