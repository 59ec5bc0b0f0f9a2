// Package sinktest is the suite that every sink must pass, run against what the sink's real
// counterpart truly holds.
//
// A sink's test describes the sink once, and [Run] does the rest:
//
//	func TestSink(t *testing.T) {
//		sinktest.Run(t, sinktest.Subject{
//			KeepsOrder: true,
//			Open: func(t *testing.T) sinktest.Instance {
//				path := filepath.Join(t.TempDir(), "results.ndjson")
//				sink, err := file.New(file.Config{Path: path})
//				require.NoError(t, err)
//				return sinktest.Instance{
//					Sink:     sink,
//					Received: func() []sinktest.Received { return sinktest.Lines(t, read(t, path)) },
//				}
//			},
//		})
//	}
package sinktest

import (
	"testing"
	"time"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

// Subject is a kind of sink under test.
type Subject struct {
	// Open returns a fresh sink whose counterpart holds nothing yet. The suite closes the sink; the
	// counterpart is released by t.Cleanup. It must start no goroutine that outlives t. Required.
	Open func(t *testing.T) Instance
	// KeepsOrder: what is handed over one after another, and within one batch, arrives in that order.
	KeepsOrder bool
}

// Instance is one open sink and its counterpart. What a counterpart cannot do is nil, and the tests
// that need it are skipped.
type Instance struct {
	// Sink under test. Required.
	Sink sinks.Sink
	// Received returns what the counterpart holds by now, in order of arrival. A result that was
	// reported as delivered must be there at once. Required.
	Received func() []Received
	// Break makes the counterpart fail every delivery from now on, soon and transiently.
	Break func()
	// BreakForGood makes it fail every delivery in a way that no retry heals.
	BreakForGood func()
	// Hang makes it neither take nor refuse a delivery from now on.
	Hang func()
	// Heal ends what Break, BreakForGood and Hang began. Required with any of them.
	Heal func()
	// Refuse makes it fail the delivery of one result, known by its id, transiently, and take the others.
	Refuse func(resultID string)
	// TimePrecision to which the counterpart keeps the time of a result. 0: exactly.
	TimePrecision time.Duration
	// Secrets that the sink was configured with. None may show in an error.
	Secrets []string
}

// Received is one result as the counterpart holds it.
type Received struct {
	// DeliveryID as the counterpart was told it. Empty: it was told none.
	DeliveryID string
	// Result with the bytes of its data as they arrived.
	Result consign.Result
}

// Run runs the suite. It looks for goroutines left behind, so the test that calls it must not be
// parallel.
func Run(t *testing.T, subject Subject) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, Subject)
	}{
		{"OneResult_Arrives", oneResult},
		{"ABatch_ArrivesAndIsReportedByIndex", aBatch},
		{"AnEmptyBatch_DoesNothing", emptyBatch},
		{"OneAfterAnother_ArriveInOrder", inOrder},
		{"OddJSON_KeepsItsBytes", oddJSON},
		{"RealResults_KeepTheirBytes", realResults},
		{"TheLargestResult_Arrives", largestResult},
		{"ManyAtOnce_LoseAndMixNothing", manyAtOnce},
		{"AContextThatIsOver_ReturnsSoon", contextOver},
		{"AHangingCounterpart_IsLeftWhenTheContextEnds", hangingCounterpart},
		{"ABrokenCounterpart_IsTransientAndHeals", brokenCounterpart},
		{"ACounterpartBrokenForGood_IsPermanent", brokenForGood},
		{"OneRefusedResult_IsReportedAtItsIndexOnly", oneRefused},
		{"Close_LeavesNothingBehind", cleanClose},
		{"DeliveryAfterClose_IsAnError", afterClose},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, subject) })
	}
}
