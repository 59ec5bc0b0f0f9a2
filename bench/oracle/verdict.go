package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
)

// verdict is what a run has shown. Spans are in seconds.
type verdict struct {
	Seed      uint64         `json:"seed"`
	Source    string         `json:"source"`
	Batch     int            `json:"batch"`
	Took      string         `json:"took"`
	Dir       string         `json:"dir,omitempty"`
	Units     int            `json:"workflows"`
	Largest   int            `json:"largest"` // results in one workflow, at most
	Submitted int            `json:"submitted"`
	Acked     int            `json:"acked"`
	Sinks     []string       `json:"sinks"`
	Delivered map[string]int `json:"delivered"`
	Parked    map[string]int `json:"parked"`
	// Again counts deliveries beyond the first, Broken the connections that the run broke.
	Again  map[string]int `json:"again"`
	Broken map[string]int `json:"broken"`

	// What must be empty or zero.

	// Missing says what the run did not come to.
	Missing     []string `json:"missing,omitempty"`
	Unsubmitted []string `json:"unsubmitted,omitempty"`
	// Lost was submitted, and in the end no sink had it, nor after a replay of every dead letter.
	Lost []string `json:"lost"`
	// Early was acked while a sink had neither taken it nor a dead letter held it.
	Early []string `json:"acked_early"`
	// Unacked was never acked.
	Unacked []string `json:"unacked"`
	// Unstored was said to be in Temporal before it was.
	Unstored []string `json:"unstored,omitempty"`
	// Unasked are workflows that carry what was not handed in as often.
	Unasked []string `json:"unasked,omitempty"`
	// Pending are messages of the stream that were not acked in the end, and Terminated those that the
	// stream was told not to deliver again.
	Pending    []string `json:"pending,omitempty"`
	Terminated []string `json:"terminated,omitempty"`
	// Mangled arrived with other data, Renamed with another delivery id than is due at that sink.
	Mangled []string `json:"mangled,omitempty"`
	Renamed []string `json:"renamed,omitempty"`
	// Torn are lines of the archive or a stream that are no results.
	Torn []string `json:"torn,omitempty"`
	// Unfinished are deliveries and dead letters that ended otherwise than by completing, or not at all.
	Unfinished []string `json:"unfinished,omitempty"`
	// StillParked counts dead letters that replays did not empty.
	StillParked int `json:"still_parked"`

	// Repeats are deliveries beyond the first, which is at most Spoiled + Unrecorded + HandedAgain: answers that the
	// client never got right, deliveries that Temporal had no record of when something happened, and legs of
	// workflows that carry what another one does.
	Repeats     []repeat `json:"repeats"`
	Spoiled     int      `json:"spoiled"`
	Unrecorded  int      `json:"unrecorded"`
	HandedAgain int      `json:"handed_again"`
	// Resent counts results that were handed in once more, since nobody had said that they are stored.
	Resent int `json:"resent"`
	// Redelivered counts acks of messages that had been delivered before.
	Redelivered int `json:"redelivered,omitempty"`

	Happened     []effect `json:"happened"`
	LongestStall float64  `json:"longest_stall_s"`
}

// repeat is a delivery of what a sink had taken before.
type repeat struct {
	Sink     string `json:"sink"`
	Result   string `json:"result"`
	Delivery string `json:"delivery,omitempty"`
	// After is how long after the delivery before, where times are known.
	After float64 `json:"after_s,omitempty"`
	// Because is empty when nothing explains it.
	Because string `json:"because"`
}

// effect of a kill or a stop.
type effect struct {
	happening

	// InFlight counts legs that were not committed then, and Recovered is the time until all of these were.
	InFlight  int     `json:"in_flight"`
	Recovered float64 `json:"recovered_s"`
	// Coming counts results that were handed in and that Temporal did not hold then.
	Coming int `json:"coming"`
	// NextDelivery is the time until a receiver took anything.
	NextDelivery float64 `json:"next_delivery_s"`
}

// wanted notes what the run should have come to and did not.
func (v *verdict) wanted(p plan) {
	kills, stops := 0, 0
	for i, h := range v.Happened {
		if h.InFlight+h.Coming == 0 {
			v.Missing = append(v.Missing, fmt.Sprintf("%s %d of %s came while nothing was in flight", h.Signal, i+1, h.Process))
		}
		if h.Signal == sigkill {
			kills++
		} else {
			stops++
		}
	}
	if kills != p.kills || stops != p.stops {
		v.Missing = append(v.Missing, fmt.Sprintf("%d kills and %d stops instead of %d and %d", kills, stops, p.kills, p.stops))
	}
	if p.batchMax() > 1 && v.Largest < 2 {
		v.Missing = append(v.Missing, "no two results shared a workflow")
	}
	if v.Submitted != p.results {
		v.Missing = append(v.Missing, fmt.Sprintf("%d results submitted instead of %d", v.Submitted, p.results))
	}
}

// unexplained repeats.
func (v *verdict) unexplained() []repeat {
	return slices.DeleteFunc(slices.Clone(v.Repeats), func(r repeat) bool { return r.Because != "" })
}

// bound of the repeats.
func (v *verdict) bound() int { return v.Spoiled + v.Unrecorded + v.HandedAgain }

// problems are the promises that did not hold, with what broke them.
func (v *verdict) problems() []string {
	var found []string
	for _, p := range []struct {
		what string
		list []string
	}{
		{"the run is not what was asked for", v.Missing},
		{"not submitted", v.Unsubmitted},
		{"LOST", v.Lost},
		{"ACKED EARLY", v.Early},
		{"SAID TO BE STORED EARLY", v.Unstored},
		{"never acked", v.Unacked},
		{"not acked at the stream", v.Pending},
		{"terminated at the stream", v.Terminated},
		{"in a workflow that nobody asked for", v.Unasked},
		{"mangled", v.Mangled},
		{"wrong delivery ids", v.Renamed},
		{"torn lines", v.Torn},
		{"workflows that did not complete", v.Unfinished},
	} {
		if len(p.list) > 0 {
			found = append(found, fmt.Sprintf("%s: %d: %s", p.what, len(p.list), some(p.list)))
		}
	}
	if v.StillParked > 0 {
		found = append(found, fmt.Sprintf("dead letters that replays did not empty: %d", v.StillParked))
	}
	if bad := v.unexplained(); len(bad) > 0 {
		found = append(found, fmt.Sprintf("delivered again without a reason: %d: %s", len(bad), some(bad)))
	}
	if len(v.Repeats) > v.bound() {
		found = append(found, fmt.Sprintf("%d repeats are more than the %d spoiled answers, %d unrecorded attempts and %d legs handed in again", len(v.Repeats), v.Spoiled, v.Unrecorded, v.HandedAgain))
	}
	return found
}

func some[T any](list []T) string {
	if len(list) > 5 {
		return fmt.Sprint(list[:5], " …")
	}
	return fmt.Sprint(list)
}

// save writes the whole verdict beside the ledgers.
func (v *verdict) save() error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(v.Dir, "verdict.json"), text, 0o600)
}

func (v *verdict) print(w io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(v)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "\tsignal\tto\tlegs in flight\tresults on their way to Temporal\tnext delivery after s\tall of them committed after s\t")
	for i, h := range v.Happened {
		_, _ = fmt.Fprintf(t, "%d\t%s\t%s\t%d\t%d\t%.2f\t%.2f\t\n", i+1, h.Signal, h.Process, h.InFlight, h.Coming, h.NextDelivery, h.Recovered)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(t, "\nsink\tdelivered\tparked and replayed\tdelivered again\tconnections broken\t")
	for _, sink := range v.Sinks {
		_, _ = fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t\n", sink, v.Delivered[sink], v.Parked[sink], v.Again[sink], v.Broken[sink])
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w, "\nseed %d, %s: %d results by %s in %d workflows of at most %d, %d acked\n", v.Seed, v.Took, v.Submitted, v.Source, v.Units, v.Largest, v.Acked)
	_, _ = fmt.Fprintf(w, "handed in again %d\n", v.Resent)
	if v.Source == byJetStream {
		_, _ = fmt.Fprintf(w, "acks of messages that had come before %d, connections broken %d\n", v.Redelivered, v.Broken[brokerName])
	}
	_, _ = fmt.Fprintf(w, "lost %d, acked early %d, never acked %d\n", len(v.Lost), len(v.Early), len(v.Unacked))
	_, _ = fmt.Fprintf(w, "delivered again %d, of at most %d (%d spoiled answers, %d attempts unrecorded at a kill or stop, %d legs of what was handed in again); unexplained %d\n",
		len(v.Repeats), v.bound(), v.Spoiled, v.Unrecorded, v.HandedAgain, len(v.unexplained()))
	_, err := fmt.Fprintf(w, "longest stall %.1f s\n", v.LongestStall)
	for _, problem := range v.problems() {
		_, err = fmt.Fprintln(w, "✗", problem)
	}
	return err
}
