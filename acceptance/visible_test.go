package acceptance

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

// TestRetry_IsVisibleWithItsSinkAttemptAndLastFailure looks where the Web UI looks.
func TestRetry_IsVisibleWithItsSinkAttemptAndLastFailure(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  slack:
    script: {}
    retry: {max: 30, backoff: 1ms, max_backoff: 1ms}
    circuit: {failures: -1}
`)
	gate := newGate(t)
	s.sinks["slack"].answers(func(attempt int, d sinks.Delivery) error {
		if attempt == 20 {
			return gate.wait(attempt, d)
		}
		return errors.New("refused: " + strings.Repeat("x", 5000))
	})
	handle := s.submit("a", `{}`)
	s.eventually(func() bool { return len(s.sinks["slack"].tries()) >= 20 }, "20 attempts")
	description, err := s.temporal.DescribeWorkflowExecution(s.ctx, handle.WorkflowID(), "")
	require.NoError(t, err)
	require.Len(t, description.GetPendingActivities(), 1)
	pending := description.GetPendingActivities()[0]
	require.Equal(t, "deliver", pending.GetActivityType().GetName())
	require.Equal(t, "slack", pending.GetActivityId())
	require.EqualValues(t, 19, pending.GetAttempt(), "the inline attempt came before")
	require.EqualValues(t, 30, pending.GetMaximumAttempts())
	require.True(t, strings.HasPrefix(pending.GetLastFailure().GetMessage(), "refused: xxx"), pending.GetLastFailure().GetMessage())
	var log []consign.Attempt
	require.NoError(t, consign.DataConverter().FromPayloads(pending.GetHeartbeatDetails(), &log))
	require.Len(t, log, 18)

	s.eventually(func() bool {
		listed, err := s.temporal.ListWorkflow(s.ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: "WorkflowType='Deliver' AND ExecutionStatus='Running' AND ConsignState='retrying' AND ConsignSource='test' AND ConsignType='detection'",
		})
		return err == nil && len(listed.GetExecutions()) == 1
	}, "listed among those that retry")
	gate.Open()
	require.True(t, s.wait(handle).Delivered())
	s.eventually(func() bool {
		listed, err := s.temporal.ListWorkflow(s.ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: "ConsignState='retrying'"})
		return err == nil && len(listed.GetExecutions()) == 0
	}, "no longer listed when it is delivered")
}
