package consign

import (
	"math"
	"strings"
	"time"
)

// Milliseconds is a span of time as it stands in Temporal's histories, readable from any language.
type Milliseconds int64

// Duration of the span; of one that is too long for it, the longest.
func (m Milliseconds) Duration() time.Duration {
	const longest = Milliseconds(math.MaxInt64 / int64(time.Millisecond))
	return time.Duration(min(max(m, -longest), longest)) * time.Millisecond
}

// Millis is d in whole milliseconds, and at least 1 when d is above zero.
func Millis(d time.Duration) Milliseconds {
	if d > 0 && d < time.Millisecond {
		return 1
	}
	return Milliseconds(d.Milliseconds())
}

// Attempt is one failed try of a leg.
type Attempt struct {
	// Number counts the leg's tries from 1.
	Number int `json:"number"`
	// At is when the try began, by Temporal's clock.
	At time.Time `json:"at"`
	// Took is how long it lasted.
	Took Milliseconds `json:"took_ms"`
	// Label is a short name of the cause, Cause the failure's text, at most 1 KiB.
	Label string `json:"label,omitempty"`
	Cause string `json:"cause,omitempty"`
}

// Record is a dead letter: results that one sink did not take, held until someone replays or
// discards them. The query "record" of a DeadLetter workflow returns it.
type Record struct {
	// ID is the workflow id of the dead letter, by which it is replayed and discarded.
	ID string `json:"id"`
	// Sink that did not take the results, and its kind.
	Sink string `json:"sink"`
	Kind string `json:"kind,omitempty"`
	// State is "parked", "replaying", "replayed" or "discarded".
	State string `json:"state"`
	// Label is a short name of the cause, such as "http 400", Cause the last failure's text.
	Label string `json:"label"`
	Cause string `json:"cause"`
	// ParkedAt is when the dead letter began.
	ParkedAt time.Time `json:"parked_at"`
	// First is when the results' first delivery was due.
	First time.Time `json:"first"`
	// WorkflowID and RunID of the Deliver workflow that parked them.
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
	// Results that are held.
	Results []Result `json:"results"`
	// Attempts that failed, oldest first; of many the last 100.
	Attempts []Attempt `json:"attempts"`
	// Made counts all attempts, replays included.
	Made int `json:"made"`
	// Replays counts how often a replay was begun.
	Replays int `json:"replays"`
	// ReplayedBy says who asked for the last one, where that is known.
	ReplayedBy string `json:"replayed_by,omitempty"`
	// ReplayedTo is the sink that the last replay went to, where that is another one.
	ReplayedTo string `json:"replayed_to,omitempty"`
	// AlsoTo says what became of the record at the sinks named under dead_letters.also_to.
	AlsoTo []LegReceipt `json:"also_to,omitempty"`
	// Reason that was given for discarding it.
	Reason string `json:"reason,omitempty"`
}

// Header is the part of a dead letter that stands in listings: the workflow's memo "header".
type Header struct {
	Sink     string    `json:"sink"`
	Kind     string    `json:"kind,omitempty"`
	Label    string    `json:"label"`
	Cause    string    `json:"cause"`
	ParkedAt time.Time `json:"parked_at"`
	Made     int       `json:"made"`
	// Results counts what is held; Source, ID and Type are those of the first.
	Results int    `json:"results"`
	Source  string `json:"source"`
	ID      string `json:"id"`
	Type    string `json:"type,omitempty"`
}

// Encode returns the record as one line of JSON without its newline. The bytes of the results' data
// stay as they are.
func (r Record) Encode() ([]byte, error) { return marshal(r) }

// Header of the record. Its cause is cut to 200 bytes.
func (r Record) Header() Header {
	h := Header{Sink: r.Sink, Kind: r.Kind, Label: r.Label, Cause: r.Cause, ParkedAt: r.ParkedAt, Made: r.Made, Results: len(r.Results)}
	if len(h.Cause) > 200 {
		h.Cause = strings.ToValidUTF8(h.Cause[:197], "") + "…"
	}
	if len(r.Results) > 0 {
		h.Source, h.ID, h.Type = r.Results[0].Source, r.Results[0].ID, r.Results[0].Type
	}
	return h
}

// DiscardRequest is the argument of the signal and of the update "discard".
type DiscardRequest struct {
	// Reason is kept in the record. Optional.
	Reason string `json:"reason,omitempty"`
	// By says who asked. Optional.
	By string `json:"by,omitempty"`
}

// ReplayRequest is the argument of the signal and of the update "replay".
type ReplayRequest struct {
	// By says who asked. Optional.
	By string `json:"by,omitempty"`
	// To is the sink that gets it, instead of the one that did not take it. Optional.
	To string `json:"to,omitempty"`
	// Order is the id of the bulk order that this replay is a part of. Optional.
	Order string `json:"order,omitempty"`
}

// OrderOutcome is what has come of an order about a dead letter: the answer of the updates "replay" and "discard".
type OrderOutcome struct {
	// State of the dead letter: [StateReplayed], [StateDiscarded], or [StateParked] if a replay has failed.
	State string `json:"state"`
	// Cause of the last failure, if it is parked.
	Cause string `json:"cause,omitempty"`
}
