package acceptance

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/trace"
)

func TestBulk_WhenItsWorkerStops_AnotherGoesOn_AndOrdersNothingTwice(t *testing.T) {
	t.Parallel()
	const yaml = "sinks: {desk: {script: {}, retry: {max: 0}}}"
	s := perform(t, yaml)
	s.sinks["desk"].answers(func(int, sinks.Delivery) error { return sinks.Permanent(errors.New("closed")) })
	const letters = 30
	var parked string
	for i := range letters {
		parked = s.wait(s.submit(fmt.Sprint(i), `{}`)).Legs[0].DeadLetter
	}
	s.eventually(func() bool {
		n, err := deadletters.Count(s.ctx, s.temporal, deadletters.Filter{})
		return err == nil && n == letters
	}, "all are listed")
	s.sinks["desk"].answers(nil)
	id, err := deadletters.StartBulk(s.ctx, s.temporal, deadletters.Bulk{Act: deadletters.ActReplay, Rate: 20, By: "kim@ops"})
	require.NoError(t, err)
	for _, enough := range []int{5, 15} {
		s.eventually(func() bool { return len(s.sinks["desk"].took()) >= enough }, "some have come")
		s.stop()
		s.start(yaml)
	}
	p, err := deadletters.WaitBulk(s.ctx, s.temporal, id, func(deadletters.Progress) {})
	require.NoError(t, err)
	require.Equal(t, []int{letters, letters, 0, 0}, []int{p.Ordered, p.Done, p.Failed, p.Skipped}, "%+v", p)
	require.Len(t, s.sinks["desk"].took(), letters, "each once")
	require.Equal(t, "kim@ops", p.Order.By)
	s.keep("dead_letter_ordered", parked)
	s.keep("bulk_replay", id)
}

// Two orders of two people at the same time are about the same dead letters.
func TestBulk_TwoAtOnce_DeliverEachOnce(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks: {desk: {script: {}, retry: {max: 0}}}")
	s.sinks["desk"].answers(func(int, sinks.Delivery) error { return sinks.Permanent(errors.New("closed")) })
	const letters = 40
	var ids []string
	for i := range letters {
		ids = append(ids, s.wait(s.submit(fmt.Sprint(i), `{}`)).Legs[0].DeadLetter)
	}
	s.sinks["desk"].answers(nil)
	var orders []string
	for range 2 {
		id, err := deadletters.StartBulk(s.ctx, s.temporal, deadletters.Bulk{Act: deadletters.ActReplay, IDs: ids})
		require.NoError(t, err)
		orders = append(orders, id)
	}
	for _, id := range orders {
		p, err := deadletters.WaitBulk(s.ctx, s.temporal, id, func(deadletters.Progress) {})
		require.NoError(t, err)
		require.Equal(t, letters, p.Done, "%+v", p)
	}
	require.Len(t, s.sinks["desk"].took(), letters)
}

// Whoever waits for an order learns from it why its dead letter was parked again.
func TestBulk_ReplayThatFails_SaysWhy(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks: {desk: {script: {}, retry: {max: 1, backoff: 10ms}}}")
	s.sinks["desk"].answers(never)
	parked := s.wait(s.submit("a", `{}`)).Legs[0].DeadLetter
	id, err := deadletters.StartBulk(s.ctx, s.temporal, deadletters.Bulk{Act: deadletters.ActReplay, IDs: []string{parked}})
	require.NoError(t, err)
	p, err := deadletters.WaitBulk(s.ctx, s.temporal, id, func(deadletters.Progress) {})
	require.NoError(t, err)
	require.Equal(t, []deadletters.BulkFailure{{ID: parked, Cause: "never"}}, p.Failures)
	require.Equal(t, []int{1, 2, 3, 4}, numbers(s.record(parked).Attempts), "two of the delivery, two of the replay")

	s.sinks["desk"].answers(nil)
	id, err = deadletters.StartBulk(s.ctx, s.temporal, deadletters.Bulk{Act: deadletters.ActReplay, IDs: []string{parked}, By: "kim@ops"})
	require.NoError(t, err)
	_, err = deadletters.WaitBulk(s.ctx, s.temporal, id, func(deadletters.Progress) {})
	require.NoError(t, err)
	story := s.story("a")
	require.Equal(t, trace.Delivered, story.State)
	desk := story.Legs[0]
	told := make([]string, len(desk.Attempts))
	for i, a := range desk.Attempts {
		told[i] = fmt.Sprint(a.Number, a.How, a.Failed)
	}
	require.Equal(t, []string{"1inlinetrue", "2queuedtrue", "3replaytrue", "4replaytrue", "5replayfalse"}, told)
	var acts []string
	for _, act := range desk.DeadLetters[0].Acts {
		acts = append(acts, act.What+" by "+act.By+": "+act.Outcome)
	}
	require.Len(t, acts, 2)
	require.Contains(t, acts[0], "parked again")
	require.Equal(t, "replay by kim@ops: delivered", acts[1])
}

func numbers(attempts []consign.Attempt) (numbers []int) {
	for _, a := range attempts {
		numbers = append(numbers, a.Number)
	}
	return numbers
}
