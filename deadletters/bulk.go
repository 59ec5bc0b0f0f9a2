package deadletters

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
)

// Act is what a bulk order does.
type Act string

const (
	// ActReplay delivers once more what dead letters hold.
	ActReplay Act = "replay"
	// ActDiscard gives up for good what dead letters hold.
	ActDiscard Act = "discard"
	// ActResend delivers once more what a sink had already taken.
	ActResend Act = "resend"
)

// maxIDs is the most ids in one bulk order: with 255 bytes each they fit into a payload of Temporal's.
const maxIDs = 5000

// Bulk is an order about many dead letters. A workflow carries it out, so that it outlasts the terminal and crashes, and
// shows in the Web UI.
type Bulk struct {
	Act Act `json:"act"`
	// Filter selects parked dead letters. For [ActResend] its Sink, Source, Type, Since and Until select results that a
	// sink has taken, by when they were submitted; Sink and Since are required then. Until is the beginning of the order
	// where it is left out.
	Filter Filter `json:"filter,omitzero"`
	// IDs of dead letters, at most 5,000, instead of a filter.
	IDs []string `json:"ids,omitempty"`
	// To is the sink that gets what is replayed, instead of the one that did not take it. [ActReplay] only.
	To string `json:"to,omitempty"`
	// Rate is how many are begun a second at the most. 0: as many as keep 64 under way.
	Rate float64 `json:"rate,omitempty"`
	// Reason is kept with what is discarded, where it is required.
	Reason string `json:"reason,omitempty"`
	// By says who orders it.
	By string `json:"by,omitempty"`
}

// Check tells what is wrong with an order.
func (b Bulk) Check() error {
	filtered := b.Filter != Filter{}
	switch {
	case b.Act != ActReplay && b.Act != ActDiscard && b.Act != ActResend:
		return fmt.Errorf("act %q is none of replay, discard and resend", b.Act)
	case !(b.Rate >= 0) || b.Rate > maxRate: // also if it is no number
		return fmt.Errorf("rate is %v: 0 to %d a second", b.Rate, maxRate)
	case len(b.IDs) > maxIDs:
		return fmt.Errorf("ids are %d, at most %d: use a filter", len(b.IDs), maxIDs)
	case len(b.IDs) > 0 && filtered:
		return errors.New("ids and filter exclude each other: leave out one of them")
	case b.Filter.Limit < 0:
		return fmt.Errorf("filter.limit is %d, and cannot be below 0", b.Filter.Limit)
	case b.To != "" && b.Act != ActReplay:
		return errors.New("to is for replays alone")
	case b.Act == ActDiscard && strings.TrimSpace(b.Reason) == "":
		return errors.New("reason is missing: say why, for whoever looks for these results later")
	case b.Act == ActResend && (b.Filter.Sink == "" || b.Filter.Since.IsZero()):
		return errors.New("filter.sink and filter.since are missing: say what is to be sent again")
	case b.Act == ActResend && (b.Filter.Label != "" || b.Filter.State != "" || b.Filter.Closed):
		return errors.New("filter selects deliveries by sink, source, type, since and until alone")
	}
	for _, id := range b.IDs {
		if err := checkID(id); err != nil {
			return err
		}
	}
	_, err := newWhere(b.Filter.Where)
	return err
}

// maxRate is the highest rate of an order: nothing here gets there.
const maxRate = 10_000

// Words are the order in words, such as "replay of dead letters of sink desk, http 503".
func (b Bulk) Words() string {
	what := "dead letters"
	if b.Act == ActResend {
		what = "results"
	}
	if len(b.IDs) > 0 {
		what = fmt.Sprintf("%d %s", len(b.IDs), what)
	}
	var text strings.Builder
	text.WriteString(string(b.Act) + " of " + what)
	for _, part := range []struct{ word, value string }{
		{" of sink ", b.Filter.Sink},
		{", ", b.Filter.Label},
		{", source ", b.Filter.Source},
		{", type ", b.Filter.Type},
		{", since ", moment(b.Filter.Since)},
		{", until ", moment(b.Filter.Until)},
		{", where ", b.Filter.Where},
		{", to sink ", b.To},
	} {
		if part.value != "" {
			text.WriteString(part.word + part.value)
		}
	}
	words := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text.String())
	if len(words) > maxWords {
		words = strings.ToValidUTF8(words[:maxWords], "") + "…"
	}
	return words
}

// maxWords is the most of an order in words, in bytes: as a summary Temporal takes 400, of which JSON may make two of one.
const maxWords = 180

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Progress is how far a bulk order is.
type Progress struct {
	// ID of the order.
	ID string `json:"id,omitempty"`
	// Order that it carries out, without its ids.
	Order Bulk `json:"order,omitzero"`
	// State is "running", "done", "cancelled", or "terminated" where somebody has ended it in Temporal.
	State string `json:"state"`
	// Began and Ended; the second is zero while it runs.
	Began time.Time `json:"began,omitzero"`
	Ended time.Time `json:"ended,omitzero"`
	// Ordered counts the dead letters that it has given its order to, or, of a resend, the consignments. Of these Done
	// came to their end, Failed were parked again or could not be ordered, and Skipped had been replayed or discarded by
	// someone else before.
	Ordered int `json:"ordered"`
	Done    int `json:"done"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	// Failures are the last that failed, 20 at the most.
	Failures []BulkFailure `json:"failures,omitempty"`
	// Trouble is why it does not get on, where that is so: Temporal has it tried again.
	Trouble string `json:"trouble,omitempty"`
}

// BulkFailure is a dead letter for which a bulk order did not come to its end.
type BulkFailure struct {
	ID    string `json:"id"`
	Cause string `json:"cause"`
}

// UnderWay counts what was ordered and has come to no end yet.
func (p Progress) UnderWay() int { return p.Ordered - p.Done - p.Failed - p.Skipped }

// States of a bulk order.
const (
	BulkRunning    = "running"
	BulkDone       = "done"
	BulkCancelled  = "cancelled"
	bulkTerminated = "terminated"
)

// ErrNoBulk marks an id that no bulk order has, or has any more.
var ErrNoBulk = errors.New("no such order")

// StartBulk has a workflow carry out an order, and returns its id. Each dead letter gets the order once. The error may be
// that of [Bulk.Check], and says so when no worker asks for what is queued for the sink that the order names under To.
func StartBulk(ctx context.Context, temporal client.Client, b Bulk) (id string, err error) {
	if err := b.Check(); err != nil {
		return "", err
	}
	if b.To != "" {
		queue, err := temporal.DescribeTaskQueue(ctx, consign.SinkQueue(b.To), enumspb.TASK_QUEUE_TYPE_ACTIVITY)
		if err != nil {
			return "", explain("looking for sink "+b.To, err)
		}
		if len(queue.GetPollers()) == 0 {
			return "", fmt.Errorf("to: no worker has a sink %q: \"consign sinks list\" names those that there are", b.To)
		}
	}
	id = consign.BulkPrefix + uuid.NewString()
	shown := b
	shown.IDs = nil
	_, err = temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       id,
		TaskQueue:                consign.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		Memo:                     map[string]any{consign.OrderMemo: shown},
		StaticSummary:            b.Words(),
	}, consign.BulkWorkflow, b)
	if err != nil {
		return "", explain("ordering the "+b.Words(), err)
	}
	return id, nil
}

// BulkProgress tells how far an order is. While it runs the counts are up to ten seconds old. The error may be [ErrNoBulk].
func BulkProgress(ctx context.Context, temporal client.Client, id string) (Progress, error) {
	if !strings.HasPrefix(id, consign.BulkPrefix) {
		return Progress{}, noBulk(id)
	}
	described, err := temporal.DescribeWorkflowExecution(ctx, id, "")
	if _, missing := errors.AsType[*serviceerror.NotFound](err); missing {
		return Progress{}, noBulk(id)
	}
	if err != nil {
		return Progress{}, explain("reading "+id, err)
	}
	p := progressOf(described.GetWorkflowExecutionInfo())
	if p.State == BulkRunning {
		for _, pending := range described.GetPendingActivities() {
			var at Checkpoint
			decodeAll(pending.GetHeartbeatDetails(), &at)
			p = p.counted(at.Progress)
			p.Trouble = pending.GetLastFailure().GetMessage()
		}
		return p, nil
	}
	if p.State == bulkTerminated {
		return p, nil
	}
	var last Progress
	if err := temporal.GetWorkflow(ctx, id, "").Get(ctx, &last); err != nil {
		return p, explain("reading what became of "+id, err)
	}
	p = p.counted(last)
	p.State = last.State
	return p, nil
}

// counted is p with the counts of another.
func (p Progress) counted(of Progress) Progress {
	p.Ordered, p.Done, p.Failed, p.Skipped, p.Failures = of.Ordered, of.Done, of.Failed, of.Skipped, of.Failures
	return p
}

func progressOf(execution *workflowpb.WorkflowExecutionInfo) Progress {
	p := Progress{ID: execution.GetExecution().GetWorkflowId(), State: bulkTerminated, Began: execution.GetStartTime().AsTime()}
	decode(execution.GetMemo().GetFields()[consign.OrderMemo], &p.Order)
	if closed := execution.GetCloseTime(); closed != nil {
		p.Ended = closed.AsTime()
	}
	switch execution.GetStatus() { //nolint:exhaustive // the others end in nothing that is known
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		p.State = BulkRunning
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		p.State = BulkDone
	}
	return p
}

func noBulk(id string) error {
	return fmt.Errorf("%q: %w: see \"consign dead-letters orders\"; ended ones are forgotten after the namespace's retention", id, ErrNoBulk)
}

// Bulks lists bulk orders, the newest first, at most limit; 0: all. Their counts are left out: see [BulkProgress].
func Bulks(ctx context.Context, temporal client.Client, limit int) iter.Seq2[Progress, error] {
	return func(yield func(Progress, error) bool) {
		for execution, err := range executions(ctx, temporal, "WorkflowType = "+quote(consign.BulkWorkflow), limit) {
			if err != nil {
				yield(Progress{}, explain("listing orders", err))
				return
			}
			if !yield(progressOf(execution), nil) {
				return
			}
		}
	}
}

// CancelBulk has an order begin nothing more. What is under way goes on. The error may be [ErrNoBulk].
func CancelBulk(ctx context.Context, temporal client.Client, id string) error {
	p, err := BulkProgress(ctx, temporal, id)
	if err != nil {
		return err
	}
	if p.State != BulkRunning {
		return fmt.Errorf("%s: %w: it is %s", id, ErrClosed, p.State)
	}
	if err := temporal.CancelWorkflow(ctx, id, ""); err != nil {
		return explain("cancelling "+id, err)
	}
	return nil
}

// bulkPause is how often [WaitBulk] looks.
const bulkPause = 500 * time.Millisecond

// WaitBulk waits until an order is over, and tells how far it is whenever that has changed.
func WaitBulk(ctx context.Context, temporal client.Client, id string, tell func(Progress)) (Progress, error) {
	var before Progress
	for {
		p, err := BulkProgress(ctx, temporal, id)
		switch {
		case err == nil:
			if p.State != before.State || p.Ordered != before.Ordered || p.UnderWay() != before.UnderWay() || p.Trouble != before.Trouble {
				tell(p)
			}
			if before = p; p.State != BulkRunning {
				return p, nil
			}
		case ctx.Err() == nil && errors.Is(err, consign.ErrUnreachable):
		default:
			return before, cmp.Or(ctx.Err(), err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(bulkPause):
		}
	}
}

// decodeAll leaves into as it is when there is nothing that can be decoded.
func decodeAll(payloads *commonpb.Payloads, into any) {
	if payloads != nil {
		_ = consign.DataConverter().FromPayloads(payloads, into)
	}
}
