package status

import (
	"context"
	"errors"
	"strings"
	"sync"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
)

const (
	// openDeliveries are those under way, and retryingDeliveries those among them that wait for a sink to be tried again.
	openDeliveries     = "WorkflowType = '" + consign.DeliverWorkflow + "' AND ExecutionStatus = 'Running'"
	retryingDeliveries = openDeliveries + " AND " + consign.StateAttribute + " = '" + consign.StateRetrying + "'"
)

// lookedInto are the sinks that open deliveries wait for.
type lookedInto struct {
	deliveries int64
	// bySink counts deliveries with an attempt in the sink's queue.
	bySink map[string]int64
}

// legs looks into some of the open deliveries that a query selects. Those that are over by then count as nothing.
func legs(ctx context.Context, temporal client.Client, query string) (lookedInto, error) {
	found := lookedInto{bySink: map[string]int64{}}
	listed, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: sample, Query: query})
	if err != nil {
		return found, err
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, open := range listed.GetExecutions() {
		group.Go(func() error {
			described, err := temporal.DescribeWorkflowExecution(ctx, open.GetExecution().GetWorkflowId(), open.GetExecution().GetRunId())
			if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
				return nil
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			found.add(described)
			return nil
		})
	}
	return found, group.Wait()
}

func (l *lookedInto) add(described *workflowservice.DescribeWorkflowExecutionResponse) {
	l.deliveries++
	queued := map[string]bool{}
	for _, pending := range described.GetPendingActivities() {
		// The activity's id may be that of one result of a leg.
		if sink, ok := strings.CutPrefix(pending.GetActivityOptions().GetTaskQueue().GetName(), consign.SinkQueue("")); ok {
			queued[sink] = true
		}
	}
	for sink := range queued {
		l.bySink[sink]++
	}
}
