package consign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// Handle follows one submitted result.
type Handle struct {
	client     *Client
	id         string
	workflowID string
	runID      string
	duplicate  bool
}

// ID of the result: the one submitted, or the UUID it was given.
func (h *Handle) ID() string { return h.id }

// WorkflowID of the workflow that delivers the result.
func (h *Handle) WorkflowID() string { return h.workflowID }

// RunID of that workflow's run.
func (h *Handle) RunID() string { return h.runID }

// Duplicate tells whether the result had been submitted before.
func (h *Handle) Duplicate() bool { return h.duplicate }

// FirstAttempts waits until the first attempt of every leg is over or was left to the queue. With
// healthy sinks all is committed then, and the receipt comes along.
func (h *Handle) FirstAttempts(ctx context.Context) (FirstAttempts, error) {
	update, err := h.client.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID:   h.workflowID,
		RunID:        h.runID,
		UpdateName:   FirstAttemptsUpdate,
		Args:         []any{FirstAttemptsRequest{}},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	var first FirstAttempts
	if err == nil {
		err = update.Get(ctx, &first)
	}
	if err == nil {
		err = first.check()
	}
	if err == nil {
		return first, nil
	}
	var closed *serviceerror.NotFound
	var ended *temporal.ApplicationError
	if !errors.As(err, &closed) && !errors.As(err, &ended) {
		return FirstAttempts{}, h.error(err)
	}
	receipt, err := h.Wait(ctx)
	if err != nil {
		return FirstAttempts{}, err
	}
	return FirstAttempts{Committed: true, Receipt: &receipt}, nil
}

// Wait waits until the result is committed at every sink, which takes as long as retries take, and
// returns the receipt. It outlasts restarts of Temporal; ctx bounds it. [ErrAbandoned] means that the workflow was terminated or failed.
func (h *Handle) Wait(ctx context.Context) (Receipt, error) {
	// Temporal's frontend drops a notice when it has many to give, and the long poll that waits for it
	// then sleeps out its 20 s. Asking anew, at first often, bounds what that costs.
	for patience := time.Second; ; patience = min(2*patience, 20*time.Second) {
		receipt, err := h.poll(ctx, patience)
		switch {
		case err == nil:
			return receipt, nil
		case ctx.Err() != nil:
			return Receipt{}, h.error(ctx.Err())
		case errors.Is(err, context.DeadlineExceeded):
			continue
		case !transient(err):
			return Receipt{}, h.error(err)
		}
		// Temporal is away. The result is safe there, so the wait goes on when it is back.
		select {
		case <-ctx.Done():
			return Receipt{}, h.error(err)
		case <-time.After(time.Second):
		}
	}
}

// poll waits for the receipt for a while.
func (h *Handle) poll(ctx context.Context, patience time.Duration) (receipt Receipt, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = h.client.temporal.GetWorkflow(ctx, h.workflowID, h.runID).Get(ctx, &receipt)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // which the SDK may have in words of its own
	}
	if err == nil {
		err = receipt.check()
	}
	return receipt, err
}

func (h *Handle) error(err error) error {
	if _, ok := errors.AsType[*temporal.WorkflowExecutionError](err); ok {
		return fmt.Errorf("%w: workflow %s: %w", ErrAbandoned, h.workflowID, err)
	}
	if transient(err) {
		return fmt.Errorf("%w: waiting for %s: %w", ErrUnreachable, h.workflowID, err)
	}
	return fmt.Errorf("waiting for %s: %w", h.workflowID, err)
}
