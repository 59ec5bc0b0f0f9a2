package demo

import (
	"context"
	"time"

	"github.com/consign-dev/consign"
)

// deliver submits the results and shows what becomes of them until all are committed: taken or parked
// at every sink.
func (s *show) deliver(ctx context.Context) error {
	return s.watch(ctx, func(ctx context.Context) error {
		handles, err := s.submit(ctx)
		if err != nil {
			return err
		}
		// Not by waiting for each from the start: under load Temporal 1.32 loses the notice that a
		// workflow has closed, and whoever waits for it learns of it only when the poll ends, after 20 s.
		if err := s.stage.until(ctx, func(e engine) bool { return e.open == 0 }); err != nil {
			return err
		}
		parked := 0
		for _, handle := range handles {
			receipt, err := handle.Wait(ctx)
			if err != nil {
				return err
			}
			parked += parkedLegs(receipt)
		}
		// Listings come some milliseconds after the fact.
		return s.stage.until(ctx, func(e engine) bool { return len(e.letters) >= parked })
	})
}

// submit hands over the results one by one, so that the eye can follow.
func (s *show) submit(ctx context.Context) ([]*consign.Handle, error) {
	submitter := consign.NewClient(s.stage.temporal)
	tick := time.NewTicker(time.Second / time.Duration(rhythmFor(s.once).perSecond))
	defer tick.Stop()
	handles := make([]*consign.Handle, 0, len(s.results))
	for _, result := range s.results {
		handle, err := submitter.Submit(ctx, result)
		if err != nil {
			return nil, err
		}
		handles = append(handles, handle)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return handles, nil
}

func parkedLegs(receipt consign.Receipt) (count int) {
	for _, leg := range receipt.Legs {
		if leg.Outcome == consign.Parked {
			count++
		}
	}
	return count
}
