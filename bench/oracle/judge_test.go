package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

const second = int64(1e9)

// clean is one result, delivered at 1 s and recorded at 2 s at every sink that there is, and acked at 3 s.
func clean() *evidence {
	p := plan{sinks: allSinks}
	e := &evidence{
		sinks:     p.sinkNames(),
		units:     []unit{{first: 0, count: 1, workflow: "w"}},
		submitted: map[int]int64{0: second / 2},
		acks:      map[int][]line{0: {{At: 3 * second, Archive: 100}}},
		takes:     map[string]taken{},
		cuts:      map[string][]span{},
		parked:    map[string]map[int]int64{},
		handed:    map[int][]int64{0: {second / 4}},
		told:      map[int][]line{},
		stories:   []*story{{workflow: "w", results: []int{0}, started: second / 2, closed: 2 * second, records: map[string][]int64{}}},
	}
	for _, sink := range e.sinks {
		e.takes[sink] = taken{0: {{at: second, delivery: consign.DeliveryID(source, resultID(0), sink), by: 11}}}
		e.stories[0].records[sink] = []int64{2 * second}
	}
	e.takes[archiveName][0] = []take{{end: 100}}
	return e
}

func TestJudge_WhenAllIsWell_FindsNothing(t *testing.T) {
	t.Parallel()
	v := judge(clean())
	require.Empty(t, v.problems())
	require.Len(t, v.Delivered, len(allCounterparts())+3)
	for sink, n := range v.Delivered {
		require.Equal(t, 1, n, sink)
	}
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
				again := e.takes[hookName][0][0]
				again.delivery, e.takes[hookName][0][0].spoiled = "x", true
				e.takes[hookName][0] = append(e.takes[hookName][0], again)
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
	again := take{at: 5 * second, delivery: clean().takes[hookName][0][0].delivery, by: 12}
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
		"no answer came in time": {
			func(e *evidence) {
				e.stories[0].silent = map[string][]span{hookName: {{second / 2, second - second/4}}}
			}, true,
		},
		"no answer came in time to another attempt": {
			func(e *evidence) {
				e.stories[0].silent = map[string][]span{hookName: {{second + 1, 3 * second}}, deskName: {{0, 9 * second}}}
			}, false,
		},
		"its workflow task was lost": {func(e *evidence) { e.stories[0].lost = []int64{at} }, true},
		"a workflow task was lost before and after": {
			func(e *evidence) { e.stories[0].lost = []int64{second - 1, 2*second + 1} }, false,
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
	e.handed[0] = []int64{8 * second}
	e.stories[0].started, e.stories[0].closed = 10*second, 12*second
	v = judge(e)
	v.wanted(plan{results: 1, kills: 1})
	require.Empty(t, v.Missing, "a result was on its way to Temporal")
	e.handed[0] = []int64{9*second + 1}
	v = judge(e)
	v.wanted(plan{results: 1, kills: 1})
	require.Len(t, v.Missing, 1)
	v = judge(clean())
	v.wanted(plan{results: 1, kills: 20})
	require.Len(t, v.Missing, 1, "20 kills were asked for")
}

// TestJudge_AtEachKindOfSink_FindsWhatMustNeverHappen changes the evidence of one sink at a time.
func TestJudge_AtEachKindOfSink_FindsWhatMustNeverHappen(t *testing.T) {
	t.Parallel()
	for _, c := range allCounterparts() {
		for name, test := range map[string]struct {
			change func(takes taken)
			find   func(*verdict) int
		}{
			"lost":              {func(takes taken) { delete(takes, 0) }, func(v *verdict) int { return len(v.Lost) }},
			"mangled":           {func(takes taken) { takes[0][0].mangled = true }, func(v *verdict) int { return len(v.Mangled) }},
			"wrong delivery id": {func(takes taken) { takes[0][0].delivery = "x" }, func(v *verdict) int { return len(v.Renamed) }},
			"no delivery id":    {func(takes taken) { takes[0][0].delivery = "" }, func(v *verdict) int { return len(v.Renamed) }},
			"acked before":      {func(takes taken) { takes[0][0].at = 4 * second }, func(v *verdict) int { return len(v.Early) }},
			"repeated without a reason": {
				func(takes taken) { takes[0] = append(takes[0], takes[0][0]) }, func(v *verdict) int { return len(v.unexplained()) },
			},
		} {
			e := clean()
			test.change(e.takes[c.name])
			v := judge(e)
			require.Equal(t, 1, test.find(v), "%s at %s", name, c.name)
			require.NotEmpty(t, v.problems(), "%s at %s", name, c.name)
		}
	}
}

func TestJudge_AStreamThatIsReadAfterTheAck_IsNotCalledEarly(t *testing.T) {
	t.Parallel()
	e := clean()
	e.takes[stdoutName][0][0].at, e.takes[stdoutName][0][0].seen = 4*second, true
	require.Empty(t, judge(e).problems())
}

func TestJudge_ARepeatAfterABrokenConnection_HasAReason(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cut    span
		reason bool
	}{
		"it broke in time":                    {span{second + 1, second + 1}, true},
		"it hung in time":                     {span{second / 2, 9 * second}, true},
		"it broke long before":                {span{second / 4, second/2 - 1}, false},
		"it broke, and what it had was taken": {span{second / 4, second/2 + 1}, true},
		"it broke when all was written down":  {span{2*second + 1, 3 * second}, false},
	} {
		e := clean()
		again := e.takes[kafkaName][0][0]
		again.at = 5 * second
		e.takes[kafkaName][0] = append(e.takes[kafkaName][0], again)
		e.cuts[kafkaName] = []span{test.cut}
		v := judge(e)
		require.Equal(t, test.reason, len(v.problems()) == 0, "%s: %v", name, v.problems())
	}
}

func TestJudge_ARepeatOfUnknownAuthor_IsNotExplainedByAKillLongBefore(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		from   int64
		reason bool
	}{
		"just before the record": {second + second/2, true},
		"long before":            {second - int64(grace) - 1, false},
	} {
		e := clean()
		again := e.takes[kafkaName][0][0]
		e.takes[kafkaName][0][0].by, again.by = 0, 0
		again.at = 5 * second
		e.takes[kafkaName][0] = append(e.takes[kafkaName][0], again)
		e.happened = []happening{{Process: worker1Name, Signal: sigkill, Pid: 99, From: test.from, To: test.from}}
		v := judge(e)
		require.Equal(t, test.reason, len(v.unexplained()) == 0, name)
	}
}

// TestJudge_ALineOfTheArchive_IsRecordedByTheLastOutcome is about an inline attempt that was left to the queue: it
// has a record, and delivered nothing.
func TestJudge_ALineOfTheArchive_IsRecordedByTheLastOutcome(t *testing.T) {
	t.Parallel()
	e := clean()
	e.takes[archiveName][0] = append(e.takes[archiveName][0], take{end: 200})
	e.stories[0].records[archiveName] = []int64{second, 9 * second}
	e.happened = []happening{{Process: worker1Name, Signal: sigkill, Pid: 11, From: 2 * second, To: 2 * second, ArchiveFrom: 150, ArchiveTo: 150}}
	require.Empty(t, judge(e).unexplained())
	e.stories[0].records[archiveName] = []int64{second}
	require.Len(t, judge(e).unexplained(), 1)
}
