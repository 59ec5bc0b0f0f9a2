package status

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

const (
	// tailWait is how long a worker waits for something to tell.
	tailWait = time.Second
	// tailPace is the least time from one question to the next, each of which Temporal stores for a moment.
	tailPace = 500 * time.Millisecond
	// lookPace is the time from one look for new workers to the next, and from a failed question to the next.
	lookPace = 5 * time.Second
)

// Tailed is what one worker has told.
type Tailed struct {
	// Worker that has told it; empty: nobody has, and Err says why.
	Worker string
	activities.TailOutput
	// Err is why a worker tells nothing for now.
	Err error
}

// Tail tells what happens in all workers, those too that start later, until ctx is over. It calls tell from one goroutine
// at a time. What workers cannot keep, or one answer cannot hold, is dropped and counted: they never wait for whoever
// tails. It returns early with [ErrOldServer], wrapped, where workers cannot be asked.
func Tail(ctx context.Context, temporal client.Client, namespace string, filter activities.TailInput, tell func(Tailed)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t := &tailing{temporal: temporal, namespace: namespace, filter: filter, tell: tell, cancel: cancel, asked: map[string]bool{}}
	defer t.work.Wait()
	for {
		seen, err := Identities(ctx, temporal)
		if err != nil && ctx.Err() == nil {
			t.say(Tailed{Err: err})
		}
		for identity := range seen {
			t.follow(ctx, identity)
		}
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); errors.Is(cause, ErrOldServer) {
				return cause
			}
			return nil
		case <-time.After(lookPace):
		}
	}
}

type tailing struct {
	temporal  client.Client
	namespace string
	filter    activities.TailInput
	cancel    context.CancelCauseFunc
	work      sync.WaitGroup

	mu    sync.Mutex
	tell  func(Tailed)
	asked map[string]bool // workers that are followed
}

func (t *tailing) say(what Tailed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tell(what)
}

// follow asks a worker again and again, unless it is asked already.
func (t *tailing) follow(ctx context.Context, identity string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked[identity] {
		return
	}
	t.asked[identity] = true
	t.work.Go(func() {
		t.ask(ctx, identity)
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.asked, identity) // it may have been busy, and is looked for anew
	})
}

// ask asks until the worker does not answer.
func (t *tailing) ask(ctx context.Context, identity string) {
	in := t.filter
	in.After, in.Wait = -1, consign.Millis(tailWait)
	for ctx.Err() == nil {
		began := time.Now()
		var out activities.TailOutput
		err := Ask(ctx, t.temporal, t.namespace, identity, consign.TailActivity, tailWait, &out, in)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrOldServer):
			t.cancel(err)
			return
		case err != nil:
			t.say(Tailed{Worker: identity, Err: err})
			return
		}
		first := in.After < 0
		in.After = out.Cursor
		if first {
			out.Missed = 0
		}
		t.say(Tailed{Worker: identity, TailOutput: out})
		select {
		case <-ctx.Done():
		case <-time.After(tailPace - time.Since(began)):
		}
	}
}
