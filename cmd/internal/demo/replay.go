package demo

import (
	"context"
	"errors"
	"time"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

// healAndReplay shows how the dead letters arrive after all. That they do not is for the verdict to say.
func (s *show) healAndReplay(ctx context.Context) error {
	if err := s.stage.receiver.heal(ctx); err != nil {
		return err
	}
	s.screen.note("\nThe receiver is healed. Replaying the dead letters:\n")
	return s.watch(ctx, func(ctx context.Context) error {
		return s.replay(ctx)
	})
}

// replay orders one replay after the other, and waits until all are over.
func (s *show) replay(ctx context.Context) error {
	tick := time.NewTicker(rhythmFor(s.once).replay)
	defer tick.Stop()
	ordered := map[string]bool{}
	for deadline := time.Now().Add(patience / 2); time.Now().Before(deadline); {
		e, err := s.stage.askEngine(ctx)
		if err != nil {
			return err
		}
		if len(e.inState(consign.StateReplayed))+len(e.inState(consign.StateDiscarded)) == len(e.letters) {
			return nil
		}
		for _, l := range e.inState(consign.StateParked) {
			if id := l.execution.GetWorkflowId(); !ordered[id] {
				ordered[id] = true
				// Someone in another terminal may have been faster.
				if err := deadletters.Replay(ctx, s.stage.temporal, id, "consign demo"); err != nil && !errors.Is(err, deadletters.ErrClosed) {
					return err
				}
				break
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
