package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
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
type broker struct {
	url     string
	input   io.Closer
	command *exec.Cmd
}

// startBroker runs this program once more, as a NATS server.
func startBroker(ctx context.Context, dir string) (*broker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("starting the NATS server: %w", err)
	}
	command := exec.CommandContext(context.WithoutCancel(ctx), self, brokerFlag, dir)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting the NATS server: %w", err)
	}
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting the NATS server: %w", err)
	}
	b := &broker{input: input, command: command}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the NATS server did not come up: %w", err), b.stop())
	}
	b.url = strings.TrimSpace(url)
	return b, nil
}

func (b *broker) stop() error { return errors.Join(b.input.Close(), b.command.Wait()) }

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
