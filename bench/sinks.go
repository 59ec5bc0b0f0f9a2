package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/all"
	"github.com/consign-dev/consign/sinks/stdout"
	"github.com/consign-dev/consign/worker"
)

// threeSinks is a configuration of a pipe, a file and a webhook, all settings at their defaults.
func threeSinks(archive, webhook string) string {
	return fmt.Sprintf("sinks:\n  console:\n    stdout: {}\n  archive:\n    file: {path: %q}\n  alerts:\n    webhook: {url: %q}\n", archive, webhook)
}

// configured reads a configuration. What its stdout sink, console, prints goes to the pipe, since standard
// output is for the report.
func configured(yaml string, pipe io.Writer) (*config.Config, error) {
	read, err := config.Parse("bench", []byte(yaml), all.Kinds(), func(string) (string, bool) { return "", false })
	if err != nil {
		return nil, err
	}
	replace(read, "console", func(config.Settings) sinks.Settings { return piped{writer: pipe} })
	return read, nil
}

// replace gives a sink other settings.
func replace(c *config.Config, sink string, settings func(config.Settings) sinks.Settings) {
	for i := range c.Sinks {
		if c.Sinks[i].Name == sink {
			c.Sinks[i].Settings = settings(c.Sinks[i].Settings)
		}
	}
}

// piped are the settings of a stdout sink that prints to another writer.
type piped struct{ writer io.Writer }

// SetDefaults implements config.Settings.
func (piped) SetDefaults() {}

// Validate implements config.Settings.
func (piped) Validate(func(field, problem string)) {}

// Open implements sinks.Settings.
func (p piped) Open(context.Context, string) (sinks.Sink, error) {
	return stdout.NewWriter("the pipe", p.writer), nil
}

// startWorker starts a worker in this process.
func startWorker(ctx context.Context, temporal client.Client, settings *config.Config) (*worker.Worker, error) {
	working, err := worker.Start(ctx, worker.Options{Temporal: temporal, Config: settings, Drain: time.Second})
	if err != nil {
		return nil, fmt.Errorf("starting the worker: %w", err)
	}
	return working, nil
}

func stopWorker(ctx context.Context, working *worker.Worker) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	return working.Stop(ctx)
}

// withWorker calls use while a worker works in this process.
func withWorker(ctx context.Context, temporal client.Client, settings *config.Config, use func(*worker.Worker) error) (err error) {
	working, err := startWorker(ctx, temporal, settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopWorker(ctx, working)) }()
	return use(working)
}
