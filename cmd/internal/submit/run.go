package submit

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/intake"
)

const (
	// maxWaits is how many results are waited for at once: each is a long poll, of which a Temporal
	// frontend takes 1,200 for a namespace.
	maxWaits = 1_000
	// maxOpen is how many submitted results may wait for their turn to be waited for. Beyond it,
	// submitting pauses, so that memory stays bounded.
	maxOpen = 100_000
	// maxHeld bounds the data of what is in flight, in bytes.
	maxHeld = 64 * consign.MaxConsignmentBytes
)

// Reasons to stop before the end of the input.
var (
	errStrict   = errors.New("--strict")
	errTimeout  = errors.New("--timeout")
	errTemporal = errors.New("temporal")
)

// run submits all values of an input.
type run struct {
	envelope intake.Envelope
	client   submitter
	options  []consign.SubmitOption
	// concurrency is how many submissions are in flight.
	concurrency  int
	wait, strict bool
	print        *printer
	tally        *tally

	stop context.CancelCauseFunc
}

// submitted is a result that is in Temporal.
type submitted struct {
	place

	source string
	handle handle
}

// do returns why the run stopped before the end of the input; nil if it did not. When ctx is over,
// it stops reading and waiting, and lets go of what is in flight.
func (r *run) do(ctx context.Context, in input) error {
	reading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r.stop = stop

	items := make(chan item)
	go in.read(reading, items)

	follow := func(submitted) {}
	finish := func() {}
	if r.wait {
		follow, finish = r.follower(ctx)
	}
	defer r.tellWhenFull()()

	var inFlight sync.WaitGroup
	slots, held := semaphore.NewWeighted(int64(r.concurrency)), semaphore.NewWeighted(maxHeld)
	for it := range until(reading, items, r.tally.complete) {
		r.tally.passed(it.place)
		result, ok := r.prepare(it)
		if !ok {
			continue
		}
		size := min(int64(len(result.Data)), maxHeld)
		if held.Acquire(reading, size) != nil || slots.Acquire(reading, 1) != nil {
			r.tally.left(it.place)
			continue
		}
		inFlight.Go(func() {
			defer held.Release(size)
			defer slots.Release(1)
			if s, ok := r.submit(ctx, it.place, result); ok {
				follow(s)
			}
		})
	}
	inFlight.Wait()
	finish()
	if cause := context.Cause(reading); cause != nil {
		return cause
	}
	return context.Cause(ctx) // reading hears of it a moment later
}

// until yields items until ctx is over, or all have come and complete was told so.
func until(ctx context.Context, items <-chan item, complete func()) func(yield func(item) bool) {
	return func(yield func(item) bool) {
		for ctx.Err() == nil {
			select {
			case it, ok := <-items:
				if !ok && ctx.Err() == nil {
					complete()
				}
				if !ok || !yield(it) {
					return
				}
			case <-ctx.Done():
			}
		}
	}
}

// prepare makes a result of a value, or reports why there is none.
func (r *run) prepare(it item) (consign.Result, bool) {
	result, err := consign.Result{}, it.Err
	if err == nil {
		result, err = r.envelope.Read(it.Raw)
	}
	if err != nil {
		r.refuse(it.place, err)
		return result, false
	}
	if result.ID == "" && r.tally.fresh() {
		r.print.notice("results without an id get a fresh one: submitted again, they are not recognised as duplicates and are delivered again (--id-field names a field to take)")
	}
	return result, true
}

// refuse reports a value that cannot be submitted.
func (r *run) refuse(at place, err error) {
	r.print.problem(at, err)
	r.tally.refused(err)
	if r.strict {
		r.tally.left(at)
		r.stop(errStrict)
	}
}

func (r *run) submit(ctx context.Context, at place, result consign.Result) (submitted, bool) {
	h, err := r.client.Submit(ctx, result, r.options...)
	if h != nil {
		r.tally.submitted(h.Duplicate())
		r.print.advance(r.tally)
	}
	switch {
	case err == nil:
	case ctx.Err() != nil:
		if h == nil {
			r.tally.unsubmitted(at)
		}
		return submitted{}, false
	case errors.Is(err, consign.ErrUnreachable), errors.Is(err, consign.ErrNotSetUp):
		r.print.problem(at, err)
		r.tally.unsubmitted(at)
		r.tally.noTemporal()
		r.stop(errTemporal)
		return submitted{}, false
	default:
		r.refuse(at, err)
		if h == nil {
			return submitted{}, false
		}
	}
	s := submitted{place: at, source: result.Source, handle: h}
	if !r.wait {
		r.print.result(s, nil)
	}
	return s, true
}

// follower takes submitted results and waits until each is committed. finish waits for all of them.
func (r *run) follower(ctx context.Context) (follow func(submitted), finish func()) {
	open := make(chan submitted, maxOpen)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var waits sync.WaitGroup
		defer waits.Wait()
		slots := make(chan struct{}, maxWaits)
		for s := range open {
			slots <- struct{}{}
			waits.Go(func() {
				defer func() { <-slots }()
				r.await(ctx, s)
			})
		}
	}()
	follow = func(s submitted) { open <- s }
	finish = func() { close(open); <-done }
	return follow, finish
}

func (r *run) await(ctx context.Context, s submitted) {
	receipt, err := s.handle.Wait(ctx)
	switch {
	case err == nil:
		r.print.result(s, &receipt)
		r.tally.committed(receipt)
	case ctx.Err() != nil:
		r.tally.uncommitted()
	default:
		r.print.problem(s.place, err)
		r.tally.refused(err)
	}
}
