package status

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

const (
	// openDeliveries are those under way, and retryingDeliveries those among them that wait for a sink to be tried again.
	openDeliveries     = "WorkflowType = '" + consign.DeliverWorkflow + "' AND ExecutionStatus = 'Running'"
	retryingDeliveries = openDeliveries + " AND " + consign.StateAttribute + " = '" + consign.StateRetrying + "'"
)

// retryingSample is how many of those that are retried are looked into, with the end of their histories.
const retryingSample = 30

// lookedInto are the sinks that open deliveries wait for.
type lookedInto struct {
	deliveries int64
	// bySink counts deliveries that have an attempt in the sink's queue, or wait to queue one.
	bySink map[string]int64
}

// legs looks into the latest of the open deliveries that a query selects. Those that are over by then count as nothing. Without
// a namespace only queues are looked into, and no histories.
func legs(ctx context.Context, temporal client.Client, namespace, query string, most int32) (lookedInto, error) {
	found := lookedInto{bySink: map[string]int64{}}
	listed, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: most, Query: query})
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
			sinks := queued(described)
			if namespace != "" {
				sinks = append(sinks, backedOff(ctx, temporal, namespace, open.GetExecution())...)
			}
			slices.Sort(sinks)
			mu.Lock()
			defer mu.Unlock()
			found.deliveries++
			for _, sink := range slices.Compact(sinks) {
				found.bySink[sink]++
			}
			return nil
		})
	}
	return found, group.Wait()
}

// queued are the sinks in whose queues a delivery has an attempt.
func queued(described *workflowservice.DescribeWorkflowExecutionResponse) (sinks []string) {
	for _, pending := range described.GetPendingActivities() {
		// The activity's id may be that of one result of a leg.
		sink, ok := strings.CutPrefix(pending.GetActivityOptions().GetTaskQueue().GetName(), consign.SinkQueue(""))
		if ok && !slices.Contains(sinks, sink) {
			sinks = append(sinks, sink)
		}
	}
	return sinks
}

// latest is how many events of a delivery are looked through for the sinks that it waits for.
const latest = 20

// backedOff are sinks that a delivery waits for in the workflow itself, where no index and no queue shows it: after an
// inline attempt, or while a circuit is open. What is said last of a sink decides. A history that cannot be read says
// nothing.
func backedOff(ctx context.Context, temporal client.Client, namespace string, execution *commonpb.WorkflowExecution) (sinks []string) {
	history, err := temporal.WorkflowService().GetWorkflowExecutionHistoryReverse(ctx, &workflowservice.GetWorkflowExecutionHistoryReverseRequest{
		Namespace: namespace, Execution: execution, MaximumPageSize: latest,
	})
	if err != nil {
		return nil
	}
	over := map[int64]bool{} // by activity: whether it left nothing to try again
	said := map[string]bool{}
	say := func(sink string, waits bool) {
		if !said[sink] && waits {
			sinks = append(sinks, sink)
		}
		said[sink] = true
	}
	for _, event := range history.GetHistory().GetEvents() {
		switch event.GetEventType() {
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			a := event.GetActivityTaskCompletedEventAttributes()
			over[a.GetScheduledEventId()] = !leaves(a.GetResult())
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED:
			over[event.GetActivityTaskFailedEventAttributes().GetScheduledEventId()] = true // it is parked
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			if sink, ok := strings.CutPrefix(event.GetActivityTaskScheduledEventAttributes().GetTaskQueue().GetName(), consign.SinkQueue("")); ok {
				say(sink, !over[event.GetEventId()])
			}
		case enumspb.EVENT_TYPE_MARKER_RECORDED:
			var summary string
			if payload := event.GetUserMetadata().GetSummary(); payload == nil || consign.DataConverter().FromPayload(payload, &summary) != nil {
				continue
			}
			if sink, _, ok := strings.Cut(strings.TrimPrefix(summary, "to "), " ("); ok {
				say(sink, leaves(event.GetMarkerRecordedEventAttributes().GetDetails()["result"]))
			}
		default:
		}
	}
	return sinks
}

// leaves tells whether an outcome leaves something to try again.
func leaves(result *commonpb.Payloads) bool {
	var outcome activities.Outcome
	return consign.DataConverter().FromPayloads(result, &outcome) == nil && (outcome.Skipped != "" || len(outcome.Failures) > 0)
}
