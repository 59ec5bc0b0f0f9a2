package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

const (
	// bulkSilence is how long a worker that carries out a bulk order may say nothing before another goes on. It says how
	// far it is every second, of which the SDK sends what has gathered in eight tenths of this.
	bulkSilence = 10 * time.Second
	// bulkLimit is how long an order may take: at the lowest rate that makes sense, a million in a year.
	bulkLimit = 365 * 24 * time.Hour
)

// Bulk is the workflow "Bulk". It carries out an order about many dead letters by one activity that any worker goes on
// with, and returns how far it has come.
//
// Cancelling it has it begin nothing more, and end as completed.
func Bulk(ctx workflow.Context, order deadletters.Bulk) (deadletters.Progress, error) {
	//workflowcheck:ignore compiling a condition is pure; what the check follows is the library's caches
	if err := order.Check(); err != nil {
		return deadletters.Progress{}, temporal.NewNonRetryableApplicationError(err.Error(), "InvalidOrder", nil)
	}
	if order.Filter.Until.IsZero() && len(order.IDs) == 0 {
		order.Filter.Until = workflow.GetInfo(ctx).WorkflowStartTime // what is parked from now on is not meant
	}
	if order.Act != deadletters.ActResend && len(order.IDs) == 0 {
		order.Filter.State = consign.StateParked
	}
	var progress deadletters.Progress
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ActivityID:          "carry out",
		Summary:             order.Words(),
		StartToCloseTimeout: bulkLimit,
		HeartbeatTimeout:    bulkSilence,
		WaitForCancellation: true,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second},
	}), consign.BulkActivity, order).Get(ctx, &progress)
	if _, cancelled := errors.AsType[*temporal.CanceledError](err); cancelled {
		progress.State = deadletters.BulkCancelled // before it had begun
		return progress, nil
	}
	return progress, err
}
