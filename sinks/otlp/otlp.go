// Package otlp exports results as log records by the OpenTelemetry protocol, over gRPC or HTTP, to a
// collector or whatever else receives OTLP logs.
//
//	sinks:
//	  observability:
//	    otlp:
//	      url: otlps://collector.example.com:4317
//	      headers: {x-api-key: "${OTLP_KEY}"}
//	      resource: {service.name: detections, deployment.environment.name: production}
//	      tls: {server_name: collector.internal}
//	    incidents: true
//
// # The URL
//
// Its scheme says both which of the two ways is spoken and whether TLS secures it, as nats:// and tls://
// do for NATS: otlp and otlps are gRPC, otlphttp and otlphttps are HTTP with protobuf. One setting that
// says it all cannot contradict itself, as an http:// in front of the port of gRPC with a setting
// "protocol" beside it can. The ports are 4317 for gRPC and 4318 for HTTP where the URL names none. Over
// HTTP, requests go to /v1/logs below the path of the URL.
//
// # The record
//
// A batch is one export request, and each result one log record in it:
//
//	body                      the data, as it was submitted
//	attributes
//	  log.record.uid          the delivery id, the same on every retry and on a replay
//	  cloudevents.event_id, cloudevents.event_source, and where the result has them
//	  cloudevents.event_type, cloudevents.event_subject
//	time_unix_nano            the time of the result; none, and one before 1970, is 0: unknown
//	observed_time_unix_nano   when the first attempt was due
//	severity_number, _text    what the data says of itself, in its own word
//
// The names of attributes are OpenTelemetry's own, and records of one log.record.uid are duplicates by
// its definition. The body is a string: as a tree of values it would lose the order of keys, keys that
// are there twice, and how numbers and characters are spelled. A receiver that wants a tree parses it,
// the collector with ParseJSON. What is not UTF-8, which a string must be, is bytes. Severities follow
// OpenTelemetry's table for syslog: informational is INFO, low INFO2 (notice), medium WARN, high ERROR,
// critical ERROR2, fatal FATAL; where the data does not say, there is none.
//
// A retry of the same batch sends the same bytes.
//
// # The answer
//
// A receiver may take a part of a request, and says how many records it has rejected, but not which. So
// after that, and after any other refusal that is for good, each result of the batch is exported by
// itself: what is rejected then is parked, alone. What had been taken before is sent a second time
// by this, with the same log.record.uid. A warning that comes with full success changes nothing.
//
// What fails transiently is what the specification calls retryable: the codes Canceled,
// DeadlineExceeded, Aborted, OutOfRange, Unavailable and DataLoss of gRPC, the statuses 429, 502, 503
// and 504 of HTTP, and every request that is not answered at all. RetryInfo and Retry-After say when to
// come back. The specification would have all else dropped; here it is parked if it is about the
// result, and retried if it is about the receiver or these settings, as someone will put that right and
// then everything flows: a login or permission that is missing (Unauthenticated, PermissionDenied; 401,
// 403, 407), a place where nobody takes logs (Unimplemented, NotFound; 404, 405, 415, redirects, which
// are never followed), a quota that is used up (ResourceExhausted, with RetryInfo or without), and
// 408 and 425. Unknown, Internal and 500 are parked, since a collector answers so when a record can not
// be processed; "transient: [500]" of the sink says otherwise.
//
// A request that is larger than the receiver takes is parked, if it is of one result. Nothing is
// repeated behind Consign's back: the retries of the gRPC library are off.
//
// # The connection
//
// It is made with the first delivery, again when it is lost, and let go of when it is not used. Proxies
// are those of HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
//
// # What the tests cannot show
//
// They run against servers of gRPC and HTTP in the same process that read requests and write answers by
// the code that the collector has for that, its module pdata. Its receiver itself would raise versions
// of other modules, and was tried by hand: to otlpreceiver v0.158.0 real results went byte for byte, over
// both ways, and what its pipeline refuses had the classes above. Nothing is shown of receivers of other
// makers.
package otlp

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// sideBySide is the most requests of one batch under way at once, when its results go one by one.
const sideBySide = 8

// Kind makes the sink known to the configuration.
func Kind() config.Kind {
	return config.Kind{
		Name:    "otlp",
		Summary: "a receiver of OpenTelemetry logs, over gRPC or HTTP: one log record per result",
		Network: true,
		New:     func() config.Settings { return &Config{} },
	}
}

// Config are the sink's settings.
type Config struct {
	// URL of the receiver: otlp://HOST:PORT in clear and otlps://HOST:PORT with TLS over gRPC,
	// otlphttp://HOST:PORT/PATH and otlphttps://HOST:PORT/PATH over HTTP, where /v1/logs is added to the
	// path. The port is 4317 for gRPC and 4318 for HTTP where it is left out. Required.
	URL string `yaml:"url"`
	// Headers are sent with each request, as metadata over gRPC. Their values are never shown.
	// Default: none.
	Headers map[string]config.Secret `yaml:"headers"`
	// Compression of requests: gzip or none. Default gzip.
	Compression string `yaml:"compression"`
	// Resource holds the attributes of the resource that all records belong to, as texts. Default:
	// service.name, which is "consign" unless it is set here.
	Resource map[string]string `yaml:"resource"`
	// TLS says whom to trust and how to be known, for otlps and otlphttps. Default: the system's
	// authorities, and not at all.
	TLS *sinks.TLS `yaml:"tls"`
}

var _ sinks.Settings = (*Config)(nil)

// SetDefaults fills in what is left out.
func (c *Config) SetDefaults() {
	if c.Compression == "" {
		c.Compression = gzipped
	}
}

// Open returns the sink. Nothing is connected to before the first delivery, so that a receiver that is
// away keeps no worker from starting.
func (c *Config) Open(context.Context, string) (sinks.Sink, error) { return New(*c) }

// exporter carries requests to a receiver.
type exporter interface {
	// export returns the answer of a receiver that has taken the request, or a part of it.
	export(ctx context.Context, request *collector.ExportLogsServiceRequest) (*collector.ExportLogsServiceResponse, error)
	close() error
}

// Sink exports results to one receiver.
type Sink struct {
	receiver receiver
	envelope envelope
	exporter exporter
	closed   atomic.Bool
}

// New returns a sink with these settings, or everything that [Config.Validate] finds wrong.
func New(c Config) (*Sink, error) {
	c.SetDefaults()
	var problems []error
	c.Validate(func(field, problem string) {
		problems = append(problems, fmt.Errorf("otlp.%s: %s", field, problem))
	})
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	at, err := readURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("otlp.url: %w", err)
	}
	security, err := c.security(at)
	if err != nil {
		return nil, fmt.Errorf("otlp.%w", err)
	}
	s := &Sink{
		receiver: receiver{name: at.name(), hide: hider(at, c.Headers), uncertified: at.secure && (c.TLS == nil || c.TLS.ClientCert == "")},
		envelope: newEnvelope(c.Resource),
	}
	if at.http {
		s.exporter = newOverHTTP(c, at, security, s.receiver)
		return s, nil
	}
	if s.exporter, err = newOverGRPC(c, at, security, s.receiver); err != nil {
		return nil, fmt.Errorf("otlp: %w", err)
	}
	return s, nil
}

// Deliver exports the batch as one request, and its results one by one if the receiver refuses it or a
// part of it for good. When ctx ends before an answer, what is not answered is reported as failed, though
// the receiver may have taken it.
func (s *Sink) Deliver(ctx context.Context, batch []sinks.Delivery) []error {
	if len(batch) == 0 {
		return nil
	}
	err := s.export(ctx, batch)
	if len(batch) == 1 || !sinks.Classify(err).Permanent {
		return sinks.All(batch, err)
	}
	errs := make([]error, len(batch))
	var exports errgroup.Group
	exports.SetLimit(sideBySide)
	for i := range batch {
		exports.Go(func() error {
			errs[i] = s.export(ctx, batch[i:i+1])
			return nil // one result's failure must not stop the others
		})
	}
	_ = exports.Wait()
	return errs
}

// export sends one request. It fails unless the receiver has taken all of it.
func (s *Sink) export(ctx context.Context, batch []sinks.Delivery) error {
	if s.closed.Load() {
		return s.receiver.failed(sinks.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return s.receiver.unanswered(ctx, err)
	}
	answer, err := s.exporter.export(ctx, s.envelope.around(batch))
	if err != nil {
		return err
	}
	if rejected := answer.GetPartialSuccess(); rejected.GetRejectedLogRecords() > 0 {
		return s.receiver.rejected(rejected)
	}
	return nil
}

// Close closes the connection.
func (s *Sink) Close(context.Context) error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.exporter.close()
}
