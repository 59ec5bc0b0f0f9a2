package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// arrivals knows for each result when the last of some sinks has taken it.
type arrivals struct {
	sinks []string

	mu      sync.Mutex
	pending map[string]*arrival // by id of the result
	over    []time.Duration
	changed chan struct{} // holds a token when something has arrived
}

// arrival is a result on its way.
type arrival struct {
	due  time.Time
	gone map[string]bool // sinks that hold it
}

func newArrivals(names ...string) *arrivals {
	return &arrivals{sinks: names, pending: map[string]*arrival{}, changed: make(chan struct{}, 1)}
}

// expect returns the id for a result that was due to be submitted then.
func (a *arrivals) expect(due time.Time) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := uuid.NewString()
	a.pending[id] = &arrival{due: due, gone: map[string]bool{}}
	return id
}

// arrived notes that a sink holds a result.
func (a *arrivals) arrived(sink, id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	waiting := a.pending[id]
	if waiting == nil {
		return // a repeated delivery
	}
	waiting.gone[sink] = true
	if len(waiting.gone) < len(a.sinks) {
		return
	}
	a.over = append(a.over, time.Since(waiting.due))
	delete(a.pending, id)
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// await returns once nothing is on its way any more.
func (a *arrivals) await(ctx context.Context, limit time.Duration) error {
	deadline := time.After(limit)
	for {
		a.mu.Lock()
		left := len(a.pending)
		a.mu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-a.changed:
		case <-deadline:
			return fmt.Errorf("%d results are not at every healthy sink after %s", left, limit)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// forget leaves out what has arrived so far.
func (a *arrivals) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = nil
}

func (a *arrivals) took() []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.over
}

// watch is settings of the same sink that note what it holds.
func (a *arrivals) watch(sink string, original config.Settings) sinks.Settings {
	return wrapped{
		Settings: original.(sinks.Settings), //nolint:forcetypeassert // every kind's settings open
		deliver: func(ctx context.Context, to sinks.Sink, batch []sinks.Delivery) []error {
			errs := to.Deliver(ctx, batch)
			for i, delivery := range batch {
				if len(errs) == 0 || errs[i] == nil {
					a.arrived(sink, delivery.Result.ID)
				}
			}
			return errs
		},
	}
}
