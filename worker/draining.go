package worker

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/status"
)

const (
	// drainsEvery is how often it is looked whether a queue that drains is to be looked at.
	drainsEvery = time.Second
	// drainPace is the least time from one look at a queue that drains to the next, and drainPaceMost the most: a look
	// may take a question to Temporal for each open delivery.
	drainPace     = 5 * time.Second
	drainPaceMost = 5 * time.Minute
	// drainTimeout bounds one look.
	drainTimeout = time.Minute
	// drainSettled is after which time a delivery that was routed before has queued what it has for a sink.
	drainSettled = 10 * time.Second
)

// drain notes that the configuration has the name no more.
func (q *queue) drain() {
	q.drains, q.pace = time.Now(), drainPace
	q.next = q.drains.Add(drainPace)
}

// watchDrains leaves queues that drain once nothing waits in them.
func (w *Worker) watchDrains() {
	every(w.stopping, drainsEvery, func(time.Time) { w.lookAtDrains() })
}

func (w *Worker) lookAtDrains() {
	w.mu.Lock()
	var due []queue
	for _, queue := range w.queues {
		if !queue.drains.IsZero() && time.Now().After(queue.next) {
			due = append(due, *queue)
		}
	}
	w.mu.Unlock()
	for _, queue := range due {
		waits := w.waits(queue)
		w.mu.Lock()
		// A reload may have put it back meanwhile, or Stop may have come.
		if own := w.queues[queue.name]; own != nil && own.drains.Equal(queue.drains) && !w.stopped {
			if waits {
				own.pace = min(2*own.pace, drainPaceMost)
				own.next = time.Now().Add(own.pace)
			} else {
				w.leave(own)
			}
		}
		w.mu.Unlock()
	}
}

// waits tells whether something may wait for a sink under a name that drains. What cannot be told counts as waiting.
func (w *Worker) waits(q queue) bool {
	gate := w.acts.Current().At(q.name)
	if gate == nil || gate.InUse() {
		return true
	}
	facts := gate.Facts()
	// A leg in back-off shows where deliveries are looked into; one to tell of a dead letter does not.
	last := slices.MaxFunc([]time.Time{q.drains, facts.LastDelivered, facts.LastFailed}, time.Time.Compare)
	if time.Since(last) < drainSettled+activities.LongestDelay(facts.Settings) {
		return true
	}
	ctx, cancel := context.WithTimeout(w.stopping, drainTimeout)
	defer cancel()
	hold, err := consign.HoldOf(ctx, w.options.Temporal, w.options.Namespace, q.name)
	if err != nil || hold.Backlog > 0 {
		return true
	}
	waits, err := status.Waits(ctx, w.options.Temporal, w.options.Namespace, q.name, q.drains)
	if err != nil && ctx.Err() == nil {
		w.log.Debug("looking for what waits for a sink that drains", zap.String("sink", q.name), zap.Error(err))
	}
	return waits || err != nil
}

// leave polls a queue no more. The mutex is held.
func (w *Worker) leave(q *queue) {
	q.worker.Stop() // before anything else, so that it brings no task that has no gate
	delete(w.queues, q.name)
	before := w.acts.Current()
	now := *before
	now.Draining = maps.Clone(before.Draining)
	delete(now.Draining, q.name)
	w.acts.Use(&now)
	w.log.Info("drained: nothing waits any more for a sink under a name that is not configured", zap.String("sink", q.name))
	configured := map[string]sink{}
	for _, settings := range now.Config.Sinks {
		configured[settings.Name] = w.sinks[settings.Name]
	}
	w.release(&now, configured)
}
