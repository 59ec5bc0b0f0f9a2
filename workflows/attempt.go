package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

func (l *leg) input(pending []int) activities.DeliverInput {
	in := activities.DeliverInput{Sink: l.Sink, Kind: l.Kind, First: l.first, Policy: l.Policy, Made: l.made, Before: l.before}
	for _, position := range pending {
		r := l.results[position]
		in.Batch = append(in.Batch, activities.Item{DeliveryID: consign.DeliveryID(r.Source, r.ID, l.Sink), Result: r})
	}
	return in
}

func (l *leg) attemptInline(ctx workflow.Context, pending []int) activities.Outcome {
	in := l.input(pending)
	in.At, in.Replay = workflow.Now(ctx), l.rank == replayRank
	if l.Policy.BestEffort {
		in.Leg = workflow.GetInfo(ctx).WorkflowExecution.RunID
	}
	ctx = workflow.WithLocalActivityOptions(ctx, inlineOptions(summary(l.Leg)))
	var outcome activities.Outcome
	err := workflow.ExecuteLocalActivity(ctx, consign.DeliverActivity, in).Get(ctx, &outcome)
	switch {
	case err == nil:
		return outcome
	case temporal.IsCanceledError(err):
		return activities.Outcome{Skipped: "cancelled"}
	}
	return outcomeOf(err, pending, 1, l.before+l.made)
}

// leaveGate tells the gate of a best-effort sink that the leg is over.
func (l *leg) leaveGate(ctx workflow.Context) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	in := activities.DeliverInput{Sink: l.Sink, Leg: workflow.GetInfo(ctx).WorkflowExecution.RunID, Settle: true}
	ctx = workflow.WithLocalActivityOptions(ctx, inlineOptions(summary(l.Leg)))
	_ = workflow.ExecuteLocalActivity(ctx, consign.DeliverActivity, in).Get(ctx, nil)
}

func (l *leg) attemptQueued(ctx workflow.Context, pending []int, budget int) (outcome activities.Outcome, cancelled bool) {
	size := 0
	for _, position := range pending {
		size += l.results[position].Size()
	}
	if l.pacer.admit(ctx, size) != nil {
		return outcome, true
	}
	options := queuedOptions(l.Leg, l.name, len(pending), budget)
	options.Priority.PriorityKey = l.rank
	l.limitAge(ctx, &options)
	queued, cancel := workflow.WithCancel(workflow.WithActivityOptions(ctx, options))
	defer cancel()
	l.activity, l.cancel = options.ActivityID, cancel
	err := workflow.ExecuteActivity(queued, consign.DeliverActivity, l.input(pending)).Get(ctx, &outcome)
	l.activity = ""
	switch {
	case err == nil:
		return outcome, false
	case temporal.IsCanceledError(err) && (ctx.Err() != nil || l.parkedBy != ""):
		return outcome, true
	}
	outcome = outcomeOf(err, pending, budget, l.before+l.made)
	if outOfTime(err) {
		outcome = l.expireIn(outcome, err)
	}
	return outcome, false
}
