// Package spool is a sink that puts each result into a directory as a file of its own, where another program
// picks it up. It is the example of docs/writing-a-sink.md.
package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// Kind makes the sink known to the configuration.
func Kind() config.Kind {
	return config.Kind{
		Name: "spool", Summary: "a directory, one file per result",
		New: func() config.Settings { return new(Config) },
	}
}

// Config are the sink's settings.
type Config struct {
	// Dir that results are put into. It has to be there. Required.
	Dir string `yaml:"dir"`
}

// SetDefaults does nothing: there are none.
func (*Config) SetDefaults() {}

// Validate reports what is wrong with the file, without a look at the world.
func (c *Config) Validate(report func(field, problem string)) {
	if c.Dir == "" {
		report("dir", "is required, such as /var/spool/consign")
	}
}

// Open returns the sink, or says why it could not deliver anything.
func (c *Config) Open(context.Context, string) (sinks.Sink, error) {
	if info, err := os.Stat(c.Dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is no directory: make it, or name another one", c.Dir)
	}
	return &Sink{dir: c.Dir}, nil
}

// Sink puts results into a directory.
type Sink struct {
	dir    string
	closed atomic.Bool
}

// Deliver reports on each result by its index.
func (s *Sink) Deliver(ctx context.Context, batch []sinks.Delivery) []error {
	errs := make([]error, len(batch))
	for i, delivery := range batch {
		errs[i] = s.put(ctx, delivery)
	}
	return errs
}

func (s *Sink) put(ctx context.Context, d sinks.Delivery) error {
	if s.closed.Load() {
		return errors.New("the sink is closed")
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	line, err := d.Result.Encode()
	if err != nil {
		return sinks.Permanent(err) // no retry makes it JSON
	}
	// The delivery id is the same on every retry, so a repeat replaces the file: nothing is there twice.
	path := filepath.Join(s.dir, d.ID+".json")
	file, err := os.Create(path + ".tmp")
	if err != nil {
		return err // transient, and labelled by its cause: "no space left"
	}
	_, err = file.Write(line)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path) // delivered means durable: on disk before it has its name
}

// Close has nothing to let go of.
func (s *Sink) Close(context.Context) error {
	s.closed.Store(true)
	return nil
}
