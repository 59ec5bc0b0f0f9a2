package activities

import (
	"maps"
	"slices"

	"github.com/consign-dev/consign/config"
)

// Current is what a worker delivers by: one configuration, and a gate for each of its sinks. It never changes. A reload
// puts another in its place, so that who reads it once, as a route does, sees one configuration.
type Current struct {
	// Config of this worker.
	Config *config.Config
	// Gates of its sinks, by name and alias.
	Gates map[string]*Gate
	// Draining are the gates of sinks that the configuration has no more, by the names under which something may still
	// wait for them. They get no new legs.
	Draining map[string]*Gate
	// Acks sends acks over HTTP. Nil: such acks fail, saying so.
	Acks Poster
}

// Use has everything that begins from now on go by c.
func (a *Activities) Use(c *Current) { a.current.Store(c) }

// Current is what is delivered by now. It is nil before the first [Activities.Use].
func (a *Activities) Current() *Current { return a.current.Load() }

// All are the gates, each once, in the order of the configuration; those that drain come last.
func (c *Current) All() []*Gate {
	var all []*Gate
	for _, sink := range c.Config.Sinks {
		all = append(all, c.Gates[sink.Name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Draining)) {
		if gate := c.Draining[name]; !slices.Contains(all, gate) {
			all = append(all, gate)
		}
	}
	return all
}

// At is the gate at which attempts for a sink are made, also for one that drains; nil: there is none.
func (c *Current) At(sink string) *Gate {
	if gate := c.Gates[sink]; gate != nil {
		return gate
	}
	return c.Draining[sink]
}

// gate is that of a sink, which stays open until done is called; nil: this worker has no such sink.
func (a *Activities) gate(sink string) (gate *Gate, done func()) {
	for {
		gate := a.Current().At(sink)
		if gate == nil {
			return nil, func() {}
		}
		if gate.begin() {
			return gate, gate.end
		}
		// It was retired in between, which is done only once another has taken its place.
	}
}

// redact takes out of a text what this configuration hides, and what the one hid that the gate was opened by: an
// attempt under way may fail with a secret that a reload has replaced.
func (c *Current) redact(gate *Gate) func(string) string {
	return func(text string) string {
		if gate.hide != nil {
			text = gate.hide(text)
		}
		return c.Config.Redact(text)
	}
}
