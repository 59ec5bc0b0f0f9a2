package main

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector takes traces and metrics as an OpenTelemetry collector does.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	spans   []*tracepb.Span
	metrics map[string]bool
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{metrics: map[string]bool{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(r.Body); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
		content, _ := io.ReadAll(body)
		c.mu.Lock()
		defer c.mu.Unlock()
		switch r.URL.Path {
		case "/v1/traces":
			var in collectortrace.ExportTraceServiceRequest
			_ = proto.Unmarshal(content, &in)
			for _, of := range in.GetResourceSpans() {
				for _, scope := range of.GetScopeSpans() {
					c.spans = append(c.spans, scope.GetSpans()...)
				}
			}
		case "/v1/metrics":
			var in collectormetrics.ExportMetricsServiceRequest
			_ = proto.Unmarshal(content, &in)
			for _, of := range in.GetResourceMetrics() {
				for _, scope := range of.GetScopeMetrics() {
					for _, one := range scope.GetMetrics() {
						c.metrics[one.GetName()] = true
					}
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// of a trace, by what they are called and in that order.
func (c *collector) of(trace string) []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []*tracepb.Span
	for _, span := range c.spans {
		if hex.EncodeToString(span.GetTraceId()) == trace {
			found = append(found, span)
		}
	}
	slices.SortStableFunc(found, func(a, b *tracepb.Span) int { return strings.Compare(a.GetName(), b.GetName()) })
	return found
}

func (c *collector) names(trace string) (names []string) {
	for _, span := range c.of(trace) {
		names = append(names, span.GetName())
	}
	return names
}

// traced answers with a status that a test sets, and keeps the trace contexts that requests bring.
type traced struct {
	*receiver
	mu           sync.Mutex
	came, states []string
}

func newTraced(t *testing.T, status int32) *traced {
	t.Helper()
	r := &traced{receiver: newReceiver(t, status)}
	inner := r.Config.Handler
	r.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		r.came, r.states = append(r.came, request.Header.Get("traceparent")), append(r.states, request.Header.Get("tracestate"))
		r.mu.Unlock()
		inner.ServeHTTP(w, request)
	})
	return r
}

func TestTelemetry_TheTraceOfOneResult_OverTwoSinks_IsOneTree(t *testing.T) {
	t.Parallel()
	c, hook := newCollector(t), newTraced(t, http.StatusBadRequest)
	file := filepath.Join(t.TempDir(), "results.ndjson")
	settings := "sinks:\n  archive: {file: {path: '" + file + "'}}\n  hook: {webhook: {url: '" + hook.URL + "'}}\n"
	u := &up{process: beginIn(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL, "OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_METRIC_EXPORT_INTERVAL=200"},
		"up", "--ephemeral", "--headless", "--port", "-1", "--json", "--config", write(t, "consign.yaml", settings))}
	require.NoError(t, json.Unmarshal([]byte(u.line(t)), &u.ready))

	const trace, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	send := func(traceparent string) string {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u.HTTP+"/v1/results?wait=committed", strings.NewReader(`{"source":"s","id":"1","data":{}}`))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("traceparent", traceparent)
		request.Header.Set("tracestate", "vendor=kept")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		content, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode, "%s", content)
		return string(content)
	}
	require.Contains(t, send("00-"+trace+"-"+caller+"-01"), "dead-letter/hook/")
	require.Contains(t, send("00-5bf92f3577b34da6a3ce929d0e0e4736-"+caller+"-01"), `"duplicate":true`, "a trace is no part of what a result is")
	hook.status.Store(http.StatusOK)
	require.Equal(t, 0, u.run(t, "", "dead-letters", "replay", u.listed(t, 1)[0], "--wait").code)

	want := []string{"deliver to archive", "deliver to hook", "deliver to hook", "park for hook", "submit"}
	require.Eventually(t, func() bool { return slices.Equal(want, c.names(trace)) }, patience, 50*time.Millisecond, "%v", c.names(trace))
	spans := c.of(trace)
	submit := spans[len(spans)-1]
	require.Equal(t, caller, hex.EncodeToString(submit.GetParentSpanId()))
	var requests []string
	failed := 0
	for _, span := range spans[:len(spans)-1] {
		require.Equal(t, submit.GetSpanId(), span.GetParentSpanId(), span.GetName())
		if span.GetName() == "deliver to hook" {
			requests = append(requests, "00-"+trace+"-"+hex.EncodeToString(span.GetSpanId())+"-01")
			if span.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR {
				failed++
				require.Contains(t, span.GetStatus().GetMessage(), "400")
			}
		}
	}
	require.Equal(t, 1, failed)
	hook.mu.Lock()
	defer hook.mu.Unlock()
	require.ElementsMatch(t, requests, hook.came, "each request brings the context of its attempt")
	require.Equal(t, []string{"vendor=kept", "vendor=kept"}, hook.states)
	require.Equal(t, []string{"submit"}, c.names("5bf92f3577b34da6a3ce929d0e0e4736"), "it was known already, and delivered in the first one's trace")

	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.metrics["consign_deliveries_total"] && c.metrics["consign_delivery_seconds"] && c.metrics["consign_dead_letters"] &&
			c.metrics["temporal_request_total"] && c.metrics["service_requests_total"]
	}, patience, 50*time.Millisecond, "the metrics come by OTLP too")
}

func TestTelemetry_FromTheCommandLine_ATraceGoesOn_AndNothingIsSentUnasked(t *testing.T) {
	t.Parallel()
	hook := newTraced(t, http.StatusOK)
	u := startUp(t, hook.asSink(), "--ephemeral", "--headless")
	const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	p := beginIn(t, []string{"TRACEPARENT=" + traceparent, "TRACESTATE=vendor=kept"}, "submit", "--address", u.Address, "--source", "test", "--wait", write(t, "one.json", `{"n":1}`))
	require.Equal(t, 0, p.exit(t, patience))
	require.Equal(t, 0, u.run(t, `{"n":2}`, "submit", "--source", "test", "--wait").code)
	hook.mu.Lock()
	defer hook.mu.Unlock()
	require.Equal(t, []string{traceparent, ""}, hook.came)
	require.Equal(t, []string{"vendor=kept", ""}, hook.states)
}

func TestTelemetry_WhenItIsAskedForWrongly_IsOneLine(t *testing.T) {
	t.Parallel()
	p := beginIn(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL=carrier-pigeon"}, "worker")
	require.Equal(t, 2, p.exit(t, patience))
	require.Contains(t, p.messages.String(), "OTEL_EXPORTER_OTLP_PROTOCOL: grpc and http/protobuf are spoken")
}
