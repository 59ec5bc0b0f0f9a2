package worker

import (
	"context"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

const (
	// holdsEvery is how often a worker reads what holds its sinks back, so that a pause holds for inline
	// attempts too.
	holdsEvery = 2 * time.Second
	// holdsTimeout bounds one reading. Two of them and the time between stay under 5 s.
	holdsTimeout = time.Second
	// holdsAtOnce is how many sinks are read side by side.
	holdsAtOnce = 8
)

// holds keeps the gates of this worker in step with what Temporal keeps for all workers.
type holds struct {
	worker *Worker
	warned atomic.Bool
	stop   context.CancelFunc
	done   chan struct{}
}

// watch reads once, so that a pause from before holds from the first attempt on, and goes on reading.
func (w *Worker) watch(ctx context.Context) {
	h := &holds{worker: w, done: make(chan struct{})}
	h.look(ctx)
	ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx))
	w.holds = h
	go h.run(ctx)
}

func (h *holds) run(ctx context.Context) {
	defer close(h.done)
	ticker := time.NewTicker(holdsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			h.look(ctx)
		}
	}
}

func (h *holds) end() {
	if h != nil {
		h.stop()
		<-h.done
	}
}

// look reads the setting of each sink's queue. While Temporal does not answer, what was read last stands.
func (h *holds) look(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(holdsAtOnce)
	for _, sink := range h.worker.options.Config.Sinks {
		gate := h.worker.gates[sink.Name]
		group.Go(func() error {
			if err := h.read(ctx, gate); err != nil && ctx.Err() == nil && !h.warned.Swap(true) {
				h.worker.log.Warn("a pause may not be heard of: the setting of a sink's queue could not be read", zap.String("sink", gate.Name()), zap.Error(err))
			}
			return nil
		})
	}
	_ = group.Wait()
}

func (h *holds) read(ctx context.Context, gate *activities.Gate) error {
	ctx, cancel := context.WithTimeout(ctx, holdsTimeout)
	defer cancel()
	hold, err := consign.HoldOf(ctx, h.worker.options.Temporal, h.worker.options.Namespace, gate.Name())
	if err != nil {
		return err
	}
	h.warned.Store(false)
	if was := gate.Pause(hold.Paused); was == hold.Paused {
		return nil
	}
	if hold.Paused {
		h.worker.log.Warn("sink paused", zap.String("sink", gate.Name()), zap.String("reason", hold.Reason), zap.String("by", hold.By))
		return nil
	}
	h.worker.log.Info("sink resumed", zap.String("sink", gate.Name()))
	return nil
}
