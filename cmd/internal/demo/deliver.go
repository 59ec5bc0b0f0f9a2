package demo

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
)

// deliver submits the results and shows what becomes of them until all are committed: taken or parked
// at every sink.
func (s *show) deliver(ctx context.Context) error {
	return s.watch(ctx, func(ctx context.Context) error {
		var parked atomic.Int64
		all, waiting := errgroup.WithContext(ctx)
		all.Go(func() error {
			return s.submit(waiting, func(handle *consign.Handle) {
				all.Go(func() error {
					receipt, err := handle.Wait(waiting)
					parked.Add(parkedLegs(receipt))
					return err
				})
			})
		})
		if err := all.Wait(); err != nil {
			return err
		}
		// Listings come some milliseconds after the fact.
		return s.stage.until(ctx, func(e engine) bool {
			return len(e.retrying) == 0 && int64(len(e.letters)) >= parked.Load()
		})
	})
}

// submit hands over the results one by one, so that the eye can follow.
func (s *show) submit(ctx context.Context, submitted func(*consign.Handle)) error {
	submitter := consign.NewClient(s.stage.temporal)
	tick := time.NewTicker(time.Second / time.Duration(rhythmFor(s.once).perSecond))
	defer tick.Stop()
	for _, result := range s.results {
		handle, err := submitter.Submit(ctx, result)
		if err != nil {
			return err
		}
		submitted(handle)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func parkedLegs(receipt consign.Receipt) (count int64) {
	for _, leg := range receipt.Legs {
		if leg.Outcome == consign.Parked {
			count++
		}
	}
	return count
}
