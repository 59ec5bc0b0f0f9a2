package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/consign-dev/consign"
	source "github.com/consign-dev/consign/sources/http"
)

// hanging is a receiver that answers nothing until it is healed, and then takes everything.
type hanging struct {
	*httptest.Server
	asked  atomic.Int64
	healed chan struct{}
	heal   func()

	mu    sync.Mutex
	taken map[string]bool // by id
}

func newHanging(t *testing.T) *hanging {
	t.Helper()
	h := &hanging{healed: make(chan struct{}), taken: map[string]bool{}}
	h.heal = sync.OnceFunc(func() { close(h.healed) })
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		h.asked.Add(1)
		var result consign.Result
		body, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(body, &result) != nil {
			return
		}
		select {
		case <-h.healed:
			h.mu.Lock()
			defer h.mu.Unlock()
			h.taken[result.ID] = true
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(h.Close)
	t.Cleanup(h.heal)
	return h
}

func (h *hanging) took() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.taken)
}

// sinks is a configuration with this receiver beside a sink that is well.
func (h *hanging) sinks() string {
	return fmt.Sprintf(`sinks:
  well: {script: {}}
  hook:
    webhook: {url: %q}
    timeout: 1s
    retry: {max: 1000, backoff: 500ms, max_backoff: 2s}
    circuit: {open: 500ms}
`, h.URL)
}

// stays requires that something stays as it is while the receiver is asked many times more.
func (s *stage) stays(h *hanging, holds func() bool, what string) {
	s.Helper()
	from := h.asked.Load()
	s.eventually(func() bool {
		require.True(s, holds(), what)
		return h.asked.Load() >= from+5
	}, "more attempts at the receiver that hangs")
}

// Not beside other tests, since it looks at the memory of the process.
func TestBackPressure_ASinkThatNeverAnswers_ReachesASourceThatNeverStops_AndAllGoesOnWhenItHeals(t *testing.T) { //nolint:paralleltest // see above
	h := newHanging(t)
	s := perform(t, h.sinks())
	const most = 200
	var committed atomic.Int64
	stream, err := s.client.NewSubmitter(consign.SubmitterOptions{MaxOpen: most, BatchMax: 16})
	require.NoError(t, err)
	flooding, stop := context.WithCancel(s.ctx)
	defer stop()
	var submitted atomic.Int64
	ended := make(chan error, 1)
	go func() { // a source that never stops
		text := strings.Repeat("x", 8<<10)
		for n := 0; ; n++ {
			err := stream.Submit(flooding, consign.Submission{
				Result: consign.Result{Source: "flood", ID: fmt.Sprint(n), Data: fmt.Appendf(nil, `{"n":%d,"text":%q}`, n, text)},
				Committed: func(receipt consign.Receipt, err error) {
					if err == nil && receipt.Delivered() {
						committed.Add(1)
					}
				},
			})
			if err != nil {
				ended <- err
				return
			}
			submitted.Add(1)
		}
	}()
	s.eventually(func() bool { return submitted.Load() == most }, "the source is held up")
	require.NoError(t, stream.Flush(s.ctx))
	s.eventually(func() bool { return len(s.sinks["well"].took()) >= most }, "the sink that is well has what there is")
	full := func() bool { return submitted.Load() == most && committed.Load() == 0 }
	s.stays(h, full, "the source is held up")
	before := heap()
	s.stays(h, full, "the source is held up")
	s.stays(h, full, "the source is held up")
	require.Less(t, heap(), before+32<<20)

	h.heal()
	s.eventually(func() bool { return submitted.Load() > 2*most }, "the stream goes on")
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.NoError(t, stream.Wait(s.ctx))
	require.Equal(t, submitted.Load(), committed.Load())
	require.EqualValues(t, submitted.Load(), h.took())
	require.NoError(t, stream.Close(s.ctx))
}

// heap is what is in use of it.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestBackPressure_ASinkThatNeverAnswers_LeavesMessagesInTheStreamOfNATS_AndAllGoesOnWhenItHeals(t *testing.T) {
	t.Parallel()
	b, h := newBroker(t), newHanging(t)
	// A consumer that would give more: what holds the source back is its max_open alone.
	_, err := b.js.CreateConsumer(t.Context(), "DETECTIONS", jetstream.ConsumerConfig{
		Durable: "consign", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 100_000,
	})
	require.NoError(t, err)
	const most, messages = 40, 120
	for n := range messages {
		b.publish(fmt.Sprintf(`{"n":%d}`, n), "Nats-Msg-Id", fmt.Sprint(n))
	}
	s := perform(t, b.reads(fmt.Sprintf(", max_open: %d", most), h.sinks()))
	s.eventually(func() bool { return b.state().NumAckPending == most }, "as many are read as may be open")
	s.stays(h, func() bool {
		state := b.state()
		return state.NumAckPending == most && state.NumPending == messages-most
	}, "what else there is stays in the stream")
	b.publish(`{"n":"late"}`, "Nats-Msg-Id", "late")
	h.heal()
	s.acked(b, messages+1)
	require.Equal(t, messages+1, h.took())
}

func TestBackPressure_ASinkThatNeverAnswers_IsToldOverHTTP_UntilItHeals(t *testing.T) {
	t.Parallel()
	h := newHanging(t)
	s := perform(t, h.sinks())
	settings := s.config.HTTP
	settings.Listen = "127.0.0.1:0"
	server, err := source.Listen(s.ctx, source.Options{
		Config: settings, Registry: prometheus.NewRegistry(), Log: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)),
	})
	require.NoError(t, err)
	const most = 10
	stream, err := s.client.NewSubmitter(consign.SubmitterOptions{MaxOpen: most})
	require.NoError(t, err)
	server.Open(stream, func(context.Context) (string, error) { return "", nil })
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, server.Stop(ctx))
		require.NoError(t, stream.Close(ctx))
	})
	post := func(n int) (status int, retryAfter string) {
		request, err := http.NewRequestWithContext(s.ctx, http.MethodPost, server.URL()+"/v1/results",
			strings.NewReader(fmt.Sprintf(`{"source":"flood","id":"%d","data":1}`, n)))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode, response.Header.Get("Retry-After")
	}
	for n := range most {
		status, _ := post(n)
		require.Equal(t, http.StatusAccepted, status)
	}
	status, retryAfter := post(most)
	require.Equal(t, http.StatusTooManyRequests, status)
	require.NotEmpty(t, retryAfter)
	h.heal()
	s.eventually(func() bool {
		status, _ := post(most)
		return status == http.StatusAccepted
	}, "there is room")
	require.NoError(t, stream.Wait(s.ctx))
	require.Equal(t, most+1, h.took())
}
