package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/embedded"
)

// stopLimit bounds how long a server may take to stop.
const stopLimit = 30 * time.Second

// startServer starts a server with a database of its own.
func (b *bench) startServer(ctx context.Context, name string, stock bool) (*embedded.Server, error) {
	server, err := embedded.Start(ctx, embedded.Options{
		DataDir: filepath.Join(b.dir, name, "server"), Port: embedded.AnyPort, Headless: true, Stock: stock,
	})
	if err != nil {
		return nil, fmt.Errorf("starting a server: %w", err)
	}
	return server, nil
}

func stopServer(ctx context.Context, server *embedded.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	return server.Stop(ctx)
}

// withEngine calls use with a client of a tuned server, such as `consign up` runs.
func (b *bench) withEngine(ctx context.Context, name string, use func(client.Client) error) (err error) {
	server, err := b.startServer(ctx, name, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopServer(ctx, server)) }()
	temporal, err := dial(ctx, server.Address())
	if err != nil {
		return err
	}
	defer temporal.Close()
	return use(temporal)
}

// dial connects to a tuned server as a worker does.
func dial(ctx context.Context, address string) (client.Client, error) {
	connection, err := consign.Options{Address: address, Namespace: client.DefaultNamespace}.ClientOptions()
	if err != nil {
		return nil, err
	}
	temporal, err := client.DialContext(ctx, connection)
	if err != nil {
		return nil, fmt.Errorf("connecting to the server at %s: %w", address, err)
	}
	return temporal, nil
}
