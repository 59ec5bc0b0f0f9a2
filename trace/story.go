package trace

import (
	"errors"
	"strings"
	"time"

	"github.com/consign-dev/consign"
)

// ErrUnknown is returned, wrapped, when Temporal knows nothing of a result, or not any more.
var ErrUnknown = errors.New("temporal knows nothing of it")

// Query names the result whose story is asked for.
type Query struct {
	// Source and ID of the result.
	Source, ID string
	// Workflow is the id of a delivery or a dead letter, in place of source and id; with them, where to look.
	Workflow string
	// Since is from when on to look for the result among deliveries of several. Zero: do not look there.
	Since time.Time
	// UI is the address of Temporal's Web UI, such as http://127.0.0.1:8233, for links. Empty: there are none.
	UI string
	// Namespace, for links. Default "default".
	Namespace string
}

// Named reads what a person names: a result as SOURCE/ID, or the id of a delivery or of a dead letter. ok is false where it
// is none of these.
func Named(text string) (q Query, ok bool) {
	if strings.HasPrefix(text, deliveryPrefix) || strings.HasPrefix(text, deadLetterPrefix) {
		return Query{Workflow: text}, true
	}
	source, id, ok := strings.Cut(text, "/")
	return Query{Source: source, ID: id}, ok && source != "" && id != ""
}

// States of a story.
const (
	// Open: something is still to come.
	Open = "open"
	// Delivered: every sink has it.
	Delivered = "delivered"
	// Parked: a dead letter of it waits for a person.
	Parked = "parked"
	// Done: it is over, and not every sink has it.
	Done = "done"
)

// Story is what became of one result.
type Story struct {
	Source string `json:"source"`
	ID     string `json:"id"`
	Type   string `json:"type,omitempty"`
	// State is open, delivered, parked or done.
	State string `json:"state"`
	// Workflow and Run are those of its delivery, and Link leads there in the Web UI.
	Workflow string `json:"workflow_id"`
	Run      string `json:"run_id,omitempty"`
	Link     string `json:"link,omitempty"`
	// Submitted is when, and By which client.
	Submitted time.Time `json:"submitted"`
	By        string    `json:"by,omitempty"`
	// Closed is when the delivery was over; zero while it is not.
	Closed time.Time `json:"closed,omitzero"`
	// Results counts those of the consignment that it came in: 1, unless it came in a batch.
	Results int `json:"results"`
	// NotWanted lists sinks whose "when" said no, as far as that is recorded: of those that took another result of the
	// consignment.
	NotWanted []string `json:"not_wanted,omitempty"`
	// Unrouted says why no sink got it.
	Unrouted string `json:"unrouted,omitempty"`
	// Legs in the order of the configuration.
	Legs []Leg `json:"legs"`
	// Acks that somebody has asked for: the one that came with the result, and those of duplicates.
	Acks []Ack `json:"acks,omitempty"`
	// Failed says why the delivery itself failed or was ended from outside.
	Failed string `json:"failed,omitempty"`
	// Notes say what cannot be told, and why.
	Notes []string `json:"notes,omitempty"`
}

// Leg is the delivery to one sink.
type Leg struct {
	Sink string `json:"sink"`
	Kind string `json:"kind,omitempty"`
	// DeliveryID is what the receiver knows it by.
	DeliveryID string `json:"delivery_id"`
	// State is waiting, delivered, parked, dropped, replayed or discarded.
	State string `json:"state"`
	// Skipped says when, and why, no attempt was made although one was due.
	Skipped []Skip `json:"skipped,omitempty"`
	// Attempts that are known, in order.
	Attempts []Attempt `json:"attempts"`
	// Next is when the next attempt is due; zero if none is, or it is under way.
	Next time.Time `json:"next,omitzero"`
	// Waiting says what it waits for.
	Waiting string `json:"waiting,omitempty"`
	// DeadLetters of it, in order.
	DeadLetters []DeadLetter `json:"dead_letters,omitempty"`
}

// Attempt is one attempt at one sink.
type Attempt struct {
	// Number counts from 1 over inline and queued attempts, and over replays.
	Number int       `json:"number"`
	At     time.Time `json:"at"`
	// Took is how long, where that is known.
	Took consign.Milliseconds `json:"took_ms,omitempty"`
	// Sink that it was made at, where that is not the leg's: by a replay of what no sink had wanted, or to another.
	Sink string `json:"sink,omitempty"`
	// How is inline, queued or replay.
	How string `json:"how"`
	// Answer is "delivered", or what it failed with.
	Answer string `json:"answer"`
	// Failed tells them apart, and Running is true while it is under way.
	Failed  bool `json:"failed,omitempty"`
	Running bool `json:"running,omitempty"`
	// Worker that made it, where that is known.
	Worker string `json:"worker,omitempty"`
}

// Skip is an attempt that was due and was not made.
type Skip struct {
	At time.Time `json:"at"`
	// Why, such as "circuit open".
	Why string `json:"why"`
}

// DeadLetter is what was parked.
type DeadLetter struct {
	ID     string    `json:"id"`
	Link   string    `json:"link,omitempty"`
	Parked time.Time `json:"parked"`
	Cause  string    `json:"cause"`
	// State is parked, replayed or discarded; "gone" when Temporal does not keep it any more.
	State string `json:"state"`
	// Acts of people, in order.
	Acts []Act `json:"acts,omitempty"`
}

// Act is what a person did with a dead letter.
type Act struct {
	At time.Time `json:"at"`
	// What is replay or discard, By who, Reason why.
	What   string `json:"what"`
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Outcome of it.
	Outcome string `json:"outcome,omitempty"`
}

// Ack is what the upstream was told.
type Ack struct {
	// Target is signal, http or nats, and To names it: of a URL the host alone.
	Target string    `json:"target"`
	To     string    `json:"to,omitempty"`
	At     time.Time `json:"at,omitzero"`
	// Outcome is sent, failed, pending or unknown.
	Outcome string `json:"outcome"`
	Cause   string `json:"cause,omitempty"`
}
