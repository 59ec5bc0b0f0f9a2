package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// everyone is the weight of a delivery that no other may run beside.
const everyone = 1 << 30

type answer struct {
	index int
	err   error
}

// produce fills in the errors of the records that have none yet.
func (s *Sink) produce(ctx context.Context, client *kgo.Client, records []*kgo.Record, errs []error) {
	answered := make([]bool, len(records))
	if err := s.turn.Acquire(ctx, 1); err != nil {
		fill(errs, answered, err)
		return
	}
	defer s.turn.Release(1)
	answers, waiting := make(chan answer, len(records)), 0
	for i, record := range records {
		if errs[i] != nil {
			continue
		}
		waiting++
		client.Produce(ctx, record, func(_ *kgo.Record, err error) { answers <- answer{i, err} })
	}
	for ; waiting > 0; waiting-- {
		select {
		case a := <-answers:
			answered[a.index], errs[a.index] = true, a.err
		case <-ctx.Done():
			fill(errs, answered, ctx.Err())
			return
		}
	}
}

// fill gives err to each record without an error that is not answered.
func fill(errs []error, answered []bool, err error) {
	for i := range errs {
		if errs[i] == nil && !answered[i] {
			errs[i] = err
		}
	}
}

// alone produces one record in a batch of its own. The broker takes or refuses batches whole, so one that
// it finds too large, or to hold an invalid record, may hold others that are not.
func (s *Sink) alone(ctx context.Context, client *kgo.Client, record *kgo.Record) error {
	if err := s.turn.Acquire(ctx, everyone); err != nil {
		return err
	}
	defer s.turn.Release(everyone)
	answers := make(chan error, 1)
	again := &kgo.Record{Topic: record.Topic, Key: record.Key, Value: record.Value, Headers: record.Headers}
	client.Produce(ctx, again, func(_ *kgo.Record, err error) { answers <- err })
	select {
	case err := <-answers:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
