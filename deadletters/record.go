package deadletters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
)

// StateReplaying is a record's state while a replay is under way.
const StateReplaying = "replaying"

// Show returns a dead letter with its results and its attempts, also one that is closed, as long as
// the namespace keeps it. The error may be [ErrNotFound].
func Show(ctx context.Context, temporal client.Client, id string) (consign.Record, error) {
	doing := "reading " + id
	if err := checkID(id); err != nil {
		return consign.Record{}, err
	}
	answer, err := temporal.QueryWorkflow(ctx, id, "", consign.RecordQuery)
	var missing *serviceerror.NotFound
	switch {
	case errors.As(err, &missing):
		return consign.Record{}, notFound(id)
	case err != nil:
		return consign.Record{}, explain(doing, err)
	}
	var record consign.Record
	if err := answer.Get(&record); err != nil {
		return consign.Record{}, fmt.Errorf("%s: %w", doing, err)
	}
	return record, nil
}

// Replay asks for one more delivery of what a dead letter holds, by today's settings of its sink.
// [Wait] tells how it ends. by says who asked, and may be empty. The error may be [ErrNotFound] or
// [ErrClosed]. During a replay the order changes nothing: it is not delivered twice.
func Replay(ctx context.Context, temporal client.Client, id, by string) error {
	return ReplayTo(ctx, temporal, id, "", by)
}

// ReplayTo is [Replay] to another sink than the one that did not take it; empty: to that one. What the other does not take
// is parked where it is.
func ReplayTo(ctx context.Context, temporal client.Client, id, to, by string) error {
	return order(ctx, temporal, id, consign.ReplaySignal, consign.ReplayRequest{By: by, To: to})
}

// Discard gives up for good what a dead letter holds. The reason and who asked are kept with it.
// The error may be [ErrNotFound] or [ErrClosed].
func Discard(ctx context.Context, temporal client.Client, id, reason, by string) error {
	return order(ctx, temporal, id, consign.DiscardSignal, consign.DiscardRequest{Reason: reason, By: by})
}

// order sends a signal to an open dead letter.
func order(ctx context.Context, temporal client.Client, id, signal string, request any) error {
	if err := checkID(id); err != nil {
		return err
	}
	err := temporal.SignalWorkflow(ctx, id, "", signal, request)
	var missing *serviceerror.NotFound
	if !errors.As(err, &missing) {
		if err != nil {
			return explain(fmt.Sprintf("asking to %s %s", signal, id), err)
		}
		return nil
	}
	// Temporal says the same of an unknown workflow and of a closed one.
	description, err := temporal.DescribeWorkflowExecution(ctx, id, "")
	switch {
	case errors.As(err, &missing):
		return notFound(id)
	case err != nil:
		return explain("reading "+id, err)
	}
	return closed(id, entryOf(description.GetWorkflowExecutionInfo()).State)
}

// Pauses between two looks at a replay.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
)

// Wait waits until a replay that was asked for is over, which takes as long as retries take; ctx
// bounds it, and it outlasts restarts of Temporal and of workers. nil means that everything was delivered, [ErrParked] that the dead letter holds what
// was refused again, with the cause, and [ErrClosed] that someone discarded it.
func Wait(ctx context.Context, temporal client.Client, id string) error {
	heard := time.Now()
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		// A query reflects every signal that was sent before it.
		record, err := Show(ctx, temporal, id)
		if !noWorker(err) {
			heard = time.Now()
		}
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("waiting for the replay of %s, which goes on: %w", id, ctx.Err())
		case errors.Is(err, consign.ErrUnreachable):
			// The replay goes on without us, and is asked about again.
		case noWorker(err) && time.Since(heard) < busyPatience:
		case err != nil:
			return err
		case record.State == consign.StateReplayed:
			return nil
		case record.State == consign.StateParked:
			return fmt.Errorf("%s: %w: %s", id, ErrParked, record.Cause)
		case record.State != StateReplaying:
			return closed(id, record.State)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// busyPatience is how long nobody may answer before it means that there is no worker. The server says so
// after 20 seconds without a poll of the queue, which a worker with hundreds of replays in hand also reaches:
// it asks for more work on the workflows that it holds before it asks for others.
const busyPatience = 2 * time.Minute

// noWorker tells whether an error of [Show] is that of a queue that no worker polls.
func noWorker(err error) bool {
	var missing *serviceerror.FailedPrecondition
	return errors.As(err, &missing)
}

// checkID keeps orders away from workflows that are no dead letters, which would ignore them.
func checkID(id string) error {
	odd := strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) // gRPC refuses it, and no dead letter has it
	if odd || !strings.HasPrefix(id, idPrefix) {
		return fmt.Errorf("%q: %w: ids begin with %q, see \"consign dead-letters list\"", id, ErrNotFound, idPrefix)
	}
	return nil
}

const idPrefix = "dead-letter/"

func notFound(id string) error {
	return fmt.Errorf("%s: %w: see \"consign dead-letters list\"; closed ones are forgotten after the namespace's retention", id, ErrNotFound)
}

func closed(id, state string) error {
	return fmt.Errorf("%s: %w: it was %s before", id, ErrClosed, state)
}
