package deadletters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
)

// Draining says how to drain.
type Draining struct {
	// ParkAfter is how long after the beginning what is still open is cancelled, and so parked.
	// 0: never.
	ParkAfter time.Duration
	// Report hears of each look at what is open. Nil: nobody does.
	Report func(Remaining)
}

// Remaining is what a look at a Temporal that is being drained has found.
type Remaining struct {
	// Open counts the deliveries that are not over, Retrying those of them that have failed at a sink
	// and are tried again.
	Open     int64 `json:"open"`
	Retrying int64 `json:"retrying"`
	// Sinks counts attempts under way or waiting, by sink, and IDs names some of the open deliveries;
	// only where few are open.
	Sinks map[string]int `json:"sinks,omitempty"`
	IDs   []string       `json:"ids,omitempty"`
	// New counts deliveries that have begun since the drain did: whatever submits must be stopped
	// first.
	New int64 `json:"new"`
	// Cancelled counts the deliveries that were cancelled so that they park.
	Cancelled int64 `json:"cancelled"`
	// Unattended is true when no worker asks for work, so that nothing goes on.
	Unattended bool `json:"unattended,omitempty"`
	// Unreachable is true when Temporal did not answer; the rest is what it said before.
	Unreachable bool `json:"unreachable,omitempty"`
	// DeadLetters counts the open ones, Replaying those of them of which a replay is under way.
	DeadLetters int64 `json:"dead_letters"`
	Replaying   int64 `json:"replaying"`
}

const (
	// drainPause is the time between two looks. Nothing open and nothing new in two looks in a row is
	// what ends a drain, since visibility may be behind by a moment.
	drainPause = time.Second
	// fewOpen is up to how many open deliveries are asked one by one what they wait for.
	fewOpen = 50
	// skew is by how much the clocks of this machine and of Temporal may differ.
	skew = 10 * time.Minute
)

// Drain waits until no delivery is open, so that only dead letters are left, which [Export] takes
// along. It starts and stops nothing: stop whatever submits first, and leave the workers running.
// It can be broken off and begun again at any time, and outlasts restarts of Temporal.
//
// ctx bounds it. The error then says so, and what is returned beside it is what was left.
func Drain(ctx context.Context, temporal client.Client, options Draining) (Remaining, error) {
	d := &drain{temporal: temporal, since: time.Now().Add(-skew)}
	var park <-chan time.Time
	if options.ParkAfter > 0 {
		timer := time.NewTimer(options.ParkAfter)
		defer timer.Stop()
		park = timer.C
	}
	report := options.Report
	if report == nil {
		report = func(Remaining) {}
	}
	parking := false
	var last Remaining
	for quiet := false; ; {
		now, err := d.look(ctx, parking)
		switch {
		case ctx.Err() != nil:
			return last, fmt.Errorf("draining: %w", ctx.Err())
		case errors.Is(err, consign.ErrUnreachable):
			quiet = false // it will come back with what it held
			now = last
			now.Unreachable = true
			report(now)
		case err != nil:
			return last, err
		default:
			report(now)
			if now.Open == 0 && quiet && now.New == last.New {
				return now, nil
			}
			quiet, last = now.Open == 0, now
		}
		select {
		case <-ctx.Done():
		case <-park:
			parking = true
		case <-time.After(drainPause):
		}
	}
}

type drain struct {
	temporal  client.Client
	since     time.Time
	looks     int
	before    int64    // deliveries that began after since and before the second look
	cancelled sync.Map // by run
	cancels   atomic.Int64
}

const (
	anyDelivery  = "WorkflowType = '" + consign.DeliverWorkflow + "'"
	openDelivery = anyDelivery + " AND ExecutionStatus = 'Running'"
)

// begun counts the deliveries that have begun of late.
func (d *drain) begun(ctx context.Context) (int64, error) {
	return count(ctx, d.temporal, fmt.Sprintf("%s AND StartTime >= '%s'", anyDelivery, d.since.UTC().Format(time.RFC3339)))
}

// look looks once, and cancels what is open if that is to be parked.
func (d *drain) look(ctx context.Context, park bool) (now Remaining, err error) {
	defer func() {
		if err != nil {
			err = explain("looking at what is open", err)
		}
	}()
	letters := Filter{}
	replaying := Filter{State: consign.StateRetrying}
	for _, counted := range []struct {
		query string
		into  *int64
	}{
		{openDelivery, &now.Open},
		{openDelivery + " AND " + consign.StateAttribute + " = " + quote(consign.StateRetrying), &now.Retrying},
		{letters.query(), &now.DeadLetters},
		{replaying.query(), &now.Replaying},
	} {
		if *counted.into, err = count(ctx, d.temporal, counted.query); err != nil {
			return now, err
		}
	}
	begun, err := d.begun(ctx)
	if err != nil {
		return now, err
	}
	// What began just before the drain may be listed only by the second look.
	if d.looks < 2 {
		d.looks++
		d.before = begun
	}
	now.New = max(begun-d.before, 0) // old ones are deleted when their retention is over
	if now.Open > 0 {
		if err := d.inspect(ctx, &now); err != nil {
			return now, err
		}
	}
	if park && now.Open > 0 {
		err = d.cancel(ctx)
	}
	now.Cancelled = d.cancels.Load()
	return now, err
}

// inspect finds out what the open ones wait for.
func (d *drain) inspect(ctx context.Context, now *Remaining) error {
	queue, err := d.temporal.DescribeTaskQueue(ctx, consign.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return err
	}
	now.Unattended = len(queue.GetPollers()) == 0
	if now.Open > fewOpen {
		return nil
	}
	now.Sinks = map[string]int{}
	for execution, err := range executions(ctx, d.temporal, openDelivery, fewOpen) {
		if err != nil {
			return err
		}
		id := execution.GetExecution().GetWorkflowId()
		now.IDs = append(now.IDs, id)
		description, err := d.temporal.DescribeWorkflowExecution(ctx, id, execution.GetExecution().GetRunId())
		if gone(err) {
			continue
		}
		if err != nil {
			return err
		}
		for _, activity := range description.GetPendingActivities() {
			if sink, ok := strings.CutPrefix(activity.GetActivityOptions().GetTaskQueue().GetName(), consign.SinkQueue("")); ok {
				now.Sinks[sink]++
			}
		}
	}
	return nil
}

// cancel cancels every open delivery once, which parks what it has not delivered.
func (d *drain) cancel(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for execution, err := range executions(ctx, d.temporal, openDelivery, 0) {
		if err != nil {
			group.Go(func() error { return err })
			break
		}
		id, run := execution.GetExecution().GetWorkflowId(), execution.GetExecution().GetRunId()
		if _, before := d.cancelled.Load(run); before {
			continue
		}
		group.Go(func() error {
			err := d.temporal.CancelWorkflow(ctx, id, run)
			if _, before := errors.AsType[*serviceerror.CancellationAlreadyRequested](err); err != nil && !before && !gone(err) {
				return err
			}
			d.cancelled.Store(run, true)
			d.cancels.Add(1)
			return nil
		})
	}
	return group.Wait()
}

// gone tells that a workflow has closed, or is forgotten.
func gone(err error) bool {
	_, ok := errors.AsType[*serviceerror.NotFound](err)
	return ok
}
