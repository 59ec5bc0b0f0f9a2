package deadletters

import (
	"cmp"
	"context"
	"iter"
	"slices"
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
	Sink string `json:"sink,omitempty"`
	// Label is the short name of the cause, such as "http 400". Empty: any.
	Label string `json:"label,omitempty"`
	// State is "parked", "retrying" (a replay is under way), "replayed" or "discarded". Empty: any.
	State string `json:"state,omitempty"`
	// Source and Type of the first result that is held. Empty: any.
	Source string `json:"source,omitempty"`
	Type   string `json:"type,omitempty"`
	// Since and Until bound when it was parked: not before the one, and before the other. Zero: whenever.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Where is a condition in CEL over the dead letter and one of the results that it holds; see [config.RecordCondition].
	// Those for which it cannot be evaluated are not selected. Empty: any.
	Where string `json:"where,omitempty"`
	// Closed lists closed ones too: replayed, discarded, or terminated in Temporal.
	Closed bool `json:"closed,omitempty"`
	// Limit is the most entries to list. 0: all.
	Limit int `json:"limit,omitempty"`
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
		limit, listed := filter.Limit, 0
		selection, err := filter.selection()
		if err != nil {
			yield(Entry{}, err)
			return
		}
		if filter.looks() {
			limit = 0 // of what Temporal selects
		}
		for execution, err := range executions(ctx, temporal, filter.query(), limit) {
			if err != nil {
				yield(Entry{}, explain("listing dead letters", err))
				return
			}
			entry := entryOf(execution)
			taken, err := selection.takes(ctx, temporal, entry)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if !taken {
				continue
			}
			listed++
			if !yield(entry, nil) || listed == filter.Limit {
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

// looks tells whether the filter asks for what Temporal cannot select by.
func (f Filter) looks() bool {
	return f.Where != "" || f.Source != "" || f.Type != "" || !f.Since.IsZero() || !f.Until.IsZero()
}

// matches tells whether a dead letter is one of those that Temporal cannot select.
func (f Filter) matches(h consign.Header) bool {
	return (f.Source == "" || h.Source == f.Source) && (f.Type == "" || h.Type == f.Type) &&
		!h.ParkedAt.Before(f.Since) && (f.Until.IsZero() || h.ParkedAt.Before(f.Until))
}

// CauseCount says how many dead letters one sink has for one cause.
type CauseCount struct {
	Sink string `json:"sink"`
	// Label is the short name of the cause.
	Label string `json:"label"`
	// DeadLetters are counted, and the results that they hold.
	DeadLetters int `json:"dead_letters"`
	Results     int `json:"results"`
	// Oldest and Newest are when the first and the last of them were parked.
	Oldest time.Time `json:"oldest"`
	Newest time.Time `json:"newest"`
}

// Causes counts the dead letters that a filter selects, whatever its limit, by sink and cause: those with the
// most of them first. Temporal does not group by these, so all of them are listed for it.
func Causes(ctx context.Context, temporal client.Client, filter Filter) ([]CauseCount, error) {
	filter.Limit = 0
	type key struct{ sink, label string }
	counts := map[key]*CauseCount{}
	for entry, err := range List(ctx, temporal, filter) {
		if err != nil {
			return nil, err
		}
		h := entry.Header
		c := counts[key{h.Sink, h.Label}]
		if c == nil {
			c = &CauseCount{Sink: h.Sink, Label: h.Label, Oldest: h.ParkedAt, Newest: h.ParkedAt}
			counts[key{h.Sink, h.Label}] = c
		}
		c.DeadLetters++
		c.Results += h.Results
		if h.ParkedAt.Before(c.Oldest) {
			c.Oldest = h.ParkedAt
		}
		if h.ParkedAt.After(c.Newest) {
			c.Newest = h.ParkedAt
		}
	}
	sorted := make([]CauseCount, 0, len(counts))
	for _, c := range counts {
		sorted = append(sorted, *c)
	}
	slices.SortFunc(sorted, func(a, b CauseCount) int {
		return cmp.Or(cmp.Compare(b.DeadLetters, a.DeadLetters), cmp.Compare(a.Sink, b.Sink), cmp.Compare(a.Label, b.Label))
	})
	return sorted, nil
}

// Count counts the dead letters that a filter selects, whatever its limit.
func Count(ctx context.Context, temporal client.Client, filter Filter) (int64, error) {
	if filter.looks() {
		all := int64(0)
		filter.Limit = 0
		for _, err := range List(ctx, temporal, filter) {
			if err != nil {
				return 0, err
			}
			all++
		}
		return all, nil
	}
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

// clockSlack is by how much the clocks of Temporal's hosts may differ: one says when a delivery parked, another when
// the dead letter began.
const clockSlack = time.Minute

// query is the filter in the language of Temporal's visibility store.
func (f Filter) query() string {
	conditions := []string{"WorkflowType = " + quote(consign.DeadLetterWorkflow), "ExecutionStatus = 'Running'"}
	if f.Closed {
		// A dead letter that continues as new is still the same one, which another run stands for.
		conditions[1] = "ExecutionStatus != 'ContinuedAsNew'"
	}
	if !f.Since.IsZero() {
		// A workflow begins when its dead letter is parked, or later: when that is imported, or goes on in a new run.
		conditions = append(conditions, "StartTime >= '"+f.Since.Add(-clockSlack).UTC().Format(time.RFC3339)+"'")
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
	for _, wanted := range []struct{ attribute, value string }{
		{consign.SourceAttribute, f.Source},
		{consign.TypeAttribute, f.Type},
	} {
		// Dead letters of earlier releases, and of results that differ, have none: they are looked at.
		if wanted.value != "" && !strings.ContainsAny(wanted.value, `\"`) {
			conditions = append(conditions, "("+wanted.attribute+" = "+quote(wanted.value)+" OR "+wanted.attribute+" IS NULL)")
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
