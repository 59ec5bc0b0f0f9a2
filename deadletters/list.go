package deadletters

import (
	"context"
	"iter"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
)

// Filter says which dead letters to list. The zero value means every open one.
type Filter struct {
	// Sink that did not take the results. Empty: any.
	Sink string
	// Label is the short name of the cause, such as "http 400". Empty: any.
	Label string
	// State is "parked", "retrying" (a replay is under way), "replayed" or "discarded". Empty: any.
	State string
	// Closed lists closed ones too: replayed, discarded, or terminated in Temporal.
	Closed bool
	// Limit is the most entries to list. 0: all.
	Limit int
}

// Entry is a dead letter in a listing.
type Entry struct {
	// ID of the dead letter, and the run of its workflow.
	ID    string `json:"id"`
	RunID string `json:"run_id"`
	// State as in [Filter], or "terminated".
	State string `json:"state"`
	// ClosedAt is when it was replayed, discarded or terminated; zero while it is open.
	ClosedAt time.Time `json:"closed_at,omitzero"`
	// Header tells the sink, the cause, and the first of the results that are held.
	Header consign.Header `json:"header"`
}

// pageSize is how many entries one call brings. Temporal allows 1000; a few hundred keep an answer
// small and the server's visibility store, which has one connection when embedded, free for others.
const pageSize = 200

// List goes through dead letters, the newest first, page by page. An error ends it.
func List(ctx context.Context, temporal client.Client, filter Filter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for execution, err := range executions(ctx, temporal, filter.query(), filter.Limit) {
			if err != nil {
				yield(Entry{}, explain("listing dead letters", err))
				return
			}
			if !yield(entryOf(execution), nil) {
				return
			}
		}
	}
}

// executions goes through the workflows that a query selects. limit is the most of them; 0: all.
func executions(ctx context.Context, temporal client.Client, query string, limit int) iter.Seq2[*workflowpb.WorkflowExecutionInfo, error] {
	return func(yield func(*workflowpb.WorkflowExecutionInfo, error) bool) {
		request := &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: pageSize}
		if limit > 0 {
			request.PageSize = int32(min(pageSize, limit))
		}
		for listed := 0; ; {
			page, err := temporal.ListWorkflow(ctx, request)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, execution := range page.GetExecutions() {
				if !yield(execution, nil) {
					return
				}
				listed++
				if listed == limit {
					return
				}
			}
			if len(page.GetNextPageToken()) == 0 {
				return
			}
			request.NextPageToken = page.GetNextPageToken()
		}
	}
}

// Count counts the dead letters that a filter selects, whatever its limit.
func Count(ctx context.Context, temporal client.Client, filter Filter) (int64, error) {
	counted, err := count(ctx, temporal, filter.query())
	if err != nil {
		return 0, explain("counting dead letters", err)
	}
	return counted, nil
}

func count(ctx context.Context, temporal client.Client, query string) (int64, error) {
	counted, err := temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	return counted.GetCount(), err
}

// query is the filter in the language of Temporal's visibility store.
func (f Filter) query() string {
	conditions := []string{"WorkflowType = " + quote(consign.DeadLetterWorkflow), "ExecutionStatus = 'Running'"}
	if f.Closed {
		// A dead letter that continues as new is still the same one, which another run stands for.
		conditions[1] = "ExecutionStatus != 'ContinuedAsNew'"
	}
	for _, wanted := range []struct{ attribute, value string }{
		{consign.SinkAttribute, f.Sink},
		{consign.CauseAttribute, f.Label},
		{consign.StateAttribute, f.State},
	} {
		if wanted.value != "" {
			conditions = append(conditions, wanted.attribute+" = "+quote(wanted.value))
		}
	}
	return strings.Join(conditions, " AND ")
}

// quote makes a string of the query language, in which a backslash escapes as in MySQL. Servers on
// SQLite find no value that holds a backslash or a double quote; names of sinks and causes do not.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func entryOf(execution *workflowpb.WorkflowExecutionInfo) Entry {
	entry := Entry{ID: execution.GetExecution().GetWorkflowId(), RunID: execution.GetExecution().GetRunId()}
	decode(execution.GetMemo().GetFields()[consign.HeaderMemo], &entry.Header)
	decode(execution.GetSearchAttributes().GetIndexedFields()[consign.StateAttribute], &entry.State)
	if closed := execution.GetCloseTime(); closed != nil {
		entry.ClosedAt = closed.AsTime()
	}
	if status := execution.GetStatus(); status == enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED || status == enumspb.WORKFLOW_EXECUTION_STATUS_FAILED {
		entry.State = "terminated" // its attribute says what it was
	}
	return entry
}

// decode leaves into as it is when there is nothing that can be decoded: an entry without its header
// still has an id, by which it can be shown.
func decode(payload *commonpb.Payload, into any) {
	if payload != nil {
		_ = consign.DataConverter().FromPayload(payload, into)
	}
}
