package sinks

import (
	"context"
	"time"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
)

// Sink is an open destination. Its methods may be called from several goroutines at once.
type Sink interface {
	// Deliver hands over one batch and reports on each result by index: nil means delivered, and
	// delivered means durable at the destination as far as the destination can tell. The slice has
	// the batch's length; a nil slice means that all were delivered. Deliver returns soon after ctx
	// is over.
	Deliver(ctx context.Context, batch []Delivery) []error
	// Close lets go of files and connections. Deliveries under way are over by then.
	Close(ctx context.Context) error
}

// Delivery is one result on its way to one sink.
type Delivery struct {
	// ID is the delivery id, "msg_…": the same on every retry, after a crash and on a replay.
	ID string
	// Result is what to deliver.
	Result consign.Result
	// First is when the first attempt was due: when the result's workflow, or the replay, started.
	// It is the same on every retry.
	First time.Time
	// At is when this attempt began. It is Temporal's clock, as First is, so that the two compare
	// whatever the clock of this machine says.
	At time.Time
	// Attempt counts tries from 1.
	Attempt int
	// TraceContext of this attempt, for headers of the request; zero: there is none.
	consign.TraceContext
}

// Settings are a kind's own settings in the configuration file, and open the sink they describe.
type Settings interface {
	config.Settings
	// Open returns the sink, or says what is wrong with the destination as far as it can be told
	// without delivering anything: a file that cannot be created, a certificate that cannot be read.
	Open(ctx context.Context, name string) (Sink, error)
}

// All returns the same error for each result of a batch.
func All(batch []Delivery, err error) []error {
	if err == nil {
		return nil
	}
	errs := make([]error, len(batch))
	for i := range errs {
		errs[i] = err
	}
	return errs
}
