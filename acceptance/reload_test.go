package acceptance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/all"
	"github.com/consign-dev/consign/status"
	"github.com/consign-dev/consign/worker"
)

// reloads is how soon every worker goes by a file that has changed.
const reloads = 5 * time.Second

// held is a sink that a test opens and closes, and that tells of what comes when it is closed.
type held struct {
	*script

	closed atomic.Bool
	late   *atomic.Int64 // results that were handed to one that was closed
	open   *atomic.Int64 // of all
}

func (h *held) Deliver(ctx context.Context, batch []sinks.Delivery) []error {
	errs := h.script.Deliver(ctx, batch)
	if h.closed.Load() {
		h.late.Add(int64(len(batch)))
	}
	return errs
}

func (h *held) Close(context.Context) error {
	if h.closed.Swap(true) {
		return errors.New("closed twice")
	}
	h.open.Add(-1)
	return nil
}

// holding are the settings of a sink of kind "held".
type holding struct {
	Version int  `yaml:"version"`
	Refuse  bool `yaml:"refuse"`

	sinks      map[string]*script
	late, open *atomic.Int64
}

func (*holding) SetDefaults()               {}
func (*holding) Validate(func(_, _ string)) {}

func (k *holding) Open(_ context.Context, name string) (sinks.Sink, error) {
	if k.Refuse {
		return nil, errors.New("nobody is there")
	}
	k.open.Add(1)
	return &held{script: k.sinks[name], late: k.late, open: k.open}, nil
}

// depot is where workers read their configuration, each from a file of its own.
type depot struct {
	*stage

	late, open atomic.Int64
}

func newDepot(t *testing.T, names ...string) *depot {
	t.Helper()
	d := &depot{stage: newStage(t)}
	for _, name := range names {
		d.sinks[name] = &script{}
	}
	return d
}

func (d *depot) load(path string) (*config.Config, error) {
	kind := config.Kind{Name: "held", New: func() config.Settings { return &holding{sinks: d.sinks, late: &d.late, open: &d.open} }}
	return config.Load(path, append(all.Kinds(), kind))
}

func (d *depot) parse(yaml string) *config.Config {
	d.Helper()
	c, err := d.load(d.file(yaml))
	require.NoError(d, err)
	return c
}

// file writes a configuration.
func (d *depot) file(yaml string) string {
	d.Helper()
	path := filepath.Join(d.TempDir(), "consign.yaml")
	d.write(path, yaml)
	return path
}

func (d *depot) write(path, text string) {
	d.Helper()
	require.NoError(d, os.WriteFile(path, []byte(text), 0o600))
}

// swap puts a file in another's place, as editors do.
func (d *depot) swap(path, text string) {
	d.Helper()
	d.write(path+".new", text)
	require.NoError(d, os.Rename(path+".new", path))
}

// watch has a worker look for changes of its files.
func (d *depot) watch(w *worker.Worker) {
	ctx, end := context.WithCancel(context.WithoutCancel(d.ctx))
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		w.Watch(ctx)
	}()
	d.Cleanup(func() { end(); <-watched })
}

// employ starts a worker that reads that file.
func (d *depot) employ(path string) (*worker.Worker, *observer.ObservedLogs) {
	d.Helper()
	c, err := d.load(path)
	require.NoError(d, err)
	core, logs := observer.New(zapcore.InfoLevel)
	w, err := worker.Start(d.ctx, worker.Options{
		Temporal: d.temporal, Namespace: d.namespace, Config: c, Drain: 5 * time.Second, Log: zap.New(core),
		Reread: func(context.Context) (*config.Config, error) { return d.load(path) },
	})
	require.NoError(d, err)
	d.Cleanup(func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(d.ctx), 10*time.Second)
		defer cancel()
		require.NoError(d, w.Stop(stopping))
		require.Zero(d, d.late.Load(), "results went to a sink that was closed")
	})
	return w, logs
}

// series counts those of a metric of a sink.
func series(t *testing.T, registry *prometheus.Registry, sink string) int {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	count := 0
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "sink" && label.GetValue() == sink {
					count++
				}
			}
		}
	}
	return count
}

func TestReload_OfAFileThatChanges_HoldsOnTwoWorkersWithin5s(t *testing.T) {
	t.Parallel()
	var first, second atomic.Int64
	count := func(into *atomic.Int64) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { into.Add(1) }))
		t.Cleanup(server.Close)
		return server
	}
	to, other := count(&first), count(&second)
	const text = "sinks:\n  hook: {webhook: {url: %s}}\n  same: {held: {}}\n"
	d := newDepot(t, "same", "more")
	path := d.file(fmt.Sprintf(text, to.URL))
	one, logs := d.employ(path)
	two, _ := d.employ(path)
	d.watch(one)
	d.watch(two)
	require.True(t, d.wait(d.submit("before", `{}`)).Delivered())
	require.EqualValues(t, 1, first.Load())
	same, old := one.Gate("same"), one.Gate("hook")
	digest := one.Config().Digest()

	d.swap(path, fmt.Sprintf(text, other.URL)+"  more: {held: {}}\nunmatched: park\n")
	require.Eventually(t, func() bool { return one.Gate("more") != nil && two.Gate("more") != nil }, reloads, 10*time.Millisecond)
	require.NotEqual(t, digest, one.Config().Digest())
	require.Equal(t, one.Config().Digest(), two.Config().Digest())
	require.Same(t, same, one.Gate("same"), "what has not changed keeps its circuit and its pace")
	require.NotSame(t, old, one.Gate("hook"))
	require.Equal(t, config.UnmatchedPark, one.Config().Unmatched)
	require.Equal(t, series(t, one.Registry(), "same"), series(t, one.Registry(), "more"), "all of them, at zero")
	entry := logs.FilterMessage("configuration reloaded").All()[0].ContextMap()
	require.Equal(t, []any{"more"}, entry["added"])
	require.Equal(t, []any{"hook"}, entry["changed"])
	require.Equal(t, []any{"same"}, entry["unchanged"])
	require.EqualValues(t, 1, one.Gate("hook").Facts().Delivered+two.Gate("hook").Facts().Delivered, "what was delivered before is not forgotten")
	for i := range 10 {
		require.True(t, d.wait(d.submit(fmt.Sprint(i), `{}`)).Delivered())
	}
	require.EqualValues(t, 1, first.Load(), "the old URL gets nothing more")
	require.EqualValues(t, 10, second.Load())
	require.Len(t, d.sinks["more"].took(), 10, "of what was submitted since")
}

func TestReload_OfABadFile_KeepsTheOneFromBeforeAndSaysWhy(t *testing.T) {
	t.Parallel()
	d := newDepot(t, "one", "two")
	secret := filepath.Join(t.TempDir(), "secret")
	d.write(secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	good := "sinks:\n  one: {held: {}}\nacks: {secret: {file: " + secret + "}}\n"
	path := d.file(good)
	w, logs := d.employ(path)
	gate := w.Gate("one")
	refused := func(want ...string) {
		t.Helper()
		answer := w.Reread(t.Context(), "a test")
		require.Len(t, answer.Refused, len(want), "%v", answer.Refused)
		for i := range want {
			require.True(t, strings.HasPrefix(answer.Refused[i], want[i]), answer.Refused[i])
		}
		require.Equal(t, status.Changes{}, answer.Changes)
		require.Same(t, gate, w.Gate("one"))
		require.True(t, d.wait(d.submit(fmt.Sprint(len(want), want[0]), `{}`)).Delivered())
		require.InDelta(t, 0, value(t, w.Registry(), "consign_config_last_reload_successful"), 0)
	}
	read := value(t, w.Registry(), "consign_config_last_reload_success_timestamp_seconds")
	require.InDelta(t, time.Now().Unix(), read, 60)

	d.write(path, "sinks:\n  one: {held: {}, timeot: 3s}\n  two: {held: {version: x}}\n")
	refused(path+`:2:19: sinks.one.timeot: unknown field "timeot" (did you mean "timeout"?); allowed: when`,
		path+`:3:25: sinks.two.held.version: "x" is not a whole number such as 5`)
	d.eventually(func() bool { return logs.FilterMessage("mistake in the configuration").Len() >= 2 }, "in the log, too")

	d.write(path, "sinks:\n  one: {held: {version: 2}}\n  two: {held: {refuse: true}}\nacks: {secret: nonsense-that-is-secret}\n")
	answer := w.Reread(t.Context(), "a test")
	require.Len(t, answer.Refused, 2, "all that cannot be opened: %v", answer.Refused)
	require.Equal(t, "sinks.two.held: nobody is there", answer.Refused[0])
	require.Contains(t, answer.Refused[1], "acks.secret")
	require.NotContains(t, fmt.Sprint(answer.Refused, logs.All()), "nonsense")
	require.Same(t, gate, w.Gate("one"))
	require.EqualValues(t, 1, d.open.Load(), "what was opened for it is closed again")

	require.NoError(t, os.Remove(path))
	require.Contains(t, w.Reread(t.Context(), "a test").Refused[0], "does not exist")

	d.write(path, good)
	answer = w.Reread(t.Context(), "a test")
	require.Empty(t, answer.Refused)
	require.Equal(t, []string{"one"}, answer.Unchanged)
	require.Same(t, gate, w.Gate("one"))
	require.InDelta(t, 1, value(t, w.Registry(), "consign_config_last_reload_successful"), 0)
}

// value of a metric without labels.
func value(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	require.Fail(t, "no metric "+name)
	return 0
}

func TestReload_SinkThatChanges_GetsTheNextAttemptsOfWhatWaits_UnderThePolicyOfItsHistory(t *testing.T) {
	t.Parallel()
	var down atomic.Int64
	dead := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		down.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(dead.Close)
	alive := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(alive.Close)
	d := newDepot(t)
	path := d.file("sinks:\n  hook: {webhook: {url: " + dead.URL + "}, retry: {max: 1000, backoff: 100ms, max_backoff: 100ms}, circuit: {failures: -1}}\n")
	w, _ := d.employ(path)
	waits := d.submit("waits", `{}`)
	d.eventually(func() bool { return down.Load() >= 3 }, "it is tried again and again")
	d.write(path, "sinks:\n  hook: {webhook: {url: "+alive.URL+"}, retry: {max: 0}}\n")
	require.Equal(t, []string{"hook"}, w.Reread(t.Context(), "a test").Changed)
	receipt := d.wait(waits)
	require.True(t, receipt.Delivered(), "with retry.max 0 it would be parked: %+v", receipt)
	require.Greater(t, receipt.Legs[0].Attempts, 3)
}

func TestReload_SinkThatIsRemoved_GetsNothingNew_AndDrains(t *testing.T) {
	t.Parallel()
	const retry = "retry: {max: 1000, backoff: 100ms, max_backoff: 100ms}, circuit: {failures: -1}"
	d := newDepot(t, "one", "two")
	d.sinks["two"].answers(never)
	path := d.file("sinks:\n  one: {held: {}}\n  two: {held: {}, " + retry + "}\n")
	w, logs := d.employ(path)
	waits := d.submit("waits", `{}`)
	d.eventually(func() bool { return len(d.sinks["two"].tries()) >= 2 }, "it waits in the queue")
	require.NotZero(t, series(t, w.Registry(), "two"))

	d.write(path, "sinks:\n  one: {held: {}}\n")
	require.Equal(t, []string{"two"}, w.Reread(t.Context(), "a test").Removed)
	require.Nil(t, w.Gate("two"))
	require.Len(t, d.wait(d.submit("after", `{}`)).Legs, 1, "nothing new")
	require.NotZero(t, logs.FilterMessageSnippet("draining").Len())
	standing := w.Standing()
	require.Len(t, standing.Sinks, 2)
	require.True(t, standing.Sinks[1].Draining)
	d.eventually(func() bool {
		overview, err := status.Read(t.Context(), d.temporal, d.namespace)
		return err == nil && len(overview.Sinks) == 2 && overview.Sinks[1].State == status.StateDraining
	}, "for whoever asks how everything stands")

	d.sinks["two"].answers(nil)
	require.True(t, d.wait(waits).Delivered(), "what waits is delivered")
	d.eventually(func() bool { return logs.FilterMessageSnippet("drained").Len() > 0 }, "drained")
	d.eventually(func() bool { return series(t, w.Registry(), "two") == 0 && d.open.Load() == 1 }, "its series end, and it is closed")
	require.Len(t, w.Standing().Sinks, 1)

	d.write(path, "sinks:\n  one: {held: {}}\n  two: {held: {}, inline: false}\n")
	require.Equal(t, []string{"two"}, w.Reread(t.Context(), "a test").Added)
	require.Len(t, d.wait(d.submit("again", `{}`)).Legs, 2, "put back, its queue is polled again")
}

func TestReload_SinkThatIsRenamedPausedAndLimited_IsHeldAtOnce(t *testing.T) {
	t.Parallel()
	d := newDepot(t, "old", "new")
	path := d.file("sinks:\n  old: {held: {}}\n")
	w, _ := d.employ(path)
	d.pause("old", "the receiver moves")
	d.eventually(w.Gate("old").Paused, "paused")
	waits := d.submit("waits", `{}`)
	d.eventually(func() bool { return d.backlog("old") == 1 }, "it waits")
	d.write(path, "sinks:\n  new: {held: {}, aliases: [old], rate_limit: 100/s}\n")
	answer := w.Reread(t.Context(), "a test")
	require.Empty(t, answer.Refused)
	require.Equal(t, []string{"new"}, answer.Added)
	require.True(t, w.Gate("new").Paused(), "from before the first attempt on")
	require.Same(t, w.Gate("new"), w.Gate("old"))
	resumed, err := consign.ResumeSink(t.Context(), d.temporal, d.namespace, "new", "me@here")
	require.NoError(t, err)
	require.True(t, resumed)
	require.True(t, d.wait(waits).Delivered())
	require.Equal(t, consign.DeliveryID("test", "waits", "old"), d.sinks["new"].took()[0].ID)
	d.eventually(func() bool { return d.hold("new").Rate == 100 }, "the rate is set at its queue")
}

func TestReload_AttemptThatOutlastsTheDrain_IsBrokenOffAndMadeAgain_WithoutARetry(t *testing.T) {
	t.Parallel()
	d := newDepot(t, "one")
	d.sinks["one"].hold = true // the first attempt lasts as long as it is allowed to
	path := d.file("sinks:\n  one: {held: {}, inline: false, timeout: 10m, retry: {max: 0}}\n")
	w, _ := d.employ(path)
	handle := d.submit("a", `{}`)
	d.eventually(func() bool { return len(d.sinks["one"].tries()) == 1 }, "it is under way")
	d.write(path, "sinks:\n  one: {held: {version: 2}, inline: false, timeout: 10m, retry: {max: 0}}\n")
	require.Equal(t, []string{"one"}, w.Reread(t.Context(), "a test").Changed)
	require.EqualValues(t, 2, d.open.Load(), "the old one ends what it has begun")
	require.True(t, d.wait(handle).Delivered(), "parked, if the attempt had used up the only one")
	d.eventually(func() bool { return d.open.Load() == 1 }, "then it is closed")
}

func TestReload_WhatItCannotChange_IsNamed(t *testing.T) {
	t.Parallel()
	d := newDepot(t, "one")
	path := d.file("sinks:\n  one: {held: {}}\nhttp: {max_body: 2048}\n")
	w, logs := d.employ(path)
	d.write(path, "sinks:\n  one: {held: {}}\nhttp: {max_body: 4096}\n")
	require.Equal(t, []string{"http"}, w.Reread(t.Context(), "a test").Restart)
	require.NotZero(t, logs.FilterMessageSnippet("restart needed").FilterField(zap.String("part", "http")).Len())
}

func TestReload_IsAskedForOfEveryWorker_ThroughTemporal(t *testing.T) {
	t.Parallel()
	d := newDepot(t, "one", "two")
	good, bad := d.file("sinks:\n  one: {held: {}}\n"), d.file("sinks:\n  one: {held: {}}\n")
	one, _ := d.employ(good)
	two, logs := d.employ(bad)
	d.eventually(func() bool {
		seen, err := status.Identities(t.Context(), d.temporal)
		return err == nil && len(seen) == 2
	}, "both are seen")
	d.write(bad, "sinks: [\n")
	answers, err := status.ReloadAll(t.Context(), d.temporal, d.namespace, "me@here")
	require.NoError(t, err)
	require.Len(t, answers, 2)
	for _, answer := range answers {
		switch answer.Identity {
		case one.Identity():
			require.True(t, answer.Done(), "%+v", answer)
			require.Equal(t, []string{"one"}, answer.Answer.Unchanged)
			require.Equal(t, one.Config().Digest(), answer.Answer.Config.Digest)
		case two.Identity():
			require.False(t, answer.Done())
			require.Contains(t, answer.Answer.Refused[0], bad+":1:")
			require.NotZero(t, logs.FilterField(zap.String("by", "me@here")).Len())
		default:
			require.Fail(t, answer.Identity)
		}
	}
}

// TestReload_InALoopUnderLoad_LosesNothing changes one sink, removes and adds another, again and again, while results
// come. Run with -race. Each result is delivered by its first attempt: retry.max is 0.
func TestReload_InALoopUnderLoad_LosesNothing(t *testing.T) {
	t.Parallel()
	d := newDepot(t, "inline", "queued", "comes")
	const text = "sinks:\n  inline: {held: {version: %d}, retry: {max: 0}}\n  queued: {held: {version: %d}, inline: false, retry: {max: 0}}\n"
	path := d.file(fmt.Sprintf(text, 0, 0))
	w, _ := d.employ(path)
	results := 120
	if testing.Short() {
		results = 40
	}
	var (
		submitting errgroup.Group
		handles    = make([]*consign.Handle, results)
		version    int
	)
	submitting.SetLimit(16)
	over, some := make(chan error, 1), make(chan struct{}, results)
	go func() {
		for i := range results {
			if i%4 == 0 {
				some <- struct{}{}
			}
			submitting.Go(func() (err error) {
				handles[i], err = d.client.Submit(d.ctx, consign.Result{Source: "test", ID: fmt.Sprint(i), Data: []byte(`{}`)})
				return err
			})
		}
		over <- submitting.Wait()
	}()
	for submitted := false; !submitted; {
		select {
		case err := <-over:
			require.NoError(t, err)
			submitted = true
		case <-some:
			version++
			yaml := fmt.Sprintf(text, version, version/2)
			if version%3 != 0 {
				yaml += "  comes: {held: {}, inline: false, retry: {max: 0}}\n"
			}
			_, err := w.Reload(d.ctx, d.parse(yaml))
			require.NoError(t, err)
		}
	}
	for _, handle := range handles {
		receipt := d.wait(handle)
		require.True(t, receipt.Delivered(), "%+v", receipt)
	}
	require.GreaterOrEqual(t, len(d.sinks["inline"].took()), len(handles))
	require.GreaterOrEqual(t, len(d.sinks["queued"].took()), len(handles))
	d.eventually(func() bool { return d.open.Load() <= 3 }, "all that were replaced are closed")
	t.Logf("%d reloads", version)
}
