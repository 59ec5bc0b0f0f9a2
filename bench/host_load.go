package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/consign-dev/consign"
)

// Loop is a closed loop: so many, so many at once.
type Loop struct{ N, InFlight int }

// Floor runs workflows that do nothing, started and worked on in this process.
func (h *Host) Floor(loop Loop, lap *Lap) (err error) {
	if !h.noops {
		noop, err := startNoop(h.subject.temporal)
		if err != nil {
			return err
		}
		h.noops = true
		h.atClose(func(context.Context) error { noop.Stop(); return nil })
	}
	*lap, err = closedLoop(h.ctx, loop.N, loop.InFlight, h.subject.noop)
	return err
}

// Pace is so many a second for so long.
type Pace struct {
	PerSecond int
	Length    time.Duration
}

// Paced submits results, one workflow each, and waits until each is committed at every sink. What each
// took counts from when it was due.
func (h *Host) Paced(pace Pace, lap *Lap) error {
	submitter, err := h.client.NewSubmitter(consign.SubmitterOptions{})
	if err != nil {
		return err
	}
	took := make(chan time.Duration, int(pace.Length.Seconds()+1)*pace.PerSecond)
	began, used := time.Now(), cpuTime()
	err = atPace(h.ctx, pace.PerSecond, pace.Length, func(ctx context.Context, i int, due time.Time) error {
		err := commit(ctx, submitter, i)
		took <- time.Since(due)
		return err
	})
	close(took)
	for one := range took {
		lap.Took = append(lap.Took, one)
	}
	n := max(len(lap.Took), 1)
	lap.PerSecond, lap.CPU = float64(n)/time.Since(began).Seconds(), (cpuTime()-used)/time.Duration(n)
	return errors.Join(err, submitter.Close(h.ctx))
}

// commit submits a result and returns once every sink has it.
func commit(ctx context.Context, to *consign.Submitter, i int) error {
	done := make(chan error, 1)
	err := to.Submit(ctx, submission(i, func(err error) { done <- err }))
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// submission of a result, of which done hears once: without an error when every sink has it.
func submission(i int, done func(error)) consign.Submission {
	return consign.Submission{
		Result: consign.Result{Source: "bench", Type: "detection", Data: payload(i)},
		Stored: func(_ consign.Stored, err error) {
			if err != nil {
				done(err)
			}
		},
		Committed: func(receipt consign.Receipt, err error) {
			if err == nil && !receipt.Delivered() {
				err = fmt.Errorf("a result was not delivered to every sink: %+v", receipt)
			}
			done(err)
		},
	}
}

// Flood is as much as a submitter takes for so long, or so many results.
type Flood struct {
	BatchMax int
	Length   time.Duration
	Results  int
}

// over tells whether a flood has lasted long enough.
func (f Flood) over(n int, began time.Time) bool {
	if f.Results > 0 {
		return n >= f.Results
	}
	return time.Since(began) >= f.Length
}

// Flood submits results and waits until all are committed at every sink. n is how many they were.
func (h *Host) Flood(flood Flood, n *int) error {
	submitter, err := h.client.NewSubmitter(consign.SubmitterOptions{BatchMax: flood.BatchMax})
	if err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(h.ctx)
	defer fail(nil)
	done := func(err error) {
		if err != nil {
			fail(err)
			return
		}
		h.committed.Add(1)
	}
	for began := time.Now(); err == nil && !flood.over(*n, began); *n++ {
		in := submission(*n, done)
		stored := in.Stored
		in.Stored = func(where consign.Stored, err error) {
			if flood.Results > 0 { // in a longer one the ids would be what grows
				h.workflows.Store(where.WorkflowID, nil)
			}
			stored(where, err)
		}
		err = submitter.Submit(ctx, in)
	}
	if err == nil {
		err = submitter.Wait(ctx)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause // why it was broken off
	}
	return errors.Join(err, submitter.Close(h.ctx))
}

// Spent is what a host has done so far.
type Spent struct {
	CPU       time.Duration
	Committed int64 // results of Flood
	Workflows int   // that carried them
	// QueuedShare of the attempts of its worker were not inline.
	QueuedShare float64
}

// Spent tells what this process has used, also while another method runs.
func (h *Host) Spent(_ int, spent *Spent) error { //nolint:unparam // net/rpc asks for it
	spent.CPU, spent.Committed, spent.QueuedShare = cpuTime(), h.committed.Load(), h.attempts.queuedShare()
	h.workflows.Range(func(any, any) bool { spent.Workflows++; return true })
	return nil
}

// Profile writes a CPU profile of this process to a file, from now on until it ends.
func (h *Host) Profile(path string, _ *int) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(err, file.Close())
	}
	h.atClose(func(context.Context) error {
		pprof.StopCPUProfile()
		return file.Close()
	})
	return nil
}
