package deadletters

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/serviceerror"

	"github.com/consign-dev/consign"
)

// Errors that callers decide by. Each comes wrapped with the dead letter's id and what to do.
var (
	// ErrNotFound marks an id that no dead letter has, or has any more: closed ones are forgotten
	// after the namespace's retention.
	ErrNotFound = errors.New("no such dead letter")
	// ErrClosed marks a dead letter that was replayed or discarded before.
	ErrClosed = errors.New("dead letter is closed")
	// ErrParked marks a replay that has failed: the dead letter holds what its sink refused again.
	ErrParked = errors.New("parked again")
)

// explain says what an error of Temporal means for the call that met it.
func explain(doing string, err error) error {
	var (
		noNamespace *serviceerror.NamespaceNotFound
		invalid     *serviceerror.InvalidArgument
		noWorker    *serviceerror.FailedPrecondition
		unavailable *serviceerror.Unavailable
		slow        *serviceerror.DeadlineExceeded
	)
	switch {
	case errors.As(err, &noNamespace),
		errors.As(err, &invalid) && strings.Contains(err.Error(), "Consign"): // an unknown search attribute
		return fmt.Errorf("%s: %w: %w: run \"consign setup\"", doing, consign.ErrNotSetUp, err)
	case errors.As(err, &noWorker):
		return fmt.Errorf("%s: no worker answers: start one with \"consign worker\" or \"consign up\": %w", doing, err)
	case errors.As(err, &unavailable), errors.As(err, &slow), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w: %w: check that Temporal and a worker are running, and try again", doing, consign.ErrUnreachable, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
