package acceptance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

// Two workers that know different sinks. Which of them gets a task is Temporal's choice, so these tests
// leave many to it.
const (
	knowsBoth = "sinks:\n  one: {script: {}}\n  b: {script: {}, inline: false, retry: {max: 0}}"
	knowsOne  = "sinks:\n  one: {script: {}}"
)

func TestUnlike_EachLegIsDeliveredByAWorkerThatKnowsItsSink(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	both, _ := s.colleague("both", knowsBoth)
	gate := newGate(t)
	s.sinks["b"].answers(gate.wait)
	var handles []*consign.Handle
	for i := range 20 {
		handles = append(handles, s.submit(fmt.Sprint("both routes ", i), `{}`))
	}
	s.eventually(func() bool { return len(s.sinks["one"].took()) == 20 }, "all are routed to b as well")
	s.colleague("one", knowsOne)
	gate.Open()
	s.dismiss(both) // and all that is open goes to the other
	s.colleague("both again", knowsBoth)
	for i := range 40 {
		handles = append(handles, s.submit(fmt.Sprint("either routes ", i), `{}`))
	}
	legs := 0
	for i, handle := range handles {
		receipt := s.wait(handle)
		require.True(t, receipt.Delivered(), "%+v", receipt)
		for _, leg := range receipt.Legs {
			require.Equal(t, 1, leg.Attempts, "a worker that does not know the sink is no failure of it")
			if leg.Sink == "b" {
				legs++
			}
		}
		if i < 20 {
			require.Len(t, receipt.Legs, 2)
		}
	}
	require.Len(t, s.sinks["one"].took(), 60)
	require.Len(t, s.sinks["b"].took(), legs)
}

func TestUnlike_ReplayReachesTheSink_WhicheverWorkerIsAsked(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.colleague("both", knowsBoth)
	s.sinks["b"].answers(refuseForGood)
	var parked []string
	for i := range 16 {
		parked = append(parked, s.wait(s.submit(fmt.Sprint(i), `{}`)).Legs[1].DeadLetter)
	}
	s.colleague("one", knowsOne)
	s.sinks["b"].answers(nil)
	for _, id := range parked {
		s.signal(id, consign.ReplaySignal, consign.ReplayRequest{})
	}
	elsewhere := ""
	for _, id := range parked {
		record := s.closed(id)
		require.Equal(t, consign.StateReplayed, record.State)
		require.Equal(t, 1, record.Replays)
		if s.asked(id, consign.SinkQueue("b")) {
			elsewhere = id
		}
	}
	require.Len(t, s.sinks["b"].took(), len(parked))
	if elsewhere != "" {
		s.keep("dead_letter_routed_elsewhere", elsewhere)
	}
}

// asked tells whether a workflow has asked for a route in that queue.
func (s *stage) asked(id, queue string) bool {
	s.Helper()
	for _, event := range s.history(id) {
		scheduled := event.GetActivityTaskScheduledEventAttributes()
		if scheduled.GetActivityType().GetName() == consign.RouteActivity && scheduled.GetTaskQueue().GetName() == queue {
			return true
		}
	}
	return false
}

// What no sink wants is for the worker to say that routes it, so a replay may come to the one that knows
// a sink for it, or to the other. Nothing is lost meanwhile.
func TestUnlike_WhatNoSinkWanted_IsDeliveredOnceAWorkerRoutesItThatKnowsOne(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.colleague("one", "unmatched: park\n"+knowsOne)
	handle, err := s.client.Submit(s.ctx, consign.Result{Source: "test", ID: "a", Type: consign.IncidentType, Data: []byte(`{}`)})
	require.NoError(t, err)
	id := s.wait(handle).Legs[0].DeadLetter
	s.colleague("both", "sinks:\n  one: {script: {}}\n  b: {script: {}, incidents: true}")
	replays := 0
	s.eventually(func() bool {
		record := s.record(id)
		if record.State == consign.StateParked && record.Replays == replays {
			replays++
			s.signal(id, consign.ReplaySignal, consign.ReplayRequest{})
		}
		return record.State == consign.StateReplayed
	}, "one of the replays is routed by the one that knows the sink")
	require.Equal(t, consign.StateReplayed, s.closed(id).State)
	require.Len(t, s.sinks["b"].took(), 1)
}

func TestUnlike_ThePolicyIsThatOfTheWorkerThatRouted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	generous, _ := s.colleague("generous", "sinks:\n  one: {script: {}, retry: {max: 5, backoff: 20ms}, circuit: {failures: -1}}")
	gate := newGate(t)
	s.sinks["one"].answers(func(attempt int, d sinks.Delivery) error {
		if attempt == 2 {
			_ = gate.wait(attempt, d)
		}
		if attempt < 6 {
			return never(attempt, d)
		}
		return nil
	})
	handle := s.submit("a", `{}`)
	s.eventually(func() bool { return len(s.sinks["one"].tries()) == 2 }, "the first queued attempt")
	s.colleague("strict", "sinks:\n  one: {script: {}, retry: {max: 0}, inline: false, circuit: {failures: -1}}")
	gate.Open()
	s.dismiss(generous)
	receipt := s.wait(handle)
	require.True(t, receipt.Delivered(), "%+v", receipt)
	require.Equal(t, 6, receipt.Legs[0].Attempts)
}
