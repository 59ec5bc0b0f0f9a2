package consign

import (
	"errors"
	"slices"
)

// Outcome says how a leg ended.
type Outcome string

const (
	// Delivered means that the sink has taken the result.
	Delivered Outcome = "delivered"
	// Parked means that a dead letter holds the result for this sink until someone replays or
	// discards it.
	Parked Outcome = "parked"
	// Dropped means that a best-effort sink (on_full: drop) had no room for the result.
	Dropped Outcome = "dropped"
	// Rejected means that no sink wants the result and the configuration says to refuse such.
	Rejected Outcome = "rejected"
	// Unmatched means that no sink wants the result, which the configuration allows.
	Unmatched Outcome = "unmatched"
)

// AckOutcome says what became of the ack to the upstream.
type AckOutcome string

const (
	// AckNone means that nobody asked for an ack.
	AckNone AckOutcome = "none"
	// AckSent means that the upstream has taken the ack.
	AckSent AckOutcome = "sent"
	// AckFailed means that the ack could not be delivered; the results are committed all the same.
	AckFailed AckOutcome = "failed"
)

// Receipt is the result of a Deliver workflow: what became of each result at each sink. It stays
// small for large consignments: one outcome per leg, with exceptions by index.
type Receipt struct {
	// Results counts the results of the consignment.
	Results int `json:"results"`
	// Legs lists the sinks in configuration order.
	Legs []LegReceipt `json:"legs"`
	// Unrouted lists results that no sink wants.
	Unrouted []Unrouted `json:"unrouted,omitempty"`
	// Ack is the worst outcome of all acks: failed before sent before none.
	Ack AckOutcome `json:"ack"`
	// AckErrors says why acks failed, by index.
	AckErrors []AckError `json:"ack_errors,omitempty"`
}

// LegReceipt is what became of the consignment at one sink.
type LegReceipt struct {
	Sink string `json:"sink"`
	Kind string `json:"kind,omitempty"`
	// Outcome holds for every result of the leg that Except does not name.
	Outcome Outcome `json:"outcome"`
	// Attempts counts the tries made, the first one included. 0: the leg never came to one.
	Attempts int `json:"attempts"`
	// Cause is the failure that parked it.
	Cause string `json:"cause,omitempty"`
	// DeadLetter is the workflow id of the dead letter that holds what was parked.
	DeadLetter string `json:"dead_letter,omitempty"`
	// Except lists results with another outcome than the leg's.
	Except []Exception `json:"except,omitempty"`
	// Skipped lists, by index, results that this sink did not ask for.
	Skipped []int `json:"skipped,omitempty"`
}

// Exception is a result whose outcome differs from that of its leg.
type Exception struct {
	Index      int     `json:"index"`
	Outcome    Outcome `json:"outcome"`
	Cause      string  `json:"cause,omitempty"`
	DeadLetter string  `json:"dead_letter,omitempty"`
}

// Unrouted is a result that no sink wants.
type Unrouted struct {
	Index   int     `json:"index"`
	Outcome Outcome `json:"outcome"`
}

// AckError is an ack that could not be delivered.
type AckError struct {
	Index int    `json:"index"`
	Cause string `json:"cause"`
}

// Delivered tells whether every sink has taken every result: nothing parked, dropped or rejected.
func (r Receipt) Delivered() bool {
	for _, leg := range r.Legs {
		if leg.Outcome != Delivered || len(leg.Except) > 0 {
			return false
		}
	}
	for _, u := range r.Unrouted {
		if u.Outcome == Rejected || u.Outcome == Parked {
			return false
		}
	}
	return true
}

// check refuses what is no receipt: an answer without one must not pass for "delivered".
func (r Receipt) check() error {
	if r.Results < 1 {
		return errors.New("what it returned is no receipt")
	}
	return nil
}

// Of is the receipt of one result of the consignment alone, as its ack carries it.
func (r Receipt) Of(index int) Receipt {
	one := Receipt{Results: 1, Legs: []LegReceipt{}, Ack: r.Ack}
	for _, e := range r.AckErrors {
		if e.Index == index {
			one.AckErrors = append(one.AckErrors, AckError{Cause: e.Cause})
		}
	}
	if one.Ack == AckFailed && len(one.AckErrors) == 0 {
		one.Ack = AckSent // it was another's that failed
	}
	for _, leg := range r.Legs {
		if leg.skips(index) {
			continue
		}
		one.Legs = append(one.Legs, leg.of(index))
	}
	for _, u := range r.Unrouted {
		if u.Index == index {
			one.Unrouted = append(one.Unrouted, Unrouted{Outcome: u.Outcome})
		}
	}
	return one
}

func (l LegReceipt) skips(index int) bool {
	return slices.Contains(l.Skipped, index)
}

func (l LegReceipt) of(index int) LegReceipt {
	one := LegReceipt{Sink: l.Sink, Kind: l.Kind, Outcome: l.Outcome, Attempts: l.Attempts, Cause: l.Cause, DeadLetter: l.DeadLetter}
	for _, e := range l.Except {
		if e.Index == index {
			one.Outcome, one.Cause, one.DeadLetter = e.Outcome, e.Cause, e.DeadLetter
		}
	}
	return one
}
