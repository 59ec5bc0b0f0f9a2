package acceptance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	grpcstatus "google.golang.org/grpc/status"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/status"
)

func (s *stage) overview() status.Overview {
	s.Helper()
	o, err := status.Read(s.ctx, s.temporal, s.namespace)
	require.NoError(s, err)
	return o
}

func sinkOf(o status.Overview, name string) status.Sink {
	at := slices.IndexFunc(o.Sinks, func(s status.Sink) bool { return s.Name == name })
	if at < 0 {
		return status.Sink{}
	}
	return o.Sinks[at]
}

func attends(o status.Overview, about, what string) bool {
	return slices.ContainsFunc(o.Attention, func(a status.Attention) bool { return a.About == about && strings.Contains(a.What, what) })
}

func TestStatus_TwoWorkers_AFailingSink_APausedOne_AndOneThatNobodyServes(t *testing.T) {
	t.Parallel()
	const yaml = `
sinks:
  archive: {script: {}}
  slack:
    script: {}
    retry: {max: 50, backoff: 1s, max_backoff: 1s}
    circuit: {failures: 2, open: 1h}
  siem: {script: {}}
`
	s := perform(t, yaml)
	s.eventually(func() bool { return len(s.overview().Attention) == 0 }, "all is well")
	o := s.overview()
	require.Len(t, o.Workers, 1)
	require.Equal(t, s.worker.Identity(), o.Workers[0].Identity)
	require.Len(t, o.Workers[0].Standing.Config.Digest, 12)
	require.NotEmpty(t, o.Engine.Version)
	require.Positive(t, o.Engine.Retention)

	s.sinks["slack"].answers(func(int, sinks.Delivery) error {
		return sinks.Label(errors.New("the password is in here"), "http 503")
	})
	require.NoError(t, consign.PauseSink(s.ctx, s.temporal, s.namespace, "siem", "it moves", "kim@ops"))
	s.eventually(s.worker.Gate("siem").Paused, "paused")
	for i := range 5 {
		_, err := s.submit(fmt.Sprint(i), `{}`).FirstAttempts(s.ctx) // one after the other, as the circuit counts them
		require.NoError(t, err)
	}
	s.eventually(func() bool {
		o = s.overview()
		return sinkOf(o, "slack").CircuitsOpen == 1 && sinkOf(o, "slack").Retrying == 2 && sinkOf(o, "siem").Backlog == 5
	}, "the circuit opens, and what is meant for the others waits")
	require.Equal(t, status.StateCircuitOpen, sinkOf(o, "slack").State)
	require.Equal(t, "http 503", sinkOf(o, "slack").LastError.Label)
	require.WithinDuration(t, time.Now(), sinkOf(o, "slack").LastError.At, patience)
	require.True(t, attends(o, "sink slack", "circuit open"), o.Attention)
	require.Equal(t, status.StatePaused, sinkOf(o, "siem").State)
	require.True(t, attends(o, "sink siem", "it moves"), o.Attention)
	require.EqualValues(t, 5, o.Engine.OpenDeliveries)
	require.EqualValues(t, 2, o.Engine.Retrying, "the others have not been attempted")
	require.EqualValues(t, 5, o.Workers[0].Standing.Results)

	other, _ := s.colleague("other", strings.Replace(yaml, "siem", "renamed", 1))
	s.eventually(func() bool { o = s.overview(); return len(o.Workers) == 2 && len(sinkOf(o, "slack").Circuits) == 2 }, "the other worker tells of itself")
	require.Equal(t, 1, sinkOf(o, "slack").CircuitsOpen, "in one of two")
	require.True(t, attends(o, "workers", "unlike configurations"), o.Attention)
	var text bytes.Buffer
	require.NoError(t, o.Write(&text, 100))
	require.Contains(t, text.String(), "circuit open 1/2")

	require.NoError(t, other.Stop(s.ctx))
	s.eventually(func() bool { return len(s.overview().Workers) == 1 }, "one that has stopped in good order is not listed")
}

// TestStatus_AWorkerThatWasKilled_IsListedWithoutAnAnswer has what is left of a killed one: a poller that is remembered.
func TestStatus_AWorkerThatWasKilled_IsListedWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  archive: {script: {}}\n")
	polling, cancel := context.WithCancel(s.ctx)
	polled := make(chan error, 1)
	go func() {
		_, err := s.temporal.WorkflowService().PollActivityTaskQueue(polling, &workflowservice.PollActivityTaskQueueRequest{
			Namespace: s.namespace, Identity: "gone/1/dead", TaskQueue: &taskqueuepb.TaskQueue{Name: consign.TaskQueue, Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
		})
		polled <- err
	}()
	s.eventually(func() bool {
		seen, err := status.Identities(s.ctx, s.temporal)
		return err == nil && !seen["gone/1/dead"].IsZero() && !seen[s.worker.Identity()].IsZero()
	}, "both are seen")
	cancel()
	<-polled
	o := s.overview()
	require.Len(t, o.Workers, 2)
	require.Equal(t, "gone/1/dead", o.Workers[0].Identity)
	require.False(t, o.Workers[0].Answered)
	require.Equal(t, "no answer", o.Workers[0].Silence)
	require.True(t, o.Workers[1].Answered, "it holds up nobody else")
	require.True(t, attends(o, "worker gone/1/dead", "no answer; last seen"), o.Attention)
}

// TestStatus_AServerWithoutStandaloneActivities_SaysWhatIsMissing_AndTellsTheRest plays a server before 1.32.
func TestStatus_AServerWithoutStandaloneActivities_SaysWhatIsMissing_AndTellsTheRest(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  archive: {script: {}}\n")
	options, err := consign.Options{Address: server.Address(), Namespace: s.namespace}.ClientOptions()
	require.NoError(t, err)
	options.ConnectionOptions.DialOptions = append(options.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(
		func(ctx context.Context, method string, in, out any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
			if strings.HasSuffix(method, "/StartActivityExecution") {
				return grpcstatus.Error(codes.Unimplemented, "unknown method StartActivityExecution")
			}
			return invoke(ctx, method, in, out, connection, options...)
		}))
	old, err := client.DialContext(s.ctx, options)
	require.NoError(t, err)
	defer old.Close()
	s.wait(s.submit("a", `{}`))
	var o status.Overview
	s.eventually(func() bool {
		o, err = status.Read(s.ctx, old, s.namespace, s.config.Sinks...)
		return err == nil && len(o.Workers) == 1 && sinkOf(o, "archive").Pollers > 0
	}, "it is read")
	require.Equal(t, "cannot be asked", o.Workers[0].Silence)
	require.Len(t, o.Missing, 1)
	require.Contains(t, o.Missing[0], "1.32 and later")
	require.Empty(t, o.Attention, "that is no fault of the worker")
	require.Equal(t, status.StateOpen, sinkOf(o, "archive").State)
	require.ErrorIs(t, status.Tail(s.ctx, old, s.namespace, activities.TailInput{}, func(status.Tailed) {}), status.ErrOldServer)
}

func TestStatus_NamesWhatNoWorkerKnows(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  old: {script: {}, retry: {max: 0}}\n")
	s.sinks["old"].answers(func(int, sinks.Delivery) error { return sinks.Permanent(errors.New("no")) })
	s.wait(s.submit("a", `{}`))
	s.stop()
	s.start("sinks:\n  fresh: {script: {}}\n")
	var o status.Overview
	s.eventually(func() bool { o = s.overview(); return len(o.Orphans) == 1 }, "the sink that is gone")
	require.Equal(t, status.Orphan{Sink: "old", DeadLetters: 1}, o.Orphans[0])
	require.True(t, attends(o, "sink old", "1 dead letter of it waits"), o.Attention)
}

func TestTail_TellsOfAllWorkers_AndDropsRatherThanSlows(t *testing.T) {
	t.Parallel()
	const yaml = "sinks:\n  archive: {script: {}}\n"
	s := perform(t, yaml)
	other, _ := s.colleague("other", yaml)
	ctx, cancel := context.WithCancel(s.ctx)
	var mu sync.Mutex
	answered, ids, missed := map[string]bool{}, map[string]bool{}, int64(0)
	done := make(chan error, 1)
	go func() {
		done <- status.Tail(ctx, s.temporal, s.namespace, activities.TailInput{Outcome: string(consign.Delivered)}, func(told status.Tailed) {
			mu.Lock()
			defer mu.Unlock()
			if told.Err == nil {
				answered[told.Worker] = true
			}
			missed += told.Missed
			for _, event := range told.Events {
				ids[event.ID] = true
			}
		})
	}()
	s.eventually(func() bool {
		mu.Lock()
		defer mu.Unlock()
		return answered[s.worker.Identity()] && answered[other.Identity()]
	}, "both workers answer")
	for i := range 20 {
		s.wait(s.submit(fmt.Sprint("one-", i), `{}`))
	}
	s.eventually(func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(ids) == 20
	}, "each delivery is told of")
	s.receiptOf(s.bare("many", several(1000, nil)...))
	s.eventually(func() bool {
		mu.Lock()
		defer mu.Unlock()
		return missed >= 1000-2*activities.TailMost
	}, "of a thousand at once some are missed, and that is said")
	cancel()
	require.NoError(t, <-done)
}
