package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// handedAgain is clean evidence in which a second workflow carries the result, started at 4 s: it was handed in
// again at 3 s, since nobody had said by then that it is stored, and each sink has it twice.
func handedAgain() *evidence {
	e := clean()
	e.submitted[0] = 5 * second
	e.handed[0] = append(e.handed[0], 3*second)
	e.acks[0][0].At = 9 * second
	e.stories = append(e.stories, &story{workflow: "v", results: []int{0}, started: 4 * second, closed: 6 * second, records: map[string][]int64{}})
	for _, sink := range e.sinks {
		again := e.takes[sink][0][0]
		again.at, again.by = 5*second, 12
		if sink == archiveName {
			again = take{end: 200}
		}
		e.takes[sink][0] = append(e.takes[sink][0], again)
		e.stories[1].records[sink] = []int64{6 * second}
	}
	return e
}

func TestJudge_HandedInAgainUntold_ExplainsOneDeliveryMoreAtEachSink(t *testing.T) {
	t.Parallel()
	v := judge(handedAgain())
	require.Empty(t, v.problems())
	require.Len(t, v.Repeats, len(v.Sinks))
	require.Equal(t, len(v.Sinks), v.HandedAgain)
	require.Equal(t, 1, v.Resent)

	e := handedAgain()
	third := e.takes[hookName][0][1]
	third.at += second / 2
	e.takes[hookName][0] = append(e.takes[hookName][0], third)
	v = judge(e)
	require.Len(t, v.unexplained(), 1, "two workflows explain two deliveries, and no third")

	e = handedAgain()
	e.takes[hookName][0][1].at = 3 * second
	require.Len(t, judge(e).unexplained(), 1, "the second workflow had not started")
}

func TestJudge_AWorkflowThatNobodyAskedFor_IsFound(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*evidence){
		"handed in once":                     func(e *evidence) { e.handed[0] = e.handed[0][:1] },
		"handed in again when it was stored": func(e *evidence) { e.submitted[0] = 2 * second },
		"handed in again after it started":   func(e *evidence) { e.handed[0][1] = 4*second + 1 },
	} {
		e := handedAgain()
		change(e)
		v := judge(e)
		require.Len(t, v.Unasked, 1, name)
		require.NotEmpty(t, v.problems(), name)
	}
}

func TestJudge_SaidToBeStoredBeforeItIs_IsFound(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*evidence){
		"no workflow has it": func(e *evidence) { e.stories = nil },
		"started after":      func(e *evidence) { e.submitted[0] = second/2 - 1 },
	} {
		e := clean()
		change(e)
		v := judge(e)
		require.Len(t, v.Unstored, 1, name)
		require.NotEmpty(t, v.problems(), name)
	}
}

func TestJudge_AProcessThatIsToldTooEarly_IsFound(t *testing.T) {
	t.Parallel()
	e := clean()
	e.told[0] = []line{{At: 2 * second, Archive: 100}}
	require.Empty(t, judge(e).problems())
	e.told[0] = append(e.told[0], line{At: second - 1, Archive: 100})
	require.NotEmpty(t, judge(e).Early)
	delete(e.acks, 0)
	e.told[0] = e.told[0][:1]
	require.Len(t, judge(e).Unacked, 1, "what a process is told is no ack: it may be gone")
}

func TestJudge_WhereNoAckIsDue_MissesNone(t *testing.T) {
	t.Parallel()
	e := clean()
	delete(e.acks, 0)
	e.units[0].quiet = true
	require.Empty(t, judge(e).problems())
}

// ackedAtStream is clean evidence in which the result came by message 7, which was acked as that says.
func ackedAtStream(lines ...line) *evidence {
	e := clean()
	e.handed, e.submitted[0] = nil, second/10 // the stream had it then
	e.stories[0].messages = map[int]delivered{0: {message: 7, times: 1}}
	e.acks = map[int][]line{}
	messages := map[int]int{7: 0}
	e.messageAcks(messages, lines)
	return e
}

func TestJudge_AckAtTheStream_IsHeldAgainstTheSinks(t *testing.T) {
	t.Parallel()
	well := line{What: acked, N: 7, Times: 1, At: 3 * second, Archive: 100}
	early := well
	early.At = second - 1
	small := well
	small.Archive = 99
	terminated := well
	terminated.Text = wordTerminate
	for name, test := range map[string]struct {
		lines []line
		found func(*verdict) []string
	}{
		"acked early":                           {[]line{early}, func(v *verdict) []string { return v.Early }},
		"acked before the archive had it":       {[]line{small}, func(v *verdict) []string { return v.Early }},
		"acked early, and again in time":        {[]line{early, well}, func(v *verdict) []string { return v.Early }},
		"never acked":                           {nil, func(v *verdict) []string { return v.Unacked }},
		"terminated":                            {[]line{terminated}, func(v *verdict) []string { return v.Terminated }},
		"an ack of a message that there is not": {[]line{well, {What: acked, N: 8}}, func(v *verdict) []string { return v.Torn }},
		"an ack that cannot be read":            {[]line{well, {What: acked, Text: "?"}}, func(v *verdict) []string { return v.Torn }},
	} {
		v := judge(ackedAtStream(test.lines...))
		require.NotEmpty(t, test.found(v), name)
		require.NotEmpty(t, v.problems(), name)
	}
	require.Empty(t, judge(ackedAtStream(well)).problems())
	e := ackedAtStream(well)
	e.pending = []string{"message 9"}
	require.NotEmpty(t, judge(e).problems(), "a message that is open in the end")
}

// TestJudge_WhatTheStreamHoldsToBeAcked_CountsWithoutAnyAck is about a consumer that acks more than it is told to.
func TestJudge_WhatTheStreamHoldsToBeAcked_CountsWithoutAnyAck(t *testing.T) {
	t.Parallel()
	e := clean()
	e.messageAcks(map[int]int{6: 1, 7: 0, 8: 2}, []line{{What: floor, N: 6, At: 1}, {What: floor, N: 7, At: second - 1, Archive: 100}})
	require.Len(t, judge(e).Early, len(e.sinks)-1, "everywhere but in the archive, whose lines have no time")
	require.Empty(t, e.acks[2])
}

func TestJudge_AckOfAMessageWhoseResultWasParked_IsWell(t *testing.T) {
	t.Parallel()
	e := ackedAtStream(line{What: acked, N: 7, Times: 1, At: 3 * second, Archive: 100})
	e.takes[deskName][0][0].at = 9 * second // by the replay
	e.parked[deskName] = map[int]int64{0: 2 * second}
	require.Empty(t, judge(e).problems())
	e.parked[deskName][0] = 3*second + 1
	require.NotEmpty(t, judge(e).Early)
}

func TestJudge_AMessageThatComesAgain_NeedsAReason(t *testing.T) {
	t.Parallel()
	killed := happening{Process: worker1Name, Signal: sigkill, From: 2 * second, To: 2 * second}
	for name, test := range map[string]struct {
		change func(*evidence)
		well   bool
	}{
		"its reader was killed":      {func(e *evidence) { e.happened = []happening{killed} }, true},
		"its reader lost the broker": {func(e *evidence) { e.cuts[brokerName] = []span{{2 * second, 3 * second}} }, true},
		"nothing had happened":       {func(*evidence) {}, false},
		"it happened afterwards": {func(e *evidence) {
			e.happened = []happening{{Process: worker1Name, Signal: sigstop, From: 5 * second, To: 6 * second}}
		}, false},
		"a receiver was killed": {func(e *evidence) {
			e.happened = []happening{{Process: hookName, Signal: sigkill, From: 2 * second, To: 2 * second}}
		}, false},
		"the same delivery":            {func(e *evidence) { e.happened = []happening{killed}; e.stories[1].messages[0] = delivered{7, 1} }, false},
		"another message, of the same": {func(e *evidence) { e.stories[1].messages[0] = delivered{8, 1} }, true},
	} {
		e := handedAgain()
		e.handed = nil
		e.stories[0].messages = map[int]delivered{0: {7, 1}}
		e.stories[1].messages = map[int]delivered{0: {7, 2}}
		test.change(e)
		v := judge(e)
		require.Equal(t, test.well, len(v.Unasked) == 0, "%s: %v", name, v.Unasked)
		require.Equal(t, test.well, len(v.problems()) == 0, "%s: %v", name, v.problems())
	}
}

func TestDeliveryOf_BothFormsOfSubjects(t *testing.T) {
	t.Parallel()
	for _, subject := range []string{"$JS.ACK.S.C.3.42.50.1700000000000000000.0", "$JS.ACK.domain.hash.S.C.3.42.50.1700000000000000000.0.token"} {
		got, err := deliveryOf(subject)
		require.NoError(t, err)
		require.Equal(t, delivered{message: 42, times: 3}, got)
	}
	_, err := deliveryOf("$JS.ACK.S.C.3")
	require.Error(t, err)
}

func TestRest_AfterAKill_IsWhatNobodySaidIsStored(t *testing.T) {
	t.Parallel()
	p := plan{seed: 1, results: 100, source: byBatch}
	rest := p.rest([]line{{What: meant, N: 3}, {What: submitted, N: 4}, {What: acked, N: 3}})
	require.Len(t, rest, 99)
	require.Equal(t, 3, rest[3].first)
	require.Equal(t, 5, rest[4].first)

	p.source = byHTTP
	for _, u := range p.units() {
		stored := []line{{What: submitted, N: u.first}}
		require.Equal(t, u.waits, len(p.rest(stored)) == len(p.units()), "who waits goes on to ask until it hears of its ack")
		heard := slices.Concat(stored, []line{{What: acked, N: u.first}})
		require.Len(t, p.rest(heard), len(p.units())-1)
	}
}
