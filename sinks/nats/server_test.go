package nats_test

import (
	"context"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/nats"
	"github.com/consign-dev/consign/sinks/sinktest"
)

const (
	subject   = "detections.edr"
	incidents = "detections.incidents"
	password  = "B0DEADBEEF0-password"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counterpart is a NATS server in this process, which can go away and come back with what it holds.
type counterpart struct {
	options server.Options
	login   []natsgo.Option

	mu      sync.Mutex
	running *server.Server
}

// serve starts a server with JetStream. login is how the test itself connects.
func serve(t *testing.T, options server.Options, login ...natsgo.Option) *counterpart {
	t.Helper()
	options.Host, options.Port = "127.0.0.1", freePort(t)
	options.JetStream, options.StoreDir = true, t.TempDir()
	options.NoLog, options.NoSigs = true, true
	if options.MaxPayload == 0 {
		options.MaxPayload = 2 << 20
	}
	c := &counterpart{options: options, login: login}
	t.Cleanup(c.stop)
	c.start(t)
	return c
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// start starts the server unless it runs.
func (c *counterpart) start(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		return
	}
	options := c.options // the server changes what it is given
	running, err := server.NewServer(&options)
	require.NoError(t, err)
	running.Start()
	require.True(t, running.ReadyForConnections(20*time.Second), "the server does not start")
	c.running = running
}

func (c *counterpart) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		c.running.Shutdown()
		c.running.WaitForShutdown()
		c.running = nil
	}
}

func (c *counterpart) address() string {
	return (&url.URL{Scheme: "nats", Host: net.JoinHostPort(c.options.Host, strconv.Itoa(c.options.Port))}).String()
}

// jetstream is a connection of the test's own.
func (c *counterpart) jetstream(t *testing.T) jetstream.JetStream {
	t.Helper()
	conn, err := natsgo.Connect(c.address(), c.login...)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	stream, err := jetstream.New(conn)
	require.NoError(t, err)
	return stream
}

// stream creates the stream of the subjects that tests publish to, or gives it this configuration.
func (c *counterpart) stream(t *testing.T, change func(*jetstream.StreamConfig)) {
	t.Helper()
	settings := jetstream.StreamConfig{Name: "DETECTIONS", Subjects: []string{"detections.>"}}
	if change != nil {
		change(&settings)
	}
	_, err := c.jetstream(t).CreateOrUpdateStream(t.Context(), settings)
	require.NoError(t, err)
}

// messages are what the stream holds, in its order.
func (c *counterpart) messages(t *testing.T) []*jetstream.RawStreamMsg {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	stream, err := c.jetstream(t).Stream(ctx, "DETECTIONS")
	require.NoError(t, err)
	info, err := stream.Info(ctx)
	require.NoError(t, err)
	var held []*jetstream.RawStreamMsg
	for sequence := max(info.State.FirstSeq, 1); sequence <= info.State.LastSeq; sequence++ {
		message, err := stream.GetMsg(ctx, sequence)
		require.NoError(t, err)
		held = append(held, message)
	}
	return held
}

func (c *counterpart) received(t *testing.T) []sinktest.Received {
	t.Helper()
	var received []sinktest.Received
	for _, message := range c.messages(t) {
		received = append(received, read(t, message))
	}
	return received
}

// read undoes what the sink has made of a result.
func read(t *testing.T, message *jetstream.RawStreamMsg) sinktest.Received {
	t.Helper()
	attribute := func(name string) string {
		value, err := url.PathUnescape(message.Header.Get("ce-" + name))
		require.NoError(t, err)
		return value
	}
	result := consign.Result{
		Source: attribute("source"), ID: attribute("id"), Subject: attribute("subject"),
		Type: strings.TrimPrefix(attribute("type"), "consign.result"),
		Data: message.Data,
	}
	if at := attribute("time"); at != "" {
		var err error
		result.Time, err = time.Parse(time.RFC3339Nano, at)
		require.NoError(t, err)
	}
	return sinktest.Received{DeliveryID: message.Header.Get("Nats-Msg-Id"), Result: result}
}

// open returns a sink that publishes to the test's subjects.
func open(t *testing.T, address string, change func(*nats.Config)) *nats.Sink {
	t.Helper()
	settings := nats.Config{Server: nats.Server{URL: address}, Subject: subject, IncidentSubject: incidents}
	if change != nil {
		change(&settings)
	}
	sink, err := nats.New(settings)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		require.NoError(t, sink.Close(ctx))
	})
	return sink
}

func deliver(t *testing.T, sink *nats.Sink, batch []sinks.Delivery) []error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	errs := sink.Deliver(ctx, batch)
	require.Len(t, errs, len(batch))
	return errs
}

// deliverAtLast delivers a batch again until all of it is taken: a connection that was lost a moment
// ago may still look whole.
func deliverAtLast(t *testing.T, sink *nats.Sink, batch []sinks.Delivery) {
	t.Helper()
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		for _, err := range deliver(t, sink, batch) {
			require.NoError(collect, err)
		}
	}, 20*time.Second, 10*time.Millisecond)
}

// proxy stands between a sink and the server, to hang and to break what is said between them.
type proxy struct {
	listener net.Listener
	target   string
	// hold is locked while nothing is passed on.
	hold sync.RWMutex
	// left is how many bytes the server is still sent before every connection is cut.
	left  atomic.Int64
	group sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	held  bool
}

const endless = 1 << 50

func between(t *testing.T, c *counterpart) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener, target: net.JoinHostPort(c.options.Host, strconv.Itoa(c.options.Port)), conns: map[net.Conn]struct{}{}}
	p.left.Store(endless)
	p.group.Go(p.accept)
	t.Cleanup(func() {
		p.resume()
		listener.Close()
		p.cut()
		p.group.Wait()
	})
	return p
}

func (p *proxy) address() string { return "nats://" + p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		upstream, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[upstream] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.group.Go(func() { p.pass(upstream, client, true) })
		p.group.Go(func() { p.pass(client, upstream, false) })
	}
}

func (p *proxy) pass(to, from net.Conn, counted bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 4<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.wait()
		if counted && p.left.Add(-int64(n)) < 0 {
			p.cut()
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// wait returns while nothing is held.
func (p *proxy) wait() {
	p.hold.RLock()
	p.hold.RUnlock() //nolint:gocritic,staticcheck // to wait for it is all
}

func (p *proxy) pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.held {
		p.hold.Lock()
		p.held = true
	}
}

func (p *proxy) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held {
		p.hold.Unlock()
		p.held = false
	}
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.Close()
	}
	clear(p.conns)
}
