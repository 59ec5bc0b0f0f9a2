package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

// pauseTimeout bounds how long pausing a sink may hold up the attempt that has found it gone.
const pauseTimeout = 3 * time.Second

// pauseGone pauses a sink, for every worker, that says it is gone: each further result would be refused and
// parked. If Temporal does not take the pause, the next attempt asks for it again.
func (a *Activities) pauseGone(ctx context.Context, gate *Gate, errs []error) {
	var cause string
	for _, err := range errs {
		if failure := sinks.Classify(err); failure.Gone {
			cause = Clip(a.Current().redact(gate)(failure.Message), maxCause)
		}
	}
	if cause == "" || gate.Paused() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pauseTimeout)
	defer cancel()
	if err := consign.PauseSink(ctx, a.Temporal, activity.GetInfo(ctx).Namespace, gate.Name(), "gone: "+cause, "worker"); err != nil {
		a.Log.Error("sink is gone and could not be paused", zap.String("sink", gate.Name()), zap.Error(err))
		return
	}
	gate.Pause(true)
	a.Log.Error("sink is gone and is paused for all workers: correct it and resume it, or remove it",
		zap.String("sink", gate.Name()), zap.String("cause", cause))
}
