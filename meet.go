package consign

import (
	"context"
	"sync/atomic"
)

// meeting has workflows started one by one until Temporal has answered once, and side by side from then on. A
// Temporal client that connects lazily learns with its first call what the server can do, and the SDK (1.50)
// looks at that without its lock when it asks for an eager start: two first starts at once would be a data race.
type meeting struct {
	turn chan struct{} // holds one token while somebody has the turn
	over atomic.Bool
}

func newMeeting() *meeting { return &meeting{turn: make(chan struct{}, 1)} }

// start runs one start.
func (m *meeting) start(ctx context.Context, start func() error) error {
	if m.over.Load() {
		return start()
	}
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-m.turn }()
	err := start()
	if err == nil || ctx.Err() == nil && !transient(err) {
		m.over.Store(true)
	}
	return err
}
