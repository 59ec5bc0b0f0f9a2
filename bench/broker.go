package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	brokerSubject = "results"
	brokerStream  = "RESULTS"
	brokerWait    = 20 * time.Second
)

// serveBroker is the other process: a NATS server with a JetStream stream in a file, until in ends. The first
// line of out is its URL.
func serveBroker(ctx context.Context, in io.Reader, out io.Writer, dir string) error {
	running, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true,
	})
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	running.Start()
	defer func() {
		running.Shutdown()
		running.WaitForShutdown()
	}()
	if !running.ReadyForConnections(brokerWait) {
		return errors.New("broker: the server does not start")
	}
	url := "nats://" + running.Addr().String()
	conn, err := nats.Connect(url)
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	defer conn.Close()
	stream, err := jetstream.New(conn)
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	if _, err := stream.CreateStream(ctx, jetstream.StreamConfig{Name: brokerStream, Subjects: []string{brokerSubject}}); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	if _, err := fmt.Fprintln(out, url); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// broker is that process as seen from here.
type broker struct{ *child }

func startBroker(ctx context.Context, dir string) (*broker, error) {
	c, err := startChild(ctx, "the NATS server", brokerFlag, dir)
	return &broker{c}, err
}

// messages is how many the stream holds.
func (b *broker) messages(ctx context.Context) (int64, error) {
	conn, err := nats.Connect(b.url)
	if err != nil {
		return 0, fmt.Errorf("asking the NATS server: %w", err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return 0, err
	}
	stream, err := js.Stream(ctx, brokerStream)
	if err != nil {
		return 0, fmt.Errorf("asking the NATS server: %w", err)
	}
	return int64(stream.CachedInfo().State.Msgs), nil //nolint:gosec // there are fewer
}
