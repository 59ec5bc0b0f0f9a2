package trace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
)

// readTimeout bounds one [Read].
const readTimeout = 30 * time.Second

// How the workflow ids of deliveries and of dead letters begin.
const (
	deliveryPrefix   = "consign/"
	deadLetterPrefix = "dead-letter/"
)

// Read tells the story of a result. The error is [ErrUnknown], wrapped, when Temporal knows nothing of it.
func Read(ctx context.Context, temporal client.Client, q Query) (Story, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	q.Namespace = cmp.Or(q.Namespace, client.DefaultNamespace)
	r := &reader{temporal: temporal, query: q}
	delivery, err := r.find(ctx)
	if err != nil {
		return Story{}, err
	}
	if delivery == nil {
		return r.fromDeadLetters(ctx)
	}
	return r.fromDelivery(ctx, delivery)
}

// reader reads one story.
type reader struct {
	temporal client.Client
	query    Query
}

// execution is a workflow that was found, with its history.
type execution struct {
	id, run  string
	describe *workflowservice.DescribeWorkflowExecutionResponse
	events   []*historypb.HistoryEvent
}

func (e *execution) started() *historypb.WorkflowExecutionStartedEventAttributes {
	return e.events[0].GetWorkflowExecutionStartedEventAttributes()
}

// load reads a workflow, its latest run when run is empty. It is nil when there is none, or not any more.
func (r *reader) load(ctx context.Context, id, run string) (*execution, error) {
	described, err := r.temporal.DescribeWorkflowExecution(ctx, id, run)
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading workflow %s: %w", id, err)
	}
	e := &execution{id: id, run: described.GetWorkflowExecutionInfo().GetExecution().GetRunId(), describe: described}
	history := r.temporal.GetWorkflowHistory(ctx, id, e.run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		if err != nil {
			return nil, fmt.Errorf("reading the history of workflow %s: %w", id, err)
		}
		e.events = append(e.events, event)
	}
	if len(e.events) == 0 || e.started() == nil {
		return nil, nil
	}
	return e, nil
}

// find finds the delivery, and what result of it is asked for. It is nil when only dead letters may know more.
func (r *reader) find(ctx context.Context) (*execution, error) {
	q := &r.query
	if strings.HasPrefix(q.Workflow, deadLetterPrefix) {
		return r.behind(ctx)
	}
	if q.Workflow != "" {
		found, err := r.load(ctx, q.Workflow, "")
		if err != nil {
			return nil, err
		}
		if found == nil {
			return nil, fmt.Errorf("workflow %s: %w: check the id; closed ones are forgotten after the namespace's retention", q.Workflow, ErrUnknown)
		}
		if kind := found.started().GetWorkflowType().GetName(); kind != consign.DeliverWorkflow {
			return nil, fmt.Errorf("workflow %s is a %s, and no delivery", q.Workflow, kind)
		}
		return found, r.choose(found)
	}
	found, err := r.load(ctx, consign.WorkflowID(q.Source, q.ID), "")
	if found != nil || err != nil || q.Since.IsZero() {
		return found, err
	}
	return r.scan(ctx)
}

// choose finds out which result of a delivery is meant where that was not said.
func (r *reader) choose(found *execution) error {
	if r.query.Source != "" || r.query.ID != "" {
		return nil
	}
	var in consign.Consignment
	if err := decode(found.started().GetInput(), &in); err != nil {
		return fmt.Errorf("the input of %s: %w", found.id, err)
	}
	if len(in.Results) != 1 {
		return fmt.Errorf("workflow %s carries %d results: say which with SOURCE/ID, such as %s", found.id, len(in.Results), some(in.Results))
	}
	r.query.Source, r.query.ID = in.Results[0].Source, in.Results[0].ID
	return nil
}

// some of the results of a consignment, to choose from.
func some(results []consign.Entry) string {
	const most = 5
	var names []string
	for _, entry := range results[:min(len(results), most)] {
		names = append(names, entry.Source+"/"+entry.ID)
	}
	text := strings.Join(names, ", ")
	if len(results) > most {
		text += ", …"
	}
	return text
}

// behind finds the delivery behind a dead letter.
func (r *reader) behind(ctx context.Context) (*execution, error) {
	q := &r.query
	letter, err := r.load(ctx, q.Workflow, "")
	if err != nil {
		return nil, err
	}
	if letter == nil {
		return nil, fmt.Errorf("dead letter %s: %w: see \"consign dead-letters list\"; closed ones are forgotten after the namespace's retention", q.Workflow, ErrUnknown)
	}
	record, err := recordOf(letter)
	if err != nil {
		return nil, err
	}
	if q.Source == "" && q.ID == "" {
		if len(record.Results) != 1 {
			var entries []consign.Entry
			for _, result := range record.Results {
				entries = append(entries, consign.Entry{Result: result})
			}
			return nil, fmt.Errorf("dead letter %s holds %d results: say which with SOURCE/ID, such as %s", q.Workflow, len(record.Results), some(entries))
		}
		q.Source, q.ID = record.Results[0].Source, record.Results[0].ID
	}
	if record.WorkflowID == "" {
		return nil, nil // it was imported, or a source could not submit it
	}
	return r.load(ctx, record.WorkflowID, record.RunID)
}

const (
	// scanMost bounds how many deliveries of several, and how many dead letters, are looked into for one result.
	scanMost = 1000
	// scanPage is how many are listed at once.
	scanPage = 200
)

// scan looks for the result among deliveries of several, which bear no result's name.
func (r *reader) scan(ctx context.Context) (*execution, error) {
	q := r.query
	query := fmt.Sprintf("WorkflowType = '%s' AND WorkflowId STARTS_WITH 'consign/batch/' AND StartTime >= '%s'",
		consign.DeliverWorkflow, q.Since.UTC().Format(time.RFC3339))
	for info, err := range r.list(ctx, query) {
		if err != nil {
			return nil, fmt.Errorf("looking for %s/%s among deliveries of several results: %w", q.Source, q.ID, err)
		}
		if source := text(info.GetSearchAttributes(), consign.SourceAttribute); source != "" && source != q.Source {
			continue // all of its results have that one
		}
		// The first event alone: histories may be long.
		first, err := r.temporal.WorkflowService().GetWorkflowExecutionHistory(ctx, &workflowservice.GetWorkflowExecutionHistoryRequest{
			Namespace: q.Namespace, Execution: info.GetExecution(), MaximumPageSize: 1,
		})
		if err != nil {
			return nil, fmt.Errorf("reading workflow %s: %w", info.GetExecution().GetWorkflowId(), err)
		}
		var in consign.Consignment
		events := first.GetHistory().GetEvents()
		if len(events) == 0 || decode(events[0].GetWorkflowExecutionStartedEventAttributes().GetInput(), &in) != nil {
			continue
		}
		if position(in.Results, q.Source, q.ID) >= 0 {
			return r.load(ctx, info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId())
		}
	}
	return nil, nil
}

// fromDeadLetters tells what dead letters know of a result whose delivery Temporal does not keep any more.
func (r *reader) fromDeadLetters(ctx context.Context) (Story, error) {
	q := r.query
	t := newTeller(q)
	t.story.Workflow = consign.WorkflowID(q.Source, q.ID)
	ids := []string{q.Workflow}
	if q.Workflow == "" {
		ids = nil
		for info, err := range r.list(ctx, "WorkflowType = '"+consign.DeadLetterWorkflow+"' AND ExecutionStatus != 'ContinuedAsNew'") {
			if err != nil {
				return Story{}, fmt.Errorf("looking for dead letters of %s/%s: %w", q.Source, q.ID, err)
			}
			var header consign.Header
			if payload := info.GetMemo().GetFields()[consign.HeaderMemo]; payload != nil && consign.DataConverter().FromPayload(payload, &header) == nil &&
				header.Source == q.Source && header.ID == q.ID {
				ids = append(ids, info.GetExecution().GetWorkflowId())
			}
		}
	}
	for _, id := range ids {
		if err := r.tellDeadLetter(ctx, t, id); err != nil {
			return Story{}, err
		}
	}
	if len(t.legs) == 0 {
		return Story{}, fmt.Errorf("%s/%s: %w: %s", q.Source, q.ID, ErrUnknown, r.advice())
	}
	t.notef("the delivery itself is not kept any more, or came in a batch: this is what dead letters know of it")
	r.waits(ctx, t)
	return t.finish(), nil
}

// advice is what to do about a result that was not found.
func (r *reader) advice() string {
	if r.query.Since.IsZero() {
		return "it was never submitted, or is forgotten after the namespace's retention, or came in a batch: look there with --since 1h, or name the delivery with --workflow"
	}
	return fmt.Sprintf("it was never submitted, or is forgotten after the namespace's retention, or is not among the latest %d batches since then", scanMost)
}

// fromDelivery tells what the delivery knows, and then what its dead letters know.
func (r *reader) fromDelivery(ctx context.Context, delivery *execution) (Story, error) {
	t := newTeller(r.query)
	if err := t.tell(delivery); err != nil {
		return Story{}, err
	}
	for len(t.letters) > 0 { // a replay may make more of them
		id := t.letters[0]
		t.letters = t.letters[1:]
		if err := r.tellDeadLetter(ctx, t, id); err != nil {
			return Story{}, err
		}
	}
	r.waits(ctx, t)
	return t.finish(), nil
}

func (r *reader) tellDeadLetter(ctx context.Context, t *teller, id string) error {
	letter, err := r.load(ctx, id, "")
	if err != nil {
		return err
	}
	if letter == nil {
		t.gone(id)
		return nil
	}
	return t.tellDeadLetter(letter)
}

// waits says what each leg that is not over waits for, beyond its time.
func (r *reader) waits(ctx context.Context, t *teller) {
	for _, l := range t.legs {
		l.settle()
		if l.State != Waiting || l.running() || t.story.Failed != "" {
			continue
		}
		hold, err := consign.HoldOf(ctx, r.temporal, r.query.Namespace, l.Sink)
		switch {
		case err != nil:
			t.notef("what holds sink %s back is not known: %v", l.Sink, err)
		case hold.Paused:
			l.Waiting = fmt.Sprintf("the sink is paused by %s: %s", cmp.Or(hold.By, "unknown"), hold.Reason)
		case hold.Pollers == 0:
			l.Waiting = "no worker asks for attempts at this sink"
		case hold.Rate > 0 && l.Next.IsZero():
			l.Waiting = fmt.Sprintf("the sink takes %g attempts a second, and %d wait", hold.Rate, hold.Backlog)
		}
	}
}

// list goes through workflows, the newest first, at most [scanMost] of them.
func (r *reader) list(ctx context.Context, query string) func(yield func(*info, error) bool) {
	return func(yield func(*info, error) bool) {
		request := &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: scanPage}
		for seen := 0; seen < scanMost; {
			page, err := r.temporal.ListWorkflow(ctx, request)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, one := range page.GetExecutions() {
				seen++
				if !yield(one, nil) {
					return
				}
			}
			request.NextPageToken = page.GetNextPageToken()
			if len(request.GetNextPageToken()) == 0 {
				return
			}
		}
	}
}

// position of a result in a consignment; -1: it is not in it.
func position(results []consign.Entry, source, id string) int {
	for i, entry := range results {
		if entry.Source == source && entry.ID == id {
			return i
		}
	}
	return -1
}

func decode(payloads *commonpb.Payloads, into any) error {
	return consign.DataConverter().FromPayloads(payloads, into)
}

func text(attributes *commonpb.SearchAttributes, name string) (value string) {
	if payload := attributes.GetIndexedFields()[name]; payload != nil {
		_ = consign.DataConverter().FromPayload(payload, &value) // it stays empty
	}
	return value
}

// link leads to a workflow in the Web UI.
func (q Query) link(workflow, run string) string { return Link(q.UI, q.Namespace, workflow, run) }

// Link leads to a workflow in Temporal's Web UI at an address; empty where that is empty. Without a run it leads to the
// latest.
func Link(ui, namespace, workflow, run string) string {
	if ui == "" {
		return ""
	}
	link := strings.TrimRight(ui, "/") + "/namespaces/" + url.PathEscape(namespace) + "/workflows/" + url.PathEscape(workflow)
	if run != "" {
		link += "/" + url.PathEscape(run) + "/history"
	}
	return link
}
