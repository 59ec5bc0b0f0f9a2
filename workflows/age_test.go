package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

// failing fails each attempt as a worker does, with the wait that the policy has.
func failing(w *world, policy activities.Policy) {
	w.deliver = func(ctx context.Context, in activities.DeliverInput) (activities.Outcome, error) {
		info := activity.GetInfo(ctx)
		wait := policy.Delay(in.Made + int(info.Attempt))
		outcome := transient(wait)
		outcome.Made = int(info.Attempt)
		if info.IsLocalActivity {
			return outcome, nil
		}
		late := in.Policy.TooOld(in.First, w.Now().Add(wait))
		return activities.Outcome{}, temporal.NewApplicationErrorWithOptions("500", "http 500", temporal.ApplicationErrorOptions{
			NextRetryDelay: wait, NonRetryable: late, Details: []any{outcome},
		})
	}
}

func (w *world) waits() []time.Duration {
	var waits []time.Duration
	for i := 1; i < len(w.at); i++ {
		waits = append(waits, w.at[i].Sub(w.at[i-1]).Round(time.Second))
	}
	return waits
}

func TestDeliver_Schedule_IsFollowedOverDays(t *testing.T) {
	t.Parallel()
	for name, inline := range map[string]bool{"inline first": true, "queued only": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour}
			leg := slack(len(want))
			leg.Policy.Inline = inline
			for _, wait := range want {
				leg.Policy.Schedule = append(leg.Policy.Schedule, consign.Millis(wait))
			}
			w := newWorld(t, leg)
			failing(w, leg.Policy)
			receipt := w.run(t, one())
			require.Equal(t, want, w.waits())
			require.Equal(t, 8, receipt.Legs[0].Attempts)
			require.Equal(t, "http 500", w.parked[0].Label, "exhausted")
		})
	}
}

func TestDeliver_ScheduleWithoutAWordOfWhen_IsFollowedByTheWorkflow(t *testing.T) {
	t.Parallel()
	leg := slack(2)
	leg.Policy.Inline = false
	leg.Policy.Schedule = []consign.Milliseconds{consign.Millis(time.Minute), consign.Millis(time.Hour)}
	w := newWorld(t, leg)
	w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
		return transient(0), nil // as a worker of somebody else may
	}
	w.run(t, one())
	require.Equal(t, []time.Duration{time.Minute, time.Hour}, w.waits())
}

func TestDeliver_MaxAge_ParksAsExpiredWhenTheNextAttemptWouldBeTooLate(t *testing.T) {
	t.Parallel()
	for name, inline := range map[string]bool{"inline first": true, "queued only": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leg := slack(100)
			leg.Policy.Inline = inline
			leg.Policy.Schedule = []consign.Milliseconds{consign.Millis(time.Hour)}
			leg.Policy.MaxAge = consign.Millis(150 * time.Minute)
			w := newWorld(t, leg)
			failing(w, leg.Policy)
			receipt := w.run(t, one())
			require.Equal(t, []time.Duration{time.Hour, time.Hour}, w.waits())
			require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
			require.Equal(t, 3, receipt.Legs[0].Attempts)
			require.Equal(t, "expired", w.parked[0].Label)
			require.Equal(t, "not delivered within its max_age of 2h30m0s, or not before the next attempt; the last one: 500", w.parked[0].Cause)
			require.Less(t, w.parked[0].ParkedAt.Sub(w.parked[0].First), 3*time.Hour)
		})
	}
}

func TestDeliver_MaxAge_CountsWhileNoAttemptIsMade(t *testing.T) {
	t.Parallel()
	leg := slack(3)
	leg.Policy.MaxAge = consign.Millis(time.Hour)
	w := newWorld(t, leg)
	w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
		return activities.Outcome{Skipped: "paused"}, nil
	}
	w.run(t, one())
	require.Equal(t, "expired", w.parked[0].Label)
	require.InDelta(t, time.Hour, w.parked[0].ParkedAt.Sub(w.parked[0].First), float64(5*time.Second))
	require.Zero(t, w.parked[0].Made)
}

func TestDeliver_MaxAge_WhenTheQueueHeldItUp_IsExpiredWithItsEarlierAttempts(t *testing.T) {
	t.Parallel()
	leg := slack(12)
	leg.Policy.Inline = false
	leg.Policy.MaxAge = consign.Millis(time.Hour)
	for name, log := range map[string][]consign.Attempt{"none": nil, "two": {{Number: 1, Label: "http 500", Cause: "500"}, {Number: 2, Label: "http 503", Cause: "503"}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, leg)
			w.deliver = func(context.Context, activities.DeliverInput) (activities.Outcome, error) {
				var last error // which Temporal gives as the cause
				if log != nil {
					last = temporal.NewApplicationError("503", "http 503")
				}
				return activities.Outcome{}, temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, last, log)
			}
			w.run(t, one())
			require.Equal(t, "expired", w.parked[0].Label)
			require.Equal(t, len(log), w.parked[0].Made)
			require.Equal(t, log, w.parked[0].Attempts)
			if log != nil {
				require.Contains(t, w.parked[0].Cause, "the last one: 503")
			}
		})
	}
}
