package nats

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// consumer makes the durable consumer, or brings it up to date. What another process, or a person, has set
// beyond what this source needs stays as it is.
func (s *Settings) consumer(ctx context.Context, js jetstream.JetStream) (jetstream.Consumer, error) {
	consumer, err := js.Consumer(ctx, s.Stream, s.Durable)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		made := jetstream.ConsumerConfig{
			Durable:     s.Durable,
			Description: "read by Consign",
			AckPolicy:   jetstream.AckExplicitPolicy,
		}
		if err := start(s.Deliver, &made); err != nil {
			return nil, err
		}
		s.adjust(&made)
		consumer, err = js.CreateConsumer(ctx, s.Stream, made)
		if errors.Is(err, jetstream.ErrConsumerExists) {
			return js.Consumer(ctx, s.Stream, s.Durable) // another process has made it just now
		}
		return consumer, s.explain("making", err)
	case errors.Is(err, jetstream.ErrNotPullConsumer):
		return nil, fmt.Errorf("consumer %s of stream %s pushes its messages, which cannot be changed: name another durable, or delete it", s.Durable, s.Stream)
	case err != nil:
		return nil, s.explain("looking for", err)
	}
	there := consumer.CachedInfo().Config
	if there.AckPolicy != jetstream.AckExplicitPolicy {
		return nil, fmt.Errorf("consumer %s of stream %s has the ack policy %s, which cannot be changed: name another durable, or delete it", s.Durable, s.Stream, there.AckPolicy)
	}
	if there.PriorityPolicy != jetstream.PriorityPolicyNone {
		return nil, fmt.Errorf("consumer %s of stream %s serves priority groups, which this source does not ask by: name another durable, or delete it", s.Durable, s.Stream)
	}
	if len(s.adjust(&there)) == 0 {
		return consumer, nil
	}
	consumer, err = js.UpdateConsumer(ctx, s.Stream, there)
	return consumer, s.explain("changing", err)
}

// adjust sets what this source needs, and tells what it has changed, as it was.
func (s *Settings) adjust(c *jetstream.ConsumerConfig) (changed []string) {
	was := func(name string, value any) { changed = append(changed, fmt.Sprintf("%s %v", name, value)) }
	if c.MaxAckPending >= 0 && c.MaxAckPending < s.MaxOpen { // -1: no limit
		was("max_ack_pending", c.MaxAckPending)
		c.MaxAckPending = s.MaxOpen
	}
	if c.AckWait != s.AckWait {
		was("ack_wait", c.AckWait)
		c.AckWait = s.AckWait
	}
	if c.MaxDeliver != -1 { // a message that is given up would be lost
		was("max_deliver", c.MaxDeliver)
		c.MaxDeliver = -1
	}
	if len(c.BackOff) > 0 { // it stands in for ack_wait
		was("backoff", c.BackOff)
		c.BackOff = nil
	}
	if filter := append([]string{c.FilterSubject}, c.FilterSubjects...); !sameSubjects(filter, s.Filter) {
		was("filter", slices.DeleteFunc(filter, func(subject string) bool { return subject == "" }))
		c.FilterSubject, c.FilterSubjects = "", s.Filter
	}
	if c.HeadersOnly { // bodies would be taken for empty, and lost
		was("headers_only", true)
		c.HeadersOnly = false
	}
	if c.InactiveThreshold != 0 { // it would be gone, with all it knows, after a process was away for so long
		was("inactive_threshold", c.InactiveThreshold)
		c.InactiveThreshold = 0
	}
	if c.MaxRequestBatch > 0 || c.MaxRequestExpires > 0 || c.MaxRequestMaxBytes > 0 { // what this source asks for is bounded
		was("limits of requests", fmt.Sprint(c.MaxRequestBatch, " messages, ", c.MaxRequestExpires, ", ", c.MaxRequestMaxBytes, " bytes"))
		c.MaxRequestBatch, c.MaxRequestExpires, c.MaxRequestMaxBytes = 0, 0, 0
	}
	return changed
}

// sameSubjects compares lists of subjects without regard to their order, and to what is empty.
func sameSubjects(a, b []string) bool {
	set := func(subjects []string) map[string]bool {
		found := map[string]bool{}
		for _, subject := range subjects {
			if subject != "" {
				found[subject] = true
			}
		}
		return found
	}
	return maps.Equal(set(a), set(b))
}

// explain says what was tried with the consumer, and what to do where that is known.
func (s *Settings) explain(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("there is no stream %s: create it, as with: nats stream add %s", s.Stream, s.Stream)
	}
	return fmt.Errorf("%s consumer %s of stream %s: %w", doing, s.Durable, s.Stream, err)
}
