package sinktest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
)

// soon is how long a sink may take to give up once its context is over, or its counterpart has refused.
const soon = 5 * time.Second

func open(t *testing.T, subject Subject) Instance {
	t.Helper()
	instance := subject.Open(t)
	require.NotNil(t, instance.Sink, "Instance.Sink")
	require.NotNil(t, instance.Received, "Instance.Received")
	t.Cleanup(func() {
		if instance.Heal != nil {
			instance.Heal()
		}
		// A test that closes the sink itself closes it twice, whatever that returns.
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		_ = instance.Sink.Close(ctx)
	})
	return instance
}

// within fails the test when call has not returned after d.
func within[T any](t *testing.T, d time.Duration, call func() T) T {
	t.Helper()
	result := make(chan T, 1)
	go func() { result <- call() }()
	select {
	case value := <-result:
		return value
	case <-time.After(d):
		require.FailNow(t, "no return", "not back after %s", d)
		panic("unreachable")
	}
}

// requireReport checks that a report is nil or has an entry for each result.
func requireReport(t *testing.T, batch []sinks.Delivery, errs []error) {
	t.Helper()
	if errs != nil {
		require.Len(t, errs, len(batch), "one report per result")
	}
}

func requireDelivered(t *testing.T, batch []sinks.Delivery, errs []error) {
	t.Helper()
	requireReport(t, batch, errs)
	for i, err := range errs {
		require.NoError(t, err, "result %d of %d, %s", i, len(batch), batch[i].Result.ID)
	}
}

// requireFailed checks that each result is reported as failed, and how.
func requireFailed(t *testing.T, instance Instance, batch []sinks.Delivery, errs []error, permanent bool) {
	t.Helper()
	require.Len(t, errs, len(batch), "one report per result")
	for i, err := range errs {
		require.Error(t, err, "result %d of %d", i, len(batch))
		failure := sinks.Classify(err)
		require.Equal(t, permanent, failure.Permanent, "permanent: %v", err)
		require.NotEmpty(t, failure.Label)
		require.NotEmpty(t, failure.Message)
		for _, secret := range instance.Secrets {
			require.NotEmpty(t, secret)
			require.NotContains(t, err.Error(), secret)
			require.NotContains(t, failure.Message, secret)
			require.NotContains(t, failure.Label, secret)
		}
	}
}

// requireHolds checks that the counterpart holds each result once, as it was delivered, and nothing else.
func requireHolds(t *testing.T, instance Instance, batch []sinks.Delivery) {
	t.Helper()
	received := instance.Received()
	requireContains(t, instance, received, batch)
	require.Len(t, received, len(batch), "nothing arrives twice while nothing fails")
}

// requireHoldsAtLeast allows for results that arrived although their delivery was reported as failed.
func requireHoldsAtLeast(t *testing.T, instance Instance, batch []sinks.Delivery) {
	t.Helper()
	requireContains(t, instance, instance.Received(), batch)
}

// requireHoldsUnfailed checks those results that were not reported as failed.
func requireHoldsUnfailed(t *testing.T, instance Instance, batch []sinks.Delivery, errs []error) {
	t.Helper()
	if errs == nil {
		errs = make([]error, len(batch))
	}
	var delivered []sinks.Delivery
	for i, delivery := range batch {
		if errs[i] == nil {
			delivered = append(delivered, delivery)
		}
	}
	requireContains(t, instance, instance.Received(), delivered)
}

func requireContains(t *testing.T, instance Instance, received []Received, batch []sinks.Delivery) {
	t.Helper()
	type identity struct{ source, id string }
	held := make(map[identity]Received, len(received))
	for _, one := range received {
		held[identity{one.Result.Source, one.Result.ID}] = one
	}
	for _, want := range batch {
		got, found := held[identity{want.Result.Source, want.Result.ID}]
		require.True(t, found, "%s/%s did not arrive", want.Result.Source, want.Result.ID)
		if string(want.Result.Data) != string(got.Result.Data) {
			require.Equal(t, string(want.Result.Data), string(got.Result.Data), "bytes of the data of %s", want.Result.ID)
		}
		if got.DeliveryID != "" {
			require.Equal(t, want.ID, got.DeliveryID, "delivery id of %s", want.Result.ID)
		}
		require.Equal(t, want.Result.Type, got.Result.Type, "type of %s", want.Result.ID)
		require.Equal(t, want.Result.Subject, got.Result.Subject, "subject of %s", want.Result.ID)
		require.True(t, want.Result.Time.Truncate(instance.TimePrecision).Equal(got.Result.Time), "time of %s: %s", want.Result.ID, got.Result.Time)
	}
}

func ids(batch []sinks.Delivery) []string {
	names := make([]string, len(batch))
	for i, delivery := range batch {
		names[i] = delivery.Result.ID
	}
	return names
}
