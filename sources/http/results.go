package http

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/propagation"
)

const (
	// fullPatience is how long a request waits for room before it is told to come back.
	fullPatience = time.Second
	// longestWait bounds a request, as a multiple of the time in which one more of its results has to be stored.
	longestWait = 10
	// retryFull and retryUnavailable are when to come back, and retryNoSpace when Temporal's disk is full, which
	// retention takes minutes to change.
	retryFull, retryUnavailable, retryNoSpace = 2 * time.Second, 5 * time.Second, 30 * time.Second
	// spacePace is the time from one look at whether Temporal is full to the next.
	spacePace = 100 * time.Millisecond
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
	if reason := to.Full(); reason != nil {
		s.fail(w, noSpace(reason.Error()+": nothing of this request was submitted"))
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
	traced := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	outcomes, done, p := s.deliver(traced, to, all, a.wait, memory)
	_ = deadline.SetWriteDeadline(time.Now().Add(answerTimeout))
	s.metrics.count(outcomes)
	s.taken.Add(fresh(outcomes))
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
	full := awaitStored(ctx, d.stored, to)
	if wait && full == nil {
		waiting, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.draining, cancel)() //nolint:contextcheck // the request ends its waiting when the server drains
		await(waiting, d.committed)
	}
	outcomes, done, p = d.verdict()
	if reason := cmp.Or(full, to.Full()); reason != nil && p != nil && (p.slug == "unavailable" || p.slug == "full") {
		p = noSpace(reason.Error()+": what is unknown may be stored later, send the request again").at(p.Line, *p.Index)
		p.Results = outcomes
	}
	return outcomes, done, p
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

// awaitStored waits until all is stored, or Temporal turns out to be full: its reason then.
func awaitStored(ctx context.Context, stored <-chan struct{}, to Submitter) error {
	tick := time.NewTicker(spacePace)
	defer tick.Stop()
	for {
		select {
		case <-stored:
			return nil
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if reason := to.Full(); reason != nil {
			return reason
		}
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
