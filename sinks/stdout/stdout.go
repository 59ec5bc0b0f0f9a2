// Package stdout is the sink that prints results, one a line, for pipes and for watching.
//
//	sinks:
//	  console:
//	    stdout:
//	      stream: stdout
//	      format: ndjson
//
// A batch is one write, and other output of the process does not come between its lines. Delivered
// means that the stream has taken it: what the reader of a pipe does with it is out of sight.
//
// A pipe whose reader has gone is a transient failure. Go would end the process by SIGPIPE on a
// write to a broken pipe at file descriptor 1 or 2, unless the process asks to be told of that
// signal; a sink asks for as long as it is open.
package stdout

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
)

// The streams that [Config] knows.
const (
	Stdout = "stdout"
	Stderr = "stderr"
)

// Kind makes the sink known to the configuration.
func Kind() config.Kind {
	return config.Kind{
		Name:    "stdout",
		Summary: "prints results, one a line",
		New:     func() config.Settings { return new(Config) },
	}
}

// Config are the sink's settings.
type Config struct {
	// Stream to print to: stdout or stderr. Default stdout.
	Stream string `yaml:"stream"`
	// Format of a line: ndjson, ocsf or cloudevents, see package formats. Default ndjson.
	Format formats.Format `yaml:"format"`
}

var _ sinks.Settings = (*Config)(nil)

// SetDefaults fills in what is left out.
func (c *Config) SetDefaults() {
	if c.Stream == "" {
		c.Stream = Stdout
	}
	c.Format = cmp.Or(c.Format, formats.NDJSON)
}

// Validate reports what is wrong.
func (c *Config) Validate(report func(field, problem string)) {
	if c.Stream != Stdout && c.Stream != Stderr {
		report("stream", fmt.Sprintf("%q is no stream: stdout and stderr are", c.Stream))
	}
	c.Format.Validate(report)
}

// Open returns the sink.
func (c *Config) Open(context.Context, string) (sinks.Sink, error) { return New(*c) }

// Sink prints results.
type Sink struct {
	stream string
	writer io.Writer
	format formats.Format
	// turn is had while a write is under way.
	turn *sinks.Turn
	// torn means that the last write ended within a line. Only who has the turn may touch it.
	torn       bool
	brokenPipe chan os.Signal
}

// New returns a sink that prints to the stream of settings.
func New(settings Config) (*Sink, error) {
	settings.SetDefaults()
	stream := os.Stdout
	switch settings.Stream {
	case Stdout:
	case Stderr:
		stream = os.Stderr
	default:
		return nil, fmt.Errorf("open a stdout sink: %q is no stream: stdout and stderr are", settings.Stream)
	}
	s := NewWriter(settings.Stream, stream)
	s.format = settings.Format
	return s, nil
}

// NewWriter returns a sink that prints NDJSON to writer, by one call of Write for a batch and never two at
// once. Errors call the writer by name. Close leaves it open.
func NewWriter(name string, writer io.Writer) *Sink {
	s := &Sink{
		stream: name, writer: writer, format: formats.NDJSON,
		turn: sinks.NewTurn(),
		// Nobody reads it: what counts is that the signal has somewhere to go.
		brokenPipe: make(chan os.Signal, 1),
	}
	signal.Notify(s.brokenPipe, syscall.SIGPIPE)
	return s
}

// Deliver prints a batch. When ctx ends during the write, every result is reported as failed,
// though the stream may still take them.
func (s *Sink) Deliver(ctx context.Context, batch []sinks.Delivery) []error {
	lines := s.format.Lines(batch)
	if len(lines.Text) == 0 {
		return lines.Report(0, nil)
	}
	if err := s.turn.Take(ctx); err != nil {
		return lines.Report(0, fmt.Errorf("print to %s: %w", s.stream, err))
	}
	// A reader that does not read can hold up a write for ever, hence a goroutine. There is at most
	// one, since it has the turn.
	result := make(chan outcome, 1)
	go func() {
		written := s.write(lines.Text)
		s.turn.Give()
		result <- written
	}()
	select {
	case written := <-result:
		return lines.Report(written.taken, written.err)
	case <-ctx.Done():
		return lines.Report(0, fmt.Errorf("print to %s: it does not take what is written: %w", s.stream, ctx.Err()))
	}
}

// Close waits for a write that is under way. The stream stays open.
func (s *Sink) Close(ctx context.Context) error {
	if err := s.turn.Close(ctx, func() { signal.Stop(s.brokenPipe) }); err != nil {
		return fmt.Errorf("close the sink to %s: a write is still under way: %w", s.stream, err)
	}
	return nil
}

// outcome of a write: how many bytes were taken, and why no more were.
type outcome struct {
	taken int
	err   error
}

// write prints text. A line that an earlier write left half done is ended first, so that it spoils
// no other.
func (s *Sink) write(text []byte) outcome {
	lead := 0
	if s.torn {
		text, lead = append([]byte("\n"), text...), 1
	}
	taken, err := s.writer.Write(text)
	if err != nil {
		err = fmt.Errorf("print to %s: %w", s.stream, err)
	}
	if taken > 0 {
		s.torn = text[taken-1] != '\n'
	}
	return outcome{taken: max(taken-lead, 0), err: err}
}
