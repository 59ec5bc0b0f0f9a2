package workflows

import (
	"strings"

	"github.com/consign-dev/consign"
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
	outcome := consign.Unmatched
	switch d.routed.Unmatched {
	case config.UnmatchedPark:
		return r // they stand in the leg to the sink name _none
	case config.UnmatchedReject:
		outcome = consign.Rejected
	case config.UnmatchedAck:
	}
	for _, i := range d.routed.Unrouted {
		r.Unrouted = append(r.Unrouted, consign.Unrouted{Index: i, Outcome: outcome})
	}
	return r
}

// receipt of one leg: the commonest outcome, and the others by index.
func (l *leg) receipt() consign.LegReceipt {
	var common end
	most := 0
	for _, candidate := range l.ends {
		n := 0
		for _, other := range l.ends {
			if other.outcome == candidate.outcome {
				n++
			}
		}
		if n > most {
			common, most = candidate, n
		}
		if most == len(l.ends) {
			break
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
			exception.Cause = strings.ToValidUTF8(e.cause[:min(len(e.cause), maxExceptionCause)], "")
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
