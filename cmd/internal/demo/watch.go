package demo

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/consign-dev/consign"
)

// patience bounds each part of the story that waits for deliveries.
const patience = time.Minute

// watch shows the state until work is over, and once more then.
func (s *show) watch(ctx context.Context, work func(context.Context) error) error {
	var working sync.WaitGroup
	defer working.Wait()
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("deliveries are not over after %s: this machine is too slow, or there is a fault in Consign", patience))
	defer cancel()
	done := make(chan error, 1)
	working.Go(func() { done <- work(ctx) })
	tick := time.NewTicker(s.screen.interval())
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				return cmp.Or(context.Cause(ctx), err)
			}
			err = s.draw(ctx)
			s.screen.leave()
			return err
		case <-tick.C:
			if err := s.draw(ctx); err != nil {
				return err
			}
		}
	}
}

func (s *show) draw(ctx context.Context) error {
	now, err := s.stage.state(ctx)
	if err != nil {
		return err
	}
	if now.stubborn != nil && !s.linked {
		s.linked = true
		s.screen.notef("  %s was refused %d times and is being retried. See it in the Web UI:\n  %s\n", now.stubborn.id, now.stubborn.tries, now.stubborn.link)
	}
	for _, l := range now.engine.inState(consign.StateReplayed) {
		if id := l.execution.GetWorkflowId(); !s.arrived[id] {
			s.arrived[id] = true
			s.screen.notef("  %s was replayed and has arrived", l.header.ID)
		}
	}
	s.screen.show(now)
	return nil
}
