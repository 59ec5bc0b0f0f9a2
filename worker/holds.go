package worker

import (
	"context"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
)

const (
	// holdsEvery is how often a worker reads what holds its sinks back, so that a pause holds for inline
	// attempts too.
	holdsEvery = 2 * time.Second
	// holdsTimeout bounds one reading. Two of them and the time between stay under 5 s.
	holdsTimeout = time.Second
	// carryTimeout bounds how long a pause under an earlier name may hold up the start of a worker.
	carryTimeout = 5 * time.Second
	// carryPace is the time from one look for the pause that was carried over to the next.
	carryPace = 50 * time.Millisecond
	// holdsAtOnce is how many sinks are read side by side.
	holdsAtOnce = 8
)

// holds keeps the gates of this worker in step with what Temporal keeps for all workers.
type holds struct {
	worker *Worker
	warned atomic.Bool
	stop   context.CancelFunc // nil: it does not watch
	done   chan struct{}
}

// begin sets the rates of sinks that are to be delivered to, and reads what holds them back, so that a pause from before
// holds from the first attempt on.
func (h *holds) begin(ctx context.Context, gates []*activities.Gate) error {
	log := h.worker.log
	var group errgroup.Group
	group.SetLimit(holdsAtOnce)
	for _, gate := range gates {
		sink := gate.Settings()
		group.Go(func() error {
			if err := h.limit(ctx, sink); err != nil {
				if sink.RateLimit != "" {
					return err // it would be attempted without a limit
				}
				log.Warn("a rate limit from before may still hold: the setting of a sink's queue could not be read", zap.String("sink", sink.Name), zap.Error(err))
			}
			if err := h.carry(ctx, sink); err != nil {
				log.Warn("a pause from before a rename may not hold", zap.String("sink", sink.Name), zap.Error(err))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	h.look(ctx, gates)
	return nil
}

// watch goes on reading.
func (h *holds) watch(ctx context.Context) {
	ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx))
	h.done = make(chan struct{})
	go h.run(ctx)
}

func (h *holds) run(ctx context.Context) {
	defer close(h.done)
	every(ctx, holdsEvery, func(time.Time) { h.look(ctx, h.worker.acts.Current().All()) })
}

func (h *holds) end() {
	if h.stop != nil {
		h.stop()
		<-h.done
	}
}

// limit gives the rate of the configuration to the sink's queues. It leaves a pause alone.
func (h *holds) limit(ctx context.Context, sink config.Sink) error {
	o := h.worker.options
	for _, name := range names(sink) {
		if err := consign.LimitSink(ctx, o.Temporal, o.Namespace, name, sink.RateLimit.PerSecond(), "worker"); err != nil {
			return err
		}
	}
	return nil
}

// carry has a pause that a sink got under an earlier name hold under its own. That of the earlier name
// stays, for workers that know the sink by it, until the sink is resumed.
func (h *holds) carry(ctx context.Context, sink config.Sink) error {
	o := h.worker.options
	ctx, cancel := context.WithTimeout(ctx, carryTimeout)
	defer cancel()
	for _, alias := range sink.Aliases {
		earlier, err := consign.HoldOf(ctx, o.Temporal, o.Namespace, alias)
		if err != nil {
			return err
		}
		if !earlier.Paused {
			continue
		}
		now, err := consign.HoldOf(ctx, o.Temporal, o.Namespace, sink.Name)
		if err == nil && !now.Paused {
			err = consign.PauseSink(ctx, o.Temporal, o.Namespace, sink.Name, earlier.Reason, earlier.By)
		}
		for err == nil && !now.Paused { // until it shows, or the first look would take it for resumed
			if now, err = consign.HoldOf(ctx, o.Temporal, o.Namespace, sink.Name); !now.Paused {
				time.Sleep(carryPace)
			}
		}
		return err
	}
	return nil
}

// lift ends, after the sink was resumed, the pauses that it has under earlier names.
func (h *holds) lift(ctx context.Context, sink config.Sink) error {
	o := h.worker.options
	for _, alias := range sink.Aliases {
		if _, err := consign.ResumeSink(ctx, o.Temporal, o.Namespace, alias, "worker"); err != nil {
			return err
		}
	}
	return nil
}

// look reads the setting of each sink's queue. While Temporal does not answer, what was read last stands.
func (h *holds) look(ctx context.Context, gates []*activities.Gate) {
	var group errgroup.Group
	group.SetLimit(holdsAtOnce)
	for _, gate := range gates {
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
	if gate.Paused() && !hold.Paused {
		if err := h.lift(ctx, gate.Settings()); err != nil {
			return err
		}
	}
	rate := gate.Settings().RateLimit.PerSecond()
	if !hold.Paused && (gate.Paused() || rate > 0 && hold.Rate == 0) {
		// What a resume has restored may be of an older configuration. Nothing else is overruled, since
		// workers may have different configurations during a roll-out. The gate stays paused until it is done.
		if err := h.limit(ctx, gate.Settings()); err != nil {
			return err
		}
	}
	if gate.Retired() {
		return nil // another one has taken its place meanwhile, and tells
	}
	was := gate.Pause(hold.Paused)
	if was == hold.Paused {
		return nil
	}
	if hold.Paused {
		h.worker.log.Warn("sink paused", zap.String("sink", gate.Name()), zap.String("reason", hold.Reason), zap.String("by", hold.By))
		return nil
	}
	h.worker.log.Info("sink resumed", zap.String("sink", gate.Name()))
	return nil
}
