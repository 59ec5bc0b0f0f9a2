package acceptance

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
	"github.com/consign-dev/consign/embedded"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/worker"
)

// Who holds a sink back: pauses, rates, priorities, and a person who cannot wait.

// another starts one more worker with the stage's configuration.
func (s *stage) another() *worker.Worker {
	s.Helper()
	second, err := worker.Start(s.ctx, worker.Options{Temporal: s.temporal, Namespace: s.namespace, Config: s.config, Drain: 5 * time.Second})
	require.NoError(s, err)
	s.Cleanup(func() { require.NoError(s, second.Stop(s.ctx)) })
	return second
}

func (s *stage) pause(sink, reason string) {
	s.Helper()
	require.NoError(s, consign.PauseSink(s.ctx, s.temporal, s.namespace, sink, reason, "me@here"))
}

func (s *stage) hold(sink string) consign.Hold {
	s.Helper()
	hold, err := consign.HoldOf(s.ctx, s.temporal, s.namespace, sink)
	require.NoError(s, err)
	return hold
}

func TestPause_HoldsOnEveryWorkerWithin5s_AndOverTheirRestart_UntilResumed(t *testing.T) {
	t.Parallel()
	const yaml = "sinks:\n  one: {script: {}}\n  two: {script: {}}\n"
	s := perform(t, yaml)
	second := s.another()
	require.True(t, s.wait(s.submit("before", `{}`)).Delivered())
	s.pause("one", "the receiver moves")
	require.Eventually(t, func() bool { return s.worker.Gate("one").Paused() && second.Gate("one").Paused() }, 5*time.Second, 10*time.Millisecond)
	hold := s.hold("one")
	require.True(t, hold.Paused)
	require.Equal(t, "the receiver moves", hold.Reason)
	require.Equal(t, "me@here", hold.By)
	require.WithinDuration(t, time.Now(), hold.Since, time.Minute)

	handles := []*consign.Handle{s.submit("a", `{}`), s.submit("b", `{}`)}
	s.eventually(func() bool { return len(s.sinks["two"].took()) == 3 }, "the other sink goes on")
	s.eventually(func() bool { return s.backlog("one") == 2 }, "both wait in the queue")
	s.stop()
	s.start(yaml)
	require.True(t, s.worker.Gate("one").Paused(), "before its first attempt")
	handles = append(handles, s.submit("c", `{}`))
	s.eventually(func() bool { return s.backlog("one") == 3 }, "it waits, too")
	require.Len(t, s.sinks["one"].tries(), 1)

	resumed, err := consign.ResumeSink(s.ctx, s.temporal, s.namespace, "one", "me@here")
	require.NoError(t, err)
	require.True(t, resumed)
	for _, handle := range handles {
		receipt := s.wait(handle)
		require.True(t, receipt.Delivered())
		require.Equal(t, 1, receipt.Legs[0].Attempts)
	}
	s.eventually(func() bool { return !s.worker.Gate("one").Paused() && !second.Gate("one").Paused() }, "inline again")
	resumed, err = consign.ResumeSink(s.ctx, s.temporal, s.namespace, "one", "me@here")
	require.NoError(t, err)
	require.False(t, resumed, "it is not paused")
}

func TestPause_OutlivesTheServer(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	data := t.TempDir()
	for round := range 2 {
		server, err := embedded.Start(s.ctx, embedded.Options{DataDir: data, Port: embedded.AnyPort, Headless: true})
		require.NoError(t, err)
		options, err := consign.Options{Address: server.Address()}.ClientOptions()
		require.NoError(t, err)
		temporal, err := client.DialContext(s.ctx, options)
		require.NoError(t, err)
		if round == 0 {
			require.NoError(t, consign.PauseSink(s.ctx, temporal, "default", "one", "the receiver moves", "me@here"))
		} else {
			hold, err := consign.HoldOf(s.ctx, temporal, "default", "one")
			require.NoError(t, err)
			require.True(t, hold.Paused)
			require.Equal(t, "the receiver moves", hold.Reason)
		}
		temporal.Close()
		require.NoError(t, server.Stop(s.ctx))
	}
}

// backoffs has two sinks that are retried after hours: one waits by a timer of the workflow first, one in
// its queue.
const backoffs = `
sinks:
  timer: {script: {}, retry: {max: 5, backoff: 1h, max_backoff: 1h}, circuit: {failures: -1}}
  queue: {script: {}, inline: false, retry: {max: 5, backoff: 1h, max_backoff: 1h}, circuit: {failures: -1}}
  well: {script: {}}
`

// inBackoff counts the queued attempts of a delivery that wait for their time.
func (s *stage) inBackoff(id string) int {
	s.Helper()
	description, err := s.temporal.DescribeWorkflowExecution(s.ctx, id, "")
	require.NoError(s, err)
	waiting := 0
	for _, pending := range description.GetPendingActivities() {
		if pending.GetNextAttemptScheduleTime().AsTime().After(time.Now()) {
			waiting++
		}
	}
	return waiting
}

func TestRetryNow_CutsBackOffsShort_AndKeepsTheCountOfAttempts(t *testing.T) {
	t.Parallel()
	s := perform(t, backoffs)
	for _, name := range []string{"timer", "queue"} {
		s.sinks[name].answers(func(attempt int, _ sinks.Delivery) error {
			if attempt < 4 {
				return errors.New("not yet")
			}
			return nil
		})
	}
	handle := s.submit("a", `{}`)
	for round := 1; round < 4; round++ {
		for _, name := range []string{"timer", "queue"} {
			s.eventually(func() bool { return len(s.sinks[name].tries()) == round }, name)
			s.eventually(func() bool { return s.inBackoff(handle.WorkflowID()) == min(round, 2) }, "they wait")
		}
		if round == 2 {
			_, err := deadletters.RetryNow(s.ctx, s.temporal, "nowhere", 0, "me@here")
			require.NoError(t, err)
		}
		for _, name := range []string{"timer", "queue"} {
			told, err := deadletters.RetryNow(s.ctx, s.temporal, name, 10*time.Millisecond, "me@here")
			require.NoError(t, err)
			require.Equal(t, deadletters.Told{Deliveries: 1}, told, "%s in round %d", name, round)
		}
	}
	receipt := s.wait(handle)
	require.True(t, receipt.Delivered())
	require.Equal(t, 4, receipt.Legs[0].Attempts)
	require.Equal(t, 4, receipt.Legs[1].Attempts)
	s.keep("deliver_retried_now", handle.WorkflowID())
}

func TestRetryNow_UsesUpRetries(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  queue: {script: {}, inline: false, retry: {max: 1, backoff: 1h, max_backoff: 1h}, circuit: {failures: -1}}\n")
	s.sinks["queue"].answers(never)
	handle := s.submit("a", `{}`)
	s.eventually(func() bool { return s.inBackoff(handle.WorkflowID()) == 1 }, "it waits")
	_, err := deadletters.RetryNow(s.ctx, s.temporal, "queue", 0, "me@here")
	require.NoError(t, err)
	receipt := s.wait(handle)
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	require.Equal(t, 2, receipt.Legs[0].Attempts)
	require.Len(t, s.record(receipt.Legs[0].DeadLetter).Attempts, 2)
}

func TestParkNow_ParksWhatWaits_WithItsAttempts_AndLeavesAloneWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	s := perform(t, backoffs)
	s.sinks["timer"].answers(never)
	gate := newGate(t)
	s.sinks["queue"].answers(func(attempt int, d sinks.Delivery) error {
		if attempt == 2 {
			_ = gate.wait(attempt, d)
		}
		return errors.New("refused")
	})
	handle := s.submit("a", `{}`)
	s.eventually(func() bool { return len(s.sinks["timer"].tries()) == 1 && s.inBackoff(handle.WorkflowID()) == 1 }, "both wait")
	told, err := deadletters.ParkNow(s.ctx, s.temporal, "timer", "me@here")
	require.NoError(t, err)
	require.Equal(t, deadletters.Told{Deliveries: 1}, told)

	_, err = deadletters.RetryNow(s.ctx, s.temporal, "queue", 0, "me@here")
	require.NoError(t, err)
	s.eventually(func() bool { return len(s.sinks["queue"].tries()) == 2 }, "an attempt is under way")
	told, err = deadletters.ParkNow(s.ctx, s.temporal, "queue", "me@here")
	require.NoError(t, err)
	require.Equal(t, deadletters.Told{Busy: 1}, told)
	gate.Open()
	s.eventually(func() bool { return s.inBackoff(handle.WorkflowID()) == 1 }, "it waits again")
	told, err = deadletters.ParkNow(s.ctx, s.temporal, "queue", "me@here")
	require.NoError(t, err)
	require.Equal(t, deadletters.Told{Deliveries: 1}, told)

	receipt := s.wait(handle)
	for i, attempts := range []int{1, 2} {
		require.Equal(t, consign.Parked, receipt.Legs[i].Outcome)
		require.Equal(t, "parked by me@here", receipt.Legs[i].Cause)
		require.Equal(t, attempts, receipt.Legs[i].Attempts)
		record := s.record(receipt.Legs[i].DeadLetter)
		require.Equal(t, "parked by hand", record.Label)
		require.Len(t, record.Attempts, attempts)
		require.NotEqual(t, "lost", record.Attempts[attempts-1].Label)
	}
	require.Equal(t, consign.Delivered, receipt.Legs[2].Outcome)
	s.keep("deliver_parked_by_hand", handle.WorkflowID())
}

func TestParkNow_TakesWhatWaitsInThePausedQueue(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}, inline: false}\n")
	s.pause("one", "gone for weeks")
	handle := s.submit("a", `{}`)
	s.eventually(func() bool { return s.backlog("one") == 1 }, "it waits")
	told, err := deadletters.ParkNow(s.ctx, s.temporal, "one", "me@here")
	require.NoError(t, err)
	require.Equal(t, deadletters.Told{Deliveries: 1}, told)
	receipt := s.wait(handle)
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	require.Zero(t, receipt.Legs[0].Attempts)
	require.Empty(t, s.sinks["one"].tries())
}
