package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/consign-dev/consign"
)

// Growth is what it costs that a database holds many closed workflows.
type Growth struct {
	Sizes []Grown `json:"sizes"`
}

// Grown is a database of one size beside a fresh one, rounds of both in turn.
type Grown struct {
	// Retained is how many closed workflows it held when measuring began.
	Retained    int     `json:"retained"`
	FileMB      float64 `json:"file_mb"`
	FillSeconds float64 `json:"fill_seconds"`
	Floor       Aged    `json:"floor"`
	// Single has the target: a ratio of 0.75 at 300,000.
	Single Aged `json:"single"`
}

// Aged is one figure on both databases. Rates are a second, medians of rounds.
type Aged struct {
	Fresh    float64 `json:"fresh_per_second"`
	Grown    float64 `json:"grown_per_second"`
	Ratio    float64 `json:"ratio"`
	FreshCPU float64 `json:"fresh_cpu_ms"`
	GrownCPU float64 `json:"grown_cpu_ms"`
	// CPURatio is the fresh one's to the other's, which a machine with other work repeats better than Ratio.
	CPURatio float64 `json:"cpu_ratio"`
}

const (
	// grownName is the directory of the database that grows.
	grownName    = "grown"
	growthTarget = 0.75
)

func (g *Growth) rows() (rows []row) {
	if g == nil {
		return nil
	}
	for _, size := range g.Sizes {
		head := fmt.Sprintf("growth: %d retained, %.0f MB: ", size.Retained, size.FileMB)
		rows = append(rows,
			row{figure: head + "floor", measured: rate(size.Floor.Grown), floor: size.Floor.Fresh, ratio: size.Floor.Ratio, spread: size.Floor.costs()},
			row{
				figure: head + "single", measured: rate(size.Single.Grown), floor: size.Floor.Fresh, ratio: rounded(size.Single.Grown / size.Floor.Fresh),
				spread: fmt.Sprintf("%.2f of a fresh one's %s, %s", size.Single.Ratio, rate(size.Single.Fresh), size.Single.costs()),
			})
	}
	return rows
}

func (a Aged) costs() string { return fmt.Sprintf("%s (fresh %.1f)", cost(a.GrownCPU), a.FreshCPU) }

func (g *Growth) bars() (bars []bar) {
	if g == nil {
		return nil
	}
	for _, size := range g.Sizes {
		bars = append(bars,
			bar{panel: grownRate, label: fmt.Sprintf("floor, %d", size.Retained), value: size.Floor.Ratio},
			bar{panel: grownRate, label: fmt.Sprintf("single, %d", size.Retained), value: size.Single.Ratio, atLeast: growthTarget})
	}
	return bars
}

// growth measures floor and single on a database that grows.
func (b *bench) growth(ctx context.Context, report *Report) error {
	// The engine makes the first ones, of which the others are copies.
	err := b.withSubject(ctx, grownName, func(s subject) error { return b.warmUp(ctx, s) })
	if err != nil {
		return err
	}
	g, f := &Growth{}, &filler{file: filepath.Join(b.dir, grownName, "server", "temporal.db")}
	for _, size := range b.sizes {
		began := time.Now()
		if err := f.fill(ctx, size); err != nil {
			return fmt.Errorf("filling %s: %w", f.file, err)
		}
		filled := time.Since(began)
		info, err := os.Stat(f.file)
		if err != nil {
			return err
		}
		b.sayf("growth: filled to %d in %.0f s, %.0f MB", size, filled.Seconds(), float64(info.Size())/1e6)
		grown, err := b.grown(ctx, size, f.last)
		if err != nil {
			return fmt.Errorf("%d retained: %w", size, err)
		}
		grown.FileMB, grown.FillSeconds = float64(info.Size())/1e6, filled.Seconds()
		g.Sizes = append(g.Sizes, grown)
	}
	report.Growth = g
	return nil
}

// grown measures the database that grows beside a fresh one.
func (b *bench) grown(ctx context.Context, size int, last copied) (grown Grown, err error) {
	before, err := b.receiver.counts(ctx)
	if err != nil {
		return grown, err
	}
	err = b.withSubject(ctx, fmt.Sprintf("fresh-%d", size), func(fresh subject) error {
		return b.withSubject(ctx, grownName, func(old subject) (err error) {
			if grown.Retained, err = held(ctx, old, size, last); err != nil {
				return err
			}
			if grown.Floor, grown.Single, err = b.inTurn(ctx, fresh, old); err != nil {
				return err
			}
			all := fresh.submitted.Load() + old.submitted.Load()
			return b.receiver.await(ctx, before, counts{Posts: all, Lines: all}, receiverPatience)
		})
	})
	return grown, err
}

func (b *bench) inTurn(ctx context.Context, fresh, grown subject) (floor, single Aged, err error) {
	var rounds [4]series
	laps := []struct {
		name string
		do   func(context.Context, int) error
	}{{"fresh floor", fresh.noop}, {"floor", grown.noop}, {"fresh single", fresh.deliver}, {"single", grown.deliver}}
	for _, s := range []subject{fresh, grown} {
		if err := b.warmUp(ctx, s); err != nil {
			return floor, single, err
		}
	}
	for round := range b.rounds {
		for i, lap := range laps {
			if err := b.round(ctx, round, "growth, "+lap.name, b.results, &rounds[i], lap.do); err != nil {
				return floor, single, err
			}
		}
	}
	return aged(&rounds[0], &rounds[1]), aged(&rounds[2], &rounds[3]), nil
}

func aged(fresh, grown *series) Aged {
	return Aged{
		Fresh: fresh.rate(), Grown: grown.rate(), Ratio: grown.to(fresh),
		FreshCPU: fresh.cpuEach(), GrownCPU: grown.cpuEach(), CPURatio: rounded(fresh.cpuEach() / grown.cpuEach()),
	}
}

// held counts the closed workflows, and looks whether the last copy is one for the engine as well.
func held(ctx context.Context, s subject, want int, last copied) (int, error) {
	count, err := s.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: "ExecutionStatus = 'Completed'"})
	if err != nil {
		return 0, err
	}
	if count.GetCount() < int64(want) {
		return 0, fmt.Errorf("the database lists %d closed workflows", count.GetCount())
	}
	if last.workflow != "" {
		var receipt consign.Receipt
		if err := s.temporal.GetWorkflow(ctx, last.workflow, last.run).Get(ctx, &receipt); err != nil {
			return 0, fmt.Errorf("reading the copy %s: %w", last.workflow, err)
		}
		if !receipt.Delivered() {
			return 0, fmt.Errorf("the copy %s has another receipt than its original: %+v", last.workflow, receipt)
		}
	}
	return int(count.GetCount()), nil
}
