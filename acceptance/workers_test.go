package acceptance

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/worker"
)

func TestWorkers_TwoShareTheWork_AndOneGoesOnAlone(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}}
  queued: {script: {}, inline: false}
`)
	second, err := worker.Start(s.ctx, worker.Options{Temporal: s.temporal, Namespace: s.namespace, Config: s.config})
	require.NoError(t, err)
	var handles []*consign.Handle
	for i := range 60 {
		handles = append(handles, s.submit(fmt.Sprint(i), `{}`))
		if i == 30 {
			require.NoError(t, second.Stop(s.ctx))
		}
	}
	for _, handle := range handles {
		require.True(t, s.wait(handle).Delivered())
	}
	require.Len(t, s.sinks["one"].took(), 60)
	require.Len(t, s.sinks["queued"].took(), 60)
}

// TestWorkers_AttemptThatIsLost_UsesUpNoRetry lets an attempt hang as if its worker had been killed: it
// heeds nothing, and is counted as lost when Temporal's own timeout is over.
func TestWorkers_AttemptThatIsLost_UsesUpNoRetry(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}, inline: false, timeout: 100ms, retry: {max: 0}}")
	gate := newGate(t)
	s.sinks["one"].answers(func(attempt int, d sinks.Delivery) error {
		if attempt == 1 {
			_ = gate.wait(attempt, d)
			return errors.New("nobody hears this")
		}
		return nil
	})
	handle := s.submit("a", `{}`)
	receipt := s.wait(handle)
	gate.Open()
	require.True(t, receipt.Delivered(), "%+v", receipt)
	require.Equal(t, 2, receipt.Legs[0].Attempts)
	s.keep("deliver_lost", handle.WorkflowID())
}
