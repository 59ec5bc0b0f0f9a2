package acceptance

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

// parked submits a result that the sink "one" refuses, and returns its dead letter.
func (s *stage) parked(id string) string {
	s.Helper()
	s.sinks["one"].answers(func(int, sinks.Delivery) error { return sinks.Permanent(errors.New("refused")) })
	receipt := s.wait(s.submit(id, `{}`))
	require.Equal(s, consign.Parked, receipt.Legs[0].Outcome)
	return receipt.Legs[0].DeadLetter
}

func (s *stage) closed(id string) consign.Record {
	s.Helper()
	require.NoError(s, s.temporal.GetWorkflow(s.ctx, id, "").Get(s.ctx, nil))
	return s.record(id)
}

func TestDeadLetter_Replay_DeliversAndCloses(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	id := s.parked("a")
	s.sinks["one"].answers(nil)
	// A second order during the first one's delivery, and one more: they must not deliver twice.
	for range 3 {
		s.signal(id, consign.ReplaySignal, consign.ReplayRequest{By: "test"})
	}
	record := s.closed(id)
	require.Equal(t, consign.StateReplayed, record.State)
	require.Len(t, s.sinks["one"].took(), 1)
	require.Equal(t, 2, record.Made)
	s.keep("dead_letter_replayed", id)
}

func TestDeadLetter_ReplayThatFails_ParksAgainWithAFullBudgetUsed(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}, retry: {max: 2}, circuit: {failures: -1}}
`)
	id := s.parked("a")
	s.sinks["one"].answers(never)
	s.signal(id, consign.ReplaySignal, consign.ReplayRequest{})
	s.eventually(func() bool { r := s.record(id); return r.Replays == 1 && r.State == consign.StateParked }, "parked again")
	record := s.record(id)
	require.Equal(t, "never", record.Cause)
	require.Equal(t, 4, record.Made, "1 and 3 attempts")
	require.Len(t, record.Attempts, 4)
	s.sinks["one"].answers(nil)
	s.signal(id, consign.ReplaySignal, consign.ReplayRequest{})
	require.Equal(t, consign.StateReplayed, s.closed(id).State)
	require.Len(t, s.sinks["one"].took(), 1)
	s.keep("dead_letter_parked_again", id)
}

func TestDeadLetter_Discard_ClosesItAlsoDuringAReplay(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}, retry: {max: 100, backoff: 200ms}}
`)
	plain, busy := s.parked("plain"), s.parked("busy")
	s.signal(plain, consign.DiscardSignal, consign.DiscardRequest{Reason: "known", By: "ann"})
	record := s.closed(plain)
	require.Equal(t, consign.StateDiscarded, record.State)
	require.Equal(t, "known (by ann)", record.Reason)

	s.sinks["one"].answers(never)
	s.signal(busy, consign.ReplaySignal, consign.ReplayRequest{})
	s.eventually(func() bool { return s.record(busy).State == "replaying" }, "the replay is under way")
	s.signal(busy, consign.DiscardSignal, consign.DiscardRequest{Reason: "enough"})
	record = s.closed(busy)
	require.Equal(t, consign.StateDiscarded, record.State)
	require.Equal(t, "enough", record.Reason)
	s.keep("dead_letter_discarded", plain)
	s.keep("dead_letter_discarded_during_replay", busy)
}

func TestDeadLetter_SinkThatIsGone_StaysParkedAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	id := s.parked("a")
	s.stop()
	s.start(`
sinks:
  other: {script: {}}
`)
	s.signal(id, consign.ReplaySignal, consign.ReplayRequest{})
	s.eventually(func() bool { return s.record(id).Replays == 1 && s.record(id).State == consign.StateParked }, "parked again")
	require.Contains(t, s.record(id).Cause, `sink "one" is not configured any more`)
}

func TestDeadLetter_IsToldToTheSinksNamedForIt(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}}
  desk: {script: {}}
dead_letters: {also_to: [desk]}
`)
	id := s.parked("a")
	s.eventually(func() bool { return len(s.sinks["desk"].took()) == 2 }, "the result and the record")
	for _, d := range s.sinks["desk"].took() {
		if d.Result.Type == "dead_letter" {
			require.Equal(t, id, d.Result.ID)
			require.Contains(t, string(d.Result.Data), `"cause":"refused"`)
		}
	}
	s.eventually(func() bool { return len(s.record(id).AlsoTo) == 1 }, "the record says so")
	require.Equal(t, consign.Delivered, s.record(id).AlsoTo[0].Outcome)
	s.keep("dead_letter_also_to", id)
}

func TestUnmatched_AckParkReject(t *testing.T) {
	t.Parallel()
	incident := func(s *stage, id string) consign.Receipt {
		handle, err := s.client.Submit(s.ctx, consign.Result{Source: "test", ID: id, Type: consign.IncidentType, Data: []byte(`{}`)})
		require.NoError(s, err)
		return s.wait(handle)
	}
	s := perform(t, oneSink)
	require.Equal(t, []consign.Unrouted{{Outcome: consign.Unmatched}}, incident(s, "ack").Unrouted)
	s.stop()
	s.start("unmatched: reject" + oneSink)
	receipt := incident(s, "reject")
	require.Equal(t, []consign.Unrouted{{Outcome: consign.Rejected}}, receipt.Unrouted)
	require.False(t, receipt.Delivered())
	s.stop()
	s.start("unmatched: park" + oneSink)
	receipt = incident(s, "park")
	require.Equal(t, "_none", receipt.Legs[0].Sink)
	s.keep("deliver_unmatched", consign.WorkflowID("test", "park"))
	id := receipt.Legs[0].DeadLetter
	s.signal(id, consign.ReplaySignal, nil)
	s.eventually(func() bool { return s.record(id).Replays == 1 && s.record(id).State == consign.StateParked }, "still unmatched")
	s.stop()
	s.start(`
unmatched: park
sinks:
  one: {script: {}, incidents: true}
`)
	s.signal(id, consign.ReplaySignal, consign.ReplayRequest{})
	require.Equal(t, consign.StateReplayed, s.closed(id).State)
	require.Len(t, s.sinks["one"].took(), 1)
	s.keep("dead_letter_rerouted", id)
}

func TestCancel_ParksWhatIsNotCommittedAndAcks(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}, retry: {max: 100, backoff: 10s, max_backoff: 10s}}
  two: {script: {}}
`)
	up := newUpstream(t)
	s.sinks["one"].answers(never)
	handle := s.submit("a", `{}`, consign.AckByHTTP(up.URL))
	_, err := handle.FirstAttempts(s.ctx)
	require.NoError(t, err)
	require.NoError(t, s.temporal.CancelWorkflow(s.ctx, handle.WorkflowID(), ""))
	receipt := s.wait(handle)
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	require.Equal(t, "cancelled", s.record(receipt.Legs[0].DeadLetter).Label)
	require.Equal(t, consign.Delivered, receipt.Legs[1].Outcome)
	require.Contains(t, up.acked(), "a")
	s.keep("deliver_cancelled", handle.WorkflowID())
}

// waiting is an upstream that is itself a workflow: it ends with the ack it waits for.
func waiting(ctx workflow.Context) (consign.Ack, error) {
	var ack consign.Ack
	workflow.GetSignalChannel(ctx, consign.AckSignal).Receive(ctx, &ack)
	return ack, nil
}

func TestAck_BySignal_ReachesTheWorkflowThatWaits_AndAnUnknownOneIsFinal(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	w := worker.New(s.temporal, "upstream", worker.Options{})
	w.RegisterWorkflow(waiting)
	require.NoError(t, w.Start())
	defer w.Stop()
	run, err := s.temporal.ExecuteWorkflow(s.ctx, client.StartWorkflowOptions{TaskQueue: "upstream"}, waiting)
	require.NoError(t, err)
	receipt := s.wait(s.submit("a", `{}`, consign.AckBySignal(run.GetID(), "", "")))
	require.Equal(t, consign.AckSent, receipt.Ack)
	var ack consign.Ack
	require.NoError(t, run.Get(s.ctx, &ack))
	require.Equal(t, "a", ack.ID)
	require.True(t, ack.Receipt.Delivered())

	receipt = s.wait(s.submit("b", `{}`, consign.AckBySignal("nobody", "", "")))
	require.Equal(t, consign.AckFailed, receipt.Ack)
	require.Contains(t, receipt.AckErrors[0].Cause, "nobody")
	require.True(t, receipt.Delivered())
}

func TestAck_ThatFailsAtFirst_IsRetried(t *testing.T) {
	t.Parallel()
	s := perform(t, "acks: {retry: {max: 5, backoff: 100ms}}"+oneSink)
	up := newUpstream(t)
	up.answer = 500
	handle := s.submit("a", `{}`, consign.AckByHTTP(up.URL))
	first, err := handle.FirstAttempts(s.ctx)
	require.NoError(t, err)
	require.True(t, first.Committed)
	up.mu.Lock()
	up.answer = 0
	up.mu.Unlock()
	require.Equal(t, consign.AckSent, s.wait(handle).Ack)
	require.Contains(t, up.acked(), "a")
	s.keep("deliver_ack_retried", handle.WorkflowID())
}
