package nats

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/consign-dev/consign/sinks"
)

// headersTooLarge is JetStream's code for what is over 64 KiB, for which the client has no name.
const headersTooLarge jetstream.ErrorCode = 10097

// waiting is a delivery that waits for its acknowledgements, one after the other.
type waiting struct {
	ctx      context.Context
	refusals <-chan error
	// refused are what the server was heard to forbid since the delivery began.
	refused []error
}

// acknowledged waits for the next message, which goes to subject, and says how large its body is.
func (w *waiting) acknowledged(published <-chan publication, subject string) (size int, err error) {
	select {
	case p := <-published:
		if p.err != nil {
			return p.size, p.err
		}
		return p.size, w.answer(p, subject)
	case <-w.ctx.Done():
		return 0, w.ctx.Err()
	}
}

func (w *waiting) answer(p publication, subject string) error {
	for {
		select { // an answer counts, whatever else is known by now
		case <-p.ack.Ok():
			return nil
		case err := <-p.ack.Err():
			return err
		default:
		}
		for _, refusal := range w.refused {
			if concerns(refusal, subject) {
				return refusal
			}
		}
		select {
		case <-p.ack.Ok():
			return nil
		case err := <-p.ack.Err():
			return err
		case refusal := <-w.refusals:
			w.refused = append(w.refused, refusal)
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
	}
}

// explain says what became of a message of so many bytes, apart from its headers, and what to do.
// Only what is about the message itself is permanent.
func (c *Connection) explain(subject string, size int, err error) error {
	wrap := func(label, advice string) error {
		return sinks.Label(fmt.Errorf("publish to %s: %w%s", subject, err, advice), label)
	}
	var refused *jetstream.APIError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("publish to %s: no acknowledgement from %s in time: %w", subject, c.url, err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("publish to %s: interrupted: %w", subject, err)
	case errors.Is(err, nats.ErrMaxPayload):
		return sinks.Permanent(wrap("too large", fmt.Sprintf(": %d bytes and the headers, the server takes %d: raise its max_payload", size, c.conn.MaxPayload())))
	case errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum):
		return sinks.Permanent(wrap("too large", fmt.Sprintf(": %d bytes and the headers: raise the stream's maximum message size", size)))
	case errors.As(err, &refused) && refused.ErrorCode == headersTooLarge:
		return sinks.Permanent(wrap("too large", ": the result's source, id, type and subject stand in headers: shorten the subject"))
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return wrap("no stream", ": no stream takes this subject: create one, as with: nats stream add --subjects "+subject)
	case errors.Is(err, nats.ErrPermissionViolation):
		return wrap("permission denied", ": let this user publish to the subject and subscribe below inbox_prefix")
	case errors.As(err, &refused):
		return wrap(fmt.Sprintf("nats %d", refused.ErrorCode), "")
	case errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionClosed),
		errors.Is(err, nats.ErrConnectionReconnecting):
		return wrap("connection lost", "")
	case errors.Is(err, jetstream.ErrAsyncPublishTimeout):
		return wrap(sinks.LabelTimeout, "")
	}
	return fmt.Errorf("publish to %s: %w", subject, err)
}
