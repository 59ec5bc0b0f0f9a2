package status

import (
	"context"
	"fmt"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/deadletters"
)

const (
	// orphanSample is how many open deliveries are looked into: which sinks they wait for is in no index.
	orphanSample = 50
	// orphanNames is how many sinks that are not configured are looked for among dead letters.
	orphanNames = 20
)

// Orphans are sinks that something waits for and that no worker knows: those that were removed or renamed. Nothing of
// it is lost, but only a person can say where it should go. known are the names and aliases of sinks that need no look.
// With an error come those that were found before.
func Orphans(ctx context.Context, temporal client.Client, known []string) ([]Orphan, error) {
	counts, err := orphanedDeadLetters(ctx, temporal, known)
	waiting, problem := legs(ctx, temporal, "", openDeliveries, orphanSample)
	if err == nil {
		err = problem
	}
	for sink := range waiting.bySink {
		if !slices.Contains(known, sink) {
			counts[sink] += 0
		}
	}
	var orphans []Orphan
	for sink, count := range counts {
		queue, err := temporal.DescribeTaskQueue(ctx, consign.SinkQueue(sink), enumspb.TASK_QUEUE_TYPE_ACTIVITY)
		if err != nil || len(queue.GetPollers()) > 0 {
			continue // a worker knows it
		}
		orphans = append(orphans, Orphan{Sink: sink, DeliveriesWait: waiting.bySink[sink] > 0, DeadLetters: count})
	}
	slices.SortFunc(orphans, func(a, b Orphan) int { return strings.Compare(a.Sink, b.Sink) })
	return orphans, err
}

// orphanedDeadLetters counts open dead letters by sink, of those sinks that are not known.
func orphanedDeadLetters(ctx context.Context, temporal client.Client, known []string) (map[string]int64, error) {
	const open = "WorkflowType = '" + consign.DeadLetterWorkflow + "' AND ExecutionStatus = 'Running' AND " + consign.SinkAttribute
	found := map[string]int64{}
	quoted := []string{"'" + config.NoSink + "'"}
	for _, name := range known {
		quoted = append(quoted, "'"+name+"'")
	}
	for range orphanNames {
		// Temporal does not group by this attribute, so each question leaves out what is known by now.
		listed, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			PageSize: 1, Query: fmt.Sprintf("%s NOT IN (%s)", open, strings.Join(quoted, ", ")),
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
		quoted = append(quoted, "'"+sink+"'")
		if found[sink], err = deadletters.Count(ctx, temporal, deadletters.Filter{Sink: sink}); err != nil {
			return found, err
		}
	}
	return found, nil
}
