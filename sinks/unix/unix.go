// Package unix is the sink that writes results to a local collector's Unix socket, one a line.
//
//	sinks:
//	  collector:
//	    unix:
//	      path: /run/collector/results.sock
//	      format: ndjson
//
// The socket is a stream (SOCK_STREAM) that the collector listens on. One connection is kept, and made
// again by the next delivery when it is gone.
//
// # What delivered means
//
// That the kernel has taken the whole line for the collector. Nothing comes back over the socket, so a
// collector that dies with lines unread loses them, and nobody can tell: where that matters, use a sink
// whose receiver answers. When a connection breaks while a batch is written, all of that batch is
// written again to the next one, so what the collector had read of it arrives twice.
//
// # Back-pressure
//
// A collector that does not read fills the socket, and then a delivery waits until its time is over.
// What was written of a line by then is followed by the end of the connection, and never by another
// line: a last line without its newline is no result.
package unix

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
)

// Kind makes the sink known to the configuration.
func Kind() config.Kind {
	return config.Kind{
		Name:    "unix",
		Summary: "writes results to a local collector's Unix socket, one a line",
		// Not quite a network, but its retries have to outlast a restart of the collector all the same.
		Network: true,
		New:     func() config.Settings { return new(Config) },
	}
}

// Config are the sink's settings.
type Config struct {
	// Path of the socket that the collector listens on, at most 107 bytes on Linux. Nobody needs to
	// listen when Consign starts. Required.
	Path string `yaml:"path"`
	// Format of a line: ndjson, ocsf or cloudevents, see package formats. Default ndjson.
	Format formats.Format `yaml:"format"`
}

var _ sinks.Settings = (*Config)(nil)

// SetDefaults fills in what is left out.
func (c *Config) SetDefaults() { c.Format = cmp.Or(c.Format, formats.NDJSON) }

// Validate reports what is wrong.
func (c *Config) Validate(report func(field, problem string)) {
	if problem := c.problem(); problem != "" {
		report("path", problem)
	}
	c.Format.Validate(report)
}

// problem says what is wrong with the path.
func (c *Config) problem() string {
	// The last byte is for the NUL that ends it.
	longest := len(syscall.RawSockaddrUnix{}.Path) - 1
	switch {
	case c.Path == "":
		return "is missing: name the socket that the collector listens on"
	case strings.Contains(c.Path, "://"):
		return fmt.Sprintf("%q is a URL: write the path alone, such as /run/collector/results.sock", c.Path)
	case strings.ContainsRune(c.Path, 0):
		return "has a NUL in it"
	case len(c.Path) > longest:
		return fmt.Sprintf("%q is %d bytes, and a socket's path at most %d: move the socket, or lead there by a symbolic link", c.Path, len(c.Path), longest)
	}
	return ""
}

// Open returns the sink. It fails if something that is no socket has the path; that nobody listens yet
// is no error.
func (c *Config) Open(context.Context, string) (sinks.Sink, error) { return New(*c) }

// Sink writes results to a socket.
type Sink struct {
	path   string
	format formats.Format
	// turn is had while a batch is written.
	turn *sinks.Turn
	// conn is nil when it has to be made again. Only who has the turn may touch it.
	conn net.Conn
}

// New returns a sink with these settings, or what is wrong with them.
func New(settings Config) (*Sink, error) {
	settings.SetDefaults()
	if problem := settings.problem(); problem != "" {
		return nil, fmt.Errorf("open a unix sink: path %s", problem)
	}
	info, err := os.Stat(settings.Path)
	if err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("open a unix sink: %s is no socket: to append to a file use the kind file", settings.Path)
	}
	return &Sink{path: settings.Path, format: settings.Format, turn: sinks.NewTurn()}, nil
}

// Deliver writes a batch. When ctx ends meanwhile, results whose lines were written whole are
// delivered; when the connection breaks, none is.
func (s *Sink) Deliver(ctx context.Context, batch []sinks.Delivery) []error {
	lines := s.format.Lines(batch)
	if len(lines.Text) == 0 {
		return lines.Report(0, nil)
	}
	if err := s.turn.Take(ctx); err != nil {
		return lines.Report(0, fmt.Errorf("write to %s: %w", s.path, err))
	}
	defer s.turn.Give()
	return lines.Report(s.write(ctx, lines.Text))
}

// Close waits for a batch that is being written, and closes the connection.
func (s *Sink) Close(ctx context.Context) error {
	if err := s.turn.Close(ctx, s.hangUp); err != nil {
		return fmt.Errorf("close the sink to %s: a write is still under way: %w", s.path, err)
	}
	return nil
}
