package status

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
)

const (
	// waitsPage is how many open deliveries are looked into at a time, and waitsMost how many at the most.
	waitsPage = 100
	waitsMost = 1000
)

// errTooMany means that more are open than are looked into.
var errTooMany = errors.New("too many deliveries are open to look into each")

// Waits tells whether an open delivery that began before a time waits for a sink under a name, or a dead letter is being
// replayed to it. It looks into each, which is dear, and fails where there are more than a thousand.
func Waits(ctx context.Context, temporal client.Client, namespace, sink string, before time.Time) (bool, error) {
	replaying, err := temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: namespace,
		Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND %s = '%s' AND %s = '%s'",
			consign.DeadLetterWorkflow, consign.SinkAttribute, sink, consign.StateAttribute, consign.StateRetrying),
	})
	if err != nil || replaying.GetCount() > 0 {
		return err == nil, err
	}
	var token []byte
	for looked := 0; ; looked += waitsPage {
		if looked >= waitsMost {
			return false, errTooMany
		}
		listed, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: namespace, PageSize: waitsPage, NextPageToken: token,
			Query: fmt.Sprintf("%s AND StartTime <= '%s'", openDeliveries, before.UTC().Format(time.RFC3339Nano)),
		})
		if err != nil {
			return false, err
		}
		found, err := anyWaits(ctx, temporal, namespace, sink, listed)
		if found || err != nil {
			return found, err
		}
		if token = listed.GetNextPageToken(); len(token) == 0 {
			return false, nil
		}
	}
}

// anyWaits tells whether one of these deliveries waits for a sink.
func anyWaits(ctx context.Context, temporal client.Client, namespace, sink string, listed *workflowservice.ListWorkflowExecutionsResponse) (bool, error) {
	var found atomic.Bool
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, open := range listed.GetExecutions() {
		group.Go(func() error {
			if found.Load() {
				return nil
			}
			described, err := temporal.DescribeWorkflowExecution(ctx, open.GetExecution().GetWorkflowId(), open.GetExecution().GetRunId())
			if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
				return nil
			}
			if err != nil {
				return err
			}
			if slices.Contains(queued(described), sink) || slices.Contains(backedOff(ctx, temporal, namespace, open.GetExecution()), sink) {
				found.Store(true)
			}
			return nil
		})
	}
	err := group.Wait()
	return found.Load(), err
}
