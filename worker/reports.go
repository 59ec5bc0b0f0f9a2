package worker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/deadletters"
	"github.com/consign-dev/consign/status"
)

const (
	// reportsEvery is the time from one look at this worker to the next. What changes back in between is not told, so that
	// a sink that flaps makes a report every 5 s at most.
	reportsEvery = 5 * time.Second
	// stallAfter is how long nothing may come from a source that does not read before that is told.
	stallAfter = time.Minute
	// reportTimeout bounds one report, and one look for the first dead letter of a sink.
	reportTimeout = 5 * time.Second
)

// reports tells of what happens in this worker those sinks that ask for it, as results of [consign.ReportSource]. It never
// holds up a delivery. What cannot be told, since Temporal is away, is told when it is back, if it is still so.
type reports struct {
	worker *Worker
	// followed are circuits and sources, and taken is how much had come from each of these at the last look.
	followed map[string]*followed
	taken    map[string]int64
	// parked are dead letters of which is still to be found out whether they are the first of their sink.
	parked map[string]activities.Parked
}

// followed is the state of a circuit or a source.
type followed struct {
	state, told string
	since       time.Time
}

// watchReports goes on looking until the worker stops.
func (w *Worker) watchReports() {
	r := &reports{worker: w, followed: map[string]*followed{}, taken: map[string]int64{}, parked: map[string]activities.Parked{}}
	every(w.stopping, reportsEvery, func(now time.Time) {
		for _, change := range r.changes(w.Standing(), now) {
			r.tell(change)
		}
		r.firsts()
	})
}

// change is an event that is to be told.
type change struct {
	event consign.Act
	of    *followed
}

// changes are what there is to tell of circuits and sources.
func (r *reports) changes(now status.Standing, at time.Time) []change {
	var all []change
	for _, sink := range now.Sinks {
		state := status.CircuitOpen // also while it is tried again
		if sink.Circuit == status.CircuitClosed {
			state = status.CircuitClosed
		}
		f := r.follow("sink "+sink.Name, status.CircuitClosed, state, at)
		if f.state == f.told {
			continue
		}
		event := consign.Act{Act: consign.CircuitClosed, On: sink.Name, Before: f.told, After: f.state}
		if state == status.CircuitOpen {
			event.Act, event.Reason = consign.CircuitOpened, causeOf(sink.LastError)
		}
		all = append(all, change{event, f})
	}
	for _, source := range now.Sources {
		state := source.State
		if state == status.SourceFull && source.Taken != r.taken[source.Name] {
			state = status.SourceReading // it is full now and again, and goes on in between
		}
		r.taken[source.Name] = source.Taken
		f := r.follow("source "+source.Name, status.SourceReading, state, at)
		if f.state == f.told || state != status.SourceReading && at.Sub(f.since) < stallAfter {
			continue
		}
		event := consign.Act{Act: consign.SourceRecovered, On: source.Name, Before: f.told, After: f.state}
		if state != status.SourceReading {
			event.Act, event.Reason = consign.SourceStalled, causeOf(source.LastError)
		}
		all = append(all, change{event, f})
	}
	return all
}

func (r *reports) follow(key, first, state string, at time.Time) *followed {
	f := r.followed[key]
	if f == nil {
		f = &followed{state: first, told: first}
		r.followed[key] = f
	}
	if f.state != state {
		f.state, f.since = state, at
	}
	return f
}

func causeOf(failure *status.Failure) string {
	if failure == nil {
		return ""
	}
	return failure.Cause
}

// tell submits a change, under an id that is the same when it has to be tried again.
func (r *reports) tell(c change) {
	c.event.By = r.worker.identity
	if r.submit(c.event, r.worker.identity, c.of.since.UTC().Format(time.RFC3339Nano)) {
		c.of.told = c.of.state
	}
}

// firsts tells of sinks that had no open dead letter and have one. Temporal is asked about it only if somebody asks for it.
func (r *reports) firsts() {
	r.worker.acts.Parked.Take(r.parked)
	for sink, parked := range r.parked {
		event := consign.Act{Act: consign.FirstDeadLetter, On: sink, By: r.worker.identity, Reason: parked.Cause, Detail: []string{parked.ID}}
		if !r.asked(event.Result(consign.EventType)) {
			delete(r.parked, sink)
			continue
		}
		ctx, cancel := context.WithTimeout(r.worker.stopping, reportTimeout)
		since, first, err := deadletters.First(ctx, r.worker.options.Temporal, sink)
		cancel()
		if err != nil {
			r.worker.log.Debug("looking for the first dead letter of a sink", zap.String("sink", sink), zap.Error(err))
			continue
		}
		if !first || r.submit(event, since) {
			delete(r.parked, sink)
		}
	}
}

// submit tells an event, and whether that is settled: nobody asks for it, or it is in Temporal. Words tell it from others
// of its kind: who sees the same gives the same, and the first one's report counts.
func (r *reports) submit(event consign.Act, words ...string) bool {
	report := event.Result(consign.EventType)
	report.ID = uuid.NewSHA1(uuid.NameSpaceOID, []byte(strings.Join(append(words, event.Act, event.On), "\n"))).String()
	if !r.asked(report) {
		return true
	}
	ctx, cancel := context.WithTimeout(r.worker.stopping, reportTimeout)
	defer cancel()
	_, err := consign.NewClient(r.worker.options.Temporal).Submit(ctx, report)
	if err != nil && !errors.Is(err, consign.ErrConflict) {
		r.worker.log.Warn("an event is not told yet", zap.String("event", event.Act), zap.String("on", event.On), zap.Error(err))
		return false
	}
	return true
}

// asked tells whether any sink asks for a report.
func (r *reports) asked(report consign.Result) bool {
	facts := config.NewFacts(report)
	return slices.ContainsFunc(r.worker.Config().Sinks, func(sink config.Sink) bool { return sink.Asks(r.worker.stopping, facts) })
}
