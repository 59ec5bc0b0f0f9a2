package activities

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/consign-dev/consign"
)

const (
	// tailKept is how many events a worker keeps for those that tail it.
	tailKept = 4096
	// tailLease is how long a worker goes on keeping events after it was last asked for them.
	tailLease = 10 * time.Second
	// tailGather is how long it waits for more after the first.
	tailGather = 200 * time.Millisecond
	// TailMost is how many events one answer holds: it goes through Temporal's database.
	TailMost = 200
	// tailCause and tailData bound what stands in an event of a cause, and of the data, in bytes.
	tailCause, tailData = 200, 160
	// tailName bounds names from outside.
	tailName = 200
)

// Outcomes of events, beside those of receipts.
const (
	// EventResult is a result that was routed.
	EventResult = "result"
	// EventFailed is an attempt that failed and is made again, EventRefused one that failed for good.
	EventFailed  = "failed"
	EventRefused = "refused"
	// EventAcked is an ack that was sent.
	EventAcked = "acked"
)

// Event is something that has just happened in a worker.
type Event struct {
	At time.Time `json:"at"`
	// Outcome is result, delivered, failed, refused, parked, dropped, unmatched or acked.
	Outcome string `json:"outcome"`
	Source  string `json:"source"`
	ID      string `json:"id"`
	Type    string `json:"type,omitempty"`
	// Sink that it was at; of a result that was routed, Sinks that get it.
	Sink  string   `json:"sink,omitempty"`
	Sinks []string `json:"sinks,omitempty"`
	// Attempt counts from 1, and Took is how long it lasted.
	Attempt int                  `json:"attempt,omitempty"`
	Took    consign.Milliseconds `json:"took_ms,omitempty"`
	// Cause of a failure, cut to 200 bytes.
	Cause string `json:"cause,omitempty"`
	// Data is the beginning of a result's data, at most 160 bytes, which may be no JSON any more.
	Data string `json:"data,omitempty"`
}

// TailInput asks a worker for its latest events. Empty filters take any.
type TailInput struct {
	// After is the cursor of the answer before; below zero: from now on.
	After   int64  `json:"after"`
	Source  string `json:"source,omitempty"`
	Type    string `json:"type,omitempty"`
	Sink    string `json:"sink,omitempty"`
	Outcome string `json:"outcome,omitempty"`
	// Wait is how long to wait for the first one; at most a second.
	Wait consign.Milliseconds `json:"wait_ms,omitempty"`
}

// TailOutput holds events, the oldest first.
type TailOutput struct {
	Events []Event `json:"events"`
	// Cursor is where the next question goes on.
	Cursor int64 `json:"cursor"`
	// Missed counts events that were dropped: there were more than are kept, or than one answer holds.
	Missed int64 `json:"missed,omitempty"`
}

func (in TailInput) takes(e *Event) bool {
	return (in.Source == "" || in.Source == e.Source) && (in.Type == "" || in.Type == e.Type) && (in.Outcome == "" || in.Outcome == e.Outcome) &&
		(in.Sink == "" || in.Sink == e.Sink || slices.Contains(e.Sinks, in.Sink))
}

// Tail keeps the latest events of a worker while somebody asks for them. It never makes the worker wait: what is too
// much is dropped. The zero value is ready.
type Tail struct {
	until atomic.Int64 // when the lease is over, in nanoseconds since 1970; 0: nobody has ever asked

	mu    sync.Mutex
	kept  []Event // a ring, made by the first question
	next  int64   // of all that there ever were
	fresh chan struct{}
}

// On tells whether events are kept. It is all that a worker pays while nobody asks.
func (t *Tail) On() bool {
	until := t.until.Load()
	return until != 0 && time.Now().UnixNano() < until
}

func (t *Tail) add(events ...Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range events {
		t.kept[t.next%tailKept] = e
		t.next++
	}
	if t.fresh != nil {
		close(t.fresh)
		t.fresh = nil
	}
}

// Read returns what has happened since the cursor, and has the worker go on keeping events for 10 seconds.
func (t *Tail) Read(ctx context.Context, in TailInput) TailOutput {
	t.mu.Lock()
	if t.kept == nil {
		t.kept = make([]Event, tailKept)
	}
	if in.After < 0 || in.After > t.next {
		in.After = t.next
	}
	t.until.Store(time.Now().Add(tailLease).UnixNano())
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, min(max(in.Wait.Duration(), 0), time.Second))
	defer cancel()
	if t.await(ctx, in) {
		select {
		case <-ctx.Done():
		case <-time.After(tailGather):
		}
	}
	return t.since(in)
}

// await waits for an event that is asked for.
func (t *Tail) await(ctx context.Context, in TailInput) bool {
	for at := in.After; ; {
		t.mu.Lock()
		for at = max(at, t.next-tailKept); at < t.next; at++ {
			if in.takes(&t.kept[at%tailKept]) {
				t.mu.Unlock()
				return true
			}
		}
		if t.fresh == nil {
			t.fresh = make(chan struct{})
		}
		fresh := t.fresh
		t.mu.Unlock()
		select {
		case <-ctx.Done():
			return false
		case <-fresh:
		}
	}
}

// since collects the latest events that are asked for.
func (t *Tail) since(in TailInput) TailOutput {
	t.mu.Lock()
	defer t.mu.Unlock()
	oldest := max(t.next-tailKept, 0)
	out := TailOutput{Events: []Event{}, Cursor: t.next, Missed: max(oldest-in.After, 0)}
	for at := t.next - 1; at >= max(in.After, oldest); at-- {
		switch e := &t.kept[at%tailKept]; {
		case !in.takes(e):
		case len(out.Events) == TailMost:
			out.Missed++
		default:
			out.Events = append(out.Events, *e)
		}
	}
	slices.Reverse(out.Events)
	return out
}

func eventOf(r *consign.Result, outcome string, at time.Time) Event {
	return Event{At: at.UTC(), Outcome: outcome, Source: Clip(r.Source, tailName), ID: Clip(r.ID, tailName), Type: Clip(r.Type, tailName)}
}

// routed tells of results that were routed.
func (t *Tail) routed(results []consign.Result, route Route) {
	if !t.On() {
		return
	}
	now := time.Now()
	sinks := make([][]string, len(results))
	for _, leg := range route.Legs {
		if len(leg.Results) == 0 {
			for i := range sinks {
				sinks[i] = append(sinks[i], leg.Sink)
			}
		}
		for _, i := range leg.Results {
			sinks[i] = append(sinks[i], leg.Sink)
		}
	}
	events := make([]Event, len(results))
	for i := range results {
		events[i] = eventOf(&results[i], EventResult, now)
		events[i].Sinks, events[i].Data = sinks[i], Clip(string(results[i].Data[:min(len(results[i].Data), tailData)]), tailData)
	}
	for _, i := range route.Unrouted {
		events[i].Outcome = string(consign.Unmatched)
	}
	t.add(events...)
}

// attempted tells what a sink said of a batch.
func (t *Tail) attempted(in DeliverInput, sink string, failures []Failed, number int, took time.Duration) {
	if !t.On() {
		return
	}
	now := time.Now()
	events := make([]Event, len(in.Batch))
	for i := range in.Batch {
		events[i] = eventOf(&in.Batch[i].Result, string(consign.Delivered), now)
		events[i].Sink, events[i].Attempt, events[i].Took = sink, number, consign.Millis(took)
	}
	for _, failed := range failures {
		e := &events[failed.Index]
		e.Outcome, e.Cause = EventFailed, Clip(failed.Cause, tailCause)
		if failed.Permanent {
			e.Outcome = EventRefused
		}
	}
	t.add(events...)
}

// dropped tells of a batch that a best-effort sink had no room for.
func (t *Tail) dropped(in DeliverInput) {
	if !t.On() {
		return
	}
	for i := range in.Batch {
		e := eventOf(&in.Batch[i].Result, string(consign.Dropped), time.Now())
		e.Sink = in.Sink
		t.add(e)
	}
}

// parked tells of a new dead letter.
func (t *Tail) parked(record *consign.Record) {
	if !t.On() {
		return
	}
	for i := range record.Results {
		e := eventOf(&record.Results[i], string(consign.Parked), time.Now())
		e.Sink, e.Attempt, e.Cause = record.Sink, record.Made, Clip(record.Cause, tailCause)
		t.add(e)
	}
}

// acked tells that an upstream has its ack.
func (t *Tail) acked(ack consign.Ack) {
	if t.On() {
		t.add(eventOf(&consign.Result{Source: ack.Source, ID: ack.ID}, EventAcked, time.Now()))
	}
}
