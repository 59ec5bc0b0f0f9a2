package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/worker"
)

const (
	// settling is what is left out at the start of each run. An attempt that never gets an answer is over
	// after 10 seconds, the default timeout, so five failures in a row have opened the circuit by then.
	settling = 15 * time.Second
	// graceLimit is how long the healthy sinks may take for the last results.
	graceLimit = 30 * time.Second
)

// isolation measures what a broken webhook costs the file and the pipe. Each run has a new server, since
// a broken run leaves open workflows behind.
func (b *bench) isolation(ctx context.Context) (*Isolation, error) {
	refusing, err := nobodyListens(ctx)
	if err != nil {
		return nil, err
	}
	quiet, err := b.isolated(ctx, "quiet", b.receiver.url+"/take")
	if err != nil {
		return nil, fmt.Errorf("a webhook that works: %w", err)
	}
	refused, err := b.isolated(ctx, "refusing", refusing)
	if err != nil {
		return nil, fmt.Errorf("a webhook that refuses connections: %w", err)
	}
	hanging, err := b.isolated(ctx, "hanging", b.receiver.url+"/hang")
	if err != nil {
		return nil, fmt.Errorf("a webhook that never answers: %w", err)
	}
	return &Isolation{
		PerSecond: b.options.rate, SecondsLeftOut: settling.Seconds(), SecondsMeasured: b.options.isolation.Seconds(),
		Quiet: milliseconds(quiet), Refusing: milliseconds(refused), Hanging: milliseconds(hanging),
		RefusingRatio: rounded(float64(refused) / float64(quiet)), HangingRatio: rounded(float64(hanging) / float64(quiet)),
	}, nil
}

// isolated is the 95th percentile of what the healthy sinks take while the webhook is at a URL.
func (b *bench) isolated(ctx context.Context, name, url string) (p95 time.Duration, err error) {
	settings, err := b.configuration(filepath.Join(b.dir, name, "archive.ndjson"), url)
	if err != nil {
		return 0, err
	}
	var used time.Duration // of CPU, while it is measured
	watch := newArrivals("archive", "console")
	for _, sink := range watch.sinks {
		replace(settings, sink, func(original config.Settings) sinks.Settings { return watch.watch(sink, original) })
	}
	err = b.withEngine(ctx, name, func(temporal client.Client) error {
		return withWorker(ctx, temporal, settings, func(working *worker.Worker) error {
			c := consign.NewClient(temporal)
			submit := func(ctx context.Context, _ int, due time.Time) error {
				id := watch.expect(due)
				_, err := c.Submit(ctx, consign.Result{Source: "bench", ID: id, Type: "detection", Data: payload(0)})
				return err
			}
			if err := paced(ctx, b.options.rate, settling, submit); err != nil {
				return err
			}
			if open := circuitOpen(working.Registry(), "alerts"); open != (name != "quiet") {
				return fmt.Errorf("after %s the webhook's circuit is open: %t", settling, open)
			}
			if err := watch.await(ctx, graceLimit); err != nil {
				return err
			}
			watch.forget()
			used = cpuTime()
			if err := paced(ctx, b.options.rate, b.options.isolation, submit); err != nil {
				return err
			}
			used = cpuTime() - used
			return watch.await(ctx, graceLimit)
		})
	})
	took := watch.took()
	p95 = percentile(took, 95)
	b.sayf("isolation, %s: p50 %.1f ms, p95 %.1f ms, %.1f ms of CPU each", name,
		milliseconds(percentile(took, 50)), milliseconds(p95), milliseconds(used)/float64(max(len(took), 1)))
	return p95, err
}

// circuitOpen tells whether a sink's circuit is open, or half-open, in the worker of these metrics.
func circuitOpen(registry *prometheus.Registry, sink string) bool {
	families, err := registry.Gather()
	if err != nil {
		return false
	}
	for _, family := range families {
		if family.GetName() != "consign_circuit_state" {
			continue
		}
		for _, metric := range family.GetMetric() {
			if metric.GetLabel()[0].GetValue() == sink {
				return metric.GetGauge().GetValue() > 0
			}
		}
	}
	return false
}

// nobodyListens is the URL of a port that refuses connections.
func nobodyListens(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", errors.Join(errors.New("looking for a free port"), err)
	}
	return fmt.Sprintf("http://%s/take", listener.Addr()), listener.Close()
}
