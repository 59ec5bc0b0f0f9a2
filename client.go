package consign

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"
)

// DefaultAddress is where a Temporal is looked for when nothing names one.
const DefaultAddress = "127.0.0.1:7233"

// Options say which Temporal to talk to. What is left empty comes from the environment
// (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS…) or from the profile in
// temporal.toml, as for the temporal CLI.
type Options struct {
	// Address is host:port of the Temporal frontend. Default 127.0.0.1:7233.
	Address string
	// Namespace. Default "default".
	Namespace string
	// Profile of temporal.toml. Default TEMPORAL_PROFILE, then "default".
	Profile string
	// Identity is shown by Temporal as the author of what this client does. Default pid@host.
	Identity string
	// Logger of the SDK. Default: it says nothing.
	Logger log.Logger
	// Metrics gets what the SDK counts. Default: nothing does.
	Metrics client.MetricsHandler
}

// Client submits results. It is safe for use by several goroutines at once.
type Client struct {
	temporal client.Client
	owned    bool
	full     fullness
	meeting  *meeting
}

// Dial connects to Temporal. The error is [ErrUnreachable] when nothing answers there.
func Dial(ctx context.Context, o Options) (*Client, error) {
	connection, err := o.ClientOptions()
	if err != nil {
		return nil, err
	}
	temporal, err := client.DialContext(ctx, connection)
	if err != nil {
		return nil, connectError(connection, err)
	}
	return &Client{temporal: temporal, owned: true, meeting: newMeeting()}, nil
}

// NewClient submits through a Temporal client that the caller has and closes. In a process that
// also runs a Consign worker on the same client, a result is worked on without a round trip.
func NewClient(temporal client.Client) *Client {
	return &Client{temporal: temporal, meeting: newMeeting()}
}

// Close ends the connection that Dial made.
func (c *Client) Close() {
	if c.owned {
		c.temporal.Close()
	}
}

// ClientOptions are the options of a Temporal client that fit Consign, for programs that make their
// own: the connection as described at [Options], and the [DataConverter].
func (o Options) ClientOptions() (client.Options, error) {
	connection, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{ConfigFileProfile: o.Profile})
	if err != nil {
		return connection, fmt.Errorf("reading the connection to Temporal from the environment or temporal.toml: %w", err)
	}
	if o.Address != "" {
		connection.HostPort = o.Address
	}
	if connection.HostPort == "" {
		connection.HostPort = DefaultAddress
	}
	if o.Namespace != "" {
		connection.Namespace = o.Namespace
	}
	if connection.Namespace == "" {
		connection.Namespace = client.DefaultNamespace
	}
	connection.Identity = o.Identity
	connection.MetricsHandler = o.Metrics
	connection.Logger = o.Logger
	if connection.Logger == nil {
		connection.Logger = silent{}
	}
	connection.DataConverter = DataConverter()
	connection.ConnectionOptions.DialOptions = append(connection.ConnectionOptions.DialOptions, DialOptions()...)
	if loopback(connection.HostPort) {
		// The SDK compresses with gzip by default, which on loopback only costs.
		connection.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	}
	return connection, nil
}

// connectError says what a failed connection means to the person who asked for it.
func connectError(connection client.Options, err error) error {
	if _, ok := errors.AsType[*serviceerror.NamespaceNotFound](err); ok {
		return fmt.Errorf("%w: namespace %q at %s does not exist: run \"consign setup\"", ErrNotSetUp, connection.Namespace, connection.HostPort)
	}
	return fmt.Errorf("%w: nothing answers at %s (start one with \"consign up\", or set TEMPORAL_ADDRESS): %w",
		ErrUnreachable, connection.HostPort, err)
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// patience bounds a submission whose context has no deadline, in which the SDK's own retries of a
// Temporal that is away (up to 1 minute) fit once.
const patience = 70 * time.Second

type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
