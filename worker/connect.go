package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/consign-dev/consign"
)

// heals tells whether waiting may help: not against credentials that are refused.
func heals(err error) bool {
	var answered interface{ Status() *status.Status }
	if !errors.As(err, &answered) {
		return true
	}
	switch answered.Status().Code() {
	case codes.PermissionDenied, codes.Unauthenticated, codes.InvalidArgument, codes.Unimplemented:
		return false
	default:
		return true
	}
}

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
		if !heals(err) {
			return nil, options, fmt.Errorf("connecting to Temporal at %s: %w", options.HostPort, err)
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
