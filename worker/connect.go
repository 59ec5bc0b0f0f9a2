package worker

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
)

// Connect dials Temporal, and waits for one that is not up yet: it says so once, and once more when
// it is there. It gives up when ctx is over, or on an error that waiting does not heal.
func Connect(ctx context.Context, o consign.Options, log *zap.Logger) (client.Client, client.Options, error) {
	if o.Logger == nil {
		o.Logger = SDKLog(log)
	}
	options, err := o.ClientOptions()
	if err != nil {
		return nil, options, err
	}
	waited := false
	for {
		temporal, err := client.DialContext(ctx, options)
		if err == nil {
			if waited {
				log.Info("temporal is there", zap.String("address", options.HostPort))
			}
			return temporal, options, nil
		}
		if ctx.Err() != nil {
			return nil, options, errors.Join(ctx.Err(), err)
		}
		if !waited {
			log.Warn("waiting for temporal", zap.String("address", options.HostPort), zap.Error(err))
			waited = true
		}
		select {
		case <-ctx.Done():
			return nil, options, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}
