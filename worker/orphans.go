package worker

import (
	"context"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/deadletters"
)

const (
	// orphanTimeout bounds the search, which holds up the start of a worker.
	orphanTimeout = 3 * time.Second
	// orphanSample is how many open deliveries are looked into: which sinks they wait for is in no index.
	orphanSample = 50
	// orphanNames is how many sinks that are not configured are looked for among dead letters.
	orphanNames = 20
)

// warnOfOrphans logs each sink that something waits for and that no worker knows: one that was removed
// or renamed. Nothing of it is lost, but only a person can say where it should go.
func (w *Worker) warnOfOrphans(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, orphanTimeout)
	defer cancel()
	deadLetters, err := w.orphanedDeadLetters(ctx)
	if err != nil {
		w.log.Debug("looking for dead letters of unknown sinks", zap.Error(err))
	}
	waiting, err := w.orphanedLegs(ctx)
	if err != nil {
		w.log.Debug("looking for deliveries to unknown sinks", zap.Error(err))
	}
	for sink := range waiting {
		deadLetters[sink] += 0
	}
	for sink, count := range deadLetters {
		queue, err := w.options.Temporal.DescribeTaskQueue(ctx, consign.SinkQueue(sink), enumspb.TASK_QUEUE_TYPE_ACTIVITY)
		if err != nil || len(queue.GetPollers()) > 0 {
			continue // another worker knows it
		}
		w.log.Warn("no worker knows this sink, and what is meant for it waits: configure it again, or make its name an alias of the sink that takes its place",
			zap.String("sink", sink), zap.Bool("deliveries_wait", waiting[sink]), zap.Int64("dead_letters", count))
	}
}

// orphanedDeadLetters counts open dead letters by sink, of those sinks that this worker does not know.
func (w *Worker) orphanedDeadLetters(ctx context.Context) (map[string]int64, error) {
	const open = "WorkflowType = '" + consign.DeadLetterWorkflow + "' AND ExecutionStatus = 'Running' AND " + consign.SinkAttribute
	found := map[string]int64{}
	known := []string{"'" + config.NoSink + "'"}
	for name := range w.gates {
		known = append(known, "'"+name+"'")
	}
	for range orphanNames {
		// Temporal does not group by this attribute, so each question leaves out what is known by now.
		listed, err := w.options.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			PageSize: 1, Query: fmt.Sprintf("%s NOT IN (%s)", open, strings.Join(known, ", ")),
		})
		if err != nil || len(listed.GetExecutions()) == 0 {
			return found, err
		}
		var sink string
		if err := consign.DataConverter().FromPayload(listed.GetExecutions()[0].GetSearchAttributes().GetIndexedFields()[consign.SinkAttribute], &sink); err != nil {
			return found, err
		}
		if strings.ContainsAny(sink, `'"\\`) {
			return found, nil // no sink ever had this name
		}
		known = append(known, "'"+sink+"'")
		if found[sink], err = deadletters.Count(ctx, w.options.Temporal, deadletters.Filter{Sink: sink}); err != nil {
			return found, err
		}
	}
	return found, nil
}

// orphanedLegs names sinks that this worker does not know and that an open delivery waits for.
func (w *Worker) orphanedLegs(ctx context.Context) (map[string]bool, error) {
	found := map[string]bool{}
	listed, err := w.options.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		PageSize: orphanSample, Query: "WorkflowType = '" + consign.DeliverWorkflow + "' AND ExecutionStatus = 'Running'",
	})
	if err != nil {
		return found, err
	}
	for _, open := range listed.GetExecutions() {
		described, err := w.options.Temporal.DescribeWorkflowExecution(ctx, open.GetExecution().GetWorkflowId(), open.GetExecution().GetRunId())
		if err != nil {
			return found, err
		}
		for _, pending := range described.GetPendingActivities() {
			// The activity's id may be that of one result of a leg.
			sink, queued := strings.CutPrefix(pending.GetActivityOptions().GetTaskQueue().GetName(), consign.SinkQueue(""))
			if queued && w.gates[sink] == nil {
				found[sink] = true
			}
		}
	}
	return found, nil
}
