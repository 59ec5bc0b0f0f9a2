package submit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consign-dev/consign"
)

const (
	// streamPatience bounds one submission to a stream, which waits for a Temporal that is away without end. One
	// that is full is waited for.
	streamPatience = 70 * time.Second
	// closePatience bounds the end of a stream. All that it took is stored by then, or nobody waits for it.
	closePatience = 5 * time.Second
)

// stream submits results in consignments of several.
type stream struct {
	client temporal
	*consign.Submitter

	patience time.Duration
}

// openStream makes one of up to batch results a consignment, and that many in flight.
func openStream(client temporal, batch, consignments int) (*stream, error) {
	s, err := client.NewSubmitter(consign.SubmitterOptions{
		BatchMax: batch, MaxInFlight: consignments,
		MaxOpen: 1 << 30, // what is in Temporal is this command's business only if it waits, and then it bounds that
	})
	return &stream{client, s, streamPatience}, err
}

func (s *stream) Submit(ctx context.Context, r consign.Result, options ...consign.SubmitOption) (handle, error) {
	entry := consign.Entry{}
	for _, option := range options {
		option(&entry)
	}
	stored := make(chan error, 1)
	h := &streamed{committed: make(chan struct{})}
	taken := false
	err := s.patiently(ctx, func(ctx context.Context) error {
		if !taken {
			if err := s.Submitter.Submit(ctx, consign.Submission{
				Result: r, Ack: entry.Ack,
				Stored: func(where consign.Stored, err error) {
					h.where = where
					stored <- err
				},
				Committed: func(receipt consign.Receipt, err error) {
					h.receipt, h.err = receipt, err
					close(h.committed)
				},
			}); err != nil {
				return err
			}
			taken = true
		}
		select {
		case err := <-stored:
			return err
		case <-ctx.Done():
			return fmt.Errorf("submitting %s/%s: it may be there or not: submit it again with the same id: %w", r.Source, r.ID, ctx.Err())
		}
	})
	switch {
	case err == nil:
		return h, nil
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%w: %w", consign.ErrUnreachable, err)
	}
	return nil, err
}

// patiently does something within the patience of a submission. While Temporal is full it does so again.
func (s *stream) patiently(ctx context.Context, do func(context.Context) error) error {
	for {
		bounded, cancel := context.WithTimeout(ctx, s.patience)
		err := do(bounded)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || s.Full() == nil || ctx.Err() != nil {
			return err
		}
	}
}

// Full is that of the submitter.
func (s *stream) Full() error { return s.Submitter.Full() }

// Close lets go of what waits, and of Temporal.
func (s *stream) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	_ = s.Submitter.Close(ctx) // what it did not store has been reported
	s.client.Close()
}

// streamed is a result that a stream has stored.
type streamed struct {
	where     consign.Stored
	committed chan struct{} // closed when what follows is set
	receipt   consign.Receipt
	err       error
}

func (h *streamed) ID() string         { return h.where.ID }
func (h *streamed) WorkflowID() string { return h.where.WorkflowID }
func (h *streamed) Duplicate() bool    { return h.where.Duplicate }

func (h *streamed) Wait(ctx context.Context) (consign.Receipt, error) {
	select {
	case <-h.committed:
		return h.receipt, h.err
	case <-ctx.Done():
		return consign.Receipt{}, ctx.Err()
	}
}
