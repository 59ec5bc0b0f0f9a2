package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
	"github.com/consign-dev/consign/sinks"
)

// export returns the lines of an export once the listing has so many.
func (s *stage) export(letters int) []string {
	s.Helper()
	s.listed(letters)
	var out bytes.Buffer
	done, err := deadletters.Export(s.ctx, s.temporal, deadletters.Filter{}, &out)
	require.NoError(s, err)
	require.Equal(s, letters, done.Letters)
	require.Empty(s, done.Closed)
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// listed waits until so many dead letters are listed as open.
func (s *stage) listed(letters int) {
	s.Helper()
	s.eventually(func() bool {
		n, err := deadletters.Count(s.ctx, s.temporal, deadletters.Filter{})
		return err == nil && n == int64(letters)
	}, "the dead letters are listed")
}

// take imports lines, and returns how many dead letters that made.
func (s *stage) take(lines ...string) (made int) {
	s.Helper()
	require.NoError(s, deadletters.Import(s.ctx, s.temporal, strings.NewReader(strings.Join(lines, "\n")), func(line deadletters.Imported) {
		require.NoError(s, line.Err)
		if !line.There {
			made++
		}
	}))
	return made
}

// decoded is an exported line.
func decoded(t *testing.T, line string) deadletters.Line {
	t.Helper()
	var l deadletters.Line
	require.NoError(t, json.Unmarshal([]byte(line), &l))
	return l
}

func TestExport_ImportedElsewhere_IsTheSameDeadLetter_AndReplaysWithItsIdentity(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}, retry: {max: 1, backoff: 1ms}, circuit: {failures: -1}}\n")
	s.sinks["one"].answers(never)
	const data = `{"b":1.0,"a":"<&` + "\u2028" + `\u00e9","a":1e+2}`
	happened := time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.FixedZone("", 7200))
	handle, err := s.client.Submit(s.ctx, consign.Result{Source: "scän/ner", ID: "a b", Type: "t", Subject: "host <1>", Time: happened, Data: []byte(data)})
	require.NoError(t, err)
	before := s.record(s.wait(handle).Legs[0].DeadLetter)
	require.Len(t, before.Attempts, 2)
	// Two results in one, for a sink that nobody configures any more.
	gone := before
	gone.ID, gone.Sink, gone.Results = "dead-letter/gone/x/1", "gone", []consign.Result{{Source: "x", ID: "1", Data: []byte(`1.0`)}, {Source: "x", ID: "2", Data: []byte(`"2"`)}}

	lines := s.export(1)
	line := decoded(t, lines[0])
	require.Equal(t, before, line.Record)
	require.Equal(t, data, line.OriginalEvent) //nolint:testifylint // its bytes matter
	require.Equal(t, "sink delivery failure: never", line.Error)
	require.Equal(t, before.ParkedAt, line.Timestamp)
	require.Contains(t, lines[0], `"data":`+data+`}`)

	there := perform(t, oneSink)
	both, err := deadletters.Line{Record: gone}.Encode()
	require.NoError(t, err)
	require.Equal(t, 2, there.take(lines[0], string(both), lines[0]))
	require.Zero(t, there.take(lines[0]), "it is there")
	require.Equal(t, before, there.record(before.ID))
	listing := map[string]consign.Header{}
	there.listed(2)
	for entry, err := range deadletters.List(there.ctx, there.temporal, deadletters.Filter{State: consign.StateParked}) {
		require.NoError(t, err)
		listing[entry.ID] = entry.Header
	}
	require.Equal(t, before.Header(), listing[before.ID])
	for _, again := range there.export(2) {
		if id := decoded(t, again).ID; id == gone.ID {
			require.Equal(t, `[1.0,"2"]`, decoded(t, again).OriginalEvent)
		} else {
			require.Equal(t, lines[0], again, "an export of an import is the same")
		}
	}

	require.NoError(t, deadletters.Replay(there.ctx, there.temporal, before.ID, "test"))
	require.NoError(t, deadletters.Wait(there.ctx, there.temporal, before.ID))
	took := there.sinks["one"].took()
	require.Len(t, took, 1)
	require.Equal(t, consign.DeliveryID("scän/ner", "a b", "one"), took[0].ID)
	require.Equal(t, before.Results[0], took[0].Result)
	require.Equal(t, 3, there.record(before.ID).Made)
	require.Zero(t, there.take(lines[0]), "it was replayed, and stays so")

	require.NoError(t, deadletters.Replay(there.ctx, there.temporal, gone.ID, "test"))
	err = deadletters.Wait(there.ctx, there.temporal, gone.ID)
	require.ErrorIs(t, err, deadletters.ErrParked)
	require.ErrorContains(t, err, `sink "gone" is not configured any more: configure it`)
	require.Len(t, s.export(1), 1, "the export has changed nothing")
}

func TestImport_BrokenOffAndBegunAgain_MakesEachDeadLetterOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t) // without a worker
	const letters = 60
	lines := make([]string, letters)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"id":"dead-letter/hook/%d/1","sink":"hook","label":"timeout","cause":"slow","results":[{"source":"s","id":"%d","data":%d}],"attempts":[],"made":3}`, i, i, i)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	made := 0
	err := deadletters.Import(ctx, s.temporal, strings.NewReader(strings.Join(lines, "\n")), func(deadletters.Imported) {
		made++
		if made == 20 {
			cancel()
		}
	})
	require.Error(t, err)
	require.Less(t, made, letters)
	rest := s.take(lines...)
	require.LessOrEqual(t, made+rest, letters)
	require.Positive(t, rest)
	s.listed(letters)

	const terminated = "dead-letter/hook/7/1"
	require.NoError(t, s.temporal.TerminateWorkflow(s.ctx, terminated, "", "by mistake"))
	require.Equal(t, 1, s.take(lines...), "an import brings back what was terminated")

	s.start(oneSink)
	exported := map[string]bool{}
	for _, line := range s.export(letters) {
		exported[decoded(t, line).ID] = true
	}
	require.Len(t, exported, letters)
}

func TestExport_NearTheLimitOfAPayload_ComesThroughWhole(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	// As many quotes as there may be: in original_event, a text, each takes two bytes more.
	data := `"` + strings.Repeat(`\"`, (consign.MaxConsignmentBytes-200)/2) + `"`
	s.sinks["one"].answers(func(int, sinks.Delivery) error { return sinks.Permanent(errors.New(strings.Repeat("\x01", 2000))) })
	id := s.wait(s.submit("big", data)).Legs[0].DeadLetter
	record := s.record(id)
	for i := range 99 {
		record.Attempts = append(record.Attempts, record.Attempts[0])
		record.Attempts[i].Number = i + 1
	}
	record.ID += "0"
	line, err := deadletters.Line{Record: record}.Encode()
	require.NoError(t, err)
	require.Equal(t, 1, s.take(string(line)), "with 100 attempts of 1 KiB of control characters")

	there := perform(t, oneSink)
	require.Equal(t, 2, there.take(s.export(2)...))
	require.NoError(t, deadletters.Replay(there.ctx, there.temporal, record.ID, "test"))
	require.NoError(t, deadletters.Wait(there.ctx, there.temporal, record.ID))
	require.Equal(t, data, string(there.sinks["one"].took()[0].Result.Data))
}

// discarding is a file that has every dead letter but one discarded when its first line is written.
type discarding struct {
	bytes.Buffer
	once sync.Once
	then func()
}

func (d *discarding) Write(line []byte) (int, error) {
	d.once.Do(d.then)
	return d.Buffer.Write(line)
}

func TestExport_WhatIsClosedMeanwhile_IsLeftOut_WhatIsBeingReplayedIsNot(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}, retry: {max: 100, backoff: 1h, max_backoff: 1h}, circuit: {failures: -1}}\n")
	const letters = 30
	ids := make([]string, letters)
	for i := range ids {
		ids[i] = s.parked(fmt.Sprint(i))
	}
	s.sinks["one"].answers(never)
	s.signal(ids[0], consign.ReplaySignal, nil)
	s.eventually(func() bool { return s.record(ids[0]).State == "replaying" }, "it is being replayed")
	s.listed(letters)
	out := &discarding{then: func() {
		for _, id := range ids[1:] {
			s.signal(id, consign.DiscardSignal, consign.DiscardRequest{Reason: "test"})
		}
	}}
	done, err := deadletters.Export(s.ctx, s.temporal, deadletters.Filter{}, out)
	require.NoError(t, err)
	require.Equal(t, []string{ids[0]}, done.Replaying)
	require.Equal(t, letters, done.Letters+len(done.Closed))
	require.Greater(t, len(done.Closed), letters/3)
	require.Equal(t, done.Letters, strings.Count(out.String(), "\n"))
}
