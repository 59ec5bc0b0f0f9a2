package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// Poster posts one signed request. Its errors are those of a sink.
type Poster interface {
	Post(ctx context.Context, url, id string, first, at time.Time, body []byte, headers map[string]string) error
}

// Settler settles a message of a source. Its errors are those of a sink.
type Settler interface {
	// Settle acks the message for good, or has it terminated when it was rejected, and returns once the server
	// has said so.
	Settle(ctx context.Context, target consign.NATSTarget, rejected bool) error
}

// Ack is the activity "ack": it tells the upstream once. It runs inline first, then queued.
func (a *Activities) Ack(ctx context.Context, in consign.AckInput) error {
	now := a.Current()
	timeout := now.Config.Acks.Timeout
	if activity.GetInfo(ctx).IsLocalActivity {
		timeout = min(timeout, InlineLimit)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	span := spanOfAck(ctx, &in)
	defer span.End()
	err := a.ack(ctx, now, in, span.at)
	if err == nil {
		a.Metrics.acks.WithLabelValues(string(consign.AckSent)).Inc()
		a.Metrics.ackSeconds.Observe(max(time.Since(in.First), 0).Seconds())
		a.Tail.acked(in.Ack)
		return nil
	}
	failure := sinks.Classify(err)
	failure.Message = Clip(now.Config.Redact(failure.Message), maxCause)
	span.SetStatus(codes.Error, failure.Message)
	a.Log.Info("ack failed", zap.String("result", in.Ack.Source+"/"+in.Ack.ID), zap.String("cause", failure.Message))
	info := activity.GetInfo(ctx)
	attempt := int(info.Attempt)
	made := attempt
	if !info.IsLocalActivity {
		made++ // the inline try came before
	}
	if failure.Permanent || !info.IsLocalActivity && attempt >= *now.Config.Acks.Retry.Max {
		a.Metrics.acks.WithLabelValues(string(consign.AckFailed)).Inc()
	}
	return temporal.NewApplicationErrorWithOptions(failure.Message, failure.Label, temporal.ApplicationErrorOptions{
		NonRetryable:   failure.Permanent,
		NextRetryDelay: now.ackPolicy().next(made, failure.After),
		Category:       temporal.ApplicationErrorCategoryBenign,
	})
}

func (a *Activities) ack(ctx context.Context, now *Current, in consign.AckInput, at consign.TraceContext) error {
	if err := in.Target.Check(); err != nil {
		return sinks.Permanent(sinks.Label(err, "bad target"))
	}
	switch {
	case in.Target.Signal != nil:
		s := in.Target.Signal
		err := a.Temporal.SignalWorkflow(ctx, s.WorkflowID, s.RunID, s.SignalName(), in.Ack)
		if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
			return sinks.Permanent(sinks.Label(errors.New("the workflow that waits for the ack is closed or unknown: "+s.WorkflowID), "no such workflow"))
		}
		if invalid, ok := errors.AsType[*serviceerror.InvalidArgument](err); ok {
			return sinks.Permanent(sinks.Label(fmt.Errorf("signalling %s: %w", Clip(s.WorkflowID, 100), invalid), "refused by temporal"))
		}
		return err
	case in.Target.HTTP != nil:
		if now.Acks == nil {
			return errors.New("this worker cannot send acks over HTTP")
		}
		body, err := in.Ack.Encode()
		if err != nil {
			return sinks.Permanent(err)
		}
		return now.Acks.Post(ctx, in.Target.HTTP.URL, consign.DeliveryID(in.Ack.Source, in.Ack.ID, config.AckSink), in.First, a.began(ctx, in.First), body, at.Headers())
	case in.Target.NATS != nil:
		if a.NATS == nil {
			// Not for good: another worker may have it.
			return sinks.Label(fmt.Errorf("this worker has no source %q to ack at: give it the configuration of the others", Clip(in.Target.NATS.Source, 100)), "no such source")
		}
		return a.NATS.Settle(ctx, *in.Target.NATS, rejected(in.Ack.Receipt))
	}
	return sinks.Permanent(errors.New("the ack target names no signal, no URL and no message"))
}

// rejected tells whether the one result of an ack was refused.
func rejected(receipt consign.Receipt) bool {
	return slices.ContainsFunc(receipt.Unrouted, func(u consign.Unrouted) bool { return u.Outcome == consign.Rejected })
}
