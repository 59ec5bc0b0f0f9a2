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

// configuration of the three sinks, all settings at their defaults.
func (b *bench) configuration(archive, webhook string) (*config.Config, error) {
	source := fmt.Sprintf("sinks:\n  archive:\n    file: {path: %q}\n  alerts:\n    webhook: {url: %q}\n  console:\n    stdout: {}\n", archive, webhook)
	read, err := config.Parse("bench", []byte(source), all.Kinds(), func(string) (string, bool) { return "", false })
	if err != nil {
		return nil, err
	}
	// Standard output is for the report, so the stdout sink writes to the pipe.
	replace(read, "console", func(config.Settings) sinks.Settings { return piped{writer: b.receiver.pipe} })
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

// withWorker calls use while a worker works in this process.
func withWorker(ctx context.Context, temporal client.Client, settings *config.Config, use func(*worker.Worker) error) (err error) {
	working, err := worker.Start(ctx, worker.Options{Temporal: temporal, Config: settings, Drain: time.Second})
	if err != nil {
		return fmt.Errorf("starting the worker: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		err = errors.Join(err, working.Stop(ctx))
	}()
	return use(working)
}
