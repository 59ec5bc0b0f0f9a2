package deadletters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
)

// atOnce is how many dead letters are read or started side by side. Each may hold 1 MiB, and more
// would only wait for the server, which has one connection to its database when embedded.
const atOnce = 8

// Exported is what an export has written.
type Exported struct {
	// Letters counts the dead letters, Results what they hold.
	Letters int `json:"letters"`
	Results int `json:"results"`
	// Replaying are the ids of those of which a replay was under way: all that it delivers is delivered
	// once more when the import is replayed, with the same delivery id.
	Replaying []string `json:"replaying,omitempty"`
	// Closed are the ids of those that were replayed or discarded meanwhile, and are left out.
	Closed []string `json:"closed,omitempty"`
}

// Export writes every open dead letter that a filter selects to w, one [Line] each, about the oldest first, for
// [Import] into another namespace, server or release. It changes nothing. The filter's Closed and
// Limit have no effect.
//
// It needs a worker, and memory for a few dead letters and the ids of all. After an error, what was
// written is not whole: throw it away.
func Export(ctx context.Context, temporal client.Client, filter Filter, w io.Writer) (Exported, error) {
	filter.Closed, filter.Limit = false, 0
	e := &export{temporal: temporal, filter: filter, seen: map[string]bool{}, to: w}
	// The second pass finds what the listing was behind on, and dead letters whose workflow went on
	// in another run during the first.
	for range 2 {
		if err := e.pass(ctx); err != nil {
			return e.done, err
		}
	}
	return e.done, nil
}

type export struct {
	temporal client.Client
	filter   Filter
	seen     map[string]bool

	mu   sync.Mutex
	to   io.Writer
	done Exported
}

// pass writes what is listed and was not seen before, the oldest first: a worker that has thousands
// of imported dead letters to begin with comes to the newest last, and answers for none before.
func (e *export) pass(ctx context.Context) error {
	var ids []string
	for entry, err := range List(ctx, e.temporal, e.filter) {
		if err != nil {
			return err
		}
		if !e.seen[entry.ID] {
			e.seen[entry.ID] = true
			ids = append(ids, entry.ID)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, id := range slices.Backward(ids) {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error { return e.one(ctx, id) })
	}
	return group.Wait()
}

func (e *export) one(ctx context.Context, id string) error {
	record, err := e.read(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	open := err == nil && (record.State == consign.StateParked || record.State == StateReplaying)
	var line []byte
	if open {
		if line, err = lineOf(record).Encode(); err != nil {
			return fmt.Errorf("writing %s: %w", id, err)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !open {
		e.done.Closed = append(e.done.Closed, id)
		return nil
	}
	if record.State == StateReplaying {
		e.done.Replaying = append(e.done.Replaying, id)
	}
	e.done.Letters++
	e.done.Results += len(record.Results)
	_, err = e.to.Write(line)
	return err
}

// readPatience is for how long a busy worker is asked again for one dead letter.
const readPatience = 5 * time.Minute

func (e *export) read(ctx context.Context, id string) (consign.Record, error) {
	for began := time.Now(); ; {
		record, err := Show(ctx, e.temporal, id)
		passed := time.Since(began)
		busy := errors.Is(err, consign.ErrUnreachable) && passed < readPatience || noWorker(err) && passed < busyPatience
		if !busy || ctx.Err() != nil {
			return record, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(maxPause):
		}
	}
}
