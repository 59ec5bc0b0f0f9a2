package sinks

import (
	"context"
	"errors"
	"sync"
)

// ErrClosed is why a sink that is closed delivers nothing.
var ErrClosed = errors.New("the sink is closed")

// Turn is had by one delivery at a time, for sinks that write to one stream. It ends with the sink.
type Turn struct {
	token   chan struct{} // held while somebody has the turn
	closing sync.Once
	closed  chan struct{}
}

// NewTurn returns a turn that nobody has.
func NewTurn() *Turn {
	return &Turn{token: make(chan struct{}, 1), closed: make(chan struct{})}
}

// Take waits for the turn. The error is [ErrClosed], or that of ctx, and then it was not had.
func (t *Turn) Take(ctx context.Context) error {
	select {
	case t.token <- struct{}{}:
	case <-t.closed:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	// With several cases ready, select picks any of them.
	err := ctx.Err()
	select {
	case <-t.closed:
		err = ErrClosed
	default:
	}
	if err != nil {
		t.Give()
	}
	return err
}

// Give lets the next one have it.
func (t *Turn) Give() { <-t.token }

// Closed is closed once the sink is being closed.
func (t *Turn) Closed() <-chan struct{} { return t.closed }

// Close lets nobody have the turn any more, and has last done once whoever had it is over. It fails when
// ctx ends before.
func (t *Turn) Close(ctx context.Context, last func()) error {
	t.closing.Do(func() { close(t.closed) })
	select {
	case t.token <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer t.Give()
	last()
	return nil
}
