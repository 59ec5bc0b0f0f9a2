package submit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consign-dev/consign"
)

// dialPatience bounds the wait for a Temporal that may not be there.
const dialPatience = 5 * time.Second

// submitter is what the command needs of a [consign.Client].
type submitter interface {
	// Submit returns a handle of what is in Temporal, also beside an error about its ack.
	Submit(ctx context.Context, r consign.Result, options ...consign.SubmitOption) (handle, error)
	// Full tells why Temporal takes no new results, while a submission waits for that.
	Full() error
	Close()
}

// handle is what the command needs of a [consign.Handle].
type handle interface {
	ID() string
	WorkflowID() string
	Duplicate() bool
	Wait(ctx context.Context) (consign.Receipt, error)
}

// dialer connects to Temporal.
type dialer func(ctx context.Context, o consign.Options) (submitter, error)

func dial(ctx context.Context, o consign.Options) (submitter, error) {
	bounded, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	client, err := consign.Dial(bounded, o)
	if err != nil {
		if ctx.Err() != nil {
			return nil, errors.New("interrupted before anything was submitted")
		}
		return nil, err
	}
	return temporal{client}, nil
}

type temporal struct{ *consign.Client }

func (t temporal) Submit(ctx context.Context, r consign.Result, options ...consign.SubmitOption) (handle, error) {
	h, err := t.Client.Submit(ctx, r, options...)
	for errors.Is(err, consign.ErrFull) && ctx.Err() == nil {
		h, err = t.Client.Submit(ctx, r, options...) // there is no telling how long retention takes to make room
	}
	if h == nil {
		return nil, err
	}
	if err != nil {
		err = fmt.Errorf("submitted, but %w", err)
	}
	return h, err
}
