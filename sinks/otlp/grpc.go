package otlp

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
)

const (
	// dialTimeout is how long one try to connect may take.
	dialTimeout = 10 * time.Second
	// firstPause and longestPause are the times between two tries to connect to a receiver that is away.
	// While one lasts, deliveries fail at once, though the receiver may be back.
	firstPause, longestPause = 250 * time.Millisecond, time.Second
	// idleTimeout is how long a connection that nobody uses is kept, and one that cannot be made is tried.
	idleTimeout = 90 * time.Second
	// pingInterval is the least time between pings that a server of gRPC allows. What matters is the
	// other: where data is not acknowledged for pingTimeout, Linux gives the connection up, so that a receiver
	// that went away silently is known to be gone.
	pingInterval, pingTimeout = 5 * time.Minute, 20 * time.Second
)

// overGRPC exports by LogsService/Export.
type overGRPC struct {
	receiver receiver
	conn     *grpc.ClientConn
	metadata metadata.MD
	options  []grpc.CallOption
}

func newOverGRPC(c Config, at place, security *tls.Config, to receiver) (*overGRPC, error) {
	trust := insecure.NewCredentials()
	if security != nil {
		trust = credentials.NewTLS(security)
	}
	conn, err := grpc.NewClient("dns:///"+at.host,
		grpc.WithTransportCredentials(trust),
		grpc.WithUserAgent("consign"),
		grpc.WithDisableRetry(), // Consign's own can be seen
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(idleTimeout),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstPause, Multiplier: 2, Jitter: 0.5, MaxDelay: longestPause},
			MinConnectTimeout: dialTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingInterval, Timeout: pingTimeout}),
	)
	if err != nil {
		return nil, fmt.Errorf("make a client of gRPC for %s: %w", at.name(), err)
	}
	o := &overGRPC{receiver: to, conn: conn, metadata: metadata.New(revealed(c.Headers))}
	if c.Compression == gzipped {
		o.options = append(o.options, grpc.UseCompressor(gzip.Name))
	}
	return o, nil
}

func (o *overGRPC) export(ctx context.Context, request *collector.ExportLogsServiceRequest) (*collector.ExportLogsServiceResponse, error) {
	var header, trailer metadata.MD
	options := append([]grpc.CallOption{grpc.Header(&header), grpc.Trailer(&trailer)}, o.options...)
	answer, err := collector.NewLogsServiceClient(o.conn).Export(metadata.NewOutgoingContext(ctx, o.metadata), request, options...)
	switch {
	case err == nil:
		return answer, nil
	case len(header)+len(trailer) == 0, ctx.Err() != nil:
		// The library has a code for what it could not do itself, too; a server's answer has headers.
		return nil, o.receiver.unanswered(ctx, err)
	}
	return nil, o.receiver.code(err)
}

func (o *overGRPC) close() error { return o.conn.Close() }
