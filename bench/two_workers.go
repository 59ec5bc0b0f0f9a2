package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
)

const (
	// slowTake is what the receiver takes for each result at /slow.
	slowTake = 50 * time.Millisecond
	// slowConcurrency is how many results each worker has under way at that sink.
	slowConcurrency = 1
	// twoRounds is the most rounds.
	twoRounds = 3
	// twoShare is what a round takes of the usual results: 1 of 4.
	twoShare = 4
	// twoWarmUp is how many results a new worker is warmed up with.
	twoWarmUp = 16
)

// TwoWorkers is what a second worker process adds where a sink, not the machine, is what results wait for.
// Server, workers and submitter are processes of their own.
type TwoWorkers struct {
	TakeMs      float64 `json:"sink_takes_ms"`
	Concurrency int     `json:"concurrency"`
	One         float64 `json:"one_results_per_second"`
	Two         float64 `json:"two_results_per_second"`
	OneCPU      float64 `json:"one_cpu_ms"` // of server and workers
	TwoCPU      float64 `json:"two_cpu_ms"`
	// Ratio of the medians. Target: 1.8.
	Ratio float64 `json:"ratio"`
	Beside
}

func (w *TwoWorkers) rows() []row {
	if w == nil {
		return nil
	}
	return []row{
		{
			figure: fmt.Sprintf("two_workers: one, to a sink that takes %.0f ms", w.TakeMs), measured: rate(w.One), floor: w.FloorPerSecond,
			ratio: rounded(w.One / w.FloorPerSecond), spread: cost(w.OneCPU),
		},
		{
			figure: "two_workers: two", measured: rate(w.Two), floor: w.FloorPerSecond,
			ratio: rounded(w.Two / w.FloorPerSecond), spread: fmt.Sprintf("%.2f of one, %s", w.Ratio, cost(w.TwoCPU)),
		},
	}
}

func (w *TwoWorkers) bars() []bar {
	if w == nil {
		return nil
	}
	return []bar{
		{panel: slowSink, label: "floor beside it", value: w.FloorPerSecond},
		{panel: slowSink, label: "one worker", value: w.One},
		{panel: slowSink, label: "two workers", value: w.Two, atLeast: 1.8 * w.One},
	}
}

// twoWorkers measures what a second worker adds.
func (b *bench) twoWorkers(ctx context.Context, report *Report) error {
	yaml := fmt.Sprintf("sinks:\n  slow:\n    concurrency: %d\n    webhook: {url: %q}\n", slowConcurrency, b.receiver.url+"/slow")
	return b.withHost(ctx, Plan{Dir: filepath.Join(b.dir, "two_workers")}, func(server *hosted) error {
		c, err := consign.Dial(ctx, consign.Options{Address: server.Address, Namespace: client.DefaultNamespace})
		if err != nil {
			return err
		}
		defer c.Close()
		plan := Plan{Address: server.Address, Config: yaml}
		return b.withHost(ctx, plan, func(first *hosted) error {
			if _, err := b.slowly(ctx, c, twoWarmUp, server, first); err != nil {
				return fmt.Errorf("warming up: %w", err)
			}
			var floor, one, two series
			for round := range min(b.rounds, twoRounds) {
				if err := server.floor(ctx, b, &floor); err != nil {
					return err
				}
				lap, err := b.slowly(ctx, c, b.results/twoShare, server, first)
				if err != nil {
					return fmt.Errorf("one worker: %w", err)
				}
				one.add(lap)
				err = b.withHost(ctx, plan, func(second *hosted) error {
					if _, err := b.slowly(ctx, c, twoWarmUp, server, first, second); err != nil {
						return fmt.Errorf("warming up: %w", err)
					}
					lap, err := b.slowly(ctx, c, b.results/twoShare, server, first, second)
					two.add(lap)
					return err
				})
				if err != nil {
					return fmt.Errorf("two workers: %w", err)
				}
				b.sayf("two_workers round %d: one %.1f/s, two %.1f/s", round+1, one.rates[round], two.rates[round])
			}
			report.TwoWorkers = &TwoWorkers{
				TakeMs: milliseconds(slowTake), Concurrency: slowConcurrency, One: one.rate(), Two: two.rate(),
				OneCPU: one.cpuEach(), TwoCPU: two.cpuEach(), Ratio: two.to(&one), Beside: floor.beside(),
			}
			return nil
		})
	})
}

// slowly submits results all at once, and measures from then until the receiver has them. Receipts are asked
// for after that, since asking costs what is measured.
func (b *bench) slowly(ctx context.Context, c *consign.Client, n int, processes ...*hosted) (lap Lap, err error) {
	before, err := b.receiver.counts(ctx)
	if err != nil {
		return lap, err
	}
	used, err := cpuOf(ctx, processes)
	if err != nil {
		return lap, err
	}
	handles := make([]*consign.Handle, n)
	began := time.Now()
	_, err = closedLoop(ctx, n, b.inFlight, func(ctx context.Context, i int) (err error) {
		handles[i], err = c.Submit(ctx, consign.Result{Source: "bench", Type: "detection", Data: payload(i)})
		return err
	})
	if err != nil {
		return lap, err
	}
	// Ten times what one worker takes, if nothing else used the machine.
	limit := 10*time.Second + 10*time.Duration(n)*slowTake/slowConcurrency
	if err := b.receiver.await(ctx, before, counts{Posts: int64(n)}, limit); err != nil {
		return lap, err
	}
	lap.PerSecond = float64(n) / time.Since(began).Seconds()
	now, err := cpuOf(ctx, processes)
	if err != nil {
		return lap, err
	}
	lap.CPU = (now - used) / time.Duration(n)
	for _, handle := range handles {
		receipt, err := handle.Wait(ctx)
		if err != nil {
			return lap, err
		}
		if !receipt.Delivered() {
			return lap, fmt.Errorf("result %s was not delivered: %+v", handle.ID(), receipt)
		}
	}
	return lap, nil
}

// cpuOf is what some processes have used together.
func cpuOf(ctx context.Context, processes []*hosted) (sum time.Duration, err error) {
	for _, h := range processes {
		spent, err := h.spent(ctx)
		if err != nil {
			return 0, err
		}
		sum += spent.CPU
	}
	return sum, nil
}
