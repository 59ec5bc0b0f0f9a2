package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// Paced is a moderate load: server, Web UI, worker and the source of results in one process, as `consign up`
// runs them, each result in a workflow of its own, to three sinks.
type Paced struct {
	PerSecond int     `json:"results_per_second"`
	Seconds   float64 `json:"seconds"`
	// From when a result was due until the receipt that every sink has it. Targets: 15 ms and 50 ms.
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	// ResidentMB is the most memory of that process, in MB of 10^6 bytes. Target: 400.
	ResidentMB float64 `json:"resident_mb"`
	CPU        float64 `json:"cpu_ms"`
}

func (p *Paced) rows() []row {
	if p == nil {
		return nil
	}
	return []row{{
		figure: fmt.Sprintf("paced: %d/s in one process", p.PerSecond), measured: quantiles(p.P50, p.P95) + ", " + mb(p.ResidentMB),
		spread: fmt.Sprintf("for %.0f s, %s", p.Seconds, cost(p.CPU)),
	}}
}

func (p *Paced) bars() []bar {
	if p == nil {
		return nil
	}
	return []bar{
		{panel: latency, label: "paced, p50", value: p.P50, atMost: 15},
		{panel: latency, label: "paced, p95", value: p.P95, atMost: 50},
		{panel: memory, label: "paced, source inside", value: p.ResidentMB, atMost: 400},
	}
}

// paced measures what a moderate load takes.
func (b *bench) paced(ctx context.Context, report *Report) error {
	dir := filepath.Join(b.dir, "paced")
	t := &tally{bench: b, archive: filepath.Join(dir, "archive.ndjson")}
	return b.withHost(ctx, Plan{Dir: dir, UI: true, Config: threeSinks(t.archive, b.receiver.url+"/take")}, func(h *hosted) error {
		return t.check(ctx, func() error {
			var lap Lap
			pace := func(p Pace) error {
				lap = Lap{}
				err := h.call(ctx, "Paced", p, &lap)
				t.submitted.Add(int64(len(lap.Took)))
				return err
			}
			if err := pace(Pace{PerSecond: pacedRate, Length: warming / 2}); err != nil {
				return fmt.Errorf("warming up: %w", err)
			}
			most, err := h.most(func() error { return pace(Pace{PerSecond: pacedRate, Length: b.length}) })
			if err != nil {
				return err
			}
			report.Paced = &Paced{
				PerSecond: pacedRate, Seconds: b.length.Seconds(), ResidentMB: rounded(most), CPU: milliseconds(lap.CPU),
				P50: milliseconds(percentile(lap.Took, 50)), P95: milliseconds(percentile(lap.Took, 95)),
			}
			b.sayf("paced: %s, %s, %s", quantiles(report.Paced.P50, report.Paced.P95), mb(most), cost(report.Paced.CPU))
			return nil
		})
	})
}
