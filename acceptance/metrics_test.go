package acceptance

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	dto "github.com/prometheus/client_model/go"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

// TestMetrics_EachSeries_StandsAtZeroFromTheStart_AndMovesWhenItShould goes through those that people alarm on. Nobody
// polls the sink ext.
func TestMetrics_EachSeries_StandsAtZeroFromTheStart_AndMovesWhenItShould(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  good: {script: {}, when: type != "nothing"}
  down: {script: {}, when: id == "down", retry: {max: 30, backoff: 10ms, max_backoff: 20ms}, circuit: {failures: 2, open: 1h}}
  refuses: {script: {}, when: id == "refused", retry: {max: 0}}
  full: {script: {}, when: id.startsWith("full"), on_full: drop, queue_depth: 1, concurrency: 1, timeout: 30s}
  ext: {external: {}, when: id == "ext"}
`)
	gate := newGate(t)
	s.sinks["down"].answers(func(int, sinks.Delivery) error { return errors.New("away") })
	s.sinks["refuses"].answers(func(int, sinks.Delivery) error { return sinks.Permanent(errors.New("no")) })
	s.sinks["full"].answers(gate.wait)
	zero := []string{
		"consign_results_total", "consign_unmatched_total", `consign_acks_total{outcome="sent"}`, "consign_ack_seconds_count",
		`consign_deliveries_total{outcome="delivered",sink="good"}`, `consign_deliveries_total{outcome="parked",sink="refuses"}`,
		`consign_attempts_total{result="ok",sink="good"}`, `consign_attempts_total{result="transient",sink="down"}`,
		`consign_attempts_total{result="permanent",sink="refuses"}`, `consign_delivery_seconds_count{sink="good"}`, `consign_inflight{sink="full"}`,
		`consign_queue_backlog{sink="ext"}`, `consign_dead_letters{sink="refuses"}`, `consign_dead_letters{sink="_none"}`,
		`consign_circuit_state{sink="down"}`, `consign_sink_dropped_total{sink="full"}`,
	}
	for _, series := range zero {
		require.Equal(t, "0", s.metric(series), series)
	}
	up := newUpstream(t)
	s.submit("acked", `{}`, consign.AckByHTTP(up.URL))
	s.submit("down", `{}`)
	s.submit("refused", `{}`)
	s.submit("ext", `{}`)
	for _, id := range []string{"full1", "full2", "full3", "full4", "full5"} {
		s.submit(id, `{}`)
	}
	_, err := s.client.Submit(s.ctx, consign.Result{Source: "test", ID: "unmatched", Type: "nothing", Data: []byte(`{}`)})
	require.NoError(t, err)
	s.eventually(func() bool {
		return !slices.ContainsFunc(zero, func(series string) bool {
			value, err := strconv.ParseFloat(s.metric(series), 64)
			return (err != nil || value == 0) && series != `consign_dead_letters{sink="_none"}`
		})
	}, "each moves")
	require.Equal(t, "1", s.metric(`consign_dead_letters{sink="refuses"}`))
	require.Equal(t, "1", s.metric(`consign_circuit_state{sink="down"}`))
	require.Equal(t, "1", s.metric("consign_unmatched_total"))
	gate.Open()
}

// TestMetrics_ThePageAboutThem_IsWhatTheCodeSays is written anew by "go test ./acceptance -run ThePageAboutThem -update".
func TestMetrics_ThePageAboutThem_IsWhatTheCodeSays(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks: {one: {script: {}}}")
	families, err := s.worker.Registry().Gather()
	require.NoError(t, err)
	var page strings.Builder
	page.WriteString(`# Metrics

` + "`consign up --metrics ADDR` and `consign worker --metrics ADDR`" + ` serve these for Prometheus at ` + "`/metrics`" + `, and send
them [by OTLP](operating.md#traces-and-metrics-by-otlp) where they are asked to. Each worker tells of itself;
what Temporal holds, such as what waits in a queue and the open dead letters, is the same from each. Every series exists,
at zero, from the start, and a sink that a reload adds has its own at once. The label ` + "`sink`" + ` has the names of the configuration, and no
label has a value that comes with results.

| name | type | labels | meaning |
|---|---|---|---|
`)
	for _, family := range families {
		var labels []string
		for _, pair := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+pair.GetName()+"`")
		}
		page.WriteString("| `" + family.GetName() + "` | " + strings.ToLower(family.GetType().String()) + " | " + strings.Join(labels, ", ") + " | " + family.GetHelp() + " |\n")
		require.NotEqual(t, dto.MetricType_UNTYPED, family.GetType())
	}
	page.WriteString(`
The sources of HTTP and of NATS add ` + "`consign_http_…` and `consign_nats_…`" + `, the embedded server ` + "`consign_disk_…`" + `, where they run, and the Go
runtime its own.

Temporal's own stand beside them: of its SDK in each worker ` + "`temporal_…`" + `, such as ` + "`temporal_request_total` and `temporal_request_latency_seconds`" + `, and of the
embedded server what any Temporal server counts, such as ` + "`service_requests_total`, `service_latency_seconds` and `persistence_latency_seconds`" + `: see Temporal's
references for its [SDK](https://docs.temporal.io/references/sdk-metrics) and its [server](https://docs.temporal.io/references/cluster-metrics). They are some
thousand series, they begin when there is something to count, and the server's leave the names of task queues out. Where nobody asks for metrics, nothing is counted.

## What to alarm on

` + "[`deploy/prometheus/consign.rules.yaml`](../deploy/prometheus/consign.rules.yaml)" + ` has rules for Prometheus, and says for each what is wrong and what to do:
nobody delivers for a sink, a sink is down in every worker, something was parked, dropped, or waits as a dead letter since a day, an upstream was not told, a
pause has lasted for hours, a configuration was refused. ` + "[`deploy/grafana/consign.json`](../deploy/grafana/consign.json)" + ` is a dashboard for Grafana.

What they mean and what to do: [When something is wrong](failures.md).
`)
	path := filepath.Join("..", "docs", "metrics.md")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page.String()), 0o644))
	}
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, page.String(), string(written), "run: go test ./acceptance -run ThePageAboutThem -update")
}
