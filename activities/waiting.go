package activities

import (
	"context"
	"errors"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/consign-dev/consign"
)

// WaitingInput names queued attempts of the workflow that asks, by the ids of their activities. A workflow
// does not know how they fare, and cannot touch them: Temporal has them tried again by itself.
type WaitingInput struct {
	IDs []string `json:"ids"`
	// Park takes those out that are not under way. Else those in back-off are made within Spread.
	Park   bool                 `json:"park,omitempty"`
	Spread consign.Milliseconds `json:"spread_ms,omitempty"`
}

// WaitingOutcome tells what was found.
type WaitingOutcome struct {
	// Taken are those that waited: they are made now, or will not be made any more until the workflow
	// cancels them.
	Taken []Taken `json:"taken"`
	// Busy counts the others that are still there.
	Busy int `json:"busy"`
}

// Taken is a queued attempt that waited.
type Taken struct {
	ID string `json:"id"`
	// Made counts the attempts that the activity has made, and Attempts is their log.
	Made     int               `json:"made"`
	Attempts []consign.Attempt `json:"attempts,omitempty"`
}

// waitingIdentity marks pauses of this activity: they last for a moment, or until the activity is cancelled.
const waitingIdentity = "consign"

// Waiting is the activity "waiting". A pause and its end is how Temporal lets go of a back-off and keeps
// the count of attempts. It can be made again at any point.
func (a *Activities) Waiting(ctx context.Context, in WaitingInput) (WaitingOutcome, error) {
	info := activity.GetInfo(ctx)
	w := waiting{
		Activities: a, in: in, namespace: info.Namespace, request: info.WorkflowExecution.RunID + info.ActivityID,
		execution: &commonpb.WorkflowExecution{WorkflowId: info.WorkflowExecution.ID, RunId: info.WorkflowExecution.RunID},
	}
	pending, err := w.pending(ctx)
	if err != nil {
		return WaitingOutcome{}, plain("looking at what waits", err)
	}
	group, grouped := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, id := range in.IDs {
		if one := pending[id]; one != nil {
			group.Go(func() error { return w.take(grouped, one) })
		}
	}
	if err := group.Wait(); err != nil {
		return WaitingOutcome{}, plain("taking what waits", err)
	}
	return w.outcome, nil
}

// plain is an error for Temporal, final where trying again will not help.
func plain(doing string, err error) error {
	var unknown *serviceerror.Unimplemented
	var denied *serviceerror.PermissionDenied
	final := errors.As(err, &unknown) || errors.As(err, &denied)
	return temporal.NewApplicationErrorWithOptions(doing+": "+err.Error(), "waiting", temporal.ApplicationErrorOptions{NonRetryable: final})
}

type waiting struct {
	*Activities

	in        WaitingInput
	namespace string
	request   string
	execution *commonpb.WorkflowExecution

	mu      sync.Mutex
	outcome WaitingOutcome
}

// pending are the queued attempts of the workflow, by activity id.
func (w *waiting) pending(ctx context.Context) (map[string]*workflowpb.PendingActivityInfo, error) {
	described, err := w.Temporal.DescribeWorkflowExecution(ctx, w.execution.GetWorkflowId(), w.execution.GetRunId())
	if err != nil {
		return nil, err
	}
	found := map[string]*workflowpb.PendingActivityInfo{}
	for _, one := range described.GetPendingActivities() {
		found[one.GetActivityId()] = one
	}
	return found, nil
}

func (w *waiting) take(ctx context.Context, one *workflowpb.PendingActivityInfo) error {
	paused := one.GetState() == enumspb.PENDING_ACTIVITY_STATE_PAUSED
	ours := paused && one.GetPauseInfo().GetManual().GetIdentity() == waitingIdentity
	inBackoff := one.GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED && one.GetNextAttemptScheduleTime().AsTime().After(time.Now())
	switch {
	case w.in.Park && paused:
		w.taken(one)
		return nil
	case w.in.Park && one.GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, inBackoff, ours:
	default:
		w.busy()
		return nil
	}
	if err := w.pause(ctx, one.GetActivityId()); err != nil {
		return err
	}
	if !w.in.Park {
		w.taken(one)
		return w.unpause(ctx, one.GetActivityId())
	}
	pending, err := w.pending(ctx)
	if err != nil {
		return err
	}
	if now := pending[one.GetActivityId()]; now.GetState() == enumspb.PENDING_ACTIVITY_STATE_PAUSED {
		w.taken(now)
		return nil
	}
	w.busy() // it has started in the meantime
	return w.unpause(ctx, one.GetActivityId())
}

func (w *waiting) pause(ctx context.Context, id string) error {
	_, err := w.Temporal.WorkflowService().PauseActivity(ctx, &workflowservice.PauseActivityRequest{
		Namespace: w.namespace, Execution: w.execution, Identity: waitingIdentity, Reason: "an order of a person", RequestId: w.request,
		Activity: &workflowservice.PauseActivityRequest_Id{Id: id},
	})
	var before *serviceerror.FailedPrecondition
	if errors.As(err, &before) || over(err) {
		return nil
	}
	return err
}

func (w *waiting) unpause(ctx context.Context, id string) error {
	_, err := w.Temporal.WorkflowService().UnpauseActivity(ctx, &workflowservice.UnpauseActivityRequest{
		Namespace: w.namespace, Execution: w.execution, Identity: waitingIdentity,
		Activity: &workflowservice.UnpauseActivityRequest_Id{Id: id}, Jitter: durationpb.New(w.in.Spread.Duration()),
	})
	if over(err) {
		return nil
	}
	return err
}

// over tells that the activity is not there any more.
func over(err error) bool {
	_, ok := errors.AsType[*serviceerror.NotFound](err)
	return ok
}

func (w *waiting) taken(one *workflowpb.PendingActivityInfo) {
	taken := Taken{ID: one.GetActivityId(), Made: max(int(one.GetAttempt())-1, 0)}
	if details := one.GetHeartbeatDetails(); details != nil {
		_ = consign.DataConverter().FromPayloads(details, &taken.Attempts) // a foreign worker may leave anything there
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcome.Taken = append(w.outcome.Taken, taken)
}

func (w *waiting) busy() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcome.Busy++
}
