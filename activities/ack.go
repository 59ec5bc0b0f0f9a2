package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

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

// Ack is the activity "ack": it tells the upstream once. It runs inline first, then queued.
func (a *Activities) Ack(ctx context.Context, in consign.AckInput) error {
	timeout := a.Config.Acks.Timeout
	if activity.GetInfo(ctx).IsLocalActivity {
		timeout = min(timeout, InlineLimit)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := a.ack(ctx, in)
	if err == nil {
		a.Metrics.acks.WithLabelValues(string(consign.AckSent)).Inc()
		return nil
	}
	failure := sinks.Classify(err)
	failure.Message = Clip(a.Config.Redact(failure.Message), maxCause)
	a.Log.Info("ack failed", zap.String("result", in.Ack.Source+"/"+in.Ack.ID), zap.String("cause", failure.Message))
	info := activity.GetInfo(ctx)
	attempt := int(info.Attempt)
	made := attempt
	if !info.IsLocalActivity {
		made++ // the inline try came before
	}
	if failure.Permanent || !info.IsLocalActivity && attempt >= *a.Config.Acks.Retry.Max {
		a.Metrics.acks.WithLabelValues(string(consign.AckFailed)).Inc()
	}
	return temporal.NewApplicationErrorWithOptions(failure.Message, failure.Label, temporal.ApplicationErrorOptions{
		NonRetryable:   failure.Permanent,
		NextRetryDelay: a.ackPolicy().next(made, failure.After),
		Category:       temporal.ApplicationErrorCategoryBenign,
	})
}

func (a *Activities) ack(ctx context.Context, in consign.AckInput) error {
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
		if a.Acks == nil {
			return errors.New("this worker cannot send acks over HTTP")
		}
		body, err := in.Ack.Encode()
		if err != nil {
			return sinks.Permanent(err)
		}
		return a.Acks.Post(ctx, in.Target.HTTP.URL, consign.DeliveryID(in.Ack.Source, in.Ack.ID, config.AckSink), in.First, a.began(ctx, in.First), body, nil)
	}
	return sinks.Permanent(errors.New("the ack target names neither a signal nor a URL"))
}
