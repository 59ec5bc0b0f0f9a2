package main

import (
	"context"
	"errors"
	"fmt"
	nethttp "net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"

	"github.com/consign-dev/consign/sources/http"
)

func addMetrics(cmd *cobra.Command, address *string) {
	cmd.Flags().StringVar(address, "metrics", "", "serve Prometheus metrics at /metrics, /healthz and /readyz, on this host:port; a port alone is on 127.0.0.1 (default: not at all)")
}

// metrics serves a registry over HTTP.
type metrics struct {
	registry *prometheus.Registry
	server   *nethttp.Server // nil: nobody asked for it
	address  string
	meter    metric.Meter // of Temporal's own; nil: nobody asked for it
	stopped  chan struct{}
	ready    atomic.Pointer[http.Readiness] // nil: it has not started
}

// serveMetrics listens on an address, which may be empty.
func serveMetrics(ctx context.Context, address string) (*metrics, error) {
	m := &metrics{registry: prometheus.NewRegistry(), stopped: make(chan struct{})}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if address != "" || wanted("METRICS") {
		var err error
		if m.meter, err = temporalMeter(m.registry); err != nil {
			return nil, err
		}
	}
	if address == "" {
		close(m.stopped)
		return m, nil
	}
	listener, err := listen(ctx, address, "metrics", "--metrics")
	if err != nil {
		return nil, err
	}
	m.address = listener.Addr().String()
	m.server = &nethttp.Server{Handler: m.routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(m.stopped)
		_ = m.server.Serve(listener) // it ends by stop only
	}()
	return m, nil
}

// temporalMeter makes instruments for what Temporal's SDK and server count, in a registry.
func temporalMeter(registry *prometheus.Registry) (metric.Meter, error) {
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo())
	if err != nil {
		return nil, err
	}
	// The SDK's default buckets are for milliseconds, and both of them count seconds.
	seconds := sdkmetric.NewView(
		sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram, Unit: "s"},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: prometheus.ExponentialBuckets(0.001, 4, 9)}}, // 1 ms to 65 s
	)
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithView(seconds)).Meter("temporal"), nil
}

// sdk is where Temporal's SDK counts; nil: nowhere.
func (m *metrics) sdk() client.MetricsHandler {
	if m.meter == nil {
		return nil
	}
	return opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter: m.meter, UseMonotonicCounters: true,
		OnError: func(error) {}, // the metric is not counted then
	})
}

func (m *metrics) routes() nethttp.Handler {
	routes := nethttp.NewServeMux()
	routes.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry}))
	// Alive also while it waits for Temporal: a restart would not bring that back.
	routes.HandleFunc("GET /healthz", func(w nethttp.ResponseWriter, _ *nethttp.Request) { fmt.Fprintln(w, "ok") })
	routes.HandleFunc("GET /readyz", m.readyz)
	return routes
}

// readyTimeout bounds one question to Temporal.
const readyTimeout = 2 * time.Second

// readyz tells whether the worker does its work, and why not.
func (m *metrics) readyz(w nethttp.ResponseWriter, r *nethttp.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	note, reason := "", errors.New("the worker has not started yet: it waits for Temporal")
	if check := m.ready.Load(); check != nil {
		note, reason = (*check)(ctx)
	}
	if reason != nil {
		nethttp.Error(w, reason.Error(), nethttp.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
	if note != "" {
		fmt.Fprintln(w, note)
	}
}

// isReady has check tell from now on whether the worker does its work.
func (m *metrics) isReady(check http.Readiness) { m.ready.Store(&check) }

// stop ends the server; scrapes under way are cut off.
func (m *metrics) stop() {
	if m.server != nil {
		_ = m.server.Close()
	}
	<-m.stopped
}
