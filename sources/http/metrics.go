package http

import "github.com/prometheus/client_golang/prometheus"

// metrics are what a server counts. Every series exists from the start, at zero.
type metrics struct {
	requests *prometheus.CounterVec
	results  *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "consign", Subsystem: "http", Name: "requests_total", Help: "Requests answered over HTTP, by class of status.",
		}, []string{"status"}),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "consign", Subsystem: "http", Name: "results_total",
			Help: "Results of requests over HTTP that were right, by what the answer said: stored, duplicate, conflict, or not known to be stored.",
		}, []string{"outcome"}),
	}
	registry.MustRegister(m.requests, m.results)
	for _, class := range []string{"2xx", "4xx", "5xx"} {
		m.requests.WithLabelValues(class)
	}
	for _, outcome := range []string{"stored", "duplicate", "conflict", "unknown"} {
		m.results.WithLabelValues(outcome)
	}
	return m
}

func (m *metrics) count(outcomes []outcome) {
	for _, one := range outcomes {
		switch {
		case one.Status == conflict:
			m.results.WithLabelValues("conflict").Inc()
		case one.WorkflowID == "":
			m.results.WithLabelValues("unknown").Inc()
		case one.Duplicate:
			m.results.WithLabelValues("duplicate").Inc()
		default:
			m.results.WithLabelValues("stored").Inc()
		}
	}
}
