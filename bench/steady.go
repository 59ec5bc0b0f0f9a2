package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Steady is a flood of many minutes into one process that holds server, worker and source: its first minute
// beside its last.
type Steady struct {
	Seconds  float64 `json:"seconds"`
	BatchMax int     `json:"batch_max"`
	Results  int     `json:"results"`
	First    Minute  `json:"first"`
	Last     Minute  `json:"last"`
	// RateRatio is last to first. Target: 0.9.
	RateRatio float64 `json:"rate_ratio"`
	// MemoryRatio is last to first. Target: within 10 % of 1.
	MemoryRatio float64 `json:"memory_ratio"`
	// CPURatio is the CPU of a result in the last to that in the first.
	CPURatio float64 `json:"cpu_ratio"`
	// DiskBytesPerResult is what the data directory has grown by, between the two.
	DiskBytesPerResult float64 `json:"disk_bytes_per_result"`
	// Beside is the floor on the same server before; FloorAfter is that afterwards.
	Beside
	FloorAfter float64 `json:"floor_after_per_second"`
}

// Minute is one of a steady flood, or a third of a shorter one.
type Minute struct {
	ResultsPerSecond float64 `json:"results_per_second"`
	CPU              float64 `json:"cpu_ms"`
	// ResidentMB is the most memory in it, DiskMB the size of the data directory at its end.
	ResidentMB float64 `json:"resident_mb"`
	DiskMB     float64 `json:"disk_mb"`
}

const (
	// steadyBatch is the most results that may share a workflow.
	steadyBatch = 256
	// floorRounds is how many rounds of the floor are run before and after.
	floorRounds = 4
	// floodTail is how long the flood goes on after its last minute.
	floodTail = 5 * time.Second
)

func (s *Steady) rows() []row {
	if s == nil {
		return nil
	}
	line := func(name string, m Minute, floor float64, more string) row {
		return row{
			figure: "steady: " + name, measured: rate(m.ResultsPerSecond) + ", " + mb(m.ResidentMB), floor: floor, ratio: rounded(m.ResultsPerSecond / floor),
			spread: fmt.Sprintf("%s, %s on disk%s", cost(m.CPU), mb(m.DiskMB), more),
		}
	}
	return []row{
		line(fmt.Sprintf("flood of %.0f s, its first minute", s.Seconds), s.First, s.FloorPerSecond, ""),
		line("its last", s.Last, s.FloorAfter, fmt.Sprintf(", rate %.2f and memory %.2f of the first", s.RateRatio, s.MemoryRatio)),
	}
}

func (s *Steady) bars() []bar {
	if s == nil {
		return nil
	}
	return []bar{
		{panel: manyEach, label: "floor beside steady", value: s.FloorPerSecond},
		{panel: manyEach, label: "steady, first minute", value: s.First.ResultsPerSecond},
		{panel: manyEach, label: "steady, last minute", value: s.Last.ResultsPerSecond, atLeast: 0.9 * s.First.ResultsPerSecond},
		{panel: memory, label: "steady, first minute", value: s.First.ResidentMB},
		{panel: memory, label: "steady, last minute", value: s.Last.ResidentMB, atMost: 1.1 * s.First.ResidentMB},
	}
}

// steady measures a long flood, to a file, a webhook and a pipe. Without the webhook the file would grow by 14 GB,
// and what slows down is then the system that has to find memory for its pages.
func (b *bench) steady(ctx context.Context, report *Report) error {
	dir := filepath.Join(b.dir, "steady")
	t := &tally{bench: b, archive: filepath.Join(dir, "archive.ndjson")}
	return b.withHost(ctx, Plan{Dir: dir, UI: true, Config: threeSinks(t.archive, b.receiver.url+"/take")}, func(h *hosted) error {
		return t.check(ctx, func() error {
			s := &Steady{Seconds: b.steadyFor.Seconds(), BatchMax: steadyBatch}
			before, err := b.floorOf(ctx, h)
			if err != nil {
				return err
			}
			// No look at it goes beyond its end, unless the machine does much else.
			flood := Flood{BatchMax: steadyBatch, Length: b.steadyFor + floodTail}
			flooding, end := context.WithCancelCause(ctx)
			defer end(nil)
			over := make(chan error, 1)
			go func() {
				err := h.call(ctx, "Flood", flood, &s.Results)
				end(cmp.Or(err, errors.New("the flood was over before its last minute was")))
				over <- err
			}()
			err = b.firstAndLast(flooding, h, s)
			if flooded := <-over; flooded != nil || err != nil {
				return cmp.Or(flooded, err)
			}
			t.submitted.Add(int64(s.Results))
			after, err := b.floorOf(ctx, h)
			if err != nil {
				return err
			}
			s.Beside, s.FloorAfter = before.beside(), after.rate()
			s.RateRatio = rounded(s.Last.ResultsPerSecond / s.First.ResultsPerSecond)
			s.MemoryRatio = rounded(s.Last.ResidentMB / s.First.ResidentMB)
			s.CPURatio = rounded(s.Last.CPU / s.First.CPU)
			report.Steady = s
			return nil
		})
	})
}

func (b *bench) floorOf(ctx context.Context, h *hosted) (*series, error) {
	var floor series
	for range min(b.rounds, floorRounds) {
		if err := h.floor(ctx, b, &floor); err != nil {
			return nil, err
		}
	}
	return &floor, nil
}

// firstAndLast looks at the first minute of a flood, and at its last.
func (b *bench) firstAndLast(ctx context.Context, h *hosted, s *Steady) error {
	began := time.Now()
	if err := committed(ctx, h, 0); err != nil {
		return err
	}
	length := min(time.Minute, b.steadyFor/3)
	var done [2]int64
	for i, m := range []*Minute{&s.First, &s.Last} {
		if i > 0 {
			if err := b.watched(ctx, h, time.Until(began.Add(b.steadyFor-length))); err != nil {
				return err
			}
		}
		from, err := h.spent(ctx)
		if err != nil {
			return err
		}
		start := time.Now()
		m.ResidentMB, err = h.most(func() error {
			if err := pause(ctx, length); err != nil {
				return err
			}
			return committed(ctx, h, from.Committed) // one at least, on a machine that does much else
		})
		if err != nil {
			return err
		}
		to, err := h.spent(ctx)
		if err != nil {
			return err
		}
		n := float64(to.Committed - from.Committed)
		m.ResultsPerSecond, m.CPU = n/time.Since(start).Seconds(), milliseconds(to.CPU-from.CPU)/n
		if m.DiskMB, err = h.diskMB(); err != nil {
			return err
		}
		done[i] = to.Committed
		b.sayf("steady: %.0f/s, %s, %s, %s on disk", m.ResultsPerSecond, cost(m.CPU), mb(m.ResidentMB), mb(m.DiskMB))
	}
	s.DiskBytesPerResult = rounded((s.Last.DiskMB - s.First.DiskMB) * 1e6 / float64(done[1]-done[0]))
	return nil
}

// committed returns when more results than so many are.
func committed(ctx context.Context, h *hosted, more int64) error {
	for {
		spent, err := h.spent(ctx)
		if err != nil || spent.Committed > more {
			return err
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// watched waits, and says every minute how the flood does.
func (b *bench) watched(ctx context.Context, h *hosted, left time.Duration) error {
	for left > 0 {
		step := min(left, time.Minute)
		from, err := h.spent(ctx)
		if err == nil {
			err = pause(ctx, step)
		}
		if err != nil {
			return err
		}
		to, err := h.spent(ctx)
		if err != nil {
			return err
		}
		now, err := h.residentMB()
		if err != nil {
			return err
		}
		b.sayf("steady: %.0f/s, %s", float64(to.Committed-from.Committed)/step.Seconds(), mb(now))
		left -= step
	}
	return nil
}
