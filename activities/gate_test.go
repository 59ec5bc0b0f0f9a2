package activities

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/stdout"
)

// answering is a sink that says the same to everything.
type answering struct{ err error }

func (a *answering) Deliver(_ context.Context, batch []sinks.Delivery) []error {
	return sinks.All(batch, a.err)
}
func (*answering) Close(context.Context) error { return nil }

func newTestGate(sink sinks.Sink, change func(*config.Sink)) *Gate {
	settings := config.Sink{Name: "one", Delivery: config.Delivery{
		Concurrency: 2, QueueDepth: 1, Timeout: 10 * time.Second,
		Retry:   config.Retry{MaxRetryAfter: time.Hour},
		Circuit: config.Circuit{Failures: 3, Open: 5 * time.Second},
	}}
	if change != nil {
		change(&settings)
	}
	return NewGate(settings, sink, NewMetrics(prometheus.NewRegistry()), nil)
}

func (g *Gate) once() error {
	errs, err := g.deliver(context.Background(), try{batch: []sinks.Delivery{{ID: "a"}}, batchMax: 64, timeout: time.Minute, backoff: time.Second})
	if err != nil {
		return err
	}
	if len(errs) != 1 {
		return fmt.Errorf("%d reports", len(errs))
	}
	return errs[0]
}

func TestGate_ExternalSink_TakesNoInlineAttempt(t *testing.T) {
	t.Parallel()
	leave, why := newTestGate(&answering{}, func(s *config.Sink) { s.External = true }).TryInline(1)
	require.Nil(t, leave)
	require.Equal(t, "the sink is served by a worker of its own", why)
}

func TestGate_FailuresInARow_OpenTheCircuit_AndOneProbeAtATimeClosesIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := &answering{err: errors.New("down")}
		g := newTestGate(sink, nil)
		for range 3 {
			require.EqualError(t, g.once(), "down")
		}
		require.ErrorIs(t, g.once(), errCircuitOpen)
		_, why := g.TryInline(1)
		require.Equal(t, "circuit open", why)
		ok, wait, _ := g.Ready(0)
		require.False(t, ok)
		require.Equal(t, 5*time.Second, wait)
		require.Equal(t, 5*time.Second, g.probeIn())

		time.Sleep(wait + time.Millisecond)
		ok, _, _ = g.Ready(0)
		require.True(t, ok, "one probe")
		require.Equal(t, 5*time.Second, g.probeIn(), "unless that one does well")
		ok, _, _ = g.Ready(1)
		require.False(t, ok, "one at a time")
		require.EqualError(t, g.once(), "down")
		ok, _, changed := g.Ready(0)
		require.False(t, ok, "the probe failed, so it is open again")

		time.Sleep(5*time.Second + time.Millisecond)
		sink.err = nil
		require.NoError(t, g.once())
		<-changed
		ok, _, _ = g.Ready(1)
		require.True(t, ok, "closed")
		leave, why := g.TryInline(1)
		require.Empty(t, why)
		leave()
	})
}

func TestGate_InlineAttemptOfAReplay_LeavesHalfOfTheSlotsToLiveResults(t *testing.T) {
	t.Parallel()
	for concurrency, most := range map[int]int{1: 1, 2: 1, 3: 2, 8: 4} {
		g := newTestGate(&answering{}, func(s *config.Sink) { s.Concurrency = concurrency })
		for range most {
			require.True(t, g.spare(), "of %d", concurrency)
			leave, why := g.TryInline(1)
			require.Empty(t, why)
			t.Cleanup(leave)
		}
		require.False(t, g.spare(), "of %d", concurrency)
		a := &Activities{Metrics: NewMetrics(prometheus.NewRegistry())}
		require.Equal(t, Outcome{Skipped: "no slot to spare"}, a.inline(t.Context(), g, DeliverInput{Replay: true, Policy: Policy{Inline: true}}))
	}
}

func TestGate_AfterTheCircuitHasClosed_AttemptsComeBackOneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := &answering{err: errors.New("down")}
		g := newTestGate(sink, func(s *config.Sink) { s.Concurrency = 5 })
		for range 3 {
			require.EqualError(t, g.once(), "down")
		}
		time.Sleep(5*time.Second + time.Millisecond)
		sink.err = nil
		for _, atOnce := range []int{3, 4} { // the probe is the first that shows it alive
			require.NoError(t, g.once())
			ok, _, _ := g.Ready(atOnce - 1)
			require.True(t, ok)
			ok, _, changed := g.Ready(atOnce)
			require.False(t, ok, "not %d at once yet", atOnce+1)
			select {
			case <-changed:
				require.Fail(t, "nothing has changed yet")
			default:
			}
		}
		require.NoError(t, g.once())
		ok, _, _ := g.Ready(100)
		require.True(t, ok, "as many as there are slots")
	})
}

func TestGate_RefusalForGood_IsASignOfLife(t *testing.T) {
	t.Parallel()
	g := newTestGate(&answering{err: sinks.Permanent(errors.New("bad request"))}, nil)
	for range 10 {
		require.EqualError(t, g.once(), "bad request")
	}
}

func TestGate_SinkThatAsksToBeLeftAlone_IsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newTestGate(&answering{err: sinks.RetryAfter(errors.New("429"), time.Minute)}, nil)
		require.EqualError(t, g.once(), "429")
		_, why := g.TryInline(1)
		require.Contains(t, why, "left alone")
		ok, wait, _ := g.Ready(0)
		require.False(t, ok)
		require.Equal(t, time.Minute, wait)
		time.Sleep(wait)
		ok, _, _ = g.Ready(0)
		require.True(t, ok)
	})
}

func TestGate_SlowSink_IsNotTriedInline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newTestGate(&answering{}, nil)
		leave, why := g.TryInline(1)
		require.Empty(t, why)
		time.Sleep(251 * time.Millisecond)
		_, why = g.TryInline(1)
		require.Equal(t, "the sink is slow", why, "an inline attempt has been under way for more than 250 ms")
		leave()
		_, why = g.TryInline(1)
		require.Empty(t, why)
		for range 4 {
			g.pace.record(time.Second, 1)
		}
		_, why = g.TryInline(1)
		require.Equal(t, "the sink is slow", why, "4 of the last 64 attempts took longer, so the 95th percentile does")
		for range paceWindow {
			g.pace.record(time.Millisecond, 1)
		}
		_, why = g.TryInline(1)
		require.Empty(t, why, "it has become quick again")
	})
}

func TestGate_AnAttemptInParts_MayTakeAsMuchLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newTestGate(&answering{}, nil)
		leave, _ := g.TryInline(parts(256, 64))
		time.Sleep(999 * time.Millisecond)
		_, why := g.TryInline(1)
		require.Empty(t, why)
		time.Sleep(2 * time.Millisecond)
		_, why = g.TryInline(1)
		require.Equal(t, "the sink is slow", why, "four parts have been under way for more than a second")
		leave()
		for range paceWindow {
			g.pace.record(999*time.Millisecond, 4)
		}
		_, why = g.TryInline(1)
		require.Empty(t, why)
		for range 4 {
			g.pace.record(999*time.Millisecond, 3)
		}
		_, why = g.TryInline(1)
		require.Equal(t, "the sink is slow", why)
	})
}

func TestGate_BestEffort_AdmitsWhatFitsAndForgetsWhatNeverLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newTestGate(&answering{}, nil)
		for i := range 3 {
			require.True(t, g.Admit(fmt.Sprint(i)))
		}
		require.True(t, g.Admit("0"), "it is in already")
		require.False(t, g.Admit("3"))
		g.Settle("1")
		require.True(t, g.Admit("3"))
		require.False(t, g.Admit("4"))
		time.Sleep(legLife + time.Second)
		require.True(t, g.Admit("4"))
	})
}

type panicking struct{ answering }

func (panicking) Deliver(context.Context, []sinks.Delivery) []error { panic("bug") }

type short struct{ answering }

func (short) Deliver(context.Context, []sinks.Delivery) []error { return []error{nil, nil} }

func TestGate_BrokenSink_HasDeliveredNothing(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, newTestGate(&panicking{}, nil).once(), "panicked: bug")
	require.ErrorContains(t, newTestGate(&short{}, nil).once(), "reported on 2 of 1")
}

func TestPolicy_Next_KeepsToTheSinksWishWithinItsBound(t *testing.T) {
	t.Parallel()
	p := Policy{Backoff: 1000, MaxBackoff: 8000, Jitter: 0.5, MaxRetryAfter: 60_000}
	require.Equal(t, 30*time.Second, p.next(1, 30*time.Second))
	require.Equal(t, time.Minute, p.next(1, time.Hour))
	for range 1000 {
		wait := p.next(2, 0)
		require.GreaterOrEqual(t, wait, time.Second)
		require.LessOrEqual(t, wait, 3*time.Second)
	}
	require.Equal(t, time.Millisecond, Policy{}.next(1, 0), "0 would mean the server's own backoff")
}

func TestPolicy_Next_FollowsTheSchedule_SpreadByItsJitter(t *testing.T) {
	t.Parallel()
	p := Policy{Schedule: []consign.Milliseconds{5000, 300_000, consign.Millis(14 * time.Hour)}, Backoff: 1000, MaxBackoff: 2000, MaxRetryAfter: 60_000}
	for n, want := range map[int]time.Duration{0: 5 * time.Second, 1: 5 * time.Second, 2: 5 * time.Minute, 3: 14 * time.Hour, 9: 14 * time.Hour} {
		require.Equal(t, want, p.next(n, 0), n)
	}
	require.Equal(t, time.Minute, p.next(3, time.Hour), "what the destination asks for counts more")
	p.Jitter = 0.1
	for range 1000 {
		require.InDelta(t, 14*time.Hour, p.next(3, 0), float64(85*time.Minute))
	}
}

func TestGate_Classes_OverruleWhatTheSinkSays(t *testing.T) {
	t.Parallel()
	answer := &answering{}
	c, err := config.Parse("test.yaml", []byte("sinks: {one: {stdout: {}, permanent: [500-599, /invalid_auth/], transient: [409, 503], circuit: {failures: 2}}}"), []config.Kind{stdout.Kind()}, os.LookupEnv)
	require.NoError(t, err)
	g := NewGate(c.Sinks[0], answer, NewMetrics(prometheus.NewRegistry()), nil)
	labelled := func(text string, status int) error { return sinks.Label(errors.New(text), fmt.Sprint("http ", status)) }
	for name, test := range map[string]struct {
		err       error
		permanent bool
	}{
		"transient, said to be for good":  {labelled("broken", 500), true},
		"for good, said to heal":          {sinks.Permanent(labelled("conflict", 409)), false},
		"a status in a range":             {sinks.RetryAfter(labelled("busy", 503), 0), false},
		"an answer in the text":           {labelled("answered 503: invalid_auth", 503), true},
		"for good, of which nothing says": {sinks.Permanent(labelled("no", 404)), true},
		"without a status":                {errors.New("reset"), false},
	} {
		answer.err = test.err
		reports, err := g.deliver(t.Context(), try{batch: []sinks.Delivery{{ID: "a"}}, batchMax: 64, timeout: time.Minute})
		require.NoError(t, err)
		require.Equal(t, test.permanent, sinks.Classify(reports[0]).Permanent, name)
		answer.err = nil
		require.NoError(t, g.once(), "so that the circuit stays closed")
	}
	answer.err = labelled("broken", 500)
	for range 5 {
		require.Error(t, g.once())
	}
	require.NotErrorIs(t, g.once(), errCircuitOpen, "refusals for good are a sign of life")
}
