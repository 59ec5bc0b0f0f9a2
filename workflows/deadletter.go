package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

// stateReplaying is a record's state while a replay is under way.
const stateReplaying = "replaying"

// ordersFirst is the change by which orders do not wait, in a long history, for the sinks that are to be told.
const ordersFirst = "orders do not wait for also_to"

// DeadLetter is the workflow "DeadLetter". It holds results that a sink did not take until a replay
// delivers them or someone discards them, and returns the record without the results.
//
// Cancelling it discards it.
func DeadLetter(ctx workflow.Context, in activities.DeadLetterInput) (consign.Record, error) {
	if err := checkDeadLetter(in); err != nil && refusable(ctx) {
		return consign.Record{}, temporal.NewNonRetryableApplicationError(err.Error(), "InvalidDeadLetter", nil)
	}
	d := &deadLetter{record: in.Record}
	d.record.State = consign.StateParked
	if err := workflow.SetQueryHandler(ctx, consign.RecordQuery, func() (consign.Record, error) { return d.record, nil }); err != nil {
		return consign.Record{}, err
	}
	always, _ := workflow.NewDisconnectedContext(ctx)
	telling := 0
	for _, to := range tellable(in.AlsoTo) {
		telling++
		workflow.Go(ctx, func(ctx workflow.Context) {
			d.tell(ctx, to)
			telling--
		})
	}
	for d.record.State == consign.StateParked {
		d.await(ctx)
		if !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			continue
		}
		first := telling > 0 && workflow.GetVersion(ctx, ordersFirst, workflow.DefaultVersion, 1) > workflow.DefaultVersion
		_ = workflow.Await(always, func() bool { return telling == 0 || first && d.ordered(ctx) })
		// An order that has come in the meantime must be carried out here: it does not go along.
		if d.record.State == consign.StateParked && !d.ordered(ctx) {
			return consign.Record{}, workflow.NewContinueAsNewError(ctx, consign.DeadLetterWorkflow, activities.DeadLetterInput{Record: d.record})
		}
	}
	_ = workflow.Await(always, func() bool { return telling == 0 })
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

// longHistory is how many events an idle dead letter must have before it goes on in a new run, so that a
// server that suggests it from the start does not have it do nothing else.
const longHistory = 1000

// await takes one order of a person and carries it out. It also returns when the history has become
// long: signals that nobody waits for, of any name, make it so, and at 10,000 no further one is taken.
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
			d.record.ReplayedBy = activities.Clip(request.By, maxRemark)
			d.record.ReplayedTo = activities.Clip(request.To, maxName)
			replay = true
		}
	})
	selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {
		d.end(ctx, consign.StateDiscarded)
		d.record.Reason = "cancelled"
	})
	always, _ := workflow.NewDisconnectedContext(ctx)
	_ = workflow.Await(always, func() bool {
		info := workflow.GetInfo(ctx)
		return d.ordered(ctx) || info.GetContinueAsNewSuggested() && info.GetCurrentHistoryLength() > longHistory
	})
	if d.ordered(ctx) {
		selector.Select(ctx)
	}
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

// maxRemark is the most that is kept of what a person says with an order, in bytes. A record has to fit
// into a message of 4 MiB beside its results.
const maxRemark = 1 << 10

func (d *deadLetter) discard(ctx workflow.Context, request consign.DiscardRequest) {
	d.record.Reason = activities.Clip(request.Reason, maxRemark)
	if request.By != "" {
		d.record.Reason += fmt.Sprintf(" (by %s)", activities.Clip(request.By, maxRemark))
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

// tell delivers the record to a sink named under dead_letters.also_to.
func (d *deadLetter) tell(ctx workflow.Context, to activities.Leg) {
	//workflowcheck:ignore the same struct gives the same bytes; what the check follows is reflection
	data, err := d.record.Encode()
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
