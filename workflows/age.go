package workflows

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign/activities"
)

// expired is the label of what has become older than its sink's max_age.
const expired = "expired"

// tooOld tells whether the leg will be older than its max_age after a wait.
func (l *leg) tooOld(ctx workflow.Context, wait time.Duration) bool {
	return l.Policy.TooOld(l.first, workflow.Now(ctx).Add(wait))
}

// expire notes that results have become too old, and what the last attempt at each said.
func (l *leg) expire(positions []int) {
	for _, position := range positions {
		l.fail([]int{position}, expired, tooOldCause(l.Policy, l.ends[position].cause))
	}
}

func tooOldCause(p activities.Policy, last string) string {
	cause := fmt.Sprintf("not delivered within its max_age of %s", p.MaxAge.Duration())
	if last != "" {
		cause += ", or not before the next attempt; the last one: " + last
	}
	return cause
}

// limitAge has Temporal end an activity that no worker takes up in time, in a queue that is paused for
// one. An attempt that has begun in time may go on to its end.
func (l *leg) limitAge(ctx workflow.Context, options *workflow.ActivityOptions) {
	if l.Policy.MaxAge > 0 {
		left := l.Policy.MaxAge.Duration() - workflow.Now(ctx).Sub(l.first)
		options.ScheduleToCloseTimeout = max(left, 0) + options.StartToCloseTimeout
	}
}

// outOfTime tells whether Temporal has ended an activity by what [leg.limitAge] has set: in its queue, or
// since its next attempt would have been too late.
func outOfTime(err error) bool {
	failed, ok := errors.AsType[*temporal.ActivityError](err)
	return unclaimed(err) || ok && failed.RetryState() == enumspb.RETRY_STATE_TIMEOUT
}

// unclaimed tells whether no attempt was under way then. For a first attempt the server takes the one
// limit for the other.
func unclaimed(err error) bool {
	timeout, ok := errors.AsType[*temporal.TimeoutError](err)
	return ok && (timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE || timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START)
}

// expireIn turns what such an activity came to into failures for good.
func (l *leg) expireIn(outcome activities.Outcome, err error) activities.Outcome {
	last := len(outcome.Attempts) - 1
	if unclaimed(err) {
		outcome.Attempts = outcome.Attempts[:last] // which stands for one that was not made
		last--
		outcome.Made = 0
		if last >= 0 {
			outcome.Made = max(outcome.Attempts[last].Number-l.before-l.made, 0)
		}
	}
	cause := ""
	if last >= 0 {
		cause = outcome.Attempts[last].Cause
	}
	for i := range outcome.Failures {
		outcome.Failures[i].Label, outcome.Failures[i].Permanent = expired, true
		outcome.Failures[i].Cause = tooOldCause(l.Policy, cause)
	}
	return outcome
}

// patience is the wait before what is tried again without a word of when.
func (l *leg) patience() time.Duration {
	wait := l.Policy.Backoff.Duration()
	if len(l.Policy.Schedule) > 0 {
		wait = l.Policy.Delay(l.made)
	}
	return max(wait, time.Millisecond)
}
