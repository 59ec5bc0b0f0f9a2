package deadletters

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
)

// First tells whether the open dead letters of a sink are the first ones since it had none: all of them were parked after
// the last one was closed. since tells this beginning from others: it is the same for whoever asks, until another one is
// closed.
func First(ctx context.Context, temporal client.Client, sink string) (since string, first bool, err error) {
	of := "WorkflowType = " + quote(consign.DeadLetterWorkflow) + " AND " + consign.SinkAttribute + " = " + quote(sink)
	since = "none was closed"
	var closed time.Time
	// Temporal lists closed workflows by when they closed, the last one first.
	for execution, err := range executions(ctx, temporal, of+" AND ExecutionStatus != 'Running' AND ExecutionStatus != 'ContinuedAsNew'", 1) {
		if err != nil {
			return "", false, explain("looking for dead letters of "+sink, err)
		}
		since, closed = execution.GetExecution().GetRunId(), execution.GetCloseTime().AsTime()
	}
	if closed.IsZero() {
		return since, true, nil
	}
	before := fmt.Sprintf("%s AND ExecutionStatus = 'Running' AND StartTime <= %s", of, quote(closed.UTC().Format(time.RFC3339Nano)))
	counted, err := count(ctx, temporal, before)
	if err != nil {
		return "", false, explain("looking for dead letters of "+sink, err)
	}
	return since, counted == 0, nil
}
