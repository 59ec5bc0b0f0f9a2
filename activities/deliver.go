package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

// DeliverInput asks for one attempt at one sink. It is what a queued attempt stands for on the task
// queue consign.<sink>, so a worker in another language can serve a sink by it.
type DeliverInput struct {
	Sink  string `json:"sink"`
	Kind  string `json:"kind"`
	Batch []Item `json:"batch"`
	// First is when the first attempt was due; the same on every retry.
	First  time.Time `json:"first"`
	Policy Policy    `json:"policy"`
	// Made counts the attempts that the leg has made before this activity, and Before those of legs
	// before it, when this one is a replay.
	Made   int `json:"made"`
	Before int `json:"before,omitempty"`
	// At is when this attempt began. Only inline: a queued one has it from Temporal.
	At time.Time `json:"at,omitzero"`
	// Leg names the leg at the gate of a best-effort sink. Only inline.
	Leg string `json:"leg,omitempty"`
	// Replay says that it is a replay's, which leaves half of the sink's slots to live results. Only inline.
	Replay bool `json:"replay,omitempty"`
	// Settle says that the leg is over: nothing is delivered. Only inline.
	Settle bool `json:"settle,omitempty"`
}

// Item is one result of the batch.
type Item struct {
	DeliveryID string         `json:"delivery_id"`
	Result     consign.Result `json:"result"`
}

// queueSlack is what a queued attempt may take beyond the sink's timeout: waiting for a slot that
// an inline attempt holds, and reporting.
const queueSlack = InlineLimit + 3*time.Second

// QueuedLimit is how long a worker may hold a queued attempt at that many results before Temporal
// counts it as lost.
func QueuedLimit(p Policy, results int) time.Duration { return p.whole(results) + queueSlack }

// noSuchSink skips an attempt in a worker whose configuration is another one than that of the worker
// that routed the result. It goes on in the sink's queue, which only workers that know the sink poll.
const noSuchSink = "this worker has no such sink"

// Deliver is the activity "deliver": one attempt, inline when it runs as a local activity.
func (a *Activities) Deliver(ctx context.Context, in DeliverInput) (Outcome, error) {
	if activity.GetInfo(ctx).IsLocalActivity {
		gate, done := a.gate(in.Sink)
		defer done()
		return a.inline(ctx, gate, in), nil
	}
	if len(in.Batch) == 0 {
		return Outcome{}, nil // no workflow of ours sends that
	}
	for {
		outcome, err := a.atGate(ctx, in)
		if !errors.Is(err, errReplaced) {
			return outcome, err
		}
	}
}

// atGate makes a queued attempt at the sink's gate of now.
func (a *Activities) atGate(ctx context.Context, in DeliverInput) (Outcome, error) {
	gate, done := a.gate(in.Sink)
	defer done()
	return a.queued(ctx, gate, in)
}

func (a *Activities) inline(ctx context.Context, gate *Gate, in DeliverInput) Outcome {
	if gate == nil {
		return Outcome{Skipped: noSuchSink}
	}
	if in.Settle {
		gate.Settle(in.Leg)
		return Outcome{}
	}
	if in.Policy.BestEffort && !gate.Admit(in.Leg) {
		a.Metrics.dropped.WithLabelValues(gate.Name()).Add(float64(len(in.Batch)))
		a.Metrics.deliveries.WithLabelValues(gate.Name(), string(consign.Dropped)).Add(float64(len(in.Batch)))
		a.Tail.dropped(in)
		return Outcome{Dropped: true}
	}
	if !in.Policy.Inline {
		return Outcome{Skipped: "inline: false"}
	}
	if in.Replay && !gate.spare() {
		return Outcome{Skipped: "no slot to spare"}
	}
	leave, why := gate.TryInline(parts(len(in.Batch), max(in.Policy.BatchMax, 1)))
	if leave == nil {
		return Outcome{Skipped: why}
	}
	defer leave()
	limit := InlineLimit
	if in.Policy.whole(len(in.Batch)) <= InlineLimit {
		limit = 0 // the sink's own timeout is what ends it
	}
	outcome, skipped := a.attempt(ctx, gate, in, 1, limit)
	if skipped != nil {
		return Outcome{Skipped: skipped.Error()}
	}
	outcome.Made = 1
	return outcome
}

// queued makes one attempt under Temporal's retry policy. When nothing at all was achieved it fails,
// so that Temporal shows the failure and tries again; otherwise it returns, and the workflow goes on
// with what is left.
func (a *Activities) queued(ctx context.Context, gate *Gate, in DeliverInput) (Outcome, error) {
	info := activity.GetInfo(ctx)
	log := a.attemptLog(ctx, in, int(info.Attempt))
	skip := func(why string) (Outcome, error) {
		return Outcome{Skipped: why, Failures: all(in), Made: int(info.Attempt) - 1, Free: min(lost(log), MaxLost), Attempts: log}, nil
	}
	if gate == nil { // the task was put into another sink's queue
		return skip(noSuchSink)
	}
	if gate.settings.External { // it was polled before the sink became so
		return skip("the sink is served by a worker of its own")
	}
	if in.Policy.TooOld(in.First, a.began(ctx, in.At)) {
		return skip("older than max_age")
	}
	// The deadline is Temporal's. What it leaves after the sink's own timeout may go in waiting.
	enter, cancel := context.WithDeadline(ctx, info.Deadline.Add(-in.Policy.whole(len(in.Batch))-time.Second))
	defer cancel()
	leave, err := gate.Enter(enter)
	if errors.Is(err, errReplaced) {
		return Outcome{}, err // it is made at the gate that has taken this one's place
	}
	if err != nil {
		return skip("no free slot")
	}
	defer leave()
	began := time.Now()
	outcome, skipped := a.attempt(ctx, gate, in, in.Made+int(info.Attempt), 0)
	if skipped != nil {
		outcome, err := skip(skipped.Error())
		outcome.After = consign.Millis(gate.probeIn()) // and not after another back-off, which may be hours
		return outcome, err
	}
	outcome.Made = int(info.Attempt)
	outcome.Free += min(lost(log), MaxLost)
	outcome.Attempts = LastAttempts(append(log, outcome.Attempts...))
	if ctx.Err() != nil && len(outcome.Failures) == len(in.Batch) {
		return skip("the worker is stopping")
	}
	if gate.cut.Err() != nil && len(outcome.Failures) == len(in.Batch) {
		return skip("broken off, since the sink's settings have changed")
	}
	permanent := 0
	for _, failed := range outcome.Failures {
		if failed.Permanent {
			permanent++
		}
	}
	hopeless := permanent == len(in.Batch)
	if hopeless || permanent == 0 && len(outcome.Failures) == len(in.Batch) {
		// The workflow gives up what is too old. Temporal's retries would wait for it first.
		late := in.Policy.TooOld(in.First, a.began(ctx, in.At).Add(time.Since(began)+outcome.After.Duration()))
		return Outcome{}, failure(ctx, outcome, hopeless || late)
	}
	return outcome, nil
}

// attempt hands the batch to the sink once: the n-th time for this leg. limit is that of an inline
// attempt; 0 is none beyond the sink's own timeout.
func (a *Activities) attempt(ctx context.Context, gate *Gate, in DeliverInput, n int, limit time.Duration) (Outcome, error) {
	number, at := in.Before+n, a.began(ctx, in.At)
	spans := spansOf(ctx, &in, gate.Name(), number)
	batch := make([]sinks.Delivery, len(in.Batch))
	for i, item := range in.Batch {
		batch[i] = sinks.Delivery{ID: item.DeliveryID, Result: item.Result, First: in.First, At: at, Attempt: number, TraceContext: spans.at(&item.Result)}
	}
	began := time.Now()
	errs, err := gate.deliver(ctx, try{
		batch: batch, batchMax: max(in.Policy.BatchMax, 1),
		timeout: in.Policy.Timeout.Duration(), limit: limit, backoff: in.Policy.Backoff.Duration(),
	})
	if err != nil {
		spans.skipped(err.Error())
		return Outcome{}, err
	}
	if number > 1 {
		a.Metrics.retries.WithLabelValues(gate.Name()).Inc()
	}
	a.pauseGone(ctx, gate, errs)
	outcome, asked := outcomeOf(errs, a.Current().redact(gate))
	spans.end(&in, outcome.Failures)
	a.Metrics.attempt(gate.Name(), len(in.Batch), outcome.Failures)
	gate.history.note(in.Batch, outcome.Failures)
	a.Tail.attempted(in, gate.Name(), outcome.Failures, number, time.Since(began))
	if len(outcome.Failures) > 0 {
		last := outcome.Failures[len(outcome.Failures)-1]
		outcome.Attempts = []consign.Attempt{{
			Number: number, At: at, Took: consign.Millis(time.Since(began)), Label: last.Label, Cause: last.Cause,
		}}
		outcome.After = consign.Millis(in.Policy.next(n, asked))
		a.Log.Info("attempt failed",
			zap.String("sink", gate.Name()), zap.String("result", in.Batch[last.Index].Result.Source+"/"+in.Batch[last.Index].Result.ID),
			zap.Int("attempt", number), zap.String("cause", last.Cause), zap.Bool("permanent", last.Permanent))
		outcome.bound()
	}
	return outcome, nil
}

// failure is what a queued attempt that achieved nothing returns. It is never wrapped, since the
// server reads only the outermost error.
func failure(ctx context.Context, outcome Outcome, final bool) error {
	last := outcome.Failures[len(outcome.Failures)-1]
	options := temporal.ApplicationErrorOptions{
		NonRetryable:   final,
		NextRetryDelay: outcome.After.Duration(),
		Category:       temporal.ApplicationErrorCategoryBenign,
	}
	info := activity.GetInfo(ctx)
	if final || info.RetryPolicy == nil || info.Attempt >= info.RetryPolicy.MaximumAttempts {
		// The workflow sees the last failure alone. Earlier ones do without: Temporal replaces the
		// failure of a pending attempt by one that says nothing when it is over 4 KiB.
		options.Details = []any{outcome}
	} else {
		// Temporal keeps no log of earlier attempts: it travels in the heartbeat from one to the next.
		activity.RecordHeartbeat(ctx, outcome.Attempts)
	}
	return temporal.NewApplicationErrorWithOptions(last.Cause, last.Label, options)
}

// MaxLost is how many lost attempts of a leg use up no retry: those whose worker was killed, which is no
// failure of the sink. They are counted, since there may be a result that kills its worker each time.
const MaxLost = 3

const lostLabel = "lost"

func lost(log []consign.Attempt) int {
	count := 0
	for _, attempt := range log {
		if attempt.Label == lostLabel {
			count++
		}
	}
	return count
}

// attemptLog is the log of this activity's earlier attempts. One that left no entry was cut short.
func (a *Activities) attemptLog(ctx context.Context, in DeliverInput, attempt int) []consign.Attempt {
	var log []consign.Attempt
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &log); err != nil {
			a.Log.Warn("attempt log unreadable", zap.Error(err))
		}
	}
	before := in.Before + in.Made
	next := before + 1
	if len(log) > 0 { // of which only the last 100 are kept, so its length does not tell
		next = max(next, log[len(log)-1].Number+1)
	}
	for number := next; number < before+attempt; number++ {
		log = append(log, consign.Attempt{Number: number, Label: lostLabel, Cause: "the worker stopped, or was killed, during this attempt"})
	}
	return log
}
