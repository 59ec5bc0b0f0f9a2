package acceptance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

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

func TestPause_OutlivesARename_UntilResumed(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}}\n")
	s.pause("one", "the receiver moves")
	s.eventually(func() bool { return s.worker.Gate("one").Paused() }, "paused")
	handles := []*consign.Handle{s.submit("a", `{}`)}
	s.eventually(func() bool { return s.backlog("one") == 1 }, "it waits")
	s.stop()
	s.start("sinks:\n  two: {script: {}, aliases: [one]}\n")
	require.True(t, s.worker.Gate("two").Paused(), "before its first attempt")
	s.eventually(func() bool { return s.hold("two").Paused }, "for other workers, too")
	require.Equal(t, "the receiver moves", s.hold("two").Reason)
	require.Equal(t, "me@here", s.hold("two").By)
	handles = append(handles, s.submit("b", `{}`))
	s.eventually(func() bool { return s.backlog("two") == 1 }, "it waits, too")
	require.Empty(t, s.sinks["two"].tries())

	_, err := consign.ResumeSink(s.ctx, s.temporal, s.namespace, "two", "me@here")
	require.NoError(t, err)
	for _, handle := range handles {
		require.True(t, s.wait(handle).Delivered())
	}
	require.Len(t, s.sinks["two"].took(), 2)
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
	s.eventually(func() bool { return s.open() == 1 }, "an order finds it")
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
	s.eventually(func() bool { return s.open() == 1 }, "an order finds it")
	s.eventually(func() bool { return s.inBackoff(handle.WorkflowID()) == 1 }, "it waits")
	_, err := deadletters.RetryNow(s.ctx, s.temporal, "queue", 0, "me@here")
	require.NoError(t, err)
	receipt := s.wait(handle)
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	require.Equal(t, 2, receipt.Legs[0].Attempts)
	require.Len(t, s.record(receipt.Legs[0].DeadLetter).Attempts, 2)
}

func TestRetryNow_BehindAnOpenCircuit_IsTriedOnceItLetsAProbeThrough(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}, retry: {max: 5, backoff: 1h, max_backoff: 1h}, circuit: {failures: 1, open: 3s}}\n")
	s.sinks["one"].answers(func(attempt int, _ sinks.Delivery) error {
		if attempt == 1 {
			return errors.New("down")
		}
		return nil
	})
	handle := s.submit("a", `{}`)
	s.eventually(func() bool { return s.open() == 1 && len(s.sinks["one"].tries()) == 1 }, "it waits for an hour")
	told, err := deadletters.RetryNow(s.ctx, s.temporal, "one", 0, "me@here")
	require.NoError(t, err)
	require.Equal(t, deadletters.Told{Deliveries: 1}, told)
	receipt := s.wait(handle)
	require.True(t, receipt.Delivered())
	require.Equal(t, 2, receipt.Legs[0].Attempts)
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
	s.eventually(func() bool { return s.open() == 1 }, "an order finds it")
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
	s.eventually(func() bool { return s.open() == 1 }, "an order finds it")
	s.eventually(func() bool { return s.backlog("one") == 1 }, "it waits")
	told, err := deadletters.ParkNow(s.ctx, s.temporal, "one", "me@here")
	require.NoError(t, err)
	require.Equal(t, deadletters.Told{Deliveries: 1}, told)
	receipt := s.wait(handle)
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	require.Zero(t, receipt.Legs[0].Attempts)
	require.Empty(t, s.sinks["one"].tries())
}

// clocked counts when a sink was tried, on this machine's clock.
type clocked struct {
	mu sync.Mutex
	at []time.Time
}

func (c *clocked) answer(int, sinks.Delivery) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = append(c.at, time.Now())
	return nil
}

// most is the largest number of tries within any span of that length.
func (c *clocked) most(span time.Duration) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := 0
	for i := range c.at {
		within := 0
		for _, at := range c.at[i:] {
			if at.Sub(c.at[i]) < span {
				within++
			}
		}
		most = max(most, within)
	}
	return most
}

// TestRateLimit_OfTwoWorkers counts at the receiver. Temporal lets one second's worth through at once, and
// what it let through may bunch on the way for as long as this machine is busy: by a quarter of a second.
func TestRateLimit_OfTwoWorkers_IsNeverExceeded(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it counts by the second, which a race-built server does not keep to")
	}
	const rate, burst, tolerance, results = 20, 20, 5, 120
	s := perform(t, "sinks:\n  one: {script: {}, rate_limit: 20/s}\n  two: {script: {}}\n")
	s.another()
	var tries clocked
	s.sinks["one"].answers(tries.answer)
	s.eventually(func() bool { return s.hold("one").Rate == rate }, "the worker has set it")
	began := time.Now()
	run := s.bare("many", several(results/2, nil)...)
	var handles []*consign.Handle
	for i := range results / 2 {
		handles = append(handles, s.submit(fmt.Sprint(i), `{}`))
	}
	for _, handle := range handles {
		require.True(t, s.wait(handle).Delivered())
	}
	receipt := s.receiptOf(run)
	require.True(t, receipt.Delivered(), "%+v", receipt)
	require.Len(t, receipt.Legs, 2)
	require.Equal(t, 1, receipt.Legs[0].Attempts)
	require.Greater(t, time.Since(began), time.Duration(results-burst-tolerance)*time.Second/rate)
	for _, seconds := range []int{1, 2, 4} {
		require.LessOrEqual(t, tries.most(time.Duration(seconds)*time.Second), rate*seconds+burst+tolerance, "in %d s", seconds)
	}
	require.Len(t, s.sinks["one"].took(), results)
}

func TestRateLimit_OfEverySink_IsSetSideBySideWhenAWorkerStarts(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}, rate_limit: 5/s}\n  two: {script: {}, rate_limit: 5/s}\n")
	options, err := consign.Options{Address: server.Address(), Namespace: s.namespace}.ClientOptions()
	require.NoError(t, err)
	var asked atomic.Int32
	both := make(chan struct{})
	options.ConnectionOptions.DialOptions = append(options.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(
		func(ctx context.Context, method string, request, answer any, to *grpc.ClientConn, call grpc.UnaryInvoker, more ...grpc.CallOption) error {
			if strings.HasSuffix(method, "/DescribeTaskQueue") {
				if asked.Add(1) == 2 {
					close(both)
				}
				select {
				case <-both:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return call(ctx, method, request, answer, to, more...)
		}))
	s.temporal, err = client.DialContext(s.ctx, options)
	require.NoError(t, err)
	t.Cleanup(s.temporal.Close)
	var starting context.CancelFunc
	s.ctx, starting = context.WithTimeout(s.ctx, time.Minute)
	t.Cleanup(starting)
	s.another()
}

func TestRateLimit_LeavesAPauseAlone_AndAResumeRestoresIt(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}, rate_limit: 20/s}\n")
	s.eventually(func() bool { return s.hold("one").Rate == 20 }, "the worker has set it")
	s.pause("one", "by hand")
	s.stop()
	s.start("sinks:\n  one: {script: {}, rate_limit: 50/s}\n")
	s.eventually(func() bool { return s.hold("one").By == "me@here" }, "a copy that is behind would show the rate")
	hold := s.hold("one")
	require.True(t, hold.Paused)
	require.Equal(t, "by hand", hold.Reason)
	require.Equal(t, "me@here", hold.By)
	require.InDelta(t, 20, hold.Rate, 1e-6, "what a resume restores")
	_, err := consign.ResumeSink(s.ctx, s.temporal, s.namespace, "one", "me@here")
	require.NoError(t, err)
	require.InDelta(t, 20, s.hold("one").Rate, 1e-6, "at once")
	s.eventually(func() bool { return s.hold("one").Rate == 50 }, "and then what the configuration says today")
	s.stop()
	s.start("sinks:\n  one: {script: {}}\n")
	s.eventually(func() bool { return s.hold("one").Rate == 0 }, "no limit any more")
	require.False(t, s.hold("one").Paused)
}

func TestRateLimit_SetByHand_OutlivesAPauseAndTheStartOfAWorker(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}}\n")
	_, err := s.temporal.WorkflowService().UpdateTaskQueueConfig(s.ctx, &workflowservice.UpdateTaskQueueConfigRequest{
		Namespace: s.namespace, TaskQueue: consign.SinkQueue("one"), TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY, Identity: "me@here",
		UpdateQueueRateLimit: &workflowservice.UpdateTaskQueueConfigRequest_RateLimitUpdate{
			RateLimit: &taskqueuepb.RateLimit{RequestsPerSecond: 7}, Reason: "they asked for it",
		},
	})
	require.NoError(t, err)
	s.eventually(func() bool { return s.hold("one").Rate == 7 }, "set")
	s.pause("one", "for a moment")
	s.eventually(func() bool { return s.worker.Gate("one").Paused() }, "paused")
	_, err = consign.ResumeSink(s.ctx, s.temporal, s.namespace, "one", "me@here")
	require.NoError(t, err)
	s.eventually(func() bool { return !s.worker.Gate("one").Paused() }, "resumed")
	s.another() // sets what its configuration says before it starts
	hold := s.hold("one")
	require.False(t, hold.Paused)
	require.InDelta(t, 7, hold.Rate, 1e-6)
}

func TestRateLimit_ResultsOfOneConsignment_FailAndAreParkedEachByItself(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}, rate_limit: 500/s, retry: {max: 1, backoff: 1ms, max_backoff: 1ms}, circuit: {failures: -1}}\n")
	s.sinks["one"].answers(func(_ int, d sinks.Delivery) error {
		if d.Result.ID == "r7" {
			return errors.New("not this one")
		}
		return nil
	})
	run := s.bare("some", several(60, nil)...)
	receipt := s.receiptOf(run)
	require.Len(t, receipt.Legs, 1)
	require.Equal(t, consign.Delivered, receipt.Legs[0].Outcome)
	require.Len(t, receipt.Legs[0].Except, 1)
	require.Equal(t, 7, receipt.Legs[0].Except[0].Index)
	record := s.record(receipt.Legs[0].Except[0].DeadLetter)
	require.Len(t, record.Results, 1)
	require.Equal(t, "not this one", record.Cause)
	require.Len(t, record.Attempts, 2)
	s.keep("deliver_rate_limited", run.GetID())
}

// Temporal refuses a second activity of one id, which leaves the workflow stuck.
func TestRateLimit_OfASinkNamedAsTheAcksAre_CollidesWithNothing_AndIsKnownToAWorkerThatStarts(t *testing.T) {
	t.Parallel()
	const yaml = "sinks:\n  ack: {script: {}, rate_limit: 500/s, retry: {max: 5, backoff: 1h, max_backoff: 1h}, circuit: {failures: -1}}\n"
	s := perform(t, yaml+"acks: {retry: {max: 9, backoff: 10ms, max_backoff: 1h}}\n")
	s.sinks["ack"].answers(func(_ int, d sinks.Delivery) error {
		if d.Result.ID == "r0" {
			return errors.New("not this one")
		}
		return nil
	})
	refuses := httptest.NewServer(http.NotFoundHandler())
	refuses.Close()
	run := s.bare("some", several(2, &consign.AckTarget{HTTP: &consign.HTTPTarget{URL: refuses.URL}})...)
	s.eventually(func() bool { return s.open() == 1 && s.inBackoff(run.GetID()) == 2 }, "one result and one ack wait")
	_, logs := s.colleague("second", yaml)
	require.Zero(t, logs.FilterMessageSnippet("no worker knows this sink").Len())
}

func TestPriority_LiveResult_OvertakesReplays(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}, concurrency: 1, retry: {max: 0}, circuit: {failures: -1}, timeout: 10m}\n") // the first waits for all others
	s.sinks["one"].answers(never)
	const replays = 30
	var letters []string
	for i := range replays {
		letters = append(letters, s.wait(s.submit(fmt.Sprint(i), `{}`)).Legs[0].DeadLetter)
	}
	turn := make(chan struct{})
	s.sinks["one"].answers(func(int, sinks.Delivery) error { <-turn; return nil })
	for _, id := range letters {
		require.NoError(t, deadletters.Replay(s.ctx, s.temporal, id, "me@here"))
	}
	s.eventually(func() bool { return s.backlog("one") == replays-1 }, "one is under way, the others wait")
	live := s.submit("live", `{}`)
	s.eventually(func() bool { return s.backlog("one") == replays }, "the live result waits behind them")
	for range 3 { // one that was under way, and one that a poller may have had
		turn <- struct{}{}
	}
	require.True(t, s.wait(live).Delivered())
	require.Less(t, len(s.sinks["one"].took()), 5)
	close(turn)
	s.eventually(func() bool { return len(s.sinks["one"].took()) == replays+1 }, "the replays follow")
}

// TestCircuit_WhenItCloses counts attempts under way at once in a sink that has come back while many wait.
func TestCircuit_WhenItCloses_WhatHasWaitedStaysWithinTheConcurrency(t *testing.T) {
	t.Parallel()
	const concurrency, results = 8, 60
	s := perform(t, "sinks:\n  one: {script: {}, concurrency: 8, retry: {max: 50, backoff: 10ms, max_backoff: 20ms}, circuit: {failures: 3, open: 500ms}}\n")
	var (
		mu          sync.Mutex
		well        bool
		under, most int
	)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	s.sinks["one"].answers(func(int, sinks.Delivery) error {
		mu.Lock()
		if !well {
			mu.Unlock()
			return errors.New("down")
		}
		under++
		most = max(most, under)
		mu.Unlock()
		<-tick.C
		mu.Lock()
		defer mu.Unlock()
		under--
		return nil
	})
	var handles []*consign.Handle
	for i := range results {
		handles = append(handles, s.submit(fmt.Sprint(i), `{}`))
	}
	mu.Lock()
	well = true
	mu.Unlock()
	for _, handle := range handles {
		require.True(t, s.wait(handle).Delivered())
	}
	require.LessOrEqual(t, most, concurrency)
}

func TestGone_ParksTheResult_AndPausesTheSinkForAllWorkers(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  inline: {script: {}}\n  queued: {script: {}, inline: false}\n  well: {script: {}}\n")
	gone := func(int, sinks.Delivery) error { return sinks.Gone(errors.New("410: nobody lives here")) }
	s.sinks["inline"].answers(gone)
	s.sinks["queued"].answers(gone)
	receipt := s.wait(s.submit("a", `{}`))
	for _, leg := range receipt.Legs[:2] {
		require.Equal(t, consign.Parked, leg.Outcome)
		require.Equal(t, 1, leg.Attempts)
		s.eventually(func() bool { return s.hold(leg.Sink).Paused }, "paused")
		hold := s.hold(leg.Sink)
		require.Equal(t, "gone: 410: nobody lives here", hold.Reason)
		require.Equal(t, "worker", hold.By)
	}
	require.False(t, s.hold("well").Paused)
	s.submit("b", `{}`)
	s.eventually(func() bool { return s.backlog("inline") == 1 && s.backlog("queued") == 1 }, "the next one waits")
	require.Len(t, s.sinks["inline"].tries(), 1)
}
