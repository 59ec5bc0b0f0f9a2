package activities

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/consign-dev/consign"
)

// Metrics are what a worker counts. Every series of a sink exists from the moment its gate does, at
// zero, so that a rate over it has no gap.
type Metrics struct {
	results    prometheus.Counter
	unmatched  prometheus.Counter
	deliveries *prometheus.CounterVec
	attempts   *prometheus.CounterVec
	retries    *prometheus.CounterVec
	dropped    *prometheus.CounterVec
	acks       *prometheus.CounterVec
	inflight   *prometheus.GaugeVec
	circuit    *prometheus.GaugeVec
	paused     *prometheus.GaugeVec
	seconds    *prometheus.HistogramVec
	ackSeconds prometheus.Histogram
}

// Results of an attempt, as the label "result".
const (
	attemptOK        = "ok"
	attemptTransient = "transient"
	attemptPermanent = "permanent"
)

// NewMetrics makes the metrics and registers them.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "consign", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "consign", Name: name, Help: help}, []string{"sink"})
	}
	results := counter("results_total", "Results that this worker routed.")
	unmatched := counter("unmatched_total", "Results that no sink wanted.")
	m := &Metrics{
		deliveries: counter("deliveries_total", "Results committed at a sink, by outcome: delivered, parked or dropped.", "sink", "outcome"),
		attempts:   counter("attempts_total", "Results handed to a sink, by what it said: ok, transient or permanent failure.", "sink", "result"),
		retries:    counter("retries_total", "Attempts that were not the first of their leg.", "sink"),
		dropped:    counter("sink_dropped_total", "Results dropped because the gate of a best-effort sink was full.", "sink"),
		acks:       counter("acks_total", "Acks to upstreams, by outcome: sent or failed.", "outcome"),
		inflight:   gauge("inflight", "Attempts under way."),
		circuit:    gauge("circuit_state", "Circuit of the sink in this worker: 0 closed, 0.5 half-open, 1 open."),
		paused:     gauge("sink_paused", "1 while the sink is paused, for all workers, as this worker has read it."),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "consign", Name: "delivery_seconds", Help: "How long an attempt took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 11), // 1 ms to 9.5 s, around the default timeout
		}, []string{"sink"}),
		ackSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "consign", Name: "ack_seconds", Help: "From when an ack was due, since its result is committed at every sink, until the upstream has taken it.",
			Buckets: prometheus.ExponentialBuckets(0.005, 4, 12), // 5 ms to 5.8 hours: an upstream may be away for long
		}),
	}
	registry.MustRegister(results, unmatched, m.deliveries, m.attempts, m.retries, m.dropped, m.acks, m.inflight, m.circuit, m.paused, m.seconds, m.ackSeconds)
	m.results, m.unmatched = results.WithLabelValues(), unmatched.WithLabelValues()
	m.acks.WithLabelValues(string(consign.AckSent))
	m.acks.WithLabelValues(string(consign.AckFailed))
	return m
}

// register makes a sink's series exist.
func (m *Metrics) register(sink string) {
	for _, outcome := range []consign.Outcome{consign.Delivered, consign.Parked, consign.Dropped} {
		m.deliveries.WithLabelValues(sink, string(outcome))
	}
	for _, result := range []string{attemptOK, attemptTransient, attemptPermanent} {
		m.attempts.WithLabelValues(sink, result)
	}
	m.retries.WithLabelValues(sink)
	m.dropped.WithLabelValues(sink)
	m.inflight.WithLabelValues(sink)
	m.circuit.WithLabelValues(sink)
	m.paused.WithLabelValues(sink)
	m.seconds.WithLabelValues(sink)
}

// Forget has the series of a sink end. Its gate is retired, so that nothing counts any more.
func (m *Metrics) Forget(sink string) {
	of := prometheus.Labels{"sink": sink}
	for _, counter := range []*prometheus.CounterVec{m.deliveries, m.attempts, m.retries, m.dropped} {
		counter.DeletePartialMatch(of)
	}
	for _, gauge := range []*prometheus.GaugeVec{m.inflight, m.circuit, m.paused} {
		gauge.DeletePartialMatch(of)
	}
	m.seconds.DeletePartialMatch(of)
}

// attempt counts what a sink said of a batch.
func (m *Metrics) attempt(sink string, results int, failures []Failed) {
	permanent := 0
	for _, failed := range failures {
		if failed.Permanent {
			permanent++
		}
	}
	m.attempts.WithLabelValues(sink, attemptPermanent).Add(float64(permanent))
	m.attempts.WithLabelValues(sink, attemptTransient).Add(float64(len(failures) - permanent))
	delivered := float64(results - len(failures))
	m.attempts.WithLabelValues(sink, attemptOK).Add(delivered)
	m.deliveries.WithLabelValues(sink, string(consign.Delivered)).Add(delivered)
}
