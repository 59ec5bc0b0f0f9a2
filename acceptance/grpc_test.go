package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	querypb "go.temporal.io/api/query/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	updatepb "go.temporal.io/api/update/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/consign-dev/consign"
)

// bareAPI speaks Temporal's own gRPC, with literal JSON and no SDK: what docs/contract.md tells anyone
// who has neither Go nor an SDK.
type bareAPI struct {
	*stage
	service workflowservice.WorkflowServiceClient
}

func newBareAPI(s *stage) *bareAPI {
	s.Helper()
	connection, err := grpc.NewClient(server.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(s, err)
	s.Cleanup(func() { _ = connection.Close() })
	return &bareAPI{s, workflowservice.NewWorkflowServiceClient(connection)}
}

func plainJSON(text string) *commonpb.Payloads {
	return &commonpb.Payloads{Payloads: []*commonpb.Payload{{
		Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(text),
	}}}
}

func (a *bareAPI) startRequest(workflowID, input string) *workflowservice.StartWorkflowExecutionRequest {
	return &workflowservice.StartWorkflowExecutionRequest{
		Namespace:                a.namespace,
		RequestId:                fmt.Sprint(workflowID, time.Now().UnixNano()),
		WorkflowId:               workflowID,
		WorkflowType:             &commonpb.WorkflowType{Name: "Deliver"},
		TaskQueue:                &taskqueuepb.TaskQueue{Name: "consign"},
		Input:                    plainJSON(input),
		WorkflowIdReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		WorkflowIdConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}
}

// closing is the event that closed a workflow, for which the API is asked as often as it takes.
func (a *bareAPI) closing(workflowID, runID string) *workflowservice.GetWorkflowExecutionHistoryResponse {
	a.Helper()
	request := &workflowservice.GetWorkflowExecutionHistoryRequest{
		Namespace:              a.namespace,
		Execution:              &commonpb.WorkflowExecution{WorkflowId: workflowID, RunId: runID},
		WaitNewEvent:           true,
		HistoryEventFilterType: enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
	}
	for {
		answer, err := a.service.GetWorkflowExecutionHistory(a.ctx, request)
		require.NoError(a, err)
		if len(answer.GetHistory().GetEvents()) > 0 {
			return answer
		}
		request.NextPageToken = answer.GetNextPageToken()
	}
}

// result is the text of a workflow's result.
func (a *bareAPI) result(workflowID, runID string) string {
	a.Helper()
	completed := a.closing(workflowID, runID).GetHistory().GetEvents()[0].GetWorkflowExecutionCompletedEventAttributes()
	payload := completed.GetResult().GetPayloads()[0]
	require.Equal(a, "json/plain", string(payload.GetMetadata()["encoding"]))
	return string(payload.GetData())
}

const deliveredReceipt = `{"results":1,"legs":[{"sink":"one","kind":"script","outcome":"delivered","attempts":1}],"ack":"none"}`

func TestGRPC_StartAndLongPoll_BringTheReceipt(t *testing.T) {
	t.Parallel()
	a := newBareAPI(perform(t, oneSink))
	input := `{"results":[{"source":"scanner","id":"finding 4711","data":` + oddData + `}]}`
	started, err := a.service.StartWorkflowExecution(a.ctx, a.startRequest("consign/scanner/finding%204711", input))
	require.NoError(t, err)
	require.True(t, started.GetStarted())
	require.JSONEq(t, deliveredReceipt, a.result("consign/scanner/finding%204711", started.GetRunId()))
	require.True(t, bytes.Equal([]byte(oddData), a.sinks["one"].took()[0].Result.Data))

	// It closed as completed, so the id is taken for as long as the namespace keeps it.
	_, err = a.service.StartWorkflowExecution(a.ctx, a.startRequest("consign/scanner/finding%204711", input))
	require.Equal(t, codes.AlreadyExists, status.Code(err))
	// Without a memo, the Go client compares the input itself.
	handle, err := a.client.Submit(a.ctx, consign.Result{Source: "scanner", ID: "finding 4711", Data: []byte(oddData)})
	require.NoError(t, err)
	require.True(t, handle.Duplicate())
}

func TestGRPC_InputThatIsNoConsignment_FailsTheWorkflowAndFreesItsID(t *testing.T) {
	t.Parallel()
	a := newBareAPI(perform(t, oneSink))
	for name, input := range map[string]string{
		"empty":    `{"results":[]}`,
		"no id":    `{"results":[{"source":"s","data":1}]}`,
		"ack":      `{"results":[{"source":"s","id":"i","data":1,"ack":{}}]}`,
		"not JSON": `{"results":`,
		"time":     `{"results":[{"source":"s","id":"i","data":1,"time":"yesterday"}]}`,
	} {
		started, err := a.service.StartWorkflowExecution(a.ctx, a.startRequest("wrong/"+name, input))
		require.NoError(t, err)
		event := a.closing("wrong/"+name, started.GetRunId()).GetHistory().GetEvents()[0]
		failure := event.GetWorkflowExecutionFailedEventAttributes().GetFailure()
		require.NotNil(t, failure, "%s: %s", name, event)
		again, err := a.service.StartWorkflowExecution(a.ctx, a.startRequest("wrong/"+name, `{"results":[{"source":"s","id":"i","data":1}]}`))
		require.NoError(t, err)
		require.JSONEq(t, deliveredReceipt, a.result("wrong/"+name, again.GetRunId()))
	}
}

func TestGRPC_DeadLetter_IsListedReadAndReplayed(t *testing.T) {
	t.Parallel()
	a := newBareAPI(perform(t, oneSink))
	id := a.parked("a")
	a.eventually(func() bool {
		listed, err := a.service.ListWorkflowExecutions(a.ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: a.namespace, Query: "WorkflowType = 'DeadLetter' AND ConsignState = 'parked' AND ConsignSink = 'one'",
		})
		require.NoError(t, err)
		return len(listed.GetExecutions()) == 1 && listed.GetExecutions()[0].GetExecution().GetWorkflowId() == id
	}, "it is listed")
	dead := &commonpb.WorkflowExecution{WorkflowId: id}
	answer, err := a.service.QueryWorkflow(a.ctx, &workflowservice.QueryWorkflowRequest{
		Namespace: a.namespace, Execution: dead, Query: &querypb.WorkflowQuery{QueryType: "record"},
	})
	require.NoError(t, err)
	require.Contains(t, string(answer.GetQueryResult().GetPayloads()[0].GetData()), `"cause":"refused"`)
	a.sinks["one"].answers(nil)
	_, err = a.service.SignalWorkflowExecution(a.ctx, &workflowservice.SignalWorkflowExecutionRequest{
		Namespace: a.namespace, WorkflowExecution: dead, SignalName: "replay", // and no argument
	})
	require.NoError(t, err)
	require.Contains(t, a.result(id, ""), `"state":"replayed"`)
	require.Len(t, a.sinks["one"].took(), 1)
}

// firstAttempts starts a delivery and waits for its first attempts, in one call.
func (a *bareAPI) firstAttempts(ctx context.Context, workflowID, input, argument string) (*workflowservice.ExecuteMultiOperationResponse, error) {
	execution := &commonpb.WorkflowExecution{WorkflowId: workflowID}
	return a.service.ExecuteMultiOperation(ctx, &workflowservice.ExecuteMultiOperationRequest{
		Namespace: a.namespace,
		Operations: []*workflowservice.ExecuteMultiOperationRequest_Operation{
			{Operation: &workflowservice.ExecuteMultiOperationRequest_Operation_StartWorkflow{StartWorkflow: a.startRequest(workflowID, input)}},
			{Operation: &workflowservice.ExecuteMultiOperationRequest_Operation_UpdateWorkflow{UpdateWorkflow: &workflowservice.UpdateWorkflowExecutionRequest{
				Namespace:         a.namespace,
				WorkflowExecution: execution,
				WaitPolicy:        &updatepb.WaitPolicy{LifecycleStage: enumspb.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED},
				Request: &updatepb.Request{
					Meta:  &updatepb.Meta{UpdateId: fmt.Sprint(time.Now().UnixNano())},
					Input: &updatepb.Input{Name: "first_attempts", Args: plainJSON(argument)},
				},
			}}},
		},
	})
}

func TestGRPC_UpdateWithStart_BringsTheReceiptInOneCall(t *testing.T) {
	t.Parallel()
	a := newBareAPI(perform(t, "sinks:\n  one: {script: {}}\n"+externalSink[len("\nsinks:\n"):]))
	const id, input = "consign/s/i", `{"results":[{"source":"s","id":"i","data":1}]}`
	argument := fmt.Sprintf(`{"digest":%q}`, consign.Digest([]byte("1")))
	answer, err := a.firstAttempts(a.ctx, id, input, argument)
	require.NoError(t, err)
	first := string(answer.GetResponses()[1].GetUpdateWorkflow().GetOutcome().GetSuccess().GetPayloads()[0].GetData())
	require.Equal(t, `{"committed":false}`, first, "nobody serves the other sink")

	// The same again is a duplicate, and other data is refused.
	answer, err = a.firstAttempts(a.ctx, id, input, argument)
	require.NoError(t, err)
	require.False(t, answer.GetResponses()[0].GetStartWorkflow().GetStarted())
	answer, err = a.firstAttempts(a.ctx, id, input, `{"digest":"sha256:00"}`)
	require.NoError(t, err)
	refused := answer.GetResponses()[1].GetUpdateWorkflow().GetOutcome().GetFailure()
	require.Equal(t, "Conflict", refused.GetApplicationFailureInfo().GetType())

	// Once it is closed there is nothing to update: its receipt is read.
	a.foreign(func(context.Context, json.RawMessage) (any, error) { return nil, nil })
	require.Contains(t, a.result(id, ""), `"sink":"ts","kind":"external","outcome":"delivered"`)
	_, err = a.firstAttempts(a.ctx, id, input, argument)
	require.Equal(t, codes.AlreadyExists, status.Code(err))
	answer, err = a.firstAttempts(a.ctx, "consign/s/j", `{"results":[{"source":"s","id":"j","data":1}]}`, `{}`)
	require.NoError(t, err)
	require.NotNil(t, answer.GetResponses()[1].GetUpdateWorkflow().GetOutcome().GetSuccess())
}
