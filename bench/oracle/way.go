package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
)

// Ways in which results are handed in.
const (
	// bySubmit is a call for each workflow.
	bySubmit = "submit"
	// byBatch is a Submitter, which has results share workflows.
	byBatch = "batch"
	// byHTTP is POST /v1/results of the workers.
	byHTTP = "http"
	// byJetStream is a stream of NATS that the workers read.
	byJetStream = "jetstream"
)

func ways() []string { return []string{bySubmit, byBatch, byHTTP, byJetStream} }

func (p *plan) way() string { return cmp.Or(p.source, bySubmit) }

// batchMax is the most results that a workflow may come to carry, but for bySubmit.
func (p *plan) batchMax() int {
	if p.batch == 0 && p.way() == byBatch {
		return 256
	}
	return max(p.batch, 1)
}

// unit is what is handed in at once: one result, or some with numbers that follow each other.
type unit struct {
	first, count int
	// workflow that carries it. Empty: that shows when all is over.
	workflow string
	// waits says that the request is answered when all is committed.
	waits bool
	// quiet says that no ack is due: the answer is all that the upstream hears.
	quiet bool
}

// units divides the results.
func (p *plan) units() []unit {
	random := rand.New(rand.NewPCG(p.seed, 1))
	var units []unit
	for n := 0; n < p.results; {
		u := p.unit(random, n)
		units = append(units, u)
		n += u.count
	}
	return units
}

// maxRequest is the most results of one request, by HTTP.
const maxRequest = 20

// unit is the one that begins with a result.
func (p *plan) unit(random *rand.Rand, n int) unit {
	u := unit{first: n, count: 1}
	switch p.way() {
	case bySubmit: // six in ten are one result, the others a batch of 2 to 12
		if random.Float64() < 0.4 {
			u.count = min(2+random.IntN(11), p.results-n)
		}
		u.workflow = consign.WorkflowID(source, resultID(n))
		if u.count > 1 {
			u.workflow = "consign/batch/" + uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%d/%d", p.seed, n)).String()
		}
	case byHTTP: // every other request waits
		u.count = min(1+random.IntN(maxRequest), p.results-n)
		u.waits = random.Float64() < 0.5
		// What shared a workflow would be delivered again if a client asked again to hear of its ack.
		u.quiet = !u.waits || p.batchMax() > 1
	}
	return u
}

// reached is the number of the last unit of which the first result is below a number.
func (p *plan) reached(below int) int {
	last := 0
	for _, u := range p.units() {
		if u.first < below {
			last = u.first
		}
	}
	return last
}

// rest are the units that no line of the upstream's ledger says are stored, and acked where that is due by
// the answer.
func (p *plan) rest(before []line) []unit {
	stored, heard := map[int]bool{}, map[int]bool{}
	for _, l := range before {
		switch l.What { //nolint:exhaustive // the others need nothing
		case submitted:
			stored[l.N] = true
		case acked:
			heard[l.N] = true
		}
	}
	var todo []unit
	for _, u := range p.units() {
		asks := u.waits && !u.quiet && !heard[u.first] // the acks of a request come together
		if !stored[u.first] || asks {
			todo = append(todo, u)
		}
	}
	return todo
}

// asReleased yields units as far as they are released, those that are so at once together, until ctx is over.
func (p *plan) asReleased(ctx context.Context, todo []unit) iter.Seq[[]unit] {
	return func(yield func([]unit) bool) {
		for len(todo) > 0 {
			released, n := p.released(), 0
			for n < len(todo) && todo[n].first < released {
				n++
			}
			if n > 0 && !yield(todo[:n]) {
				return
			}
			todo = todo[n:]
			if pause(ctx, 20*time.Millisecond) != nil {
				return
			}
		}
	}
}

// eachReleased does something with each unit once it is released, with so many at once. It returns when one
// fails, or when ctx is over, which the conductor says.
func (p *plan) eachReleased(ctx context.Context, todo []unit, atOnce int, do func(context.Context, unit) error) error {
	next := make(chan unit)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(next)
		for units := range p.asReleased(ctx, todo) {
			for _, u := range units {
				select {
				case next <- u:
				case <-ctx.Done():
					return nil
				}
			}
		}
		<-ctx.Done()
		return nil
	})
	for range atOnce {
		group.Go(func() error {
			for u := range next {
				if err := do(ctx, u); err != nil && ctx.Err() == nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}
