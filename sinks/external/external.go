// Package external is the sink that somebody else's worker serves, in any language.
//
//	sinks:
//	  partner:
//	    external: {}
//
// Consign routes results to it, retries, parks and acks as for every other sink. The attempts
// themselves are activities "deliver" on the task queue consign.<sink>, which no worker of Consign's
// asks for work: docs/contract.md says what a worker that does has to take and to answer, and
// examples/typescript has one. There is no inline attempt.
//
// While nobody asks, attempts wait in Temporal without limit and nothing is lost: the metrics
// consign_queue_backlog and consign_queue_pollers show it, and cancelling a delivery parks it.
package external

import (
	"context"
	"fmt"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// Kind makes the sink known to the configuration.
func Kind() config.Kind {
	return config.Kind{
		Name:     "external",
		Summary:  "leaves the attempts to a worker of your own, in any language",
		Network:  true,
		External: true,
		New:      func() config.Settings { return new(Config) },
	}
}

// Config has no settings: they are that worker's own.
type Config struct{}

var _ sinks.Settings = (*Config)(nil)

// SetDefaults has nothing to fill in.
func (*Config) SetDefaults() {}

// Validate has nothing to report.
func (*Config) Validate(func(field, problem string)) {}

// Open returns what stands in the sink's place in Consign's own workers.
func (*Config) Open(_ context.Context, name string) (sinks.Sink, error) { return elsewhere(name), nil }

// elsewhere is a sink that is never asked to deliver, by name.
type elsewhere string

// Deliver fails every result, transiently: it is not this worker that delivers.
func (e elsewhere) Deliver(_ context.Context, batch []sinks.Delivery) []error {
	return sinks.All(batch, sinks.Label(fmt.Errorf("sink %s is served by a worker of its own", string(e)), "external"))
}

// Close has nothing to let go of.
func (elsewhere) Close(context.Context) error { return nil }
