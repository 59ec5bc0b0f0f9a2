package nats

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/consign-dev/consign/sinks"
)

const (
	// patience is how long a delivery waits for a connection that is lost. A server of a cluster that
	// restarts is left for another in less.
	patience = time.Second
	// reconnectWait is the time between two tries to connect, half of it chosen at random so that
	// workers do not come all at once.
	reconnectWait = 250 * time.Millisecond
	// writeTimeout is the most that a write to the connection takes before it is given up, and with it
	// how long a server that reads nothing keeps a goroutine. The largest message needs 1 Mbit/s.
	writeTimeout = 10 * time.Second
	// pingInterval and pingsOut make up how long a server that went away silently goes unnoticed: a minute.
	pingInterval, pingsOut = 20 * time.Second, 2
	// ackTimeout is how long the client remembers a message that is never acknowledged. Deliveries
	// give up by their own time.
	ackTimeout = time.Minute
)

// Connection to a server, made with the first use and kept: it is made again whenever it is lost,
// without end.
type Connection struct {
	url      string
	options  []nats.Option
	refusals refusals

	first sync.Once
	// ready is closed once conn and stream, or failed, are set for good.
	ready  chan struct{}
	conn   *nats.Conn
	stream jetstream.JetStream
	failed error
	// deaf is true once the server has refused the subscription to acknowledgements. It is asked for once
	// in a connection, so that none comes any more, even if it is allowed later.
	deaf atomic.Bool

	mu sync.Mutex
	// trouble is why the latest try to connect failed.
	trouble error
}

func newConnection(url string, options []nats.Option) *Connection {
	c := &Connection{url: url, ready: make(chan struct{})}
	c.options = slices.Concat(options, []nats.Option{
		nats.Name("consign"),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // a person puts it right, and then it has to go on
		nats.ReconnectWait(reconnectWait / 2),
		nats.ReconnectJitter(reconnectWait/2, reconnectWait/2),
		nats.ReconnectBufSize(-1), // what is published while there is no connection fails, and is not sent late
		nats.FlusherTimeout(writeTimeout),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(pingsOut),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { c.note(err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { c.note(err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				if ofSubscription(err) {
					c.deaf.Store(true)
				}
				c.refusals.tell(err)
			}
		}),
	})
	return c
}

func (c *Connection) connect() {
	defer close(c.ready)
	if c.conn, c.failed = nats.Connect(c.url, c.options...); c.failed != nil {
		return
	}
	c.stream, c.failed = jetstream.New(c.conn, jetstream.WithPublishAsyncTimeout(ackTimeout))
}

// Up returns what to speak to JetStream with once there is a connection, for which it waits a second.
// Its errors are labelled.
func (c *Connection) Up(ctx context.Context) (jetstream.JetStream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.first.Do(func() { go c.connect() })
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-c.ready:
	case <-timeout.C:
		return nil, c.away()
	case <-ctx.Done():
		return nil, c.given(ctx)
	}
	if c.failed != nil {
		return nil, c.failed
	}
	if c.deaf.CompareAndSwap(true, false) {
		_ = c.conn.ForceReconnect() // fails only if it is closed, which is looked at below
	}
	if c.conn.IsConnected() {
		return c.stream, nil
	}
	changes := c.conn.StatusChanged(nats.CONNECTED, nats.CLOSED)
	defer c.conn.RemoveStatusListener(changes)
	for !c.conn.IsConnected() {
		if c.conn.IsClosed() {
			return nil, sinks.ErrClosed
		}
		select {
		case <-changes:
		case <-timeout.C:
			return nil, c.away()
		case <-ctx.Done():
			return nil, c.given(ctx)
		}
	}
	return c.stream, nil
}

// given says that ctx ended while there was no connection.
func (c *Connection) given(ctx context.Context) error {
	return fmt.Errorf("%w: %w", c.away(), ctx.Err())
}

// away says why there is no connection.
func (c *Connection) away() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.trouble == nil, errors.Is(c.trouble, nats.ErrNoServers):
		return sinks.Label(fmt.Errorf("no connection to %s", c.url), "no connection")
	case errors.Is(c.trouble, nats.ErrAuthorization), errors.Is(c.trouble, nats.ErrAuthExpired), errors.Is(c.trouble, nats.ErrAuthRevoked):
		return sinks.Label(fmt.Errorf("%s refuses the login: %w: check credentials, token, user and password, or nkey", c.url, c.trouble), "not authenticated")
	}
	err := fmt.Errorf("no connection to %s: %w", c.url, c.trouble)
	if certificate := (*tls.CertificateVerificationError)(nil); errors.As(err, &certificate) {
		return sinks.Label(err, "bad certificate")
	}
	return err
}

func (c *Connection) note(err error) {
	if err == nil {
		return // closed on purpose
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trouble = err
}

// Reconnects counts how often the connection was made again after it had been lost.
func (c *Connection) Reconnects() uint64 {
	select {
	case <-c.ready:
	default:
		return 0
	}
	if c.conn == nil {
		return 0
	}
	return c.conn.Stats().Reconnects
}

// Close ends the connection, and the tries to make one.
func (c *Connection) Close(ctx context.Context) error {
	c.first.Do(func() {
		c.failed = sinks.ErrClosed
		close(c.ready)
	})
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		<-c.ready
		if c.conn != nil {
			c.conn.Close() // waits for a write under way, writeTimeout at most, and for a server that is being dialled
		}
	}()
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the connection to %s is still in use: %w", c.url, ctx.Err())
	}
}

// refusals tells deliveries under way what the server forbids. NATS says so apart from any message:
// what it forbids is simply never acknowledged.
type refusals struct {
	mu        sync.Mutex
	listeners map[chan error]struct{}
}

// listen returns where refusals are told from now on, and what ends that.
func (r *refusals) listen() (told <-chan error, forget func()) {
	listener := make(chan error, 8) // one batch has two subjects and an inbox; the rest is room
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listeners == nil {
		r.listeners = map[chan error]struct{}{}
	}
	r.listeners[listener] = struct{}{}
	return listener, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.listeners, listener)
	}
}

func (r *refusals) tell(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for listener := range r.listeners {
		select {
		case listener <- err:
		default: // it knows enough
		}
	}
}

// concerns tells whether a refusal is about messages to subject, or about the acknowledgements of all.
func concerns(refusal error, subject string) bool {
	return ofSubscription(refusal) || strings.Contains(strings.ToLower(refusal.Error()), strings.ToLower(fmt.Sprintf("%q", subject)))
}

// ofSubscription tells whether a refusal is about acknowledgements, which are all that is subscribed to.
func ofSubscription(refusal error) bool {
	return strings.Contains(strings.ToLower(refusal.Error()), "subscription")
}
