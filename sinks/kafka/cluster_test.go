package kafka_test

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/kafka"
	"github.com/consign-dev/consign/sinks/sinktest"
)

const (
	topic     = "detections"
	incidents = "incidents"
	password  = "B0DEADBEEF0-password"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counterpart is a cluster of one broker in this process, which can go away and come back with what it
// holds, and which can stop to listen.
type counterpart struct {
	port    int
	options []kfake.Opt
	reader  []kgo.Opt

	mu      sync.Mutex
	cluster *kfake.Cluster
	// hold is locked while the broker hears nothing.
	hold sync.RWMutex
	held bool
}

// serve starts a cluster with a topic of that many partitions and one for incidents. reader is how the
// test itself connects.
func serve(t *testing.T, partitions int32, options []kfake.Opt, reader ...kgo.Opt) *counterpart {
	t.Helper()
	c := &counterpart{port: freePort(t), reader: reader}
	c.options = append([]kfake.Opt{
		kfake.Ports(c.port), kfake.DataDir(t.TempDir()), kfake.ListenFn(c.listen),
		kfake.SeedTopics(partitions, topic), kfake.SeedTopics(1, incidents),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": "2000000"}),
	}, options...)
	t.Cleanup(func() { c.resume(); c.stop() })
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

// start starts the cluster unless it runs.
func (c *counterpart) start(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cluster != nil {
		return
	}
	cluster, err := kfake.NewCluster(c.options...)
	require.NoError(t, err)
	c.cluster = cluster
}

func (c *counterpart) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cluster != nil {
		c.cluster.Close()
		c.cluster = nil
	}
}

func (c *counterpart) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

// records are what a topic holds, partition by partition, read by a consumer of the test's own.
func (c *counterpart) records(t *testing.T, topic string) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	offsets, want := map[int32]kgo.Offset{}, int64(0)
	for _, partition := range c.cluster.PartitionInfos(topic) {
		offsets[partition.Partition] = kgo.NewOffset().AtStart()
		want += partition.HighWatermark
	}
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.address()), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}),
	}, c.reader...)...)
	require.NoError(t, err)
	defer client.Close()
	var held []*kgo.Record
	for int64(len(held)) < want {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		held = append(held, fetches.Records()...)
	}
	return held
}

func (c *counterpart) received(t *testing.T) []sinktest.Received {
	t.Helper()
	var received []sinktest.Received
	for _, record := range append(c.records(t, topic), c.records(t, incidents)...) {
		received = append(received, read(t, record))
	}
	return received
}

// read undoes what the sink has made of a result.
func read(t *testing.T, record *kgo.Record) sinktest.Received {
	t.Helper()
	attributes := map[string]string{}
	for _, header := range record.Headers {
		attributes[strings.TrimPrefix(header.Key, "ce_")] = string(header.Value)
	}
	result := consign.Result{
		Source: attributes["source"], ID: attributes["id"], Subject: attributes["subject"],
		Type: strings.TrimPrefix(attributes["type"], "consign.result"),
		Data: record.Value,
	}
	if at := attributes["time"]; at != "" {
		var err error
		result.Time, err = time.Parse(time.RFC3339Nano, at)
		require.NoError(t, err)
	}
	return sinktest.Received{DeliveryID: attributes["deliveryid"], Result: result}
}

// open returns a sink that produces to the test's topics.
func open(t *testing.T, c *counterpart, change func(*kafka.Config)) *kafka.Sink {
	t.Helper()
	settings := kafka.Config{Brokers: []string{c.address()}, Topic: topic, IncidentTopic: incidents, MaxMessageBytes: 2_000_000}
	if change != nil {
		change(&settings)
	}
	sink, err := kafka.New(settings)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		require.NoError(t, sink.Close(ctx))
	})
	return sink
}

func deliver(t *testing.T, sink *kafka.Sink, batch []sinks.Delivery) []error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	errs := sink.Deliver(ctx, batch)
	require.Len(t, errs, len(batch))
	return errs
}

// deliverAtLast delivers a batch again until all of it is taken: a connection that was lost a moment
// ago may still look whole.
func deliverAtLast(t *testing.T, sink *kafka.Sink, batch []sinks.Delivery) {
	t.Helper()
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		for _, err := range deliver(t, sink, batch) {
			require.NoError(collect, err)
		}
	}, 20*time.Second, 10*time.Millisecond)
}

// listen is a listener whose connections hear nothing while the counterpart is paused.
func (c *counterpart) listen(network, address string) (net.Listener, error) {
	listener, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return &deafListener{listener, c}, nil
}

type deafListener struct {
	net.Listener
	counterpart *counterpart
}

func (l *deafListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &deafConn{conn, l.counterpart}, nil
}

type deafConn struct {
	net.Conn
	counterpart *counterpart
}

func (c *deafConn) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	c.counterpart.wait()
	return n, err
}

func (c *counterpart) wait() {
	c.hold.RLock()
	c.hold.RUnlock() //nolint:gocritic,staticcheck // to wait for it is all
}

func (c *counterpart) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.held {
		c.hold.Lock()
		c.held = true
	}
}

func (c *counterpart) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held {
		c.hold.Unlock()
		c.held = false
	}
}
