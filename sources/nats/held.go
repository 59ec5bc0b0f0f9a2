package nats

import (
	"context"
	"sync"
	"time"
)

// held are the messages that this process works on: those that are not known to be acked. Of each only the
// place and the reply subject are kept, since a dead sink makes them many.
type held struct {
	// most bounds them.
	most int
	// left has room for one: that something is held no more.
	left chan struct{}

	mu sync.Mutex
	// every is the time from one sign of life of a message to the next: half of what the server waits for.
	every  time.Duration
	places map[place]*open
	order  []*open // by when they are due
}

// open is one message that is held.
type open struct {
	reply string    // where the server hears of it
	due   time.Time // when it has to
	over  bool      // it is held no more, and leaves the order when it is due
}

func newHeld(most int, ackWait time.Duration) *held {
	return &held{most: most, left: make(chan struct{}, 1), every: ackWait / 2, places: map[place]*open{}}
}

// add holds a message, and tells whether it is new. One that is held already is the same message delivered
// again, after the server has not heard of it in time: it is worked on, so that nothing is to do.
func (h *held) add(reply string, at place) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if there := h.places[at]; there != nil {
		there.reply = reply
		return false
	}
	o := &open{reply: reply, due: time.Now().Add(h.every)}
	h.places[at] = o
	h.order = append(h.order, o)
	return true
}

func (h *held) remove(at place) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.places[at]
	if o == nil {
		return
	}
	o.over, o.reply = true, ""
	delete(h.places, at)
	select {
	case h.left <- struct{}{}:
	default:
	}
}

func (h *held) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.places)
}

// room waits until one more may be held, and returns how many may; 0 once ctx is over.
func (h *held) room(ctx context.Context) int {
	for {
		if room := h.most - h.count(); room > 0 {
			return room
		}
		select {
		case <-ctx.Done():
			return 0
		case <-h.left:
		}
	}
}

// renewals are how many looks for what is due there are from one sign of life of a message to the next.
const renewals = 10

// pace is the time from one look for what is due to the next.
func (h *held) pace() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.every / renewals
}

// waits tells how long the server waits for a sign of life.
func (h *held) waits(ackWait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.every == ackWait/2 {
		return
	}
	h.every = ackWait / 2
	latest := time.Now().Add(h.every)
	for _, o := range h.order {
		if o.due.After(latest) {
			o.due = latest
		}
	}
}

// due takes the reply subjects of what is due, and has it due again. At one look it takes no more than twice
// what all looks together need, so that what came in one burst is renewed in several.
func (h *held) due() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	var replies []string
	for most := 100 + len(h.order)*2/renewals; len(replies) < most && len(h.order) > 0; {
		first := h.order[0]
		if first.due.After(now) {
			break
		}
		h.order = h.order[1:]
		if !first.over {
			first.due = now.Add(h.every)
			h.order = append(h.order, first)
			replies = append(replies, first.reply)
		}
	}
	return replies
}
