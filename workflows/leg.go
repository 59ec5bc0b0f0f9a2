package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
)

// host is the workflow that a leg belongs to.
type host interface {
	// retrying hears that a leg goes on after a failure.
	retrying(ctx workflow.Context)
	// park makes sure that what the leg could not deliver is held, and returns by what.
	park(ctx workflow.Context, l *leg, positions []int) (deadLetter string)
	// legOver hears that the leg is over for one of its results.
	legOver(ctx workflow.Context, l *leg, position int)
}

// leg is one consignment's delivery to one sink.
type leg struct {
	activities.Leg
	results []consign.Result
	indexes []int // of results in the consignment
	first   time.Time
	inline  bool // the first attempt may be a local activity
	name    string
	pacer   *pacer
	rank    int // of its queued attempts in the sink's queue; 0: as live results are
	host    host
	parts   []*leg // what it was split into
	pending

	ends     []end // by position
	tried    bool  // the first attempt is over or skipped
	made     int
	before   int // attempts of the legs that came before this one, when it is a replay
	lost     int // lost attempts that used up no retry
	attempts []consign.Attempt
}

// maxHistory is the size of a history, in bytes, at which a leg is not queued once more. Each time
// stores up to 1 MiB of results again, and at 50 MiB the server terminates the workflow.
const maxHistory = 20 << 20

// lostIsFree is the change by which a leg is not parked because the worker of its last attempt was killed.
const lostIsFree = "lost attempts use up no retry"

// alwaysWaits is the change by which what is tried again without a word of when waits for the sink's backoff.
const alwaysWaits = "what is tried again waits"

// maxEvents is the same in events. At 51,200 the server terminates the workflow.
const maxEvents = 40_000

// countsEvents is the change by which a history is full by its events, too.
const countsEvents = "a history is full by its events"

func full(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetCurrentHistorySize() > maxHistory ||
		info.GetCurrentHistoryLength() > maxEvents && workflow.GetVersion(ctx, countsEvents, workflow.DefaultVersion, 1) > workflow.DefaultVersion
}

// end is how a leg ended for one result.
type end struct {
	outcome    consign.Outcome
	label      string
	cause      string
	deadLetter string
}

func (l *leg) begin() { l.ends = make([]end, len(l.results)) }

// run drives the leg: the first attempt inline, the others queued, until each result is delivered,
// parked or dropped. It does not return an error: what cannot be delivered is parked.
func (l *leg) run(ctx workflow.Context) {
	pending := make([]int, len(l.results))
	for i := range pending {
		pending[i] = i
	}
	if l.Sink == config.NoSink {
		l.tried = true
		l.fail(pending, "unmatched", "no sink wants this result")
		l.parkAll(ctx, pending)
		return
	}
	pending, undecided := l.decided(pending)
	outcome := activities.Outcome{Skipped: "the first attempt is queued"}
	if len(pending) > 0 && !l.tooOld(ctx, 0) && l.inline && (l.Policy.Inline || l.Policy.BestEffort) {
		outcome = l.attemptInline(ctx, pending)
	}
	l.parkAll(ctx, undecided)
	if outcome.Dropped {
		l.tried = true
		l.over(ctx, pending, consign.Dropped)
		return
	}
	if l.Singly && len(pending) > 1 && outcome.Skipped != "" {
		l.deliverSingly(ctx, pending)
	} else {
		l.deliver(ctx, pending, outcome)
	}
	if l.inline && l.Policy.BestEffort {
		l.leaveGate(ctx)
	}
}

// deliver goes on after the first, inline attempt, which may have been skipped.
func (l *leg) deliver(ctx workflow.Context, pending []int, outcome activities.Outcome) {
	defer func() { l.ended = true }()
	budget := l.Policy.RetryMax + 1
	var wait time.Duration
	if outcome.Skipped == "" {
		budget -= 1 - outcome.Free
		pending = l.settle(ctx, pending, outcome)
		wait = outcome.After.Duration()
	}
	l.tried = true
	for len(pending) > 0 && budget > 0 {
		if l.tooOld(ctx, wait) {
			l.expire(pending)
			break
		}
		if !l.wait(ctx, wait) {
			break
		}
		if full(ctx) {
			l.fail(pending, "history full", "its workflow's history is full: replay it, and it goes on in a new one")
			break
		}
		outcome, cancelled := l.attemptQueued(ctx, pending, budget)
		if cancelled {
			break
		}
		if outcome.Skipped != "" {
			// No attempt was made now, so none is used up; those that Temporal made before are, unless lost.
			free := min(max(outcome.Free, 0), activities.MaxLost-l.lost)
			l.lost += free
			budget -= max(outcome.Made-free, 0)
			l.count(outcome)
			if wait = outcome.After.Duration(); wait <= 0 {
				wait = max(l.Policy.Backoff.Duration(), time.Millisecond)
			}
			continue
		}
		budget -= max(outcome.Made-max(outcome.Free, 0), 1)
		if budget < 1 && outcome.Lost && l.lost < activities.MaxLost && workflow.GetVersion(ctx, lostIsFree, workflow.DefaultVersion, 1) > workflow.DefaultVersion {
			l.lost++
			budget = 1
		}
		pending = l.settle(ctx, pending, outcome)
		// A foreign worker may leave it out, and a lost one says nothing.
		if wait = outcome.After.Duration(); wait <= 0 && len(pending) > 0 && workflow.GetVersion(ctx, alwaysWaits, workflow.DefaultVersion, 1) > workflow.DefaultVersion {
			wait = l.patience()
		}
	}
	switch {
	case l.parkedBy != "":
		l.fail(pending, "parked by hand", l.parkedBy)
	case ctx.Err() != nil:
		l.fail(pending, "cancelled", "cancelled before "+l.Sink+" had taken it")
	}
	l.parkAll(ctx, pending)
}

// count adds the attempts of an activity to the leg's log.
func (l *leg) count(outcome activities.Outcome) {
	l.made += max(outcome.Made, 0)
	for _, attempt := range activities.LastAttempts(outcome.Attempts) {
		attempt.Label, attempt.Cause = clip(attempt.Label, attempt.Cause)
		l.attempts = append(l.attempts, attempt)
	}
	l.attempts = activities.LastAttempts(l.attempts)
}

// settle ends the leg for what was delivered or failed for good, and returns what is to be tried
// again. Positions outside of the batch, from a foreign worker, are ignored.
func (l *leg) settle(ctx workflow.Context, pending []int, outcome activities.Outcome) []int {
	l.count(outcome)
	failed := make([]*activities.Failed, len(pending))
	for i := range outcome.Failures {
		if at := outcome.Failures[i].Index; at >= 0 && at < len(pending) {
			failed[at] = &outcome.Failures[i]
		}
	}
	var delivered, hopeless, again []int
	for at, position := range pending {
		switch f := failed[at]; {
		case f == nil:
			delivered = append(delivered, position)
		case f.Permanent:
			l.fail([]int{position}, f.Label, f.Cause)
			hopeless = append(hopeless, position)
		default:
			l.fail([]int{position}, f.Label, f.Cause)
			again = append(again, position)
		}
	}
	l.over(ctx, delivered, consign.Delivered)
	l.parkAll(ctx, hopeless)
	if len(again) > 0 {
		l.host.retrying(ctx)
	}
	return again
}

// fail notes why results were not delivered.
func (l *leg) fail(positions []int, label, cause string) {
	label, cause = clip(label, cause)
	for _, position := range positions {
		l.ends[position].label, l.ends[position].cause = label, cause
	}
}

// clip bounds what a worker, perhaps a foreign one, has said: the label is a search attribute, and the
// cause stands in receipts and dead letters.
func clip(label, cause string) (string, string) {
	if label == "" {
		label = "error"
	}
	return activities.Clip(label, 100), activities.Clip(cause, 1<<10)
}

// over ends the leg for these results.
func (l *leg) over(ctx workflow.Context, positions []int, outcome consign.Outcome) {
	for _, position := range positions {
		e := &l.ends[position]
		e.outcome = outcome
		if outcome != consign.Parked {
			e.label, e.cause = "", ""
		}
		l.host.legOver(ctx, l, position)
	}
}

func (l *leg) parkAll(ctx workflow.Context, positions []int) {
	if len(positions) == 0 {
		return
	}
	id := l.host.park(ctx, l, positions)
	for _, position := range positions {
		l.ends[position].deadLetter = id
	}
	l.over(ctx, positions, consign.Parked)
}
