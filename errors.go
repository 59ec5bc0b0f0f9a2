package consign

import "errors"

// Errors that callers decide by. Each comes wrapped with what it was about and what to do.
var (
	// ErrInvalid marks a result that can never be submitted as it is.
	ErrInvalid = errors.New("invalid result")
	// ErrTooLarge marks a result over [MaxConsignmentBytes].
	ErrTooLarge = errors.New("result too large")
	// ErrConflict marks a result whose source and id are taken by one with other data.
	ErrConflict = errors.New("conflict")
	// ErrUnreachable marks a Temporal that does not answer. Trying again later may help.
	ErrUnreachable = errors.New("temporal is unreachable")
	// ErrFull marks a Temporal that takes no new results for now, for want of room on its disk. Trying again
	// later helps.
	ErrFull = errors.New("temporal takes no new results")
	// ErrNotSetUp marks a Temporal without the namespace or search attributes Consign needs:
	// "consign setup" adds them.
	ErrNotSetUp = errors.New("temporal is not set up for consign")
	// ErrAbandoned marks a delivery whose workflow was terminated or has failed: what its sinks had
	// not taken by then is not delivered.
	ErrAbandoned = errors.New("delivery abandoned")
	// ErrClosed marks a [Submitter] that takes no more results.
	ErrClosed = errors.New("submitter is closed")
)
