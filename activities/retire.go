package activities

import (
	"context"
	"errors"
)

// errReplaced means that the gate was retired while an attempt waited before it.
var errReplaced = errors.New("the sink's settings have changed")

// begin notes that the gate is in use, unless it is retired.
func (g *Gate) begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.retired {
		return false
	}
	g.users++
	return true
}

// end is the end of a use.
func (g *Gate) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.users--
	if g.retired && g.users == 0 {
		close(g.unused)
	}
}

// Retired tells whether another gate has taken this one's place.
func (g *Gate) Retired() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.retired
}

// InUse tells whether an attempt is under way, or about to be.
func (g *Gate) InUse() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.users > 0
}

// Retire has no attempt begin any more, which is for the gate that has taken this one's place in [Activities.Use]. It
// lets those under way finish until drain is over, breaks off the others, which uses up no retry of theirs, and closes
// the sink once nobody uses it. It gives up when ctx is over: then the sink stays open.
func (g *Gate) Retire(ctx, drain context.Context) error {
	g.mu.Lock()
	if !g.retired {
		g.retired = true
		close(g.replaced)
		g.signal()
		if g.users == 0 {
			close(g.unused)
		}
	}
	g.mu.Unlock()
	select {
	case <-g.unused:
	case <-drain.Done():
		g.breakOff()
		select {
		case <-g.unused:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return g.Close(ctx)
}

// isReplaced tells without waiting whether the gate was retired.
func (g *Gate) isReplaced() bool {
	select {
	case <-g.replaced:
		return true
	default:
		return false
	}
}

// Succeed takes over what is known of the sink from the gate whose place this one takes: what was delivered, and
// whether the sink is paused. Its circuit and its pace are of the settings from before, and start anew.
func (g *Gate) Succeed(old *Gate) {
	g.history = old.history
	g.Pause(old.Paused())
}
