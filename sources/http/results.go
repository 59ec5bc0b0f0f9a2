package http

import (
	"context"
	"net/http"
	"time"

	"github.com/consign-dev/consign"
)

const (
	// fullPatience is how long a request waits for room before it is told to come back.
	fullPatience = time.Second
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
	all, release, p := s.read(w, r, a)
	if p != nil {
		s.fail(w, p)
		return
	}
	defer release()
	ctx, cancel := context.WithTimeout(r.Context(), s.options.Config.WaitTimeout)
	defer cancel()
	d := newDelivery(all)
	d.submit(ctx, to)
	await(ctx, d.stored)
	if a.wait {
		waiting, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.draining, cancel)() //nolint:contextcheck // the request ends its waiting when the server drains
		await(waiting, d.committed)
	}
	outcomes, done, p := d.verdict(a.wait)
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

// await waits until something is done or ctx is over.
func await(ctx context.Context, done <-chan struct{}) {
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// submit hands all results over, until there is no room for one within fullPatience. Those after it are
// not submitted either, so that the order stays.
func (d *delivery) submit(ctx context.Context, to Submitter) {
	var stopped error
	for i, result := range d.all {
		if stopped == nil {
			waiting, cancel := context.WithTimeout(ctx, fullPatience)
			stopped = to.Submit(waiting, consign.Submission{
				Result:    result.Result,
				Stored:    func(where consign.Stored, err error) { d.isStored(i, where, err) },
				Committed: func(receipt consign.Receipt, err error) { d.isCommitted(i, receipt, err) },
			})
			cancel()
		}
		if stopped != nil {
			d.isLeft(i, stopped)
		}
	}
}
