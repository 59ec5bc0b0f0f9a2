package acceptance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

func TestMaxAge_OfASinkThatFails_OrThatNobodyServes_ParksAsExpired_AndAReplayCountsAnew(t *testing.T) {
	t.Parallel()
	s := perform(t, `
defaults: {max_age: 10s, timeout: 100ms}
sinks:
  down: {script: {}, retry: {max: 100, backoff: 300ms, max_backoff: 300ms}, circuit: {failures: -1}}
  nobody: {external: {}, retry: {max: 3}}
  scheduled: {script: {}, max_age: 30m, retry: {schedule: [100ms, 200ms, 1h]}, circuit: {failures: -1}}
`)
	s.sinks["down"].answers(never)
	s.sinks["scheduled"].answers(never)
	handle := s.submit("a", `{}`)
	receipt := s.wait(handle)
	for _, leg := range receipt.Legs {
		require.Equal(t, consign.Parked, leg.Outcome)
		record := s.record(leg.DeadLetter)
		require.Equal(t, "expired", record.Label, "%+v", record)
		require.Len(t, record.Attempts, record.Made, "each attempt is in the log: %+v", record)
		require.Equal(t, record.Made, leg.Attempts)
	}
	down, nobody, scheduled := receipt.Legs[0], receipt.Legs[1], receipt.Legs[2]
	// How many attempts ten seconds hold is the machine's matter; workflows' tests count them, on a clock of their own.
	require.Positive(t, down.Attempts)
	require.Contains(t, down.Cause, "within its max_age of 10s, or not before the next attempt; the last one: ")
	require.Zero(t, nobody.Attempts)
	require.Equal(t, 3, scheduled.Attempts, "the last wait would be too long, however slow the machine is")
	tries := s.sinks["scheduled"].tries()
	require.GreaterOrEqual(t, tries[2].At.Sub(tries[1].At), 150*time.Millisecond)
	s.keep("deliver_expired", handle.WorkflowID())

	s.sinks["down"].answers(nil)
	s.signal(down.DeadLetter, consign.ReplaySignal, consign.ReplayRequest{})
	require.Equal(t, consign.StateReplayed, s.closed(down.DeadLetter).State)
}
