package demo

import (
	"context"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/consign-dev/consign"
)

// engine is what Temporal's visibility says.
type engine struct {
	// open counts the Deliver workflows under way.
	open int
	// retrying are the Deliver workflows under way that have had a failure.
	retrying []*commonpb.WorkflowExecution
	// letters are all dead letters.
	letters []letter
}

// letter is a dead letter.
type letter struct {
	execution *commonpb.WorkflowExecution
	state     string
	header    consign.Header
}

// inState returns the letters in one state.
func (e engine) inState(state string) []letter {
	var found []letter
	for _, l := range e.letters {
		if l.state == state {
			found = append(found, l)
		}
	}
	return found
}

// askEngine lists what has failed, and counts what is under way.
func (s *stage) askEngine(ctx context.Context) (engine, error) {
	var e engine
	request := &workflowservice.ListWorkflowExecutionsRequest{
		PageSize: 1000, // more than the demo has
		Query: fmt.Sprintf("%s IN ('%s', '%s', '%s', '%s')", consign.StateAttribute,
			consign.StateRetrying, consign.StateParked, consign.StateReplayed, consign.StateDiscarded),
	}
	listed, err := s.temporal.ListWorkflow(ctx, request)
	if err != nil {
		return e, fmt.Errorf("ask Temporal what is retrying: %w", err)
	}
	for _, info := range listed.GetExecutions() {
		var state string
		if err := consign.DataConverter().FromPayload(info.GetSearchAttributes().GetIndexedFields()[consign.StateAttribute], &state); err != nil {
			return e, fmt.Errorf("read the state of %s: %w", info.GetExecution().GetWorkflowId(), err)
		}
		switch {
		case info.GetType().GetName() == consign.DeadLetterWorkflow:
			l := letter{execution: info.GetExecution(), state: state}
			if err := consign.DataConverter().FromPayload(info.GetMemo().GetFields()[consign.HeaderMemo], &l.header); err != nil {
				return e, fmt.Errorf("read the header of %s: %w", info.GetExecution().GetWorkflowId(), err)
			}
			e.letters = append(e.letters, l)
		case state == consign.StateRetrying && info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
			e.retrying = append(e.retrying, info.GetExecution())
		}
	}
	counted, err := s.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running'", consign.DeliverWorkflow),
	})
	if err != nil {
		return e, fmt.Errorf("ask Temporal what is under way: %w", err)
	}
	e.open = int(counted.GetCount())
	return e, nil
}

// pollPause is the time between two questions that wait for something.
const pollPause = 50 * time.Millisecond

// until asks the engine again and again until something holds.
func (s *stage) until(ctx context.Context, holds func(engine) bool) error {
	tick := time.NewTicker(pollPause)
	defer tick.Stop()
	for {
		e, err := s.askEngine(ctx)
		if err != nil || holds(e) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
