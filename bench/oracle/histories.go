package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/sinks"
)

// executions are all workflows of a type. Visibility follows what happened by a moment, so the list is
// read until it has stopped growing.
func executions(ctx context.Context, temporal client.Client, kind string) ([]*workflowpb.WorkflowExecutionInfo, error) {
	for before := -1; ; {
		var all []*workflowpb.WorkflowExecutionInfo
		request := &workflowservice.ListWorkflowExecutionsRequest{Query: "WorkflowType = '" + kind + "'", PageSize: 1000}
		for {
			page, err := temporal.ListWorkflow(ctx, request)
			if err != nil {
				return nil, fmt.Errorf("listing %s workflows: %w", kind, err)
			}
			all = append(all, page.GetExecutions()...)
			if len(page.GetNextPageToken()) == 0 {
				break
			}
			request.NextPageToken = page.GetNextPageToken()
		}
		if len(all) == before {
			return all, nil
		}
		before = len(all)
		if err := pause(ctx, 2*time.Second); err != nil {
			return nil, err
		}
	}
}

// readParked asks Temporal which results dead letters hold, or held, and since when.
func readParked(ctx context.Context, temporal client.Client, all []*workflowpb.WorkflowExecutionInfo) (map[string]map[int]int64, error) {
	parked := map[string]map[int]int64{}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, execution := range all {
		group.Go(func() error {
			id := execution.GetExecution()
			events := temporal.GetWorkflowHistory(ctx, id.GetWorkflowId(), id.GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			event, err := events.Next()
			if err != nil {
				return fmt.Errorf("reading %s: %w", id.GetWorkflowId(), err)
			}
			var input activities.DeadLetterInput
			if err := consign.DataConverter().FromPayloads(event.GetWorkflowExecutionStartedEventAttributes().GetInput(), &input); err != nil {
				return fmt.Errorf("reading %s: %w", id.GetWorkflowId(), err)
			}
			mu.Lock()
			defer mu.Unlock()
			of := parked[input.Record.Sink]
			if of == nil {
				of = map[int]int64{}
				parked[input.Record.Sink] = of
			}
			for _, r := range input.Record.Results {
				n, err := number(r.ID)
				if err != nil || string(r.Data) != string(result(n).Data) {
					return fmt.Errorf("%s holds the result %s with data that nobody submitted", id.GetWorkflowId(), r.ID)
				}
				if at := event.GetEventTime().AsTime().UnixNano(); of[n] == 0 || at < of[n] {
					of[n] = at
				}
			}
			return nil
		})
	}
	return parked, group.Wait()
}

// readStories asks Temporal when each Deliver workflow began and closed, what it carried, and for those in
// dispute when outcomes came to stand in their histories.
func readStories(ctx context.Context, temporal client.Client, p *plan, e *evidence, all []*workflowpb.WorkflowExecutionInfo) ([]*story, error) {
	known := p.knownWorkflows()
	executed := map[*story]*commonpb.WorkflowExecution{}
	seen := map[string]bool{}
	var stories []*story
	reading, carried := errgroup.WithContext(ctx)
	reading.SetLimit(16)
	for _, execution := range all {
		id := execution.GetExecution()
		if seen[id.GetWorkflowId()] {
			return nil, fmt.Errorf("there is a workflow twice: %s", id.GetWorkflowId())
		}
		seen[id.GetWorkflowId()] = true
		s := &story{
			workflow: id.GetWorkflowId(), results: known[id.GetWorkflowId()],
			started: execution.GetStartTime().AsTime().UnixNano(), closed: math.MaxInt64,
		}
		if closed := execution.GetCloseTime(); closed != nil {
			s.closed = closed.AsTime().UnixNano()
		}
		stories, executed[s] = append(stories, s), id
		switch {
		case p.way() == bySubmit && s.results == nil:
			return nil, fmt.Errorf("there is a workflow that nobody asked for: %s", s.workflow)
		case s.results == nil || p.way() == byJetStream:
			reading.Go(func() error { return s.readInput(carried, temporal, id) })
		}
	}
	if err := reading.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(stories, func(a, b *story) int { return cmp.Compare(a.started, b.started) })
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, s := range stories {
		if !e.disputed(s) {
			continue
		}
		group.Go(func() error {
			return s.readHistory(ctx, temporal, executed[s])
		})
	}
	return stories, group.Wait()
}

// knownWorkflows are the results of the workflows whose ids tell them.
func (p *plan) knownWorkflows() map[string][]int {
	known := map[string][]int{}
	for _, u := range p.units() {
		var all []int
		for n := u.first; n < u.first+u.count; n++ {
			all = append(all, n)
			if p.way() != bySubmit {
				known[consign.WorkflowID(source, resultID(n))] = []int{n}
			}
		}
		if u.workflow != "" {
			known[u.workflow] = all
		}
	}
	return known
}

// readInput reads what a workflow carries, and the deliveries of messages that it came by.
func (s *story) readInput(ctx context.Context, temporal client.Client, id *commonpb.WorkflowExecution) error {
	event, err := temporal.GetWorkflowHistory(ctx, id.GetWorkflowId(), id.GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT).Next()
	if err != nil {
		return fmt.Errorf("reading %s: %w", s.workflow, err)
	}
	var input consign.Consignment
	if err := consign.DataConverter().FromPayloads(event.GetWorkflowExecutionStartedEventAttributes().GetInput(), &input); err != nil {
		return fmt.Errorf("reading %s: %w", s.workflow, err)
	}
	s.results, s.messages = nil, map[int]delivered{}
	for _, entry := range input.Results {
		n, err := number(entry.ID)
		if err != nil || string(entry.Data) != string(result(n).Data) {
			return fmt.Errorf("%s carries the result %s with data that nobody submitted", s.workflow, entry.ID)
		}
		s.results = append(s.results, n)
		if entry.Ack == nil || entry.Ack.NATS == nil {
			continue
		}
		if s.messages[n], err = deliveryOf(entry.Ack.NATS.Subject); err != nil {
			return fmt.Errorf("reading %s: %w", s.workflow, err)
		}
	}
	return nil
}

// readHistory reads when outcomes of attempts came to stand in the history, which attempts heard nothing, and which
// workflow tasks were lost.
func (s *story) readHistory(ctx context.Context, temporal client.Client, id *commonpb.WorkflowExecution) error {
	s.records, s.silent = map[string][]int64{}, map[string][]span{}
	queued := map[int64]string{} // sinks by the event that scheduled an attempt
	note := func(sink string, event *historypb.HistoryEvent, outcome *commonpb.Payloads) {
		if sink != "" {
			s.records[sink] = append(s.records[sink], event.GetEventTime().AsTime().UnixNano())
			s.silent[sink] = append(s.silent[sink], silences(outcome)...)
		}
	}
	events := temporal.GetWorkflowHistory(ctx, id.GetWorkflowId(), id.GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return fmt.Errorf("reading the history of %s: %w", s.workflow, err)
		}
		switch event.GetEventType() { //nolint:exhaustive // the others tell nothing of this
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED, enumspb.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
			s.lost = append(s.lost, event.GetEventTime().AsTime().UnixNano())
		case enumspb.EVENT_TYPE_MARKER_RECORDED:
			// An inline attempt's summary reads "to hook (webhook)".
			var summary string
			if payload := event.GetUserMetadata().GetSummary(); payload != nil {
				_ = consign.DataConverter().FromPayload(payload, &summary)
			}
			if to, ok := strings.CutPrefix(summary, "to "); ok {
				sink, _, _ := strings.Cut(to, " ")
				note(sink, event, event.GetMarkerRecordedEventAttributes().GetDetails()["result"])
			}
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			attributes := event.GetActivityTaskScheduledEventAttributes()
			if attributes.GetActivityType().GetName() == consign.DeliverActivity {
				queued[event.GetEventId()] = strings.TrimPrefix(attributes.GetTaskQueue().GetName(), consign.TaskQueue+".")
			}
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			attributes := event.GetActivityTaskCompletedEventAttributes()
			note(queued[attributes.GetScheduledEventId()], event, attributes.GetResult())
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED:
			attributes := event.GetActivityTaskFailedEventAttributes()
			note(queued[attributes.GetScheduledEventId()], event, attributes.GetFailure().GetApplicationFailureInfo().GetDetails())
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
			note(queued[event.GetActivityTaskTimedOutEventAttributes().GetScheduledEventId()], event, nil)
		}
	}
	return nil
}

// silences are the attempts that heard no answer in time, of those that an outcome tells of.
func silences(payloads *commonpb.Payloads) (found []span) {
	var outcome activities.Outcome
	if payloads == nil || consign.DataConverter().FromPayloads(payloads, &outcome) != nil {
		return nil
	}
	timedOut := func(label string) bool { return label == sinks.LabelTimeout || label == activities.LabelBrokenOff }
	// The log has one label for all results of an attempt, the outcome one for each of the last.
	some := slices.ContainsFunc(outcome.Failures, func(failed activities.Failed) bool { return timedOut(failed.Label) })
	for i, attempt := range outcome.Attempts {
		if timedOut(attempt.Label) || some && i == len(outcome.Attempts)-1 {
			from := attempt.At.UnixNano()
			found = append(found, span{from, from + int64(attempt.Took.Duration())})
		}
	}
	return found
}
