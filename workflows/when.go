package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
)

// whenFailed is the label of what is parked because its sink's "when" could not be evaluated. A replay
// asks the "when" of then, which may have been mended.
const whenFailed = "when failed"

// decided divides the leg's positions into those to deliver, and those of which the sink's "when" could
// not tell, which have failed with its cause.
func (l *leg) decided(pending []int) (wanted, undecided []int) {
	for _, u := range l.Undecided {
		var failed []int
		for _, i := range u.Results {
			if position, found := slices.BinarySearch(l.indexes, i); found {
				failed = append(failed, position)
			}
		}
		l.fail(failed, whenFailed, u.Cause)
		undecided = append(undecided, failed...)
	}
	if len(undecided) == 0 {
		return pending, nil
	}
	slices.Sort(undecided)
	return slices.DeleteFunc(pending, func(position int) bool { return slices.Contains(undecided, position) }), undecided
}

// last is the failure that stands for what a replay has left. Undecided results come first, since it is
// by their label that the next replay asks again.
func (d *deadLetter) last() end {
	last := d.failed[d.pending[len(d.pending)-1]]
	for _, position := range d.pending {
		if d.failed[position].label == whenFailed {
			last = d.failed[position]
		}
	}
	return last
}

// unwanted ends a dead letter whose sink turns out to want none of its results.
func (d *deadLetter) unwanted(ctx workflow.Context) {
	d.record.Reason = "sink " + d.record.Sink + ` does not want it: its "when" says so by now`
	d.end(ctx, consign.StateDiscarded)
}
