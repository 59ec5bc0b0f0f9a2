package activities

import (
	"slices"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/consign-dev/consign/config"
)

// Facts are what a gate knows of its sink.
type Facts struct {
	Settings config.Sink
	Paused   bool
	// Circuit is closed, half-open or open. Reopens is when an open one lets the next attempt through, and Until
	// how long the sink has asked to be left alone for; zero where that is not so.
	Circuit        string
	Reopens, Until time.Time
	// InFlight counts attempts under way.
	InFlight int
	// Delivered and Failed count results that were handed over, and DeliveredRate and FailedRate those a second
	// within [RecentWindow].
	Delivered, Failed         int64
	DeliveredRate, FailedRate float64
	// DeliveredByMinute and FailedByMinute count the same by minute: see [Recent.Minutes].
	DeliveredByMinute, FailedByMinute []int64
	// LastDelivered is when the sink last took a result.
	LastDelivered time.Time
	// P95 of how long the last attempts took; 0: there were none.
	P95 time.Duration
	// LastFailed is when the sink last failed, with what label and cause; zero: it has not.
	LastFailed  time.Time
	Label       string
	Cause       string
	LastAttempt string // the result that it was about, as SOURCE/ID
}

// history is what a gate remembers of the attempts that it let through.
type history struct {
	delivered, failed Recent

	mu            sync.Mutex
	lastDelivered time.Time
	lastFailed    time.Time
	label, cause  string
	result        string
}

// note remembers what became of an attempt. What was broken off says nothing of the sink.
func (h *history) note(batch []Item, failures []Failed) {
	now := time.Now()
	h.delivered.Add(len(batch) - len(failures))
	var last *Failed
	failed := 0
	for i := range failures {
		if failures[i].Label != LabelBrokenOff {
			failed++
			last = &failures[i]
		}
	}
	h.failed.Add(failed)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(failures) < len(batch) {
		h.lastDelivered = now
	}
	if last != nil {
		r := &batch[last.Index].Result
		h.lastFailed, h.label, h.cause, h.result = now, last.Label, last.Cause, r.Source+"/"+r.ID
	}
}

// Facts of the sink as of now.
func (g *Gate) Facts() Facts {
	f := Facts{Settings: g.settings, Paused: g.paused.Load(), InFlight: len(g.running), P95: g.pace.p95()}
	f.Delivered, f.DeliveredRate = g.history.delivered.Read()
	f.Failed, f.FailedRate = g.history.failed.Read()
	f.DeliveredByMinute, f.FailedByMinute = g.history.delivered.Minutes(), g.history.failed.Minutes()
	g.history.mu.Lock()
	f.LastDelivered, f.LastFailed = g.history.lastDelivered, g.history.lastFailed
	f.Label, f.Cause, f.LastAttempt = g.history.label, g.history.cause, g.history.result
	g.history.mu.Unlock()
	state := g.circuit.State() // without the mutex: it may change the state, which takes it
	f.Circuit = state.String()
	g.mu.Lock()
	defer g.mu.Unlock()
	if state == gobreaker.StateOpen {
		f.Reopens = g.reopens
	}
	if g.until.After(time.Now()) {
		f.Until = g.until
	}
	return f
}

// p95 is the 95th percentile of how long the last attempts took, each in its parts.
func (p *pace) p95() time.Duration {
	p.mu.Lock()
	took := slices.Clone(p.took[:min(p.count, paceWindow)])
	p.mu.Unlock()
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[(len(took)*95+99)/100-1]
}
