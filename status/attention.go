package status

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/consign-dev/consign/config"
)

// clockSlack is how far a worker's clock may be from Temporal's before that is told.
const clockSlack = time.Second

// attention lists what is wrong, the gravest first: what stops everything, then what stops a sink, then what waits for
// a person, then the rest.
func attention(o Overview) []Attention {
	found := []Attention{}
	add := func(about, what, do string) { found = append(found, Attention{About: about, What: what, Do: do}) }
	if disk := o.Engine.Disk; disk != nil && disk.Full != "" {
		add("engine", "takes no new results: "+disk.Full, "free some of the disk, or raise --max-disk")
	}
	if len(o.Workers) == 0 {
		add("workers", "none has asked for work within the last 5 minutes: nothing is delivered", "start one: consign worker")
	}
	for _, s := range o.Sinks {
		if s.State == StateUnattended {
			do := "start a worker whose configuration has it"
			if s.External {
				do = "start the worker that serves it"
			}
			add("sink "+s.Name, "no worker asks for its queued attempts"+waiting(s.Backlog), do)
		}
	}
	for _, s := range o.Sinks {
		attendSink(s, add)
	}
	for _, orphan := range o.Orphans {
		what := "no worker knows it, and " + counted(orphan.DeadLetters, "dead letter") + " of it " + agree(orphan.DeadLetters, "waits", "wait")
		if orphan.DeliveriesWait {
			what = "no worker knows it, and deliveries wait for it"
		}
		add("sink "+orphan.Sink, what, "configure it again, or make its name an alias of the sink that takes its place")
	}
	for _, s := range o.Sinks {
		if s.DeadLetters > 0 {
			add("sink "+s.Name, counted(s.DeadLetters, "dead letter"), "consign dead-letters list --sink "+s.Name)
		}
	}
	if o.Engine.Unwanted > 0 {
		add("dead letters", fmt.Sprintf("%d of what no sink wanted, or a source could not read", o.Engine.Unwanted), "consign dead-letters list --sink "+config.NoSink)
	}
	for _, w := range o.Workers {
		attendWorker(w, o.At, add)
	}
	return append(found, unlike(o.Workers)...)
}

// attendSink tells what stops a sink.
func attendSink(s Sink, add func(about, what, do string)) {
	switch {
	case s.Paused:
		add("sink "+s.Name, fmt.Sprintf("paused by %s at %s: %s%s", cmp.Or(s.By, "unknown"), clock(s.Since), s.Reason, waiting(s.Backlog)), "consign sinks resume "+s.Name)
	case s.CircuitsOpen > 0:
		what := "circuit open"
		if len(s.Circuits) > 1 {
			what = fmt.Sprintf("circuit open in %d of %d workers", s.CircuitsOpen, len(s.Circuits))
		}
		if s.LastError != nil {
			what += ": " + s.LastError.text()
		}
		add("sink "+s.Name, what, "see to the destination, then: consign sinks test "+s.Name)
	case s.LastError != nil && s.LastError.At.After(s.LastDelivered) && (s.Failing > 0 || s.Retrying > 0):
		add("sink "+s.Name, "fails: "+s.LastError.text(), "consign sinks test "+s.Name)
	}
}

func attendWorker(w Worker, now time.Time, add func(about, what, do string)) {
	about := "worker " + w.Identity
	if w.Standing == nil {
		if w.Silence == errSilent.Error() {
			add(about, fmt.Sprintf("no answer; last seen %s ago: killed, hung, or cut off", since(now, w.LastSeen)), "look for its process and its log")
		}
		return
	}
	if why := w.Standing.Refusal(); why != "" {
		add(about, why, "mend it: consign config check --config "+w.Standing.Config.Path)
	}
	for _, source := range w.Standing.Sources {
		switch {
		case source.State == SourceStalled && source.LastError != nil:
			add("source "+source.Name, "stalled: "+source.LastError.Cause, "see to the upstream; it is tried again and again")
		case source.State == SourceStalled:
			add("source "+source.Name, "stalled", "see to the upstream; it is tried again and again")
		case source.State == SourceFull:
			add("source "+source.Name, fmt.Sprintf("full: %d results are open, so no more are read", source.Open), "see to the sink that does not take them")
		}
	}
	if ahead := w.Standing.Ahead.Duration(); ahead.Abs() > clockSlack {
		add(about, "its clock is "+skew(ahead), "set the clock: receivers judge signed requests by their time")
	}
}

// waiting says how many attempts wait, if any do.
func waiting(attempts int64) string {
	if attempts == 0 {
		return ""
	}
	return fmt.Sprintf("; %d wait", attempts)
}

// unlike tells where workers differ that should not.
func unlike(workers []Worker) []Attention {
	configs, releases := map[string]int{}, map[string]int{}
	for _, w := range workers {
		if w.Standing != nil {
			configs[w.Standing.Config.Digest]++
			releases[cmp.Or(w.Standing.Release, "unknown")]++
		}
	}
	var found []Attention
	if len(configs) > 1 {
		found = append(found, Attention{
			About: "workers", What: "have unlike configurations: " + shares(configs), Do: "give all of them the same file, or wait until a roll-out is over",
		})
	}
	if len(releases) > 1 {
		found = append(found, Attention{About: "workers", What: "run unlike releases: " + shares(releases), Do: "wait until a roll-out is over, or finish it"})
	}
	return found
}

func shares(counts map[string]int) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s (%d)", key, counts[key]))
	}
	return strings.Join(parts, ", ")
}

func (f *Failure) text() string {
	if f.Label == "" || strings.HasPrefix(f.Cause, f.Label) {
		return f.Cause
	}
	return f.Label + ": " + f.Cause
}
