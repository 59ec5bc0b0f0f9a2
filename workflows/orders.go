package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

// orders are those of people about a dead letter, as far as they are not in a signal's channel.
type orders struct {
	replaying  *consign.ReplayRequest  // ordered by an update, and not taken up yet
	discarding *consign.DiscardRequest // the same
	discarded  *consign.DiscardRequest // the order to discard that has broken off a replay
	busy       bool                    // one is being carried out
	// inline says that the replay under way may make first attempts inline. Not one that a signal has ordered: where
	// signals come, another may come meanwhile, and that makes an inline attempt run again.
	inline bool
}

// handleOrders serves the updates "replay" and "discard", which tell what has come of the order. An update is one
// write where a signal is three, and one that arrives during an inline attempt does not make it run again.
func (d *deadLetter) handleOrders(ctx workflow.Context) error {
	err := workflow.SetUpdateHandler(ctx, consign.ReplayUpdate, func(ctx workflow.Context, request consign.ReplayRequest) (consign.OrderOutcome, error) {
		if !d.busy && d.replaying == nil { // else that replay is what is meant: it must not deliver twice
			d.replaying = &request
		}
		return d.carriedOut(ctx)
	})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandler(ctx, consign.DiscardUpdate, func(ctx workflow.Context, request consign.DiscardRequest) (consign.OrderOutcome, error) {
		d.discarding = &request
		return d.carriedOut(ctx)
	})
}

// carriedOut waits until orders that were given by updates are carried out.
func (d *deadLetter) carriedOut(ctx workflow.Context) (consign.OrderOutcome, error) {
	always, _ := workflow.NewDisconnectedContext(ctx)
	err := workflow.Await(always, func() bool {
		return d.over() || !d.busy && d.replaying == nil && d.discarding == nil
	})
	outcome := consign.OrderOutcome{State: d.record.State}
	if outcome.State == consign.StateParked {
		outcome.Cause = d.record.Cause
	}
	return outcome, err
}

// over tells whether the dead letter takes no orders any more.
func (d *deadLetter) over() bool {
	return !d.busy && (d.record.State == consign.StateReplayed || d.record.State == consign.StateDiscarded)
}

// ordered tells whether an order of a person waits.
func (d *deadLetter) ordered(ctx workflow.Context) bool {
	return d.discarded != nil || d.discarding != nil || d.replaying != nil || ctx.Err() != nil ||
		workflow.GetSignalChannel(ctx, consign.DiscardSignal).Len() > 0 ||
		workflow.GetSignalChannel(ctx, consign.ReplaySignal).Len() > 0
}

// longHistory is how many events an idle dead letter must have before it goes on in a new run, so that a
// server that suggests it from the start does not have it do nothing else.
const longHistory = 1000

// await takes one order of a person and carries it out. It also returns when the history has become
// long: signals that nobody waits for, of any name, make it so, and at 10,000 no further one is taken.
func (d *deadLetter) await(ctx workflow.Context) {
	always, _ := workflow.NewDisconnectedContext(ctx)
	_ = workflow.Await(always, func() bool {
		info := workflow.GetInfo(ctx)
		return d.ordered(ctx) || info.GetContinueAsNewSuggested() && info.GetCurrentHistoryLength() > longHistory
	})
	if !d.ordered(ctx) {
		return
	}
	d.busy = true
	defer func() { d.busy = false }()
	if !d.take(ctx) {
		return
	}
	d.replayUntilDiscarded(ctx)
	// Orders to replay that came during this one meant this one: they must not deliver twice.
	for workflow.GetSignalChannel(ctx, consign.ReplaySignal).ReceiveAsync(nil) {
	}
}

// take takes one order, and carries it out unless it is one to replay.
func (d *deadLetter) take(ctx workflow.Context) (replay bool) {
	if request := d.nextDiscard(ctx); request != nil {
		d.discard(ctx, *request)
		return false
	}
	if request := d.replaying; request != nil && ctx.Err() == nil {
		d.replaying, d.inline = nil, true
		d.note(*request)
		return true
	}
	var request consign.ReplayRequest
	// Without waiting: a signal that cannot be decoded is dropped, and another may never come.
	if workflow.GetSignalChannel(ctx, consign.ReplaySignal).ReceiveAsync(&request) {
		d.inline = false
		d.note(request)
		return true
	}
	if ctx.Err() != nil {
		d.end(ctx, consign.StateDiscarded)
		d.record.Reason = "cancelled"
	}
	return false
}

// note keeps in the record who asked for a replay, and to where.
func (d *deadLetter) note(request consign.ReplayRequest) {
	d.record.ReplayedBy = activities.Clip(request.By, maxRemark)
	d.record.ReplayedTo = activities.Clip(request.To, maxName)
}

// nextDiscard takes an order to discard; nil: there is none.
func (d *deadLetter) nextDiscard(ctx workflow.Context) *consign.DiscardRequest {
	if request := d.discarding; request != nil {
		d.discarding = nil
		return request
	}
	var request consign.DiscardRequest
	if workflow.GetSignalChannel(ctx, consign.DiscardSignal).ReceiveAsync(&request) {
		return &request
	}
	return nil
}

// replayUntilDiscarded makes the replay, and breaks it off when someone discards the dead letter.
func (d *deadLetter) replayUntilDiscarded(ctx workflow.Context) {
	attempt, stop := workflow.WithCancel(ctx)
	defer stop()
	over := false
	workflow.Go(attempt, func(ctx workflow.Context) {
		d.replay(ctx)
		over = true
	})
	discards := workflow.GetSignalChannel(ctx, consign.DiscardSignal)
	always, _ := workflow.NewDisconnectedContext(ctx)
	for !over && d.discarded == nil {
		_ = workflow.Await(always, func() bool { return over || d.discarding != nil || discards.Len() > 0 })
		if over {
			break
		}
		if d.discarded = d.nextDiscard(ctx); d.discarded != nil {
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
