package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
)

// stateReplaying is a record's state while a replay is under way.
const stateReplaying = "replaying"

// DeadLetter is the workflow "DeadLetter". It holds results that a sink did not take until a replay
// delivers them or someone discards them, and returns the record without the results.
//
// Cancelling it discards it.
func DeadLetter(ctx workflow.Context, in activities.DeadLetterInput) (consign.Record, error) {
	if in.Record.Sink == "" || len(in.Record.Results) == 0 {
		return consign.Record{}, temporal.NewNonRetryableApplicationError("a dead letter needs a sink and results", "InvalidDeadLetter", nil)
	}
	d := &deadLetter{record: in.Record}
	d.record.State = consign.StateParked
	if err := workflow.SetQueryHandler(ctx, consign.RecordQuery, func() (consign.Record, error) { return d.record, nil }); err != nil {
		return consign.Record{}, err
	}
	also := workflow.NewWaitGroup(ctx)
	for _, to := range in.AlsoTo {
		also.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer also.Done()
			d.tell(ctx, to)
		})
	}
	for d.record.State == consign.StateParked {
		d.await(ctx)
		if !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			continue
		}
		also.Wait(ctx)
		// An order that has come in the meantime must be carried out here: it does not go along.
		if d.record.State == consign.StateParked && !d.ordered(ctx) {
			return consign.Record{}, workflow.NewContinueAsNewError(ctx, consign.DeadLetterWorkflow, activities.DeadLetterInput{Record: d.record})
		}
	}
	always, _ := workflow.NewDisconnectedContext(ctx)
	also.Wait(always)
	closing := d.record
	closing.Results = nil
	return closing, nil
}

type deadLetter struct {
	record   consign.Record
	parkings map[string]int
	pacer    pacer
	pending  []int // positions of results that the replay under way has not delivered
	failed   []end

	discarded *consign.DiscardRequest // the order to discard that has broken off a replay
}

// ordered tells whether an order of a person waits.
func (d *deadLetter) ordered(ctx workflow.Context) bool {
	return d.discarded != nil || ctx.Err() != nil ||
		workflow.GetSignalChannel(ctx, consign.DiscardSignal).Len() > 0 ||
		workflow.GetSignalChannel(ctx, consign.ReplaySignal).Len() > 0
}

// await takes one order of a person and carries it out.
func (d *deadLetter) await(ctx workflow.Context) {
	discards := workflow.GetSignalChannel(ctx, consign.DiscardSignal)
	replays := workflow.GetSignalChannel(ctx, consign.ReplaySignal)
	replay := false
	selector := workflow.NewSelector(ctx)
	// Both receive without waiting: a signal that cannot be decoded is dropped, and another may never come.
	selector.AddReceive(discards, func(c workflow.ReceiveChannel, _ bool) {
		var request consign.DiscardRequest
		if c.ReceiveAsync(&request) {
			d.discard(ctx, request)
		}
	})
	selector.AddReceive(replays, func(c workflow.ReceiveChannel, _ bool) {
		var request consign.ReplayRequest
		if c.ReceiveAsync(&request) {
			d.record.ReplayedBy = request.By
			replay = true
		}
	})
	selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {
		d.end(ctx, consign.StateDiscarded)
		d.record.Reason = "cancelled"
	})
	selector.Select(ctx)
	if !replay {
		return
	}
	d.replayUntilDiscarded(ctx, discards)
	// Orders to replay that came during this one meant this one: they must not deliver twice.
	for replays.ReceiveAsync(nil) {
	}
}

// replayUntilDiscarded makes the replay, and breaks it off when someone discards the dead letter.
func (d *deadLetter) replayUntilDiscarded(ctx workflow.Context, discards workflow.ReceiveChannel) {
	attempt, stop := workflow.WithCancel(ctx)
	defer stop()
	over := false
	workflow.Go(attempt, func(ctx workflow.Context) {
		d.replay(ctx)
		over = true
	})
	always, _ := workflow.NewDisconnectedContext(ctx)
	for !over && d.discarded == nil {
		_ = workflow.Await(always, func() bool { return over || discards.Len() > 0 })
		var request consign.DiscardRequest
		if !over && discards.ReceiveAsync(&request) {
			d.discarded = &request
			stop()
		}
	}
	_ = workflow.Await(always, func() bool { return over })
	if d.discarded != nil && d.record.State == consign.StateParked {
		d.discard(ctx, *d.discarded)
	}
}

func (d *deadLetter) discard(ctx workflow.Context, request consign.DiscardRequest) {
	d.record.Reason = request.Reason
	if request.By != "" {
		d.record.Reason = fmt.Sprintf("%s (by %s)", request.Reason, request.By)
	}
	d.end(ctx, consign.StateDiscarded)
}

// end sets the record's state and the search attribute beside it.
func (d *deadLetter) end(ctx workflow.Context, state string) {
	d.record.State = state
	d.upsert(ctx, state)
}

func (d *deadLetter) upsert(ctx workflow.Context, state string) {
	_ = workflow.UpsertTypedSearchAttributes(ctx, temporal.NewSearchAttributeKeyKeyword(consign.StateAttribute).ValueSet(state))
}

// replay delivers once more what is held, by a fresh leg with the old identity and a full budget,
// and holds what fails again. It delivers only by ordinary activities, since a signal makes a local
// one run again.
func (d *deadLetter) replay(ctx workflow.Context) {
	d.record.State = stateReplaying
	d.record.Replays++
	d.upsert(ctx, consign.StateRetrying)
	legs, err := d.route(ctx)
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
	last := d.failed[d.pending[len(d.pending)-1]]
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
	case d.record.Sink == config.NoSink:
		return "still no sink wants this result"
	}
	return fmt.Sprintf("sink %q is not configured any more: configure it, or an alias for it, and replay again", d.record.Sink)
}

// route asks for the sink's settings of today. What no sink wanted is routed again.
func (d *deadLetter) route(ctx workflow.Context) ([]*leg, error) {
	d.pending = make([]int, len(d.record.Results))
	for i := range d.pending {
		d.pending[i] = i
	}
	d.failed = make([]end, len(d.record.Results))
	in := activities.RouteInput{Sink: d.record.Sink}
	unrouted := d.record.Sink == config.NoSink
	if unrouted {
		in = activities.RouteInput{Results: d.record.Results}
	}
	var route activities.Route
	if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, unlimited(fmt.Sprintf("route %d", d.record.Replays))), consign.RouteActivity, in).Get(ctx, &route); err != nil {
		return nil, err
	}
	var legs []*leg
	for _, to := range route.Legs {
		l := &leg{Leg: to, first: workflow.Now(ctx), pacer: &d.pacer, indexes: to.Results}
		if unrouted {
			l.host = &rerouted{d}
		} else {
			l.host = &held{d}
			l.before = d.record.Made
		}
		if len(l.indexes) == 0 {
			l.indexes = slices.Clone(d.pending)
		}
		for _, i := range l.indexes {
			l.results = append(l.results, d.record.Results[i])
		}
		l.begin()
		legs = append(legs, l)
	}
	return legs, nil
}

// tell delivers the record to a sink named under dead_letters.also_to.
func (d *deadLetter) tell(ctx workflow.Context, to activities.Leg) {
	data, err := encodeRecord(d.record)
	if err != nil {
		d.record.AlsoTo = append(d.record.AlsoTo, consign.LegReceipt{Sink: to.Sink, Kind: to.Kind, Outcome: consign.Dropped, Cause: err.Error()})
		return
	}
	l := &leg{
		Leg: to, first: workflow.GetInfo(ctx).WorkflowStartTime, pacer: &d.pacer, host: unheld{}, name: to.Sink + " (record)", indexes: []int{0},
		results: []consign.Result{{Source: "consign", ID: d.record.ID, Type: "dead_letter", Time: d.record.ParkedAt, Subject: d.record.Sink, Data: data}},
	}
	l.begin()
	l.run(ctx)
	d.record.AlsoTo = append(d.record.AlsoTo, l.receipt())
}
