package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
)

const (
	// ingestClients post at once.
	ingestClients = 4
	// ingestLines is how many results each post brings.
	ingestLines = 100
	// ingestShare is how many times the results of a round are posted so, since they share workflows.
	ingestShare = 10
	// ingestRounds is the most rounds.
	ingestRounds = 6
	// ingestBatch is the most results that may share a workflow.
	ingestBatch = 256
)

// HTTPIngest is what POST /v1/results?wait=committed takes, until the answer that every sink has all of it.
// Server, worker and HTTP server are one process, the clients another.
type HTTPIngest struct {
	// P50 and P95 are of one result a request, one request at a time.
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	// Clients post ResultsPerPost each, as NDJSON.
	Clients          int     `json:"clients"`
	ResultsPerPost   int     `json:"results_per_post"`
	ResultsPerSecond float64 `json:"results_per_second"`
	Min              float64 `json:"min"`
	Max              float64 `json:"max"`
	CPU              float64 `json:"cpu_ms"` // of a result among many, without what the clients use
	Beside
	RatioToFloor float64 `json:"ratio_to_floor"`
}

func (i *HTTPIngest) rows() []row {
	if i == nil {
		return nil
	}
	return []row{
		{figure: "http_ingest: one result a post, one in flight", measured: quantiles(i.P50, i.P95), floor: i.FloorPerSecond},
		{
			figure: fmt.Sprintf("http_ingest: %d clients, %d results a post", i.Clients, i.ResultsPerPost), measured: rate(i.ResultsPerSecond),
			floor: i.FloorPerSecond, ratio: i.RatioToFloor, spread: spread(i.Min, i.Max) + ", " + cost(i.CPU),
		},
	}
}

func (i *HTTPIngest) bars() []bar {
	if i == nil {
		return nil
	}
	return []bar{
		{panel: latency, label: "HTTP, p50", value: i.P50},
		{panel: latency, label: "HTTP, p95", value: i.P95},
		{panel: manyEach, label: "floor beside http_ingest", value: i.FloorPerSecond},
		{panel: manyEach, label: "http_ingest", value: i.ResultsPerSecond},
	}
}

// httpIngest measures the HTTP source.
func (b *bench) httpIngest(ctx context.Context, report *Report) error {
	dir := filepath.Join(b.dir, "http_ingest")
	t := &tally{bench: b, archive: filepath.Join(dir, "archive.ndjson")}
	yaml := threeSinks(t.archive, b.receiver.url+"/take") + fmt.Sprintf("http: {listen: \"127.0.0.1:0\", batch_max: %d}\n", ingestBatch)
	return b.withHost(ctx, Plan{Dir: dir, Config: yaml}, func(h *hosted) error {
		return t.check(ctx, func() (err error) {
			report.HTTPIngest, err = b.ingest(ctx, h, t)
			return err
		})
	})
}

func (b *bench) ingest(ctx context.Context, h *hosted, t *tally) (*HTTPIngest, error) {
	post := func(lines int) func(context.Context, int) error {
		return func(ctx context.Context, i int) error {
			t.submitted.Add(int64(lines))
			return post(ctx, h.HTTP, i, lines)
		}
	}
	if _, err := closedLoop(ctx, max(b.inFlight, 1), 1, post(1)); err != nil {
		return nil, fmt.Errorf("warming up: %w", err)
	}
	alone, err := closedLoop(ctx, b.results, 1, post(1))
	if err != nil {
		return nil, err
	}
	var floor, many series
	posts := max(b.results*ingestShare/ingestLines, 1)
	for round := range min(b.rounds, ingestRounds) {
		if err := h.floor(ctx, b, &floor); err != nil {
			return nil, err
		}
		before, err := h.spent(ctx)
		if err != nil {
			return nil, err
		}
		lap, err := closedLoop(ctx, posts, ingestClients, post(ingestLines))
		if err != nil {
			return nil, err
		}
		after, err := h.spent(ctx)
		if err != nil {
			return nil, err
		}
		lap.PerSecond *= ingestLines
		b.sayf("http_ingest round %d: %.0f/s, floor %.0f/s", round+1, lap.PerSecond, floor.rates[round])
		many.rates = append(many.rates, lap.PerSecond)
		many.cpu = append(many.cpu, milliseconds(after.CPU-before.CPU)/float64(posts*ingestLines))
	}
	return &HTTPIngest{
		P50: milliseconds(percentile(alone.Took, 50)), P95: milliseconds(percentile(alone.Took, 95)),
		Clients: ingestClients, ResultsPerPost: ingestLines,
		ResultsPerSecond: many.rate(), Min: many.least(), Max: many.most(), CPU: many.cpuEach(),
		Beside: floor.beside(), RatioToFloor: many.to(&floor),
	}, nil
}

// post posts results, one a line, and returns when every sink has them.
func post(ctx context.Context, url string, i, lines int) error {
	var body bytes.Buffer
	for n := range lines {
		body.Write(payload(i*lines + n))
		body.WriteByte('\n')
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/results?wait=committed&bare=true&source=bench&type=detection", &body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("POST of %d results: %s: %.300s", lines, response.Status, answer)
	}
	return err
}
