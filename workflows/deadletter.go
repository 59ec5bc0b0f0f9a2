package workflows

import (
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
	if err := d.handleOrders(ctx); err != nil {
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
		_ = workflow.Await(always, func() bool {
			return (telling == 0 || first && d.ordered(ctx)) && (workflow.AllHandlersFinished(always) || d.ordered(ctx))
		})
		// An order that has come in the meantime must be carried out here: it does not go along.
		if d.record.State == consign.StateParked && !d.ordered(ctx) {
			return consign.Record{}, workflow.NewContinueAsNewError(ctx, consign.DeadLetterWorkflow, activities.DeadLetterInput{Record: d.record})
		}
	}
	_ = workflow.Await(always, func() bool { return telling == 0 && workflow.AllHandlersFinished(always) })
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
	orders
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
