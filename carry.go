package consign

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// batchPrefix begins the ids of workflows that carry several results.
const batchPrefix = deliveryPrefix + "batch/"

// consigned is a consignment whose workflow runs.
type consigned struct {
	*Handle
	items []*item
	// looked is when the follower asked for it last.
	looked time.Time
}

// key is that of the run, which a result that is submitted again has in common with the first.
func (c *consigned) key() string { return c.workflowID + c.runID }

// carry takes a consignment through its first attempts, and then the next, until nothing waits.
func (s *Submitter) carry(items []*item) {
	for items != nil {
		s.consign(items)
		s.change(func() {
			if items = s.next(); items == nil {
				s.inFlight--
			}
		})
	}
}

// next takes what goes into the next consignment. It needs mu.
func (s *Submitter) next() []*item {
	return s.waiting.next(s.options.BatchMax, s.options.BatchBytes)
}

// consign starts the workflow and waits until its first attempts are over.
func (s *Submitter) consign(items []*item) {
	entries := make([]Entry, len(items))
	for n, i := range items {
		entries[n] = i.entry
	}
	c := &consigned{items: items}
	first, err := s.start(c, entries)
	switch {
	case err != nil:
		return // and its items know
	case first.Committed:
		s.settle(c, *first.Receipt, nil)
	default:
		s.change(func() { s.followed[c.key()] = append(s.followed[c.key()], c) })
	}
}

// start starts the workflow of a consignment, tells its items, and returns what became of the first
// attempts. An error is for what is not stored.
func (s *Submitter) start(c *consigned, entries []Entry) (FirstAttempts, error) {
	id, digest := batchPrefix+uuid.NewString(), ""
	if len(entries) == 1 {
		id, digest = WorkflowID(entries[0].Source, entries[0].ID), Digest(entries[0].Data)
	}
	options := startOptions(id, entries, digest)
	if len(entries) > 1 {
		options.StaticSummary = fmt.Sprintf("%d results", len(entries))
	}
	input, err := encodeConsignment(entries)
	if err != nil {
		s.refuse(c.items, err)
		return FirstAttempts{}, err
	}
	unsure := false // whether the one call has started it
	// If no worker is there, a single result's own start would look like an earlier one, which has to be told of the ack.
	if s.client.owned && (len(entries) > 1 || entries[0].Ack == nil) {
		run, first, err := s.client.startAndTry(s.ctx, options, input)
		if err == nil {
			c.Handle = &Handle{client: s.client, id: entries[0].ID, workflowID: id, runID: run}
			s.stored(c)
			return first, nil
		}
		// Whatever it was, the plain way tells it apart.
		_, before := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err)
		unsure = !before
	}
	run, again, err := s.client.execute(s.ctx, options, input)
	unsure = unsure || again
	taken, there := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err)
	switch {
	case err == nil:
		c.Handle = &Handle{client: s.client, id: entries[0].ID, workflowID: id, runID: run.GetRunID()}
	case there && digest == "":
		// Nobody else makes this id: the answer to an earlier try was lost.
		c.Handle = &Handle{client: s.client, workflowID: id, runID: taken.RunId}
	case there:
		if c.Handle, err = s.client.attach(s.ctx, entries[0], digest, taken.RunId); err != nil {
			s.refuse(c.items, err)
			return FirstAttempts{}, err
		}
		c.duplicate = !unsure
	default:
		err = submitError(entries[0].Result, err)
		s.refuse(c.items, err)
		return FirstAttempts{}, err
	}
	s.stored(c)
	return s.firstAttempts(c), nil
}

// promptly is how long at least the end of a workflow is waited for before it is asked about first attempts,
// which costs another call and another workflow task: ten times what a workflow takes whose sinks are well. Under a
// flood each takes longer, so the wait grows with what they took, up to as long as inline attempts may take: a thousand
// single results at once, on two cores that others use too, were over in 22 s, and in 37 s with a wait of 100 ms.
const promptly, lessPromptly = 100 * time.Millisecond, 2 * time.Second

// pace is what workflows take whose sinks are well. Those of a dead sink bring it down, as each of them holds
// a place in flight for that long.
type pace struct{ took atomic.Int64 }

func (p *pace) patience() time.Duration {
	return min(max(promptly, 4*time.Duration(p.took.Load())), lessPromptly)
}

func (p *pace) learn(took time.Duration, committed bool) {
	if !committed {
		took = 0
	}
	p.took.Store((p.took.Load() + int64(took)) / 2) // of two at once one may be forgotten
}

// firstAttempts waits until those of a consignment that was started are over.
func (s *Submitter) firstAttempts(c *consigned) FirstAttempts {
	begun := time.Now()
	first := c.firstAttempts(s.ctx, s.pace.patience())
	s.pace.learn(time.Since(begun), first.Committed)
	return first
}

func (c *consigned) firstAttempts(ctx context.Context, patience time.Duration) FirstAttempts {
	if receipt, err := c.poll(ctx, patience); err == nil {
		return FirstAttempts{Committed: true, Receipt: &receipt}
	}
	ctx, cancel := context.WithTimeout(ctx, attemptsPatience)
	defer cancel()
	var first FirstAttempts
	err := untilThere(ctx, func() (err error) {
		first, err = c.FirstAttempts(ctx)
		return err
	})
	if err != nil {
		return FirstAttempts{} // the follower finds out
	}
	return first
}

// attemptsPatience bounds a call that waits for first attempts. Inline attempts are over within 2 s; beyond
// that no worker may be there, and the start has to be told from the attempts.
const attemptsPatience = 5 * time.Second

// startAndTry starts a workflow and waits for its first attempts in one call.
func (c *Client) startAndTry(ctx context.Context, options client.StartWorkflowOptions, input any) (runID string, first FirstAttempts, err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptsPatience)
	defer cancel()
	ctx, end := heeding(ctx)
	defer end(nil)
	options.EnableEagerStart = false // which Temporal does not do together with an update
	start := c.temporal.NewWithStartWorkflowOperation(options, DeliverWorkflow, input)
	update, err := c.temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateName:   FirstAttemptsUpdate,
			Args:         []any{FirstAttemptsRequest{}},
			WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err != nil {
		return "", first, err
	}
	run, err := start.Get(ctx)
	if err != nil {
		return "", first, err
	}
	if err := update.Get(ctx, &first); err != nil {
		return "", first, err
	}
	return run.GetRunID(), first, first.check()
}

// stored tells items that they are in Temporal.
func (s *Submitter) stored(c *consigned) {
	for _, i := range c.items {
		i.entry.Data = nil // a dead sink keeps a hundred thousand open
		i.stored(Stored{WorkflowID: c.workflowID, RunID: c.runID, Duplicate: c.duplicate}, nil)
		i.Stored = nil // with all that it refers to
	}
	s.change(func() { s.unstored -= len(c.items) })
}

// refuse tells items that they are not known to be in Temporal.
func (s *Submitter) refuse(items []*item, err error) {
	for _, i := range items {
		i.stored(Stored{}, err)
	}
	s.change(func() {
		s.unstored -= len(items)
		s.open -= len(items)
	})
}

// settle tells items that they are committed, or why that will not be known.
func (s *Submitter) settle(c *consigned, receipt Receipt, err error) {
	for n, i := range c.items {
		if err != nil {
			i.committed(Receipt{}, err)
			continue
		}
		i.committed(receipt.Of(n), nil)
	}
	s.change(func() { s.open -= len(c.items) })
}
