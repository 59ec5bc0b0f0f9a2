package acceptance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

func TestWhen_RoutesEachResult_ParksWhatItCannotTellOf_AndAReplayAsksAgain(t *testing.T) {
	t.Parallel()
	const first = `
unmatched: park
sinks:
  pager: {script: {}, when: data.severity >= 3}
  log: {script: {}, when: "has(data.severity) && data.severity < 2 || has(data.note)"}
`
	s := perform(t, first)
	receipt := s.receiptOf(s.bare("consign/batch/when",
		consign.Entry{Result: consign.Result{Source: "test", ID: "high", Data: []byte(`{"severity":4.0}`)}},
		consign.Entry{Result: consign.Result{Source: "test", ID: "low", Data: []byte(`{"severity":1}`)}},
		consign.Entry{Result: consign.Result{Source: "test", ID: "middle", Data: []byte(`{"severity":2}`)}},
		consign.Entry{Result: consign.Result{Source: "test", ID: "note", Data: []byte(`{"note":"<1.0>"}`)}},
		consign.Entry{Result: consign.Result{Source: "test", ID: "other note", Data: []byte(`{"note":2}`)}},
	))
	require.Equal(t, []string{"high"}, idsOf(s.sinks["pager"]))
	require.Equal(t, []string{"low", "note", "other note"}, idsOf(s.sinks["log"]))
	require.Equal(t, `{"note":"<1.0>"}`, string(s.sinks["log"].took()[1].Result.Data)) //nolint:testifylint // byte by byte
	require.Equal(t, []string{"pager", "log", "_none"}, []string{receipt.Legs[0].Sink, receipt.Legs[1].Sink, receipt.Legs[2].Sink})
	require.Equal(t, []int{1, 2}, receipt.Legs[0].Skipped)
	undecided, unmatched := receipt.Legs[0].DeadLetter, receipt.Legs[2].DeadLetter
	require.Equal(t, "when failed", s.record(undecided).Label)
	require.Contains(t, s.record(undecided).Cause, "no such key: severity")
	require.Len(t, s.record(undecided).Results, 2)
	require.Len(t, s.record(unmatched).Results, 1)
	s.keep("deliver_when", "consign/batch/when")

	s.signal(unmatched, consign.ReplaySignal, consign.ReplayRequest{})
	s.eventually(func() bool {
		return s.record(unmatched).Replays == 1 && s.record(unmatched).State == consign.StateParked
	}, "nobody wants it yet")
	s.signal(undecided, consign.ReplaySignal, consign.ReplayRequest{})
	s.eventually(func() bool {
		return s.record(undecided).Replays == 1 && s.record(undecided).State == consign.StateParked
	}, "nobody can tell yet")
	require.Len(t, s.record(undecided).Results, 2)

	s.stop()
	s.start(`
unmatched: park
sinks:
  pager: {script: {}, when: "data.?severity.orValue(0) >= 2 || data.?note.orValue('') == 2"}
`)
	for _, id := range []string{unmatched, undecided} {
		s.signal(id, consign.ReplaySignal, consign.ReplayRequest{})
		require.Equal(t, consign.StateReplayed, s.closed(id).State)
	}
	require.ElementsMatch(t, []string{"high", "middle", "other note"}, idsOf(s.sinks["pager"]), "the note is not for the pager, it turns out")
	s.keep("dead_letter_when_asked_again", undecided)
}

func TestWhen_ThatDoesNotHoldAfterAll_EndsItsDeadLetter(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  pager: {script: {}, when: data.severity >= 3}")
	receipt := s.wait(s.submit("a", `{}`))
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	s.stop()
	s.start("sinks:\n  pager: {script: {}, when: has(data.severity)}")
	s.signal(receipt.Legs[0].DeadLetter, consign.ReplaySignal, consign.ReplayRequest{})
	record := s.closed(receipt.Legs[0].DeadLetter)
	require.Equal(t, consign.StateDiscarded, record.State)
	require.Contains(t, record.Reason, "does not want it")
	require.Empty(t, s.sinks["pager"].tries())
}

// idsOf are the ids of the results that a sink took.
func idsOf(sink *script) []string {
	var ids []string
	for _, d := range sink.took() {
		ids = append(ids, d.Result.ID)
	}
	return ids
}
