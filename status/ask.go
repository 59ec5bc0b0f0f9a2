package status

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/consign-dev/consign"
)

const (
	// answerTimeout is how long a worker may take to answer. One that is well needs some 20 ms.
	answerTimeout = 3 * time.Second
	// forgetTimeout bounds how long it may take to have Temporal forget a question that was answered.
	forgetTimeout = time.Second
)

// ErrOldServer is returned, wrapped, where Temporal cannot pass on questions to workers.
var ErrOldServer = errors.New("this Temporal server has no standalone activities, by which workers are asked (1.32 and later have)")

// errSilent means that a worker has not answered in time.
var errSilent = errors.New("no answer")

// Ask asks one worker: it runs an activity on the worker's own queue, and reads its answer. patience is how long the
// answer may take. The error is [ErrOldServer], wrapped, where that is not possible.
func Ask(ctx context.Context, c client.Client, namespace, identity, question string, patience time.Duration, answer any, arguments ...any) error {
	ctx, cancel := context.WithTimeout(ctx, patience+answerTimeout)
	defer cancel()
	// An id of its own for each: answers are of the moment.
	id := question + "/" + identity + "/" + uuid.NewString()
	run, err := c.ExecuteActivity(ctx, client.StartActivityOptions{
		ID:                     id,
		TaskQueue:              consign.WorkerQueue(identity),
		ScheduleToCloseTimeout: patience + answerTimeout,
		ScheduleToStartTimeout: answerTimeout,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:                "a question to a worker",
	}, question, arguments...)
	if _, old := errors.AsType[*serviceerror.Unimplemented](err); old {
		return errors.Join(ErrOldServer, err)
	}
	if err != nil {
		if ctx.Err() != nil {
			forget(ctx, c, namespace, id, "") // it may have begun
		}
		return err
	}
	err = run.Get(ctx, answer)
	forget(ctx, c, namespace, id, run.GetRunID())
	if _, silent := errors.AsType[*temporal.TimeoutError](err); silent || err != nil && ctx.Err() != nil {
		return errSilent
	}
	return err
}

// forget has Temporal not keep the question until its retention is over: somebody may ask every 2 seconds for days.
func forget(ctx context.Context, c client.Client, namespace, id, run string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTimeout)
	defer cancel()
	// Where it is not possible the question stays, as any closed activity does.
	_, _ = c.WorkflowService().DeleteActivityExecution(ctx, &workflowservice.DeleteActivityExecutionRequest{Namespace: namespace, ActivityId: id, RunId: run})
}

// Identities returns who has asked for work within the last 5 minutes, and when last. One that has stopped in good
// order is not among them.
func Identities(ctx context.Context, c client.Client) (map[string]time.Time, error) {
	seen := map[string]time.Time{}
	for _, kind := range []enumspb.TaskQueueType{enumspb.TASK_QUEUE_TYPE_WORKFLOW, enumspb.TASK_QUEUE_TYPE_ACTIVITY} {
		queue, err := c.DescribeTaskQueue(ctx, consign.TaskQueue, kind)
		if err != nil {
			return nil, err
		}
		for _, poller := range queue.GetPollers() {
			if at := poller.GetLastAccessTime().AsTime(); at.After(seen[poller.GetIdentity()]) {
				seen[poller.GetIdentity()] = at
			}
		}
	}
	return seen, nil
}
