package activities

import (
	"sync"
	"time"
)

// legs counts the open legs of a best-effort sink (on_full: drop) in this worker.
type legs struct {
	limit int

	mu   sync.Mutex
	open map[string]time.Time // and when to forget them
}

// legLife is after which time an open leg no longer counts. Legs are settled by their workflow in the
// worker that admitted them, except when the workflow has moved to another.
const legLife = time.Hour

// Admit counts a leg in, unless the gate is full: concurrency and queue_depth legs are open. A leg
// that is in already stays in.
func (g *Gate) Admit(leg string) bool {
	l := &g.legs
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if _, in := l.open[leg]; !in && len(l.open) >= l.limit {
		for key, end := range l.open {
			if now.After(end) {
				delete(l.open, key)
			}
		}
		if len(l.open) >= l.limit {
			return false
		}
	}
	l.open[leg] = now.Add(legLife)
	return true
}

// Settle counts a leg out.
func (g *Gate) Settle(leg string) {
	g.legs.mu.Lock()
	defer g.legs.mu.Unlock()
	delete(g.legs.open, leg)
}
