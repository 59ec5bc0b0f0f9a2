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

// delivery is what becomes of the results of one request. Its request may be over before it is.
type delivery struct {
	all               []received
	stored, committed chan struct{} // closed when all are, or are known not to be

	mu                    sync.Mutex
	outcomes              []outcome
	errs                  []error
	unstored, uncommitted int
}

func newDelivery(all []received) *delivery {
	d := &delivery{
		all: all, stored: make(chan struct{}), committed: make(chan struct{}),
		outcomes: make([]outcome, len(all)), errs: make([]error, len(all)), unstored: len(all), uncommitted: len(all),
	}
	for i, result := range all {
		d.outcomes[i] = outcome{Source: result.Source, ID: result.ID, IDGiven: result.idGiven, Status: unknown}
	}
	if len(all) == 0 {
		close(d.stored)
		close(d.committed)
	}
	return d
}

// isStored is told by the Submitter.
func (d *delivery) isStored(i int, where consign.Stored, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := &d.outcomes[i]
	d.errs[i] = err
	switch {
	case err == nil:
		o.Status, o.WorkflowID, o.Duplicate = stored, where.WorkflowID, where.Duplicate
	case errors.Is(err, consign.ErrConflict):
		o.Status = conflict
	}
	d.storedOne()
	if err != nil {
		d.committedOne()
	}
}

// isCommitted is told by the Submitter, after isStored.
func (d *delivery) isCommitted(i int, receipt consign.Receipt, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
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

// verdict is what is known now: of each result, whether all are committed, and what went wrong, if
// anything. Who does not wait is told of no more than storing.
func (d *delivery) verdict(wait bool) (outcomes []outcome, done bool, p *problem) {
	d.mu.Lock()
	defer d.mu.Unlock()
	outcomes = slices.Clone(d.outcomes)
	worst := -1
	for i := range outcomes {
		o, err := &outcomes[i], d.errs[i]
		if !wait && (o.Status == committed || o.Status == abandoned) {
			o.Status, o.Receipt, err = stored, nil, nil
		}
		if err != nil {
			o.Detail = err.Error()
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
