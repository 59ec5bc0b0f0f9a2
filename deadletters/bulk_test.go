package deadletters_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

// parkAll parks so many, and waits until they are listed.
func (s *stage) parkAll(t *testing.T, n int) {
	t.Helper()
	handles := make([]*consign.Handle, n)
	for i := range n {
		var err error
		handles[i], err = s.client.Submit(t.Context(), consign.Result{Source: "test", ID: fmt.Sprint(i), Type: "scan", Data: fmt.Appendf(nil, `{"severity":%d}`, i%10)})
		require.NoError(t, err)
	}
	for _, handle := range handles {
		_, err := handle.Wait(t.Context())
		require.NoError(t, err)
	}
	list(t, s.temporal, deadletters.Filter{}, n)
}

// carryOut orders something and waits until it is over.
func (s *stage) carryOut(t *testing.T, b deadletters.Bulk) deadletters.Progress {
	t.Helper()
	b.By = "kim@ops"
	id, err := deadletters.StartBulk(t.Context(), s.temporal, b)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // a slow machine may take a second for one
	defer cancel()
	p, err := deadletters.WaitBulk(ctx, s.temporal, id, func(deadletters.Progress) {})
	require.NoError(t, err)
	require.Equal(t, id, p.ID)
	require.Equal(t, b.Filter.Sink, p.Order.Filter.Sink)
	return p
}

func TestBulk_OfMany_ReplaysWhatIsSelectedAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	parked := 250 // more than a page
	if testing.Short() {
		parked = 60
	}
	tenth := parked / 10
	s.parkAll(t, parked)

	p := s.carryOut(t, deadletters.Bulk{Act: deadletters.ActReplay, Filter: deadletters.Filter{Where: "data.severity == 3"}})
	require.Equal(t, deadletters.BulkDone, p.State)
	require.Equal(t, []int{tenth, 0, tenth, 0}, []int{p.Ordered, p.Done, p.Failed, p.Skipped}, "the sink refuses still")
	require.Len(t, p.Failures, min(tenth, 20))
	require.Contains(t, p.Failures[0].Cause, "the receiver says Bad Request")

	s.status.Store(http.StatusOK)
	p = s.carryOut(t, deadletters.Bulk{Act: deadletters.ActReplay, Filter: deadletters.Filter{Where: "data.severity == 3"}})
	require.Equal(t, []int{tenth, tenth, 0, 0}, []int{p.Ordered, p.Done, p.Failed, p.Skipped})
	require.EqualValues(t, tenth, s.taken.Load())

	p = s.carryOut(t, deadletters.Bulk{Act: deadletters.ActReplay, Filter: deadletters.Filter{Sink: "hook", Limit: 5}})
	require.Equal(t, 5, p.Done)
	p = s.carryOut(t, deadletters.Bulk{Act: deadletters.ActDiscard, Reason: "test data", Filter: deadletters.Filter{Where: "data.severity < 3"}})
	require.Equal(t, p.Ordered, p.Done)
	require.Positive(t, p.Done)
	require.EqualValues(t, tenth+5, s.taken.Load())
	left := p.Done
	p = s.carryOut(t, deadletters.Bulk{Act: deadletters.ActReplay, Filter: deadletters.Filter{Where: "type != '" + strings.Repeat(`"ü`, 1000) + "'"}})
	require.Equal(t, parked-tenth-5-left, p.Done)
	require.EqualValues(t, tenth+5+p.Done, s.taken.Load(), "each once")
	list(t, s.temporal, deadletters.Filter{}, 0)
	for entry, err := range deadletters.List(t.Context(), s.temporal, deadletters.Filter{State: consign.StateDiscarded, Closed: true, Limit: 1}) {
		require.NoError(t, err)
		record, err := deadletters.Show(t.Context(), s.temporal, entry.ID)
		require.NoError(t, err)
		require.Equal(t, "test data (by kim@ops)", record.Reason)
	}
	var orders []string
	for order, err := range deadletters.Bulks(t.Context(), s.temporal, 0) {
		require.NoError(t, err)
		orders = append(orders, order.Order.Words())
	}
	require.Contains(t, orders, "replay of dead letters, where data.severity == 3")
}

func TestBulk_WithARate_BeginsNoFaster_AndCancelledBeginsNothingMore(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.parkAll(t, 40)
	s.status.Store(http.StatusOK)
	id, err := deadletters.StartBulk(t.Context(), s.temporal, deadletters.Bulk{Act: deadletters.ActReplay, Rate: 2})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.taken.Load() >= 2 }, patience, 10*time.Millisecond)
	require.NoError(t, deadletters.CancelBulk(t.Context(), s.temporal, id))
	p, err := deadletters.WaitBulk(t.Context(), s.temporal, id, func(deadletters.Progress) {})
	require.NoError(t, err)
	require.Equal(t, deadletters.BulkCancelled, p.State)
	require.Less(t, p.Ordered, 40)
	require.ErrorIs(t, deadletters.CancelBulk(t.Context(), s.temporal, id), deadletters.ErrClosed)
}

// What is closed is listed no more, so whoever goes on knows of it only from what was kept.
func TestCarrier_AfterACrash_CountsWhatWasDoneSinceItKeptHowFarItWas(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const letters = 40
	s.parkAll(t, letters)
	s.status.Store(http.StatusOK)
	var kept deadletters.Checkpoint
	crash, fail := context.WithCancel(t.Context())
	defer fail()
	first := &deadletters.Carrier{
		Temporal: s.temporal, ID: "bulk/test", Order: deadletters.Bulk{Act: deadletters.ActReplay, Rate: 50},
		Keep: func(_ context.Context, at deadletters.Checkpoint) { kept = at },
	}
	over := make(chan error, 1)
	go func() { over <- first.Carry(crash, deadletters.Checkpoint{}) }()
	require.Eventually(t, func() bool { return first.Checkpoint().Progress.Done >= 10 }, patience, time.Millisecond)
	fail()
	require.ErrorIs(t, <-over, context.Canceled)

	second := &deadletters.Carrier{Temporal: s.temporal, ID: "bulk/test", Order: first.Order}
	second.Order.Rate = 0
	require.NoError(t, second.Carry(t.Context(), kept))
	p := second.Checkpoint().Progress
	require.Equal(t, []int{letters, letters, 0, 0}, []int{p.Ordered, p.Done, p.Failed, p.Skipped}, "%+v", p)
	require.EqualValues(t, letters, s.taken.Load(), "each once")
}

func TestBulk_OfWhatIsClosedOrUnknown_SaysSo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	discarded, terminated, open := s.park(t, "a", "1"), s.park(t, "b", "1"), s.park(t, "c", "1")
	require.NoError(t, deadletters.Discard(t.Context(), s.temporal, discarded, "known", ""))
	require.NoError(t, s.temporal.GetWorkflow(t.Context(), discarded, "").Get(t.Context(), nil))
	require.NoError(t, s.temporal.TerminateWorkflow(t.Context(), terminated, "", "test"))
	s.status.Store(http.StatusOK)
	p := s.carryOut(t, deadletters.Bulk{Act: deadletters.ActReplay, IDs: []string{discarded, terminated, open, "dead-letter/unknown"}})
	require.Equal(t, []int{4, 1, 1, 2}, []int{p.Ordered, p.Done, p.Failed, p.Skipped}, "%+v", p)
	require.Equal(t, "dead-letter/unknown", p.Failures[0].ID)
	require.Contains(t, p.Failures[0].Cause, deadletters.ErrNotFound.Error())
	require.EqualValues(t, 1, s.taken.Load())
}

func TestBulk_ToAnotherSink_LeavesItsOwnAlone(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.parkAll(t, 3)
	_, err := deadletters.StartBulk(t.Context(), s.temporal, deadletters.Bulk{Act: deadletters.ActReplay, To: "nowhere"})
	require.ErrorContains(t, err, `no worker has a sink "nowhere"`)
	p := s.carryOut(t, deadletters.Bulk{Act: deadletters.ActReplay, To: "other"})
	require.Equal(t, 3, p.Done, "%+v", p)
	require.EqualValues(t, 6, s.otherTook.Load(), "its own, and what was meant for the other")
	require.Len(t, s.otherIDs(), 3, "a result has one delivery id at one sink")
	require.Zero(t, s.taken.Load())
}

func TestBulk_Resend_SendsAgainWhatASinkHasTaken_WithTheSameIdentity(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	began := time.Now().Add(-time.Second)
	s.parkAll(t, 3) // which "other" takes, and "hook" does not
	s.status.Store(http.StatusOK)
	require.EqualValues(t, 3, s.otherTook.Load())
	ids := s.otherIDs()
	require.Eventually(t, func() bool {
		n, err := deadletters.CountDeliveries(t.Context(), s.temporal, deadletters.Filter{Since: began})
		return err == nil && n == 3
	}, patience, 20*time.Millisecond)
	p := s.carryOut(t, deadletters.Bulk{Act: deadletters.ActResend, Filter: deadletters.Filter{Sink: "other", Since: began}})
	require.Equal(t, []int{3, 3}, []int{p.Ordered, p.Done}, "%+v", p)
	require.EqualValues(t, 6, s.otherTook.Load())
	require.Equal(t, ids, s.otherIDs(), "no others")
	p = s.carryOut(t, deadletters.Bulk{Act: deadletters.ActResend, Filter: deadletters.Filter{Sink: "hook", Since: began}})
	require.Equal(t, []int{0, 0}, []int{p.Ordered, p.Done}, "it has taken none")
	p = s.carryOut(t, deadletters.Bulk{Act: deadletters.ActResend, Filter: deadletters.Filter{Sink: "other", Since: began, Type: "else"}})
	require.Zero(t, p.Ordered)
}

func TestBulk_Check_NamesEachMistake(t *testing.T) {
	t.Parallel()
	for want, b := range map[string]deadletters.Bulk{
		`act "" is none`:        {},
		"rate is -1":            {Act: deadletters.ActReplay, Rate: -1},
		"reason is missing":     {Act: deadletters.ActDiscard},
		"exclude each other":    {Act: deadletters.ActReplay, IDs: []string{"dead-letter/a/b/1"}, Filter: deadletters.Filter{Sink: "a"}},
		"ids begin with":        {Act: deadletters.ActReplay, IDs: []string{"consign/a/b"}},
		"filter.sink and":       {Act: deadletters.ActResend, Filter: deadletters.Filter{Sink: "a"}},
		"to is for replays":     {Act: deadletters.ActDiscard, Reason: "x", To: "a"},
		"where: at character 1": {Act: deadletters.ActReplay, Filter: deadletters.Filter{Where: "sinc"}},
		"at most 5000":          {Act: deadletters.ActReplay, IDs: make([]string, 5001)},
	} {
		require.ErrorContains(t, b.Check(), want)
	}
}
