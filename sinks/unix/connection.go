package unix

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/consign-dev/consign/sinks"
)

// The wait between two tries to connect while the collector's queue of connections is full.
const (
	firstWait = time.Millisecond
	maxWait   = 50 * time.Millisecond
)

// write writes text to the connection, and says how much of it counts as taken when it fails.
func (s *Sink) write(ctx context.Context, text []byte) (taken int, err error) {
	kept := s.conn != nil
	for {
		if s.conn == nil {
			if s.conn, err = s.dial(ctx); err != nil {
				return 0, err
			}
		}
		taken, err = writeWithin(ctx, s.conn, text)
		if err == nil {
			return taken, nil
		}
		// Whatever comes next must not continue a line that is half written.
		s.hangUp()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			// The connection is whole, so what it has taken is there to be read.
			return taken, fmt.Errorf("write to %s: the socket is full, its reader does not read: %w", s.path, ctx.Err())
		}
		if !kept || taken > 0 {
			// What was taken may have gone down with the connection.
			return 0, fmt.Errorf("write to %s: %w", s.path, err)
		}
		// The collector has hung up since the last batch, and may listen again.
		kept = false
	}
}

// writeWithin writes until ctx is over, which fails with os.ErrDeadlineExceeded.
func writeWithin(ctx context.Context, conn net.Conn, text []byte) (int, error) {
	if err := conn.SetWriteDeadline(time.Time{}); err != nil {
		return 0, err
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetWriteDeadline(time.Unix(1, 0)) // fails with the write itself
		close(interrupted)
	})
	taken, err := conn.Write(text)
	if !stop() {
		<-interrupted // else it could meet the next write
	}
	return taken, err
}

// dial connects, and waits while the collector does not come to accept.
func (s *Sink) dial(ctx context.Context) (net.Conn, error) {
	for wait := firstWait; ; wait = min(2*wait, maxWait) {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", s.path)
		switch {
		case err == nil:
			return conn, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("connect to %s: %w", s.path, ctx.Err())
		case !errors.Is(err, syscall.EAGAIN):
			return nil, s.explain(err)
		}
		select {
		case <-time.After(wait):
		case <-s.turn.Closed():
			return nil, fmt.Errorf("connect to %s: %w", s.path, sinks.ErrClosed)
		case <-ctx.Done():
			return nil, fmt.Errorf("connect to %s: its queue of connections is full, nobody accepts them: %w", s.path, ctx.Err())
		}
	}
}

// explain says what to do about a failure to connect. All of them may heal.
func (s *Sink) explain(err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return sinks.Label(fmt.Errorf("connect to %s: nobody listens there, is the collector running?: %w", s.path, err), "nobody listens")
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("connect to %s: let user %d write to the socket, and pass the directories above it: %w", s.path, os.Getuid(), err)
	case errors.Is(err, syscall.EPROTOTYPE):
		return sinks.Label(fmt.Errorf("connect to %s: the collector listens for datagrams, and must for a stream: %w", s.path, err), "not a stream socket")
	}
	return fmt.Errorf("connect to %s: %w", s.path, err)
}

func (s *Sink) hangUp() {
	if s.conn != nil {
		_ = s.conn.Close() // there is nothing left that it could fail to write
		s.conn = nil
	}
}
