package nats

import "github.com/prometheus/client_golang/prometheus"

// What became of messages, as the label "outcome".
const (
	outcomeStored    = "stored"
	outcomeDuplicate = "duplicate"
	outcomeParked    = "parked"
	outcomeReturned  = "returned"
)

// metrics are what sources count. Every series exists from the start, at zero.
type metrics struct {
	messages    *prometheus.CounterVec
	redelivered *prometheus.CounterVec
	failures    *prometheus.CounterVec
	waiting     *prometheus.GaugeVec
	unacked     *prometheus.GaugeVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "consign", Subsystem: "nats", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "consign", Subsystem: "nats", Name: name, Help: help}, []string{"source"})
	}
	m := &metrics{
		messages: counter("messages_total",
			"Messages that were read, by what became of them: stored in Temporal, duplicate of what is there, parked, or returned to come again.", "source", "outcome"),
		redelivered: counter("redelivered_total", "Messages that came again after an earlier delivery.", "source"),
		failures:    counter("failures_total", "Failures to read, after each of which it is tried again.", "source"),
		waiting:     gauge("waiting", "Messages of the stream that the consumer has not delivered yet, as of the last look."),
		unacked:     gauge("unacked", "Messages that the consumer has delivered, to any process, and that are not acked, as of the last look."),
	}
	registry.MustRegister(m.messages, m.redelivered, m.failures, m.waiting, m.unacked)
	return m
}

// register makes a source's series exist.
func (m *metrics) register(registry prometheus.Registerer, s *source) {
	for _, outcome := range []string{outcomeStored, outcomeDuplicate, outcomeParked, outcomeReturned} {
		m.messages.WithLabelValues(s.name, outcome)
	}
	m.redelivered.WithLabelValues(s.name)
	m.failures.WithLabelValues(s.name)
	m.waiting.WithLabelValues(s.name)
	m.unacked.WithLabelValues(s.name)
	labels := prometheus.Labels{"source": s.name}
	registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "consign", Subsystem: "nats", Name: "held", ConstLabels: labels,
			Help: "Messages that this process has read and that are not known to be acked. At max_open no more are read.",
		}, func() float64 { return float64(s.held.count()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "consign", Subsystem: "nats", Name: "reconnects_total", ConstLabels: labels,
			Help: "How often the connection was made again after it had been lost.",
		}, func() float64 { return float64(s.connection.Reconnects()) }),
	)
}
