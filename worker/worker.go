package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/status"
	"github.com/consign-dev/consign/workflows"
)

// DefaultDrain is how long Stop waits for attempts under way: 10 seconds, the default timeout of one.
const DefaultDrain = 10 * time.Second

// closeTimeout bounds how long sinks may take to close.
const closeTimeout = 2 * time.Second

// stickyCache is how many open workflows this process keeps in memory between their tasks. Each holds
// its results, up to 1 MiB, and thousands of dead letters may be open; the SDK's default is 10,000.
const stickyCache = 2000

// Options of a worker.
type Options struct {
	// Temporal to work for. Required.
	Temporal client.Client
	// Namespace of that client. Default "default".
	Namespace string
	// Config with the sinks. Required.
	Config *config.Config
	// NATS sends acks to the configuration's sources of NATS. Nil: such acks wait for another worker.
	NATS activities.Settler
	// Drain is how long Stop lets attempts under way finish. What is not over by then is left to
	// Temporal, which has it tried again. Default [DefaultDrain].
	Drain time.Duration
	// Release of the program, as others are told. Default: none.
	Release string
	// Reread reads the configuration anew, for [Worker.Reread]. It makes the checks that are made at a start, and its
	// error tells all mistakes. Nil: this worker reloads only by [Worker.Reload].
	Reread func(context.Context) (*config.Config, error)
	// Tell adds to what this worker tells of itself what only the program around it knows: its sources, and the
	// disk of a server in the same process. Default: nothing.
	Tell func(*status.Standing)
	// Registry for metrics. Default: a new one.
	Registry *prometheus.Registry
	// Log. Default: it says nothing.
	Log *zap.Logger
}

// Worker is a running worker.
type Worker struct {
	options  Options
	identity string
	since    time.Time
	metrics  *activities.Metrics
	acts     *activities.Activities
	workers  []sdk.Worker // on the main queue and on its own
	holds    *holds
	reloads  *reloadMetrics
	log      *zap.Logger

	// ending is over when what was replaced need not be waited for any more.
	ending context.Context
	end    context.CancelFunc
	// stopping is over from the moment that Stop is called.
	stopping context.Context
	stop     context.CancelFunc
	// replaced is what a reload has replaced, while it is still in use, and what watches this worker.
	replaced sync.WaitGroup

	// rereading is held while the configuration is read anew.
	rereading sync.Mutex
	// refused are the mistakes of the configuration that was read last; nil: it has none.
	refused atomic.Pointer[[]string]

	// mu is held by whoever changes what follows: a reload, the end of a drain, Stop.
	mu      sync.Mutex
	sinks   map[string]sink   // that are open, by name
	queues  map[string]*queue // that are polled, by the name of the sink
	stopped bool
}

// sink is one that is open.
type sink struct {
	gate *activities.Gate
	// fingerprint of its settings, as of when it was opened.
	fingerprint string
}

// Start opens the sinks and begins to work. The error names every sink that could not be opened, or
// is [consign.ErrNotSetUp] when the namespace lacks what Consign needs.
func Start(ctx context.Context, o Options) (*Worker, error) {
	o.setDefaults()
	sdk.SetStickyWorkflowCacheSize(stickyCache)
	w := &Worker{
		options: o, identity: newIdentity(), since: time.Now(), log: o.Log,
		sinks: map[string]sink{}, queues: map[string]*queue{}, reloads: newReloadMetrics(o.Registry),
	}
	w.ending, w.end = context.WithCancel(context.WithoutCancel(ctx))
	w.stopping, w.stop = context.WithCancel(w.ending)
	w.metrics = activities.NewMetrics(o.Registry)
	w.acts = &activities.Activities{Temporal: o.Temporal, NATS: o.NATS, Metrics: w.metrics, Log: o.Log}
	w.holds = &holds{worker: w}
	next, err := w.plan(ctx, o.Config)
	if err != nil {
		return nil, errors.Join(err, w.close(ctx))
	}
	if err := consign.CheckSetup(ctx, o.Temporal, o.Namespace); err != nil {
		return nil, errors.Join(err, next.abandon(ctx), w.close(ctx))
	}
	if err := w.prepare(ctx, next); err != nil {
		return nil, errors.Join(err, next.abandon(ctx), w.close(ctx))
	}
	w.commit(next) //nolint:contextcheck // nothing ends yet
	o.Registry.MustRegister(newBacklog(o.Temporal, o.Namespace, w.queueNames))
	for _, worker := range []sdk.Worker{w.main(w.acts), w.own()} {
		if err := worker.Start(); err != nil {
			return nil, errors.Join(fmt.Errorf("starting the worker: %w", err), w.Stop(ctx))
		}
		w.workers = append(w.workers, worker)
	}
	w.holds.watch(ctx)
	w.replaced.Go(w.watchDrains)
	w.replaced.Go(w.watchReports)
	w.warnOfOrphans(ctx)
	o.Log.Info("worker started", zap.Int("sinks", len(o.Config.Sinks)), zap.String("namespace", o.Namespace))
	return w, nil
}

func (o *Options) setDefaults() {
	if o.Namespace == "" {
		o.Namespace = client.DefaultNamespace
	}
	if o.Drain == 0 {
		o.Drain = DefaultDrain
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
}

// Gate of a sink, by its name or an alias; nil if there is none of that name.
func (w *Worker) Gate(sink string) *activities.Gate { return w.acts.Current().Gates[sink] }

// Config is the configuration that this worker goes by now.
func (w *Worker) Config() *config.Config { return w.acts.Current().Config }

// queueNames are the names of sinks in whose queues something may wait.
func (w *Worker) queueNames() []string {
	now := w.acts.Current()
	names := slices.AppendSeq(slices.Collect(maps.Keys(now.Gates)), maps.Keys(now.Draining))
	slices.Sort(names)
	return names
}

// Registry that holds the worker's metrics.
func (w *Worker) Registry() *prometheus.Registry { return w.options.Registry }

// main works on workflows and on every activity but the queued attempts.
func (w *Worker) main(acts *activities.Activities) sdk.Worker {
	worker := sdk.New(w.options.Temporal, consign.TaskQueue, sdk.Options{
		Identity: w.identity,
		// 64 results in flight are worked on at once by eager starts; pollers serve the rest.
		MaxConcurrentWorkflowTaskPollers: 8,
		MaxConcurrentActivityTaskPollers: 4,
		WorkerStopTimeout:                w.options.Drain,
		DisableRegistrationAliasing:      true,
		// A consignment of a thousand results takes longer than the SDK's 1 s on a machine that is busy. A
		// task that is broken off is made again, inline attempts and all; it has 10 s on the server.
		DeadlockDetectionTimeout: 5 * time.Second,
		OnFatalError:             func(err error) { w.log.Error("worker failed", zap.Error(err)) },
	})
	worker.RegisterWorkflowWithOptions(workflows.Deliver, workflow.RegisterOptions{Name: consign.DeliverWorkflow})
	worker.RegisterWorkflowWithOptions(workflows.DeadLetter, workflow.RegisterOptions{Name: consign.DeadLetterWorkflow})
	worker.RegisterWorkflowWithOptions(workflows.Bulk, workflow.RegisterOptions{Name: consign.BulkWorkflow})
	worker.RegisterActivityWithOptions(acts.Bulk, activity.RegisterOptions{Name: consign.BulkActivity})
	worker.RegisterActivityWithOptions(acts.Route, activity.RegisterOptions{Name: consign.RouteActivity})
	worker.RegisterActivityWithOptions(acts.Deliver, activity.RegisterOptions{Name: consign.DeliverActivity})
	worker.RegisterActivityWithOptions(acts.Park, activity.RegisterOptions{Name: consign.ParkActivity})
	worker.RegisterActivityWithOptions(acts.Waiting, activity.RegisterOptions{Name: consign.WaitingActivity})
	worker.RegisterActivityWithOptions(acts.Ack, activity.RegisterOptions{Name: consign.AckActivity})
	return worker
}

// Stop takes no more work, lets attempts under way finish within the drain time, and closes the
// sinks. What is not over by then, or when ctx is over, Temporal has tried again by another worker.
func (w *Worker) Stop(ctx context.Context) error {
	w.stop()
	w.mu.Lock()
	w.stopped = true
	workers := append([]sdk.Worker(nil), w.workers...)
	for _, queue := range w.queues {
		workers = append(workers, queue.worker)
	}
	w.mu.Unlock()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		var all sync.WaitGroup
		for _, worker := range workers {
			all.Go(worker.Stop)
		}
		all.Wait()
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
		w.log.Warn("left attempts under way to Temporal", zap.Error(ctx.Err()))
	}
	w.log.Info("worker stopped")
	// A sink that hangs must not hold up the end of the process.
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return w.close(closing)
}

func (w *Worker) close(ctx context.Context) error {
	w.end()
	w.holds.end()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.replaced.Wait()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	var problems []error
	for name, sink := range w.sinks {
		if err := sink.gate.Close(ctx); err != nil {
			problems = append(problems, fmt.Errorf("closing sink %s: %w", name, err))
		}
	}
	if now := w.acts.Current(); now != nil {
		closeAcks(now)
	}
	return errors.Join(problems...)
}
