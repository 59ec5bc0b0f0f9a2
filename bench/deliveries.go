package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/worker"
)

const (
	floorQueue    = "bench-floor"
	floorWorkflow = "Noop"
)

// deliveries measures floor, single and alone on one server with one client.
func (b *bench) deliveries(ctx context.Context, report *Report) error {
	return b.withSubject(ctx, "deliveries", func(s subject) error { return b.alternate(ctx, s, report) })
}

// withSubject calls use with what delivers, and does nothing, on a server that is kept in a directory of
// that name. What was submitted is counted at the sinks afterwards.
func (b *bench) withSubject(ctx context.Context, name string, use func(subject) error) error {
	return b.withEngine(ctx, name, func(temporal client.Client) error {
		noop, err := startNoop(temporal)
		if err != nil {
			return err
		}
		defer noop.Stop()
		t := &tally{bench: b, archive: filepath.Join(b.dir, name, "archive.ndjson")}
		settings, err := configured(threeSinks(t.archive, b.receiver.url+"/take"), b.receiver.pipe)
		if err != nil {
			return err
		}
		attempts := &attempts{}
		for _, sink := range settings.Sinks {
			replace(settings, sink.Name, attempts.count)
		}
		return withWorker(ctx, temporal, settings, func(*worker.Worker) error {
			return t.check(ctx, func() error {
				return use(subject{temporal: temporal, client: consign.NewClient(temporal), submitted: &t.submitted, attempts: attempts})
			})
		})
	})
}

// alternate runs rounds of the floor and of deliveries in turn, then deliveries one at a time.
func (b *bench) alternate(ctx context.Context, s subject, report *Report) error {
	if err := b.warmUp(ctx, s); err != nil {
		return err
	}
	var floor, single series
	for round := range b.rounds {
		// A profile of deliveries is clearer without the floor in it.
		if b.wants("floor") || b.wants("single") && b.profile == "" {
			if err := b.round(ctx, round, "floor", b.results, &floor, s.noop); err != nil {
				return err
			}
		}
		if b.wants("single") {
			if err := b.round(ctx, round, "single", b.results, &single, s.deliver); err != nil {
				return err
			}
		}
	}
	report.Floor, report.Single = floor.floor(), single.single(&floor)
	if report.Single != nil {
		report.Single.QueuedShare = rounded(s.attempts.queuedShare())
	}
	if !b.wants("alone") {
		return nil
	}
	b.sayf("alone: one in flight")
	alone, err := closedLoop(ctx, b.results, 1, s.deliver)
	if err != nil {
		return fmt.Errorf("alone: %w", err)
	}
	report.Alone = &Alone{P50: milliseconds(percentile(alone.Took, 50)), P95: milliseconds(percentile(alone.Took, 95))}
	return nil
}

func (b *bench) warmUp(ctx context.Context, s subject) error {
	if _, err := closedLoop(ctx, 2*b.inFlight, b.inFlight, s.noop); err != nil {
		return fmt.Errorf("warming up the floor: %w", err)
	}
	if _, err := closedLoop(ctx, 2*b.inFlight, b.inFlight, s.deliver); err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	return nil
}

// round adds one round to a series.
func (b *bench) round(ctx context.Context, number int, figure string, n int, to *series, do func(context.Context, int) error) error {
	lap, err := closedLoop(ctx, n, b.inFlight, do)
	if err != nil {
		return fmt.Errorf("%s, round %d: %w", figure, number+1, err)
	}
	b.sayf("%-6s round %d of %d: %.0f/s, %.1f ms of CPU each", figure, number+1, b.rounds, lap.PerSecond, milliseconds(lap.CPU))
	to.add(lap)
	return nil
}

// startNoop works on workflows that do nothing.
func startNoop(temporal client.Client) (sdk.Worker, error) {
	noop := sdk.New(temporal, floorQueue, sdk.Options{DisableRegistrationAliasing: true})
	noop.RegisterWorkflowWithOptions(func(workflow.Context, json.RawMessage) error { return nil }, workflow.RegisterOptions{Name: floorWorkflow})
	if err := noop.Start(); err != nil {
		return nil, fmt.Errorf("starting the worker of the floor: %w", err)
	}
	return noop, nil
}

// subject is what is measured.
type subject struct {
	temporal  client.Client
	client    *consign.Client
	submitted *atomic.Int64
	attempts  *attempts
}

// noop runs one workflow that does nothing.
func (s subject) noop(ctx context.Context, i int) error {
	run, err := s.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: "floor/" + uuid.NewString(), TaskQueue: floorQueue, EnableEagerStart: true,
	}, floorWorkflow, payload(i))
	if err != nil {
		return err
	}
	return run.Get(ctx, nil)
}

// deliver submits one result and waits for its receipt.
func (s subject) deliver(ctx context.Context, i int) error {
	s.submitted.Add(1)
	handle, err := s.client.Submit(ctx, consign.Result{Source: "bench", Type: "detection", Data: payload(i)})
	if err != nil {
		return err
	}
	receipt, err := handle.Wait(ctx)
	if err != nil {
		return err
	}
	if !receipt.Delivered() {
		return fmt.Errorf("result %s was not delivered to every sink: %+v", handle.ID(), receipt)
	}
	return nil
}
