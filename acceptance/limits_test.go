package acceptance

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

// What stands near a limit of Temporal, or comes from a caller that means no good, must neither lose a
// result nor stop a workflow.

func TestLimits_1000ResultsWithAcks_AreDeliveredOnceAndAcked(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a thousand signals keep a race-built server busy for minutes")
	}
	s := perform(t, "sinks:\n  one: {script: {}, batch_max: 2000}\n  two: {script: {}, batch_max: 2000}\n  three: {script: {}, batch_max: 2000}\n")
	up := newUpstream(t)
	receipt := s.receiptOf(s.bare("many", several(1000, &consign.AckTarget{HTTP: &consign.HTTPTarget{URL: up.URL}})...))
	require.True(t, receipt.Delivered())
	require.Equal(t, consign.AckSent, receipt.Ack)
	require.Len(t, up.acked(), 1000)
	require.Len(t, s.sinks["one"].tries(), 1000)
}

func TestLimits_1000ResultsThatFailWithLongCauses_AreParkedAtEachSink(t *testing.T) {
	t.Parallel()
	s := perform(t, `
defaults: {batch_max: 2000, retry: {max: 1}}
sinks:
  one: {script: {}}
  two: {script: {}}
  three: {script: {}}
  four: {script: {}}
`)
	for _, script := range s.sinks {
		script.answers(func(int, sinks.Delivery) error { return errors.New(strings.Repeat(`"`, 2000)) })
	}
	receipt := s.receiptOf(s.bare("long", several(1000, nil)...))
	for _, leg := range receipt.Legs {
		require.Equal(t, consign.Parked, leg.Outcome)
		require.Empty(t, leg.Except)
		require.Len(t, s.record(leg.DeadLetter).Results, 1000)
	}
}

func TestLimits_SinkThatTakesOneResultAnAttempt_IsParkedBeforeTheHistoryIsFull(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}, batch_max: 2000, retry: {max: 500, backoff: 1ms, max_backoff: 1ms}, circuit: {failures: -1}}\n")
	entries := several(250, nil)
	for i := range entries {
		entries[i].Data = []byte(`"` + strings.Repeat("x", 4000) + `"`)
	}
	taken := map[string]bool{}
	last := 0
	s.sinks["one"].answers(func(attempt int, d sinks.Delivery) error { // called under no lock, one at a time
		if attempt > last && !taken[d.ID] {
			last = attempt
			taken[d.ID] = true
			return nil
		}
		return errors.New("one at a time")
	})
	receipt := s.receiptOf(s.bare("slow", entries...))
	held := 0
	for i := range entries {
		if one := receipt.Of(i).Legs[0]; one.Outcome == consign.Parked {
			held++
		}
	}
	require.Equal(t, 250, held+len(taken), "delivered or parked")
	require.Positive(t, held)
}

func TestLimits_SlowSink_HasItsWholeTimeoutForEachPartOfABatch(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}, batch_max: 1, timeout: 1s, retry: {max: 0}}\n")
	slow := make(chan time.Time)
	go func() {
		defer close(slow)
		for range 30 {
			slow <- <-time.After(100 * time.Millisecond)
		}
	}()
	s.sinks["one"].answers(func(int, sinks.Delivery) error { <-slow; return nil })
	receipt := s.receiptOf(s.bare("parts", several(30, nil)...))
	require.True(t, receipt.Delivered(), "%+v", receipt)
}

func TestLimits_SinkSlowerThanAnInlineAttemptMayBe_IsNotChargedForIt(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}, timeout: 30s, retry: {max: 0}}\n")
	gate := newGate(t)
	s.sinks["one"].answers(func(attempt int, d sinks.Delivery) error {
		if attempt == 1 {
			return sinks.Label(errors.New("too slow for inline"), sinks.LabelTimeout)
		}
		return gate.wait(attempt, d)
	})
	s.sinks["one"].hold = true // the first attempt lasts as long as it is allowed to
	handle := s.submit("a", `{}`)
	s.eventually(func() bool { return len(s.sinks["one"].tries()) == 2 }, "it goes on in the queue")
	gate.Open()
	receipt := s.wait(handle)
	require.Equal(t, consign.Delivered, receipt.Legs[0].Outcome, "%+v", receipt)
	require.Equal(t, 2, receipt.Legs[0].Attempts)
}

func TestHostile_SignalThatCannotBeDecoded_DoesNotStopADeadLetter(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	id := s.parked("a")
	s.signal(id, consign.ReplaySignal, "please")
	s.signal(id, consign.DiscardSignal, 7)
	s.signal(id, consign.DiscardSignal, consign.DiscardRequest{Reason: "x"})
	require.Equal(t, consign.StateDiscarded, s.closed(id).State)
}

func TestHostile_SameResultTwiceInOneConsignment_IsRefused(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	twins := several(2, nil)
	twins[1].ID, twins[1].Data = twins[0].ID, []byte(`{"other":1}`)
	require.ErrorContains(t, s.bare("twins", twins...).Get(s.ctx, nil), "results[1] has the source and id of results[0]")
	require.Empty(t, s.sinks["one"].tries())
}

func TestHostile_AckTargetsBeyondTheLimit_AreRefusedAndSaidSo(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}, inline: false, retry: {max: 100, backoff: 10s, max_backoff: 10s}, circuit: {failures: -1}}\n")
	s.sinks["one"].answers(never)
	s.submit("a", `{}`)
	var refused error
	for i := range 101 {
		result := consign.Result{Source: "test", ID: "a", Data: []byte(`{}`)}
		if _, err := s.client.Submit(s.ctx, result, consign.AckByHTTP(fmt.Sprintf("http://127.0.0.1:1/%d", i))); err != nil {
			require.Equal(t, 100, i)
			refused = err
		}
	}
	require.ErrorContains(t, refused, "100 ack targets")
}

func TestHostile_SinksWithNumbersForNames_CollideWithNothing(t *testing.T) {
	t.Parallel()
	var yaml strings.Builder
	yaml.WriteString("sinks:\n  bad: {script: {}}\n")
	for i := 1; i <= 20; i++ {
		fmt.Fprintf(&yaml, "  \"%d\": {script: {}, inline: false, retry: {max: 1, backoff: 2s}}\n", i)
	}
	s := perform(t, yaml.String())
	for _, script := range s.sinks {
		script.answers(func(attempt int, _ sinks.Delivery) error {
			if attempt == 1 {
				return errors.New("not yet")
			}
			return nil
		})
	}
	s.sinks["bad"].answers(func(int, sinks.Delivery) error { return sinks.Permanent(errors.New("refused")) })
	s.wait(s.submit("a", `{}`))
	require.Len(t, s.sinks["bad"].tries(), 1, "its workflow task failed and was made again")
}

func TestHostile_LongLabel_IsCut(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	s.sinks["one"].answers(func(int, sinks.Delivery) error {
		return sinks.Permanent(sinks.Label(errors.New("x"), strings.Repeat("l", 3000)))
	})
	receipt := s.wait(s.submit("a", `{}`))
	require.Len(t, s.record(receipt.Legs[0].DeadLetter).Label, 100)
}

func TestDeadLetter_Replay_StartsWithAFreshBackoff(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}, inline: false, retry: {max: 7, backoff: 20ms, max_backoff: 1h, jitter: 0}, circuit: {failures: -1}}\n")
	s.sinks["one"].answers(never)
	id := s.wait(s.submit("a", `{}`)).Legs[0].DeadLetter
	s.signal(id, consign.ReplaySignal, nil)
	s.eventually(func() bool { return s.record(id).Replays == 1 && s.record(id).State == consign.StateParked }, "parked again")
	attempts := s.record(id).Attempts
	require.Len(t, attempts, 16)
	// 20 ms and 2.6 s if it is fresh and goes on as before; 5 s for the first one if it is not.
	require.Less(t, attempts[9].At.Sub(attempts[8].At), 2*time.Second)
}
