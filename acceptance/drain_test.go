package acceptance

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

// patientSinks are one that is retried for hours, and one that is well.
const patientSinks = `
sinks:
  one: {script: {}, retry: {max: 100, backoff: 1h, max_backoff: 1h}, circuit: {failures: -1}}
  two: {script: {}}
`

// drain drains, and returns each look beside what is left.
func (s *stage) drain(ctx context.Context, parkAfter time.Duration) (left deadletters.Remaining, looks []deadletters.Remaining, err error) {
	s.Helper()
	left, err = deadletters.Drain(ctx, s.temporal, deadletters.Draining{ParkAfter: parkAfter, Report: func(now deadletters.Remaining) {
		looks = append(looks, now)
	}})
	return left, looks, err
}

func TestDrain_WhenParked_LeavesNothingButDeadLetters(t *testing.T) {
	t.Parallel()
	s := perform(t, patientSinks)
	s.sinks["one"].answers(never)
	const results = 25
	handles := make([]*consign.Handle, results)
	for i := range handles {
		handles[i] = s.submit(time.Duration(i).String(), `{}`)
	}
	s.eventually(func() bool { return s.retrying() == results }, "each has failed once and waits")
	left, looks, err := s.drain(s.ctx, time.Nanosecond)
	require.NoError(t, err)
	require.Zero(t, left.Open)
	require.EqualValues(t, results, left.DeadLetters)
	require.EqualValues(t, results, left.Cancelled)
	require.EqualValues(t, results, looks[0].Open)
	require.EqualValues(t, results, looks[0].Retrying)
	for _, handle := range handles {
		receipt := s.wait(handle)
		require.Equal(t, "cancelled", s.record(receipt.Legs[0].DeadLetter).Label)
		require.Equal(t, consign.Delivered, receipt.Legs[1].Outcome)
	}
	left, _, err = s.drain(s.ctx, 0)
	require.NoError(t, err, "again, with nothing to do")
	require.EqualValues(t, results, left.DeadLetters)
	require.Zero(t, left.Cancelled)
}

// open counts the deliveries that are open and listed as such.
func (s *stage) open() int64 {
	return s.count("WorkflowType = 'Deliver' AND ExecutionStatus = 'Running'")
}

// retrying counts the deliveries that have failed and wait for another attempt.
func (s *stage) retrying() int64 {
	return s.count("WorkflowType = 'Deliver' AND ConsignState = 'retrying'")
}

func (s *stage) count(query string) int64 {
	s.Helper()
	counted, err := s.temporal.CountWorkflow(s.ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	require.NoError(s, err)
	return counted.GetCount()
}

func TestDrain_WhenTheTimeIsOver_TellsWhatIsLeftAndWhere(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  one: {script: {}, inline: false, retry: {max: 100, backoff: 1h, max_backoff: 1h}, circuit: {failures: -1}}\n  two: {script: {}}\n")
	s.sinks["one"].answers(never)
	handle := s.submit("a", `{}`)
	s.eventually(func() bool { return len(s.sinks["one"].tries()) == 1 }, "it has failed once")
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	left, err := deadletters.Drain(ctx, s.temporal, deadletters.Draining{Report: func(now deadletters.Remaining) {
		if now.Open == 1 && now.Sinks["one"] == 1 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, deadletters.Remaining{Open: 1, Sinks: map[string]int{"one": 1}, IDs: []string{handle.WorkflowID()}}, left)
}

func TestDrain_WhenDeliveriesKeepComing_SaysSo_AndParksTheseToo(t *testing.T) {
	t.Parallel()
	s := perform(t, patientSinks)
	s.sinks["one"].answers(never)
	s.submit("before", `{}`)
	s.eventually(func() bool { return s.retrying() == 1 }, "it waits")
	looks := 0
	left, err := deadletters.Drain(s.ctx, s.temporal, deadletters.Draining{ParkAfter: time.Nanosecond, Report: func(deadletters.Remaining) {
		looks++
		if looks == 2 || looks == 3 { // what comes before the second look is not told from what was there
			s.submit(fmt.Sprint("late ", looks), `{}`)
		}
	}})
	require.NoError(t, err)
	require.EqualValues(t, 2, left.New)
	require.EqualValues(t, 3, left.DeadLetters)
	require.Zero(t, left.Open)
}

func TestDrain_WithoutAWorker_SaysSo_AndEndsOnceThereIsOne(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	handle := s.submit("a", `{}`)
	s.eventually(func() bool { return s.open() == 1 }, "it is listed")
	started := false
	left, err := deadletters.Drain(s.ctx, s.temporal, deadletters.Draining{Report: func(now deadletters.Remaining) {
		if now.Open == 1 && !started {
			require.True(t, now.Unattended)
			started = true
			s.start(oneSink)
		}
	}})
	require.NoError(t, err)
	require.True(t, started)
	require.Equal(t, deadletters.Remaining{}, left)
	require.True(t, s.wait(handle).Delivered())
}
