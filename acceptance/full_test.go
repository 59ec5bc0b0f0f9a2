package acceptance

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/embedded"
	"github.com/consign-dev/consign/sinks/all"
	"github.com/consign-dev/consign/sources/nats"
)

func TestNATS_WhileTemporalIsFull_NothingMoreIsReadUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	small, err := embedded.Start(t.Context(), embedded.Options{Ephemeral: true, Headless: true, Port: embedded.AnyPort, MaxDisk: 32_000_000})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, small.Stop(context.Background())) })
	options, err := consign.Options{Address: small.Address(), Namespace: client.DefaultNamespace}.ClientOptions()
	require.NoError(t, err)
	temporal, err := client.Dial(options)
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	var fillers []string
	for small.Disk().Full == nil {
		fillers = append(fillers, fmt.Sprint("filler-", len(fillers)))
		_, err := temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: fillers[len(fillers)-1], TaskQueue: "nobody's"}, "Filler", strings.Repeat("x", 1_900_000))
		require.NoError(t, err)
	}

	b := newBroker(t)
	const first, later = 20, 10
	for i := range first {
		b.publish(fmt.Sprint(i))
	}
	parsed, err := config.Parse("test.yaml", []byte(b.reads(", durable: consign", "sinks: {s: {stdout: {}}}")), append(all.Kinds(), nats.Kind()), os.LookupEnv)
	require.NoError(t, err)
	core, seen := observer.New(zap.InfoLevel)
	said := func(text string) func() bool {
		return func() bool { return seen.FilterMessage(text).Len() > 0 }
	}
	sources, err := nats.New(parsed, zap.New(core), prometheus.NewRegistry())
	require.NoError(t, err)
	reading, err := sources.Start(t.Context(), temporal)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, reading.Stop(ctx))
		require.NoError(t, sources.Close(ctx))
	})
	require.Eventually(t, said("reads nothing more until there is room"), patience, 10*time.Millisecond)
	for i := range later {
		b.publish(fmt.Sprint(first + i))
	}
	require.False(t, said("reads again")())
	require.EqualValues(t, later, b.state().NumPending, "what is not read stays in the stream")

	for _, id := range fillers {
		_, err := temporal.WorkflowService().DeleteWorkflowExecution(t.Context(), &workflowservice.DeleteWorkflowExecutionRequest{
			Namespace: client.DefaultNamespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id},
		})
		require.NoError(t, err)
	}
	require.Eventually(t, said("reads again"), patience, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		count, err := temporal.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: "WorkflowType = 'Deliver'"})
		return err == nil && count.GetCount() == first+later
	}, patience, 50*time.Millisecond)
}
