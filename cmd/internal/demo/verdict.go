package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/consign-dev/consign"
)

// evidence is what the verdict rests on: not what was reported, but what is there.
type evidence struct {
	submitted []consign.Result
	// kept is what each sink's destination holds, by the sink's name. What is not there is not judged.
	kept map[string][]kept
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
	Archive   *holding `json:"archive,omitempty"`
	Console   *holding `json:"console,omitempty"`
	Receiver  *holding `json:"receiver,omitempty"`
	Collector *holding `json:"collector,omitempty"`
	Stream    *holding `json:"stream,omitempty"`
	Topic     *holding `json:"topic,omitempty"`
	Parked    int      `json:"parked"`
	Replayed  int      `json:"replayed"`
	Seconds   float64  `json:"seconds"`
}

// destination is where a sink delivers to.
type destination struct {
	sink, name string
	// identifies tells whether the delivery ids are kept there.
	identifies bool
	// holding is nil if it was not judged.
	holding **holding
}

// destinations are all that a verdict may be about.
func (v *verdict) destinations() []destination {
	return []destination{
		{archiveSink, "archive", false, &v.Archive},
		{consoleSink, "console", false, &v.Console},
		{webhookSink, "receiver", true, &v.Receiver},
		{collectorSink, "collector", true, &v.Collector},
		{streamSink, "stream", true, &v.Stream},
		{topicSink, "topic", true, &v.Topic},
	}
}

// holding is what one destination has.
type holding struct {
	// Results that are there with their data unchanged.
	Results int `json:"results"`
	// Duplicates are further copies of them.
	Duplicates int `json:"duplicates"`
}

func (s *stage) gather(ctx context.Context, submitted []consign.Result) (evidence, error) {
	there, err := s.settled(ctx, submitted)
	if err != nil {
		return evidence{}, err
	}
	engine, err := s.askEngine(ctx)
	if err != nil {
		return evidence{}, err
	}
	if !s.all() {
		delete(there.kept, consoleSink) // the table shows it, and without --sinks all that is all
	}
	return evidence{
		submitted: submitted, kept: there.kept, forged: there.receiver.Forged,
		parked: len(engine.letters), replayed: len(engine.inState(consign.StateReplayed)),
	}, nil
}

// settled looks until the collector has read what the kernel has taken for it, or has had time to.
func (s *stage) settled(ctx context.Context, submitted []consign.Result) (inventory, error) {
	for limit := time.Now().Add(readTime); ; {
		there, err := s.look(ctx)
		if err != nil || !s.all() || time.Now().After(limit) {
			return there, err
		}
		collected := ids(there.kept[collectorSink])
		if !slices.ContainsFunc(submitted, func(r consign.Result) bool { return !collected[r.ID] }) {
			return there, nil
		}
		select {
		case <-time.After(pollPause):
		case <-ctx.Done():
			return there, ctx.Err()
		}
	}
}

func judge(e evidence) *verdict {
	v := &verdict{Problems: []string{}, Submitted: len(e.submitted), Parked: e.parked, Replayed: e.replayed}
	for _, d := range v.destinations() {
		if held, judged := e.kept[d.sink]; judged {
			*d.holding = v.examine(d, e.submitted, held)
		}
	}
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
func (v *verdict) examine(d destination, submitted []consign.Result, all []kept) *holding {
	copies := map[string][]kept{}
	for _, k := range all {
		name := consign.WorkflowID(k.result.Source, k.result.ID)
		copies[name] = append(copies[name], k)
	}
	h := &holding{}
	for _, want := range submitted {
		name := consign.WorkflowID(want.Source, want.ID)
		found := copies[name]
		switch {
		case len(found) == 0:
			v.objectf("the %s does not hold %s", d.name, want.ID)
			continue
		case v.sound(d, want, found):
			h.Results++
		}
		h.Duplicates += len(found) - 1
	}
	return h
}

func (v *verdict) sound(d destination, want consign.Result, found []kept) bool {
	for _, k := range found {
		switch id := consign.DeliveryID(want.Source, want.ID, d.sink); {
		case string(k.result.Data) != string(want.Data):
			v.objectf("the %s holds %s with other data than was submitted", d.name, want.ID)
		case d.identifies && k.deliveryID != id:
			v.objectf("the %s got %s as delivery %s instead of %s", d.name, want.ID, k.deliveryID, id)
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
	for _, d := range v.destinations() {
		if h := *d.holding; h != nil {
			fmt.Fprintf(&text, "The %s holds %d of %d results with their data unchanged, and %d duplicates.\n", d.name, h.Results, v.Submitted, h.Duplicates)
		}
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
