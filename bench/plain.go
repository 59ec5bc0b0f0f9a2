package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

const (
	plainQueue = "deliveries"
	// plainShare is what plain takes of a round's results, since it is several times slower: 1 of 8.
	plainShare = 8
)

// Plain is what a first attempt would build.
type Plain struct {
	ResultsPerSecond float64 `json:"results_per_second"`
	Min              float64 `json:"min"`
	Max              float64 `json:"max"`
	P50              float64 `json:"p50_ms"`
	CPU              float64 `json:"cpu_ms"`
	RatioToFloor     float64 `json:"ratio_to_floor,omitempty"`
	// SingleVsPlain is how many times as many results a second single does.
	SingleVsPlain float64 `json:"single_vs_plain,omitempty"`
}

func (p *Plain) rows() []row {
	if p == nil {
		return nil
	}
	rows := []row{{
		figure: "plain: what a first attempt builds", measured: rate(p.ResultsPerSecond) + ", p50 " + ms(p.P50), ratio: p.RatioToFloor,
		spread: spread(p.Min, p.Max) + ", " + cost(p.CPU),
	}}
	if p.SingleVsPlain > 0 {
		rows = append(rows, row{figure: "plain: single to it", measured: fmt.Sprintf("%.1f times", p.SingleVsPlain)})
	}
	return rows
}

func (p *Plain) bars() []bar {
	if p == nil {
		return nil
	}
	return []bar{{panel: oneEach, label: "plain", value: p.ResultsPerSecond}}
}

// plain measures what a first attempt at this job would build: see doc.go.
func (b *bench) plain(ctx context.Context, report *Report) (err error) {
	server, err := b.startServer(ctx, "plain", true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopServer(ctx, server)) }()
	temporal, err := client.DialContext(ctx, client.Options{
		HostPort: server.Address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return fmt.Errorf("connecting to the server at %s: %w", server.Address(), err)
	}
	defer temporal.Close()

	t := &tally{bench: b, archive: filepath.Join(b.dir, "plain", "archive.ndjson")}
	working := sdk.New(temporal, plainQueue, sdk.Options{})
	working.RegisterWorkflow(DeliverPlainly)
	working.RegisterActivity(&plainSinks{path: t.archive, url: b.receiver.url + "/take", pipe: b.receiver.pipe})
	if err := working.Start(); err != nil {
		return fmt.Errorf("starting the worker: %w", err)
	}
	defer working.Stop()

	deliver := func(ctx context.Context, i int) error {
		t.submitted.Add(1)
		run, err := temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: "delivery-" + uuid.NewString(), TaskQueue: plainQueue,
		}, DeliverPlainly, payload(i))
		if err != nil {
			return err
		}
		return run.Get(ctx, nil)
	}
	var rounds series
	err = t.check(ctx, func() error {
		if _, err := closedLoop(ctx, b.inFlight, b.inFlight, deliver); err != nil {
			return fmt.Errorf("warming up: %w", err)
		}
		for round := range b.rounds {
			if err := b.round(ctx, round, "plain", max(b.results/plainShare, 1), &rounds, deliver); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	p := &Plain{ResultsPerSecond: rounds.rate(), Min: rounds.least(), Max: rounds.most(), P50: rounds.p(50), CPU: rounds.cpuEach()}
	if report.Floor != nil {
		p.RatioToFloor = rounded(p.ResultsPerSecond / report.Floor.WorkflowsPerSecond)
	}
	if report.Single != nil {
		p.SingleVsPlain = rounded(report.Single.ResultsPerSecond / p.ResultsPerSecond)
	}
	report.Plain = p
	return nil
}

// DeliverPlainly delivers a result to three sinks by three activities.
func DeliverPlainly(ctx workflow.Context, result json.RawMessage) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Second})
	var sinks *plainSinks
	deliveries := []workflow.Future{
		workflow.ExecuteActivity(ctx, sinks.AppendToFile, result),
		workflow.ExecuteActivity(ctx, sinks.PostToWebhook, result),
		workflow.ExecuteActivity(ctx, sinks.WriteToPipe, result),
	}
	for _, delivery := range deliveries {
		if err := delivery.Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// plainSinks deliver as the first lines that come to mind do.
type plainSinks struct {
	path string
	url  string
	pipe *os.File
}

// AppendToFile appends a line and has it brought to disk.
func (s *plainSinks) AppendToFile(_ context.Context, result json.RawMessage) error {
	file, err := os.OpenFile(s.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(append(result, '\n')); err != nil {
		return err
	}
	return file.Sync()
}

// PostToWebhook posts the result.
func (s *plainSinks) PostToWebhook(ctx context.Context, result json.RawMessage) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(result))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", s.url, response.Status)
	}
	return nil
}

// WriteToPipe writes a line to the pipe.
func (s *plainSinks) WriteToPipe(_ context.Context, result json.RawMessage) error {
	_, err := s.pipe.Write(append(result, '\n'))
	return err
}
