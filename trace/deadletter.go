package trace

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

// parking reads that something was parked.
func (h *told) parking(a *historypb.ActivityTaskScheduledEventAttributes, at time.Time) {
	var in activities.ParkInput
	if a.GetActivityType().GetName() != consign.ParkActivity || decode(a.GetInput(), &in) != nil || !h.holds(in.Record) {
		return
	}
	l := h.leg(in.Record.Sink, in.Record.Kind)
	if h.letter == "" {
		for _, attempt := range in.Record.Attempts { // what is known already stays as it is known
			if !l.knows(attempt.Number) {
				l.failed(attempt, Queued, "")
			}
		}
	}
	h.addLetter(l, DeadLetter{ID: in.Record.ID, Parked: at, Cause: labelled(in.Record.Label, in.Record.Cause), State: consign.StateParked})
}

func (l *leg) knows(number int) bool {
	for _, a := range l.Attempts {
		if a.Number == number {
			return true
		}
	}
	return false
}

// holds tells whether a record holds the result.
func (h *told) holds(record consign.Record) bool {
	for _, result := range record.Results {
		if result.Source == h.query.Source && result.ID == h.query.ID {
			return true
		}
	}
	return false
}

// addLetter adds a dead letter to a leg, or what is newly known of one.
func (t *teller) addLetter(l *leg, letter DeadLetter) {
	for i := range l.DeadLetters {
		if l.DeadLetters[i].ID == letter.ID {
			known := &l.DeadLetters[i]
			known.Cause = cmp.Or(known.Cause, letter.Cause)
			if known.Parked.IsZero() {
				known.Parked = letter.Parked
			}
			return
		}
	}
	l.DeadLetters = append(l.DeadLetters, letter)
	t.letters = append(t.letters, letter.ID)
}

// gone notes that Temporal does not keep a dead letter any more.
func (t *teller) gone(id string) {
	for _, l := range t.legs {
		for i := range l.DeadLetters {
			if l.DeadLetters[i].ID == id {
				l.DeadLetters[i].State = "gone"
				t.notef("dead letter %s was replayed or discarded: it is forgotten after the namespace's retention", id)
			}
		}
	}
}

// recordOf is the record that a dead letter began with.
func recordOf(e *execution) (consign.Record, error) {
	var in activities.DeadLetterInput
	if err := decode(e.started().GetInput(), &in); err != nil {
		return in.Record, fmt.Errorf("the input of %s: %w", e.id, err)
	}
	return in.Record, nil
}

// tellDeadLetter tells a dead letter's history.
func (t *teller) tellDeadLetter(e *execution) error {
	record, err := recordOf(e)
	if err != nil {
		return err
	}
	h := told{teller: t, letter: e.id, sink: record.Sink, results: len(record.Results), before: record.Made}
	h.index = slices.IndexFunc(record.Results, func(r consign.Result) bool { return r.Source == t.query.Source && r.ID == t.query.ID })
	if h.index < 0 {
		return fmt.Errorf("dead letter %s: %w: it does not hold %s/%s", e.id, ErrUnknown, t.query.Source, t.query.ID)
	}
	l := t.leg(record.Sink, record.Kind)
	for _, attempt := range record.Attempts {
		if !l.knows(attempt.Number) {
			l.failed(attempt, Queued, "")
		}
	}
	t.addLetter(l, DeadLetter{ID: e.id, Parked: record.ParkedAt, Cause: labelled(record.Label, record.Cause), State: consign.StateParked})
	letter := h.letterOf()
	letter.Link = t.query.link(e.id, e.run)
	if t.story.Submitted.IsZero() {
		t.story.Submitted = record.First
		t.story.Results = len(record.Results)
	}
	if e.started().GetContinuedExecutionRunId() != "" {
		t.notef("earlier orders about dead letter %s are in its earlier runs", e.id)
	}
	h.read(e)
	return nil
}

// letterOf is the dead letter whose history is told.
func (h *told) letterOf() *DeadLetter {
	l := h.leg(h.sink, "")
	for i := range l.DeadLetters {
		if l.DeadLetters[i].ID == h.letter {
			return &l.DeadLetters[i]
		}
	}
	return new(DeadLetter)
}

// order reads an order of a person about a dead letter, which came by a signal or an update.
func (h *told) order(name string, args *commonpb.Payloads, identity string, at time.Time) {
	if h.letter == "" {
		return
	}
	act := Act{At: at, What: name, By: identity, Outcome: "under way"}
	switch name {
	case consign.ReplaySignal: // and the update of that name
		var request consign.ReplayRequest
		_ = decode(args, &request) // who asked may be left out
		act.By = cmp.Or(request.By, act.By)
	case consign.DiscardSignal:
		var request consign.DiscardRequest
		_ = decode(args, &request)
		act.By, act.Reason = cmp.Or(request.By, act.By), request.Reason
	default:
		return
	}
	letter := h.letterOf()
	letter.Acts = append(letter.Acts, act)
}

// upsert reads the state that a dead letter has come to.
func (h *told) upsert(a *historypb.UpsertWorkflowSearchAttributesEventAttributes) {
	if h.letter == "" {
		return
	}
	letter := h.letterOf()
	state := text(a.GetSearchAttributes(), consign.StateAttribute)
	var outcome string
	switch state {
	case consign.StateRetrying:
		letter.State = replaying
		return
	case consign.StateParked:
		letter.State, outcome = state, "parked again: "+cmp.Or(text(a.GetSearchAttributes(), consign.CauseAttribute), "it failed")
	case consign.StateReplayed:
		letter.State, outcome = state, "delivered"
	case consign.StateDiscarded:
		letter.State, outcome = state, "given up"
	default:
		return
	}
	for i := range letter.Acts {
		if letter.Acts[i].Outcome == "under way" {
			letter.Acts[i].Outcome = outcome
		}
	}
}

// letterCompleted reads the record that a dead letter has ended with.
func (h *told) letterCompleted(result *commonpb.Payloads) {
	var record consign.Record
	if decode(result, &record) == nil && record.State != "" {
		h.letterOf().State = record.State
	}
}
