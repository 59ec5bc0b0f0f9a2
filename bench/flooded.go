package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Flooded is a stream that is handed over as fast as it is taken, in consignments of several results, with
// server, Web UI, worker and source in one process.
type Flooded struct {
	BatchMax         int     `json:"batch_max"`
	ResultsPerSecond float64 `json:"results_per_second"`
	Min              float64 `json:"min"`
	Max              float64 `json:"max"`
	// CPU is what that process used for each.
	CPU float64 `json:"cpu_ms"`
	Beside
	RatioToFloor float64 `json:"ratio_to_floor"`
	// PerWorkflow is how many results a workflow carried, on average.
	PerWorkflow float64 `json:"results_per_workflow"`
	// QueuedShare of the attempts were not inline, because a sink was slow or had no free slot.
	QueuedShare float64 `json:"queued_share"`
	// ResidentMB is the most memory that the process had, in MB of 10^6 bytes. Target: 600.
	ResidentMB float64 `json:"resident_mb"`
}

const (
	// floodBatch is the most results that may share a workflow.
	floodBatch = 256
	// floodRounds are fewer than those of other figures, each being longer.
	floodRounds = 6
	// floodSecret signs the requests of a flood. It guards nothing.
	floodSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" //nolint:gosec // as it says
)

func (f *Flooded) row(name string) []row {
	if f == nil {
		return nil
	}
	return []row{{
		figure: name, measured: rate(f.ResultsPerSecond) + ", " + mb(f.ResidentMB), floor: f.FloorPerSecond, ratio: f.RatioToFloor,
		spread: fmt.Sprintf("%s, %.3f ms of CPU each, %.0f results a workflow, %.3f of the attempts queued", spread(f.Min, f.Max), f.CPU, f.PerWorkflow, f.QueuedShare),
	}}
}

// floodedThree and floodedWebhook are the two floods.
type (
	floodedThree   Flooded
	floodedWebhook Flooded
)

func (f *floodedThree) rows() []row { return (*Flooded)(f).row("flooded: to file, webhook and NATS") }

func (f *floodedThree) bars() []bar {
	if f == nil {
		return nil
	}
	return []bar{
		{panel: manyEach, label: "flooded", value: f.ResultsPerSecond, atLeast: 8000},
		{panel: memory, label: "flooded", value: f.ResidentMB, atMost: 600},
	}
}

func (f *floodedWebhook) rows() []row {
	return (*Flooded)(f).row("flooded_webhook: a signed request each")
}

func (f *floodedWebhook) bars() []bar {
	if f == nil {
		return nil
	}
	return []bar{{panel: manyEach, label: "flooded_webhook", value: f.ResultsPerSecond, atLeast: 10_000}}
}

// signedWebhook is a configuration of one sink, all settings at their defaults.
func signedWebhook(url string) string {
	return fmt.Sprintf("sinks:\n  alerts:\n    webhook: {url: %q, secret: %q}\n", url, floodSecret)
}

// flooded measures a flood to a file, a webhook and a NATS stream.
func (b *bench) flooded(ctx context.Context, report *Report) (err error) {
	dir := filepath.Join(b.dir, "flooded")
	broker, err := startBroker(ctx, filepath.Join(dir, "broker"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, broker.stop()) }()
	archive := filepath.Join(dir, "archive.ndjson")
	figure, n, err := b.flood(ctx, "flooded", signedWebhook(b.receiver.url+"/take")+
		fmt.Sprintf("  archive:\n    file: {path: %q}\n  stream:\n    nats: {url: %q, subject: %s}\n", archive, broker.url, brokerSubject))
	if err != nil {
		return err
	}
	archived, err := linesOf(archive)
	if err != nil {
		return err
	}
	streamed, err := broker.messages(ctx)
	if err != nil {
		return err
	}
	if archived < n || streamed < n {
		return fmt.Errorf("of %d results the file holds %d and the stream %d", n, archived, streamed)
	}
	report.Flooded = (*floodedThree)(figure)
	return nil
}

// floodedWebhook measures a flood to a webhook alone: one signed request per result.
func (b *bench) floodedWebhook(ctx context.Context, report *Report) error {
	figure, _, err := b.flood(ctx, "flooded_webhook", signedWebhook(b.receiver.url+"/take"))
	report.FloodedWebhook = (*floodedWebhook)(figure)
	return err
}

// flood runs rounds of the floor and of a flood in turn, and counts what the webhook's receiver takes.
func (b *bench) flood(ctx context.Context, name, config string) (figure *Flooded, n int64, err error) {
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, 0, err
	}
	before, err := b.receiver.counts(ctx)
	if err != nil {
		return nil, 0, err
	}
	err = b.withHost(ctx, Plan{Dir: dir, UI: true, Config: config}, func(h *hosted) error {
		most, err := h.most(func() (err error) {
			figure, n, err = b.floodRounds(ctx, name, h)
			return err
		})
		if err == nil {
			figure.ResidentMB = rounded(most)
		}
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	after, err := b.receiver.counts(ctx)
	if err != nil {
		return nil, 0, err
	}
	if signed := after.Signed - before.Signed; signed < n {
		return nil, 0, fmt.Errorf("of %d results the webhook's receiver has taken %d in signed requests", n, signed)
	}
	return figure, n, nil
}

// floodRounds runs one round more than counts, to warm up. n is how many results there were in all.
func (b *bench) floodRounds(ctx context.Context, name string, h *hosted) (figure *Flooded, n int64, err error) {
	if _, err := b.floodRound(ctx, h); err != nil {
		return nil, 0, fmt.Errorf("warming up: %w", err)
	}
	begun, err := h.spent(ctx)
	if err != nil {
		return nil, 0, err
	}
	if b.profile != "" {
		if err := h.call(ctx, "Profile", b.profile+"."+name, nil); err != nil {
			return nil, 0, err
		}
	}
	var floor, flood series
	for round := range min(b.rounds, floodRounds) {
		if err := h.floor(ctx, b, &floor); err != nil {
			return nil, 0, err
		}
		lap, err := b.floodRound(ctx, h)
		if err != nil {
			return nil, 0, fmt.Errorf("round %d: %w", round+1, err)
		}
		flood.add(lap)
		b.sayf("%s: floor %.0f/s; %.0f/s, %.3f ms of CPU each", name, floor.rates[round], lap.PerSecond, milliseconds(lap.CPU))
	}
	ended, err := h.spent(ctx)
	if err != nil {
		return nil, 0, err
	}
	return &Flooded{
		BatchMax: floodBatch, ResultsPerSecond: flood.rate(), Min: flood.least(), Max: flood.most(), CPU: rounded(flood.cpuEach()),
		Beside: floor.beside(), RatioToFloor: flood.to(&floor),
		PerWorkflow: rounded(float64(ended.Committed-begun.Committed) / float64(ended.Workflows-begun.Workflows)),
		QueuedShare: rounded(ended.QueuedShare),
	}, ended.Committed, nil
}

// floodRound is one, timed from the first result that is handed over until the last is committed.
func (b *bench) floodRound(ctx context.Context, h *hosted) (lap Lap, err error) {
	before, err := h.spent(ctx)
	if err != nil {
		return lap, err
	}
	var n int
	began := time.Now()
	if err := h.call(ctx, "Flood", Flood{BatchMax: floodBatch, Results: b.flooding}, &n); err != nil {
		return lap, err
	}
	took := time.Since(began)
	after, err := h.spent(ctx)
	return Lap{PerSecond: float64(n) / took.Seconds(), CPU: (after.CPU - before.CPU) / time.Duration(n)}, err
}
