package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
)

// acks tells upstreams that results are committed, each as soon as it is.
type acks struct {
	targets [][]consign.AckTarget // by result
	over    []bool                // by result: it is committed
	pending int
	sent    int
	queued  bool // an ack goes on after its first attempt
	outcome consign.AckOutcome
	errors  []consign.AckError
}

func newAcks(in consign.Consignment) acks {
	a := acks{
		targets: make([][]consign.AckTarget, len(in.Results)),
		over:    make([]bool, len(in.Results)),
		outcome: consign.AckNone,
	}
	for i, entry := range in.Results {
		// An incident carries no ack.
		if entry.Ack != nil && entry.Type != consign.IncidentType {
			a.targets[i] = append(a.targets[i], *entry.Ack)
		}
	}
	return a
}

// ready sends the acks of a result that is committed.
func (a *acks) ready(ctx workflow.Context, d *delivery, i int) {
	a.over[i] = true
	for _, target := range a.targets[i] {
		a.send(ctx, d, i, target)
	}
}

// add is one more place to ack a result to. One that the ack is still to be sent to needs no second.
func (a *acks) add(ctx workflow.Context, d *delivery, i int, target consign.AckTarget) {
	if a.over[i] {
		a.targets[i] = append(a.targets[i], target)
		a.send(ctx, d, i, target)
		return
	}
	for _, other := range a.targets[i] {
		if other.Equal(target) {
			return
		}
	}
	a.targets[i] = append(a.targets[i], target)
}

func (a *acks) send(ctx workflow.Context, d *delivery, i int, target consign.AckTarget) {
	always, _ := workflow.NewDisconnectedContext(ctx)
	receipt := d.receiptOf(i)
	in := consign.AckInput{
		Target: target,
		Ack:    consign.Ack{Source: d.in.Results[i].Source, ID: d.in.Results[i].ID, Receipt: receipt},
		First:  workflow.Now(ctx),

		TraceContext: d.in.Results[i].TraceContext,
	}
	a.pending++
	workflow.Go(always, func(ctx workflow.Context) {
		a.sent++
		err := a.deliver(ctx, d, fmt.Sprintf("ack %d", a.sent), in)
		a.pending--
		if err == nil {
			if a.outcome == consign.AckNone {
				a.outcome = consign.AckSent
			}
			return
		}
		a.outcome = consign.AckFailed
		a.errors = append(a.errors, consign.AckError{Index: i, Cause: messageOf(err)})
	})
}

// deliver tries once inline, then queued.
func (a *acks) deliver(ctx workflow.Context, d *delivery, id string, in consign.AckInput) error {
	policy := d.routed.AckPolicy
	local := workflow.WithLocalActivityOptions(ctx, inlineOptions("ack to the upstream"))
	err := workflow.ExecuteLocalActivity(local, consign.AckActivity, in).Get(ctx, nil)
	if err == nil || policy.RetryMax < 1 {
		return err
	}
	wait := policy.Delay(1)
	if failure, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		if failure.NonRetryable() {
			return err
		}
		wait = max(wait, failure.NextRetryDelay())
	}
	a.queued = true
	if err := workflow.Sleep(ctx, wait); err != nil {
		return err
	}
	if err := d.pacer.admit(ctx, ackSize(in)); err != nil {
		return err
	}
	options := workflow.ActivityOptions{
		ActivityID:          id,
		StartToCloseTimeout: policy.Timeout.Duration() + 5*time.Second,
		RetryPolicy:         retryPolicy(policy, policy.RetryMax),
		Summary:             "ack to the upstream",
	}
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), consign.AckActivity, in).Get(ctx, nil)
}

// ackSize is about what an ack takes in an activity's input.
func ackSize(in consign.AckInput) int {
	size := 1024
	for _, leg := range in.Ack.Receipt.Legs {
		size += len(leg.Cause) + len(leg.DeadLetter) + 256
	}
	return size
}

// messageOf is the cause of an activity's failure without the layers around it.
func messageOf(err error) string {
	if failure, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return failure.Message()
	}
	return err.Error()
}
