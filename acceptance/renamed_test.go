package acceptance

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/all"
	"github.com/consign-dev/consign/worker"
)

// colleague is one more worker, as if in another process: with a configuration and a name of its own.
// What it warns of is in the log.
func (s *stage) colleague(identity, yaml string) (*worker.Worker, *observer.ObservedLogs) {
	s.Helper()
	kinds := append(all.Kinds(), config.Kind{Name: "script", New: func() config.Settings { return &scripted{stage: s} }})
	parsed, err := config.Parse(identity+".yaml", []byte(yaml), kinds, os.LookupEnv)
	require.NoError(s, err)
	for _, sink := range parsed.Sinks {
		if s.sinks[sink.Name] == nil {
			s.sinks[sink.Name] = &script{}
		}
	}
	options, err := consign.Options{Address: server.Address(), Namespace: s.namespace}.ClientOptions()
	require.NoError(s, err)
	options.Identity = identity
	temporal, err := client.DialContext(s.ctx, options)
	require.NoError(s, err)
	core, logs := observer.New(zapcore.WarnLevel)
	w, err := worker.Start(s.ctx, worker.Options{Temporal: temporal, Namespace: s.namespace, Config: parsed, Drain: 5 * time.Second, Log: zap.New(core)})
	require.NoError(s, err)
	s.Cleanup(func() { s.dismiss(w); temporal.Close() })
	return w, logs
}

// dismiss stops a worker; once more does nothing.
func (s *stage) dismiss(w *worker.Worker) { _ = w.Stop(s.ctx) }

// refuseForGood parks what the sink is given.
func refuseForGood(int, sinks.Delivery) error { return sinks.Permanent(errors.New("refused")) }

// waiting submits a result that its sink does not take yet, and returns when its first attempt is over.
func (s *stage) waiting(id, sink string) *consign.Handle {
	s.Helper()
	s.sinks[sink].answers(never)
	handle := s.submit(id, `{}`)
	first, err := handle.FirstAttempts(s.ctx)
	require.NoError(s, err)
	require.False(s, first.Committed)
	return handle
}

// patient retries soon, and for longer than a test lasts.
const patient = "{script: {}, retry: {max: 1000, backoff: 50ms, max_backoff: 100ms}, circuit: {failures: -1}}"

func TestConfiguration_SinkThatIsAdded_GetsNewResultsOnly(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: "+patient)
	before := s.waiting("before", "one")
	s.stop()
	s.start("sinks:\n  one: " + patient + "\n  two: {script: {}}")
	s.sinks["one"].answers(nil)
	require.Len(t, s.wait(before).Legs, 1)
	require.Len(t, s.wait(s.submit("after", `{}`)).Legs, 2)
	require.Len(t, s.sinks["one"].took(), 2)
	require.Len(t, s.sinks["two"].took(), 1)
	require.Equal(t, "after", s.sinks["two"].took()[0].Result.ID)
}

func TestConfiguration_SinkThatIsRenamed_DeliversWhatWaitsUnderItsOldNames(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  slack: "+patient)
	s.sinks["slack"].answers(refuseForGood)
	deadLetter := s.wait(s.submit("parked", `{}`)).Legs[0].DeadLetter
	waits := s.waiting("waits", "slack")
	s.stop()
	s.start("sinks:\n  chat: {script: {}, aliases: [slack-2, slack]}")
	require.True(t, s.wait(waits).Delivered())
	s.signal(deadLetter, consign.ReplaySignal, consign.ReplayRequest{})
	require.Equal(t, consign.StateReplayed, s.closed(deadLetter).State)
	require.True(t, s.wait(s.submit("new", `{}`)).Delivered())
	var ids []string
	for _, taken := range s.sinks["chat"].took() {
		ids = append(ids, taken.ID)
	}
	require.Equal(t, []string{
		consign.DeliveryID("test", "waits", "slack"),
		consign.DeliveryID("test", "parked", "slack"),
		consign.DeliveryID("test", "new", "chat"),
	}, ids, "what was on its way keeps the delivery id that its receiver may know")
	s.keep("dead_letter_replayed_by_alias", deadLetter)
}

func TestConfiguration_SinkThatIsRemoved_KeepsWhatWaits_UntilItIsPutBack(t *testing.T) {
	t.Parallel()
	const removed = "sinks:\n  other: {script: {}}"
	s := perform(t, "sinks:\n  one: "+patient)
	s.sinks["one"].answers(refuseForGood)
	deadLetter := s.wait(s.submit("parked", `{}`)).Legs[0].DeadLetter
	waits := s.waiting("waits", "one")
	s.stop()

	s.eventually(func() bool { // listings are behind
		w, logs := s.colleague("without", removed)
		defer s.dismiss(w)
		warned := logs.FilterMessageSnippet("no worker knows this sink").FilterField(zap.String("sink", "one"))
		return warned.FilterField(zap.Bool("deliveries_wait", true)).FilterField(zap.Int64("dead_letters", 1)).Len() == 1
	}, "a worker says at its start what waits for nobody")
	without, _ := s.colleague("without", removed)
	require.True(t, s.wait(s.submit("meanwhile", `{}`)).Delivered())
	description, err := s.temporal.DescribeWorkflowExecution(s.ctx, waits.WorkflowID(), "")
	require.NoError(t, err)
	require.Equal(t, "one", description.GetPendingActivities()[0].GetActivityId(), "as the Web UI shows it")
	s.dismiss(without)

	s.start("sinks:\n  one: {script: {}}")
	tried := len(s.sinks["one"].tries())
	s.sinks["one"].answers(nil)
	receipt := s.wait(waits)
	require.True(t, receipt.Delivered())
	require.LessOrEqual(t, receipt.Legs[0].Attempts, tried+2, "waiting uses up no attempt")
	s.signal(deadLetter, consign.ReplaySignal, consign.ReplayRequest{})
	require.Equal(t, consign.StateReplayed, s.closed(deadLetter).State)
}
