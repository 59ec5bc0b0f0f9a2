package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
)

// dialTimeout bounds the first contact with Temporal.
const dialTimeout = 5 * time.Second

// addConnection adds the flags that say which Temporal to talk to.
func addConnection(cmd *cobra.Command, o *consign.Options) {
	flags := cmd.PersistentFlags()
	flags.StringVar(&o.Address, "address", "", "host:port of Temporal (default $TEMPORAL_ADDRESS, else the profile's, else "+consign.DefaultAddress+")")
	flags.StringVar(&o.Namespace, "namespace", "", `namespace in Temporal (default $TEMPORAL_NAMESPACE, else the profile's, else "default")`)
	flags.StringVar(&o.Profile, "profile", "", `profile of temporal.toml (default $TEMPORAL_PROFILE, else "default")`)
}

// dial connects to Temporal and returns the namespace beside it.
func dial(ctx context.Context, o consign.Options) (client.Client, string, error) {
	temporal, options, err := dialAt(ctx, o)
	return temporal, options.Namespace, err
}

// dialAt connects to Temporal and says how.
func dialAt(ctx context.Context, o consign.Options) (client.Client, client.Options, error) {
	options, err := o.ClientOptions()
	if err != nil {
		return nil, options, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	temporal, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, options, fmt.Errorf("%w: nothing answers at %s (start one with \"consign up\", or name another with --address or TEMPORAL_ADDRESS): %w",
			consign.ErrUnreachable, options.HostPort, err)
	}
	return temporal, options, nil
}
