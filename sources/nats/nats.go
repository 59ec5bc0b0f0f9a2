// Package nats reads results from a stream of NATS JetStream, and has each message acked by the workflow
// that delivers it.
//
//	sinks:
//	  archive: {file: {path: results.ndjson}}
//	sources:
//	  detections:
//	    nats:
//	      url: nats://nats-1.example.com:4222,nats://nats-2.example.com:4222
//	      stream: DETECTIONS
//	      durable: consign
//	      filter: [detections.edr, detections.ndr.>]
//	      deliver: new
//	      user: consign
//	      password: ${NATS_PASSWORD}
//
// # The ack
//
// A message is acked once its result is committed at every sink: by the workflow, at the message's reply
// subject. So the ack is as durable as the workflow. The process that read the message may be gone by then;
// any worker whose configuration has this source sends it, and waits until the server has said that it has it.
// A result that is rejected (unmatched: reject) has its message terminated, and is not delivered again.
//
// While a message is open, the process that has read it tells the server so, at half of ack_wait. When that
// process ends, the message comes again after ack_wait, to another process or to this one when it is back,
// and is submitted again with the same id. That finds the first one's workflow, delivers nothing twice, and
// has the message acked when that is committed. With a batch_max above 1 what comes again is delivered again,
// with the same delivery ids.
//
// # The message
//
// A message is one of these, and is told by its headers, then by its body:
//
//   - with the headers ce-id, ce-source, …: a CloudEvent in binary mode, whose body is the data, as the sink
//     nats publishes it;
//   - with Content-Type: application/cloudevents+json, or with "specversion" in its body: a CloudEvent in
//     structured mode;
//   - an object with "data" and with "source" or "id": Consign's envelope;
//   - any other JSON: the data alone.
//
// What brings no id gets that of id_field in its data, else its Nats-Msg-Id, else the name of the stream with
// the place and time of the message in it. All of these are the same when it comes again.
//
// What cannot be read so is parked as a dead letter under the sink name _none, with its bytes and the cause,
// and only then terminated; so is what cannot be submitted, since it is too large or its id is taken by
// other data.
//
// # Several processes
//
// All that name the same durable consumer share its messages, each of which goes to one of them: what NATS
// calls a queue group. The consumer is made by the first, or brought up to date; deliver counts only when it is
// made. A person creates the stream.
//
// # What is bounded
//
// A process holds at most max_open messages, of each its result's id and reply subject alone once Temporal has
// the result, and asks for no more than it has room for. All else waits in the stream.
package nats

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/nats"
)

// Kind makes the source known to the configuration.
func Kind() config.Kind {
	return config.Kind{
		Name:    "nats",
		Summary: "a stream of NATS JetStream: each message is acked once every sink has its result",
		Source:  true,
		New:     func() config.Settings { return &Settings{} },
	}
}

// Sources are the sources of this kind in a configuration. They ack from the start, and read between Start
// and Stop.
type Sources struct {
	byName map[string]*source
	all    []*source
	log    *zap.Logger
}

// source is one source.
type source struct {
	name       string
	settings   *Settings
	connection *nats.Connection
	held       *held
	metrics    *metrics
	facts      facts
	log        *zap.Logger
}

// New returns the sources of a configuration, whose metrics go to the registry. Nothing is connected to yet.
func New(c *config.Config, log *zap.Logger, registry prometheus.Registerer) (*Sources, error) {
	s := &Sources{byName: map[string]*source{}, log: log}
	if err := CheckShared(c); err != nil {
		return nil, err
	}
	metrics := newMetrics(registry)
	var problems []error
	for _, one := range c.Sources {
		settings, ok := one.Settings.(*Settings)
		if !ok {
			continue // of another kind
		}
		connection, err := settings.Connection()
		if err != nil {
			problems = append(problems, fmt.Errorf("sources.%s.nats.%s", one.Name, c.Redact(err.Error())))
			continue
		}
		own := &source{
			name: one.Name, settings: settings, connection: connection, metrics: metrics,
			held: newHeld(settings.MaxOpen, settings.AckWait), log: log.With(zap.String("source", one.Name)),
		}
		metrics.register(registry, own)
		s.byName[one.Name] = own
		s.all = append(s.all, own)
	}
	return s, errors.Join(problems...)
}

// Settle implements [activities.Settler].
func (s *Sources) Settle(ctx context.Context, target consign.NATSTarget, rejected bool) error {
	own := s.byName[target.Source]
	if own == nil {
		// Not for good: another worker may have it.
		return sinks.Label(fmt.Errorf("this worker's configuration has no source %q of kind nats to ack at", target.Source), "no such source")
	}
	verdict := acked
	if rejected {
		verdict = terminated
	}
	return own.settle(ctx, target.Subject, verdict)
}

// Reading is the reading of sources, which goes on until it is stopped.
type Reading struct {
	end     context.CancelFunc
	work    sync.WaitGroup
	readers []*reader
}

// Start begins to read every source, and to submit. The worker that delivers should have started. What has
// begun goes on until Stop, also when ctx is over.
func (s *Sources) Start(ctx context.Context, temporal client.Client) (*Reading, error) {
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	r := &Reading{end: end}
	for _, own := range s.all {
		reader, err := own.reader(temporal)
		if err != nil {
			end()
			return nil, errors.Join(fmt.Errorf("sources.%s.nats: %w", own.name, err), r.Stop(ctx))
		}
		r.readers = append(r.readers, reader)
	}
	for _, reader := range r.readers {
		r.work.Go(func() { reader.run(ctx) })
	}
	return r, nil
}

// Stop reads no more, gives back what is not stored in Temporal, and waits until all else is, or ctx is over.
// What is open is acked by its workflow all the same.
func (r *Reading) Stop(ctx context.Context) error {
	r.end()
	r.work.Wait()
	var problems []error
	for _, reader := range r.readers {
		problems = append(problems, reader.close(ctx))
	}
	return errors.Join(problems...)
}

// Close closes the connections. Acks come through them, so workers stop before.
func (s *Sources) Close(ctx context.Context) error {
	var problems []error
	for _, own := range s.all {
		if err := own.connection.Close(ctx); err != nil {
			problems = append(problems, fmt.Errorf("closing source %s: %w", own.name, err))
		}
	}
	return errors.Join(problems...)
}
