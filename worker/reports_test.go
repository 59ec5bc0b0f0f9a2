package worker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/status"
)

// looker looks at what a worker tells, every ten seconds, and has every change told.
func looker(t *testing.T) (look func(status.Standing) []consign.Act) {
	t.Helper()
	r := &reports{followed: map[string]*followed{}, taken: map[string]int64{}}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return func(standing status.Standing) []consign.Act {
		at = at.Add(10 * time.Second)
		var events []consign.Act
		for _, change := range r.changes(standing, at) {
			events = append(events, change.event)
			change.of.told = change.of.state
		}
		return events
	}
}

func TestReports_OfASourceThatStandsStill_ComeAfterAMinute_AndWhenItGoesOn(t *testing.T) {
	t.Parallel()
	look := looker(t)
	source := func(state string, taken int64) status.Standing {
		one := status.Source{Name: "edr", State: state, Taken: taken}
		if state == status.SourceStalled {
			one.LastError = &status.Failure{Cause: "no such stream"}
		}
		return status.Standing{Sources: []status.Source{one}}
	}
	require.Empty(t, look(source(status.SourceReading, 5)))
	for range 6 {
		require.Empty(t, look(source(status.SourceStalled, 5)))
	}
	require.Equal(t, []consign.Act{{Act: consign.SourceStalled, On: "edr", Before: "reading", After: "stalled", Reason: "no such stream"}}, look(source(status.SourceStalled, 5)))
	require.Empty(t, look(source(status.SourceStalled, 5)), "it is told once")
	require.Equal(t, []consign.Act{{Act: consign.SourceRecovered, On: "edr", Before: "stalled", After: "reading"}}, look(source(status.SourceReading, 6)))

	for taken := range int64(20) {
		require.Empty(t, look(source(status.SourceFull, 10+taken)), "one that is full now and again goes on")
	}
	for range 6 {
		require.Empty(t, look(source(status.SourceFull, 29)))
	}
	require.Equal(t, []consign.Act{{Act: consign.SourceStalled, On: "edr", Before: "reading", After: "full"}}, look(source(status.SourceFull, 29)))
	require.Equal(t, consign.SourceRecovered, look(source(status.SourceFull, 30))[0].Act)
}

func TestReports_OfACircuit_AreOfEachChangeThatLasts(t *testing.T) {
	t.Parallel()
	look := looker(t)
	sink := func(circuit string) status.Standing {
		return status.Standing{Sinks: []status.WorkerSink{{Name: "hook", Circuit: circuit, LastError: &status.Failure{Cause: "http 500"}}}}
	}
	require.Empty(t, look(sink(status.CircuitClosed)))
	require.Equal(t, []consign.Act{{Act: consign.CircuitOpened, On: "hook", Before: "closed", After: "open", Reason: "http 500"}}, look(sink(status.CircuitOpen)))
	require.Empty(t, look(sink(status.CircuitHalfOpen)), "it is only tried")
	require.Empty(t, look(sink(status.CircuitOpen)))
	require.Equal(t, []consign.Act{{Act: consign.CircuitClosed, On: "hook", Before: "open", After: "closed"}}, look(sink(status.CircuitClosed)))
}

func TestReports_ThatCouldNotBeTold_AreToldLater_UnlessNothingHasChangedByThen(t *testing.T) {
	t.Parallel()
	r := &reports{followed: map[string]*followed{}, taken: map[string]int64{}}
	sink := func(circuit string) status.Standing {
		return status.Standing{Sinks: []status.WorkerSink{{Name: "hook", Circuit: circuit}}}
	}
	first := r.changes(sink(status.CircuitOpen), time.Unix(1, 0))
	require.Equal(t, first, r.changes(sink(status.CircuitOpen), time.Unix(2, 0)), "of the time at which it has changed")
	require.Empty(t, r.changes(sink(status.CircuitClosed), time.Unix(3, 0)))
}
