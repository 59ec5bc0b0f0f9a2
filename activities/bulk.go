package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/consign-dev/consign/deadletters"
)

// checkpointEvery is how often a bulk order notes how far it is, where that has changed or not: the heartbeat that keeps
// it from being begun elsewhere.
const checkpointEvery = time.Second

// Bulk is the activity "bulk": it carries out a bulk order for as long as that takes. How far it is stands in its
// heartbeat, from which another worker goes on when this one stops or is killed.
func (a *Activities) Bulk(ctx context.Context, order deadletters.Bulk) (deadletters.Progress, error) {
	info := activity.GetInfo(ctx)
	var from deadletters.Checkpoint
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &from); err != nil {
			a.Log.Warn("a bulk order begins anew: how far it was is unreadable", zap.String("order", info.WorkflowExecution.ID), zap.Error(err))
		}
	}
	carrier := &deadletters.Carrier{Temporal: a.Temporal, ID: info.WorkflowExecution.ID, Order: order, Keep: a.keep}
	carrying, stop := context.WithCancel(ctx)
	defer stop()
	over := make(chan error, 1)
	go func() { over <- carrier.Carry(carrying, from) }()
	ticker := time.NewTicker(checkpointEvery)
	defer ticker.Stop()
	for {
		select {
		case err := <-over:
			return a.carried(ctx, carrier, err)
		case <-activity.GetWorkerStopChannel(ctx):
			stop()
			if err := <-over; err == nil {
				return a.carried(ctx, carrier, nil) // it was over just then
			}
			activity.RecordHeartbeat(ctx, carrier.Checkpoint())
			return deadletters.Progress{}, temporal.NewApplicationErrorWithOptions("the worker is stopping, another one goes on", "stopping",
				temporal.ApplicationErrorOptions{NextRetryDelay: time.Millisecond, Category: temporal.ApplicationErrorCategoryBenign})
		case <-ticker.C:
			activity.RecordHeartbeat(ctx, carrier.Checkpoint())
		}
	}
}

// keep has Temporal know at once how far a bulk order is. It goes on also where that fails: then its counts may come out
// lower after a crash.
func (a *Activities) keep(ctx context.Context, at deadletters.Checkpoint) {
	activity.RecordHeartbeat(ctx, at) // else one that the SDK holds back would come after, and be older
	info := activity.GetInfo(ctx)
	if err := a.Temporal.RecordActivityHeartbeat(ctx, info.TaskToken, at); err != nil {
		a.Log.Debug("how far a bulk order is was not kept", zap.String("order", info.WorkflowExecution.ID), zap.Error(err))
	}
}

// carried is how an order ended.
func (a *Activities) carried(ctx context.Context, carrier *deadletters.Carrier, err error) (deadletters.Progress, error) {
	at := carrier.Checkpoint()
	at.Progress.State = deadletters.BulkDone
	paused := errors.Is(context.Cause(ctx), activity.ErrActivityPaused) || errors.Is(context.Cause(ctx), activity.ErrActivityReset)
	switch {
	case paused: // in the Web UI, and it goes on when that is over
		activity.RecordHeartbeat(ctx, at)
		return deadletters.Progress{}, context.Cause(ctx)
	case ctx.Err() != nil: // somebody has cancelled it, or this worker has been taken for dead, and then nobody reads this
		at.Progress.State = deadletters.BulkCancelled
	case err != nil:
		activity.RecordHeartbeat(ctx, at)
		return deadletters.Progress{}, temporal.NewApplicationErrorWithOptions(err.Error(), "bulk", temporal.ApplicationErrorOptions{})
	}
	p := at.Progress
	a.Log.Info("bulk order is over", zap.String("order", carrier.ID), zap.String("what", carrier.Order.Words()), zap.String("by", carrier.Order.By), zap.String("state", p.State),
		zap.Int("ordered", p.Ordered), zap.Int("done", p.Done), zap.Int("failed", p.Failed), zap.Int("skipped", p.Skipped))
	return p, nil
}
