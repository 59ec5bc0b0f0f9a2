package acceptance

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/embedded"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/all"
	"github.com/consign-dev/consign/sources/nats"
	"github.com/consign-dev/consign/worker"
)

// server is the one that every test of this package shares.
var server *embedded.Server

func TestMain(m *testing.M) {
	ctx := context.Background()
	var err error
	server, err = embedded.Start(ctx, embedded.Options{Ephemeral: true, Port: embedded.AnyPort, UIPort: embedded.AnyPort})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := makeNamespaces(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	stop, cancel := context.WithTimeout(ctx, 20*time.Second)
	if err := server.Stop(stop); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	cancel()
	os.Exit(code)
}

// patience is how long a test waits for what must come: far more than it takes.
const patience = 3 * time.Minute

// stage is a namespace with a worker of its own.
type stage struct {
	*testing.T
	ctx       context.Context
	namespace string
	temporal  client.Client
	client    *consign.Client
	sinks     map[string]*script
	config    *config.Config
	worker    *worker.Worker
	sources   *nats.Sources
	reading   *nats.Reading
}

// namespaces that no test has yet. Each takes seconds to make, so they are made side by side.
var namespaces = make(chan string, 188)

func makeNamespaces(ctx context.Context) error {
	options, err := consign.Options{Address: server.Address()}.ClientOptions()
	if err != nil {
		return err
	}
	temporal, err := client.NewLazyClient(options)
	if err != nil {
		return err
	}
	defer temporal.Close()
	var group errgroup.Group
	for i := range cap(namespaces) {
		group.Go(func() error {
			name := fmt.Sprint("test-", i+1)
			_, err := consign.Setup(ctx, temporal, name, 0)
			namespaces <- name
			return err
		})
	}
	return group.Wait()
}

// newStage makes a namespace and a client, and no worker yet.
func newStage(t *testing.T) *stage {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	s := &stage{T: t, ctx: ctx, sinks: map[string]*script{}}
	select {
	case s.namespace = <-namespaces:
	default:
		require.Fail(t, "all namespaces are taken: make more of them")
	}
	options, err := consign.Options{Address: server.Address(), Namespace: s.namespace}.ClientOptions()
	require.NoError(t, err)
	s.temporal, err = client.NewLazyClient(options)
	require.NoError(t, err)
	t.Cleanup(s.temporal.Close)
	s.client = consign.NewClient(s.temporal)
	return s
}

// perform starts a worker with the configuration. A sink of kind "script" behaves as its script says.
func perform(t *testing.T, yaml string) *stage {
	t.Helper()
	s := newStage(t)
	s.start(yaml)
	return s
}

func (s *stage) start(yaml string) {
	s.Helper()
	kinds := append(all.Kinds(), nats.Kind(), config.Kind{Name: "script", New: func() config.Settings { return &scripted{stage: s} }})
	parsed, err := config.Parse("test.yaml", []byte(yaml), kinds, os.LookupEnv)
	require.NoError(s, err)
	s.config = parsed
	for _, sink := range parsed.Sinks {
		if s.sinks[sink.Name] == nil {
			s.sinks[sink.Name] = &script{}
		}
	}
	log := zaptest.NewLogger(s, zaptest.Level(zap.WarnLevel))
	registry := prometheus.NewRegistry()
	s.sources, err = nats.New(parsed, log, registry)
	require.NoError(s, err)
	w, err := worker.Start(s.ctx, worker.Options{
		Temporal: s.temporal, Namespace: s.namespace, Config: parsed, NATS: s.sources, Drain: 5 * time.Second, Registry: registry, Log: log,
	})
	require.NoError(s, err)
	s.worker = w
	s.reading, err = s.sources.Start(s.ctx, s.temporal)
	require.NoError(s, err)
	s.Cleanup(s.stop)
}

func (s *stage) stop() {
	if s.worker == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(s, s.reading.Stop(ctx))
	require.NoError(s, s.worker.Stop(ctx))
	require.NoError(s, s.sources.Close(ctx))
	s.worker = nil
}

// submit hands over one result of the source "test".
func (s *stage) submit(id, data string, options ...consign.SubmitOption) *consign.Handle {
	s.Helper()
	handle, err := s.client.Submit(s.ctx, consign.Result{Source: "test", ID: id, Type: "detection", Data: []byte(data)}, options...)
	require.NoError(s, err)
	return handle
}

// wait returns the receipt of a submitted result.
func (s *stage) wait(handle *consign.Handle) consign.Receipt {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	receipt, err := handle.Wait(ctx)
	require.NoError(s, err)
	return receipt
}

// eventually waits for a condition.
func (s *stage) eventually(condition func() bool, what string) {
	s.Helper()
	require.Eventually(s, condition, patience, 20*time.Millisecond, what)
}

// backlog counts what waits in a sink's queue.
func (s *stage) backlog(sink string) int64 {
	s.Helper()
	answer, err := s.temporal.WorkflowService().DescribeTaskQueue(s.ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: s.namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: consign.SinkQueue(sink)},
		TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY, ReportStats: true,
	})
	require.NoError(s, err)
	return answer.GetStats().GetApproximateBacklogCount()
}

// bare starts a delivery through the bare API.
func (s *stage) bare(id string, results ...consign.Entry) client.WorkflowRun {
	s.Helper()
	run, err := s.temporal.ExecuteWorkflow(s.ctx, client.StartWorkflowOptions{ID: id, TaskQueue: consign.TaskQueue},
		consign.DeliverWorkflow, consign.Consignment{Results: results})
	require.NoError(s, err)
	return run
}

// receiptOf waits for the receipt of a delivery that was started bare.
func (s *stage) receiptOf(run client.WorkflowRun) consign.Receipt {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	var receipt consign.Receipt
	require.NoError(s, run.Get(ctx, &receipt))
	return receipt
}

// several are n small results of one consignment.
func several(n int, ack *consign.AckTarget) []consign.Entry {
	entries := make([]consign.Entry, n)
	for i := range entries {
		entries[i] = consign.Entry{Result: consign.Result{Source: "test", ID: fmt.Sprint("r", i), Data: []byte(`{}`)}, Ack: ack}
	}
	return entries
}

// record asks a dead letter for its record.
func (s *stage) record(id string) consign.Record {
	s.Helper()
	var answer converter.EncodedValue
	s.eventually(func() (answered bool) { // a busy worker lets the SDK's 10 s pass
		var err error
		answer, err = s.temporal.QueryWorkflow(s.ctx, id, "", consign.RecordQuery)
		return err == nil
	}, "the record of "+id)
	var record consign.Record
	require.NoError(s, answer.Get(&record))
	return record
}

func (s *stage) signal(id, name string, argument any) {
	s.Helper()
	require.NoError(s, s.temporal.SignalWorkflow(s.ctx, id, "", name, argument))
}

// script is a sink that does what a test tells it to.
type script struct {
	mu       sync.Mutex
	answer   func(attempt int, d sinks.Delivery) error
	hold     bool // the first attempt lasts as long as it is allowed to
	attempts []sinks.Delivery
	taken    []sinks.Delivery
}

// answers sets what the sink says to each delivery. attempt counts the tries of that result.
func (k *script) answers(answer func(attempt int, d sinks.Delivery) error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.answer = answer
}

// tries are all deliveries that were attempted, took those that the sink took.
func (k *script) tries() []sinks.Delivery {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]sinks.Delivery(nil), k.attempts...)
}

func (k *script) took() []sinks.Delivery {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]sinks.Delivery(nil), k.taken...)
}

// Deliver implements sinks.Sink.
func (k *script) Deliver(ctx context.Context, batch []sinks.Delivery) []error {
	errs := make([]error, len(batch))
	for i, d := range batch {
		k.mu.Lock()
		attempt := 1
		for _, before := range k.attempts {
			if before.ID == d.ID {
				attempt++
			}
		}
		k.attempts = append(k.attempts, d)
		answer := k.answer
		k.mu.Unlock()
		if k.hold && attempt == 1 {
			<-ctx.Done()
		}
		if answer != nil {
			errs[i] = answer(attempt, d)
		}
		if errs[i] == nil {
			k.mu.Lock()
			k.taken = append(k.taken, d)
			k.mu.Unlock()
		}
	}
	return errs
}

func (k *script) Close(context.Context) error { return nil }

type scripted struct {
	stage *stage `yaml:"-"`
}

func (*scripted) SetDefaults()               {}
func (*scripted) Validate(func(_, _ string)) {}
func (k *scripted) Open(_ context.Context, name string) (sinks.Sink, error) {
	return k.stage.sinks[name], nil
}
