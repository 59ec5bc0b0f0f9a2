package submit

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
)

// tally counts what became of the input's values. It is safe for use by several goroutines.
type tally struct {
	mutex sync.Mutex

	taken, duplicates            int // in Temporal, and how many of them had been before
	invalid, conflicts, failed   int
	missed                       int // not submitted, as Temporal is away or the run ended
	delivered, unmatched, parked int
	dropped, rejected, open      int
	acksFailed                   int

	away  bool   // Temporal is unreachable or not set up
	all   bool   // the input has been read to its end
	ids   bool   // every result so far has brought an id
	next  *place // where to go on: the first value that was not submitted
	after *place // the last value that was looked at
}

func (t *tally) submitted(duplicate bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.taken++
	if duplicate {
		t.duplicates++
	}
}

// refused counts a value that cannot be submitted or has failed for good.
func (t *tally) refused(err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	switch {
	case errors.Is(err, consign.ErrConflict):
		t.conflicts++
	case errors.Is(err, consign.ErrInvalid), errors.Is(err, consign.ErrTooLarge):
		t.invalid++
	default:
		t.failed++
	}
}

// unsubmitted counts a result that may not be in Temporal, though nothing is wrong with it.
func (t *tally) unsubmitted(at place) {
	t.mutex.Lock()
	t.missed++
	t.mutex.Unlock()
	t.left(at)
}

// left has the input be submitted again from at, unless that has to be earlier.
func (t *tally) left(at place) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.next == nil || at.order < t.next.order {
		t.next = &at
	}
}

func (t *tally) passed(at place) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.after = &at
}

// complete notes that the input has been read to its end.
func (t *tally) complete() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.all = true
}

func (t *tally) noTemporal() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.away = true
}

// fresh notes a result without an id. It is true the first time.
func (t *tally) fresh() bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	first := t.ids
	t.ids = false
	return first
}

// committed counts a result by the worst that became of it at a sink.
func (t *tally) committed(receipt consign.Receipt) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	seen := map[consign.Outcome]bool{}
	for _, leg := range receipt.Legs {
		seen[leg.Outcome] = true
		for _, e := range leg.Except {
			seen[e.Outcome] = true
		}
	}
	for _, u := range receipt.Unrouted {
		seen[u.Outcome] = true
	}
	switch {
	case seen[consign.Rejected]:
		t.rejected++
	case seen[consign.Parked]:
		t.parked++
	case seen[consign.Dropped]:
		t.dropped++
	case seen[consign.Unmatched]:
		t.unmatched++
	default:
		t.delivered++
	}
	if receipt.Ack == consign.AckFailed {
		t.acksFailed++
	}
}

func (t *tally) uncommitted() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.open++
}

// summary is one line, such as "submitted 503 (12 duplicates, 3 invalid) in 2.1 s".
func (t *tally) summary(wait bool, took time.Duration) string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	var line strings.Builder
	fmt.Fprintf(&line, "submitted %d", t.taken)
	beside := some(amount{t.duplicates, "duplicates", "duplicate"}, amount{t.invalid, "invalid", ""}, amount{t.conflicts, "conflicts", "conflict"},
		amount{t.failed, "failed", ""}, amount{t.missed, "not submitted", ""})
	if beside != "" {
		fmt.Fprintf(&line, " (%s)", beside)
	}
	fmt.Fprintf(&line, " in %.1f s", took.Seconds())
	if wait {
		fmt.Fprintf(&line, ": %d delivered, %d parked, %d dropped, %d rejected", t.delivered, t.parked, t.dropped, t.rejected)
		if more := some(amount{t.unmatched, "wanted by no sink", ""}, amount{t.open, "not committed yet", ""}, amount{t.acksFailed, "acks failed", "ack failed"}); more != "" {
			line.WriteString(", " + more)
		}
	}
	return line.String()
}

type amount struct {
	n         int
	many, one string
}

// some lists the amounts that are not zero.
func some(amounts ...amount) string {
	var parts []string
	for _, a := range amounts {
		switch {
		case a.n == 1 && a.one != "":
			parts = append(parts, "1 "+a.one)
		case a.n > 0:
			parts = append(parts, fmt.Sprintf("%d %s", a.n, a.many))
		}
	}
	return strings.Join(parts, ", ")
}

// verdict is the error the command ends with, after a run that stopped because of stopped.
func (t *tally) verdict(stopped error) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.all && t.next == nil && t.open == 0 {
		stopped = nil // too late to make a difference
	}
	switch {
	case t.away:
		return exit.With(exit.NoTemporal, fmt.Errorf("stopped, as Temporal does not take results: %s", t.rest()))
	case errors.Is(stopped, errStrict):
		return exit.With(exit.Failed, fmt.Errorf("stopped at the first bad value (--strict): %s", t.rest()))
	case errors.Is(stopped, errTimeout):
		return exit.With(exit.Failed, fmt.Errorf("stopped by --timeout: %s", t.rest()))
	case stopped != nil:
		return exit.With(exit.Failed, fmt.Errorf("interrupted: %s", t.rest()))
	case t.invalid+t.conflicts+t.failed+t.missed+t.open+t.acksFailed > 0:
		return exit.With(exit.Failed, nil)
	case t.parked+t.dropped+t.rejected > 0:
		return exit.With(exit.NotDelivered, nil)
	}
	return nil
}

// rest says where to go on, and that submitting the input again does no harm.
func (t *tally) rest() string {
	var from string
	switch {
	case t.all && t.next == nil:
		return "all was submitted and is safe, and is delivered without this command"
	case t.next != nil:
		from = fmt.Sprintf("submit again from %s on", *t.next)
	case t.after != nil:
		from = fmt.Sprintf("submit again what comes after %s", *t.after)
	default:
		return "nothing was submitted"
	}
	if !t.ids {
		return from + "; what came before is safe (results without an id are delivered again when they are submitted again)"
	}
	return from + ", or the whole input: what came before is safe, and is recognised by its id"
}

func (t *tally) count() int {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.taken
}
