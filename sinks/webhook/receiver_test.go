package webhook

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/sinktest"
)

const (
	key      = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	password = "B0DEADBEEF0" // stands in the URL, as Slack's does
	bearer   = "xoxb-token-of-header"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// request is one request as a receiver got it.
type request struct {
	header http.Header
	body   []byte
}

// receiver is an HTTP server that checks signatures with the Standard Webhooks library and keeps
// what it took.
type receiver struct {
	*httptest.Server
	answer func(http.ResponseWriter, *http.Request, consign.Result)

	mu       sync.Mutex
	requests []request
	taken    []sinktest.Received
}

// receive starts a receiver that gives these answers, and 200 without one.
func receive(t *testing.T, answer func(http.ResponseWriter, *http.Request, consign.Result)) *receiver {
	t.Helper()
	r := newReceiver(t, answer)
	r.Start()
	t.Cleanup(r.Close)
	return r
}

// newReceiver returns one that is yet to be started.
func newReceiver(t *testing.T, answer func(http.ResponseWriter, *http.Request, consign.Result)) *receiver {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(key)
	require.NoError(t, err)
	r := &receiver{answer: answer}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		if req.Header.Get("webhook-signature") != "" {
			if err := verifier.Verify(body, req.Header); err != nil {
				http.Error(w, err.Error(), http.StatusTeapot)
				return
			}
		}
		var result consign.Result
		if err := json.Unmarshal(body, &result); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return
		}
		r.mu.Lock()
		r.requests = append(r.requests, request{req.Header, body})
		r.mu.Unlock()
		status := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		if r.answer != nil {
			r.answer(status, req, result)
		}
		if status.status == http.StatusOK {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.taken = append(r.taken, sinktest.Received{DeliveryID: req.Header.Get("webhook-id"), Result: result})
		}
	}))
	return r
}

func (r *receiver) address() string { return r.URL + "/services/" + password + "?key=" + password }

func (r *receiver) got() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// always answers each request with one status, header and body.
func always(status int, body string, header ...string) func(http.ResponseWriter, *http.Request, consign.Result) {
	return func(w http.ResponseWriter, _ *http.Request, _ consign.Result) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func open(t *testing.T, address string) *Sink {
	t.Helper()
	sink, err := New(Config{
		URL:     address,
		Secret:  config.NewSecret(key),
		Headers: map[string]config.Secret{"Authorization": config.NewSecret("Bearer " + bearer)},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sink.Close(t.Context())) })
	return sink
}

func delivery(data string) sinks.Delivery {
	result := consign.Result{Source: "scanner", ID: "finding-1", Data: json.RawMessage(data)}
	return sinks.Delivery{
		ID:     consign.DeliveryID(result.Source, result.ID, "hook"),
		Result: result, First: time.Now(), Attempt: 1,
	}
}

// attempt delivers one result.
func attempt(t *testing.T, sink *Sink, d sinks.Delivery) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	errs := sink.Deliver(ctx, []sinks.Delivery{d})
	require.Len(t, errs, 1)
	return errs[0]
}

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

// refused is what an error says about itself, once it is sure that it holds no secret.
func refused(t *testing.T, err error) sinks.Failure {
	t.Helper()
	require.Error(t, err)
	failure := sinks.Classify(err)
	for _, secret := range []string{password, bearer, key} {
		require.NotContains(t, err.Error(), secret)
		require.NotContains(t, failure.Message, secret)
		require.NotContains(t, failure.Label, secret)
	}
	return failure
}
