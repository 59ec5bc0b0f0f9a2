package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

func routeOptions() workflow.LocalActivityOptions {
	return workflow.LocalActivityOptions{
		StartToCloseTimeout: 5 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond, MaximumAttempts: 3},
	}
}

func inlineOptions(summary string) workflow.LocalActivityOptions {
	return workflow.LocalActivityOptions{
		// The activity ends by itself before; this is for a sink that does not heed its context.
		StartToCloseTimeout: activities.InlineLimit + time.Second,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:             summary,
	}
}

// queuedOptions are those of the activity that a person watches in the Web UI. name distinguishes it
// from others to the same sink in the same workflow; empty, the sink's name is used.
func queuedOptions(to activities.Leg, name string, results, attempts int) workflow.ActivityOptions {
	if name == "" {
		name = to.Sink
	}
	return workflow.ActivityOptions{
		ActivityID:          name,
		TaskQueue:           consign.SinkQueue(to.Sink),
		StartToCloseTimeout: activities.QueuedLimit(to.Policy, results),
		RetryPolicy:         retryPolicy(to.Policy, attempts),
		Summary:             summary(to),
	}
}

func retryPolicy(p activities.Policy, attempts int) *temporal.RetryPolicy {
	backoff := max(p.Backoff.Duration(), time.Millisecond)
	return &temporal.RetryPolicy{
		InitialInterval:    backoff,
		BackoffCoefficient: 2,
		MaximumInterval:    max(p.MaxBackoff.Duration(), backoff),
		MaximumAttempts:    int32(min(attempts, 1<<20)), //nolint:gosec // bounded on the same line
	}
}

// unlimited is for what must succeed in the end. id must not be the name of a sink, which is the id of
// its queued attempt: a space in it sees to that.
func unlimited(id string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		ActivityID:          id,
		StartToCloseTimeout: 30 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second},
	}
}

// pollersKnown is how long Temporal remembers who has polled a queue: 5 minutes.
const pollersKnown = 5 * time.Minute

// elsewhere are the options of an activity that is asked of the workers that know a sink.
func elsewhere(id, sink string) workflow.ActivityOptions {
	options := unlimited(id + " at " + sink)
	options.TaskQueue = consign.SinkQueue(sink)
	options.ScheduleToStartTimeout = pollersKnown
	options.RetryPolicy.MaximumAttempts = 10 // a sink's worker in another language may not have the activity
	return options
}

func summary(to activities.Leg) string { return fmt.Sprintf("to %s (%s)", to.Sink, to.Kind) }
