package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

// held is the host of a replay's leg: what fails again stays in the dead letter it came from.
type held struct{ *deadLetter }

func (h *held) retrying(workflow.Context) {}

func (h *held) park(_ workflow.Context, l *leg, positions []int) string {
	for _, position := range positions {
		h.failed[l.indexes[position]] = l.ends[position]
	}
	return h.record.ID
}

func (h *held) legOver(_ workflow.Context, l *leg, position int) {
	if l.ends[position].outcome != consign.Parked {
		h.pending = slices.DeleteFunc(h.pending, func(i int) bool { return i == l.indexes[position] })
	}
	h.record.Made = max(h.record.Made, l.before+l.made)
	h.record.Attempts = activities.LastAttempts(append(h.record.Attempts, l.attempts...))
	l.attempts = nil
}

// rerouted is the host of the legs that results of the sink name _none are given on a replay: what
// fails gets a dead letter of its own sink.
type rerouted struct{ *deadLetter }

func (h *rerouted) retrying(workflow.Context) {}

func (h *rerouted) park(ctx workflow.Context, l *leg, positions []int) string {
	if h.parkings == nil {
		h.parkings = map[string]int{}
	}
	h.parkings[l.Sink]++
	return parkLeg(ctx, l, positions, h.parkings[l.Sink])
}

func (h *rerouted) legOver(_ workflow.Context, l *leg, position int) {
	h.pending = slices.DeleteFunc(h.pending, func(i int) bool { return i == l.indexes[position] })
}

// unheld is the host of a leg that brings a dead letter's record to one more sink: what fails there
// is shown in the record, never parked.
type unheld struct{}

func (unheld) retrying(workflow.Context)                 {}
func (unheld) park(workflow.Context, *leg, []int) string { return "" }
func (unheld) legOver(_ workflow.Context, _ *leg, _ int) {}
