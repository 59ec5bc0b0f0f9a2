package demo

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
)

// deliver submits the results and shows what becomes of them until all are committed: taken or parked
// at every sink.
func (s *show) deliver(ctx context.Context) error {
	return s.watch(ctx, func(ctx context.Context) error {
		all, ctx := errgroup.WithContext(ctx)
		all.Go(func() error {
			return s.submit(ctx, func(handle *consign.Handle) {
				all.Go(func() error {
					_, err := handle.Wait(ctx)
					return err
				})
			})
		})
		return all.Wait()
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
