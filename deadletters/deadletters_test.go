package deadletters_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

func TestShow_KeepsTheBytesOfTheData(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	data := `{"b":1.0,"a":"<&\u2028>","a":1e2}`
	id := s.park(t, "odd", data)

	record, err := deadletters.Show(t.Context(), s.temporal, id)
	require.NoError(t, err)
	require.Equal(t, "hook", record.Sink)
	require.Equal(t, consign.StateParked, record.State)
	require.Equal(t, "http 400", record.Label)
	require.Len(t, record.Attempts, 1)
	require.Contains(t, record.Attempts[0].Cause, "the receiver says Bad Request")
	require.Len(t, record.Results, 1)
	require.Equal(t, data, string(record.Results[0].Data))
}

func TestReplay_WhenTheSinkTakesIt_DeliversAndCloses(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.park(t, "1", `1`)
	entry := list(t, s.temporal, deadletters.Filter{Sink: "hook"}, 1)[0]
	require.Equal(t, id, entry.ID)
	require.Equal(t, "1", entry.Header.ID)

	s.status.Store(http.StatusOK)
	require.NoError(t, deadletters.Replay(t.Context(), s.temporal, id, "me@here"))
	require.NoError(t, deadletters.Wait(t.Context(), s.temporal, id))
	require.EqualValues(t, 1, s.taken.Load())

	for _, again := range []error{
		deadletters.Replay(t.Context(), s.temporal, id, "me@here"),
		deadletters.Discard(t.Context(), s.temporal, id, "late", "me@here"),
	} {
		require.ErrorIs(t, again, deadletters.ErrClosed)
		require.ErrorContains(t, again, "replayed")
	}
	list(t, s.temporal, deadletters.Filter{}, 0)
	closed := list(t, s.temporal, deadletters.Filter{Closed: true, State: consign.StateReplayed}, 1)[0]
	require.Equal(t, consign.StateReplayed, closed.State)
	require.False(t, closed.ClosedAt.IsZero())
}

func TestReplay_WhenTheSinkRefusesAgain_WaitSaysWhy(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.park(t, "1", `1`)

	s.status.Store(http.StatusForbidden)
	require.NoError(t, deadletters.Replay(t.Context(), s.temporal, id, ""))
	err := deadletters.Wait(t.Context(), s.temporal, id)
	require.ErrorIs(t, err, deadletters.ErrParked)
	require.ErrorContains(t, err, "the receiver says Forbidden")
	require.Equal(t, "http 403", list(t, s.temporal, deadletters.Filter{Label: "http 403"}, 1)[0].Header.Label)
	list(t, s.temporal, deadletters.Filter{Label: "http 400"}, 0)
}

func TestDiscard_KeepsTheReasonAndWhoGaveIt(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.park(t, "1", `1`)

	require.NoError(t, deadletters.Discard(t.Context(), s.temporal, id, "test data", "me@here"))
	require.NoError(t, s.temporal.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil))
	record, err := deadletters.Show(t.Context(), s.temporal, id)
	require.NoError(t, err)
	require.Equal(t, consign.StateDiscarded, record.State)
	require.Equal(t, "test data (by me@here)", record.Reason)
	require.ErrorIs(t, deadletters.Wait(t.Context(), s.temporal, id), deadletters.ErrClosed)
}

func TestOrders_WhenTheIDIsUnknownOrNoDeadLetter_AreNotSent(t *testing.T) {
	t.Parallel()
	temporal := startTemporal(t)
	// Nobody works on it, so it stays open and would take a signal.
	_, err := temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "consign/a/b", TaskQueue: consign.TaskQueue}, consign.DeliverWorkflow)
	require.NoError(t, err)
	for _, id := range []string{"dead-letter/hook/unknown/1", "consign/a/b", "", "dead-letter", "dead-letter/desk/1\ttwo"} {
		_, err := deadletters.Show(t.Context(), temporal, id)
		require.ErrorIs(t, err, deadletters.ErrNotFound, id)
		require.ErrorIs(t, deadletters.Replay(t.Context(), temporal, id, ""), deadletters.ErrNotFound, id)
		require.ErrorIs(t, deadletters.Discard(t.Context(), temporal, id, "", ""), deadletters.ErrNotFound, id)
		require.ErrorIs(t, deadletters.Wait(t.Context(), temporal, id), deadletters.ErrNotFound, id)
	}
}

func TestWait_WhenTheContextEnds_SaysThatTheReplayGoesOn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.park(t, "1", `1`)
	s.status.Store(http.StatusServiceUnavailable) // the sink's circuit and back-off keep the replay open
	require.NoError(t, deadletters.Replay(t.Context(), s.temporal, id, ""))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, deadletters.Wait(ctx, s.temporal, id), context.Canceled)
}
