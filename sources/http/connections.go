package http

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// connections makes room among those that are served at once: when there is none, the one that has been idle
// longest is closed. Else clients that keep theirs for later would lock out others, and probes of health.
type connections struct {
	most int

	mu   sync.Mutex
	open map[net.Conn]time.Time // since when it is idle; zero: it is not
}

// changed is http.Server's ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	switch state {
	case http.StateNew, http.StateActive:
		c.open[conn] = time.Time{}
	case http.StateIdle:
		c.open[conn] = time.Now()
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
	}
	idle := c.idlest()
	c.mu.Unlock()
	if idle != nil {
		_ = idle.Close() // its client finds out
	}
}

// idlest is the one to close, if any, which counts as idle no longer.
func (c *connections) idlest() net.Conn {
	if len(c.open) < c.most {
		return nil
	}
	var idlest net.Conn
	for conn, since := range c.open {
		if !since.IsZero() && (idlest == nil || since.Before(c.open[idlest])) {
			idlest = conn
		}
	}
	if idlest != nil {
		c.open[idlest] = time.Time{}
	}
	return idlest
}
