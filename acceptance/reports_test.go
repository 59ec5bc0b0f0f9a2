package acceptance

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

// reported are the events that a sink has taken, by name.
func (k *script) reported(t *testing.T) map[string][]consign.Act {
	t.Helper()
	events := map[string][]consign.Act{}
	for _, d := range k.took() {
		require.Equal(t, consign.ReportSource, d.Result.Source)
		require.Equal(t, consign.EventType, d.Result.Type)
		var event consign.Act
		require.NoError(t, json.Unmarshal(d.Result.Data, &event))
		require.Equal(t, event.On, d.Result.Subject)
		events[event.Act] = append(events[event.Act], event)
	}
	return events
}

func TestReports_OfWhatHappens_ReachSinksThatAskForThem_EachOnce(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  hook: {script: {}, retry: {max: 0}, circuit: {failures: 1, open: 300ms}, when: source == "test"}
  ops: {script: {}, when: source == "consign" && type == "event"}
`)
	s.sinks["hook"].answers(never)
	first := s.wait(s.submit("a", `{}`)).Legs[0].DeadLetter
	s.eventually(func() bool { return len(s.sinks["ops"].reported(t)) == 2 }, "the circuit and the dead letter are told")
	events := s.sinks["ops"].reported(t)
	by := s.worker.Identity()
	require.Equal(t, []consign.Act{{Act: consign.CircuitOpened, On: "hook", By: by, Reason: "never", Before: "closed", After: "open"}}, events[consign.CircuitOpened])
	require.Equal(t, []consign.Act{{Act: consign.FirstDeadLetter, On: "hook", By: by, Reason: "never", Detail: []string{first}}}, events[consign.FirstDeadLetter])

	second := s.wait(s.submit("b", `{}`)).Legs[0].DeadLetter
	s.sinks["hook"].answers(nil)
	require.Equal(t, consign.Delivered, s.wait(s.submit("c", `{}`)).Legs[0].Outcome)
	s.eventually(func() bool { return len(s.sinks["ops"].reported(t)[consign.CircuitClosed]) == 1 }, "the circuit is told of")

	for _, id := range []string{first, second} {
		s.signal(id, consign.ReplaySignal, consign.ReplayRequest{})
		require.Equal(t, consign.StateReplayed, s.closed(id).State)
	}
	s.sinks["hook"].answers(never)
	third := s.wait(s.submit("d", `{}`)).Legs[0].DeadLetter
	s.eventually(func() bool { return len(s.sinks["ops"].reported(t)[consign.FirstDeadLetter]) == 2 }, "it is the first one again, which the second one was not")
	require.Equal(t, []string{third}, s.sinks["ops"].reported(t)[consign.FirstDeadLetter][1].Detail)
}
