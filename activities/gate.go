package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// Gate stands before one sink in one worker. It bounds the attempts under way, decides whether a
// first attempt may be inline, keeps the circuit, and counts open legs of a best-effort sink.
type Gate struct {
	settings config.Sink
	sink     sinks.Sink
	running  chan struct{}
	circuit  *gobreaker.TwoStepCircuitBreaker[struct{}]
	pace     pace
	metrics  *Metrics
	paused   atomic.Bool // for every worker, as Temporal keeps it

	legs    legs
	history *history
	hide    func(string) string // nil: nothing

	replaced chan struct{}   // closed when the gate is retired
	unused   chan struct{}   // closed when it is retired and nobody uses it
	cut      context.Context // over when attempts under way are broken off
	breakOff context.CancelFunc

	mu      sync.Mutex
	until   time.Time     // the sink asked to be left alone until then
	reopens time.Time     // when an open circuit lets a probe through
	ramp    int           // attempts at once of a sink whose circuit has closed; 0: as many as may be
	changed chan struct{} // closed when until, reopens or the circuit's state changes
	users   int           // attempts under way, and those about to be
	retired bool
}

// rampStart is how many attempts at once a sink gets after its circuit has closed. Each that shows it alive
// makes it one more, up to the sink's concurrency: what has waited must not fall upon it all at once.
const rampStart = 2

// errCircuitOpen means that no attempt was made.
var errCircuitOpen = errors.New("circuit open")

// probeIn is how long it takes until a circuit that is not closed may let the next attempt through.
func (g *Gate) probeIn() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if wait := time.Until(g.reopens); wait > 0 {
		return wait
	}
	return g.settings.Circuit.Open // a probe is under way, and may fail
}

// NewGate puts a gate before an open sink. hide takes out of texts what its configuration hides; nil: nothing.
func NewGate(settings config.Sink, sink sinks.Sink, metrics *Metrics, hide func(string) string) *Gate {
	g := &Gate{
		settings: settings,
		sink:     sink,
		running:  make(chan struct{}, settings.Concurrency),
		legs:     legs{limit: settings.Concurrency + settings.QueueDepth, open: map[string]time.Time{}},
		changed:  make(chan struct{}),
		metrics:  metrics,
		history:  new(history),
		hide:     hide,
		replaced: make(chan struct{}),
		unused:   make(chan struct{}),
	}
	g.cut, g.breakOff = context.WithCancel(context.Background())
	metrics.register(settings.Name)
	g.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        settings.Name,
		MaxRequests: 1, // one probe at a time
		Timeout:     settings.Circuit.Open,
		ReadyToTrip: func(counts gobreaker.Counts) bool {
			limit := settings.Circuit.Failures
			return limit > 0 && int64(counts.ConsecutiveFailures) >= int64(limit)
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errBrokenOff) },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			g.mu.Lock()
			defer g.mu.Unlock()
			switch to {
			case gobreaker.StateOpen:
				g.reopens = time.Now().Add(settings.Circuit.Open)
				g.ramp = 0
			case gobreaker.StateClosed:
				g.ramp = rampStart
			case gobreaker.StateHalfOpen:
			}
			if !g.retired { // else another one's circuit counts
				metrics.circuit.WithLabelValues(settings.Name).Set(circuitValue(to))
			}
			g.signal()
		},
	})
	return g
}

// Name of the sink.
func (g *Gate) Name() string { return g.settings.Name }

// Settings of the sink.
func (g *Gate) Settings() config.Sink { return g.settings }

// Close closes the sink.
func (g *Gate) Close(ctx context.Context) error {
	g.breakOff()
	return g.sink.Close(ctx)
}

// signal wakes whoever waits for a change. The mutex is held.
func (g *Gate) signal() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// TryInline takes a slot for an inline attempt in so many parts, or says why there is to be none.
func (g *Gate) TryInline(parts int) (leave func(), why string) {
	if g.settings.External { // which a delivery that was routed before the sink became so does not know
		return nil, "the sink is served by a worker of its own"
	}
	if g.settings.RateLimit != "" { // which a delivery that was routed before does not know
		return nil, "the sink has a rate limit"
	}
	if g.paused.Load() {
		return nil, "the sink is paused"
	}
	if g.circuit.State() != gobreaker.StateClosed {
		return nil, "circuit open"
	}
	if g.held() > 0 {
		return nil, "the sink asked to be left alone"
	}
	if limit := g.rampLimit(); limit > 0 && len(g.running) >= limit {
		return nil, "the sink has just come back"
	}
	if g.pace.slow(time.Now()) {
		return nil, "the sink is slow"
	}
	select {
	case g.running <- struct{}{}:
	default:
		return nil, "no free slot"
	}
	over := g.pace.begin(time.Now(), parts)
	return func() { over(); <-g.running }, ""
}

// spare tells whether half of the slots are free, which replays leave to live results. Of a single one they may have it.
func (g *Gate) spare() bool { return len(g.running) < (cap(g.running)+1)/2 }

// Pause says whether the sink is paused, and returns what was said before.
func (g *Gate) Pause(paused bool) (was bool) {
	value := 0.0
	if paused {
		value = 1
	}
	g.metrics.paused.WithLabelValues(g.Name()).Set(value)
	return g.paused.Swap(paused)
}

// Paused tells whether the sink is paused.
func (g *Gate) Paused() bool { return g.paused.Load() }

// Enter waits for a slot for a queued attempt.
func (g *Gate) Enter(ctx context.Context) (leave func(), err error) {
	select {
	case g.running <- struct{}{}:
		if g.isReplaced() { // with several cases ready, select picks any of them
			<-g.running
			return nil, errReplaced
		}
		return func() { <-g.running }, nil
	case <-g.replaced:
		return nil, errReplaced
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Ready tells whether a worker may ask for another task of the sink's queue, holding as many
// already. If not, it tells after which time, and on which event, to ask again.
func (g *Gate) Ready(holding int) (ok bool, wait time.Duration, changed <-chan struct{}) {
	state := g.circuit.State() // moves an open circuit to half-open when its time has come
	g.mu.Lock()
	defer g.mu.Unlock()
	const idle = time.Minute // an event wakes the waiter sooner
	now := time.Now()
	switch {
	case state == gobreaker.StateOpen:
		return false, max(g.reopens.Sub(now), time.Millisecond), g.changed
	case now.Before(g.until):
		return false, g.until.Sub(now), g.changed
	case state == gobreaker.StateHalfOpen && holding > 0, g.ramp > 0 && holding >= g.ramp:
		return false, idle, g.changed
	}
	return true, 0, g.changed
}

// Released wakes a worker that waits to probe a half-open circuit.
func (g *Gate) Released() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.signal()
}

// try is one attempt at a batch.
type try struct {
	batch    []sinks.Delivery
	batchMax int
	timeout  time.Duration // for each batch_max of results
	limit    time.Duration // for all of them; 0 is none
	backoff  time.Duration
}

// errBrokenOff means that the limit of an inline attempt has passed and not the sink's own timeout. It
// says nothing of the sink.
var errBrokenOff = errors.New("not over within an inline attempt; it goes on in the queue")

// deliver makes one attempt through the circuit, in parts of batch_max.
func (g *Gate) deliver(ctx context.Context, t try) ([]error, error) {
	done, err := g.circuit.Allow()
	if err != nil {
		return nil, errCircuitOpen
	}
	began := time.Now()
	g.metrics.inflight.WithLabelValues(g.Name()).Inc()
	if t.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, t.limit, errBrokenOff)
		defer cancel()
	}
	ctx, breakOff := context.WithCancelCause(ctx)
	defer breakOff(nil)
	defer context.AfterFunc(g.cut, func() { breakOff(errBrokenOff) })() //nolint:contextcheck // it ends with the gate's too
	errs := make([]error, 0, len(t.batch))
	for start := 0; start < len(t.batch); start += t.batchMax {
		errs = append(errs, g.classed(g.part(ctx, t.batch[start:min(start+t.batchMax, len(t.batch))], t.timeout))...)
	}
	g.metrics.inflight.WithLabelValues(g.Name()).Dec()
	took := time.Since(began)
	g.pace.record(took, parts(len(t.batch), t.batchMax))
	g.metrics.seconds.WithLabelValues(g.Name()).Observe(took.Seconds())
	verdict := g.verdict(errs, t.backoff)
	done(verdict)
	if verdict == nil {
		g.widen()
	}
	return errs, nil
}

// parts is in how many parts of batch_max results are handed over.
func parts(results, batchMax int) int { return (results + batchMax - 1) / batchMax }

// part hands over one batch_max of results, for which the sink has its whole timeout.
func (g *Gate) part(ctx context.Context, part []sinks.Delivery, timeout time.Duration) []error {
	if context.Cause(ctx) == errBrokenOff { //nolint:errorlint // it is this value
		return sinks.All(part, errBrokenOff)
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reports := g.call(limited, part)
	if context.Cause(limited) != errBrokenOff { //nolint:errorlint // as above
		return reports
	}
	for i, err := range reports {
		if err != nil && (g.cut.Err() != nil || sinks.Classify(err).Label == sinks.LabelTimeout) {
			reports[i] = errBrokenOff
		}
	}
	return reports
}

// classed has failures count as the sink's settings class them.
func (g *Gate) classed(errs []error) []error {
	for i, err := range errs {
		if err != nil && !errors.Is(err, errBrokenOff) {
			errs[i] = Classed(g.settings, err)
		}
	}
	return errs
}

// Classed has a failure count as the sink's settings class it.
func Classed(sink config.Sink, err error) error {
	failure := sinks.Classify(err)
	switch sink.Class(failure.Code, failure.Message) {
	case config.Permanent:
		return sinks.Permanent(err)
	case config.Transient:
		return sinks.Transient(err)
	case config.Unclassed:
	}
	return err
}

// call hands one batch to the sink and returns a report for each of its results, whatever the sink
// does: one that panics has delivered nothing.
func (g *Gate) call(ctx context.Context, part []sinks.Delivery) (reports []error) {
	defer func() {
		if p := recover(); p != nil {
			reports = sinks.All(part, fmt.Errorf("sink %s panicked: %v", g.Name(), p))
		}
	}()
	reports = g.sink.Deliver(ctx, part)
	switch len(reports) {
	case len(part):
		return reports
	case 0:
		return make([]error, len(part))
	}
	return sinks.All(part, fmt.Errorf("sink %s reported on %d of %d results", g.Name(), len(reports), len(part)))
}

// verdict is what the circuit hears of an attempt: an error when every result failed transiently. A
// sink that takes one result, or refuses one for good, is alive.
func (g *Gate) verdict(errs []error, backoff time.Duration) error {
	var last error
	alive := len(errs) == 0
	for _, err := range errs {
		if err == nil {
			alive = true
			continue
		}
		if last == nil || !errors.Is(err, errBrokenOff) {
			last = err
		}
		failure := sinks.Classify(err)
		alive = alive || failure.Permanent
		if failure.Busy {
			g.hold(max(failure.After, backoff))
		}
	}
	if alive {
		return nil
	}
	return last
}

func (g *Gate) hold(d time.Duration) {
	if limit := g.settings.Retry.MaxRetryAfter; limit > 0 {
		d = min(d, limit)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := time.Now().Add(d); until.After(g.until) {
		g.until = until
		g.signal()
	}
}

// widen lets one more attempt at once reach a sink that has come back.
func (g *Gate) widen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ramp == 0 {
		return
	}
	g.ramp++
	if g.ramp >= g.settings.Concurrency {
		g.ramp = 0
	}
	g.signal()
}

func (g *Gate) rampLimit() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ramp
}

// held is how long the sink is still to be left alone.
func (g *Gate) held() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Until(g.until)
}

func circuitValue(s gobreaker.State) float64 {
	switch s {
	case gobreaker.StateOpen:
		return 1
	case gobreaker.StateHalfOpen:
		return 0.5
	case gobreaker.StateClosed:
	}
	return 0
}
