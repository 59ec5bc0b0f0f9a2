package nats

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// held are the messages that this process works on: those that are not known to be acked.
type held struct {
	// every is the time from one sign of life of a message to the next: half of what the server waits for.
	every time.Duration

	mu     sync.Mutex
	places map[place]*open
	order  []*open // by when they are due
}

// open is one message that is held.
type open struct {
	message jetstream.Msg
	due     time.Time // when the server has to hear of it
	over    bool      // it is held no more, and leaves the order when it is due
}

func newHeld(ackWait time.Duration) *held {
	return &held{every: ackWait / 2, places: map[place]*open{}}
}

// add holds a message, and tells whether it is new. One that is held already is the same message delivered
// again, after the server has not heard of it in time: it is worked on, so that nothing is to do.
func (h *held) add(message jetstream.Msg, at place) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if there := h.places[at]; there != nil {
		there.message = message
		return false
	}
	o := &open{message: message, due: time.Now().Add(h.every)}
	h.places[at] = o
	h.order = append(h.order, o)
	return true
}

func (h *held) remove(at place) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o := h.places[at]; o != nil {
		o.over, o.message = true, nil
		delete(h.places, at)
	}
}

// renewals are how many looks for what is due there are from one sign of life of a message to the next.
const renewals = 10

// renew tells the server that what is held is worked on, until ctx is over.
func (h *held) renew(ctx context.Context) {
	tick := time.NewTicker(h.every / renewals)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, message := range h.due() {
			if message.InProgress() != nil {
				break // there is no connection; what comes again meanwhile is known
			}
		}
	}
}

// due takes what is due, and has it due again. At one look it takes no more than twice what all looks
// together need, so that what came in one burst is renewed in several.
func (h *held) due() []jetstream.Msg {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	var messages []jetstream.Msg
	for most := 100 + len(h.order)*2/renewals; len(messages) < most && len(h.order) > 0; {
		first := h.order[0]
		if first.due.After(now) {
			break
		}
		h.order = h.order[1:]
		if !first.over {
			first.due = now.Add(h.every)
			h.order = append(h.order, first)
			messages = append(messages, first.message)
		}
	}
	return messages
}
