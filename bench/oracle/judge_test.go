package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const second = int64(1e9)

// clean is one result, delivered at 1 s and recorded at 2 s everywhere, and acked at 3 s.
func clean() *evidence {
	return &evidence{
		units:     []unit{{first: 0, count: 1, workflow: "w"}},
		submitted: map[int]int64{0: second / 2},
		acks:      map[int][]line{0: {{At: 3 * second, Archive: 100}}},
		takes: map[string]map[int][]take{
			hookName:    {0: {{at: second, delivery: "h", by: 11}}},
			deskName:    {0: {{at: second, delivery: "d", by: 11}}},
			archiveName: {0: {{end: 100}}},
		},
		parked: map[string]map[int]int64{},
		stories: map[int]*story{0: {
			started: second / 2, closed: 2 * second,
			records: map[string][]int64{hookName: {2 * second}, deskName: {2 * second}, archiveName: {2 * second}},
		}},
	}
}

func TestJudge_WhenAllIsWell_FindsNothing(t *testing.T) {
	t.Parallel()
	v := judge(clean())
	require.Empty(t, v.problems())
	require.Equal(t, map[string]int{hookName: 1, deskName: 1, archiveName: 1}, v.Delivered)
}

func TestJudge_WhatMustNeverHappen_IsFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*evidence)
		find   func(*verdict) []string
	}{
		"lost":                {func(e *evidence) { delete(e.takes[hookName], 0) }, func(v *verdict) []string { return v.Lost }},
		"lost in the archive": {func(e *evidence) { delete(e.takes[archiveName], 0) }, func(v *verdict) []string { return v.Lost }},
		"acked before":        {func(e *evidence) { e.acks[0][0].At = second - 1 }, func(v *verdict) []string { return v.Early }},
		"acked before the archive had it": {
			func(e *evidence) { e.acks[0][0].Archive = 99 }, func(v *verdict) []string { return v.Early },
		},
		"one of two acks early": {
			func(e *evidence) { e.acks[0] = append(e.acks[0], line{At: 1, Archive: 100}) }, func(v *verdict) []string { return v.Early },
		},
		"acked before it was parked": {
			func(e *evidence) {
				e.takes[deskName][0][0].at = 9 * second
				e.parked[deskName] = map[int]int64{0: 4 * second}
				e.acks[0][0].Parked = []string{deskName}
			}, func(v *verdict) []string { return v.Early },
		},
		"acked as parked, and no dead letter holds it": {
			func(e *evidence) { e.acks[0][0].Parked = []string{deskName} }, func(v *verdict) []string { return v.Early },
		},
		"acked as delivered, and it was parked": {
			func(e *evidence) {
				e.takes[deskName][0][0].at = 9 * second
				e.parked[deskName] = map[int]int64{0: 2 * second}
			}, func(v *verdict) []string { return v.Early },
		},
		"a workflow that failed": {func(e *evidence) { e.unfinished = []string{"w"} }, func(v *verdict) []string { return v.Unfinished }},
		"never acked":            {func(e *evidence) { delete(e.acks, 0) }, func(v *verdict) []string { return v.Unacked }},
		"mangled":                {func(e *evidence) { e.takes[hookName][0][0].mangled = true }, func(v *verdict) []string { return v.Mangled }},
		"two delivery ids": {
			func(e *evidence) {
				e.takes[hookName][0] = []take{{at: second, delivery: "h", spoiled: true}, {at: second, delivery: "x"}}
			},
			func(v *verdict) []string { return v.Renamed },
		},
	} {
		e := clean()
		test.change(e)
		v := judge(e)
		require.NotEmpty(t, test.find(v), name)
		require.NotEmpty(t, v.problems(), name)
	}
}

func TestJudge_AckedAfterItWasParked_IsWell(t *testing.T) {
	t.Parallel()
	e := clean()
	e.takes[deskName][0][0].at = 9 * second // by the replay
	e.parked[deskName] = map[int]int64{0: 2 * second}
	e.acks[0][0].Parked = []string{deskName}
	require.Empty(t, judge(e).problems())
}

func TestJudge_ARepeat_NeedsAReason(t *testing.T) {
	t.Parallel()
	const at = second + second/2 // between the first delivery and its record
	again := take{at: 5 * second, delivery: "h", by: 12}
	killed := happening{Process: worker1Name, Signal: sigkill, Pid: 11, From: at, To: at, ArchiveTo: 100}
	for name, test := range map[string]struct {
		change func(*evidence)
		reason bool
	}{
		"nothing happened":          {func(*evidence) {}, false},
		"the answer was spoiled":    {func(e *evidence) { e.takes[hookName][0][0].spoiled = true }, true},
		"its worker was killed":     {func(e *evidence) { e.happened = []happening{killed} }, true},
		"another worker was killed": {func(e *evidence) { e.happened = []happening{killed}; e.happened[0].Pid = 99 }, false},
		"it was recorded before the kill": {
			func(e *evidence) { e.happened = []happening{killed}; e.stories[0].records[hookName][0] = second + 1 }, false,
		},
		"the server was killed": {
			func(e *evidence) {
				e.happened = []happening{{Process: serverName, Signal: sigkill, From: at, To: 4 * second}}
			}, true,
		},
		"the submitter was killed": {
			func(e *evidence) {
				e.happened = []happening{{Process: submitterName, Signal: sigkill, From: at, To: at}}
			}, false,
		},
		"the other receiver was killed": {
			func(e *evidence) { e.happened = []happening{{Process: deskName, Signal: sigkill, From: at, To: at}} }, false,
		},
		"the receiver was killed": {
			func(e *evidence) { e.happened = []happening{{Process: hookName, Signal: sigkill, From: at, To: at}} }, true,
		},
		"its worker had been held meanwhile": {
			func(e *evidence) {
				e.happened = []happening{{Process: worker2Name, Signal: sigstop, Pid: 12, From: second / 2, To: 4 * second}}
			}, true,
		},
	} {
		e := clean()
		e.takes[hookName][0] = append(e.takes[hookName][0], again)
		test.change(e)
		v := judge(e)
		require.Len(t, v.Repeats, 1, name)
		require.Equal(t, test.reason, len(v.unexplained()) == 0, name)
		require.Equal(t, test.reason, len(v.problems()) == 0, "%s: %v", name, v.problems())
	}
}

func TestVerdict_WhenNothingWasInFlight_SaysThatTheRunShowsNothing(t *testing.T) {
	t.Parallel()
	e := clean()
	e.happened = []happening{{Process: serverName, Signal: sigkill, From: 9 * second, To: 9 * second}}
	v := judge(e)
	v.wanted(plan{results: 1, kills: 1})
	require.Len(t, v.Missing, 1)
	v = judge(clean())
	v.wanted(plan{results: 1, kills: 20})
	require.Len(t, v.Missing, 1, "20 kills were asked for")
}
