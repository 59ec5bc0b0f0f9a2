package sinks

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxMessage is the most of a failure's text that is kept, in bytes. Temporal replaces a failure of
// over 4 KiB by one that says nothing.
const maxMessage = 1 << 10

// LabelTimeout is the label of an attempt that was not over in time.
const LabelTimeout = "timeout"

// Failure is what Consign needs to know of a failed delivery.
type Failure struct {
	// Message is the error's text, at most 1 KiB.
	Message string
	// Label is a short name of the cause, the same for failures of one sort: "http 503", "timeout".
	// It is what dead letters are counted by.
	Label string
	// Code is the status that the destination answered with, 503 for one; 0: none is known. People class
	// failures by it. It is what [Status] says, else the number at the end of the label.
	Code int
	// Permanent failures are not retried.
	Permanent bool
	// Gone means that the destination said it wants no more deliveries, of any result, such as after
	// 410 Gone: the sink is paused until a person has looked at it. Such a failure is permanent too.
	Gone bool
	// Busy means that the destination asked to be left alone for a while, by everyone.
	Busy bool
	// After is how long to wait before the next try. 0: as the sink's retry settings say.
	After time.Duration
}

type failure struct {
	err       error
	label     string
	code      int
	permanent bool
	transient bool
	busy      bool
	gone      bool
	after     time.Duration
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// Permanent marks an error that no retry will heal: the result is parked at once.
func Permanent(err error) error { return &failure{err: err, permanent: true} }

// Transient marks an error that a retry may heal, whatever the errors inside of it say.
func Transient(err error) error { return &failure{err: err, transient: true} }

// RetryAfter marks a transient error of a destination that asks to be left alone for d. With d = 0
// the sink's own back-off decides.
func RetryAfter(err error, d time.Duration) error {
	return &failure{err: err, busy: true, after: max(d, 0)}
}

// Gone marks an error of a destination that said for good that it wants no more deliveries, as an HTTP
// endpoint does with 410: the result is parked at once, and the sink is paused until someone resumes it.
func Gone(err error) error { return &failure{err: err, permanent: true, gone: true} }

// Label gives an error a short name to be counted by, in place of the one that [Classify] finds. One
// that ends in a number, such as "http 503" or "smtp 550", gives the failure that code.
func Label(err error, label string) error { return &failure{err: err, label: label} }

// Status gives an error the status that the destination answered with, as its [Failure.Code], where the
// label says something else: "s3 AccessDenied" in place of "http 403".
func Status(err error, code int) error { return &failure{err: err, code: code} }

// Classify reads what err says about itself. Everything that does not say otherwise is transient.
func Classify(err error) Failure {
	if err == nil {
		return Failure{}
	}
	result := Failure{Message: clip(err.Error())}
	result.read(err, false)
	if result.Label == "" {
		result.Label = label(err)
	}
	result.Code = cmp.Or(result.Code, code(result.Label))
	return result
}

// code is the number that a label ends in; 0 if there is none.
func code(label string) int {
	number, err := strconv.ParseUint(label[strings.LastIndexByte(label, ' ')+1:], 10, 16)
	if err != nil {
		return 0
	}
	return int(number)
}

// read adds the marks in the tree of err, the outermost first. Below one that says transient, none says
// permanent.
func (f *Failure) read(err error, transient bool) {
	if mark, ok := err.(*failure); ok { //nolint:errorlint // The tree is walked here.
		transient = transient || mark.transient
		f.Permanent = f.Permanent || mark.permanent && !transient
		f.Busy = f.Busy || mark.busy
		f.Gone = f.Gone || mark.gone && !transient
		f.After = max(f.After, mark.after)
		f.Label = cmp.Or(f.Label, mark.label)
		f.Code = cmp.Or(f.Code, mark.code)
	}
	switch wrapper := err.(type) { //nolint:errorlint // As above.
	case interface{ Unwrap() error }:
		f.read(wrapper.Unwrap(), transient)
	case interface{ Unwrap() []error }:
		for _, one := range wrapper.Unwrap() {
			f.read(one, transient)
		}
	}
}

// label names the causes that are common to many kinds of sink.
func label(err error) string {
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	is := func(causes ...error) bool {
		return slices.ContainsFunc(causes, func(cause error) bool { return errors.Is(err, cause) })
	}
	switch {
	case is(context.DeadlineExceeded, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return LabelTimeout
	case is(context.Canceled):
		return "interrupted"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "name not found"
	case dns != nil:
		return "name lookup failed"
	case is(syscall.ECONNREFUSED):
		return "connection refused"
	case is(syscall.ECONNRESET, io.EOF, io.ErrUnexpectedEOF):
		return "connection reset"
	case is(syscall.EPIPE):
		return "broken pipe"
	case is(syscall.EHOSTUNREACH, syscall.ENETUNREACH):
		return "unreachable"
	case is(syscall.ENOSPC, syscall.EDQUOT):
		return "no space left"
	case is(syscall.EROFS):
		return "read-only file system"
	case is(syscall.EIO):
		return "input/output error"
	case is(os.ErrPermission):
		return "permission denied"
	case is(os.ErrNotExist):
		return "not found"
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
