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
	// settling is what is left out at the start of a run with a broken sink. An attempt that never gets an
	// answer is over after 10 seconds, the default timeout, so five failures in a row have opened the circuit by then.
	settling = 15 * time.Second
	// warming is what is left out where no sink is broken.
	warming = 5 * time.Second
	// graceLimit is how long the healthy sinks may take for the last results.
	graceLimit = 30 * time.Second
)

// DeadSink is what the healthy sinks feel of a broken one, once its circuit is open.
type DeadSink struct {
	PerSecond       int     `json:"results_per_second"`
	SecondsMeasured float64 `json:"seconds_measured"`
	Quiet           Healthy `json:"quiet"`
	Refusing        Healthy `json:"refusing"`
	Hanging         Healthy `json:"hanging"`
	// RefusingRatio and HangingRatio are of the 95th percentiles to that of the quiet run. Target: at most 1.4.
	RefusingRatio float64 `json:"refusing_ratio"`
	HangingRatio  float64 `json:"hanging_ratio"`
}

// Healthy is how the healthy sinks fare in one run, from when a result was due to be submitted until both hold it.
type Healthy struct {
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	CPU float64 `json:"cpu_ms"`
}

const deadSinkTarget = 1.4

func (d *DeadSink) rows() []row {
	if d == nil {
		return nil
	}
	return []row{
		{figure: "dead_sink: healthy sinks, faultless", measured: "p95 " + ms(d.Quiet.P95), spread: fmt.Sprintf("at %d/s for %.0f s, %s", d.PerSecond, d.SecondsMeasured, cost(d.Quiet.CPU))},
		{figure: "dead_sink: beside one that refuses", measured: "p95 " + ms(d.Refusing.P95), spread: fmt.Sprintf("%.2f of faultless, %s", d.RefusingRatio, cost(d.Refusing.CPU))},
		{figure: "dead_sink: beside one that hangs", measured: "p95 " + ms(d.Hanging.P95), spread: fmt.Sprintf("%.2f of faultless, %s", d.HangingRatio, cost(d.Hanging.CPU))},
	}
}

func (d *DeadSink) bars() []bar {
	if d == nil {
		return nil
	}
	most := deadSinkTarget * d.Quiet.P95
	return []bar{
		{panel: deadSinks, label: "all well", value: d.Quiet.P95},
		{panel: deadSinks, label: "one refuses", value: d.Refusing.P95, atMost: most},
		{panel: deadSinks, label: "one hangs", value: d.Hanging.P95, atMost: most},
	}
}

// deadSink measures what a broken webhook costs the file and the pipe. Each run has a new server, since
// a broken run leaves open workflows behind.
func (b *bench) deadSink(ctx context.Context, report *Report) error {
	refusing, err := nobodyListens(ctx)
	if err != nil {
		return err
	}
	d := &DeadSink{PerSecond: b.rate, SecondsMeasured: b.length.Seconds()}
	if d.Quiet, err = b.beside(ctx, "quiet", b.receiver.url+"/take", warming, false); err != nil {
		return fmt.Errorf("a webhook that works: %w", err)
	}
	if d.Refusing, err = b.beside(ctx, "refusing", refusing, settling, true); err != nil {
		return fmt.Errorf("a webhook that refuses connections: %w", err)
	}
	if d.Hanging, err = b.beside(ctx, "hanging", b.receiver.url+"/hang", settling, true); err != nil {
		return fmt.Errorf("a webhook that never answers: %w", err)
	}
	d.RefusingRatio, d.HangingRatio = rounded(d.Refusing.P95/d.Quiet.P95), rounded(d.Hanging.P95/d.Quiet.P95)
	report.DeadSink = d
	return nil
}

// beside measures the healthy sinks while the webhook is at a URL, and its circuit is open or not.
func (b *bench) beside(ctx context.Context, name, url string, leftOut time.Duration, open bool) (healthy Healthy, err error) {
	settings, err := configured(threeSinks(filepath.Join(b.dir, name, "archive.ndjson"), url), b.receiver.pipe)
	if err != nil {
		return healthy, err
	}
	watch := watchHealthy(settings)
	err = b.withEngine(ctx, name, func(temporal client.Client) error {
		return withWorker(ctx, temporal, settings, func(working *worker.Worker) error {
			c := consign.NewClient(temporal)
			if err := atPace(ctx, b.rate, leftOut, watch.submit(c)); err != nil {
				return err
			}
			if is := circuitOpen(working.Registry(), "alerts"); is != open {
				return fmt.Errorf("after %s the webhook's circuit is open: %t", leftOut, is)
			}
			if err := watch.await(ctx, graceLimit); err != nil {
				return err
			}
			healthy, err = b.live(ctx, c, watch, b.length)
			return err
		})
	})
	b.sayf("dead_sink, %s: %s, %s", name, quantiles(healthy.P50, healthy.P95), cost(healthy.CPU))
	return healthy, err
}

// watchHealthy watches the sinks of a configuration that nothing is wrong with.
func watchHealthy(settings *config.Config) *arrivals {
	watch := newArrivals("archive", "console")
	for _, sink := range watch.sinks {
		replace(settings, sink, func(original config.Settings) sinks.Settings { return watch.watch(sink, original) })
	}
	return watch
}

// submit hands over one result that is watched, at its time.
func (a *arrivals) submit(c *consign.Client) func(context.Context, int, time.Time) error {
	return func(ctx context.Context, _ int, due time.Time) error {
		id := a.expect(due)
		_, err := c.Submit(ctx, consign.Result{Source: "bench", ID: id, Type: "detection", Data: payload(0)})
		return err
	}
}

// live measures how results fare at the healthy sinks that are submitted at a pace for so long. The CPU is that of the
// submitting.
func (b *bench) live(ctx context.Context, c *consign.Client, watch *arrivals, length time.Duration) (Healthy, error) {
	watch.forget()
	used := cpuTime()
	if err := atPace(ctx, b.rate, length, watch.submit(c)); err != nil {
		return Healthy{}, err
	}
	used = cpuTime() - used
	if err := watch.await(ctx, graceLimit); err != nil {
		return Healthy{}, err
	}
	took := watch.took()
	return Healthy{
		P50: milliseconds(percentile(took, 50)), P95: milliseconds(percentile(took, 95)),
		CPU: milliseconds(used) / float64(max(len(took), 1)),
	}, nil
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
