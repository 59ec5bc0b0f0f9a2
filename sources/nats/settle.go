package nats

import (
	"context"
	"errors"
	"fmt"

	natsgo "github.com/nats-io/nats.go"

	"github.com/consign-dev/consign/sinks"
)

// What JetStream is told of a message.
const (
	acked      = "+ACK"
	terminated = "+TERM"
	inProgress = "+WPI"
)

// settle tells the server what has become of a message, and waits until it has said that it knows. It may
// be told several times, and of a delivery that has been followed by others.
func (s *source) settle(ctx context.Context, subject, verdict string) error {
	js, err := s.connection.Up(ctx)
	if err != nil {
		return fmt.Errorf("ack at source %s: %w", s.name, err)
	}
	_, err = js.Conn().RequestWithContext(ctx, subject, []byte(verdict))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, natsgo.ErrNoResponders):
		return sinks.Label(fmt.Errorf("ack at source %s: nobody takes it: is the consumer still there? %w", s.name, err), "no consumer")
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("ack at source %s: no answer from %s in time: may this user publish to $JS.ACK.> and subscribe below inbox_prefix? %w", s.name, s.settings.URL, err)
	}
	return sinks.Label(fmt.Errorf("ack at source %s: %w", s.name, err), "connection lost")
}
