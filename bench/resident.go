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
	// idleTime is how long a new process is left alone before it is looked at.
	idleTime = 5 * time.Second
	// pacedRate is the moderate load, in results a second.
	pacedRate = 100
	// residentShare is what it is saturated with of the results of all rounds, since another process submits them
	// at a third of the rate: 1 of 3.
	residentShare = 3
)

// Resident is the most memory that server, Web UI and worker in one process were seen to have, in MB of
// 10^6 bytes. It holds pages of the program itself, some 100 MB, which the system may drop.
type Resident struct {
	Idle          float64 `json:"idle_mb"`
	PacedRate     int     `json:"paced_results_per_second"`
	Paced         float64 `json:"paced_mb"`
	SaturatedRate float64 `json:"saturated_results_per_second"`
	Saturated     float64 `json:"saturated_mb"`
}

func (r *Resident) rows() []row {
	if r == nil {
		return nil
	}
	return []row{
		{figure: "resident: server and worker, idle", measured: mb(r.Idle)},
		{figure: fmt.Sprintf("resident: at %d/s", r.PacedRate), measured: mb(r.Paced)},
		{figure: fmt.Sprintf("resident: saturated, at %.0f/s", r.SaturatedRate), measured: mb(r.Saturated)},
	}
}

func (r *Resident) bars() []bar {
	if r == nil {
		return nil
	}
	return []bar{
		{panel: memory, label: "idle", value: r.Idle},
		{panel: memory, label: fmt.Sprintf("%d/s", r.PacedRate), value: r.Paced},
		{panel: memory, label: "saturated", value: r.Saturated},
	}
}

// resident measures the memory of server, Web UI and worker in one process, as `consign up` runs them,
// while another process submits.
func (b *bench) resident(ctx context.Context, report *Report) error {
	dir := filepath.Join(b.dir, "resident")
	t := &tally{bench: b, archive: filepath.Join(dir, "archive.ndjson")}
	return b.withHost(ctx, Plan{Dir: dir, UI: true, Config: threeSinks(t.archive, b.receiver.url+"/take")}, func(h *hosted) error {
		return t.check(ctx, func() (err error) {
			report.Resident, err = b.residentOf(ctx, h, t)
			return err
		})
	})
}

func (b *bench) residentOf(ctx context.Context, h *hosted, t *tally) (*Resident, error) {
	c, err := consign.Dial(ctx, consign.Options{Address: h.Address, Namespace: client.DefaultNamespace})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s := subject{client: c, submitted: &t.submitted}
	r := &Resident{PacedRate: pacedRate}
	if r.Idle, err = h.most(func() error { return pause(ctx, idleTime) }); err != nil {
		return nil, err
	}
	b.sayf("resident, idle: %.0f MB", r.Idle)
	r.Paced, err = h.most(func() error {
		return atPace(ctx, pacedRate, b.length, func(ctx context.Context, i int, _ time.Time) error { return s.deliver(ctx, i) })
	})
	if err != nil {
		return nil, err
	}
	b.sayf("resident, at %d/s: %.0f MB", pacedRate, r.Paced)
	r.Saturated, err = h.most(func() error {
		l, err := closedLoop(ctx, max(b.results*b.rounds/residentShare, 1), b.inFlight, s.deliver)
		r.SaturatedRate = l.PerSecond
		return err
	})
	b.sayf("resident, at %.0f/s: %.0f MB", r.SaturatedRate, r.Saturated)
	return r, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
