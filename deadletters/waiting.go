package deadletters

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	sdktemporal "go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
)

// Told counts what an order about all that waits for a sink has reached.
type Told struct {
	// Deliveries are those that waited for the sink and obey.
	Deliveries int64 `json:"deliveries"`
	// Busy counts attempts that were left alone, since they are under way or about to start.
	Busy int64 `json:"busy"`
}

// orderTimeout bounds what one delivery may take to obey: a dead letter is started for one that parks.
const orderTimeout = time.Minute

// RetryNow cuts short the back-off of every delivery that waits for a sink, within a random part of
// spread. Each goes on with the retries that it has left.
func RetryNow(ctx context.Context, temporal client.Client, sink string, spread time.Duration, by string) (Told, error) {
	return orderAll(ctx, temporal, "retrying what waits for sink "+sink, consign.RetryNowUpdate,
		consign.RetryNowRequest{Sink: sink, Spread: consign.Millis(spread), By: by})
}

// ParkNow parks what waits for a sink, with the cause "parked by" and by.
func ParkNow(ctx context.Context, temporal client.Client, sink, by string) (Told, error) {
	return orderAll(ctx, temporal, "parking what waits for sink "+sink, consign.ParkNowUpdate, consign.ParkNowRequest{Sink: sink, By: by})
}

// orderAll gives an order to every open delivery. Which of them waits for the sink is in no index, since a
// queued attempt fails and is tried again without its workflow; one that does not refuses.
func orderAll(ctx context.Context, temporal client.Client, doing, update string, request any) (Told, error) {
	var (
		told Told
		mu   sync.Mutex
	)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for execution, err := range executions(ctx, temporal, openDelivery, 0) {
		if err != nil {
			group.Go(func() error { return err })
			break
		}
		id, run := execution.GetExecution().GetWorkflowId(), execution.GetExecution().GetRunId()
		group.Go(func() error {
			answer, err := orderOne(ctx, temporal, client.UpdateWorkflowOptions{
				WorkflowID: id, RunID: run, UpdateName: update, Args: []any{request}, WaitForStage: client.WorkflowUpdateStageCompleted,
			})
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			told.Busy += int64(answer.Busy)
			if answer.Legs > 0 {
				told.Deliveries++
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return told, explain(doing, err)
	}
	return told, nil
}

func orderOne(ctx context.Context, to client.Client, options client.UpdateWorkflowOptions) (consign.Waiting, error) {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	var answer consign.Waiting
	err := update(ctx, to, options, &answer)
	refused, ok := errors.AsType[*sdktemporal.ApplicationError](err)
	if errors.Is(err, errOver) || ok && refused.Type() == consign.NothingWaits {
		return answer, nil
	}
	return answer, err
}

// errOver marks a workflow that has closed before it answered an order, or is forgotten.
var errOver = errors.New("it is over")

// update gives an order by an update, and waits for the answer. The error may be errOver.
func update(ctx context.Context, to client.Client, options client.UpdateWorkflowOptions, answer any) error {
	handle, err := to.UpdateWorkflow(ctx, options)
	if err == nil {
		err = handle.Get(ctx, answer)
	}
	refused, ok := errors.AsType[*sdktemporal.ApplicationError](err)
	if gone(err) || ok && refused.Type() == acceptedThenClosed {
		return errOver
	}
	return err
}

// acceptedThenClosed is the type of the failure of an update whose workflow was over before it was done.
const acceptedThenClosed = "AcceptedUpdateCompletedWorkflow"
