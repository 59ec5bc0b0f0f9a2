package sinktest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func cleanClose(t *testing.T, subject Subject) {
	before := goleak.IgnoreCurrent()
	// A test of its own, so that the counterpart is gone too when goroutines are looked for.
	t.Run("closed", func(t *testing.T) {
		instance := open(t, subject)
		batch := Deliveries("closed", 3)
		requireDelivered(t, batch, instance.Sink.Deliver(t.Context(), batch))
		require.NoError(t, instance.Sink.Close(t.Context()))
		requireHolds(t, instance, batch)
	})
	goleak.VerifyNone(t, before)
}

func afterClose(t *testing.T, subject Subject) {
	instance := open(t, subject)
	require.NoError(t, instance.Sink.Close(t.Context()))
	batch := Deliveries("late", 2)
	errs := within(t, soon, func() []error { return instance.Sink.Deliver(t.Context(), batch) })
	requireFailed(t, instance, batch, errs, false)
	require.Empty(t, instance.Received())
	_ = within(t, soon, func() error { return instance.Sink.Close(t.Context()) })
}
