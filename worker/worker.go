package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/webhook"
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
	gates    map[string]*activities.Gate
	acks     *webhook.Sender
	workers  []sdk.Worker
	holds    *holds
	log      *zap.Logger
}

// Start opens the sinks and begins to work. The error names every sink that could not be opened, or
// is [consign.ErrNotSetUp] when the namespace lacks what Consign needs.
func Start(ctx context.Context, o Options) (*Worker, error) {
	o.setDefaults()
	sdk.SetStickyWorkflowCacheSize(stickyCache)
	w := &Worker{options: o, identity: newIdentity(), since: time.Now(), gates: map[string]*activities.Gate{}, log: o.Log}
	w.metrics = activities.NewMetrics(o.Registry)
	if err := w.open(ctx, w.metrics); err != nil {
		return nil, errors.Join(err, w.close(ctx))
	}
	if err := consign.CheckSetup(ctx, o.Temporal, o.Namespace); err != nil {
		return nil, errors.Join(err, w.close(ctx))
	}
	o.Registry.MustRegister(newBacklog(o.Temporal, o.Namespace, o.Config.Sinks))
	w.acts = &activities.Activities{
		Config: o.Config, Gates: w.gates, Temporal: o.Temporal, Acks: w.acks, NATS: o.NATS, Metrics: w.metrics, Log: o.Log,
	}
	w.workers = append(w.workers, w.main(w.acts), w.own())
	for _, sink := range o.Config.Sinks {
		if sink.External {
			o.Log.Info("attempts at this sink wait for a worker of its own", zap.String("sink", sink.Name), zap.String("queue", consign.SinkQueue(sink.Name)))
			continue
		}
		for _, name := range names(sink) {
			worker, err := w.sink(w.acts, name)
			if err != nil {
				return nil, errors.Join(err, w.close(ctx))
			}
			w.workers = append(w.workers, worker)
		}
	}
	if err := w.watch(ctx); err != nil {
		return nil, errors.Join(err, w.close(ctx))
	}
	for i, worker := range w.workers {
		if err := worker.Start(); err != nil {
			w.workers = w.workers[:i]
			return nil, errors.Join(fmt.Errorf("starting the worker: %w", err), w.Stop(ctx))
		}
	}
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

// names of a sink: its own first, then those that it had before.
func names(sink config.Sink) []string { return append([]string{sink.Name}, sink.Aliases...) }

// Gate of a sink, by its name or an alias; nil if there is none of that name.
func (w *Worker) Gate(sink string) *activities.Gate { return w.gates[sink] }

// Registry that holds the worker's metrics.
func (w *Worker) Registry() *prometheus.Registry { return w.options.Registry }

// open opens every sink, and names all that cannot be opened.
func (w *Worker) open(ctx context.Context, metrics *activities.Metrics) error {
	var problems []error
	for _, settings := range w.options.Config.Sinks {
		kind, ok := settings.Settings.(sinks.Settings)
		if !ok {
			problems = append(problems, fmt.Errorf("sink %s: kind %s cannot be opened", settings.Name, settings.Kind))
			continue
		}
		sink, err := kind.Open(ctx, settings.Name)
		if err != nil {
			problems = append(problems, fmt.Errorf("sinks.%s.%s: %s", settings.Name, settings.Kind, w.options.Config.Redact(err.Error())))
			continue
		}
		gate := activities.NewGate(settings, sink, metrics)
		for _, name := range names(settings) {
			w.gates[name] = gate
		}
	}
	acks, guard := w.options.Config.Acks, webhook.GuardDefault
	if acks.Private != nil && !*acks.Private {
		guard = webhook.GuardStrict
	}
	var err error
	if w.acks, err = webhook.NewSender(acks.Secret, acks.Secrets, guard); err != nil {
		problems = append(problems, fmt.Errorf("acks.%w", err))
	}
	return errors.Join(problems...)
}

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
	worker.RegisterActivityWithOptions(acts.Route, activity.RegisterOptions{Name: consign.RouteActivity})
	worker.RegisterActivityWithOptions(acts.Deliver, activity.RegisterOptions{Name: consign.DeliverActivity})
	worker.RegisterActivityWithOptions(acts.Park, activity.RegisterOptions{Name: consign.ParkActivity})
	worker.RegisterActivityWithOptions(acts.Waiting, activity.RegisterOptions{Name: consign.WaitingActivity})
	worker.RegisterActivityWithOptions(acts.Ack, activity.RegisterOptions{Name: consign.AckActivity})
	return worker
}

// sink works on what is queued for a sink under one of its names.
func (w *Worker) sink(acts *activities.Activities, name string) (sdk.Worker, error) {
	gate := w.gates[name]
	tuner, err := tuner(gate, name)
	if err != nil {
		return nil, fmt.Errorf("sink %s: %w", name, err)
	}
	worker := sdk.New(w.options.Temporal, consign.SinkQueue(name), sdk.Options{
		Identity:                         w.identity,
		Tuner:                            tuner,
		MaxConcurrentActivityTaskPollers: min(4, gate.Settings().Concurrency),
		DisableWorkflowWorker:            true,
		WorkerStopTimeout:                w.options.Drain,
		DisableRegistrationAliasing:      true,
		OnFatalError:                     func(err error) { w.log.Error("worker failed", zap.String("sink", name), zap.Error(err)) },
	})
	worker.RegisterActivityWithOptions(acts.Deliver, activity.RegisterOptions{Name: consign.DeliverActivity})
	worker.RegisterActivityWithOptions(acts.Route, activity.RegisterOptions{Name: consign.RouteActivity})
	return worker, nil
}

// Stop takes no more work, lets attempts under way finish within the drain time, and closes the
// sinks. What is not over by then, or when ctx is over, Temporal has tried again by another worker.
func (w *Worker) Stop(ctx context.Context) error {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		var all sync.WaitGroup
		for _, worker := range w.workers {
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
	w.holds.end()
	var problems []error
	for _, sink := range w.options.Config.Sinks {
		gate := w.gates[sink.Name]
		if gate == nil {
			continue // it could not be opened
		}
		if err := gate.Close(ctx); err != nil {
			problems = append(problems, fmt.Errorf("closing sink %s: %w", sink.Name, err))
		}
	}
	if w.acks != nil {
		w.acks.Close()
	}
	return errors.Join(problems...)
}
