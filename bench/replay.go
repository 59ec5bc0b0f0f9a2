package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
	"github.com/consign-dev/consign/worker"
)

const (
	// replayShare is how many times the results of a round are parked, to be replayed.
	replayShare = 4
	// gently is how many dead letters a second are replayed beside live results.
	gently = 20
	// replayLimit is how long a replay may take.
	replayLimit = 10 * time.Minute
	// replayRounds is the most rounds of the floor before a replay, and after it.
	replayRounds = 3
)

// Replaying is how fast dead letters are replayed by one order, and what live results feel of an order with a rate.
type Replaying struct {
	// DeadLetters were replayed by an order without a rate, PerSecond of them.
	DeadLetters int     `json:"dead_letters"`
	PerSecond   float64 `json:"dead_letters_per_second"`
	// Ratio to the floor, which was measured before and after. Target: at least 0.3.
	Ratio float64 `json:"ratio_to_floor"`
	Beside
	// Quiet is how live results fare without, and Gentle beside an order of 20 a second.
	Quiet  Healthy `json:"quiet"`
	Gentle Healthy `json:"beside_20_per_second"`
	// LiveRatio is of the 95th percentiles. Target: at most 1.5.
	LiveRatio float64 `json:"live_ratio"`
}

func (r *Replaying) rows() []row {
	if r == nil {
		return nil
	}
	return []row{
		{figure: "replay: one order, as fast as it goes", measured: rate(r.PerSecond), floor: r.FloorPerSecond, ratio: r.Ratio, spread: fmt.Sprintf("%d dead letters", r.DeadLetters)},
		{figure: "replay: live results, no order", measured: "p95 " + ms(r.Quiet.P95), spread: cost(r.Quiet.CPU)},
		{figure: fmt.Sprintf("replay: live results beside %d a second", gently), measured: "p95 " + ms(r.Gentle.P95), spread: fmt.Sprintf("%.2f of none", r.LiveRatio)},
	}
}

func (r *Replaying) bars() []bar {
	if r == nil {
		return nil
	}
	return []bar{
		{panel: oneEach, label: "replayed", value: r.PerSecond, atLeast: 0.3 * r.FloorPerSecond},
		{panel: deadSinks, label: "no replay", value: r.Quiet.P95},
		{panel: deadSinks, label: "beside a replay", value: r.Gentle.P95, atMost: 1.5 * r.Quiet.P95},
	}
}

// replay parks results at a webhook that refuses them, and replays them to one that works.
func (b *bench) replay(ctx context.Context, report *Report) error {
	dead := replayShare*b.results + gently*int(b.length.Seconds())
	refusing, err := configured(fmt.Sprintf("sinks:\n  alerts:\n    webhook: {url: %q}\n", b.receiver.url+"/nowhere"), b.receiver.pipe)
	if err != nil {
		return err
	}
	working, err := configured(threeSinks(filepath.Join(b.dir, "replay", "archive.ndjson"), b.receiver.url+"/take"), b.receiver.pipe)
	if err != nil {
		return err
	}
	watch := watchHealthy(working)
	r := &Replaying{}
	err = b.withEngine(ctx, "replay", func(temporal client.Client) error {
		c := consign.NewClient(temporal)
		err := withWorker(ctx, temporal, refusing, func(*worker.Worker) error { return b.parkAll(ctx, c, dead) })
		if err != nil {
			return fmt.Errorf("making dead letters: %w", err)
		}
		return withWorker(ctx, temporal, working, func(*worker.Worker) error {
			before, err := b.receiver.counts(ctx)
			if err != nil {
				return err
			}
			live, err := b.beLive(ctx, temporal, c, watch, r)
			if err != nil {
				return err
			}
			if err := b.replayRest(ctx, temporal, r); err != nil {
				return err
			}
			return b.receiver.await(ctx, before, counts{Posts: int64(dead + live)}, graceLimit)
		})
	})
	report.Replaying = r
	return err
}

// parkAll submits results that nobody takes, each in a workflow of its own.
func (b *bench) parkAll(ctx context.Context, c *consign.Client, n int) error {
	_, err := closedLoop(ctx, n, b.inFlight, func(ctx context.Context, i int) error {
		handle, err := c.Submit(ctx, consign.Result{Source: "bench", Type: "detection", Data: payload(i)})
		if err != nil {
			return err
		}
		receipt, err := handle.Wait(ctx)
		if err == nil && receipt.Delivered() {
			err = errors.New("it was delivered")
		}
		return err
	})
	return err
}

// beLive measures live results alone, then beside a gentle order. It returns how many there were.
func (b *bench) beLive(ctx context.Context, temporal client.Client, c *consign.Client, watch *arrivals, r *Replaying) (live int, err error) {
	pace := func(length time.Duration) (Healthy, error) {
		healthy, err := b.live(ctx, c, watch, length)
		live += len(watch.took())
		return healthy, err
	}
	if _, err := pace(warming); err != nil {
		return live, err
	}
	if r.Quiet, err = pace(b.length); err != nil {
		return live, fmt.Errorf("live results: %w", err)
	}
	order, err := deadletters.StartBulk(ctx, temporal, deadletters.Bulk{
		Act: deadletters.ActReplay, Filter: deadletters.Filter{Sink: "alerts", Limit: gently * int(b.length.Seconds())}, Rate: gently,
	})
	if err != nil {
		return live, err
	}
	if r.Gentle, err = pace(b.length); err != nil {
		return live, fmt.Errorf("live results beside a replay: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, replayLimit)
	defer cancel()
	over, err := deadletters.WaitBulk(limited, temporal, order, func(deadletters.Progress) {})
	if err == nil && over.Done == 0 {
		err = errors.New("nothing was replayed beside live results")
	}
	r.LiveRatio = rounded(r.Gentle.P95 / r.Quiet.P95)
	b.sayf("replay: live %s; beside %d a second %s", quantiles(r.Quiet.P50, r.Quiet.P95), gently, quantiles(r.Gentle.P50, r.Gentle.P95))
	return live, err
}

// replayRest replays what is left, as fast as it goes, between rounds of the floor.
func (b *bench) replayRest(ctx context.Context, temporal client.Client, r *Replaying) error {
	noop, err := startNoop(temporal)
	if err != nil {
		return err
	}
	defer noop.Stop()
	s := subject{temporal: temporal}
	if _, err := closedLoop(ctx, 2*b.inFlight, b.inFlight, s.noop); err != nil {
		return fmt.Errorf("warming up the floor: %w", err)
	}
	var floor series
	rounds := func() error {
		for round := range min(b.rounds, replayRounds) {
			if err := b.round(ctx, round, "floor", b.results, &floor, s.noop); err != nil {
				return err
			}
		}
		return nil
	}
	if err := rounds(); err != nil {
		return err
	}
	began := time.Now()
	order, err := deadletters.StartBulk(ctx, temporal, deadletters.Bulk{Act: deadletters.ActReplay, Filter: deadletters.Filter{Sink: "alerts"}})
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, replayLimit)
	defer cancel()
	over, err := deadletters.WaitBulk(limited, temporal, order, func(deadletters.Progress) {})
	if err != nil {
		return err
	}
	if over.Failed > 0 || over.State != deadletters.BulkDone {
		return fmt.Errorf("the order is %s, and %d failed: %v", over.State, over.Failed, over.Failures)
	}
	r.DeadLetters, r.PerSecond = over.Done, float64(over.Done)/time.Since(began).Seconds()
	if err := rounds(); err != nil {
		return err
	}
	r.Beside = floor.beside()
	r.Ratio = rounded(r.PerSecond / r.FloorPerSecond)
	b.sayf("replay: %d dead letters, %.0f/s", r.DeadLetters, r.PerSecond)
	return nil
}
