package acceptance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/all"
)

// The rows A1 to A14 of the system that Consign takes over, one test each, and that system's own
// tests after them.

const oneSink = `
sinks:
  one: {script: {}}
`

func never(int, sinks.Delivery) error { return errors.New("never") }

// gate lets nothing through until it is opened, and honours no context: the worst of sinks.
type gate struct {
	once sync.Once
	open chan struct{}
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{open: make(chan struct{})}
	t.Cleanup(g.Open)
	return g
}

func (g *gate) Open() { g.once.Do(func() { close(g.open) }) }

func (g *gate) wait(int, sinks.Delivery) error {
	<-g.open
	return nil
}

func TestA1_EverySinkGetsEveryResult_AndWithoutSinksTheAckIsSentAtOnce(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}}
  two: {script: {}}
  three: {script: {}}
`)
	receipt := s.wait(s.submit("a", `{"n":1}`))
	require.True(t, receipt.Delivered(), "%+v", receipt)
	for _, name := range []string{"one", "two", "three"} {
		require.Len(t, s.sinks[name].took(), 1, name)
	}
	s.keep("deliver_healthy", consign.WorkflowID("test", "a"))

	none := perform(t, `sinks: {}`)
	up := newUpstream(t)
	receipt = none.wait(none.submit("a", `{"n":1}`, consign.AckByHTTP(up.URL)))
	require.Empty(t, receipt.Legs)
	require.Equal(t, consign.AckSent, receipt.Ack)
	require.Contains(t, up.acked(), "a")
}

func TestA2_OneAtATime_KeepsTheOrder(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one:
    script: {}
    inline: false
    concurrency: 1
    retry: {max: 0}
    timeout: 10m # the first is held until all others are in the queue, each of which is seen there after seconds
`)
	gate := newGate(t)
	s.sinks["one"].answers(gate.wait)
	var handles []*consign.Handle
	var want, got []string
	for i := range 6 {
		id := fmt.Sprintf("r%02d", i)
		handles = append(handles, s.submit(id, `{}`))
		want = append(want, id)
		// The queue keeps the order in which it got them, so each is there before the next is submitted.
		// Temporal counts a queue anew every 5 s.
		s.eventually(func() bool { return len(s.sinks["one"].tries()) == 1 && s.backlog("one") == int64(i) }, "it is in the queue")
	}
	gate.Open()
	for _, handle := range handles {
		s.wait(handle)
	}
	for _, d := range s.sinks["one"].took() {
		got = append(got, d.Result.ID)
	}
	require.Equal(t, want, got)
}

func TestA3_DeliverySettings_HaveTheSeedsNamesAndDefaults(t *testing.T) {
	t.Parallel()
	parsed, err := config.Parse("a3.yaml", []byte(`
defaults: {queue_depth: 7}
sinks:
  usual: {stdout: {}}
  own:
    stdout: {}
    queue_depth: 1
    batch_max: 2
    batch_flush: 3ms
    retry: {max: 4, backoff: 5ms, max_backoff: 6ms}
    on_full: drop
    timeout: 7s
  far: {webhook: {url: "http://127.0.0.1:1/"}}
`), all.Kinds(), os.LookupEnv)
	require.NoError(t, err)
	usual, own, far := parsed.Sinks[0], parsed.Sinks[1], parsed.Sinks[2]
	require.Equal(t, 7, usual.QueueDepth)
	require.Equal(t, 64, usual.BatchMax)
	require.Equal(t, 50*time.Millisecond, usual.BatchFlush)
	require.Equal(t, 3, *usual.Retry.Max)
	require.Equal(t, 100*time.Millisecond, usual.Retry.Backoff)
	require.Equal(t, 5*time.Second, usual.Retry.MaxBackoff)
	require.Equal(t, config.Block, usual.OnFull)
	require.Equal(t, 10*time.Second, usual.Timeout)
	require.Equal(t, 1, own.QueueDepth)
	require.Equal(t, 2, own.BatchMax)
	require.Equal(t, 4, *own.Retry.Max)
	require.Equal(t, config.Drop, own.OnFull)
	require.Equal(t, 7*time.Second, own.Timeout)
	require.Equal(t, 12, *far.Retry.Max, "a kind that crosses a network outlasts a restart of the receiver")
	require.Equal(t, 5*time.Minute, far.Retry.MaxBackoff)
}

func TestA4_Backoff_DoublesUpToItsCapAndNeverOverflows(t *testing.T) {
	t.Parallel()
	policy := activities.Policy{Backoff: 100, MaxBackoff: 5000}
	for n, want := range map[int]time.Duration{
		1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 3: 400 * time.Millisecond, 6: 3200 * time.Millisecond,
		7: 5 * time.Second, 100: 5 * time.Second, 1 << 30: 5 * time.Second,
	} {
		require.Equal(t, want, policy.Delay(n), "after attempt %d", n)
	}
}

func TestA5_FullBlockingSink_KeepsEveryResult(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one:
    script: {}
    concurrency: 1
    queue_depth: 1
    timeout: 30s
`)
	up, gate := newUpstream(t), newGate(t)
	s.sinks["one"].answers(gate.wait)
	var handles []*consign.Handle
	for i := range 20 {
		handles = append(handles, s.submit(fmt.Sprint(i), `{}`, consign.AckByHTTP(up.URL)))
	}
	require.Empty(t, up.acked(), "acked while the sink had taken nothing")
	gate.Open()
	for _, handle := range handles {
		require.True(t, s.wait(handle).Delivered())
	}
	require.Len(t, up.acked(), 20)
}

func TestA6_FullDroppingSink_NeverBlocksAndAcksEveryResult(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one:
    script: {}
    on_full: drop
    queue_depth: 1
    concurrency: 1
    timeout: 30s
`)
	up, gate := newUpstream(t), newGate(t)
	s.sinks["one"].answers(gate.wait)
	var handles []*consign.Handle
	for i := range 50 {
		handles = append(handles, s.submit(fmt.Sprint(i), `{}`, consign.AckByHTTP(up.URL)))
	}
	// Two legs are open: one under way and one in the queue. All others are over while the sink is shut.
	s.eventually(func() bool { return len(up.acked()) >= 48 }, "48 acks while the sink is shut")
	require.Len(t, up.acked(), 48)
	gate.Open()
	dropped := 0
	for _, handle := range handles {
		receipt := s.wait(handle)
		if receipt.Legs[0].Outcome == consign.Dropped {
			dropped++
		} else {
			require.Equal(t, consign.Delivered, receipt.Legs[0].Outcome)
		}
	}
	require.Equal(t, 48, dropped)
	s.keep("deliver_dropped", handles[49].WorkflowID())
	s.keep("deliver_best_effort", handles[0].WorkflowID())
	require.Len(t, up.acked(), 50)
	// The two have left the gate, so there is room again.
	require.True(t, s.wait(s.submit("later", `{}`)).Delivered())
}

func TestA7_Identity_IsTheSameOnEveryRetryAndReplay(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	s.sinks["one"].answers(never)
	receipt := s.wait(s.submit("a", `{}`))
	s.sinks["one"].answers(nil)
	s.signal(receipt.Legs[0].DeadLetter, consign.ReplaySignal, consign.ReplayRequest{})
	s.eventually(func() bool { return len(s.sinks["one"].took()) == 1 }, "the replay arrives")
	tries := s.sinks["one"].tries()
	require.Len(t, tries, 5)
	for i, try := range tries {
		require.Equal(t, consign.DeliveryID("test", "a", "one"), try.ID)
		if i > 0 { // by more than one where Temporal has taken a busy worker for lost
			require.Greater(t, try.Attempt, tries[i-1].Attempt)
		}
		if i < 4 {
			require.Equal(t, tries[0].First, try.First, "attempt %d", i+1)
		}
	}
	require.True(t, tries[4].First.After(tries[0].First), "a replay is stamped anew")
}

func TestA8_PermanentFailure_IsParkedAfterExactlyOneAttempt(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	up := newUpstream(t)
	s.sinks["one"].answers(func(int, sinks.Delivery) error { return sinks.Permanent(errors.New("no such channel")) })
	receipt := s.wait(s.submit("a", `{}`, consign.AckByHTTP(up.URL)))
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	require.Equal(t, "no such channel", receipt.Legs[0].Cause)
	require.Equal(t, 1, receipt.Legs[0].Attempts)
	require.Len(t, s.sinks["one"].tries(), 1)
	require.Contains(t, up.acked(), "a")
	require.Equal(t, consign.Parked, up.acked()["a"].Legs[0].Outcome)
}

func TestA8_PermanentFailureOfAQueuedAttempt_IsParkedAtOnce(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}, inline: false}
`)
	s.sinks["one"].answers(func(int, sinks.Delivery) error { return sinks.Permanent(errors.New("no such channel")) })
	receipt := s.wait(s.submit("a", `{}`))
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	require.Equal(t, "no such channel", receipt.Legs[0].Cause)
	require.Len(t, s.sinks["one"].tries(), 1)
	require.Len(t, s.record(receipt.Legs[0].DeadLetter).Attempts, 1)
	s.keep("deliver_refused", consign.WorkflowID("test", "a"))
}

func TestA9_ExhaustedRetries_AreHeldWithResultCauseAndAttempts(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	s.sinks["one"].answers(func(attempt int, _ sinks.Delivery) error { return fmt.Errorf("refused for the %d. time", attempt) })
	receipt := s.wait(s.submit("a", `{"b":"<&>"}`))
	record := s.record(receipt.Legs[0].DeadLetter)
	require.Equal(t, "one", record.Sink)
	require.Equal(t, "refused for the 4. time", record.Cause)
	require.Equal(t, `{"b":"<&>"}`, string(record.Results[0].Data)) //nolint:testifylint // the bytes, not what they mean
	require.Equal(t, consign.WorkflowID("test", "a"), record.WorkflowID)
	require.Equal(t, 4, record.Made)
	for i, attempt := range record.Attempts {
		require.Equal(t, i+1, attempt.Number)
		require.Equal(t, fmt.Sprintf("refused for the %d. time", i+1), attempt.Cause)
		require.WithinDuration(t, time.Now(), attempt.At, time.Minute)
	}
	require.Len(t, record.Attempts, 4)
	s.keep("deliver_parked", record.WorkflowID)
}

func TestA10_WhatIsNotDeliveredAtShutdown_IsNotAckedAndDeliveredLater(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  quick: {script: {}}
  slow: {script: {}, retry: {max: 100, backoff: 100ms}}
`)
	up := newUpstream(t)
	s.sinks["slow"].answers(never)
	handle := s.submit("a", `{}`, consign.AckByHTTP(up.URL))
	s.eventually(func() bool { return len(s.sinks["slow"].tries()) >= 2 }, "a retry")
	s.stop()
	require.Empty(t, up.acked(), "acked before the slow sink had it")
	s.sinks["slow"].answers(nil)
	s.start(`
sinks:
  quick: {script: {}}
  slow: {script: {}, retry: {max: 100, backoff: 100ms}}
`)
	require.True(t, s.wait(handle).Delivered())
	require.Contains(t, up.acked(), "a")
	require.Len(t, s.sinks["quick"].took(), 1, "the sink that had it got it again")
}

func TestA11_Incidents_GoOnlyToSinksThatTakeThemAndCarryNoAck(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  with: {script: {}, incidents: true}
  without: {script: {}}
`)
	incident := consign.Result{Source: "test", ID: "i", Type: consign.IncidentType, Data: []byte(`{"incident_id":"i","state":"open"}`)}
	_, err := s.client.Submit(s.ctx, incident, consign.AckByHTTP("http://127.0.0.1:1/"))
	require.ErrorIs(t, err, consign.ErrInvalid)
	handle, err := s.client.Submit(s.ctx, incident)
	require.NoError(t, err)
	receipt := s.wait(handle)
	require.Len(t, receipt.Legs, 1)
	require.Equal(t, consign.AckNone, receipt.Ack)
	require.Len(t, s.sinks["with"].took(), 1)
	require.Empty(t, s.sinks["without"].tries())
}

func TestA12_Shutdown_DrainsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}, inline: false, timeout: 30s}
`)
	gate := newGate(t)
	s.sinks["one"].answers(gate.wait)
	handle := s.submit("a", `{}`)
	s.eventually(func() bool { return len(s.sinks["one"].tries()) == 1 }, "the attempt is under way")
	stopped := make(chan error, 1)
	go func() { stopped <- s.worker.Stop(context.Background()) }()
	select {
	case <-stopped:
		require.Fail(t, "it did not wait for the attempt under way")
	case <-time.After(300 * time.Millisecond): // a worker that does not wait has stopped by then
	}
	gate.Open()
	require.NoError(t, <-stopped)
	s.worker = nil
	s.start(oneSink)
	require.Equal(t, 1, s.wait(handle).Legs[0].Attempts)
	require.Len(t, s.sinks["one"].tries(), 1, "the attempt under way was made in vain")
}

func TestA13_Metrics_StandAtZeroFromTheStartAndCount(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}, circuit: {failures: -1}}
  full: {script: {}, on_full: drop, queue_depth: 1, concurrency: 1, timeout: 30s}
`)
	value := func(name, labels string) string {
		page := httptest.NewRecorder()
		promhttp.HandlerFor(s.worker.Registry(), promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
		for line := range strings.Lines(page.Body.String()) {
			if after, ok := strings.CutPrefix(line, name+labels+" "); ok {
				return strings.TrimSpace(after)
			}
		}
		return "absent"
	}
	for _, name := range []string{"retries_total", "sink_dropped_total", "inflight", "queue_backlog", "circuit_state"} {
		require.Equal(t, "0", value("consign_"+name, `{sink="one"}`), name)
	}
	for _, outcome := range []string{"delivered", "parked", "dropped"} {
		require.Equal(t, "0", value("consign_deliveries_total", fmt.Sprintf(`{outcome=%q,sink="one"}`, outcome)))
	}
	gate := newGate(t)
	s.sinks["one"].answers(never)
	s.sinks["full"].answers(gate.wait)
	var handles []*consign.Handle
	for i := range 5 {
		handles = append(handles, s.submit(fmt.Sprint(i), `{}`))
	}
	s.eventually(func() bool { return value("consign_deliveries_total", `{outcome="dropped",sink="full"}`) == "3" }, "three dropped")
	gate.Open()
	for _, handle := range handles {
		s.wait(handle)
	}
	require.Equal(t, "5", value("consign_deliveries_total", `{outcome="parked",sink="one"}`))
	require.Equal(t, "15", value("consign_retries_total", `{sink="one"}`))
	require.Equal(t, "20", value("consign_attempts_total", `{result="transient",sink="one"}`))
	require.Equal(t, "3", value("consign_sink_dropped_total", `{sink="full"}`))
	require.Equal(t, "2", value("consign_deliveries_total", `{outcome="delivered",sink="full"}`))
	require.Equal(t, "5", value("consign_results_total", ""))
}

func TestA14_Payload_IsOpaque(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	for i, data := range []string{
		`[{"rule":"a"},{"rule":"b"}]`, `null`, `"text"`, `1.50e+9999`, `{"a":1,"a":2}`, `{"z":1,"a":"<&>\u2028` + "\u2028" + `"}`, `"\ud800"`,
	} {
		s.wait(s.submit(fmt.Sprint(i), data))
		took := s.sinks["one"].took()
		require.Equal(t, data, string(took[len(took)-1].Result.Data))
	}
}

func TestSeed_TenResultsOneSink_TenDeliveredTenAcks(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	up := newUpstream(t)
	for i := range 10 {
		s.submit(fmt.Sprint(i), `{}`, consign.AckByHTTP(up.URL))
	}
	s.eventually(func() bool { return len(up.acked()) == 10 }, "ten acks")
	require.Len(t, s.sinks["one"].took(), 10)
}

func TestSeed_TwoFailuresThenSuccess_ThreeAttemptsOneIdentity(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	s.sinks["one"].answers(func(attempt int, _ sinks.Delivery) error {
		if attempt <= 2 {
			return errors.New("not yet")
		}
		return nil
	})
	receipt := s.wait(s.submit("a", `{"n":1}`))
	require.Equal(t, consign.Delivered, receipt.Legs[0].Outcome)
	require.Equal(t, 3, receipt.Legs[0].Attempts)
	tries := s.sinks["one"].tries()
	require.Len(t, tries, 3)
	for i, try := range tries {
		require.Equal(t, tries[0].ID, try.ID)
		require.Equal(t, tries[0].First, try.First)
		require.Equal(t, i+1, try.Attempt)
	}
}

func TestSeed_ThreeFailuresUnderTheLimit_DeliveredAckedNothingParked(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	up := newUpstream(t)
	s.sinks["one"].answers(func(attempt int, _ sinks.Delivery) error {
		if attempt <= 3 {
			return errors.New("not yet")
		}
		return nil
	})
	receipt := s.wait(s.submit("a", `{}`, consign.AckByHTTP(up.URL)))
	require.True(t, receipt.Delivered())
	require.Empty(t, receipt.Legs[0].DeadLetter)
	s.keep("deliver_retried", consign.WorkflowID("test", "a"))
	require.Contains(t, up.acked(), "a")
}

func TestSeed_AlwaysFailing_IsParkedAndAcked(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	up := newUpstream(t)
	s.sinks["one"].answers(never)
	receipt := s.wait(s.submit("a", `{}`, consign.AckByHTTP(up.URL)))
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	require.Equal(t, 4, receipt.Legs[0].Attempts)
	require.NotEmpty(t, s.record(receipt.Legs[0].DeadLetter).Results)
	require.Contains(t, up.acked(), "a")
}

func TestSeed_FastAndGatedSlowSink_NoAckUntilTheSlowOneConfirms(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  fast: {script: {}}
  slow: {script: {}, timeout: 30s}
`)
	up, gate := newUpstream(t), newGate(t)
	s.sinks["slow"].answers(gate.wait)
	handle := s.submit("a", `{}`, consign.AckByHTTP(up.URL))
	s.eventually(func() bool { return len(s.sinks["fast"].took()) == 1 && len(s.sinks["slow"].tries()) >= 1 }, "both were tried")
	require.Empty(t, up.acked())
	gate.Open()
	require.True(t, s.wait(handle).Delivered())
	require.Contains(t, up.acked(), "a")
}
