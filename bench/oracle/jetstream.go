package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	subjectName = "results"
	streamName  = "RESULTS"
	// duplicateWindow is longer than a run, so that no delivery may ever be there twice.
	duplicateWindow = 24 * time.Hour
	natsWait        = 20 * time.Second
)

// hostJetStream starts a NATS server, with its stream in a file, behind a proxy.
func hostJetStream(ctx context.Context, r *rack, address string) error {
	conn, stream, err := r.startNATS(natsName, server.RANDOM_PORT)
	if err != nil {
		return err
	}
	_, err = stream.CreateStream(ctx, jetstream.StreamConfig{Name: streamName, Subjects: []string{subjectName}, Duplicates: duplicateWindow})
	if err != nil {
		return err
	}
	return r.between(ctx, natsName, address, conn.ConnectedAddr(), 60_000)
}

func connectJetStream(address string) (*nats.Conn, jetstream.JetStream, error) {
	conn, err := nats.Connect("nats://" + address)
	if err != nil {
		return nil, nil, err
	}
	stream, err := jetstream.New(conn)
	return conn, stream, err
}

// readJetStream reads every message of the stream, and when it was stored.
func readJetStream(ctx context.Context, _ *plan, address string) (taken, error) {
	conn, js, err := connectJetStream(address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stream, err := js.Stream(ctx, streamName)
	if err != nil {
		return nil, err
	}
	state := stream.CachedInfo().State
	found := taken{}
	for sequence := max(state.FirstSeq, 1); sequence <= state.LastSeq; sequence++ {
		m, err := stream.GetMsg(ctx, sequence)
		if err != nil {
			return nil, fmt.Errorf("reading message %d: %w", sequence, err)
		}
		t := take{at: m.Time.UnixNano(), delivery: m.Header.Get(nats.MsgIdHdr)}
		if err := found.add(m.Header.Get("ce-id"), m.Data, t); err != nil {
			return nil, err
		}
	}
	return found, nil
}
