package otlp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/otlp"
	"github.com/consign-dev/consign/sinks/sinktest"
)

const (
	overGRPC = "otlp"
	overHTTP = "otlphttp"

	secret = "B0DEADBEEF0-api-key"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counterpart is a receiver of logs in this process, over gRPC or HTTP, which can go away and come back. It
// reads requests and writes answers by the collector's own code for them (pdata), which is of other hands
// than what the sink writes by.
type counterpart struct {
	scheme, address string
	security        *tls.Config
	limit           int // of a request, in bytes; 0: 4 MiB

	mu       sync.Mutex
	stop     func()
	requests []request
	taken    []plog.LogRecord
	answer   func(context.Context, request) answer
}

// request is what arrived.
type request struct {
	logs     plog.Logs
	headers  map[string][]string // as they came over HTTP, in lower case over gRPC
	encoding string
	wire     []byte // over HTTP: the body as it came
	address  string // who sent it
	path     string
}

// answer of the counterpart. The zero value is success.
type answer struct {
	rejected int64 // of the records; what of them is taken is up to whoever answers
	message  string

	code    *status.Status                               // over gRPC
	replace func(w http.ResponseWriter, r *http.Request) // over HTTP
}

// serve starts a receiver by the scheme of its URL.
func serve(t *testing.T, scheme string, change ...func(*counterpart)) *counterpart {
	t.Helper()
	c := &counterpart{scheme: scheme, address: "127.0.0.1:0"}
	for _, f := range change {
		f(c)
	}
	c.start(t)
	t.Cleanup(c.goAway)
	return c
}

// start listens at the address that it has had before, if any.
func (c *counterpart) start(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", c.address)
	require.NoError(t, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.address = listener.Addr().String()
	var served sync.WaitGroup
	if c.scheme == overHTTP || c.scheme == overHTTP+"s" {
		server := &http.Server{Handler: http.HandlerFunc(c.serveHTTP), TLSConfig: c.security, ErrorLog: log.New(io.Discard, "", 0)}
		served.Go(func() {
			if c.security != nil {
				_ = server.ServeTLS(listener, "", "")
			} else {
				_ = server.Serve(listener)
			}
		})
		c.stop = func() { _ = server.Close(); served.Wait() }
		return
	}
	options := []grpc.ServerOption{grpc.StatsHandler(encodings{})}
	if c.limit != 0 {
		options = append(options, grpc.MaxRecvMsgSize(c.limit))
	}
	if c.security != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(c.security)))
	}
	server := grpc.NewServer(options...)
	plogotlp.RegisterGRPCServer(server, &logsService{counterpart: c})
	served.Go(func() { _ = server.Serve(listener) })
	c.stop = func() { server.Stop(); served.Wait() }
}

// goAway stops listening and cuts every connection.
func (c *counterpart) goAway() {
	c.mu.Lock()
	stop := c.stop
	c.stop = nil
	c.mu.Unlock()
	if stop != nil {
		stop()
	}
}

func (c *counterpart) url() string { return c.scheme + "://" + c.address }

// answers has every request answered so from now on; nil: taken.
func (c *counterpart) answers(how func(context.Context, request) answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = how
}

// handle keeps a request, and its records unless the answer is one that says they were not taken.
func (c *counterpart) handle(ctx context.Context, r request) answer {
	c.mu.Lock()
	c.requests = append(c.requests, r)
	how := c.answer
	c.mu.Unlock()
	var a answer
	if how != nil {
		a = how(ctx, r)
	}
	if a.code == nil && a.replace == nil && a.rejected == 0 {
		c.take(records(r.logs)...)
	}
	return a
}

func (c *counterpart) take(records ...plog.LogRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = append(c.taken, records...)
}

// logsService is the receiver over gRPC.
type logsService struct {
	plogotlp.UnimplementedGRPCServer
	*counterpart
}

func (s *logsService) Export(ctx context.Context, received plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	headers, _ := metadata.FromIncomingContext(ctx)
	seen := ctx.Value(encodings{}).(*stats.InHeader)
	a := s.handle(ctx, request{logs: received.Logs(), headers: headers, encoding: seen.Compression, address: seen.RemoteAddr.String()})
	return a.response(), a.code.Err()
}

// encodings tells the handler how a request was compressed, which gRPC otherwise keeps to itself.
type encodings struct{}

func (encodings) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, encodings{}, new(stats.InHeader))
}

func (encodings) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if header, ok := event.(*stats.InHeader); ok {
		*ctx.Value(encodings{}).(*stats.InHeader) = *header
	}
}
func (encodings) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (encodings) HandleConn(context.Context, stats.ConnStats)                       {}

// serveHTTP is the receiver over HTTP.
func (c *counterpart) serveHTTP(w http.ResponseWriter, r *http.Request) {
	wire, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	body := wire
	if r.Header.Get("Content-Encoding") == "gzip" {
		reader, err := gzip.NewReader(bytes.NewReader(wire))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if body, err = io.ReadAll(reader); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	if c.limit != 0 && len(body) > c.limit {
		http.Error(w, "http: request body too large", http.StatusRequestEntityTooLarge)
		return
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "415 unsupported media type", http.StatusUnsupportedMediaType)
		return
	}
	received := plogotlp.NewExportRequest()
	if err := received.UnmarshalProto(body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a := c.handle(r.Context(), request{
		logs: received.Logs(), headers: r.Header, encoding: r.Header.Get("Content-Encoding"), wire: wire, address: r.RemoteAddr, path: r.URL.Path,
	})
	if a.replace != nil {
		a.replace(w, r)
		return
	}
	said, err := a.response().MarshalProto()
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(said)
}

func (a answer) response() plogotlp.ExportResponse {
	response := plogotlp.NewExportResponse()
	response.PartialSuccess().SetRejectedLogRecords(a.rejected)
	response.PartialSuccess().SetErrorMessage(a.message)
	return response
}

// records of a request, in order.
func records(logs plog.Logs) []plog.LogRecord {
	var all []plog.LogRecord
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				all = append(all, record)
			}
		}
	}
	return all
}

// seen are the requests so far.
func (c *counterpart) seen() []request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// received is what was taken, in the suite's form.
func (c *counterpart) received(t *testing.T) []sinktest.Received {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []sinktest.Received
	for _, record := range c.taken {
		all = append(all, read(t, record))
	}
	return all
}

// read undoes what the sink has made of a result.
func read(t *testing.T, record plog.LogRecord) sinktest.Received {
	t.Helper()
	data := []byte(record.Body().Str())
	if record.Body().Str() == "" {
		data = record.Body().Bytes().AsRaw()
	}
	result := consign.Result{
		ID: text(record, "cloudevents.event_id"), Source: text(record, "cloudevents.event_source"),
		Type: text(record, "cloudevents.event_type"), Subject: text(record, "cloudevents.event_subject"), Data: data,
	}
	if record.Timestamp() != 0 {
		result.Time = record.Timestamp().AsTime()
	}
	return sinktest.Received{DeliveryID: text(record, "log.record.uid"), Result: result}
}

// text is an attribute of a record; empty if it has none.
func text(record plog.LogRecord, name string) string {
	value, _ := record.Attributes().Get(name)
	return value.Str()
}

// ids of the results in a request.
func ids(r request) []string {
	var all []string
	for _, record := range records(r.logs) {
		all = append(all, text(record, "cloudevents.event_id"))
	}
	return all
}

// open returns a sink that exports to the counterpart.
func (c *counterpart) open(t *testing.T, change ...func(*otlp.Config)) *otlp.Sink {
	t.Helper()
	settings := otlp.Config{URL: c.url(), Headers: map[string]config.Secret{"x-api-key": config.NewSecret(secret)}}
	for _, f := range change {
		f(&settings)
	}
	sink, err := otlp.New(settings)
	require.NoError(t, err)
	t.Cleanup(func() { _ = sink.Close(context.Background()) })
	return sink
}

// deliver gives a delivery the time that it has with a slow machine.
func deliver(t *testing.T, sink sinks.Sink, batch []sinks.Delivery) []error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	errs := sink.Deliver(ctx, batch)
	if errs == nil {
		errs = make([]error, len(batch))
	}
	require.Len(t, errs, len(batch))
	return errs
}

func requireDelivered(t *testing.T, sink sinks.Sink, batch []sinks.Delivery) {
	t.Helper()
	for _, err := range deliver(t, sink, batch) {
		require.NoError(t, err)
	}
}

// deliverAtLast retries, as Consign does, what a receiver that comes back does not take at once.
func deliverAtLast(t *testing.T, sink sinks.Sink, batch []sinks.Delivery) {
	t.Helper()
	require.Eventually(t, func() bool {
		return !slices.ContainsFunc(deliver(t, sink, batch), func(err error) bool { return err != nil })
	}, time.Minute, 20*time.Millisecond)
}

// requireFailed returns the failure of a delivery of one result.
func requireFailed(t *testing.T, err error) sinks.Failure {
	t.Helper()
	require.Error(t, err)
	require.NotContains(t, err.Error(), secret)
	return sinks.Classify(err)
}

// everywhere runs a test over gRPC and over HTTP.
func everywhere(t *testing.T, test func(t *testing.T, scheme string)) {
	t.Helper()
	for _, scheme := range []string{overGRPC, overHTTP} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			test(t, scheme)
		})
	}
}

// refuse has every request answered by a code of gRPC, or over HTTP by a status with the same message.
func (c *counterpart) refuse(code codes.Code, httpStatus int, message string) {
	c.answers(func(context.Context, request) answer { return c.refusal(code, httpStatus, message) })
}

func (c *counterpart) refusal(code codes.Code, httpStatus int, message string) answer {
	if c.scheme == overGRPC {
		return answer{code: status.New(code, message)}
	}
	return answer{replace: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, message, httpStatus) }}
}

// hang has every request wait until release is called, though the one who asked is gone: the deadline travels
// with a request over gRPC, and an answer by it may come before the client's own clock has it.
func (c *counterpart) hang() (release func()) {
	released := make(chan struct{})
	c.answers(func(context.Context, request) answer {
		<-released
		return c.refusal(codes.Unavailable, http.StatusServiceUnavailable, "hung")
	})
	return sync.OnceFunc(func() { close(released); c.answers(nil) })
}
