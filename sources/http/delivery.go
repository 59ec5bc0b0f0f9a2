package http

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"

	"github.com/consign-dev/consign"
)

// status says where a result is.
type status string

const (
	// stored: Temporal holds it, so it will be delivered or parked.
	stored status = "stored"
	// committed: every sink has taken it or had it parked.
	committed status = "committed"
	// conflict: its source and id are taken by other data.
	conflict status = "conflict"
	// unsubmitted: it was left out.
	unsubmitted status = "not_submitted"
	// unknown: it may be stored or not.
	unknown status = "unknown"
	// abandoned: it was stored, and its workflow was terminated or has failed.
	abandoned status = "abandoned"
)

// outcome is what is said of one result.
type outcome struct {
	Source string `json:"source"`
	ID     string `json:"id"`
	// IDGiven: the result brought no id, so sent again it is another result.
	IDGiven    bool   `json:"id_given,omitempty"`
	Status     status `json:"status"`
	WorkflowID string `json:"workflow_id,omitempty"`
	Duplicate  bool   `json:"duplicate"`
	// Detail says why, where Status is no good news.
	Detail  string           `json:"detail,omitempty"`
	Receipt *consign.Receipt `json:"receipt,omitempty"`
}

// delivery is what becomes of the results of one request. Its request may be over before it is: then it holds
// nothing any more, since a dead sink keeps the Submitter's grip on a hundred thousand of them.
type delivery struct {
	stored, committed chan struct{} // closed when all are, or are known not to be
	progress          func()        // called when one more is stored

	mu                    sync.Mutex
	closed                bool
	all                   []received
	outcomes              []outcome
	errs                  []error
	unstored, uncommitted int
}

func newDelivery(all []received, progress func()) *delivery {
	d := &delivery{
		all: all, stored: make(chan struct{}), committed: make(chan struct{}), progress: progress,
		outcomes: make([]outcome, len(all)), errs: make([]error, len(all)),
	}
	for i, result := range all {
		d.outcomes[i] = outcome{Source: result.Source, ID: result.ID, IDGiven: result.idGiven, Status: unknown}
		if result.first == i {
			d.unstored++
			d.uncommitted++
		}
	}
	if len(all) == 0 {
		close(d.stored)
		close(d.committed)
	}
	return d
}

// close has the delivery hold nothing, and hear nothing more.
func (d *delivery) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.all, d.outcomes, d.errs = nil, nil, nil
}

// submission is what the Submitter is given for a result.
func (d *delivery) submission(i int, wait bool, over func()) consign.Submission {
	in := consign.Submission{
		Result: d.all[i].Result,
		Stored: func(where consign.Stored, err error) {
			over()
			d.isStored(i, where, err)
		},
	}
	if wait {
		in.Committed = func(receipt consign.Receipt, err error) { d.isCommitted(i, receipt, err) }
	}
	return in
}

// isStored is told by the Submitter.
func (d *delivery) isStored(i int, where consign.Stored, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	o := &d.outcomes[i]
	d.errs[i] = err
	switch {
	case err == nil:
		o.Status, o.WorkflowID, o.Duplicate = stored, where.WorkflowID, where.Duplicate
	case errors.Is(err, consign.ErrConflict):
		o.Status = conflict
	}
	d.progress()
	d.storedOne()
	if err != nil {
		d.committedOne()
	}
}

// isCommitted is told by the Submitter, after isStored.
func (d *delivery) isCommitted(i int, receipt consign.Receipt, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	o := &d.outcomes[i]
	if err != nil {
		o.Status, d.errs[i] = abandoned, err
	} else {
		o.Status, o.Receipt = committed, &receipt
	}
	d.committedOne()
}

// isLeft is for results that were not submitted.
func (d *delivery) isLeft(i int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.outcomes[i].Status, d.errs[i] = unsubmitted, err
	d.storedOne()
	d.committedOne()
}

func (d *delivery) storedOne() {
	d.unstored--
	if d.unstored == 0 {
		close(d.stored)
	}
}

func (d *delivery) committedOne() {
	d.uncommitted--
	if d.uncommitted == 0 {
		close(d.committed)
	}
}

// verdict is what is known now: of each result, whether all are committed, and what went wrong, if anything.
func (d *delivery) verdict() (outcomes []outcome, done bool, p *problem) {
	d.mu.Lock()
	defer d.mu.Unlock()
	outcomes = slices.Clone(d.outcomes)
	worst := -1
	for i := range outcomes {
		o := &outcomes[i]
		if err := d.errs[i]; err != nil {
			o.Detail = err.Error()
		}
		if first := d.all[i].first; first != i {
			*o = outcomes[first]
			o.Duplicate = o.WorkflowID != ""
		}
		if rank(o.Status) > 0 && (worst < 0 || rank(o.Status) > rank(outcomes[worst].Status)) {
			worst = i
		}
	}
	if worst >= 0 {
		p = problemOf(outcomes[worst], d.errs[worst]).at(d.all[worst].line, worst)
		p.Results = outcomes
	}
	return outcomes, d.uncommitted == 0, p
}

// rank orders what can go wrong: first comes what sending the request again would mend.
func rank(s status) int {
	return slices.Index([]status{stored, abandoned, conflict, unsubmitted, unknown}, s)
}

func problemOf(o outcome, err error) *problem {
	switch o.Status {
	case conflict:
		return &problem{slug: "conflict", Status: http.StatusConflict, Detail: err.Error()}
	case abandoned:
		return &problem{slug: "abandoned", Status: http.StatusInternalServerError, Detail: err.Error()}
	case unsubmitted:
		switch {
		case errors.Is(err, consign.ErrInvalid), errors.Is(err, consign.ErrTooLarge):
			return wrong(err)
		case errors.Is(err, context.DeadlineExceeded):
			return &problem{slug: "full", Status: http.StatusTooManyRequests, retryAfter: retryFull, Detail: "as much waits as can, so this result and those after it were not submitted: send the request again later"}
		}
		return unavailable(err.Error())
	default:
		p := unavailable("Temporal has not answered in time: this result may be stored or not, send the request again")
		if err != nil {
			p.Detail = err.Error()
		}
		return p
	}
}
