// Package nats publishes each result to a stream of NATS JetStream, and takes it for delivered once
// the stream has acknowledged it.
//
//	sinks:
//	  alerts:
//	    nats:
//	      url: nats://nats-1.example.com:4222,nats://nats-2.example.com:4222
//	      subject: detections.edr
//	      incident_subject: detections.incidents
//	      user: consign
//	      password: ${NATS_PASSWORD}
//	      tls: {server_name: nats.example.com}
//	    incidents: true
//
// # The message
//
// The body is the data of the result, as it was submitted. The header Nats-Msg-Id holds the delivery
// id, the same on every retry and on a replay: the stream drops what it has already had within its
// duplicate window (two minutes, unless the stream says otherwise), and so reports it as delivered.
//
// Around the body stand the attributes of a CloudEvent in binary mode: ce-specversion, ce-id,
// ce-source, ce-type ("consign.result" for a result without a type), ce-time and ce-subject where the
// result has them, and ce-datacontenttype. Their values are percent-escaped as the HTTP binding of
// CloudEvents says: blanks, the characters " and %, and what is not printable ASCII.
//
// With a format, the body is the whole document, and of the headers Nats-Msg-Id is left, with
// Content-Type: application/cloudevents+json tells that the body is a CloudEvent in structured mode;
// ndjson and ocsf are application/json.
//
// # The stream
//
// A person creates the stream, since how long it keeps messages, and how many copies of them, is not
// for a sink to say: nats stream add. While no stream takes the subject, deliveries fail and are
// retried. So do those that the server's permissions forbid: what is wrong is not the result, and
// once someone has put it right everything flows.
//
// A message is refused for good when it is larger than the server's max_payload or the stream's
// maximum message size. NATS takes 1 MiB by default, headers included, so the largest results that
// Consign takes, of 1 MiB themselves, need max_payload: 2MB.
//
// # The connection
//
// It is made with the first delivery, and again whenever it is lost, without end. A delivery waits a
// second for it before it fails.
package nats

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
)

// Kind makes the sink known to the configuration.
func Kind() config.Kind {
	return config.Kind{
		Name:    "nats",
		Summary: "a stream of NATS JetStream: one acknowledged message per result, its delivery id as Nats-Msg-Id",
		Network: true,
		New:     func() config.Settings { return &Config{} },
	}
}

// Config are the sink's settings.
type Config struct {
	Server `yaml:",inline"`

	// Subject to publish to. A stream has to take it. Required.
	Subject string `yaml:"subject"`
	// IncidentSubject is the subject for results of type "incident", which reach only sinks with
	// "incidents: true". Default: Subject.
	IncidentSubject string `yaml:"incident_subject"`
	// Format of the body: ndjson, ocsf or cloudevents, see package formats. Default: the data alone, under
	// the attributes of a CloudEvent in headers.
	Format formats.Format `yaml:"format"`
}

var _ sinks.Settings = (*Config)(nil)

// SetDefaults fills in what is left out.
func (c *Config) SetDefaults() {
	if c.IncidentSubject == "" {
		c.IncidentSubject = c.Subject
	}
	c.Server.SetDefaults()
}

// Open returns the sink. Nothing is connected to before the first delivery, so that a server that is
// away keeps no worker from starting.
func (c *Config) Open(context.Context, string) (sinks.Sink, error) { return New(*c) }

// Sink publishes results to one subject, and incidents to another.
type Sink struct {
	settings   Config
	connection *Connection
}

// New returns a sink with these settings, or everything that [Config.Validate] finds wrong.
func New(c Config) (*Sink, error) {
	c.SetDefaults()
	var problems []error
	c.Validate(func(field, problem string) {
		problems = append(problems, fmt.Errorf("nats.%s: %s", field, problem))
	})
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	connection, err := c.Connection()
	if err != nil {
		return nil, fmt.Errorf("nats.%w", err)
	}
	return &Sink{settings: c, connection: connection}, nil
}

// Deliver publishes the whole batch, then waits for the acknowledgement of each message. When ctx
// ends first, what is not yet acknowledged is reported as failed, though the stream may still take it.
func (s *Sink) Deliver(ctx context.Context, batch []sinks.Delivery) []error {
	if len(batch) == 0 {
		return nil
	}
	refusals, forget := s.connection.refusals.listen()
	defer forget()
	stream, err := s.connection.Up(ctx)
	if err != nil {
		return sinks.All(batch, fmt.Errorf("publish to %s: %w", s.settings.Subject, err))
	}

	errs := make([]error, len(batch))
	published := s.publish(ctx, stream, batch)
	wait := waiting{ctx: ctx, refusals: refusals}
	for i, d := range batch {
		subject := s.settings.subjectOf(d)
		if size, err := wait.acknowledged(published, subject); err != nil {
			errs[i] = s.connection.explain(subject, size, err)
		}
	}
	return errs
}

// publication is what became of handing one message to the connection.
type publication struct {
	ack  jetstream.PubAckFuture
	size int // of the body, in bytes
	err  error
}

// publish hands one message after the other to the connection, which keeps their order. It has a
// goroutine of its own, since a server that reads nothing holds up a write until writeTimeout.
func (s *Sink) publish(ctx context.Context, stream jetstream.JetStream, batch []sinks.Delivery) <-chan publication {
	published := make(chan publication, len(batch))
	go func() {
		for _, d := range batch {
			var p publication
			if p.err = ctx.Err(); p.err == nil {
				p = s.publishOne(stream, d)
			}
			published <- p
		}
	}()
	return published
}

func (s *Sink) publishOne(stream jetstream.JetStream, d sinks.Delivery) publication {
	message, err := s.settings.message(d)
	if err != nil {
		return publication{err: err}
	}
	ack, err := stream.PublishMsgAsync(message)
	return publication{ack: ack, size: len(message.Data), err: err}
}

func (c *Config) subjectOf(d sinks.Delivery) string {
	if d.Result.Type == consign.IncidentType {
		return c.IncidentSubject
	}
	return c.Subject
}

// Close closes the connection.
func (s *Sink) Close(ctx context.Context) error {
	if err := s.connection.Close(ctx); err != nil {
		return fmt.Errorf("close the sink to %s: %w", s.settings.Subject, err)
	}
	return nil
}
