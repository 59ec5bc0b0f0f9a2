package http

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

const (
	// fullPatience is how long a request waits for room before it is told to come back.
	fullPatience = time.Second
	// longestWait bounds a request, as a multiple of the time in which one more of its results has to be stored.
	longestWait = 10
	// retryFull and retryUnavailable are when to come back.
	retryFull, retryUnavailable = 2 * time.Second, 5 * time.Second
)

// taken is what a request is answered when all is well.
type taken struct {
	Results []outcome `json:"results"`
}

// results takes the results of a request. It answers when Temporal holds them, and never before.
func (s *Server) results(w http.ResponseWriter, r *http.Request) {
	to, p := s.open()
	if p != nil {
		s.fail(w, p)
		return
	}
	a, p := ask(r)
	if p != nil {
		s.fail(w, p)
		return
	}
	memory := &share{of: s.memory}
	defer memory.keep(0)
	if !memory.take(requestCost) {
		s.fail(w, noMemory())
		return
	}
	all, p := s.read(w, r, a, memory)
	if p != nil {
		s.fail(w, p)
		return
	}
	// However long the results of a request take, an answer that nobody reads is given up soon.
	deadline := http.NewResponseController(w)
	longest := longestWait * s.options.Config.WaitTimeout
	_ = deadline.SetWriteDeadline(time.Now().Add(longest + answerTimeout))
	outcomes, done, p := s.deliver(r.Context(), to, all, a.wait, memory)
	_ = deadline.SetWriteDeadline(time.Now().Add(answerTimeout))
	s.metrics.count(outcomes)
	switch {
	case p != nil:
		s.fail(w, p)
	case a.wait && done:
		s.answer(w, http.StatusOK, "application/json", taken{outcomes})
	default:
		s.answer(w, http.StatusAccepted, "application/json", taken{outcomes})
	}
}

// deliver hands results over and waits until all are stored, or committed if asked for. It gives up when none has
// been stored for WaitTimeout.
func (s *Server) deliver(ctx context.Context, to Submitter, all []received, wait bool, memory *share) (outcomes []outcome, done bool, p *problem) {
	patience := s.options.Config.WaitTimeout
	ctx, cancel := context.WithTimeout(ctx, longestWait*patience)
	defer cancel()
	ctx, stalled := context.WithCancelCause(ctx)
	timer := time.AfterFunc(patience, func() { stalled(errStalled) })
	defer timer.Stop()
	d := newDelivery(all, func() { timer.Reset(patience) })
	defer d.close()
	submitting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(s.draining, func() { stop(errStopping) })() //nolint:contextcheck // the server drains
	s.submit(submitting, to, d, wait)
	memory.keep(int64(requestCost + len(all)*resultCost)) // their data are with the Submitter now
	await(ctx, d.stored)
	if wait {
		waiting, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.draining, cancel)() //nolint:contextcheck // the request ends its waiting when the server drains
		await(waiting, d.committed)
	}
	return d.verdict()
}

var (
	errStalled  = errors.New("nothing more of this request could be stored in Temporal in time")
	errStopping = errors.New("this process is about to stop")
)

// await waits until something is done or ctx is over.
func await(ctx context.Context, done <-chan struct{}) {
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// submit hands all results over, until there is no room for one within fullPatience. Those after it are
// not submitted either, so that the order stays.
//
// Requests take turns, result by result: one that brings thousands does not have others wait for all of them, and
// what it has not handed over when it is given up is not stored for nobody.
func (s *Server) submit(ctx context.Context, to Submitter, d *delivery, wait bool) {
	var stopped error
	for i := range d.all {
		if d.all[i].first != i {
			continue
		}
		if stopped == nil {
			stopped = s.turn(ctx)
		}
		if stopped == nil {
			over := sync.OnceFunc(func() { s.turns.Release(1) })
			waiting, cancel := context.WithTimeout(ctx, fullPatience)
			if stopped = to.Submit(waiting, d.submission(i, wait, over)); stopped != nil {
				over()
			}
			cancel()
		}
		d.all[i].Data = nil
		if stopped != nil {
			d.isLeft(i, stopped)
		}
	}
}

// turn waits until one more result may be handed over.
func (s *Server) turn(ctx context.Context) error {
	if s.draining.Err() != nil {
		return errStopping
	}
	if s.turns.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	return nil
}
