package worker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

type idle struct{}

func (idle) Deliver(context.Context, []sinks.Delivery) []error { return nil }
func (idle) Close(context.Context) error                       { return nil }

func TestSlots_WaitForOneThatIsGivenBack_AndEndWithTheirContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := activities.NewGate(config.Sink{Name: "one", Delivery: config.Delivery{Concurrency: 2}}, idle{}, activities.NewMetrics(prometheus.NewRegistry()), nil)
		s := newSlots("one")
		s.use(gate)
		for range 2 {
			_, err := s.ReserveSlot(t.Context(), nil)
			require.NoError(t, err)
		}
		reserved := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, err := s.ReserveSlot(ctx, nil)
			reserved <- err
		}()
		synctest.Wait()
		require.Empty(t, reserved, "a third of two")
		s.ReleaseSlot(nil)
		require.NoError(t, <-reserved)

		go func() {
			_, err := s.ReserveSlot(ctx, nil)
			reserved <- err
		}()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-reserved, context.Canceled)
		require.Nil(t, s.TryReserveSlot(nil), "attempts are queued, never eager")
	})
}

func TestConnect_WaitsForWhatHealsAlone(t *testing.T) {
	t.Parallel()
	require.True(t, heals(errors.New("connection refused")))
	require.True(t, heals(serviceerror.NewUnavailable("starting")))
	require.False(t, heals(serviceerror.NewPermissionDenied("no", "")))
}
