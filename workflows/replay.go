package workflows

import (
	"cmp"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
)

// replayRank is the priority of a replay's attempts: below that of live results, which is 3, so that a
// replay of thousands does not hold them up.
const replayRank = 4

// replay delivers once more what is held, by a fresh leg with the old identity and a full budget,
// and holds what fails again.
func (d *deadLetter) replay(ctx workflow.Context) {
	d.record.State = stateReplaying
	d.record.Replays++
	d.upsert(ctx, consign.StateRetrying)
	legs, err := d.route(ctx)
	if err == nil && len(d.pending) == 0 {
		d.unwanted(ctx)
		return
	}
	if err != nil || len(legs) == 0 {
		d.park(ctx, "unknown sink", d.nowhere(err))
		return
	}
	over := workflow.NewWaitGroup(ctx)
	for _, l := range legs {
		over.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer over.Done()
			l.run(ctx)
		})
	}
	always, _ := workflow.NewDisconnectedContext(ctx)
	over.Wait(always)
	if len(d.pending) == 0 {
		d.end(ctx, consign.StateReplayed)
		return
	}
	last := d.last()
	if last.label == "" {
		last = end{label: "unmatched", cause: d.nowhere(nil)}
	}
	d.park(ctx, last.label, last.cause)
}

// park holds what is left after a replay that failed.
func (d *deadLetter) park(ctx workflow.Context, label, cause string) {
	var left []consign.Result
	for _, position := range d.pending {
		left = append(left, d.record.Results[position])
	}
	d.record.Results = left
	d.record.Label, d.record.Cause = label, cause
	d.record.State = consign.StateParked
	_ = workflow.UpsertTypedSearchAttributes(ctx,
		temporal.NewSearchAttributeKeyKeyword(consign.StateAttribute).ValueSet(consign.StateParked),
		temporal.NewSearchAttributeKeyKeyword(consign.CauseAttribute).ValueSet(label))
	_ = workflow.UpsertMemo(ctx, map[string]any{consign.HeaderMemo: d.record.Header()})
}

func (d *deadLetter) nowhere(err error) string {
	switch {
	case err != nil:
		return "routing for the replay failed: " + messageOf(err)
	case d.record.ReplayedTo != "":
		return fmt.Sprintf("no worker has a sink %q to send it to: configure it, or replay to another", d.record.ReplayedTo)
	case d.record.Sink == config.NoSink:
		return "still no sink wants this result"
	}
	return fmt.Sprintf("sink %q is not configured any more: configure it, or an alias for it, and replay again", d.record.Sink)
}

// routedInline is the change by which a replay to a sink that this worker has is routed by a local activity.
const routedInline = "a replay is routed inline"

// ask has a worker route the replay. Where a sink is named, and this worker has it, that takes no task: thousands of
// replays are then a third faster. One that does not know the sink names the sink's queue as the place
// to ask, if that is polled; when nobody there takes it up, workers are asked anew.
func (d *deadLetter) ask(ctx workflow.Context, in activities.RouteInput) (activities.Route, error) {
	id := fmt.Sprintf("route %d", d.record.Replays)
	if in.Sink != "" && len(in.Results) == 0 && (d.inline || workflow.GetVersion(ctx, routedInline, workflow.DefaultVersion, 1) > workflow.DefaultVersion) {
		var route activities.Route
		err := workflow.ExecuteLocalActivity(workflow.WithLocalActivityOptions(ctx, routeOptions()), consign.RouteActivity, in).Get(ctx, &route)
		if err == nil && len(route.Legs) > 0 {
			return route, nil
		}
	}
	anyone := unlimited(id)
	// Not the worker that holds this workflow each time: of what no sink wanted, another may know better.
	anyone.DisableEagerExecution = true
	for {
		var route activities.Route
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, anyone), consign.RouteActivity, in).Get(ctx, &route)
		if err != nil || !route.Elsewhere {
			return route, err
		}
		route = activities.Route{}
		err = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, elsewhere(id, in.Sink)), consign.RouteActivity, in).Get(ctx, &route)
		if timeout, ok := errors.AsType[*temporal.TimeoutError](err); !ok || timeout.TimeoutType() != enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START {
			return route, err
		}
	}
}

// route asks for the sink's settings of today. What no sink wanted is routed again.
func (d *deadLetter) route(ctx workflow.Context) ([]*leg, error) {
	d.pending = make([]int, len(d.record.Results))
	for i := range d.pending {
		d.pending[i] = i
	}
	d.failed = make([]end, len(d.record.Results))
	in := activities.RouteInput{Sink: cmp.Or(d.record.ReplayedTo, d.record.Sink)}
	unrouted := in.Sink == config.NoSink
	switch {
	case d.record.ReplayedTo != "": // whatever the results are: a person has said so
	case unrouted:
		in = activities.RouteInput{Results: d.record.Results}
	case d.record.Label == whenFailed:
		in.Results = d.record.Results
	}
	route, err := d.ask(ctx, in)
	if err != nil {
		return nil, err
	}
	if !unrouted {
		d.pending = missing(route.Unrouted, len(d.record.Results))
	}
	var legs []*leg
	for _, to := range route.Legs {
		l := &leg{Leg: to, first: workflow.Now(ctx), pacer: &d.pacer, rank: replayRank, indexes: to.Results, inline: d.inline && !to.Policy.BestEffort}
		if unrouted {
			l.host = &rerouted{d}
		} else {
			l.host = &held{d}
			l.before = d.record.Made
		}
		if len(l.indexes) == 0 {
			l.indexes = missing(nil, len(d.record.Results))
		}
		for _, i := range l.indexes {
			l.results = append(l.results, d.record.Results[i])
		}
		l.begin()
		legs = append(legs, l)
	}
	return legs, nil
}
