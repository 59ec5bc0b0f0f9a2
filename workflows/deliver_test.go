package workflows_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/workflows"
)

// world stands in for the activities where time has to be skipped: what takes days here takes
// milliseconds. What a real server does is tested in package acceptance.
type world struct {
	*testsuite.TestWorkflowEnvironment
	mu       sync.Mutex // held while an activity runs: there is one at a time
	legs     []activities.Leg
	deliver  func(ctx context.Context, in activities.DeliverInput) (activities.Outcome, error)
	parked   []consign.Record
	parkings int // how many of the first ones fail
	acks     []consign.AckInput
	ack      func() error
	at       []time.Time // when each delivery was tried, by the workflow's clock
}

func newWorld(t *testing.T, legs ...activities.Leg) *world {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	w := &world{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), legs: legs}
	w.SetDataConverter(consign.DataConverter())
	w.SetTestTimeout(30 * time.Second)
	register := func(name string, f any) { w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	register(consign.RouteActivity, func(context.Context, activities.RouteInput) (activities.Route, error) {
		return activities.Route{Legs: w.legs, AckPolicy: activities.Policy{Timeout: 1000, RetryMax: 3, Backoff: 1000, MaxBackoff: 4000}}, nil
	})
	register(consign.DeliverActivity, func(ctx context.Context, in activities.DeliverInput) (activities.Outcome, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.at = append(w.at, w.Now())
		return w.deliver(ctx, in)
	})
	register(consign.ParkActivity, func(_ context.Context, in activities.ParkInput) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.parkings > 0 {
			w.parkings--
			return errors.New("temporal is away")
		}
		w.parked = append(w.parked, in.Record)
		return nil
	})
	register(consign.AckActivity, func(_ context.Context, in consign.AckInput) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.ack != nil {
			if err := w.ack(); err != nil {
				return err
			}
		}
		w.acks = append(w.acks, in)
		return nil
	})
	return w
}

func slack(retries int) activities.Leg {
	return activities.Leg{Sink: "slack", Kind: "webhook", Policy: activities.Policy{
		Timeout: 10_000, RetryMax: retries, Backoff: 1000, MaxBackoff: 300_000, BatchMax: 64, Inline: true,
	}}
}

func one() consign.Consignment {
	return consign.Consignment{Results: []consign.Entry{{Result: consign.Result{Source: "test", ID: "a", Data: []byte(`{}`)}}}}
}

func (w *world) run(t *testing.T, in consign.Consignment) consign.Receipt {
	t.Helper()
	w.ExecuteWorkflow(workflows.Deliver, in)
	require.True(t, w.IsWorkflowCompleted())
	require.NoError(t, w.GetWorkflowError())
	var receipt consign.Receipt
	require.NoError(t, w.GetWorkflowResult(&receipt))
	return receipt
}

func transient(after time.Duration) activities.Outcome {
	return activities.Outcome{
		Failures: []activities.Failed{{Label: "http 500", Cause: "500"}}, Made: 1, After: consign.Millis(after),
		Attempts: []consign.Attempt{{Number: 1, Label: "http 500", Cause: "500"}},
	}
}

func TestDeliver_AfterAFailedInlineAttempt_WaitsAsLongAsTheSinkAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slack(12))
	w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
		if len(w.at) == 1 {
			return transient(time.Hour), nil
		}
		return activities.Outcome{Made: 1}, nil
	}
	receipt := w.run(t, one())
	require.Equal(t, 2, receipt.Legs[0].Attempts)
	require.GreaterOrEqual(t, w.at[1].Sub(w.at[0]), time.Hour)
}

func TestDeliver_BudgetCountsTheInlineAttempt(t *testing.T) {
	t.Parallel()
	for name, inline := range map[string]bool{"inline first": true, "queued only": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leg := slack(3)
			leg.Policy.Inline = inline
			w := newWorld(t, leg)
			w.deliver = func(ctx context.Context, _ activities.DeliverInput) (activities.Outcome, error) {
				outcome := transient(time.Second)
				outcome.Made = int(activity.GetInfo(ctx).Attempt)
				if activity.GetInfo(ctx).IsLocalActivity {
					return outcome, nil
				}
				return activities.Outcome{}, temporal.NewApplicationErrorWithOptions("500", "http 500", temporal.ApplicationErrorOptions{Details: []any{outcome}})
			}
			receipt := w.run(t, one())
			require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
			require.Equal(t, 4, receipt.Legs[0].Attempts)
			require.Len(t, w.at, 4)
		})
	}
}

func TestDeliver_RetryMaxZero_ParksAfterTheFirstFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slack(0))
	w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
		return transient(time.Second), nil
	}
	require.Equal(t, consign.Parked, w.run(t, one()).Legs[0].Outcome)
	require.Len(t, w.at, 1)
}

func TestDeliver_SkippedAttempts_UseUpNoRetries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slack(1))
	w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
		if len(w.at) <= 20 {
			return activities.Outcome{Skipped: "circuit open"}, nil
		}
		return activities.Outcome{Made: 1}, nil
	}
	receipt := w.run(t, one())
	require.Equal(t, consign.Delivered, receipt.Legs[0].Outcome)
	require.Equal(t, 1, receipt.Legs[0].Attempts)
}

func TestDeliver_SkippedAttemptThatSaysWhen_IsMadeThen_AndNotAfterABackoff(t *testing.T) {
	t.Parallel()
	sink := slack(1)
	sink.Policy.Backoff, sink.Policy.MaxBackoff = consign.Millis(time.Hour), consign.Millis(time.Hour)
	w := newWorld(t, sink)
	w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
		if len(w.at) <= 2 {
			return activities.Outcome{Skipped: "circuit open", After: consign.Millis(5 * time.Second)}, nil
		}
		return activities.Outcome{Made: 1}, nil
	}
	require.True(t, w.run(t, one()).Delivered())
	require.Equal(t, 5*time.Second, w.at[2].Sub(w.at[1]))
}

func TestDeliver_ParkThatFails_IsRetriedAndNothingIsAckedBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slack(0))
	w.parkings = 50
	in := one()
	in.Results[0].Ack = &consign.AckTarget{HTTP: &consign.HTTPTarget{URL: "http://127.0.0.1/"}}
	w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
		return transient(time.Second), nil
	}
	w.ack = func() error {
		require.Len(t, w.parked, 1, "acked before it was parked")
		return nil
	}
	require.Equal(t, consign.Parked, w.run(t, in).Legs[0].Outcome)
	require.Len(t, w.acks, 1)
}

func TestDeliver_WorkerThatIsLost_ParksWithTheLogOfEarlierAttempts(t *testing.T) {
	t.Parallel()
	leg := slack(1)
	leg.Policy.Inline = false
	w := newWorld(t, leg)
	w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
		return activities.Outcome{}, temporal.NewTimeoutError(1, nil, []consign.Attempt{{Number: 1, Cause: "500"}})
	}
	receipt := w.run(t, one())
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	require.Equal(t, "timeout", w.parked[0].Label)
}

func TestDeliver_LastAttemptWhoseWorkerIsLost_UsesUpNoRetry_AFewTimes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lost int
		want consign.Outcome
	}{
		"a worker that was killed":              {activities.MaxLost, consign.Delivered},
		"a result that kills its worker always": {activities.MaxLost + 1, consign.Parked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leg := slack(0)
			leg.Policy.Inline = false
			w := newWorld(t, leg)
			w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
				if len(w.at) <= test.lost {
					return activities.Outcome{}, temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_START_TO_CLOSE, nil)
				}
				return activities.Outcome{Made: 1}, nil
			}
			receipt := w.run(t, one())
			require.Equal(t, test.want, receipt.Legs[0].Outcome)
			require.Len(t, w.at, activities.MaxLost+1)
		})
	}
}

// Temporal gives a timeout the failure of the attempt before it as its cause.
func TestDeliver_LastAttemptWhoseWorkerIsLost_AfterOneThatFailed_UsesUpNoRetry_AndTheLogIsKept(t *testing.T) {
	t.Parallel()
	leg := slack(1)
	leg.Policy.Inline = false
	w := newWorld(t, leg)
	log := []consign.Attempt{{Number: 1, Label: "http 500", Cause: "500"}}
	w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
		failure := temporal.NewApplicationErrorWithOptions("500", "http 500", temporal.ApplicationErrorOptions{})
		switch len(w.at) {
		case 1:
			return activities.Outcome{}, failure
		case 2:
			return activities.Outcome{}, temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_START_TO_CLOSE, failure, log)
		}
		return activities.Outcome{Made: 1, Failures: []activities.Failed{{Label: "http 400", Cause: "400", Permanent: true}}}, nil
	}
	w.run(t, one())
	require.Len(t, w.at, 3, "once more, since the last one was lost")
	require.Len(t, w.parked[0].Attempts, 2)
	require.Equal(t, "http 500", w.parked[0].Attempts[0].Label)
	require.Equal(t, "timeout", w.parked[0].Attempts[1].Label)
}

func TestDeliver_AckThatNeverSucceeds_EndsAsFailedAndTheReceiptSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slack(0))
	w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
		return activities.Outcome{Made: 1}, nil
	}
	tries := 0
	w.ack = func() error {
		tries++
		return temporal.NewApplicationError("503", "http 503")
	}
	in := one()
	in.Results[0].Ack = &consign.AckTarget{HTTP: &consign.HTTPTarget{URL: "http://127.0.0.1/"}}
	receipt := w.run(t, in)
	require.Equal(t, consign.AckFailed, receipt.Ack)
	require.Equal(t, []consign.AckError{{Cause: "503"}}, receipt.AckErrors)
	require.Equal(t, 4, tries, "one inline and three queued")
	require.True(t, receipt.Delivered())
}

func TestDeliver_OutcomeOfAForeignWorker_CannotBreakTheWorkflow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slack(0))
	w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
		return activities.Outcome{Made: -5, Failures: []activities.Failed{{Index: 99}, {Index: -1}, {Index: 0, Permanent: true, Cause: "no"}}}, nil
	}
	receipt := w.run(t, one())
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
}

func TestDeliver_InvalidConsignment_FailsForGoodAndNamesTheField(t *testing.T) {
	t.Parallel()
	big := one()
	big.Results[0].Data = []byte(`"` + strings.Repeat("x", consign.MaxConsignmentBytes+2048) + `"`)
	for want, in := range map[string]consign.Consignment{
		"holds no results":     {},
		"results[0].source":    {Results: []consign.Entry{{Result: consign.Result{ID: "a", Data: []byte(`1`)}}}},
		"results[0].id":        {Results: []consign.Entry{{Result: consign.Result{Source: "s", Data: []byte(`1`)}}}},
		"at most 1048576":      big,
		"at most 1024":         {Results: make([]consign.Entry, 1025)},
		"results[0].ack: give": {Results: []consign.Entry{{Result: consign.Result{Source: "s", ID: "a", Data: []byte(`1`)}, Ack: &consign.AckTarget{}}}},
	} {
		w := newWorld(t)
		w.ExecuteWorkflow(workflows.Deliver, in)
		var failure *temporal.ApplicationError
		require.ErrorAs(t, w.GetWorkflowError(), &failure)
		require.True(t, failure.NonRetryable())
		require.Contains(t, failure.Message(), want)
	}
}

func TestDeliver_NewDay_NewAttemptOverDays(t *testing.T) {
	t.Parallel()
	leg := slack(3)
	leg.Policy.Backoff, leg.Policy.MaxBackoff = consign.Millis(24*time.Hour), consign.Millis(72*time.Hour)
	w := newWorld(t, leg)
	w.deliver = func(ctx context.Context, _ activities.DeliverInput) (activities.Outcome, error) {
		if activity.GetInfo(ctx).IsLocalActivity {
			return transient(leg.Policy.Delay(1)), nil
		}
		return activities.Outcome{Made: int(activity.GetInfo(ctx).Attempt)}, nil
	}
	require.Equal(t, consign.Delivered, w.run(t, one()).Legs[0].Outcome)
	require.GreaterOrEqual(t, w.at[1].Sub(w.at[0]), 24*time.Hour)
}

func TestDeliver_LostAttemptBeforeASkippedOne_UsesUpNoRetry_AFewTimes(t *testing.T) {
	t.Parallel()
	leg := slack(1)
	leg.Policy.Inline = false
	w := newWorld(t, leg)
	skips := 0
	w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
		skips++
		if skips > 100 {
			return activities.Outcome{Made: 1}, nil
		}
		return activities.Outcome{Skipped: "no free slot", Made: 1, Free: 1}, nil
	}
	w.run(t, one())
	require.Equal(t, activities.MaxLost+2, skips)
	require.Len(t, w.parked, 1)
}
