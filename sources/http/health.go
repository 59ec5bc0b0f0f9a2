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

// Readiness tells why results cannot be taken for now; nil: they are. The note, which may be empty, is what a person
// should know all the same.
type Readiness func(context.Context) (note string, err error)

// health asks whether results can be taken.
type health struct {
	check Readiness

	mu    sync.Mutex
	asked time.Time
	note  string
	last  error
}

func (h *health) ask(ctx context.Context) (note string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.asked) > healthAge {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTimeout) // others share the answer
		defer cancel()
		h.note, h.last = h.check(ctx)
		h.asked = time.Now()
	}
	return h.note, h.last
}

// state is what the probes are answered when all is well.
type state struct {
	Status string `json:"status"`
	Note   string `json:"note,omitempty"`
}

// healthz answers as long as the process lives, also while Temporal is away: a restart would not bring it back.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, http.StatusOK, "application/json", state{Status: "alive"})
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	to, p := s.open()
	if p != nil {
		s.fail(w, p)
		return
	}
	note, err := to.health.ask(r.Context())
	if err != nil {
		s.fail(w, unavailable(err.Error()))
		return
	}
	s.answer(w, http.StatusOK, "application/json", state{Status: "ready", Note: note})
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
