package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/workflows"
)

func letter() activities.DeadLetterInput {
	return activities.DeadLetterInput{Record: consign.Record{
		ID: "dead-letter/slack/x/1", Sink: "slack", Results: []consign.Result{{Source: "test", ID: "a", Data: []byte(`{}`)}},
	}}
}

func TestDeadLetter_LongHistory_GoesOnInANewRun_WithItsRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slack(0))
	w.SetContinueAsNewSuggested(true)
	w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
		return activities.Outcome{}, temporal.NewNonRetryableApplicationError("no", "http 400", nil)
	}
	w.RegisterDelayedCallback(func() { w.SignalWorkflow(consign.ReplaySignal, consign.ReplayRequest{By: "ann"}) }, time.Minute)
	w.ExecuteWorkflow(workflows.DeadLetter, letter())
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, w.GetWorkflowError(), &again)
	var next activities.DeadLetterInput
	require.NoError(t, consign.DataConverter().FromPayloads(again.Input, &next))
	require.Len(t, next.Record.Results, 1)
	require.Equal(t, 1, next.Record.Replays)
	require.Equal(t, "no", next.Record.Cause)
}

func TestDeadLetter_LongHistory_CarriesOutAnOrderThatCameInTheMeantime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slack(5))
	w.SetContinueAsNewSuggested(true)
	w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
		return activities.Outcome{}, temporal.NewApplicationError("busy", "http 500")
	}
	w.RegisterDelayedCallback(func() { w.SignalWorkflow(consign.ReplaySignal, consign.ReplayRequest{}) }, time.Minute)
	w.RegisterDelayedCallback(func() { w.SignalWorkflow(consign.DiscardSignal, consign.DiscardRequest{Reason: "enough"}) }, time.Minute+2*time.Second)
	w.ExecuteWorkflow(workflows.DeadLetter, letter())
	require.NoError(t, w.GetWorkflowError())
	var record consign.Record
	require.NoError(t, w.GetWorkflowResult(&record))
	require.Equal(t, consign.StateDiscarded, record.State)
	require.Equal(t, "enough", record.Reason)
}

func TestDeadLetter_LongHistory_CarriesOutOrdersWhileASinkIsStillToBeTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slack(0))
	w.SetContinueAsNewSuggested(true)
	began := w.Now()
	var at []time.Duration
	w.deliver = func(_ context.Context, in activities.DeliverInput) (activities.Outcome, error) {
		switch {
		case in.Sink == "slack":
			at = append(at, w.Now().Sub(began).Round(time.Minute))
		case w.Now().Sub(began) < 24*time.Hour:
			return activities.Outcome{Skipped: "circuit open"}, nil
		}
		if len(at) == 1 {
			return activities.Outcome{}, temporal.NewNonRetryableApplicationError("no", "http 400", nil)
		}
		return activities.Outcome{Made: 1}, nil
	}
	for _, after := range []time.Duration{time.Minute, 2 * time.Minute} {
		w.RegisterDelayedCallback(func() { w.SignalWorkflow(consign.ReplaySignal, consign.ReplayRequest{}) }, after)
	}
	in := letter()
	archive := slack(0)
	archive.Sink, archive.Policy.Backoff = "archive", consign.Millis(time.Hour)
	in.AlsoTo = []activities.Leg{archive}
	w.ExecuteWorkflow(workflows.DeadLetter, in)
	require.NoError(t, w.GetWorkflowError())
	require.Equal(t, []time.Duration{time.Minute, 2 * time.Minute}, at)
}

// A leg whose sink has a rate limit is split into one for each result.
func TestDeadLetter_ReplayToALimitedSink_CountsTheAttemptsOfTheResultThatTookMost(t *testing.T) {
	t.Parallel()
	leg := slack(5)
	leg.Singly = true
	w := newWorld(t, leg)
	w.deliver = func(ctx context.Context, in activities.DeliverInput) (activities.Outcome, error) {
		made := int(activity.GetInfo(ctx).Attempt)
		switch {
		case in.Batch[0].Result.ID == "a" && len(w.at) < 20:
			return activities.Outcome{Skipped: "no free slot"}, nil // so that it ends last
		case in.Batch[0].Result.ID == "a" || made == 3:
			return activities.Outcome{Made: made}, nil
		}
		return activities.Outcome{}, temporal.NewApplicationError("busy", "http 500")
	}
	w.RegisterDelayedCallback(func() { w.SignalWorkflow(consign.ReplaySignal, consign.ReplayRequest{}) }, time.Minute)
	in := letter()
	in.Record.Made = 4
	in.Record.Results = append([]consign.Result{{Source: "test", ID: "slow", Data: []byte(`{}`)}}, in.Record.Results...)
	w.ExecuteWorkflow(workflows.DeadLetter, in)
	require.NoError(t, w.GetWorkflowError())
	var record consign.Record
	require.NoError(t, w.GetWorkflowResult(&record))
	require.Equal(t, consign.StateReplayed, record.State)
	require.Equal(t, 4+3, record.Made)
}

// answers are what updates of a dead letter have returned, by their ids.
type answers map[string]consign.OrderOutcome

// order gives an order by an update after a time.
func (a answers) order(t *testing.T, w *world, after time.Duration, id, update string, request any) {
	t.Helper()
	w.RegisterDelayedCallback(func() {
		w.UpdateWorkflow(update, id, &testsuite.TestUpdateCallback{
			OnAccept: func() {},
			OnReject: func(err error) { t.Errorf("%s was refused: %v", id, err) },
			OnComplete: func(answer any, err error) {
				if err != nil {
					t.Errorf("%s has failed: %v", id, err)
					return
				}
				a[id] = answer.(consign.OrderOutcome)
			},
		}, request)
	}, after)
}

func TestDeadLetter_ReplayedByUpdate_DeliversInlineOnce_AndAnswersEachOrder(t *testing.T) {
	t.Parallel()
	w, got := newWorld(t, slack(3)), answers{}
	inline := 0
	w.deliver = func(ctx context.Context, in activities.DeliverInput) (activities.Outcome, error) {
		if activity.GetInfo(ctx).IsLocalActivity && in.Replay {
			inline++
		}
		return activities.Outcome{Made: 1}, nil
	}
	got.order(t, w, time.Minute, "first", consign.ReplayUpdate, consign.ReplayRequest{By: "ann"})
	got.order(t, w, time.Minute, "second", consign.ReplayUpdate, consign.ReplayRequest{By: "bob"})
	w.ExecuteWorkflow(workflows.DeadLetter, letter())
	require.NoError(t, w.GetWorkflowError())
	var record consign.Record
	require.NoError(t, w.GetWorkflowResult(&record))
	require.Equal(t, "ann", record.ReplayedBy)
	require.Equal(t, 1, inline)
	require.Len(t, w.at, 1)
	require.Equal(t, answers{"first": {State: consign.StateReplayed}, "second": {State: consign.StateReplayed}}, got)
}

func TestDeadLetter_ReplayedByUpdate_ThatFails_AnswersWhy_AndTakesFurtherOrders(t *testing.T) {
	t.Parallel()
	w, got := newWorld(t, slack(1)), answers{}
	w.deliver = func(ctx context.Context, _ activities.DeliverInput) (activities.Outcome, error) {
		if activity.GetInfo(ctx).IsLocalActivity {
			return transient(time.Second), nil
		}
		return activities.Outcome{}, temporal.NewApplicationError("busy", "http 503")
	}
	got.order(t, w, time.Minute, "replay", consign.ReplayUpdate, consign.ReplayRequest{})
	got.order(t, w, time.Minute+500*time.Millisecond, "meanwhile", consign.ReplayUpdate, consign.ReplayRequest{})
	got.order(t, w, time.Hour, "discard", consign.DiscardUpdate, consign.DiscardRequest{Reason: "known", By: "ann"})
	w.ExecuteWorkflow(workflows.DeadLetter, letter())
	require.NoError(t, w.GetWorkflowError())
	failed := consign.OrderOutcome{State: consign.StateParked, Cause: "busy"}
	require.Equal(t, answers{"replay": failed, "meanwhile": failed, "discard": {State: consign.StateDiscarded}}, got)
	require.Len(t, w.at, 2, "one inline, one queued")
	var record consign.Record
	require.NoError(t, w.GetWorkflowResult(&record))
	require.Equal(t, "known (by ann)", record.Reason)
	require.Equal(t, 1, record.Replays)
}

func TestDeadLetter_DiscardedByUpdate_BreaksOffTheReplay_AndAnswersBothOrders(t *testing.T) {
	t.Parallel()
	w, got := newWorld(t, slack(1000)), answers{}
	w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
		return activities.Outcome{Skipped: "circuit open"}, nil
	}
	got.order(t, w, time.Minute, "replay", consign.ReplayUpdate, consign.ReplayRequest{})
	got.order(t, w, 2*time.Minute, "discard", consign.DiscardUpdate, consign.DiscardRequest{Reason: "enough"})
	w.ExecuteWorkflow(workflows.DeadLetter, letter())
	require.NoError(t, w.GetWorkflowError())
	require.Equal(t, answers{"replay": {State: consign.StateDiscarded}, "discard": {State: consign.StateDiscarded}}, got)
}

// A signal may be followed by another, which makes an inline attempt run again.
func TestDeadLetter_ReplayedBySignal_DeliversByAnOrdinaryActivity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slack(3))
	w.deliver = func(ctx context.Context, _ activities.DeliverInput) (activities.Outcome, error) {
		if activity.GetInfo(ctx).IsLocalActivity {
			t.Error("inline")
		}
		return activities.Outcome{Made: 1}, nil
	}
	w.RegisterDelayedCallback(func() { w.SignalWorkflow(consign.ReplaySignal, consign.ReplayRequest{}) }, time.Minute)
	w.ExecuteWorkflow(workflows.DeadLetter, letter())
	require.NoError(t, w.GetWorkflowError())
	require.Len(t, w.at, 1)
}
