package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
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
