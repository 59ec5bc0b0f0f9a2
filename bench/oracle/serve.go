package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// ledgerSuffix of the ledgers' names.
const ledgerSuffix = ".ledger.ndjson"

// listen at an address. After a kill the port may be somebody's for a moment: a client's own end of a
// connection gets any free one.
func listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	for deadline := time.Now().Add(20 * time.Second); err != nil && time.Now().Before(deadline); {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	}
	return listener, err
}

// serve answers at an address until ctx is over. It says on standard output that it listens.
func serve(ctx context.Context, address string, handler http.Handler) error {
	listener, err := listen(ctx, address)
	if err != nil {
		return err
	}
	sayReady()
	return serveOn(ctx, listener, handler)
}

func serveOn(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	err := server.Shutdown(stopping)
	if err != nil {
		err = server.Close() // somebody is kept waiting
	}
	if closed := <-served; !errors.Is(closed, http.ErrServerClosed) {
		err = errors.Join(err, closed)
	}
	return err
}

// sayReady tells the parent that this process works.
func sayReady() { fmt.Println(readyWord) }

const readyWord = "ready"
