package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"github.com/consign-dev/consign/cmd/internal/exit"
)

// listen listens for what is served, as a flag says: on a host:port, or on a port of 127.0.0.1.
func listen(ctx context.Context, address, what, flag string) (net.Listener, error) {
	if _, err := strconv.ParseUint(address, 10, 16); err == nil {
		address = net.JoinHostPort("127.0.0.1", address)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, exit.With(exit.Usage, fmt.Errorf("address %s for %s is in use by another program: stop that one, or choose another with %s", address, what, flag))
	}
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("listen on %s for %s: %w: give %s as host:port or as a port", address, what, err, flag))
	}
	return listener, nil
}
