package worker

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/consign-dev/consign/status"
)

// orphanTimeout bounds the search, which holds up the start of a worker.
const orphanTimeout = 3 * time.Second

// warnOfOrphans logs each sink that something waits for and that no worker knows.
func (w *Worker) warnOfOrphans(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, orphanTimeout)
	defer cancel()
	orphans, err := status.Orphans(ctx, w.options.Temporal, slices.Collect(maps.Keys(w.acts.Current().Gates)))
	if err != nil {
		w.log.Debug("looking for sinks that no worker knows", zap.Error(err))
	}
	for _, orphan := range orphans {
		w.log.Warn("no worker knows this sink, and what is meant for it waits: configure it again, or make its name an alias of the sink that takes its place",
			zap.String("sink", orphan.Sink), zap.Bool("deliveries_wait", orphan.DeliveriesWait), zap.Int64("dead_letters", orphan.DeadLetters))
	}
}
