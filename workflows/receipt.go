package workflows

import (
	"slices"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
)

// receipt is what has become of the consignment so far.
func (d *delivery) receipt() consign.Receipt {
	r := consign.Receipt{Results: len(d.in.Results), Legs: []consign.LegReceipt{}, Ack: d.acks.outcome, AckErrors: d.acks.errors}
	for _, l := range d.legs {
		leg := l.receipt()
		if len(l.indexes) < len(d.in.Results) {
			leg.Skipped = missing(l.indexes, len(d.in.Results))
		}
		r.Legs = append(r.Legs, leg)
	}
	if d.routed.Unmatched == config.UnmatchedPark {
		return r // they stand in the leg to the sink name _none
	}
	for _, i := range d.routed.Unrouted {
		r.Unrouted = append(r.Unrouted, consign.Unrouted{Index: i, Outcome: unroutedOutcome(d.routed.Unmatched)})
	}
	return r
}

// receiptOf is the receipt of one result whose legs are all over, as its ack carries it.
func (d *delivery) receiptOf(i int) consign.Receipt {
	r := consign.Receipt{Results: 1, Legs: []consign.LegReceipt{}, Ack: consign.AckSent}
	for _, l := range d.legs {
		position, gets := slices.BinarySearch(l.indexes, i)
		if !gets {
			continue
		}
		e := l.ends[position]
		r.Legs = append(r.Legs, consign.LegReceipt{
			Sink: l.Sink, Kind: l.Kind, Outcome: e.outcome, Attempts: l.made, Cause: e.cause, DeadLetter: e.deadLetter,
		})
	}
	if _, unrouted := slices.BinarySearch(d.routed.Unrouted, i); unrouted && d.routed.Unmatched != config.UnmatchedPark {
		r.Unrouted = []consign.Unrouted{{Outcome: unroutedOutcome(d.routed.Unmatched)}}
	}
	return r
}

func unroutedOutcome(u config.Unmatched) consign.Outcome {
	if u == config.UnmatchedReject {
		return consign.Rejected
	}
	return consign.Unmatched
}

// receipt of one leg: the commonest outcome, and the others by index.
func (l *leg) receipt() consign.LegReceipt {
	counts := map[consign.Outcome]int{}
	for _, e := range l.ends {
		counts[e.outcome]++
	}
	var common end
	for _, e := range l.ends { // not over the map, whose order is not the same in a replay
		if counts[e.outcome] > counts[common.outcome] || common.outcome == "" {
			common = e
		}
	}
	r := consign.LegReceipt{
		Sink: l.Sink, Kind: l.Kind, Outcome: common.outcome, Attempts: l.made, DeadLetter: common.deadLetter,
	}
	if common.outcome == consign.Parked {
		r.Cause = common.cause
	}
	for position, e := range l.ends {
		if e.outcome == common.outcome && e.deadLetter == common.deadLetter {
			continue
		}
		exception := consign.Exception{Index: l.indexes[position], Outcome: e.outcome, DeadLetter: e.deadLetter}
		if e.outcome == consign.Parked {
			exception.Cause = activities.Clip(e.cause, maxExceptionCause)
		}
		r.Except = append(r.Except, exception)
	}
	return r
}

// maxExceptionCause is the most of a cause that stands in an exception, in bytes. There may be one for
// each of 1,024 results at each sink, and a receipt is at most 2 MiB; dead letters hold causes in full.
const maxExceptionCause = 120

// missing lists what of 0..n-1 is not among the sorted indexes.
func missing(indexes []int, n int) []int {
	var gaps []int
	at := 0
	for i := range n {
		if at < len(indexes) && indexes[at] == i {
			at++
			continue
		}
		gaps = append(gaps, i)
	}
	return gaps
}
