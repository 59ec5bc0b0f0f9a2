package deadletters_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/deadletters"
	"github.com/consign-dev/consign/embedded"
	"github.com/consign-dev/consign/sinks/all"
	"github.com/consign-dev/consign/worker"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

// stage is a Temporal with a worker whose one sink, "hook", answers with a status that a test sets.
type stage struct {
	temporal client.Client
	client   *consign.Client
	status   atomic.Int32
	taken    atomic.Int32 // results that the receiver took

	// otherTook counts what the sink "other" was handed, which takes everything, by delivery ids others.
	otherTook atomic.Int32
	mu        sync.Mutex
	others    map[string]bool
}

// otherIDs are the delivery ids at the sink "other".
func (s *stage) otherIDs() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.others)
}

// startTemporal runs a server until the test ends.
func startTemporal(t *testing.T) client.Client {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Options{Ephemeral: true, Port: embedded.AnyPort, Headless: true})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, server.Stop(ctx))
	})
	options, err := consign.Options{Address: server.Address()}.ClientOptions()
	require.NoError(t, err)
	temporal, err := client.DialContext(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	return temporal
}

// newStage refuses every result for good until a test sets another status.
func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{temporal: startTemporal(t), others: map[string]bool{}}
	s.client = consign.NewClient(s.temporal)
	s.status.Store(http.StatusBadRequest)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status := int(s.status.Load())
		if status < 300 {
			s.taken.Add(1)
		}
		http.Error(w, "the receiver says "+http.StatusText(status), status)
	}))
	t.Cleanup(receiver.Close)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.others[r.Header.Get("webhook-id")] = true
		s.otherTook.Add(1)
	}))
	t.Cleanup(other.Close)
	file := "sinks: {hook: {webhook: {url: '" + receiver.URL + "'}, retry: {max: 1, backoff: 10ms}}, other: {webhook: {url: '" + other.URL + "'}}}"
	c, err := config.Parse("test", []byte(file), all.Kinds(), func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	w, err := worker.Start(t.Context(), worker.Options{Temporal: s.temporal, Config: c, Drain: time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Stop(context.Background())) })
	return s
}

// park submits a result that the sink refuses, and returns the id of its dead letter.
func (s *stage) park(t *testing.T, id, data string) string {
	t.Helper()
	handle, err := s.client.Submit(t.Context(), consign.Result{Source: "test", ID: id, Data: []byte(data)})
	require.NoError(t, err)
	receipt, err := handle.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	return receipt.Legs[0].DeadLetter
}

// list waits until a listing has n entries, since the visibility store is behind.
func list(t *testing.T, temporal client.Client, filter deadletters.Filter, n int) []deadletters.Entry {
	t.Helper()
	var entries []deadletters.Entry
	require.Eventually(t, func() bool {
		entries = nil
		for entry, err := range deadletters.List(t.Context(), temporal, filter) {
			require.NoError(t, err)
			entries = append(entries, entry)
		}
		return len(entries) == n
	}, patience, 20*time.Millisecond, "%d entries for %+v", n, filter)
	return entries
}
