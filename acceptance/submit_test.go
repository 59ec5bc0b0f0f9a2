package acceptance

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

func TestSubmit_SameIDOfTwoSources_AreTwoResults(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	for _, source := range []string{"alpha", "beta"} {
		handle, err := s.client.Submit(s.ctx, consign.Result{Source: source, ID: "same", Data: []byte(`{"from":"` + source + `"}`)})
		require.NoError(t, err)
		require.False(t, handle.Duplicate())
		s.wait(handle)
	}
	took := s.sinks["one"].took()
	require.Len(t, took, 2)
	require.NotEqual(t, took[0].ID, took[1].ID)
}

func TestSubmit_TenTimesAtOnce_DeliversOnce(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	var all sync.WaitGroup
	receipts := make([]consign.Receipt, 10)
	for i := range receipts {
		all.Go(func() {
			handle, err := s.client.Submit(s.ctx, consign.Result{Source: "test", ID: "a", Data: []byte(`{ "n": 1 }`)})
			if err != nil {
				t.Error(err)
				return
			}
			if receipts[i], err = handle.Wait(s.ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Len(t, s.sinks["one"].tries(), 1)
	for _, receipt := range receipts {
		require.Equal(t, receipts[0], receipt)
	}
}

func TestSubmit_OtherDataUnderTheSameID_IsAConflict_RunningAndClosed(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	gate := newGate(t)
	s.sinks["one"].answers(gate.wait)
	handle := s.submit("a", `{"n":1}`)
	_, err := s.client.Submit(s.ctx, consign.Result{Source: "test", ID: "a", Data: []byte(`{"n":2}`)})
	require.ErrorIs(t, err, consign.ErrConflict)
	gate.Open()
	s.wait(handle)
	_, err = s.client.Submit(s.ctx, consign.Result{Source: "test", ID: "a", Data: []byte(`{"n":2}`)})
	require.ErrorIs(t, err, consign.ErrConflict)
	require.ErrorContains(t, err, "test/a")
	again := s.submit("a", ` {"n" : 1} `)
	require.True(t, again.Duplicate(), "white space is no other data")
}

func TestSubmit_Duplicate_BringsItsOwnAck_RunningAndClosed(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}, inline: false, timeout: 30s}
`)
	gate, first, second, third := newGate(t), newUpstream(t), newUpstream(t), newUpstream(t)
	s.sinks["one"].answers(gate.wait)
	handle := s.submit("a", `{}`, consign.AckByHTTP(first.URL))
	require.True(t, s.submit("a", `{}`, consign.AckByHTTP(second.URL)).Duplicate())
	require.Empty(t, second.acked(), "acked before the sink had it")
	gate.Open()
	receipt := s.wait(handle)
	require.Equal(t, consign.AckSent, receipt.Ack)
	require.Contains(t, first.acked(), "a")
	require.Contains(t, second.acked(), "a")
	s.keep("deliver_acked_twice", handle.WorkflowID())
	require.True(t, s.submit("a", `{}`, consign.AckByHTTP(third.URL)).Duplicate())
	s.eventually(func() bool { return len(third.acked()) == 1 }, "the ack of a closed delivery")
	require.Equal(t, consign.Delivered, third.acked()["a"].Legs[0].Outcome)
	require.Len(t, s.sinks["one"].took(), 1)
}

func TestSubmit_TerminatedDelivery_CanBeSubmittedAgain(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	s.sinks["one"].answers(func(int, sinks.Delivery) error { return sinks.RetryAfter(errors.New("busy"), 0) })
	handle := s.submit("a", `{}`)
	_, err := handle.FirstAttempts(s.ctx)
	require.NoError(t, err)
	require.NoError(t, s.temporal.TerminateWorkflow(s.ctx, handle.WorkflowID(), "", "test"))
	_, err = handle.Wait(s.ctx)
	require.ErrorIs(t, err, consign.ErrAbandoned)
	s.sinks["one"].answers(nil)
	again := s.submit("a", `{}`)
	require.False(t, again.Duplicate())
	require.True(t, s.wait(again).Delivered())
}

func TestSubmit_FirstAttempts_TellWhetherAllIsCommitted(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}, retry: {backoff: 30s, max_backoff: 30s}}
  two: {script: {}}
`)
	first, err := s.submit("well", `{}`).FirstAttempts(s.ctx)
	require.NoError(t, err)
	require.True(t, first.Committed)
	require.True(t, first.Receipt.Delivered())
	s.sinks["one"].answers(never)
	first, err = s.submit("ill", `{}`).FirstAttempts(s.ctx)
	require.NoError(t, err)
	require.False(t, first.Committed, "one sink is still to be tried again")
}

func TestSubmit_WhatCannotBeDelivered_IsRefusedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	submit := func(r consign.Result, options ...consign.SubmitOption) error {
		_, err := s.client.Submit(s.ctx, r, options...)
		require.Error(t, err)
		return err
	}
	good := []byte(`{}`)
	require.ErrorIs(t, submit(consign.Result{ID: "a", Data: good}), consign.ErrInvalid)
	require.ErrorIs(t, submit(consign.Result{Source: "s", ID: "a"}), consign.ErrInvalid)
	require.ErrorIs(t, submit(consign.Result{Source: "s", ID: "a", Data: []byte(`{`)}), consign.ErrInvalid)
	require.ErrorIs(t, submit(consign.Result{Source: "s", ID: strings.Repeat("x", 300), Data: good}), consign.ErrInvalid)
	require.ErrorIs(t, submit(consign.Result{Source: "s", ID: "a", Type: strings.Repeat("x", 300), Data: good}), consign.ErrInvalid)
	// Two that JSON would turn into one.
	require.ErrorIs(t, submit(consign.Result{Source: "caf\xe9", ID: "a", Data: good}), consign.ErrInvalid)
	err := submit(consign.Result{Source: "s", ID: "a", Data: json.RawMessage(`"` + strings.Repeat("x", 3<<20) + `"`)})
	require.ErrorIs(t, err, consign.ErrTooLarge)
	require.ErrorContains(t, err, "1 MiB")
	for _, url := range []string{"ftp://host/", "http://", "https://user:hunter2@host/", "://"} {
		err := submit(consign.Result{Source: "s", ID: "a", Data: good}, consign.AckByHTTP(url))
		require.ErrorIs(t, err, consign.ErrInvalid, url)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestSubmit_LargestResult_ReachesThreeFailingSinksAndTheirDeadLetters(t *testing.T) {
	t.Parallel()
	s := perform(t, `
defaults: {retry: {max: 1}}
sinks:
  one: {script: {}}
  two: {script: {}}
  three: {script: {}}
`)
	for _, script := range s.sinks {
		script.answers(never)
	}
	data := `"` + strings.Repeat("x", consign.MaxConsignmentBytes-100) + `"`
	receipt := s.wait(s.submit("big", data))
	for _, leg := range receipt.Legs {
		require.Equal(t, consign.Parked, leg.Outcome)
		require.Equal(t, data, string(s.record(leg.DeadLetter).Results[0].Data))
	}
}

func TestBareAPI_PlainJSON_StartsADeliveryAndReadsItsReceipt(t *testing.T) {
	t.Parallel()
	s := perform(t, oneSink)
	// A client as any program has one, with the SDK's own converter and none of this module's types.
	bare, err := client.Dial(client.Options{HostPort: server.Address(), Namespace: s.namespace})
	require.NoError(t, err)
	defer bare.Close()
	start := func(id string, input any) client.WorkflowRun {
		run, err := bare.ExecuteWorkflow(s.ctx, client.StartWorkflowOptions{ID: id, TaskQueue: "consign"}, "Deliver", input)
		require.NoError(t, err)
		return run
	}
	run := start("consign/bare/1", map[string]any{"results": []any{map[string]any{"source": "bare", "id": "1", "data": map[string]any{"n": 1}}}})
	var receipt map[string]any
	require.NoError(t, run.Get(s.ctx, &receipt))
	leg := receipt["legs"].([]any)[0].(map[string]any)
	require.Equal(t, "one", leg["sink"])
	require.Equal(t, "delivered", leg["outcome"])

	again, err := s.client.Submit(s.ctx, consign.Result{Source: "bare", ID: "1", Data: []byte(`{"n":1}`)})
	require.NoError(t, err)
	require.True(t, again.Duplicate(), "no memo, so the input tells that it is the same")
	_, err = s.client.Submit(s.ctx, consign.Result{Source: "bare", ID: "1", Data: []byte(`{"n":2}`)})
	require.ErrorIs(t, err, consign.ErrConflict)

	for id, input := range map[string]any{
		"empty":      map[string]any{},
		"no-source":  map[string]any{"results": []any{map[string]any{"id": "1", "data": 1}}},
		"no-data":    map[string]any{"results": []any{map[string]any{"source": "s", "id": "1"}}},
		"bad-ack":    map[string]any{"results": []any{map[string]any{"source": "s", "id": "1", "data": 1, "ack": map[string]any{}}}},
		"other-type": converter.NewRawValue(nil),
	} {
		if id == "other-type" {
			input = "text"
		}
		var failure *temporal.WorkflowExecutionError
		require.ErrorAs(t, start(id, input).Get(s.ctx, nil), &failure, id)
	}
}

func TestBareAPI_SeveralResults_AreDeliveredRetriedParkedAndAckedEachByItself(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}, circuit: {failures: -1}}
  two: {script: {}}
`)
	up := newUpstream(t)
	s.sinks["one"].answers(func(attempt int, d sinks.Delivery) error {
		switch d.Result.ID {
		case "refused":
			return sinks.Permanent(errors.New("refused"))
		case "late":
			if attempt < 3 {
				return errors.New("not yet")
			}
		case "never":
			return errors.New("never")
		}
		return nil
	})
	var entries []consign.Entry
	ids := []string{"well", "refused", "late", "never", "fine"}
	for _, id := range ids {
		entries = append(entries, consign.Entry{
			Result: consign.Result{Source: "test", ID: id, Data: []byte(`{}`)},
			Ack:    &consign.AckTarget{HTTP: &consign.HTTPTarget{URL: up.URL}},
		})
	}
	run := s.bare("consign/batch/1", entries...)
	s.eventually(func() bool { return len(up.acked()) >= 3 }, "what is committed is acked without waiting for the others")
	receipt := s.receiptOf(run)
	outcomes := map[string]consign.Outcome{}
	for i, id := range ids {
		require.Len(t, receipt.Of(i).Legs, 2)
		outcomes[id] = receipt.Of(i).Legs[0].Outcome
	}
	require.Equal(t, map[string]consign.Outcome{
		"well": consign.Delivered, "refused": consign.Parked, "late": consign.Delivered, "never": consign.Parked, "fine": consign.Delivered,
	}, outcomes)
	require.Len(t, up.acked(), 5)
	require.NotEqual(t, receipt.Of(1).Legs[0].DeadLetter, receipt.Of(3).Legs[0].DeadLetter, "parked at different times")
	s.keep("deliver_several", run.GetID())
	require.Len(t, s.sinks["one"].took(), 3, "what was delivered was delivered again with the others")
}
