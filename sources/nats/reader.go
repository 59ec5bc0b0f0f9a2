package nats

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
)

const (
	// fetchMost bounds what is asked for at once, and so what waits here while sinks do not keep up.
	fetchMost = 256
	// fetchWait is how long the server may keep a question that it has no message for.
	fetchWait = 10 * time.Second
	// heartbeat is how often the server says meanwhile that it is there. Two that are missing end the question.
	heartbeat = time.Second
	// consumerWait bounds each look at the consumer.
	consumerWait = 10 * time.Second
	// pause is the time from a failure to the next try.
	pause = time.Second
	// returnWait is how long a message rests that could not be submitted.
	returnWait = 5 * time.Second
	// parkings is how many messages are parked at once.
	parkings = 16
)

// reader reads one source.
type reader struct {
	*source
	temporal  client.Client
	submitter *consign.Submitter
	held      *held
	renewing  sync.WaitGroup
	parkings  errgroup.Group
	ctx       context.Context // over when nothing more is to be begun
}

func (s *source) reader(temporal client.Client) (*reader, error) {
	submitter, err := consign.NewClient(temporal).NewSubmitter(consign.SubmitterOptions{
		MaxOpen: s.settings.MaxOpen, BatchMax: s.settings.BatchMax,
	})
	if err != nil {
		return nil, err
	}
	r := &reader{source: s, temporal: temporal, submitter: submitter, held: newHeld(s.settings.AckWait)}
	r.parkings.SetLimit(parkings)
	return r, nil
}

// run reads until ctx is over. Whatever fails is tried again, without end.
func (r *reader) run(ctx context.Context) {
	r.ctx = ctx
	r.renewing.Go(func() { r.held.renew(ctx) })
	said := ""
	for ctx.Err() == nil {
		err := r.read(ctx, func() { said = "" })
		if ctx.Err() != nil {
			return
		}
		if text := err.Error(); text != said {
			said = text
			r.log.Warn("cannot read the source, and goes on trying", zap.Error(err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// read reads until something fails.
func (r *reader) read(ctx context.Context, well func()) error {
	js, err := r.connection.Up(ctx)
	if err != nil {
		return err
	}
	looking, cancel := context.WithTimeout(ctx, consumerWait)
	defer cancel()
	consumer, err := r.settings.consumer(looking, js)
	if err != nil {
		return err
	}
	r.log.Info("reading", zap.String("stream", r.settings.Stream), zap.String("durable", r.settings.Durable))
	for ctx.Err() == nil {
		if r.awaitRoom(ctx); ctx.Err() != nil {
			break
		}
		if err := r.fetch(ctx, consumer); err != nil {
			return err
		}
		well()
	}
	return ctx.Err()
}

// awaitRoom waits while Temporal takes no new results: what is not read stays in the stream.
func (r *reader) awaitRoom(ctx context.Context) {
	reason := r.submitter.Full()
	if reason == nil {
		return
	}
	r.log.Warn("reads nothing more until there is room", zap.Error(reason))
	for r.submitter.Full() != nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
	r.log.Info("reads again")
}

// fetch asks for messages once, and takes those that come.
func (r *reader) fetch(ctx context.Context, consumer jetstream.Consumer) error {
	asking, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	batch, err := consumer.Fetch(min(fetchMost, r.settings.MaxOpen), jetstream.FetchContext(asking), jetstream.FetchHeartbeat(heartbeat))
	if err != nil {
		return fmt.Errorf("asking stream %s for messages: %w", r.settings.Stream, err)
	}
	for message := range batch.Messages() {
		r.take(ctx, message)
	}
	err = batch.Error()
	if err == nil || errors.Is(err, natsgo.ErrTimeout) || errors.Is(err, jetstream.ErrNoMessages) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return fmt.Errorf("waiting for messages of stream %s: %w", r.settings.Stream, err)
}

// take submits what a message holds. It waits while there is no room, and then nothing more is asked for.
func (r *reader) take(ctx context.Context, message jetstream.Msg) {
	at, err := placeOf(message)
	if err != nil {
		r.log.Error("a message without its place in a stream", zap.Error(err)) // JetStream sends none
		return
	}
	if !r.held.add(message, at) {
		return
	}
	result, err := r.settings.result(message, at)
	if err == nil {
		err = r.submitter.Submit(ctx, consign.Submission{
			Result: result,
			Ack:    &consign.AckTarget{NATS: &consign.NATSTarget{Source: r.name, Subject: message.Reply()}},
			Stored: func(_ consign.Stored, err error) {
				if err != nil {
					r.refused(message, at, err)
				}
			},
			Committed: func(_ consign.Receipt, err error) {
				r.held.remove(at)
				if err != nil {
					r.log.Warn("a delivery was abandoned: its message will come again", zap.Stringer("message", at), zap.Error(err))
				}
			},
		})
	}
	if err != nil {
		r.refused(message, at, err)
	}
}

// refused parks what can never be submitted, and gives back all else.
func (r *reader) refused(message jetstream.Msg, at place, err error) {
	if errors.Is(err, consign.ErrInvalid) || errors.Is(err, consign.ErrTooLarge) || errors.Is(err, consign.ErrConflict) {
		r.parkings.Go(func() error {
			r.park(r.ctx, message, at, err)
			return nil
		})
		return
	}
	r.held.remove(at)
	if r.ctx.Err() != nil {
		_ = message.Nak() // another process may take it at once; should this fail, it will after ack_wait
		return
	}
	r.log.Warn("a message could not be submitted, and will come again", zap.Stringer("message", at), zap.Error(err))
	_ = message.NakWithDelay(returnWait)
}

// close waits until all that was taken is stored, or ctx is over.
func (r *reader) close(ctx context.Context) error {
	err := r.submitter.Close(ctx)
	_ = r.parkings.Wait()
	r.renewing.Wait()
	if err != nil {
		return fmt.Errorf("source %s: %w", r.name, err)
	}
	return nil
}
