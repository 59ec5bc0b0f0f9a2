package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
)

// Deliver is the workflow "Deliver". It routes the consignment, runs one leg per sink side by side,
// acks each result as its last leg commits, and returns the receipt.
//
// Cancelling it means: stop trying, park what is not committed, ack, and complete.
func Deliver(ctx workflow.Context, in consign.Consignment) (consign.Receipt, error) {
	if err := check(in, workflow.GetInfo(ctx).WorkflowExecution.ID); err != nil && refusable(ctx) {
		return consign.Receipt{}, temporal.NewNonRetryableApplicationError(err.Error(), "InvalidConsignment", nil)
	}
	d := newDelivery(ctx, in)
	if err := d.handleFirstAttempts(ctx); err != nil {
		return consign.Receipt{}, err
	}
	if err := d.handleWaiting(ctx); err != nil {
		return consign.Receipt{}, err
	}
	d.route(ctx)
	d.run(ctx)
	if err := d.finish(ctx); err != nil {
		return consign.Receipt{}, err
	}
	return d.receipt(), nil
}

// delivery is the state of a Deliver workflow.
type delivery struct {
	in     consign.Consignment
	first  time.Time
	legs   []*leg
	routed activities.Route

	open      []int // for each result, how many of its legs are not over
	committed int   // results whose legs are all over
	firstOver bool  // every first attempt is over or skipped
	state     string
	parkings  map[string]int // by sink
	pacer     pacer
	orders    int // of people, about what waits
	acks      acks
}

func newDelivery(ctx workflow.Context, in consign.Consignment) *delivery {
	return &delivery{
		in: in,
		// Not workflow.Now: that moves when a worker dies during an inline attempt.
		first:    workflow.GetInfo(ctx).WorkflowStartTime,
		open:     make([]int, len(in.Results)),
		parkings: map[string]int{},
		acks:     newAcks(in),
	}
}

// route asks which sinks get which results. It is made even when the workflow is being cancelled,
// since what is parked must be parked for some sink.
func (d *delivery) route(ctx workflow.Context) {
	results := make([]consign.Result, len(d.in.Results))
	for i, entry := range d.in.Results {
		results[i] = entry.Result
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = workflow.WithLocalActivityOptions(ctx, routeOptions())
	for workflow.ExecuteLocalActivity(ctx, consign.RouteActivity, activities.RouteInput{Results: results}).Get(ctx, &d.routed) != nil {
		// Only a worker that is broken fails here; another, or a later one, will do better.
		_ = workflow.Sleep(ctx, time.Minute)
	}
	for _, to := range d.routed.Legs {
		d.addLeg(to)
	}
	if d.routed.Unmatched == config.UnmatchedPark {
		d.addLeg(activities.Leg{Sink: config.NoSink, Results: d.routed.Unrouted})
	}
}

func (d *delivery) addLeg(to activities.Leg) {
	l := &leg{Leg: to, first: d.first, inline: true, pacer: &d.pacer, host: d}
	if len(to.Results) == 0 {
		for i := range d.in.Results {
			l.indexes = append(l.indexes, i)
		}
	} else {
		l.indexes = to.Results
	}
	for _, i := range l.indexes {
		l.results = append(l.results, d.in.Results[i].Result)
		d.open[i]++
	}
	l.begin()
	d.legs = append(d.legs, l)
}

// run drives every leg to its end.
func (d *delivery) run(ctx workflow.Context) {
	for i, open := range d.open {
		if open == 0 {
			d.resultOver(ctx, i)
		}
	}
	over := workflow.NewWaitGroup(ctx)
	for _, l := range d.legs {
		over.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer over.Done()
			l.run(ctx)
		})
	}
	always, _ := workflow.NewDisconnectedContext(ctx)
	_ = workflow.Await(always, func() bool {
		for _, l := range d.legs {
			if !l.tried {
				return false
			}
		}
		return d.committed < len(d.in.Results) || d.acks.pending == 0 || d.acks.queued
	})
	d.firstOver = true
	over.Wait(always)
}

// legOver counts a leg of one result as over.
func (d *delivery) legOver(ctx workflow.Context, l *leg, position int) {
	i := l.indexes[position]
	d.open[i]--
	if d.open[i] == 0 {
		d.resultOver(ctx, i)
	}
}

// resultOver acks a result: all of its legs have committed.
func (d *delivery) resultOver(ctx workflow.Context, i int) {
	d.committed++
	d.acks.ready(ctx, d, i)
}

// finish waits for acks and updates under way.
func (d *delivery) finish(ctx workflow.Context) error {
	always, _ := workflow.NewDisconnectedContext(ctx)
	if d.state == consign.StateRetrying {
		if err := d.setState(ctx, ""); err != nil {
			return err
		}
	}
	return workflow.Await(always, func() bool {
		return d.acks.pending == 0 && workflow.AllHandlersFinished(always)
	})
}

// setState keeps the search attribute ConsignState, on the failure path only.
func (d *delivery) setState(ctx workflow.Context, state string) error {
	if d.state == state || d.state == consign.StateParked {
		return nil
	}
	d.state = state
	key := temporal.NewSearchAttributeKeyKeyword(consign.StateAttribute)
	if state == "" {
		return workflow.UpsertTypedSearchAttributes(ctx, key.ValueUnset())
	}
	return workflow.UpsertTypedSearchAttributes(ctx, key.ValueSet(state))
}

// retrying implements host.
func (d *delivery) retrying(ctx workflow.Context) { _ = d.setState(ctx, consign.StateRetrying) }

// park implements host: it starts a dead letter and waits until it has started.
func (d *delivery) park(ctx workflow.Context, l *leg, positions []int) string {
	_ = d.setState(ctx, consign.StateParked)
	d.parkings[l.Sink]++
	return parkLeg(ctx, l, positions, d.parkings[l.Sink])
}
