package workflows

import (
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

// outcomeOf reads what became of a batch from the error of its activity: exhausted, refused for
// good, or timed out. made is how many attempts the activity had, before how many the leg had had.
func outcomeOf(err error, pending []int, made, before int) activities.Outcome {
	var failure *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	outcome := activities.Outcome{}
	label, cause, permanent := "error", err.Error(), false
	switch {
	// Before the other, since Temporal gives a timeout the failure of the attempt before it as its cause.
	case errors.As(err, &timeout):
		label, cause = "timeout", "the attempt timed out"
		if timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_START_TO_CLOSE {
			cause = "the attempt was not over in time, or its worker was lost"
			outcome.Lost = true
		}
		var log []consign.Attempt
		if timeout.HasLastHeartbeatDetails() && timeout.LastHeartbeatDetails(&log) == nil {
			outcome.Attempts = log
		}
	case errors.As(err, &failure):
		if failure.HasDetails() && failure.Details(&outcome) == nil && len(outcome.Failures) == len(pending) {
			return outcome
		}
		outcome = activities.Outcome{}
		label, cause, permanent = failure.Type(), failure.Message(), failure.NonRetryable()
	}
	outcome.Made = made
	for i := range pending {
		outcome.Failures = append(outcome.Failures, activities.Failed{Index: i, Label: label, Cause: cause, Permanent: permanent})
	}
	outcome.Attempts = append(outcome.Attempts, consign.Attempt{Number: before + made, Label: label, Cause: cause})
	return outcome
}
