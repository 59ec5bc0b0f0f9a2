// Package file is the sink that appends results to a file, one a line: as NDJSON, OCSF findings or CloudEvents.
//
//	sinks:
//	  archive:
//	    file:
//	      path: /var/lib/consign/results.ndjson
//	      sync: true
//	      mode: 0640
//	      format: ndjson
//
// Any number of workers, of this machine, may share the file: each locks it (flock) while it
// appends. Delivered means on disk (fsync), unless sync is false. Results that wait at the same
// time share one write and one fsync.
//
// # No half lines
//
// A process killed while it writes, or a disk that fills up, can leave a half line at the end of
// the file. What a full disk leaves is taken back at once, what a killed process leaves by the next
// append, before it writes. A last line that is whole and lacks only its newline, or that is none of
// ours, is kept.
//
// # Rotation
//
// Rename the file, or delete it, at any time: the next append creates a new one. An append under way
// still goes to the renamed file, so do not compress it at once (logrotate: delaycompress), and do
// not rotate by copying (logrotate: copytruncate), which loses what is appended meanwhile.
package file

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
)

// Kind makes the sink known to the configuration.
func Kind() config.Kind {
	return config.Kind{
		Name:    "file",
		Summary: "appends results to a file, one a line",
		New:     func() config.Settings { return new(Config) },
	}
}

// Config are the sink's settings.
type Config struct {
	// Path of the file. It and the directories above it are created when they are missing. Required.
	Path string `yaml:"path"`
	// Sync waits until results are on disk (fsync) before they count as delivered. Without it, a
	// machine that loses power loses the last of them. Default true.
	Sync *bool `yaml:"sync"`
	// Mode gives the permissions of a file that the sink creates, in octal, less the umask.
	// Default 0640.
	Mode string `yaml:"mode"`
	// Format of a line: ndjson, ocsf or cloudevents, see package formats. Default ndjson.
	Format formats.Format `yaml:"format"`
}

var _ sinks.Settings = (*Config)(nil)

// SetDefaults fills in what is left out.
func (c *Config) SetDefaults() {
	if c.Sync == nil {
		c.Sync = new(true)
	}
	if c.Mode == "" {
		c.Mode = "0640"
	}
	c.Format = cmp.Or(c.Format, formats.NDJSON)
}

// Validate reports what is wrong.
func (c *Config) Validate(report func(field, problem string)) {
	if c.Path == "" {
		report("path", "is missing: name the file to append to")
	}
	if _, err := c.mode(); err != nil {
		report("mode", err.Error())
	}
	c.Format.Validate(report)
}

// Open opens the file, and creates it when it is missing.
func (c *Config) Open(context.Context, string) (sinks.Sink, error) { return New(*c) }

func (c *Config) mode() (os.FileMode, error) {
	mode, err := strconv.ParseUint(strings.TrimPrefix(c.Mode, "0o"), 8, 32)
	if err != nil || mode > 0o777 {
		return 0, fmt.Errorf("%q are no permissions: write them in octal, such as 0640", c.Mode)
	}
	if mode&0o600 != 0o600 {
		return 0, fmt.Errorf("%q would lock the sink itself out: the owner must read and write, as in 0640", c.Mode)
	}
	return os.FileMode(mode), nil
}

// Sink appends results to a file.
type Sink struct {
	path string
	mode os.FileMode
	sync bool
	// format of a line.
	format formats.Format
	// flush is fsync.
	flush func(*os.File) error

	appends chan *appendix
	// locked is true while someone else holds the lock.
	locked  atomic.Bool
	close   sync.Once
	closing chan struct{}
	closed  chan struct{}

	// file is nil when it has to be opened again. Only the appending goroutine uses it.
	file *os.File
}

// New opens the file and starts the goroutine that appends to it, which ends with Close.
func New(settings Config) (*Sink, error) {
	settings.SetDefaults()
	mode, err := settings.mode()
	if err != nil {
		return nil, fmt.Errorf("open a file sink: mode %w", err)
	}
	s := &Sink{
		path: settings.Path, mode: mode, sync: *settings.Sync, format: settings.Format, flush: (*os.File).Sync,
		appends: make(chan *appendix),
		closing: make(chan struct{}),
		closed:  make(chan struct{}),
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	go s.run()
	return s, nil
}

// Deliver appends a batch. When ctx ends before its end is known, every result is reported as
// failed, though they may still come to stand in the file.
func (s *Sink) Deliver(ctx context.Context, batch []sinks.Delivery) []error {
	lines := s.format.Lines(batch)
	if len(lines.Text) == 0 {
		return lines.Report(0, nil)
	}
	err := s.submit(ctx, &appendix{ctx: ctx, lines: lines.Text, done: make(chan error, 1)})
	if err != nil {
		err = fmt.Errorf("append to %s: %w", s.path, err)
	}
	return lines.Report(0, err)
}

func (s *Sink) submit(ctx context.Context, a *appendix) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.appends <- a:
	case <-s.closing:
		return sinks.ErrClosed
	case <-ctx.Done():
		return s.interrupted(ctx)
	}
	select {
	case err := <-a.done:
		return err
	case <-ctx.Done():
		return s.interrupted(ctx)
	}
}

func (s *Sink) interrupted(ctx context.Context) error {
	if s.locked.Load() {
		return fmt.Errorf("someone else holds its lock (see who: fuser -v %s): %w", s.path, ctx.Err())
	}
	return ctx.Err()
}

// Close waits for what is being appended and closes the file.
func (s *Sink) Close(ctx context.Context) error {
	s.close.Do(func() { close(s.closing) })
	select {
	case <-s.closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close %s: an append is still under way: %w", s.path, ctx.Err())
	}
}
