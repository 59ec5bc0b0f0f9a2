package sinktest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

func oneResult(t *testing.T, subject Subject) {
	instance := open(t, subject)
	batch := Deliveries("one", 1)
	requireDelivered(t, batch, instance.Sink.Deliver(t.Context(), batch))
	requireHolds(t, instance, batch)
}

func aBatch(t *testing.T, subject Subject) {
	instance := open(t, subject)
	batch := Deliveries("batch", 64)
	incident := Delivery("incident", []byte(`{"down":true}`))
	incident.Result.Type = consign.IncidentType
	batch = append(batch, incident)
	given := slices.Clone(batch)
	requireDelivered(t, batch, instance.Sink.Deliver(t.Context(), batch))
	require.Equal(t, given, batch, "the batch is the caller's")
	requireHolds(t, instance, batch)
}

func emptyBatch(t *testing.T, subject Subject) {
	instance := open(t, subject)
	require.Empty(t, instance.Sink.Deliver(t.Context(), nil))
	require.Empty(t, instance.Sink.Deliver(t.Context(), []sinks.Delivery{}))
	require.Empty(t, instance.Received())
}

func inOrder(t *testing.T, subject Subject) {
	if !subject.KeepsOrder {
		t.Skip("this sink does not promise order")
	}
	instance := open(t, subject)
	var want []string
	for i := range 20 {
		batch := Deliveries(fmt.Sprintf("turn-%d", i), 1+i%5)
		want = append(want, ids(batch)...)
		requireDelivered(t, batch, instance.Sink.Deliver(t.Context(), batch))
	}
	var got []string
	for _, received := range instance.Received() {
		got = append(got, received.Result.ID)
	}
	require.Equal(t, want, got)
}

func oddJSON(t *testing.T, subject Subject) {
	instance := open(t, subject)
	batch := odd()
	requireDelivered(t, batch, instance.Sink.Deliver(t.Context(), batch))
	requireHolds(t, instance, batch)
}

func realResults(t *testing.T, subject Subject) {
	batch := RealResults(t)
	instance := open(t, subject)
	for start := 0; start < len(batch); start += 64 {
		part := batch[start:min(start+64, len(batch))]
		requireDelivered(t, part, instance.Sink.Deliver(t.Context(), part))
	}
	requireHolds(t, instance, batch)
}

func largestResult(t *testing.T, subject Subject) {
	instance := open(t, subject)
	batch := []sinks.Delivery{largest(t)}
	requireDelivered(t, batch, instance.Sink.Deliver(t.Context(), batch))
	requireHolds(t, instance, batch)
}

func manyAtOnce(t *testing.T, subject Subject) {
	const goroutines, turns = 16, 20
	instance := open(t, subject)
	padding := strings.Repeat("padding ", 1000)
	batches := make([][][]sinks.Delivery, goroutines)
	var all []sinks.Delivery
	for g := range batches {
		for turn := range turns {
			batch := Deliveries(fmt.Sprintf("many-%02d-%02d", g, turn), 1+turn%3)
			batch[0].Result.Data = fmt.Appendf(nil, `"%d/%d %s"`, g, turn, padding)
			batches[g] = append(batches[g], batch)
			all = append(all, batch...)
		}
	}
	reports := make([][][]error, goroutines)
	var group sync.WaitGroup
	for g := range batches {
		group.Go(func() {
			for _, batch := range batches[g] {
				reports[g] = append(reports[g], instance.Sink.Deliver(t.Context(), batch))
			}
		})
	}
	group.Wait()
	for g := range batches {
		for turn, batch := range batches[g] {
			requireDelivered(t, batch, reports[g][turn])
		}
	}
	requireHolds(t, instance, all)
}
