package consign

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// Hold is what holds a sink back for every worker at once: the setting of its queue, which Temporal keeps
// over restarts of servers and workers.
type Hold struct {
	// Paused sinks get no attempt. It is the queue's rate limit 0, which nothing but a pause sets.
	Paused bool `json:"paused"`
	// Rate is how many attempts a second the queue gives out over all workers, and while the sink is
	// paused what it will be after; 0: no limit.
	Rate float64 `json:"rate,omitempty"`
	// Reason of the pause, or of the rate.
	Reason string `json:"reason,omitempty"`
	// By is who set it: user@host of a command, or a worker's identity.
	By string `json:"by,omitempty"`
	// Since is when it was set.
	Since time.Time `json:"since,omitzero"`
	// Backlog counts queued attempts that wait for a worker, not those that wait for their time.
	Backlog int64 `json:"backlog"`
	// Pollers counts who has asked for attempts within the last 5 minutes: about one for each worker.
	Pollers int `json:"pollers"`

	byHand bool // the rate is a person's
}

// Words are what holds the sink back.
func (h *Hold) Words() string {
	switch {
	case h.Paused:
		return fmt.Sprintf("paused by %s: %s", h.By, h.Reason)
	case h.Rate > 0:
		return fmt.Sprintf("open, %g a second", h.Rate)
	}
	return "open"
}

const (
	// maxPauseReason is the most of a reason that is kept, in bytes. Temporal takes 1,000 in all.
	maxPauseReason = 800
	// rateReason stands beside a rate that a worker has set. One with another reason is a person's.
	rateReason = "rate_limit of the configuration"
	// handReason stands beside a person's rate that a resume has restored.
	handReason = "set by hand, and restored after a pause"
)

// restores is the end of a pause's reason that keeps the rate from before.
var restores = regexp.MustCompile(`\s*\[then ([0-9.e+-]+)/s( by hand)?\]$`)

// HoldOf reads what holds a sink back. A pause shows within a second or so.
func HoldOf(ctx context.Context, temporal client.Client, namespace, sink string) (Hold, error) {
	answer, err := temporal.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace:     namespace,
		TaskQueue:     &taskqueuepb.TaskQueue{Name: SinkQueue(sink)},
		TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
		ReportStats:   true, ReportConfig: true,
	})
	if err != nil {
		return Hold{}, fmt.Errorf("reading the queue of sink %s: %w", sink, err)
	}
	hold := Hold{Backlog: answer.GetStats().GetApproximateBacklogCount(), Pollers: len(answer.GetPollers())}
	hold.read(answer.GetConfig())
	return hold, nil
}

// read takes over what the setting of the queue says.
func (h *Hold) read(config *taskqueuepb.TaskQueueConfig) {
	setting := config.GetQueueRateLimit()
	if setting.GetRateLimit() == nil {
		return
	}
	h.Rate = float64(setting.GetRateLimit().GetRequestsPerSecond())
	h.Paused = h.Rate == 0
	h.Reason, h.By = setting.GetMetadata().GetReason(), setting.GetMetadata().GetUpdateIdentity()
	h.Since = setting.GetMetadata().GetUpdateTime().AsTime()
	h.byHand = !h.Paused && h.Reason != rateReason
	if then := restores.FindStringSubmatch(h.Reason); h.Paused && then != nil {
		h.Reason = strings.TrimSuffix(h.Reason, then[0])
		h.Rate, _ = strconv.ParseFloat(then[1], 64)
		h.byHand = then[2] != ""
	}
}

// owned reads the setting from its owner in Temporal. What a description of the queue says is a copy that
// may be behind, and would have whoever acts on it overwrite a pause.
func owned(ctx context.Context, temporal client.Client, namespace, sink, by string) (Hold, error) {
	var hold Hold
	answer, err := temporal.WorkflowService().UpdateTaskQueueConfig(ctx, &workflowservice.UpdateTaskQueueConfigRequest{
		Namespace: namespace, Identity: by, TaskQueue: SinkQueue(sink), TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
	})
	if err != nil {
		return hold, fmt.Errorf("reading the setting of the queue of sink %s: %w", sink, err)
	}
	hold.read(answer.GetConfig())
	return hold, nil
}

// PauseSink has no worker attempt anything at a sink until [ResumeSink]: at once in the queue, and within
// 2 seconds inline. Attempts under way are finished. A sink that is paused already gets the new reason.
// by is who asks for it, and reason why; both are kept and shown.
func PauseSink(ctx context.Context, temporal client.Client, namespace, sink, reason, by string) error {
	if strings.TrimSpace(reason) == "" {
		return errors.New("a pause needs a reason, for whoever finds the sink paused")
	}
	hold, err := owned(ctx, temporal, namespace, sink, by)
	if err != nil {
		return err
	}
	if len(reason) > maxPauseReason {
		reason = strings.ToValidUTF8(reason[:maxPauseReason], "")
	}
	switch {
	case hold.Rate > 0 && hold.byHand:
		reason += fmt.Sprintf(" [then %g/s by hand]", hold.Rate)
	case hold.Rate > 0:
		reason += fmt.Sprintf(" [then %g/s]", hold.Rate)
	}
	return setRate(ctx, temporal, namespace, sink, &taskqueuepb.RateLimit{}, reason, by)
}

// ResumeSink ends a pause, and restores the rate that the sink had before. It tells whether the sink was
// paused.
func ResumeSink(ctx context.Context, temporal client.Client, namespace, sink, by string) (bool, error) {
	hold, err := owned(ctx, temporal, namespace, sink, by)
	if err != nil || !hold.Paused {
		return false, err
	}
	reason := rateReason
	if hold.byHand {
		reason = handReason
	}
	return true, setRate(ctx, temporal, namespace, sink, rateLimit(hold.Rate), reason, by)
}

// LimitSink has the queue of a sink give out that many attempts a second over all workers; 0 takes away a
// limit that a worker has set. A pause stays as it is. Workers call it with the sink's rate_limit.
func LimitSink(ctx context.Context, temporal client.Client, namespace, sink string, rate float64, by string) error {
	hold, err := HoldOf(ctx, temporal, namespace, sink)
	if err != nil || hold.limited(rate) {
		return err
	}
	if hold, err = owned(ctx, temporal, namespace, sink, by); err != nil || hold.limited(rate) {
		return err
	}
	return setRate(ctx, temporal, namespace, sink, rateLimit(rate), rateReason, by)
}

// limited tells that there is nothing to do for a rate. One that a person has set is not taken away.
func (h *Hold) limited(rate float64) bool {
	return h.Paused || float32(h.Rate) == float32(rate) || rate == 0 && h.byHand
}

func rateLimit(rate float64) *taskqueuepb.RateLimit {
	if rate == 0 {
		return nil
	}
	return &taskqueuepb.RateLimit{RequestsPerSecond: float32(rate)}
}

func setRate(ctx context.Context, temporal client.Client, namespace, sink string, limit *taskqueuepb.RateLimit, reason, by string) error {
	_, err := temporal.WorkflowService().UpdateTaskQueueConfig(ctx, &workflowservice.UpdateTaskQueueConfigRequest{
		Namespace:            namespace,
		Identity:             by,
		TaskQueue:            SinkQueue(sink),
		TaskQueueType:        enumspb.TASK_QUEUE_TYPE_ACTIVITY,
		UpdateQueueRateLimit: &workflowservice.UpdateTaskQueueConfigRequest_RateLimitUpdate{RateLimit: limit, Reason: reason},
	})
	if err != nil {
		return fmt.Errorf("setting the rate of the queue of sink %s: %w", sink, err)
	}
	return nil
}
