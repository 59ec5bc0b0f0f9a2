package deadletters

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdktemporal "go.temporal.io/sdk/temporal"
	"golang.org/x/time/rate"

	"github.com/consign-dev/consign"
)

// window is how many orders of one bulk are under way at once: enough to keep a worker busy. When it is killed, so many
// inline attempts at most are made again.
const window = 64

// firstTry is the pause before Temporal is asked again that could not be reached.
const firstTry = 20 * time.Millisecond

// lastTry is the longest such pause.
const lastTry = 4 * time.Second

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
	Temporal client.Client
	// ID of the order, which makes each of its orders one that Temporal takes once.
	ID    string
	Order Bulk
	// Keep stores how far it is before anything of a further page is begun. Else, after a crash, what was done since is
	// not counted: it is listed no more. Nil: nothing is stored.
	Keep func(context.Context, Checkpoint)

	limiter   *rate.Limiter
	selection selection

	mu sync.Mutex
	at Checkpoint
}

// Carry goes on from a checkpoint until all is ordered and over, or ctx is; then the error is that of ctx.
//
// An order that is given again after a crash, since the checkpoint is older than it, has no effect: it is the same update,
// by its id. What was replayed by then counts as done.
func (c *Carrier) Carry(ctx context.Context, from Checkpoint) (err error) {
	c.limiter = rate.NewLimiter(rate.Inf, 1)
	if c.Order.Rate > 0 {
		c.limiter.SetLimit(rate.Limit(c.Order.Rate))
	}
	if c.selection, err = c.Order.Filter.selection(); err != nil {
		return err
	}
	if len(c.Order.IDs) > 0 && !from.Listed {
		from.Page, from.Listed = slices.Clone(c.Order.IDs), true
	}
	if from.Left == 0 {
		from.Left = c.Order.Filter.Limit
	}
	c.change(func(at *Checkpoint) { *at = from })
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
	if c.Keep != nil {
		c.Keep(ctx, c.Checkpoint())
	}
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
	var outcome consign.OrderOutcome
	if err == nil {
		outcome, err = c.order(ctx, id)
	}
	c.ended(ctx, next, outcome, err)
}

// leave takes one out of those that are pending.
func (at *Checkpoint) leave(next string) {
	at.Pending = slices.DeleteFunc(at.Pending, func(other string) bool { return other == next })
}

// order gives the order, and waits until it is over. As an update with the order's id it is taken once, also when it is
// given again; it needs a worker, of which there is one: this.
func (c *Carrier) order(ctx context.Context, id string) (consign.OrderOutcome, error) {
	options := client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateID: c.ID, WaitForStage: client.WorkflowUpdateStageCompleted,
		UpdateName: consign.ReplayUpdate, Args: []any{consign.ReplayRequest{By: c.Order.By, To: c.Order.To, Order: c.ID}},
	}
	if c.Order.Act == ActDiscard {
		options.UpdateName, options.Args = consign.DiscardUpdate, []any{consign.DiscardRequest{Reason: c.Order.Reason, By: c.Order.By}}
	}
	return untilReached(ctx, func() (outcome consign.OrderOutcome, err error) {
		err = update(ctx, c.Temporal, options, &outcome)
		refused, ok := errors.AsType[*sdktemporal.ApplicationError](err)
		switch {
		case errors.Is(err, errOver):
			outcome.State, err = c.closing(ctx, id)
		case ok && strings.HasPrefix(refused.Message(), unknownUpdate):
			err = fmt.Errorf("%w: %w", errOldWorker, err)
		}
		return outcome, err
	})
}

// unknownUpdate begins what the SDK answers for a workflow that knows no such update, which is that of an older worker.
const unknownUpdate = "unknown update"

// errOldWorker marks a dead letter that is for now with a worker of an older release.
var errOldWorker = errors.New("its worker is of an older release")

// closing is the state in which a dead letter was closed: empty where it was terminated.
func (c *Carrier) closing(ctx context.Context, id string) (string, error) {
	described, err := c.Temporal.DescribeWorkflowExecution(ctx, id, "")
	if _, missing := errors.AsType[*serviceerror.NotFound](err); missing {
		return "", notFound(id)
	}
	state := entryOf(described.GetWorkflowExecutionInfo()).State
	if state == consign.StateParked {
		return "", err
	}
	return state, err
}

// ended counts the end of one.
func (c *Carrier) ended(ctx context.Context, next string, outcome consign.OrderOutcome, err error) {
	if err != nil && ctx.Err() != nil {
		return // whoever goes on will see
	}
	wanted := consign.StateReplayed
	if c.Order.Act == ActDiscard {
		wanted = consign.StateDiscarded
	}
	cause := outcome.Cause
	if err != nil {
		cause = err.Error()
	}
	c.change(func(at *Checkpoint) {
		at.leave(next)
		p := &at.Progress
		switch {
		case err != nil, outcome.State == consign.StateParked:
			p.Failed++
			id, _, _ := strings.Cut(next, runMark)
			p.Failures = append(p.Failures, BulkFailure{ID: id, Cause: cause})
			p.Failures = p.Failures[max(len(p.Failures)-maxFailures, 0):]
		case outcome.State == wanted:
			p.Done++
		default:
			p.Skipped++
		}
	})
}

// untilReached asks Temporal until it is reached.
func untilReached[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	for pause := firstTry; ; pause = min(2*pause, lastTry) {
		answer, err := ask()
		if err == nil || ctx.Err() != nil {
			return answer, err
		}
		_, busy := errors.AsType[*serviceerror.ResourceExhausted](err)
		_, cut := errors.AsType[*client.WorkflowUpdateServiceTimeoutOrCanceledError](err)
		if !busy && !cut && !errors.Is(explain("", err), consign.ErrUnreachable) && !errors.Is(err, errOldWorker) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(pause):
		}
	}
}
