package consign

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
)

const (
	// followPace is the time from one look at what is open to the next.
	followPace = time.Second
	// lookDirectly is how many consignments each look asks for one by one, those longest not asked for
	// first. Temporal's listings, which tell of all others, can be late and can miss a row.
	lookDirectly = 32
	// maxPages bounds the listing of one look, in pages of a thousand.
	maxPages = 20
	// listEvery is the number of looks from one listing to the next.
	listEvery = 5
	// overlap is how far one listing reaches back into the one before.
	overlap = 10 * time.Second
)

// follow finds out which consignments have closed. A long poll for each would be more than a frontend
// takes (1,200), when a dead sink keeps thousands open.
func (s *Submitter) follow() {
	tick := time.NewTicker(followPace)
	defer tick.Stop()
	var since time.Time // by Temporal's clock
	for n := 0; ; n++ {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		open := slices.Concat(slices.Collect(maps.Values(s.followed))...)
		s.mu.Unlock()
		slices.SortFunc(open, func(a, b *consigned) int { return a.looked.Compare(b.looked) })
		for _, c := range open[:min(len(open), lookDirectly)] {
			if started := s.look(c); since.IsZero() {
				since = started
			}
		}
		if len(open) > lookDirectly && !since.IsZero() && n%listEvery == 0 {
			since = s.listClosed(since)
		}
	}
}

// look asks for one consignment, settles it if it has closed, and returns when it started.
func (s *Submitter) look(c *consigned) (started time.Time) {
	c.looked = time.Now()
	described, err := s.client.temporal.DescribeWorkflowExecution(s.ctx, c.workflowID, c.runID)
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		s.over(c, Receipt{}, fmt.Errorf("%w: workflow %s is no longer there", ErrAbandoned, c.workflowID))
		return started
	}
	if err != nil {
		return started // another look will tell
	}
	info := described.GetWorkflowExecutionInfo()
	if info.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		s.collect(c)
	}
	return info.GetStartTime().AsTime()
}

// collect reads the receipt of a consignment that has closed.
func (s *Submitter) collect(c *consigned) {
	receipt, err := c.poll(s.ctx, followPace)
	if err == nil {
		s.over(c, receipt, nil)
		return
	}
	if err = c.error(err); errors.Is(err, ErrAbandoned) {
		s.over(c, Receipt{}, err)
	}
}

// over settles a consignment, which is followed no more.
func (s *Submitter) over(c *consigned, receipt Receipt, err error) {
	s.change(func() {
		left := slices.DeleteFunc(s.followed[c.key()], func(other *consigned) bool { return other == c })
		s.followed[c.key()] = left
		if len(left) == 0 {
			delete(s.followed, c.key())
		}
	})
	s.settle(c, receipt, err)
}

// listClosed settles what has closed since then, and returns the time from which on to list next.
func (s *Submitter) listClosed(since time.Time) time.Time {
	newest := since
	request := &workflowservice.ListWorkflowExecutionsRequest{
		PageSize: 1000,
		Query:    fmt.Sprintf("WorkflowType = '%s' AND CloseTime >= '%s'", DeliverWorkflow, since.Add(-overlap).UTC().Format(time.RFC3339Nano)),
	}
	for range maxPages {
		page, err := s.client.temporal.ListWorkflow(s.ctx, request)
		if err != nil {
			return since
		}
		for _, found := range page.GetExecutions() {
			if at := found.GetCloseTime().AsTime(); at.After(newest) {
				newest = at
			}
			s.mu.Lock()
			closed := slices.Clone(s.followed[found.GetExecution().GetWorkflowId()+found.GetExecution().GetRunId()])
			s.mu.Unlock()
			for _, c := range closed {
				s.collect(c)
			}
		}
		more := page.GetNextPageToken()
		if len(more) == 0 {
			break
		}
		request.NextPageToken = more
	}
	return newest
}
