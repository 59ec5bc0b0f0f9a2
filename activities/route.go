package activities

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
)

// RouteInput asks which sinks get these results.
type RouteInput struct {
	Results []consign.Result `json:"results,omitempty"`
	// Sink asks for the leg to this sink alone, for a replay: to which of the results its "when" says, or,
	// when there are none here, whatever the results are.
	Sink string `json:"sink,omitempty"`
}

// Route says which sinks get which results. It stands in the workflow's history.
type Route struct {
	// Legs in configuration order.
	Legs []Leg `json:"legs"`
	// Unrouted lists results that no sink wants, by index, and Unmatched says what to do with them.
	Unrouted  []int            `json:"unrouted,omitempty"`
	Unmatched config.Unmatched `json:"unmatched,omitempty"`
	// Elsewhere says that this worker does not know the sink that was asked for, and that another one,
	// which polls the sink's queue, does: it is to be asked there.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// AckPolicy says how acks are retried.
	AckPolicy Policy `json:"ack_policy"`
}

// Leg is the delivery of one consignment to one sink.
type Leg struct {
	Sink   string `json:"sink"`
	Kind   string `json:"kind"`
	Policy Policy `json:"policy"`
	// Results of the consignment that this sink gets, by index. Empty: all.
	Results []int `json:"results,omitempty"`
	// Undecided are those among them of which the sink's "when" could not tell: they are parked at once.
	Undecided []Undecided `json:"undecided,omitempty"`
	// Singly has each result go in activities of its own, since a queue's rate limit counts activities.
	Singly bool `json:"singly,omitempty"`
}

// Route is the activity "route".
func (a *Activities) Route(ctx context.Context, in RouteInput) (Route, error) {
	now := a.Current()
	route := Route{Legs: []Leg{}, AckPolicy: now.ackPolicy()}
	if in.Sink != "" {
		return a.routeTo(ctx, now, in, route)
	}
	facts := factsOf(in.Results)
	ctx, cancel := context.WithTimeout(ctx, routingLimit)
	defer cancel()
	wanted := make([]bool, len(in.Results))
	for _, sink := range now.Config.Sinks {
		if leg := now.choose(ctx, sink, facts, wanted); leg != nil {
			route.Legs = append(route.Legs, *leg)
		}
	}
	boundCauses(route.Legs)
	for i, fact := range facts {
		wanted[i] = wanted[i] || fact.Report() // which nobody has to want
	}
	route.Unrouted = unwanted(wanted)
	if len(route.Unrouted) > 0 {
		route.Unmatched = now.Config.Unmatched
		a.Metrics.unmatched.Add(float64(len(route.Unrouted)))
		a.Unmatched.Add(len(route.Unrouted))
	}
	a.Metrics.results.Add(float64(len(in.Results)))
	a.Routed.Add(len(in.Results))
	a.Tail.routed(in.Results, route)
	return route, nil
}

// routeTo is the leg to one sink. Workers may have different configurations, during a roll-out for
// one, so that this one may not know what another does.
func (a *Activities) routeTo(ctx context.Context, now *Current, in RouteInput, route Route) (Route, error) {
	sink := in.Sink
	if gate := now.Gates[sink]; gate != nil {
		leg := new(legTo(gate.settings))
		if len(in.Results) > 0 {
			wanted := make([]bool, len(in.Results))
			leg = now.choose(ctx, gate.settings, factsOf(in.Results), wanted)
			route.Unrouted = unwanted(wanted)
		}
		if leg != nil {
			leg.Sink = sink // also if that is an alias now: delivery ids are made with the name
			route.Legs = append(route.Legs, *leg)
			boundCauses(route.Legs)
		}
		return route, nil
	}
	queue, err := a.Temporal.DescribeTaskQueue(ctx, consign.SinkQueue(sink), enumspb.TASK_QUEUE_TYPE_ACTIVITY)
	if _, denied := errors.AsType[*serviceerror.PermissionDenied](err); denied {
		a.Log.Warn("this worker may not ask who polls a queue, so the sink counts as unknown", zap.String("sink", sink), zap.Error(err))
		return route, nil
	}
	if err != nil {
		return route, temporal.NewApplicationErrorWithOptions("looking for workers of sink "+sink+": "+err.Error(), "route", temporal.ApplicationErrorOptions{})
	}
	route.Elsewhere = len(queue.GetPollers()) > 0
	return route, nil
}

func legTo(sink config.Sink) Leg {
	return Leg{Sink: sink.Name, Kind: sink.Kind, Policy: policyOf(sink), Singly: sink.RateLimit != ""}
}

func (c *Current) ackPolicy() Policy {
	p := retries(c.Config.Acks.Timeout, c.Config.Acks.Retry)
	p.Inline = true
	return p
}
