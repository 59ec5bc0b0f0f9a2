package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/embedded"
)

const smallDisk = 32_000_000

func TestServer_AboveMaxDisk_TakesNoNewResults_GoesOnWithTheOthers_AndOpensAgain(t *testing.T) {
	t.Parallel()
	core, seen := observer.New(zap.WarnLevel)
	server := start(t, embedded.Options{DataDir: t.TempDir(), Headless: true, MaxDisk: smallDisk, Logger: zap.New(core)})
	c, raw := dial(t, server), frontend(t, server)
	require.NoError(t, server.Disk().Full)
	require.NoError(t, deliver(t, raw, "open"))

	fillers := fillDatabase(t, c, server)
	refusal := deliver(t, raw, "new")
	exhausted, ok := errors.AsType[*serviceerror.ResourceExhausted](refusal)
	require.True(t, ok, "%T", refusal)
	require.Equal(t, enums.RESOURCE_EXHAUSTED_CAUSE_PERSISTENCE_STORAGE_LIMIT, exhausted.Cause)
	for _, part := range []string{"of the 32 MB that --max-disk allows", "below 29 MB", "--retention", "dead letters"} {
		require.ErrorContains(t, refusal, part)
	}
	start := startRequest("new", consign.DeliverWorkflow)
	_, err := raw.SignalWithStartWorkflowExecution(t.Context(), &workflowservice.SignalWithStartWorkflowExecutionRequest{
		Namespace: "default", WorkflowId: "new", WorkflowType: start.GetWorkflowType(), TaskQueue: start.GetTaskQueue(), SignalName: "s", RequestId: "r",
	})
	require.ErrorContains(t, err, "--max-disk")
	_, err = raw.ExecuteMultiOperation(t.Context(), &workflowservice.ExecuteMultiOperationRequest{
		Namespace: "default",
		Operations: []*workflowservice.ExecuteMultiOperationRequest_Operation{{
			Operation: &workflowservice.ExecuteMultiOperationRequest_Operation_StartWorkflow{StartWorkflow: start},
		}},
	})
	require.ErrorContains(t, err, "--max-disk")

	// What was accepted goes on to its end, and parks what it has to.
	w := worker.New(c, "deliveries", worker.Options{})
	w.RegisterWorkflowWithOptions(func(workflow.Context) error { return nil }, workflow.RegisterOptions{Name: consign.DeliverWorkflow})
	require.NoError(t, w.Start())
	defer w.Stop()
	require.NoError(t, c.GetWorkflow(t.Context(), "open", "").Get(t.Context(), nil))
	_, err = raw.StartWorkflowExecution(t.Context(), startRequest("dead-letter/1", consign.DeadLetterWorkflow))
	require.NoError(t, err)

	deleteAll(t, raw, fillers)
	require.Eventually(t, func() bool { return server.Disk().Full == nil }, time.Minute, 20*time.Millisecond)
	disk := server.Disk()
	require.Less(t, disk.Used, int64(smallDisk*9/10))
	require.Equal(t, int64(smallDisk), disk.Limit)
	require.Greater(t, disk.Room, disk.Free, "free pages of the file are room")
	require.NoError(t, deliver(t, raw, "new"))
	var told []string
	for _, entry := range seen.Filter(func(e observer.LoggedEntry) bool { return e.LoggerName == "" }).All() {
		told = append(told, entry.Message)
	}
	require.Equal(t, []string{"no new results are taken until there is room; what was accepted goes on", "new results are taken again"}, told)
}

func TestServer_AboveMaxDisk_AtItsStart_IsClosedFromTheFirstCallOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, embedded.Options{DataDir: dir, Headless: true, MaxDisk: 2 * smallDisk})
	fillDatabase(t, dial(t, first), first)
	stop(t, first)
	server := start(t, embedded.Options{DataDir: dir, Headless: true, MaxDisk: smallDisk})
	require.ErrorContains(t, deliver(t, frontend(t, server), "new"), "--max-disk")
	stop(t, server)
	server = start(t, embedded.Options{DataDir: dir, Headless: true, MaxDisk: 4 * smallDisk})
	require.NoError(t, deliver(t, frontend(t, server), "new"))
}

func TestClient_WhenTheServerIsFull_WaitsAndTellsWhyUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	server := start(t, embedded.Options{DataDir: t.TempDir(), Headless: true, MaxDisk: smallDisk})
	fillers := fillDatabase(t, dial(t, server), server)
	c, err := consign.Dial(t.Context(), consign.Options{Address: server.Address()})
	require.NoError(t, err)
	defer c.Close()
	result := func(id string) consign.Result { return consign.Result{Source: "s", ID: id, Data: []byte("1")} }

	bounded, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	_, err = c.Submit(bounded, result("impatient"))
	cancel()
	require.ErrorIs(t, err, consign.ErrFull)
	require.ErrorContains(t, err, "submitting s/impatient")
	require.ErrorContains(t, err, "--max-disk")
	require.NoError(t, c.Full(), "nobody waits any more")

	for name, batch := range map[string]int{"single": 1, "batch": 8} {
		// One that has its first attempts asked for in the same call, and one that has not.
		for _, ack := range []*consign.AckTarget{nil, {HTTP: &consign.HTTPTarget{URL: "http://127.0.0.1:9/ack"}}} {
			s, err := c.NewSubmitter(consign.SubmitterOptions{BatchMax: batch})
			require.NoError(t, err)
			began := time.Now()
			refused := make(chan error, 1)
			require.NoError(t, s.Submit(t.Context(), consign.Submission{Result: result(name), Ack: ack, Stored: func(_ consign.Stored, err error) { refused <- err }}))
			require.Eventually(t, func() bool { return s.Full() != nil }, 20*time.Second, time.Millisecond)
			require.Less(t, time.Since(began), 20*time.Second, "not when the SDK gives up")
			closing, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			require.Error(t, s.Close(closing))
			cancel()
			require.ErrorIs(t, <-refused, consign.ErrFull)
			require.NoError(t, s.Full())
		}
	}

	s, err := c.NewSubmitter(consign.SubmitterOptions{})
	require.NoError(t, err)
	stored := make(chan error, 20)
	for i := range cap(stored) {
		require.NoError(t, s.Submit(t.Context(), consign.Submission{
			Result: result(fmt.Sprint("patient-", i)),
			Stored: func(_ consign.Stored, err error) { stored <- err },
		}))
	}
	require.Eventually(t, func() bool { return s.Full() != nil }, 20*time.Second, time.Millisecond)
	require.ErrorIs(t, s.Full(), consign.ErrFull)
	deleteAll(t, frontend(t, server), fillers)
	for range cap(stored) {
		require.NoError(t, <-stored)
	}
	require.NoError(t, s.Full())
	require.NoError(t, s.Close(t.Context()))
}

// frontend is the API without the retries of the SDK.
func frontend(t *testing.T, server *embedded.Server) workflowservice.WorkflowServiceClient {
	t.Helper()
	connection, err := grpc.NewClient(server.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { connection.Close() })
	return workflowservice.NewWorkflowServiceClient(connection)
}

func startRequest(id, kind string) *workflowservice.StartWorkflowExecutionRequest {
	return &workflowservice.StartWorkflowExecutionRequest{
		Namespace: "default", WorkflowId: id, RequestId: id,
		WorkflowType: &commonpb.WorkflowType{Name: kind}, TaskQueue: &taskqueuepb.TaskQueue{Name: "deliveries"},
	}
}

// deliver starts a Deliver workflow, by one call.
func deliver(t *testing.T, raw workflowservice.WorkflowServiceClient, id string) error {
	t.Helper()
	_, err := raw.StartWorkflowExecution(t.Context(), startRequest(id, consign.DeliverWorkflow))
	if err == nil {
		return nil
	}
	return serviceerror.FromStatus(status.Convert(err))
}

// fillDatabase starts workflows of a foreign type, which are taken all the same, until the server is full.
func fillDatabase(t *testing.T, c client.Client, server *embedded.Server) (ids []string) {
	t.Helper()
	for server.Disk().Full == nil {
		id := fmt.Sprint("filler-", len(ids))
		_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: "nobody's"}, "Filler", strings.Repeat("x", 1_900_000))
		require.NoError(t, err)
		ids = append(ids, id)
		require.Less(t, len(ids), 200, "the server does not notice")
	}
	return ids
}

func deleteAll(t *testing.T, raw workflowservice.WorkflowServiceClient, ids []string) {
	t.Helper()
	for _, id := range ids {
		_, err := raw.DeleteWorkflowExecution(t.Context(), &workflowservice.DeleteWorkflowExecutionRequest{
			Namespace: "default", WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id},
		})
		require.NoError(t, err)
	}
}
