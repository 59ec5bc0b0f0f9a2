// Package kafka produces each result to a topic of Apache Kafka, or of what speaks its protocol, and
// takes it for delivered once every replica in sync has it (acks=all).
//
//	sinks:
//	  lake:
//	    kafka:
//	      brokers: [kafka-1.example.com:9093, kafka-2.example.com:9093]
//	      topic: detections
//	      incident_topic: incidents
//	      key: source
//	      compression: zstd
//	      sasl: {mechanism: scram-sha-512, user: consign, password: "${KAFKA_PASSWORD}"}
//	      tls: {server_name: kafka.example.com}
//	    incidents: true
//
// # The record
//
// The value is the data of the result, as it was submitted. Around it, in headers, stand the attributes
// of a CloudEvent in binary mode: ce_specversion, ce_id, ce_source, ce_type ("consign.result" for a
// result without a type), ce_time and ce_subject where the result has them, and content-type. The
// header ce_deliveryid holds the delivery id, the same on every retry and on a replay.
//
// With a format, the value is the whole document, and of the headers content-type and ce_deliveryid
// are left: application/cloudevents+json tells that the value is a CloudEvent in structured mode;
// ndjson and ocsf are application/json.
//
// # Repeats
//
// The producer is idempotent, so what it repeats within one attempt is stored once. An attempt that
// ends without an answer may have been stored all the same, and the next one stores it again: Kafka
// knows nothing of delivery ids, so consumers drop repeats by ce_deliveryid.
//
// Results arrive in the order in which they are delivered within one partition. A key keeps what
// belongs together in one; without a key they are spread. A result whose key cannot be told, since its
// data lack the field or have something else than a text there, is parked, for a record without its key
// would land anywhere and overtake others without anybody's notice. Say what to do with it in the key,
// as in has(data.host) ? data.host.name : source, and replay.
//
// # The topic
//
// A person creates the topic: its partitions, copies and retention are not for a sink to say. While it
// is unknown, and while the cluster does not let this user write, deliveries fail and are retried:
// what is wrong is not the result, and once someone has put it right everything flows. Only what the
// cluster refuses for the record's own sake, its size for one, is refused for good.
//
// The largest results that Consign takes, of 1 MiB, exceed with their headers what Kafka takes by
// default. To deliver them too, raise max.message.bytes of the topic, and max_message_bytes with it.
//
// # What the tests cannot show
//
// They run against kfake, of the same project as the client: a broker in the same process that speaks
// the protocol over TCP, with SASL, TLS, ACLs and idempotence. Being of the same hands, it would share
// a misreading of the protocol. It has no replicas, so nothing is shown of acks=all with a replica that
// lags or of a leader elected anew; nor of quotas, and of brokers of other versions and makers.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
)

// Kind makes the sink known to the configuration.
func Kind() config.Kind {
	return config.Kind{
		Name:    "kafka",
		Summary: "a topic of Apache Kafka: one record per result, acknowledged by all replicas in sync",
		Network: true,
		New:     func() config.Settings { return &Config{} },
	}
}

// Config are the sink's settings.
type Config struct {
	// Brokers to ask first for the others, as HOST:PORT. The port is 9092 where it is left out.
	// Required.
	Brokers []string `yaml:"brokers"`
	// Topic to produce to. It has to exist. Required.
	Topic string `yaml:"topic"`
	// IncidentTopic is the topic for results of type "incident", which reach only sinks with
	// "incidents: true". Default: Topic.
	IncidentTopic string `yaml:"incident_topic"`
	// Key of the record: an expression in CEL that gives a text, such as source, data.host.name or
	// `source + "/" + type`. It knows the names of "when", and delivery_id. Records of one key share a
	// partition, and keep their order in it. Where it gives "", the record has no key; where it cannot be
	// evaluated, the result is parked. Default: no key.
	Key string `yaml:"key"`
	// Format of the value: ndjson, ocsf or cloudevents, see package formats. Default: the data alone, under
	// the attributes of a CloudEvent in headers.
	Format formats.Format `yaml:"format"`
	// Compression of batches of records: none, gzip, snappy, lz4 or zstd. Default none, which every
	// consumer reads.
	Compression string `yaml:"compression"`
	// MaxMessageBytes is the largest batch, and so the largest record, that is sent, in bytes and
	// before compression. It should not exceed max.message.bytes of the topic. Default 1048588, as
	// Kafka's.
	MaxMessageBytes int32 `yaml:"max_message_bytes"`
	// SASL is how Consign logs in. Default: it does not.
	SASL *SASL `yaml:"sasl"`
	// TLS secures the connections; {} does by the system's certificate authorities. Default: in clear.
	TLS *sinks.TLS `yaml:"tls"`
}

// SASL is a user name and password.
type SASL struct {
	// Mechanism is plain, scram-sha-256 or scram-sha-512. Required. Use plain with TLS alone, since it
	// shows the password to whoever listens.
	Mechanism string `yaml:"mechanism"`
	// User to log in as. Required.
	User string `yaml:"user"`
	// Password of User. Required.
	Password config.Secret `yaml:"password"`
}

var _ sinks.Settings = (*Config)(nil)

// SetDefaults fills in what is left out.
func (c *Config) SetDefaults() {
	if c.IncidentTopic == "" {
		c.IncidentTopic = c.Topic
	}
	if c.Compression == "" {
		c.Compression = "none"
	}
	if c.MaxMessageBytes == 0 {
		c.MaxMessageBytes = 1<<20 + 12
	}
}

// Open returns the sink. Nothing is connected to before the first delivery, so that a cluster that is
// away keeps no worker from starting.
func (c *Config) Open(context.Context, string) (sinks.Sink, error) { return New(*c) }

// Sink produces results to one topic, and incidents to another.
type Sink struct {
	settings Config
	key      *config.Expression
	client   atomic.Pointer[kgo.Client]
	// turn is held by each delivery under way: by one that must be alone, wholly.
	turn *semaphore.Weighted
	// reached is true while there is no reason to doubt that a broker answers.
	reached atomic.Bool

	mu sync.Mutex
	// trouble is why the latest try to connect to a broker failed, if it did.
	trouble error
}

// New returns a sink with these settings, or everything that [Config.Validate] finds wrong.
func New(c Config) (*Sink, error) {
	c.SetDefaults()
	var problems []error
	c.Validate(func(field, problem string) {
		problems = append(problems, fmt.Errorf("kafka.%s: %s", field, problem))
	})
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	key, err := config.NewExpression(c.Key)
	if err != nil {
		return nil, fmt.Errorf("kafka.key: %w", err)
	}
	s := &Sink{settings: c, key: key, turn: semaphore.NewWeighted(everyone)}
	client, err := s.newClient()
	if err != nil {
		return nil, err
	}
	s.client.Store(client)
	return s, nil
}

func (s *Sink) newClient() (*kgo.Client, error) {
	options, err := s.options()
	if err != nil {
		return nil, fmt.Errorf("kafka.%w", err)
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	return client, nil
}

// Deliver produces the whole batch and waits for the answer to each record. When ctx ends first, what
// is not yet answered is reported as failed, though the topic may still take it.
func (s *Sink) Deliver(ctx context.Context, batch []sinks.Delivery) []error {
	if len(batch) == 0 {
		return nil
	}
	client, err := s.reach(ctx)
	if err != nil {
		return sinks.All(batch, s.explain(ctx, s.settings.Topic, 0, err))
	}
	errs := make([]error, len(batch))
	records := make([]*kgo.Record, len(batch))
	for i, d := range batch {
		records[i], errs[i] = s.settings.record(ctx, s.key, d)
	}
	s.produce(ctx, client, records, errs)
	for i, err := range errs {
		if errors.Is(err, kerr.InvalidRecord) || errors.Is(err, kerr.MessageTooLarge) && size(records[i]) < int(s.settings.MaxMessageBytes) {
			err = s.alone(ctx, client, records[i])
		}
		if err != nil && records[i] != nil {
			errs[i] = s.explain(ctx, records[i].Topic, size(records[i]), err)
		} else {
			errs[i] = err
		}
	}
	return errs
}

// reach finds out whether any broker answers, if there is doubt, and gives the producer its id. It fails
// sooner and says more than records do.
func (s *Sink) reach(ctx context.Context) (*kgo.Client, error) {
	client := s.client.Load()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !s.reached.Load() {
		if err := client.Ping(ctx); err != nil {
			return nil, err
		}
		s.reached.Store(true)
	}
	_, _, err := client.ProducerID(ctx)
	if answer, found := errors.AsType[*kerr.Error](err); found && !answer.Retriable {
		s.replace(ctx, client)
	}
	return client, err
}

// replace puts another client in the place of one that was refused the id of a producer, for want of
// permission as a rule. It would never ask again.
func (s *Sink) replace(ctx context.Context, client *kgo.Client) {
	another, err := s.newClient()
	if err != nil {
		return // the next delivery tries again
	}
	if !s.client.CompareAndSwap(client, another) {
		client = another // a delivery beside this one was first
	}
	_ = closeClient(ctx, client)
}

func (c *Config) topicOf(d sinks.Delivery) string {
	if d.Result.Type == consign.IncidentType {
		return c.IncidentTopic
	}
	return c.Topic
}

// OnBrokerConnect keeps why a broker cannot be connected to, for those who wait for it. It is a hook
// of the client.
func (s *Sink) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = err
}

func (s *Sink) brokers() string { return strings.Join(s.settings.Brokers, ", ") }

// Close closes the connections.
func (s *Sink) Close(ctx context.Context) error {
	if err := closeClient(ctx, s.client.Load()); err != nil {
		return fmt.Errorf("close the sink to %s: %w", s.settings.Topic, err)
	}
	return nil
}

func closeClient(ctx context.Context, client *kgo.Client) error {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		client.Close()
	}()
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
