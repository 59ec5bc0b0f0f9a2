package workflows

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

// pending is where a leg waits: for its time, or for what becomes of its queued attempts.
type pending struct {
	wake     func()        // ends the wait for a time
	after    time.Duration // what is left of it after retry_now
	activity string        // id of the queued attempts
	cancel   func()        // gives them up
	parkedBy string        // a person had the leg parked
	ended    bool
}

func (p *pending) waits() bool {
	return !p.ended && p.parkedBy == "" && (p.wake != nil || p.activity != "")
}

// wait lasts until the next attempt is due or a person says that it is. It is false when there is to be none.
func (l *leg) wait(ctx workflow.Context, d time.Duration) bool {
	for {
		due := workflow.Now(ctx).Add(d)
		timer, wake := workflow.WithCancel(ctx)
		l.wake = wake
		err := workflow.Sleep(timer, d)
		l.wake = nil
		wake()
		switch {
		case ctx.Err() != nil || l.parkedBy != "":
			return false
		case err == nil:
			return true
		}
		d = min(l.after, due.Sub(workflow.Now(ctx)))
	}
}

// handleWaiting serves the updates by which a person decides about what waits for a sink.
func (d *delivery) handleWaiting(ctx workflow.Context) error {
	err := workflow.SetUpdateHandlerWithOptions(ctx, consign.RetryNowUpdate, d.retryNow, workflow.UpdateHandlerOptions{
		Validator: func(_ workflow.Context, request consign.RetryNowRequest) error {
			if spread := request.Spread.Duration(); spread < 0 || spread > consign.MaxSpread {
				return fmt.Errorf("spread_ms must be between 0 and %d", consign.MaxSpread.Milliseconds())
			}
			return d.someWait(request.Sink)
		},
	})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, consign.ParkNowUpdate, d.parkNow, workflow.UpdateHandlerOptions{
		Validator: func(_ workflow.Context, request consign.ParkNowRequest) error { return d.someWait(request.Sink) },
	})
}

func (d *delivery) someWait(sink string) error {
	if len(d.waiting(sink)) == 0 {
		return temporal.NewNonRetryableApplicationError(fmt.Sprintf("nothing of this delivery waits for sink %q", activities.Clip(sink, maxName)), consign.NothingWaits, nil)
	}
	return nil
}

func (d *delivery) waiting(sink string) []*leg {
	var found []*leg
	for _, l := range d.legs {
		for _, one := range append([]*leg{l}, l.parts...) {
			if one.Sink == sink && one.waits() {
				found = append(found, one)
			}
		}
	}
	return found
}

func (d *delivery) retryNow(ctx workflow.Context, request consign.RetryNowRequest) (consign.Waiting, error) {
	var answer consign.Waiting
	var queued []string
	for _, l := range d.waiting(request.Sink) {
		if l.wake == nil {
			queued = append(queued, l.activity)
			continue
		}
		answer.Legs++
		l.after = time.Duration(float64(request.Spread.Duration()) * fraction(workflow.GetInfo(ctx).WorkflowExecution.RunID, l.name, l.indexes[0]))
		l.wake()
	}
	if len(queued) == 0 {
		return answer, nil
	}
	found, err := d.askWaiting(ctx, activities.WaitingInput{IDs: queued, Spread: request.Spread})
	answer.Legs += len(found.Taken)
	answer.Busy = found.Busy
	return answer, err
}

// fraction spreads by what is the same in a replay.
func fraction(run, name string, index int) float64 {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(run + name + strconv.Itoa(index)))
	return float64(hash.Sum32()) / (1 << 32)
}

func (d *delivery) parkNow(ctx workflow.Context, request consign.ParkNowRequest) (consign.Waiting, error) {
	by := "parked by " + activities.Clip(request.By, maxName)
	var parking []*leg
	queued := map[string]*leg{}
	in := activities.WaitingInput{Park: true}
	for _, l := range d.waiting(request.Sink) {
		if l.wake == nil {
			queued[l.activity] = l
			in.IDs = append(in.IDs, l.activity)
			continue
		}
		l.parkedBy = by
		l.wake()
		parking = append(parking, l)
	}
	for _, l := range d.legs {
		for _, one := range l.parts {
			if one.Sink == request.Sink && !one.tried && one.parkedBy == "" { // its turn has not come
				one.parkedBy = by
				parking = append(parking, one)
			}
		}
	}
	var answer consign.Waiting
	if len(in.IDs) > 0 {
		found, err := d.askWaiting(ctx, in)
		if err != nil {
			return answer, err
		}
		answer.Busy = found.Busy
		for _, taken := range found.Taken {
			l := queued[taken.ID]
			if l == nil || !l.waits() || l.activity != taken.ID {
				continue
			}
			l.count(activities.Outcome{Made: taken.Made, Attempts: taken.Attempts})
			l.parkedBy = by
			l.cancel()
			parking = append(parking, l)
		}
	}
	answer.Legs = len(parking)
	always, _ := workflow.NewDisconnectedContext(ctx)
	err := workflow.Await(always, func() bool {
		return !slices.ContainsFunc(parking, func(l *leg) bool { return !l.ended })
	})
	return answer, err
}

// askWaiting has a worker look at queued attempts, of which Temporal alone knows how they fare.
func (d *delivery) askWaiting(ctx workflow.Context, in activities.WaitingInput) (activities.WaitingOutcome, error) {
	d.orders++
	options := unlimited(fmt.Sprintf("order %d", d.orders))
	options.StartToCloseTimeout = time.Minute
	always, _ := workflow.NewDisconnectedContext(ctx)
	var found activities.WaitingOutcome
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(always, options), consign.WaitingActivity, in).Get(always, &found)
	return found, err
}
