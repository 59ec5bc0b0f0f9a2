package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/net/netutil"

	"github.com/consign-dev/consign/codec"
)

const (
	// codecListen is where the codec is served unless told otherwise.
	codecListen = "127.0.0.1:8089"
	// codecTimeout bounds reading a request, and answering it, each.
	codecTimeout = 10 * time.Second
	// codecConnections bounds those that are open at once.
	codecConnections = 64
)

func codecCommand() *cobra.Command {
	var (
		address string
		origins []string
	)
	cmd := &cobra.Command{
		Use:   "codec",
		Short: "Serve the codec by which a Web UI elsewhere shows what batches hold",
		Long: `Serve the codec by which a Web UI elsewhere, or the temporal CLI, shows the results of a batch, whose input is
compressed: POST /decode and /encode, by Temporal's protocol of codec servers. The Web UI of "consign up" has
it built in, at /codec.

It needs neither Temporal nor a configuration, keeps nothing, and has no secret: whoever asks brings the payloads.
It speaks plain HTTP; a Web UI over HTTPS needs a proxy with TLS in front of it, best at a path of its own origin.`,
		Example: `  consign codec --origin https://temporal.example.com
  consign codec --listen 0.0.0.0:8089 --origin https://temporal.example.com
  temporal workflow show -w ID --codec-endpoint http://127.0.0.1:8089
  temporal workflow show -w ID --codec-endpoint http://127.0.0.1:8233/codec    # with consign up`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runCodec(cmd, address, origins) },
	}
	cmd.Flags().StringVar(&address, "listen", codecListen, "host:port to serve it on; a port alone is on 127.0.0.1. On loopback it answers to its names and to the hosts of --origin only")
	cmd.Flags().StringArrayVar(&origins, "origin", nil, "origin of a Web UI whose pages may ask, such as https://temporal.example.com; may be repeated")
	return cmd
}

func runCodec(cmd *cobra.Command, address string, origins []string) error {
	ctx := cmd.Context()
	listener, err := listen(ctx, address, "the codec", "--listen")
	if err != nil {
		return err
	}
	local, _ := listener.Addr().(*net.TCPAddr)
	handler, err := codec.Handler(codec.Options{Origins: origins, Guarded: local != nil && local.IP.IsLoopback()})
	if err != nil {
		listener.Close()
		return usage(cmd, "--%w", err)
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	routes.Handle("/", handler)
	server := &http.Server{
		Handler: routes, ReadTimeout: codecTimeout, WriteTimeout: 2 * codecTimeout, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
	}
	if _, err := fmt.Fprintf(cmd.OutOrStdout(), "http://%s\n", listener.Addr()); err != nil {
		return errors.Join(err, listener.Close())
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(netutil.LimitListener(listener, codecConnections)) }()
	select {
	case err := <-served:
		return fmt.Errorf("the codec is no longer served: %w", err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), codecTimeout)
	defer cancel()
	if server.Shutdown(ending) != nil {
		_ = server.Close() // what is asked for is asked again
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the codec is no longer served: %w", err)
	}
	return nil
}
