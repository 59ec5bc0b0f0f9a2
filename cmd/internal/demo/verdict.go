package demo

import (
	"context"
	"fmt"
	"strings"

	"github.com/consign-dev/consign"
)

// evidence is what the verdict rests on: not what was reported, but what is there.
type evidence struct {
	submitted []consign.Result
	archive   []kept
	receiver  []kept
	// forged requests reached the receiver without a valid signature.
	forged int
	// parked counts the dead letters that were made, replayed those of them that were delivered.
	parked, replayed int
}

// verdict of a demo. Duplicates are no failure: the promise is at least once, under one delivery id.
type verdict struct {
	Pass      bool     `json:"pass"`
	Problems  []string `json:"problems"`
	Submitted int      `json:"submitted"`
	Archive   holding  `json:"archive"`
	Receiver  holding  `json:"receiver"`
	Parked    int      `json:"parked"`
	Replayed  int      `json:"replayed"`
	Seconds   float64  `json:"seconds"`
}

// holding is what one destination has.
type holding struct {
	// Results that are there with their data unchanged.
	Results int `json:"results"`
	// Duplicates are further copies of them.
	Duplicates int `json:"duplicates"`
}

func (s *stage) gather(ctx context.Context, submitted []consign.Result) (evidence, error) {
	e := evidence{submitted: submitted}
	var err error
	if e.archive, err = s.readArchive(); err != nil {
		return e, err
	}
	held, err := s.receiver.held(ctx)
	if err != nil {
		return e, err
	}
	if e.receiver, err = held.kept(); err != nil {
		return e, err
	}
	engine, err := s.askEngine(ctx)
	if err != nil {
		return e, err
	}
	e.forged = held.Forged
	e.parked, e.replayed = len(engine.letters), len(engine.inState(consign.StateReplayed))
	return e, nil
}

func judge(e evidence) *verdict {
	v := &verdict{Problems: []string{}, Submitted: len(e.submitted), Parked: e.parked, Replayed: e.replayed}
	v.Archive = v.examine("the archive", "", e.submitted, e.archive)
	v.Receiver = v.examine("the receiver", webhookSink, e.submitted, e.receiver)
	if e.forged > 0 {
		v.objectf("%d requests reached the receiver without a valid signature", e.forged)
	}
	if e.parked == 0 {
		v.objectf("no dead letter was made, though the receiver refused some results every time")
	}
	if e.replayed != e.parked {
		v.objectf("%d of %d dead letters were replayed", e.replayed, e.parked)
	}
	v.Pass = len(v.Problems) == 0
	return v
}

// examine compares what a destination holds with what was submitted. Where delivery ids are kept, they
// have to be those of the sink. Other results are ignored: anyone may submit some while the demo runs.
func (v *verdict) examine(where, sink string, submitted []consign.Result, all []kept) holding {
	copies := map[string][]kept{}
	for _, k := range all {
		name := consign.WorkflowID(k.result.Source, k.result.ID)
		copies[name] = append(copies[name], k)
	}
	var h holding
	for _, want := range submitted {
		name := consign.WorkflowID(want.Source, want.ID)
		found := copies[name]
		switch {
		case len(found) == 0:
			v.objectf("%s does not hold %s", where, want.ID)
			continue
		case v.sound(where, sink, want, found):
			h.Results++
		}
		h.Duplicates += len(found) - 1
	}
	return h
}

func (v *verdict) sound(where, sink string, want consign.Result, found []kept) bool {
	for _, k := range found {
		switch id := consign.DeliveryID(want.Source, want.ID, sink); {
		case string(k.result.Data) != string(want.Data):
			v.objectf("%s holds %s with other data than was submitted", where, want.ID)
		case sink != "" && k.deliveryID != id:
			v.objectf("%s got %s as delivery %s instead of %s", where, want.ID, k.deliveryID, id)
		default:
			continue
		}
		return false
	}
	return true
}

func (v *verdict) objectf(format string, values ...any) {
	v.Problems = append(v.Problems, fmt.Sprintf(format, values...))
}

// String is the summary for people.
func (v *verdict) String() string {
	var text strings.Builder
	for _, h := range []struct {
		where string
		holding
	}{{"The archive", v.Archive}, {"The receiver", v.Receiver}} {
		fmt.Fprintf(&text, "%s holds %d of %d results with their data unchanged, and %d duplicates.\n", h.where, h.Results, v.Submitted, h.Duplicates)
	}
	fmt.Fprintf(&text, "%d dead letters were made and %d replayed.\n\n", v.Parked, v.Replayed)
	for _, problem := range v.Problems {
		fmt.Fprintf(&text, "FAIL: %s\n", problem)
	}
	if v.Pass {
		fmt.Fprintf(&text, "PASS: nothing was lost, in %.1f s.", v.Seconds)
	}
	return strings.TrimSpace(text.String())
}
