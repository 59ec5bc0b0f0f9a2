package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
)

// handleFirstAttempts serves the update "first_attempts". It is an update and not a signal, since a
// signal that arrives during an inline attempt makes that attempt run again.
func (d *delivery) handleFirstAttempts(ctx workflow.Context) error {
	return workflow.SetUpdateHandlerWithOptions(ctx, consign.FirstAttemptsUpdate,
		func(ctx workflow.Context, request consign.FirstAttemptsRequest) (consign.FirstAttempts, error) {
			if request.Ack != nil {
				d.acks.add(ctx, d, 0, *request.Ack)
			}
			always, _ := workflow.NewDisconnectedContext(ctx)
			if err := workflow.Await(always, func() bool { return d.firstOver }); err != nil {
				return consign.FirstAttempts{}, err
			}
			if d.committed < len(d.in.Results) {
				return consign.FirstAttempts{}, nil
			}
			receipt := d.receipt()
			return consign.FirstAttempts{Committed: true, Receipt: &receipt}, nil
		},
		workflow.UpdateHandlerOptions{Validator: d.validateFirstAttempts},
	)
}

func (d *delivery) validateFirstAttempts(ctx workflow.Context, request consign.FirstAttemptsRequest) error {
	if request.Digest == "" && request.Ack == nil {
		return nil
	}
	if len(d.in.Results) != 1 {
		return errors.New("a consignment of several results takes no digest and no further ack")
	}
	only := d.in.Results[0]
	if request.Digest != "" && request.Digest != consign.Digest(only.Data) {
		return temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("result %s/%s was submitted before with other data", only.Source, only.ID), "Conflict", nil)
	}
	if request.Ack == nil {
		return nil
	}
	if only.Type == consign.IncidentType {
		return errors.New("an incident carries no ack")
	}
	if len(d.acks.targets[0]) >= maxAckTargets {
		return fmt.Errorf("this result has %d ack targets already", maxAckTargets)
	}
	return checkAck(*request.Ack, workflow.GetInfo(ctx).WorkflowExecution.ID)
}

// maxAckTargets bounds the acks that one result's duplicates may ask for.
const maxAckTargets = 100
