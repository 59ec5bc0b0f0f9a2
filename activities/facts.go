package activities

import (
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
}

// Facts of the sink as of now.
func (g *Gate) Facts() Facts {
	state := g.circuit.State() // before the mutex: it may change the state, which takes it
	g.mu.Lock()
	defer g.mu.Unlock()
	f := Facts{Settings: g.settings, Paused: g.paused.Load(), Circuit: state.String(), InFlight: len(g.running)}
	if state == gobreaker.StateOpen {
		f.Reopens = g.reopens
	}
	if g.until.After(time.Now()) {
		f.Until = g.until
	}
	return f
}
