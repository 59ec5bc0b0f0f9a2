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
	"github.com/consign-dev/consign/status"
)

const (
	// fetchMost and fetchBytes bound what is asked for at once, and so what waits here while sinks do not keep up.
	fetchMost  = 256
	fetchBytes = 8 << 20
	// fetchWait is how long the server may keep a question that it has no message for.
	fetchWait = 10 * time.Second
	// heartbeat is how often the server says meanwhile that it is there. Two that are missing end the question.
	heartbeat = 2 * time.Second
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
	r := &reader{source: s, temporal: temporal, submitter: submitter}
	r.parkings.SetLimit(parkings)
	return r, nil
}

// run reads until ctx is over. Whatever fails is tried again, without end.
func (r *reader) run(ctx context.Context) {
	r.ctx = ctx
	r.renewing.Go(func() { r.renew(ctx) })
	said := ""
	for ctx.Err() == nil {
		err := r.read(ctx, func() { said = "" })
		if ctx.Err() != nil {
			return
		}
		r.metrics.failures.WithLabelValues(r.name).Inc()
		r.facts.trouble.Store(&status.Failure{At: time.Now(), Cause: err.Error()})
		if text := err.Error(); text != said {
			said = text
			r.log.Warn("cannot read the source, and goes on trying", zap.Error(err))
		}
		rest(ctx, pause)
	}
}

// rest waits for that long, or until ctx is over.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
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
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { r.watch(watching, consumer) })
	defer watch.Wait()
	defer stop()
	ask := question{most: fetchMost, bytes: max(fetchBytes, 2*int(js.Conn().MaxPayload()))}
	for ctx.Err() == nil {
		r.awaitRoom(ctx)
		if ctx.Err() != nil {
			break
		}
		room := r.held.room(ctx)
		if room == 0 {
			return ctx.Err()
		}
		began := time.Now()
		came, err := r.fetch(ctx, consumer, ask.within(room), r.take)
		if err != nil {
			return err
		}
		well()
		r.facts.trouble.Store(nil)
		ask.alone = came == 0 && time.Since(began) < fetchWait/2
		if ask.alone {
			rest(ctx, pause)
		}
	}
	return ctx.Err()
}

// awaitRoom waits while Temporal takes no new results: what is not read stays in the stream.
func (r *reader) awaitRoom(ctx context.Context) {
	reason := r.submitter.Full()
	if reason == nil {
		return
	}
	r.facts.full.Store(true)
	defer r.facts.full.Store(false)
	r.log.Warn("reads nothing more until there is room", zap.Error(reason))
	for r.submitter.Full() != nil {
		rest(ctx, pause)
		if ctx.Err() != nil {
			return
		}
	}
	r.log.Info("reads again")
}

// question says how much to ask for at once.
type question struct {
	most, bytes int
	// alone asks for one message of any size: an answer that comes early and is empty means that the next one is
	// larger than what was asked for.
	alone bool
}

func (q question) within(room int) question {
	q.most = min(q.most, room)
	return q
}

// arrival is a message that has come.
type arrival struct {
	jetstream.Msg

	at place
}

// fetch asks for messages once, has those taken that are new, and returns how many came. Each is held from when
// it comes, so that the server hears of those too that wait here for their turn.
func (r *reader) fetch(ctx context.Context, consumer jetstream.Consumer, ask question, take func(context.Context, arrival)) (came int, err error) {
	asking, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	options := []jetstream.FetchOpt{jetstream.FetchContext(asking), jetstream.FetchHeartbeat(heartbeat)}
	if ask.alone {
		ask.most = 1
	} else {
		options = append(options, jetstream.FetchMaxBytes(ask.bytes))
	}
	batch, err := consumer.Fetch(ask.most, options...)
	if err != nil {
		return 0, fmt.Errorf("asking stream %s for messages: %w", r.settings.Stream, err)
	}
	arrivals := make(chan arrival, ask.most)
	go func() {
		defer close(arrivals)
		for message := range batch.Messages() {
			came++
			if one, fresh := r.hold(message); fresh {
				arrivals <- one
			}
		}
	}()
	for one := range arrivals {
		take(ctx, one)
	}
	err = batch.Error()
	if err == nil || errors.Is(err, natsgo.ErrTimeout) || errors.Is(err, jetstream.ErrNoMessages) || errors.Is(err, context.DeadlineExceeded) {
		return came, nil
	}
	return came, fmt.Errorf("waiting for messages of stream %s: %w", r.settings.Stream, err)
}

// hold holds a message that has come, and tells whether it is new to this process.
func (r *reader) hold(message jetstream.Msg) (one arrival, fresh bool) {
	at, again, err := placeOf(message)
	if err != nil {
		r.log.Error("a message without its place in a stream", zap.Error(err)) // JetStream sends none
		return arrival{}, false
	}
	if again {
		r.metrics.redelivered.WithLabelValues(r.name).Inc()
	}
	return arrival{message, at}, r.held.add(message.Reply(), at)
}

// take submits what a message holds. It waits while there is no room, and then nothing more is asked for.
func (r *reader) take(ctx context.Context, message arrival) {
	at := message.at
	result, err := r.settings.result(message, at)
	if err == nil {
		err = r.submitter.Submit(ctx, consign.Submission{
			Result: result,
			Ack:    &consign.AckTarget{NATS: &consign.NATSTarget{Source: r.name, Subject: message.Reply()}},
			Stored: func(where consign.Stored, err error) {
				switch {
				case err != nil:
					r.refused(message, err)
				case where.Duplicate:
					r.metrics.messages.WithLabelValues(r.name, outcomeDuplicate).Inc()
				default:
					r.metrics.messages.WithLabelValues(r.name, outcomeStored).Inc()
					r.facts.taken.Add(1)
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
		r.refused(message, err)
	}
}

// refused parks what can never be submitted, and gives back all else.
func (r *reader) refused(message arrival, err error) {
	if errors.Is(err, consign.ErrInvalid) || errors.Is(err, consign.ErrTooLarge) || errors.Is(err, consign.ErrConflict) {
		r.parkings.Go(func() error {
			r.park(r.ctx, message, err)
			return nil
		})
		return
	}
	r.held.remove(message.at)
	r.metrics.messages.WithLabelValues(r.name, outcomeReturned).Inc()
	if r.ctx.Err() != nil {
		_ = message.Nak() // another process may take it at once; should this fail, it will after ack_wait
		return
	}
	r.log.Warn("a message could not be submitted, and will come again", zap.Stringer("message", message.at), zap.Error(err))
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
