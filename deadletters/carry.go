package deadletters

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/time/rate"

	"github.com/consign-dev/consign"
)

// window is how many orders of one bulk are under way at once: enough to keep a worker busy, and few beside the 2,000
// workflows that it keeps in memory.
const window = 128

// Bounds of the pause until an order under way is looked at, first and again. Between them the first is as long as
// those before have taken: each look is work for the server, of which replays have enough.
const (
	minLook = 100 * time.Millisecond
	maxLook = 4 * time.Second
)

// firstTry is the pause before Temporal is asked again that could not be reached.
const firstTry = 20 * time.Millisecond

// askAfter is how long a dead letter may look as before its order until it is asked whether the replay has failed. Each
// question is a task of the workflow, of which thousands would be more work than the replays.
const askAfter = 2 * time.Second

// maxFailures is how many failures an order remembers.
const maxFailures = 20

// Checkpoint is how far carrying out an order has come: enough to go on elsewhere after a crash.
type Checkpoint struct {
	Progress Progress `json:"progress"`
	// Page are listed, and not begun yet, and Token lists on from there. Listed says that there is nothing more.
	Page   []string `json:"page,omitempty"`
	Token  []byte   `json:"token,omitempty"`
	Listed bool     `json:"listed,omitempty"`
	// Pending were begun, and have come to no end that is counted.
	Pending []string `json:"pending,omitempty"`
	// Left is how many the filter's limit still allows; 0 where it has none.
	Left int `json:"left,omitempty"`
}

// Carrier carries out one bulk order.
type Carrier struct {
	// Temporal, and the namespace of that client.
	Temporal  client.Client
	Namespace string
	// ID of the order, which makes each of its orders one that Temporal takes once.
	ID    string
	Order Bulk

	limiter   *rate.Limiter
	selection selection

	mu     sync.Mutex
	at     Checkpoint
	lately time.Duration
}

// Carry goes on from a checkpoint until all is ordered and over, or ctx is; then the error is that of ctx.
//
// An order that is given again after a crash, since the checkpoint is older than it, has no effect: it carries the same
// id of request. What was replayed by then counts as done.
func (c *Carrier) Carry(ctx context.Context, from Checkpoint) (err error) {
	c.at = from
	c.limiter = rate.NewLimiter(rate.Inf, 1)
	if c.Order.Rate > 0 {
		c.limiter.SetLimit(rate.Limit(c.Order.Rate))
	}
	if c.selection, err = c.Order.Filter.selection(); err != nil {
		return err
	}
	if len(c.Order.IDs) > 0 && !c.at.Listed {
		c.at.Page, c.at.Listed = slices.Clone(c.Order.IDs), true
	}
	if c.at.Left == 0 {
		c.at.Left = c.Order.Filter.Limit
	}
	var underWay sync.WaitGroup
	defer underWay.Wait()
	slots := make(chan struct{}, window)
	free := func() bool {
		select {
		case slots <- struct{}{}:
			return true
		case <-ctx.Done():
			return false
		}
	}
	begin := func(next string) {
		underWay.Go(func() {
			defer func() { <-slots }()
			c.give(ctx, next)
		})
	}
	for _, next := range slices.Clone(c.at.Pending) { // given again, in case it never was
		if !free() {
			return ctx.Err()
		}
		begin(next)
	}
	for {
		if len(c.at.Page) == 0 && c.at.Listed {
			underWay.Wait()
			return ctx.Err()
		}
		if len(c.at.Page) == 0 {
			if err := c.list(ctx); err != nil {
				return err
			}
			continue
		}
		if err := c.limiter.Wait(ctx); err != nil {
			return err
		}
		if !free() {
			return ctx.Err()
		}
		next := c.at.Page[0]
		c.change(func(at *Checkpoint) {
			at.Page = at.Page[1:]
			at.Pending = append(at.Pending, next)
			at.Progress.Ordered++
		})
		begin(next)
	}
}

// Checkpoint is how far it is.
func (c *Carrier) Checkpoint() Checkpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.at
	at.Page, at.Pending, at.Progress.Failures = slices.Clone(at.Page), slices.Clone(at.Pending), slices.Clone(at.Progress.Failures)
	return at
}

// change changes how far it is.
func (c *Carrier) change(change func(*Checkpoint)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.at)
}

// list brings the next page.
func (c *Carrier) list(ctx context.Context) error {
	query := c.Order.Filter.query()
	if c.Order.Act == ActResend {
		query = c.Order.Filter.deliveries()
	}
	listed, err := untilReached(ctx, func() (*workflowservice.ListWorkflowExecutionsResponse, error) {
		return c.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: query, PageSize: pageSize, NextPageToken: c.at.Token,
		})
	})
	if err != nil {
		return explain("listing what the order is about", err)
	}
	var page []string
	for _, execution := range listed.GetExecutions() {
		selected, err := c.selected(ctx, execution)
		if err != nil {
			return err
		}
		if selected != "" {
			page = append(page, selected)
		}
	}
	c.change(func(at *Checkpoint) {
		if limit := c.Order.Filter.Limit; limit > 0 {
			page = page[:min(len(page), at.Left)]
			at.Left -= len(page)
			at.Listed = at.Left == 0
		}
		at.Page, at.Token = page, listed.GetNextPageToken()
		at.Listed = at.Listed || len(at.Token) == 0
	})
	return nil
}

// selected is what an execution goes by in a page; empty: it is not meant.
func (c *Carrier) selected(ctx context.Context, execution *workflowpb.WorkflowExecutionInfo) (string, error) {
	if c.Order.Act == ActResend {
		return execution.GetExecution().GetWorkflowId() + runMark + execution.GetExecution().GetRunId(), nil
	}
	entry := entryOf(execution)
	taken, err := untilReached(ctx, func() (bool, error) { return c.selection.takes(ctx, c.Temporal, entry) })
	if err != nil || !taken {
		return "", err
	}
	return entry.ID, nil
}

// give gives the order to one, and follows it to its end.
func (c *Carrier) give(ctx context.Context, next string) {
	id, err := next, error(nil)
	if c.Order.Act == ActResend {
		if id, err = c.letter(ctx, next); err == nil && id == "" { // the sink has taken none of it
			c.change(func(at *Checkpoint) {
				at.Progress.Ordered--
				at.leave(next)
			})
			return
		}
	}
	if err == nil {
		err = c.order(ctx, id)
	}
	if err != nil && !errors.Is(err, errGone) { // what is closed shows what it came to
		c.ended(ctx, next, "", err)
		return
	}
	began, before := time.Now(), time.Duration(0)
	for pause := c.usual(); ; pause = min(max(pause/2, minLook)+time.Since(began)/4, maxLook) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		took := time.Since(began)
		state, over, err := c.look(ctx, id, took > askAfter)
		if err != nil || over {
			c.learn((before + took) / 2) // it was over at some time since the look before
			c.ended(ctx, next, state, err)
			return
		}
		before = took
	}
}

// usual is how long orders have taken lately.
func (c *Carrier) usual() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return min(max(c.lately, minLook), maxLook)
}

// learn takes one more into account: an eighth of it.
func (c *Carrier) learn(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lately += (took - c.lately) / 8
}

// leave takes one out of those that are pending.
func (at *Checkpoint) leave(next string) {
	at.Pending = slices.DeleteFunc(at.Pending, func(other string) bool { return other == next })
}

// errGone marks a dead letter that takes no orders any more.
var errGone = errors.New("it is closed")

// order sends the signal, with an id of request that makes a second one of the same order nothing.
func (c *Carrier) order(ctx context.Context, id string) error {
	signal, request := consign.ReplaySignal, any(consign.ReplayRequest{By: c.Order.By, To: c.Order.To, Order: c.ID})
	if c.Order.Act == ActDiscard {
		signal, request = consign.DiscardSignal, consign.DiscardRequest{Reason: c.Order.Reason, By: c.Order.By}
	}
	input, err := consign.DataConverter().ToPayloads(request)
	if err != nil {
		return err
	}
	_, err = untilReached(ctx, func() (any, error) {
		return c.Temporal.WorkflowService().SignalWorkflowExecution(ctx, &workflowservice.SignalWorkflowExecutionRequest{
			Namespace: c.Namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id},
			SignalName: signal, Input: input, Identity: bulkIdentity, RequestId: c.ID + "/" + id,
		})
	})
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return errGone
	}
	return err
}

const bulkIdentity = "consign bulk order"

// look tells whether what was ordered is over, and in which state. The error says why it has failed, which only the
// workflow can tell: ask says that it may be asked.
func (c *Carrier) look(ctx context.Context, id string, ask bool) (state string, over bool, err error) {
	described, err := untilReached(ctx, func() (*workflowservice.DescribeWorkflowExecutionResponse, error) {
		return c.Temporal.DescribeWorkflowExecution(ctx, id, "")
	})
	if _, missing := errors.AsType[*serviceerror.NotFound](err); missing {
		return "", false, notFound(id)
	}
	if err != nil {
		return "", false, explain("reading "+id, err)
	}
	info := described.GetWorkflowExecutionInfo()
	state = entryOf(info).State
	switch {
	case info.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return state, true, nil
	case state != consign.StateParked || !ask:
		return "", false, nil
	}
	// It says so before the order is taken up, and after it has failed: the workflow knows which.
	record, err := Show(ctx, c.Temporal, id)
	switch {
	case errors.Is(err, consign.ErrUnreachable) || noWorker(err):
		return "", false, nil
	case err != nil:
		return "", false, err
	case record.State == consign.StateParked:
		return "", false, fmt.Errorf("%w: %s", ErrParked, record.Cause)
	}
	return record.State, record.State != StateReplaying, nil
}

// ended counts the end of one.
func (c *Carrier) ended(ctx context.Context, next, state string, err error) {
	if err != nil && ctx.Err() != nil {
		return // whoever goes on will see
	}
	wanted := consign.StateReplayed
	if c.Order.Act == ActDiscard {
		wanted = consign.StateDiscarded
	}
	c.change(func(at *Checkpoint) {
		at.leave(next)
		p := &at.Progress
		switch {
		case err != nil:
			p.Failed++
			id, _, _ := strings.Cut(next, runMark)
			p.Failures = append(p.Failures, BulkFailure{ID: id, Cause: strings.TrimPrefix(err.Error(), ErrParked.Error()+": ")})
			p.Failures = p.Failures[max(len(p.Failures)-maxFailures, 0):]
		case state == wanted:
			p.Done++
		default:
			p.Skipped++
		}
	})
}

// untilReached asks Temporal until it is reached.
func untilReached[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	for pause := firstTry; ; pause = min(2*pause, maxLook) {
		answer, err := ask()
		if err == nil || ctx.Err() != nil {
			return answer, err
		}
		_, busy := errors.AsType[*serviceerror.ResourceExhausted](err)
		if !busy && !errors.Is(explain("", err), consign.ErrUnreachable) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(pause):
		}
	}
}
