package consign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
)

// SubmitOption changes one submission.
type SubmitOption func(*Entry)

// AckBySignal has the ack sent as a signal to a workflow of the same namespace. An empty runID
// means the run that is open then; an empty name means "ack".
func AckBySignal(workflowID, runID, name string) SubmitOption {
	return func(e *Entry) {
		e.Ack = &AckTarget{Signal: &SignalTarget{WorkflowID: workflowID, RunID: runID, Name: name}}
	}
}

// AckByHTTP has the ack posted to a URL. It must hold no credentials, since it stands in Temporal's
// history; the worker signs the request when it has a secret for that.
func AckByHTTP(url string) SubmitOption {
	return func(e *Entry) { e.Ack = &AckTarget{HTTP: &HTTPTarget{URL: url}} }
}

// AckByNATS has a message of NATS JetStream acked: subject is its reply subject, and source the name by which
// workers know the server it came from.
func AckByNATS(source, subject string) SubmitOption {
	return func(e *Entry) { e.Ack = &AckTarget{NATS: &NATSTarget{Source: source, Subject: subject}} }
}

// Submit hands over a result. When it returns without an error the result is durably in Temporal,
// and will be delivered, or parked, and acked, whatever becomes of this process.
//
// Submitting the same source, id and data again returns a handle of the first submission, and
// delivers nothing twice; an ack asked for is then sent when the first one's result is committed.
//
// Errors: [ErrInvalid] and [ErrTooLarge] before anything is sent, [ErrConflict] when the source and
// id are taken by other data, [ErrNotSetUp], and [ErrUnreachable] when Temporal does not answer
// before ctx is over (or within 70 s when ctx has no deadline), [ErrFull] when it has no room until
// then. After ErrUnreachable the result may or may not be in Temporal: submit it again with the same id.
func (c *Client) Submit(ctx context.Context, r Result, options ...SubmitOption) (handle *Handle, err error) {
	r, err = r.Prepare()
	if err != nil {
		return nil, err
	}
	span := traceSubmission(ctx, &r)
	defer func() { endSpan(span, err) }()
	entry := Entry{Result: r}
	for _, option := range options {
		option(&entry)
	}
	if err := entry.checkAck(); err != nil {
		return nil, err
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	digest := Digest(r.Data)
	run, unsure, err := c.start(ctx, entry, digest)
	var taken *serviceerror.WorkflowExecutionAlreadyStarted
	switch {
	case err == nil:
		return &Handle{client: c, id: r.ID, workflowID: run.GetID(), runID: run.GetRunID()}, nil
	case errors.As(err, &taken):
		handle, err := c.attach(ctx, entry, digest, taken.RunId)
		if err != nil {
			return nil, err
		}
		handle.duplicate = !unsure
		return handle, nil
	default:
		return nil, submitError(r, err)
	}
}

// start starts the workflow of one result.
func (c *Client) start(ctx context.Context, entry Entry, digest string) (run client.WorkflowRun, unsure bool, err error) {
	input, err := encodeConsignment([]Entry{entry})
	if err != nil {
		return nil, false, err
	}
	return c.execute(ctx, startOptions(WorkflowID(entry.Source, entry.ID), []Entry{entry}, digest), input)
}

// execute starts a Deliver workflow, trying again while Temporal is away or full. A try whose answer was lost shows in
// the next one as already started, with the same digest: it is unsure then who has started it.
func (c *Client) execute(ctx context.Context, options client.StartWorkflowOptions, input converter.RawValue) (run client.WorkflowRun, unsure bool, err error) {
	tries := 0
	var refusal error // the last one
	err = untilThere(ctx, func() (err error) {
		calling, end := heeding(ctx)
		defer end(nil)
		err = c.meeting.start(ctx, func() (err error) {
			tries++
			run, err = c.temporal.ExecuteWorkflow(calling, options, DeliverWorkflow, input)
			return err
		})
		if err == nil {
			return nil
		}
		now := cmp.Or(refusalOf(context.Cause(calling)), refusalOf(err))
		if now == nil {
			return err
		}
		if refusal == nil {
			c.full.wait()
		}
		c.full.because(now)
		refusal = now
		return now
	})
	if refusal == nil {
		return run, tries > 1, err
	}
	c.full.goOn()
	if _, there := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); err != nil && ctx.Err() != nil && !there {
		err = refusal // it says more than that the time is over
	}
	return run, tries > 1, err
}

// startOptions are those of a Deliver workflow. The digest is that of a single result.
func startOptions(id string, entries []Entry, digest string) client.StartWorkflowOptions {
	options := client.StartWorkflowOptions{
		ID:                                       id,
		TaskQueue:                                TaskQueue,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		EnableEagerStart:                         true,
		TypedSearchAttributes:                    temporal.NewSearchAttributes(SharedAttributes(len(entries), func(i int) *Result { return &entries[i].Result })...),
	}
	if digest != "" {
		options.Memo = map[string]any{DigestMemo: digest}
	}
	return options
}

// SharedAttributes are the search attributes of a workflow that carries these n results: source and type, where all of
// them have the same.
func SharedAttributes(n int, at func(i int) *Result) []temporal.SearchAttributeUpdate {
	if n == 0 {
		return nil
	}
	source, kind := at(0).Source, at(0).Type
	for i := 1; i < n; i++ {
		if at(i).Source != source {
			source = ""
		}
		if at(i).Type != kind {
			kind = ""
		}
	}
	var attributes []temporal.SearchAttributeUpdate
	if source != "" {
		attributes = append(attributes, temporal.NewSearchAttributeKeyKeyword(SourceAttribute).ValueSet(source))
	}
	if kind != "" {
		attributes = append(attributes, temporal.NewSearchAttributeKeyKeyword(TypeAttribute).ValueSet(kind))
	}
	return attributes
}

// untilThere tries again while Temporal is away, until ctx is over.
func untilThere(ctx context.Context, try func() error) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := try()
		if err == nil || !transient(err) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// attach joins a submission to the one that has its source and id, provided it has the same data.
func (c *Client) attach(ctx context.Context, entry Entry, digest, runID string) (*Handle, error) {
	workflowID := WorkflowID(entry.Source, entry.ID)
	first, err := c.digest(ctx, workflowID, runID)
	if err != nil {
		return nil, submitError(entry.Result, err)
	}
	if first != digest {
		return nil, fmt.Errorf("%w: result %s/%s was submitted before with other data: give it another id", ErrConflict, entry.Source, entry.ID)
	}
	handle := &Handle{client: c, id: entry.ID, workflowID: workflowID, runID: runID, duplicate: true}
	if entry.Ack == nil {
		return handle, nil
	}
	if err := handle.requestAck(ctx, entry, digest); err != nil {
		return nil, err
	}
	return handle, nil
}

// digest of the data that a running or closed Deliver workflow carries.
func (c *Client) digest(ctx context.Context, workflowID, runID string) (string, error) {
	description, err := c.temporal.DescribeWorkflowExecution(ctx, workflowID, runID)
	if err != nil {
		return "", err
	}
	if payload := description.GetWorkflowExecutionInfo().GetMemo().GetFields()[DigestMemo]; payload != nil {
		var digest string
		err := DataConverter().FromPayload(payload, &digest)
		return digest, err
	}
	// Started through the bare API without a memo: its input tells.
	events := c.temporal.GetWorkflowHistory(ctx, workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	event, err := events.Next()
	if err != nil {
		return "", err
	}
	var consignment Consignment
	if err := DataConverter().FromPayloads(event.GetWorkflowExecutionStartedEventAttributes().GetInput(), &consignment); err != nil {
		return "", err
	}
	if len(consignment.Results) != 1 {
		return "", fmt.Errorf("workflow %s carries %d results, not one", workflowID, len(consignment.Results))
	}
	return Digest(consignment.Results[0].Data), nil
}

func transient(err error) bool {
	var unavailable *serviceerror.Unavailable
	var deadline *serviceerror.DeadlineExceeded
	var exhausted *serviceerror.ResourceExhausted
	return errors.As(err, &unavailable) || errors.As(err, &deadline) || errors.As(err, &exhausted)
}

func submitError(r Result, err error) error {
	var missing *serviceerror.NamespaceNotFound
	var invalid *serviceerror.InvalidArgument
	var failing *serviceerror.WorkflowNotReady
	switch {
	case errors.As(err, &failing):
		return fmt.Errorf("submitting %s/%s: it is stored, by an earlier submission, but its workflow fails at present and cannot be asked for another ack: submit it again with the same id when the workflow goes on: %w", r.Source, r.ID, err)
	case errors.As(err, &missing):
		return fmt.Errorf("%w: submitting %s/%s: %w: run \"consign setup\"", ErrNotSetUp, r.Source, r.ID, err)
	case errors.As(err, &invalid) && mentionsAttribute(err):
		return fmt.Errorf("%w: submitting %s/%s: %w: run \"consign setup\"", ErrNotSetUp, r.Source, r.ID, err)
	case refusalOf(err) != nil:
		return fmt.Errorf("%w: submitting %s/%s: %w: submit it again with the same id", ErrFull, r.Source, r.ID, err)
	case transient(err), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: submitting %s/%s: %w: submit it again with the same id", ErrUnreachable, r.Source, r.ID, err)
	}
	return fmt.Errorf("submitting %s/%s: %w", r.Source, r.ID, err)
}
