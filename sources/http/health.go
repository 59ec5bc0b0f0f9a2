package http

import (
	"context"
	"net/http"
	"sync"
	"time"
)

const (
	// healthTimeout bounds one question to Temporal.
	healthTimeout = 2 * time.Second
	// healthAge is how old its answer may be, so that probes cost Temporal little, however many come.
	healthAge = time.Second
)

// health asks whether Temporal answers.
type health struct {
	check func(context.Context) error

	mu    sync.Mutex
	asked time.Time
	last  error
}

func (h *health) err(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.asked) > healthAge {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTimeout) // others share the answer
		defer cancel()
		h.last, h.asked = h.check(ctx), time.Now()
	}
	return h.last
}

// state is what the probes are answered when all is well.
type state struct {
	Status string `json:"status"`
}

// healthz answers as long as the process lives, also while Temporal is away: a restart would not bring it back.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, http.StatusOK, "application/json", state{"alive"})
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	to, p := s.open()
	if p == nil {
		if err := to.health.err(r.Context()); err != nil {
			p = unavailable("Temporal does not answer: " + err.Error())
		}
	}
	if p != nil {
		s.fail(w, p)
		return
	}
	s.answer(w, http.StatusOK, "application/json", state{"ready"})
}

// open is where results go, or why they go nowhere.
func (s *Server) open() (*upstream, *problem) {
	to := s.upstream.Load()
	switch {
	case s.draining.Err() != nil:
		return nil, unavailable("this process is about to stop")
	case to == nil:
		return nil, unavailable("the worker has not started yet: it waits for Temporal")
	}
	return to, nil
}

func unavailable(detail string) *problem {
	return &problem{slug: "unavailable", Status: http.StatusServiceUnavailable, Detail: detail, retryAfter: retryUnavailable}
}

// noSpace is for a Temporal whose disk is full, or is to be no fuller.
func noSpace(detail string) *problem {
	return &problem{slug: "no-space", Status: http.StatusInsufficientStorage, Detail: detail, retryAfter: retryNoSpace}
}
