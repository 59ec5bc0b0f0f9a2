// Package exit says with which code Consign's commands end, and has the last word on their errors:
// one line on stderr, no usage and no stack.
package exit

import (
	"errors"
	"fmt"
	"io"

	"github.com/consign-dev/consign"
)

// The exit codes of every command.
const (
	// OK means that all went well.
	OK = 0
	// Failed means that something failed: a result was refused, a file could not be read.
	Failed = 1
	// Usage means that the flags, the arguments or the configuration are wrong.
	Usage = 2
	// NoTemporal means that Temporal is unreachable or not set up.
	NoTemporal = 3
	// NotDelivered means that all results are committed, but some were parked, dropped or rejected
	// (submit --wait).
	NotDelivered = 4
)

// Help is the paragraph on exit codes for a command's help.
const Help = `Exit codes:
  0  all went well
  1  something failed
  2  wrong usage or configuration
  3  Temporal is unreachable or not set up
  4  (submit --wait) a result was parked, dropped or rejected`

// With has a command end with code because of err. A nil err ends it without a word, for commands
// that have said all there is to say.
func With(code int, err error) error { return &coded{code: code, err: err} }

// Code is the exit code that an error calls for: the one given by [With], else [NoTemporal] for a
// Temporal that is away or not set up, else [Failed]. A nil error is [OK].
func Code(err error) int {
	var c *coded
	switch {
	case err == nil:
		return OK
	case errors.As(err, &c):
		return c.code
	case errors.Is(err, consign.ErrUnreachable), errors.Is(err, consign.ErrNotSetUp):
		return NoTemporal
	}
	return Failed
}

// Report writes what a command failed with, as one line that begins with the program's name, and
// returns the exit code.
func Report(w io.Writer, program string, err error) int {
	var c *coded
	if err != nil && !(errors.As(err, &c) && c.err == nil) {
		fmt.Fprintf(w, "%s: %v\n", program, err)
	}
	return Code(err)
}

type coded struct {
	code int
	err  error
}

func (c *coded) Error() string {
	if c.err == nil {
		return fmt.Sprintf("exit code %d", c.code)
	}
	return c.err.Error()
}

func (c *coded) Unwrap() error { return c.err }
