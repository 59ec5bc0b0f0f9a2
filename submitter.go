package consign

import (
	"context"
	"fmt"
	"sync"
)

// SubmitterOptions say how a [Submitter] keeps up with a stream. The zero value gives each result a
// workflow of its own, as [Client.Submit] does.
type SubmitterOptions struct {
	// MaxInFlight bounds the consignments whose first attempts are not over. None counts for more than some
	// 10 s, so that results are stored, if slowly, while no worker is there. Default 64, or 16 where
	// BatchMax is above 1.
	MaxInFlight int
	// MaxOpen bounds the results that are not committed at every sink, which a dead sink makes many.
	// Submit blocks beyond it. Default 100,000.
	MaxOpen int
	// BatchMax is the most results that one workflow may carry, up to [MaxConsignmentResults]. Above 1,
	// results that wait for a place in flight coalesce: an idle system still gives each its own
	// workflow, a flooded one makes larger consignments. What shared a workflow is not known again when
	// it is submitted a second time, so receivers have to drop duplicates by the delivery id. Default 1.
	BatchMax int
	// BatchBytes is the most that one workflow may carry, in bytes of encoded results, up to
	// [MaxConsignmentBytes], which is the default. A single result may be larger.
	BatchBytes int
}

// Submission is a result on its way through a [Submitter]. Its functions are called from goroutines of
// the submitter, so they must not block for long.
type Submission struct {
	Result Result
	// Ack is one more place to tell that the result is committed, beside Committed. It outlives this
	// process. Optional.
	Ack *AckTarget
	// Stored is called once: without an error when the result is durably in Temporal, and so will be
	// delivered whatever becomes of this process, else with the reason why it is not known to be. Optional.
	Stored func(Stored, error)
	// Committed is called after Stored without an error, with the receipt once the result is committed at every sink,
	// or with [ErrAbandoned]. It is not called for what is open when the submitter is closed. Optional.
	Committed func(Receipt, error)
}

// Stored tells where a result is that a [Submitter] took.
type Stored struct {
	// ID of the result: the one submitted, or the UUID it was given.
	ID string
	// WorkflowID and RunID of the workflow that carries it, maybe with others.
	WorkflowID, RunID string
	// Duplicate tells that the result had been submitted before.
	Duplicate bool
}

// Submitter hands over a stream of results: many at once, in consignments of several if asked for, and
// pushes back when sinks or Temporal do not keep up. It is safe for use by several goroutines.
type Submitter struct {
	client  *Client
	options SubmitterOptions
	ctx     context.Context // over when the submitter is closed
	end     context.CancelFunc
	work    sync.WaitGroup
	pace    pace

	mu       sync.Mutex
	changed  *sync.Cond // with mu: whatever is below may have changed
	waiting  queue
	inFlight int                     // consignments
	unstored int                     // results
	open     int                     // results
	followed map[string][]*consigned // by run
	closed   bool
}

// maxWaitingBytes bounds what waits for a place in flight. It fills the next consignments.
const maxWaitingBytes = 2 * MaxConsignmentBytes

// NewSubmitter makes a submitter, which has to be closed. It fails for options that cannot be.
//
// With a client from [NewClient], whose Temporal client a worker in this process shares, results are
// worked on without a round trip; with one from [Dial], start and first attempts are one call.
func (c *Client) NewSubmitter(o SubmitterOptions) (*Submitter, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Submitter{client: c, options: o, followed: map[string][]*consigned{}}
	s.changed = sync.NewCond(&s.mu)
	s.ctx, s.end = context.WithCancel(context.Background())
	s.work.Go(s.follow)
	return s, nil
}

// complete sets defaults, and says what cannot be.
func (o *SubmitterOptions) complete() error {
	for _, option := range []struct {
		name          string
		value         *int
		most, initial int
	}{
		{"BatchMax", &o.BatchMax, MaxConsignmentResults, 1},
		{"BatchBytes", &o.BatchBytes, MaxConsignmentBytes, MaxConsignmentBytes},
		{"MaxOpen", &o.MaxOpen, 1 << 30, 100_000},
		{"MaxInFlight", &o.MaxInFlight, 10_000, 64},
	} {
		if *option.value < 0 || *option.value > option.most {
			return fmt.Errorf("%s %d: at least 1, at most %d", option.name, *option.value, option.most)
		}
		if *option.value == 0 {
			*option.value = option.initial
			if option.value == &o.MaxInFlight && o.BatchMax > 1 {
				*option.value = 16
			}
		}
	}
	return nil
}

// Submit takes a result. It blocks while as much waits, or is open, as the options allow, until ctx is
// over. Without an error the result is taken, and its functions will tell what becomes of it; it is not
// safe before Stored says so.
//
// Errors: [ErrInvalid], [ErrTooLarge], [ErrClosed], and that of ctx.
func (s *Submitter) Submit(ctx context.Context, in Submission) error {
	result, err := in.Result.Prepare()
	if err != nil {
		return err
	}
	span := traceSubmission(ctx, &result)
	i := &item{Submission: in, entry: Entry{Result: result, Ack: in.Ack}, span: span}
	if err := i.entry.checkAck(); err != nil {
		endSpan(span, err)
		return err
	}
	i.Result = Result{} // the entry holds it
	i.size = i.entry.size()

	s.mu.Lock()
	defer s.mu.Unlock()
	room := func() bool {
		return s.closed || s.open < s.options.MaxOpen && (s.waiting.bytes == 0 || s.waiting.bytes+i.size <= maxWaitingBytes)
	}
	if err := s.until(ctx, room); err != nil {
		endSpan(span, err)
		return fmt.Errorf("submitting %s/%s: waiting for room: %w", result.Source, result.ID, err)
	}
	if s.closed {
		endSpan(span, ErrClosed)
		return fmt.Errorf("submitting %s/%s: %w", result.Source, result.ID, ErrClosed)
	}
	s.open++
	s.unstored++
	s.waiting.add(i)
	if s.inFlight < s.options.MaxInFlight {
		s.inFlight++
		alone := s.next() // before more comes to wait
		s.work.Go(func() { s.carry(alone) })
	}
	return nil
}

// until waits, with mu held, until it holds or ctx is over.
func (s *Submitter) until(ctx context.Context, holds func() bool) error {
	if holds() {
		return nil
	}
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed.Broadcast()
	})()
	for !holds() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.changed.Wait()
	}
	return nil
}

// change changes what mu guards, and wakes who waits for that.
func (s *Submitter) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	s.changed.Broadcast()
}

// Flush waits until nothing that was taken still waits to be stored in Temporal, or ctx is over.
func (s *Submitter) Flush(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.until(ctx, func() bool { return s.unstored == 0 }); err != nil {
		return fmt.Errorf("%d results are not known to be in Temporal: %w", s.unstored, err)
	}
	return nil
}

// Wait waits until every result that was taken is committed at every sink, which takes as long as retries
// take, or ctx is over.
func (s *Submitter) Wait(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.until(ctx, func() bool { return s.open == 0 }); err != nil {
		return fmt.Errorf("%d results are not committed: %w", s.open, err)
	}
	return nil
}

// Close takes no more results, waits like [Submitter.Flush], and lets go: what is open then goes on in
// Temporal without this process. When ctx is over before all is stored, the error says so, and the Stored
// of each such result gets it.
func (s *Submitter) Close(ctx context.Context) error {
	s.change(func() { s.closed = true })
	err := s.Flush(ctx)
	s.end()
	s.work.Wait()
	return err
}
