package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/consign-dev/consign/sinks"
)

// explain says what became of a record of so many bytes, and what to do. Only what is about the record
// itself is permanent. What may be the connection's fault makes the next delivery look first.
func (s *Sink) explain(ctx context.Context, topic string, size int, err error) error {
	if errors.Is(err, kgo.ErrClientClosed) {
		return fmt.Errorf("produce to %s: the sink is closed", topic)
	}
	if answered, found := errors.AsType[*kerr.Error](err); found {
		return refused(topic, s.settings, size, err, answered)
	}
	s.reached.Store(false)
	return s.unanswered(ctx, topic, err)
}

// refused is about what a broker has answered.
func refused(topic string, c Config, size int, err error, answer *kerr.Error) error {
	wrap := func(label, advice string) error {
		if advice != "" {
			advice = " (" + advice + ")" // after Kafka's own text, which is a sentence with its full stop
		}
		return sinks.Label(fmt.Errorf("produce to %s: %w%s", topic, err, advice), label)
	}
	switch answer {
	case kerr.MessageTooLarge:
		return sinks.Permanent(wrap("too large", fmt.Sprintf("%d bytes: raise max.message.bytes of the topic and max_message_bytes, which is %d", size, c.MaxMessageBytes)))
	case kerr.InvalidRecord:
		return sinks.Permanent(wrap("invalid record", "a compacted topic needs a key: set key"))
	case kerr.UnknownTopicOrPartition, kerr.UnknownTopicID:
		return wrap("unknown topic", "create the topic")
	case kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed:
		return wrap("not authorized", "let this user write to the topic, and before Kafka 2.8 write idempotently to the cluster")
	case kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState:
		return wrap("not authenticated", "check mechanism, user and password of sasl")
	}
	return wrap("kafka "+strings.ToLower(strings.ReplaceAll(answer.Message, "_", " ")), "")
}

// unanswered is about a record of which no broker has said anything.
func (s *Sink) unanswered(ctx context.Context, topic string, err error) error {
	s.mu.Lock()
	trouble := s.trouble
	s.mu.Unlock()
	if login, found := errors.AsType[*kerr.Error](trouble); found {
		return refused(topic, s.settings, 0, trouble, login)
	}
	switch ended := ctx.Err(); {
	case errors.Is(err, kgo.ErrRecordRetries) && trouble == nil:
		return sinks.Label(fmt.Errorf("produce to %s: %w: %s put it off, as when too few replicas are in sync", topic, err, s.brokers()), "kafka put off")
	case errors.Is(ended, context.DeadlineExceeded) && trouble == nil:
		return fmt.Errorf("produce to %s: no answer from %s in time: %w", topic, s.brokers(), ended)
	case ended != nil && trouble == nil:
		return fmt.Errorf("produce to %s: interrupted: %w", topic, ended)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		// A batch of the client ends with the first of the deliveries that share it.
		if ended == nil && trouble == nil {
			return sinks.Label(fmt.Errorf("produce to %s: given up with another delivery that shared its batch", topic), sinks.LabelTimeout)
		}
	}
	if trouble != nil {
		err = trouble
	}
	err = fmt.Errorf("produce to %s: no connection to %s: %w", topic, s.brokers(), err)
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: the broker hung up: check tls, and mechanism, user and password of sasl", err)
	}
	if _, bad := errors.AsType[*tls.CertificateVerificationError](err); bad {
		return sinks.Label(err, "bad certificate")
	}
	return err
}
