package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/consign-dev/consign"
)

const (
	streamName    = "DETECTIONS"
	streamSubject = "detections"
)

// startStream starts a NATS server with JetStream, and creates the stream.
func startStream(ctx context.Context, dir string) (*server.Server, error) {
	running, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT,
		JetStream: true, StoreDir: dir,
		NoLog: true, NoSigs: true,
	})
	if err != nil {
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	running.Start()
	if !running.ReadyForConnections(closeTime) {
		err = fmt.Errorf("start NATS: it does not listen after %s", closeTime)
	} else {
		err = createStream(ctx, running)
	}
	if err != nil {
		stopStream(running)
		return nil, err
	}
	return running, nil
}

func createStream(ctx context.Context, running *server.Server) error {
	conn, err := nats.Connect("", nats.InProcessServer(running))
	if err != nil {
		return fmt.Errorf("connect to NATS: %w", err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err == nil {
		_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: streamName, Subjects: []string{streamSubject}})
	}
	if err != nil {
		return fmt.Errorf("create the stream: %w", err)
	}
	return nil
}

func stopStream(running *server.Server) {
	running.Shutdown()
	running.WaitForShutdown()
}

// readStream reads every message that the stream holds.
func readStream(ctx context.Context, conn *nats.Conn) ([]kept, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, fmt.Errorf("read the stream: %w", err)
	}
	stream, err := js.Stream(ctx, streamName)
	if err != nil {
		return nil, fmt.Errorf("read the stream: %w", err)
	}
	var held []kept
	last := stream.CachedInfo().State.LastSeq // the stream is a moment old at most
	for sequence := uint64(1); sequence <= last; sequence++ {
		message, err := stream.GetMsg(ctx, sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // deleted
		}
		if err != nil {
			return nil, fmt.Errorf("read message %d of the stream: %w", sequence, err)
		}
		held = append(held, kept{
			deliveryID: message.Header.Get(nats.MsgIdHdr),
			// What needs an escape there is none of the demo's.
			result: consign.Result{
				Source: message.Header.Get("ce-source"), ID: message.Header.Get("ce-id"), Data: json.RawMessage(message.Data),
			},
		})
	}
	return held, nil
}
