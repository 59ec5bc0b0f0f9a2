package activities

import (
	"context"
	"errors"
	"time"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
)

// Undecided are results whose "when" could not be evaluated.
type Undecided struct {
	Results []int `json:"results"`
	// Cause says why.
	Cause string `json:"cause"`
}

// routingLimit is how long the conditions of all sinks on all results of a consignment may take
// together. Those that are not evaluated by then are undecided: a route that never ends would leave the
// workflow stuck, and what is parked can be replayed.
const routingLimit = 2 * time.Second

var errNotInTime = errors.New("when: the conditions on this consignment were not evaluated in time")

func factsOf(results []consign.Result) []*config.Facts {
	facts := make([]*config.Facts, len(results))
	for i, result := range results {
		facts[i] = config.NewFacts(result)
	}
	return facts
}

// choose is the leg to a sink with the results that it wants, and those of which it cannot tell; nil if
// there are none. It notes which ones are wanted.
func (c *Current) choose(ctx context.Context, sink config.Sink, facts []*config.Facts, wanted []bool) *Leg {
	leg := legTo(sink)
	for i, fact := range facts {
		wants, err := true, errNotInTime
		if fact.Report() {
			wants, err = ctx.Err() == nil && sink.Asks(ctx, fact), nil
		} else if ctx.Err() == nil || sink.When == "" {
			wants, err = sink.Wants(ctx, fact)
		}
		if err != nil {
			leg.undecided(i, c.Config.Redact(err.Error()))
		} else if !wants {
			continue
		}
		leg.Results = append(leg.Results, i)
		wanted[i] = true
	}
	switch len(leg.Results) {
	case 0:
		return nil
	case len(facts):
		leg.Results = nil
	}
	return &leg
}

// undecided adds a result, to those of the same cause where there are any.
func (l *Leg) undecided(i int, cause string) {
	cause = Clip(cause, maxCause)
	for at := range l.Undecided {
		if l.Undecided[at].Cause == cause {
			l.Undecided[at].Results = append(l.Undecided[at].Results, i)
			return
		}
	}
	l.Undecided = append(l.Undecided, Undecided{Results: []int{i}, Cause: cause})
}

// boundCauses keeps what stands in history of causes within maxCauses.
func boundCauses(legs []Leg) {
	count := 0
	for _, leg := range legs {
		count += len(leg.Undecided)
	}
	for _, leg := range legs {
		for i := range leg.Undecided {
			leg.Undecided[i].Cause = Clip(leg.Undecided[i].Cause, max(maxCauses/count, 64))
		}
	}
}

// unwanted lists the results that nobody wants.
func unwanted(wanted []bool) []int {
	var at []int
	for i, taken := range wanted {
		if !taken {
			at = append(at, i)
		}
	}
	return at
}
