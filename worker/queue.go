package worker

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	sdk "go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
)

// sinkPollers is how many ask for a sink's queued attempts. Only those ask that have a slot, so a sink of
// concurrency 1 has one that does.
const sinkPollers = 4

// names of a sink: its own first, then those that it had before.
func names(sink config.Sink) []string { return append([]string{sink.Name}, sink.Aliases...) }

// queue is the task queue of a sink under one of its names, which this worker polls.
type queue struct {
	name   string
	slots  *slots
	worker sdk.Worker
	// drains is since when the configuration has this name no more; zero: it has it.
	drains time.Time
	// looked is when it was last looked at whether something waits, and next when to look again.
	next time.Time
	pace time.Duration
}

// poll has this worker ask for what is queued for a sink under one of its names, once the slots are given a gate.
func (w *Worker) poll(name string) (*queue, error) {
	own := newSlots(name)
	tuner, err := tuner(own)
	if err != nil {
		return nil, fmt.Errorf("sink %s: %w", name, err)
	}
	worker := sdk.New(w.options.Temporal, consign.SinkQueue(name), sdk.Options{
		Identity:                         w.identity,
		Tuner:                            tuner,
		MaxConcurrentActivityTaskPollers: sinkPollers,
		DisableWorkflowWorker:            true,
		WorkerStopTimeout:                w.options.Drain,
		DisableRegistrationAliasing:      true,
		OnFatalError:                     func(err error) { w.log.Error("worker failed", zap.String("sink", name), zap.Error(err)) },
	})
	worker.RegisterActivityWithOptions(w.acts.Deliver, activity.RegisterOptions{Name: consign.DeliverActivity})
	worker.RegisterActivityWithOptions(w.acts.Route, activity.RegisterOptions{Name: consign.RouteActivity})
	if err := worker.Start(); err != nil {
		return nil, fmt.Errorf("polling the queue of sink %s: %w", name, err)
	}
	return &queue{name: name, slots: own, worker: worker}, nil
}
