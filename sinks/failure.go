package sinks

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// maxMessage is the most of a failure's text that is kept, in bytes. Temporal replaces a failure of
// over 4 KiB by one that says nothing.
const maxMessage = 1 << 10

// Failure is what Consign needs to know of a failed delivery.
type Failure struct {
	// Message is the error's text, at most 1 KiB.
	Message string
	// Label is a short name of the cause, the same for failures of one sort: "http 503", "timeout".
	// It is what dead letters are counted by.
	Label string
	// Permanent failures are not retried.
	Permanent bool
	// Busy means that the destination asked to be left alone for a while, by everyone.
	Busy bool
	// After is how long to wait before the next try. 0: as the sink's retry settings say.
	After time.Duration
}

type failure struct {
	err       error
	label     string
	permanent bool
	busy      bool
	after     time.Duration
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// Permanent marks an error that no retry will heal: the result is parked at once.
func Permanent(err error) error { return &failure{err: err, permanent: true} }

// RetryAfter marks a transient error of a destination that asks to be left alone for d. With d = 0
// the sink's own back-off decides.
func RetryAfter(err error, d time.Duration) error {
	return &failure{err: err, busy: true, after: max(d, 0)}
}

// Label gives an error a short name to be counted by, in place of the one that [Classify] finds.
func Label(err error, label string) error { return &failure{err: err, label: label} }

// Classify reads what err says about itself. Everything that does not say otherwise is transient.
func Classify(err error) Failure {
	result := Failure{Message: clip(err.Error())}
	for e := err; e != nil; {
		var f *failure
		if !errors.As(e, &f) {
			break
		}
		result.Permanent = result.Permanent || f.permanent
		result.Busy = result.Busy || f.busy
		result.After = max(result.After, f.after)
		if result.Label == "" {
			result.Label = f.label
		}
		e = f.err
	}
	if result.Label == "" {
		result.Label = label(err)
	}
	return result
}

func label(err error) string {
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &dns):
		return "name not found"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, syscall.ENOSPC):
		return "no space left"
	case errors.Is(err, os.ErrPermission):
		return "permission denied"
	}
	return "error"
}

// clip cuts a message to maxMessage bytes of valid UTF-8.
func clip(s string) string {
	if len(s) > maxMessage {
		s = s[:maxMessage-len("…")] + "…"
	}
	return strings.ToValidUTF8(s, "")
}
