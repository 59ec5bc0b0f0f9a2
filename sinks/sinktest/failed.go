package sinktest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func contextOver(t *testing.T, subject Subject) {
	instance := open(t, subject)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	batch := Deliveries("over", 3)
	errs := within(t, soon, func() []error { return instance.Sink.Deliver(ctx, batch) })
	requireReport(t, batch, errs)
	requireHoldsUnfailed(t, instance, batch, errs)

	again := Deliveries("again", 3)
	requireDelivered(t, again, instance.Sink.Deliver(t.Context(), again))
}

func hangingCounterpart(t *testing.T, subject Subject) {
	instance := open(t, subject)
	if instance.Hang == nil {
		t.Skip("the counterpart of this sink cannot be made to hang")
	}
	instance.Hang()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	batch := Deliveries("hanging", 3)
	errs := within(t, soon, func() []error { return instance.Sink.Deliver(ctx, batch) })
	requireFailed(t, instance, batch, errs, false)

	instance.Heal()
	again := Deliveries("again", 3)
	requireDelivered(t, again, instance.Sink.Deliver(t.Context(), again))
	requireHoldsAtLeast(t, instance, again)
}

func brokenCounterpart(t *testing.T, subject Subject) {
	instance := open(t, subject)
	if instance.Break == nil {
		t.Skip("the counterpart of this sink cannot be broken")
	}
	before, during := Deliveries("before", 2), Deliveries("during", 3)
	requireDelivered(t, before, instance.Sink.Deliver(t.Context(), before))

	instance.Break()
	for range 2 {
		errs := within(t, soon, func() []error { return instance.Sink.Deliver(t.Context(), during) })
		requireFailed(t, instance, during, errs, false)
	}

	instance.Heal()
	requireDelivered(t, during, instance.Sink.Deliver(t.Context(), during))
	requireHoldsAtLeast(t, instance, append(before, during...))
}

func brokenForGood(t *testing.T, subject Subject) {
	instance := open(t, subject)
	if instance.BreakForGood == nil {
		t.Skip("no failure of this sink's counterpart is permanent")
	}
	instance.BreakForGood()
	batch := Deliveries("refused", 3)
	errs := within(t, soon, func() []error { return instance.Sink.Deliver(t.Context(), batch) })
	requireFailed(t, instance, batch, errs, true)

	instance.Heal()
	requireDelivered(t, batch, instance.Sink.Deliver(t.Context(), batch))
	requireHoldsAtLeast(t, instance, batch)
}

func oneRefused(t *testing.T, subject Subject) {
	instance := open(t, subject)
	if instance.Refuse == nil {
		t.Skip("the counterpart of this sink cannot refuse one result of a batch")
	}
	const refused = 2
	batch := Deliveries("some", 5)
	instance.Refuse(batch[refused].Result.ID)
	errs := instance.Sink.Deliver(t.Context(), batch)
	require.Len(t, errs, len(batch))
	requireFailed(t, instance, batch[refused:refused+1], errs[refused:refused+1], false)
	errs[refused] = nil
	requireDelivered(t, batch, errs)
	requireHolds(t, instance, append(batch[:refused:refused], batch[refused+1:]...))
}
