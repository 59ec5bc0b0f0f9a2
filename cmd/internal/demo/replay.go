package demo

import (
	"context"
	"errors"
	"time"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

// healAndReplay shows how the dead letters arrive after all.
func (s *show) healAndReplay(ctx context.Context) error {
	if err := s.stage.receiver.heal(ctx); err != nil {
		return err
	}
	s.screen.notef("\nThe receiver is healed. Replaying the dead letters:\n")
	return s.watch(ctx, func(ctx context.Context) error {
		if err := s.replay(ctx); err != nil {
			return err
		}
		closing, cancel := context.WithTimeout(ctx, patience/2)
		defer cancel()
		err := s.stage.until(closing, func(e engine) bool {
			return len(e.inState(consign.StateReplayed))+len(e.inState(consign.StateDiscarded)) == len(e.letters)
		})
		if closing.Err() != nil && ctx.Err() == nil {
			return nil // what has not arrived by now is for the verdict to name
		}
		return err
	})
}

// replay orders one replay after the other, so that the eye can follow.
func (s *show) replay(ctx context.Context) error {
	e, err := s.stage.askEngine(ctx)
	if err != nil {
		return err
	}
	tick := time.NewTicker(rhythmFor(s.once).replay)
	defer tick.Stop()
	for _, l := range e.inState(consign.StateParked) {
		err := deadletters.Replay(ctx, s.stage.temporal, l.execution.GetWorkflowId(), "consign demo")
		if err != nil && !errors.Is(err, deadletters.ErrClosed) { // someone in another terminal may have been faster
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
