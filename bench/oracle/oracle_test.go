package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain is each of the processes, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "-role=") {
		main()
		return
	}
	os.Exit(m.Run())
}

// perform runs a plan.
func perform(t *testing.T, p plan) *verdict {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	p.dir = t.TempDir()
	v, err := run(ctx, p)
	if err != nil {
		logs(t, p)
	}
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, v.print(&text, false))
	t.Log("\n" + text.String())
	return v
}

// logs shows what the processes said last.
func logs(t *testing.T, p plan) {
	t.Helper()
	for _, name := range p.startOrder() {
		text, err := os.ReadFile(p.path(name + ".log"))
		require.NoError(t, err)
		t.Logf("%s: %s", name, text[max(len(text)-2000, 0):])
	}
}

// TestOracle_EachProcessKilledAndTwoHeld_NothingIsLostOrAckedEarly is the short form of what
// `go run ./bench/oracle` does.
func TestOracle_EachProcessKilledAndTwoHeld_NothingIsLostOrAckedEarly(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs half a minute")
	}
	v := perform(t, plan{seed: uint64(time.Now().UnixNano()), results: 900, kills: 6, stops: 2, stopped: 3 * time.Second})
	require.Empty(t, v.problems())
	require.Len(t, v.Happened, 8)
}

// TestOracle_AllKindsOfSinks_NothingIsLostOrAckedEarly is the short form of `go run ./bench/oracle -sinks all`.
func TestOracle_AllKindsOfSinks_NothingIsLostOrAckedEarly(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs half a minute")
	}
	v := perform(t, plan{seed: uint64(time.Now().UnixNano()), sinks: allSinks, results: 200, kills: 4, stops: 1, stopped: 3 * time.Second})
	require.Empty(t, v.problems())
	require.Len(t, v.Happened, 5)
}

// TestOracle_HandedInOtherwise_NothingIsLostOrAckedEarly is the short form of `go run ./bench/oracle -source …`.
func TestOracle_HandedInOtherwise_NothingIsLostOrAckedEarly(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs half a minute for each way")
	}
	for way, batch := range map[string]int{byBatch: 0, byHTTP: 1, byJetStream: 64} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			v := perform(t, plan{
				seed: uint64(time.Now().UnixNano()), source: way, batch: batch, results: 500, kills: 6, stops: 1, stopped: 3 * time.Second,
			})
			require.Empty(t, v.problems())
			require.Len(t, v.Happened, 7)
		})
	}
}

func TestOracle_WhenABugIsPlanted_FindsIt(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, test := range []struct {
		bug, way string
		found    func(*verdict) int
	}{
		{ackEarly, bySubmit, func(v *verdict) int { return len(v.Early) }},
		{ackEarly, byJetStream, func(v *verdict) int { return len(v.Early) }},
		{parkSwallowed, byHTTP, func(v *verdict) int { return len(v.Lost) }},
		{deliveredTwice, byBatch, func(v *verdict) int { return len(v.unexplained()) }},
	} {
		t.Run(test.bug+" by "+test.way, func(t *testing.T) {
			t.Parallel()
			v := perform(t, plan{seed: 3, results: 200, source: test.way, plant: test.bug})
			require.Positive(t, test.found(v))
			require.NotEmpty(t, v.problems())
		})
	}
}

// TestOracle_WhenItemsAreDropped_FindsThemLostAtEachKindOfSink shows that what each counterpart holds is
// read, and not what it should hold.
func TestOracle_WhenItemsAreDropped_FindsThemLostAtEachKindOfSink(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts servers")
	}
	v := perform(t, plan{seed: 3, sinks: allSinks, results: 60, plant: itemDropped})
	for _, sink := range v.Sinks {
		require.True(t, slices.ContainsFunc(v.Lost, func(name string) bool { return strings.HasSuffix(name, " at "+sink) }), sink)
	}
}

func TestPlan_SameSeed_SameUnitsThatCoverEveryResultOnce(t *testing.T) {
	t.Parallel()
	p := plan{seed: 7, results: 1000}
	require.Equal(t, (&plan{seed: 7, results: 1000}).units(), p.units())
	require.NotEqual(t, p.units(), (&plan{seed: 8, results: 1000}).units())
	next, batches := 0, 0
	for _, u := range p.units() {
		require.Equal(t, next, u.first)
		next += u.count
		if u.count > 1 {
			batches++
		}
	}
	require.Equal(t, 1000, next)
	require.Greater(t, batches, 50)
}

func TestPick_OverManyDeliveries_KeepsTheOdds(t *testing.T) {
	t.Parallel()
	got := map[fault]int{}
	const n = 100_000
	for i := range n {
		got[pick(deskOdds(), 1, fmt.Sprint("msg_", i), 1)]++
	}
	for _, o := range deskOdds() {
		require.InDelta(t, o.odds*n, got[o.fault], 0.15*o.odds*n+30, o.fault)
	}
}

func TestOpenLedger_WithATornLine_CutsItOffAndGoesOn(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/x" + ledgerSuffix
	l, before, err := openLedger(path)
	require.NoError(t, err)
	require.Empty(t, before)
	require.NoError(t, l.write(line{What: taking, N: 1}))
	require.NoError(t, l.close())
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString(`{"at":12,"what":"tak`)
	require.NoError(t, err)
	require.NoError(t, file.Close())

	l, before, err = openLedger(path)
	require.NoError(t, err)
	require.Len(t, before, 1)
	require.NoError(t, l.write(line{What: taking, N: 2}))
	require.NoError(t, l.close())
	lines, err := readLedger(path)
	require.NoError(t, err)
	require.Len(t, lines, 2)
	require.Equal(t, 2, lines[1].N)
}
