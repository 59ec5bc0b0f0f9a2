package main

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign/deadletters"
)

// rounds of replays. Listings lag behind, so what one round has emptied may show in the next.
const rounds = 10

// replayAll replays every dead letter, a few times over if need be, and returns how many are left.
func replayAll(ctx context.Context, temporal client.Client) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	left := 0
	for range rounds {
		var ids []string
		for entry, err := range deadletters.List(ctx, temporal, deadletters.Filter{}) {
			if err != nil {
				return 0, err
			}
			ids = append(ids, entry.ID)
		}
		if left = len(ids); left == 0 {
			return 0, nil
		}
		group, replaying := errgroup.WithContext(ctx)
		group.SetLimit(16)
		for _, id := range ids {
			group.Go(func() error {
				err := deadletters.Replay(replaying, temporal, id, "oracle")
				if err == nil {
					err = deadletters.Wait(replaying, temporal, id)
				}
				if errors.Is(err, deadletters.ErrParked) || errors.Is(err, deadletters.ErrClosed) {
					return nil
				}
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return left, err
		}
		if err := pause(ctx, time.Second); err != nil {
			return left, err
		}
	}
	return left, nil
}

// untilClosed waits until no workflow is open that the beginning of a query allows, for as long as that may take: a task that was lost with the
// last kill is given out anew after ten seconds. The judge finds those that stay open.
func untilClosed(ctx context.Context, temporal client.Client, which string) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		open, err := temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: which + "ExecutionStatus = 'Running'"})
		if err != nil || open.GetCount() == 0 {
			return err
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
