package main

import (
	"context"
	"sync/atomic"

	"go.temporal.io/sdk/activity"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// attempts counts how results came to the sinks.
type attempts struct{ inline, queued atomic.Int64 }

func (a *attempts) queuedShare() float64 {
	inline, queued := a.inline.Load(), a.queued.Load()
	return float64(queued) / float64(max(inline+queued, 1))
}

// count is settings of the same sink whose attempts are counted.
func (a *attempts) count(original config.Settings) sinks.Settings {
	return wrapped{
		Settings: original.(sinks.Settings), //nolint:forcetypeassert // every kind's settings open
		deliver: func(ctx context.Context, sink sinks.Sink, batch []sinks.Delivery) []error {
			if activity.GetInfo(ctx).IsLocalActivity {
				a.inline.Add(1)
			} else {
				a.queued.Add(1)
			}
			return sink.Deliver(ctx, batch)
		},
	}
}
