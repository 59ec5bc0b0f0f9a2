package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign/activities"
)

// singlyAtOnce is how many results of one leg are out at once, each in an activity of its own: a workflow
// may have 2,000 activities.
const singlyAtOnce = 50

// deliverSingly sends each pending result in activities of its own, since the rate limit of the sink's queue
// counts activities.
func (l *leg) deliverSingly(ctx workflow.Context, pending []int) {
	l.tried = true
	name := l.name
	if name == "" {
		name = l.Sink
	}
	for _, position := range pending {
		one := &leg{
			Leg: l.Leg, first: l.first, pacer: l.pacer, rank: l.rank, before: l.before, host: &part{host: l.host, of: l, position: position},
			results: l.results[position : position+1], indexes: l.indexes[position : position+1],
			name: fmt.Sprintf("%s#%d", name, l.indexes[position]+1), // no space: see unlimited
		}
		one.begin()
		l.parts = append(l.parts, one)
	}
	slots := workflow.NewSemaphore(ctx, singlyAtOnce)
	over := workflow.NewWaitGroup(ctx)
	always, _ := workflow.NewDisconnectedContext(ctx)
	for _, one := range l.parts {
		_ = slots.Acquire(always, 1)
		over.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer over.Done()
			defer slots.Release(1)
			one.deliver(ctx, []int{0}, activities.Outcome{Skipped: "the first attempt is queued"})
		})
	}
	over.Wait(always)
	l.ended = true
}

// part is the host of one result of a leg.
type part struct {
	host     host
	of       *leg
	position int
}

func (p *part) retrying(ctx workflow.Context) { p.host.retrying(ctx) }

func (p *part) park(ctx workflow.Context, l *leg, positions []int) string {
	return p.host.park(ctx, l, positions)
}

func (p *part) legOver(ctx workflow.Context, l *leg, position int) {
	p.of.ends[p.position] = l.ends[position]
	p.of.made = max(p.of.made, l.made)
	p.host.legOver(ctx, l, position)
}
