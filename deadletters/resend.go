package deadletters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
)

// labelResend is that of dead letters by which a resend delivers what a sink had taken.
const labelResend = "resend"

// runMark stands between a workflow's id and its run.
const runMark = "\x00"

// deliveries is the filter as a query for deliveries that are over, by when they were submitted.
func (f Filter) deliveries() string {
	conditions := []string{
		"WorkflowType = " + quote(consign.DeliverWorkflow), "ExecutionStatus = 'Completed'",
		"StartTime >= '" + f.Since.UTC().Format(time.RFC3339Nano) + "'",
	}
	if !f.Until.IsZero() {
		conditions = append(conditions, "StartTime < '"+f.Until.UTC().Format(time.RFC3339Nano)+"'")
	}
	return strings.Join(conditions, " AND ")
}

// letter starts the dead letter by which a delivery's results are sent again to the sink that has taken them, and
// returns its id: the same, however often it is asked for. Empty: the sink has taken none of them, or history has
// been forgotten.
func (c *Carrier) letter(ctx context.Context, delivery string) (string, error) {
	workflow, run, _ := strings.Cut(delivery, runMark)
	record, err := untilReached(ctx, func() (consign.Record, error) { return c.taken(ctx, workflow, run) })
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading what %s delivered: %w", workflow, err)
	}
	if len(record.Results) == 0 {
		return "", nil
	}
	options := StartOptions(record)
	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	_, err = untilReached(ctx, func() (any, error) {
		return c.Temporal.ExecuteWorkflow(ctx, options, consign.DeadLetterWorkflow, map[string]any{"record": record})
	})
	if _, there := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); there {
		err = nil // before a crash
	}
	return record.ID, err
}

// taken is what a sink has taken of a delivery, as a record that is to be replayed.
func (c *Carrier) taken(ctx context.Context, workflow, run string) (consign.Record, error) {
	record := consign.Record{
		ID:    fmt.Sprintf("%s%s/%s/resend-%s", idPrefix, c.Order.Filter.Sink, run, strings.TrimPrefix(c.ID, consign.BulkPrefix)),
		Sink:  c.Order.Filter.Sink,
		State: consign.StateParked,
		Label: labelResend, Cause: "sent again though the sink had taken it, as ordered by " + c.Order.By,
		WorkflowID: workflow, RunID: run,
		Attempts: []consign.Attempt{},
	}
	var (
		consignment consign.Consignment
		receipt     consign.Receipt
	)
	first, err := c.event(ctx, workflow, run, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	if err != nil {
		return record, err
	}
	if err := consign.DataConverter().FromPayloads(first.GetWorkflowExecutionStartedEventAttributes().GetInput(), &consignment); err != nil {
		return record, err
	}
	last, err := c.event(ctx, workflow, run, enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	if err != nil {
		return record, err
	}
	if err := consign.DataConverter().FromPayloads(last.GetWorkflowExecutionCompletedEventAttributes().GetResult(), &receipt); err != nil {
		return record, err
	}
	record.First = first.GetEventTime().AsTime()
	record.ParkedAt = time.Now().UTC()
	filter := c.Order.Filter
	for i, entry := range consignment.Results {
		if filter.Source != "" && entry.Source != filter.Source || filter.Type != "" && entry.Type != filter.Type {
			continue
		}
		for _, leg := range receipt.Of(i).Legs {
			if leg.Sink == filter.Sink && leg.Outcome == consign.Delivered {
				record.Kind, record.Made = leg.Kind, leg.Attempts
				record.Results = append(record.Results, entry.Result)
			}
		}
	}
	return record, nil
}

// event is the first event of a history that a filter shows.
func (c *Carrier) event(ctx context.Context, workflow, run string, filter enumspb.HistoryEventFilterType) (*historypb.HistoryEvent, error) {
	return c.Temporal.GetWorkflowHistory(ctx, workflow, run, false, filter).Next()
}

// CountDeliveries counts the deliveries that a resend would look into.
func CountDeliveries(ctx context.Context, temporal client.Client, filter Filter) (int64, error) {
	n, err := count(ctx, temporal, filter.deliveries())
	if err != nil {
		return 0, explain("counting deliveries", err)
	}
	return n, nil
}
