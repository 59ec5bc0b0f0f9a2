package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/webhook"
	"github.com/consign-dev/consign/status"
)

// errStopped is why a worker that stops reloads nothing.
var errStopped = errors.New("this worker is stopping")

// Reload has the worker go by another configuration. First it opens the sinks that are new or have changed, and if one
// of them cannot be opened, or Temporal does not take its rate, nothing changes; the error names all of them.
//
// Sinks that have not changed go on as they are, circuit and pace included. Those that have changed are delivered to by
// their new settings from now on, while attempts under way end as they began, within the drain time. Sinks that are
// gone get nothing new, and are polled until nothing waits for them any more. Legs that are under way keep the policy
// that their history has recorded.
//
// What has to do with sources, and with results over HTTP, waits for a restart: [status.Changes] names it.
func (w *Worker) Reload(ctx context.Context, c *config.Config) (status.Changes, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.stopping, cancel)() //nolint:contextcheck // it ends with the worker too
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return status.Changes{}, errStopped
	}
	changes, err := w.reloadTo(ctx, c)
	w.reloads.note(err == nil)
	return changes, err
}

func (w *Worker) reloadTo(ctx context.Context, c *config.Config) (status.Changes, error) {
	next, err := w.plan(ctx, c)
	if err != nil {
		return status.Changes{}, err
	}
	if err := w.prepare(ctx, next); err != nil {
		return status.Changes{}, errors.Join(err, next.abandon(ctx))
	}
	w.commit(next) //nolint:contextcheck // what it ends lasts longer than a reload
	w.log.Info("configuration reloaded",
		zap.Strings("added", next.changes.Added), zap.Strings("changed", next.changes.Changed),
		zap.Strings("removed", next.changes.Removed), zap.Strings("unchanged", next.changes.Unchanged))
	for _, what := range next.changes.Restart {
		w.log.Warn("restart needed for a part of the configuration that changes with a restart only", zap.String("part", what))
	}
	return next.changes, nil
}

// plan is what a worker is going to deliver by.
type plan struct {
	config *config.Config
	// sinks of the configuration, by name, of which new are those that were opened for it.
	sinks map[string]sink
	new   []*activities.Gate
	acks  activities.Poster
	// queues that are polled for it, and were not before.
	queues  []*queue
	changes status.Changes
}

// plan opens what the configuration has and this worker has not, and names all that cannot be opened.
func (w *Worker) plan(ctx context.Context, c *config.Config) (*plan, error) {
	next := &plan{config: c, sinks: map[string]sink{}}
	before := w.acts.Current()
	var problems []error
	for _, settings := range c.Sinks {
		own, fingerprint := w.sinks[settings.Name], settings.Fingerprint()
		if own.gate == nil || own.fingerprint != fingerprint {
			gate, err := w.open(ctx, c, settings)
			if err != nil {
				problems = append(problems, err)
				continue
			}
			if own.gate != nil {
				gate.Succeed(own.gate)
			}
			own = sink{gate, fingerprint}
			next.new = append(next.new, gate)
		}
		next.sinks[settings.Name] = own
	}
	next.acks = w.sender(before, c, &problems)
	next.compare(before, w.options.Config)
	if len(problems) > 0 {
		return nil, errors.Join(append(problems, next.abandon(ctx))...)
	}
	return next, nil
}

// open opens a sink and puts a gate before it.
func (w *Worker) open(ctx context.Context, c *config.Config, settings config.Sink) (*activities.Gate, error) {
	kind, ok := settings.Settings.(sinks.Settings)
	if !ok {
		return nil, fmt.Errorf("sink %s: kind %s cannot be opened", settings.Name, settings.Kind)
	}
	sink, err := kind.Open(ctx, settings.Name)
	if err != nil {
		return nil, fmt.Errorf("sinks.%s.%s: %s", settings.Name, settings.Kind, c.Redact(err.Error()))
	}
	return activities.NewGate(settings, sink, w.metrics, c.Redact), nil
}

// sender is what sends acks over HTTP: the one from before, where its settings are the same.
func (w *Worker) sender(before *activities.Current, c *config.Config, problems *[]error) activities.Poster {
	if before != nil && before.Acks != nil && before.Config.Acks.Fingerprint() == c.Acks.Fingerprint() {
		return before.Acks
	}
	guard := webhook.GuardDefault
	if c.Acks.Private != nil && !*c.Acks.Private {
		guard = webhook.GuardStrict
	}
	sender, err := webhook.NewSender(c.Acks.Secret, c.Acks.Secrets, guard)
	if err != nil {
		*problems = append(*problems, fmt.Errorf("acks.%w", err))
		return nil
	}
	return sender
}

// compare tells what changes: in sinks since before, and in what this worker has read at its start only.
func (p *plan) compare(before *activities.Current, started *config.Config) {
	var old []config.Sink
	if before != nil {
		old = before.Config.Sinks
	}
	had := map[string]bool{}
	for _, sink := range old {
		had[sink.Name] = true
		if _, has := p.sinks[sink.Name]; !has {
			p.changes.Removed = append(p.changes.Removed, sink.Name)
		}
	}
	for _, settings := range p.config.Sinks {
		into := &p.changes.Unchanged
		switch {
		case !had[settings.Name]:
			into = &p.changes.Added
		case slices.Contains(p.new, p.sinks[settings.Name].gate):
			into = &p.changes.Changed
		}
		*into = append(*into, settings.Name)
	}
	p.changes.Restart = restart(started, p.config)
}

// restart names the parts of a configuration that were read at the start only and are others now.
func restart(started, now *config.Config) (parts []string) {
	if started.HTTP.Fingerprint() != now.HTTP.Fingerprint() {
		parts = append(parts, "http")
	}
	fingerprints := map[string]string{}
	for _, source := range now.Sources {
		fingerprints[source.Name] = source.Fingerprint()
	}
	for _, source := range started.Sources {
		if fingerprints[source.Name] != source.Fingerprint() {
			parts = append(parts, "sources."+source.Name)
		}
		delete(fingerprints, source.Name)
	}
	for _, source := range now.Sources {
		if _, added := fingerprints[source.Name]; added {
			parts = append(parts, "sources."+source.Name)
		}
	}
	return parts
}

// prepare does what may fail outside of this process: it sets rates, reads pauses, and begins to ask for what is queued.
func (w *Worker) prepare(ctx context.Context, next *plan) error {
	if err := w.holds.begin(ctx, next.new); err != nil {
		return errors.Join(err, w.restore(ctx, next))
	}
	for _, settings := range next.config.Sinks {
		if settings.External {
			continue
		}
		for _, name := range names(settings) {
			if w.queues[name] != nil {
				continue
			}
			queue, err := w.poll(name)
			if err != nil {
				return errors.Join(err, w.restore(ctx, next))
			}
			next.queues = append(next.queues, queue)
		}
	}
	return nil
}

// restore gives sinks whose change has failed the rate back that they had.
func (w *Worker) restore(ctx context.Context, next *plan) error {
	var problems []error
	for _, gate := range next.new {
		if old := w.sinks[gate.Name()].gate; old != nil && old.Settings().RateLimit != gate.Settings().RateLimit {
			problems = append(problems, w.holds.limit(context.WithoutCancel(ctx), old.Settings()))
		}
	}
	return errors.Join(problems...)
}

// abandon closes what was opened for a plan that is not carried out.
func (p *plan) abandon(ctx context.Context) error {
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	for _, queue := range p.queues {
		queue.worker.Stop() // it has no slots yet, so it has no tasks
	}
	var problems []error
	for _, gate := range p.new {
		if err := gate.Close(closing); err != nil {
			problems = append(problems, fmt.Errorf("closing sink %s: %w", gate.Name(), err))
		}
	}
	return errors.Join(problems...)
}

// commit has the worker go by a plan. Nothing can fail any more.
func (w *Worker) commit(next *plan) {
	before := w.acts.Current()
	now := &activities.Current{Config: next.config, Gates: map[string]*activities.Gate{}, Draining: map[string]*activities.Gate{}, Acks: next.acks}
	for _, settings := range next.config.Sinks {
		for _, name := range names(settings) {
			now.Gates[name] = next.sinks[settings.Name].gate
		}
	}
	for _, queue := range next.queues {
		w.queues[queue.name] = queue
	}
	leaving := w.assign(before, now)
	w.acts.Use(now)
	for name, queue := range w.queues {
		queue.slots.use(now.At(name))
	}
	for _, gate := range next.new {
		if settings := gate.Settings(); settings.External {
			w.log.Info("attempts at this sink wait for a worker of its own", zap.String("sink", settings.Name), zap.String("queue", consign.SinkQueue(settings.Name)))
		}
	}
	for _, queue := range leaving {
		w.replaced.Go(queue.worker.Stop)
	}
	w.release(now, next.sinks)
	if before != nil && before.Acks != now.Acks {
		w.replaced.Go(func() {
			// Each ack has its sender for that long at the most.
			select {
			case <-time.After(before.Config.Acks.Timeout + time.Second):
			case <-w.ending.Done():
			}
			closeAcks(before)
		})
	}
}

// assign decides what becomes of queues whose names the configuration has no more, and returns those to leave.
func (w *Worker) assign(before, now *activities.Current) (leaving []*queue) {
	for name, queue := range w.queues {
		gate := now.Gates[name]
		drains := gate == nil
		if drains {
			gate = before.At(name)
			if own := now.Gates[gate.Name()]; own != nil {
				gate = own // only the alias is gone, or what was removed is back
			}
			now.Draining[name] = gate
		}
		switch {
		case gate.Settings().External: // a worker of its own takes over
			delete(w.queues, name)
			delete(now.Draining, name)
			leaving = append(leaving, queue)
		case drains && queue.drains.IsZero():
			queue.drain()
			w.log.Info("draining: this name of a sink is not configured any more, gets nothing new, and what waits for it is delivered", zap.String("sink", name))
		case !drains:
			queue.drains = time.Time{}
		}
	}
	return leaving
}

// release keeps the sinks that are needed now, and closes the others once no attempt is under way at them.
func (w *Worker) release(now *activities.Current, configured map[string]sink) {
	needed, before := now.All(), w.sinks
	w.sinks = maps.Clone(configured)
	for name, old := range before {
		switch {
		case !slices.Contains(needed, old.gate):
			w.retire(old.gate)
		case w.sinks[name].gate == nil:
			w.sinks[name] = old // it drains
		}
	}
}

// retire closes the sink of a gate that another one has replaced, or that is not needed any more.
func (w *Worker) retire(gate *activities.Gate) {
	w.replaced.Go(func() {
		drain, cancel := context.WithTimeout(w.ending, w.options.Drain)
		defer cancel()
		late := context.AfterFunc(drain, func() {
			if w.ending.Err() == nil {
				w.log.Warn("attempts under way by settings from before are broken off: they are made again by those of now", zap.String("sink", gate.Name()))
			}
		})
		// At the end of the worker it may take no longer than closing the other sinks does.
		closing, give := context.WithCancel(context.WithoutCancel(w.ending))
		defer give()
		defer context.AfterFunc(w.ending, func() { time.AfterFunc(closeTimeout, give) })()
		err := gate.Retire(closing, drain)
		late()
		if err != nil && w.ending.Err() == nil {
			w.log.Warn("closing a sink by its settings from before", zap.String("sink", gate.Name()), zap.Error(err))
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if _, open := w.sinks[gate.Name()]; !open {
			w.metrics.Forget(gate.Name())
		}
	})
}

// closeAcks closes what sends acks over HTTP.
func closeAcks(c *activities.Current) {
	if sender, ok := c.Acks.(*webhook.Sender); ok && sender != nil {
		sender.Close()
	}
}
