package nats

import (
	"context"
	"errors"
	"fmt"
	"maps"

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
	if !s.adjust(&there) {
		return consumer, nil
	}
	consumer, err = js.UpdateConsumer(ctx, s.Stream, there)
	return consumer, s.explain("changing", err)
}

// adjust sets what this source needs, and tells whether that changed anything.
func (s *Settings) adjust(c *jetstream.ConsumerConfig) (changed bool) {
	if c.MaxAckPending >= 0 && c.MaxAckPending < s.MaxOpen { // -1: no limit
		c.MaxAckPending, changed = s.MaxOpen, true
	}
	if c.AckWait != s.AckWait {
		c.AckWait, changed = s.AckWait, true
	}
	if c.MaxDeliver != -1 { // a message that is given up would be lost
		c.MaxDeliver, changed = -1, true
	}
	if len(c.BackOff) > 0 { // it stands in for ack_wait
		c.BackOff, changed = nil, true
	}
	if !sameSubjects(append([]string{c.FilterSubject}, c.FilterSubjects...), s.Filter) {
		c.FilterSubject, c.FilterSubjects, changed = "", s.Filter, true
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
