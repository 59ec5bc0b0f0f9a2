package embedded

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// serverLog is the Temporal server's logger. A server that gives up ends its process by a fatal log
// entry: here it ends only the goroutine, and the reason is kept.
type serverLog struct {
	stopping atomic.Bool // parts of the server then complain that others are gone

	mu     sync.Mutex
	gaveUp error
	failed chan error // receives the first reason
}

func newServerLog() *serverLog { return &serverLog{failed: make(chan error, 1)} }

// The same message is passed on this often a minute: under overload the server warns at each slow call.
const sameMessages = 3

func (l *serverLog) logger(to *zap.Logger, dir *dataDir) log.Logger {
	alarm := to.WithOptions(zap.WithCaller(false), zap.WrapCore(atMost(1)))
	return log.NewZapLogger(to.Named("temporal").WithOptions(
		zap.WrapCore(atMost(sameMessages)),
		zap.WrapCore(func(core zapcore.Core) zapcore.Core {
			return quietCore{Core: core, stopping: &l.stopping, alarm: func(t trouble) { alarm.Error(dir.alarm(t)) }}
		}),
		zap.WithFatalHook(l),
		zap.WithCaller(false), // it would name the server's own logger
		zap.AddStacktrace(zap.FatalLevel+1),
	))
}

// atMost passes on the first n of the same message in a minute.
func atMost(n int) func(zapcore.Core) zapcore.Core {
	return func(core zapcore.Core) zapcore.Core { return zapcore.NewSamplerWithOptions(core, time.Minute, n, 0) }
}

// OnWrite implements zapcore.CheckWriteHook, for entries at level fatal.
func (l *serverLog) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	reason := errors.New(entry.Message)
	if cause := errorOf(fields); cause != nil {
		reason = fmt.Errorf("%s: %w", entry.Message, cause)
	}
	l.mu.Lock()
	if l.gaveUp == nil {
		l.gaveUp = reason
		l.failed <- reason
	}
	l.mu.Unlock()
	runtime.Goexit()
}

// guard runs part of the server, and returns as an error what would have ended this process.
func (l *serverLog) guard(part func() error) error {
	result := make(chan error, 1)
	go func() {
		err := errors.New("it gave up")
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("%v", p)
			}
			result <- err
		}()
		err = part()
	}()
	err := <-result
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gaveUp != nil {
		return l.gaveUp
	}
	return err
}

// quietCore passes on what is at level warn or above and not usual, and raises an alarm at errors that a
// person has to do something about.
type quietCore struct {
	zapcore.Core
	stopping *atomic.Bool
	alarm    func(trouble)
}

// Enabled must be true for fatal entries even where the core below logs nothing: the server's logger
// skips what is not enabled, and would go on after it gave up.
func (c quietCore) Enabled(level zapcore.Level) bool { return level >= zapcore.WarnLevel }

func (c quietCore) With(fields []zapcore.Field) zapcore.Core {
	c.Core = c.Core.With(fields)
	return c
}

func (c quietCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.Enabled(entry.Level) || c.stopping.Load() || strings.HasPrefix(entry.Message, noHTTP) || strings.HasPrefix(entry.Message, nobodyToTell) {
		return checked
	}
	return checked.AddCore(entry, c)
}

func (c quietCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	err := errorOf(fields)
	if err != nil && strings.HasSuffix(err.Error(), context.Canceled.Error()) {
		return nil // a client went away while it waited, as a worker does that stops polling
	}
	if t := diagnose(err); t != none {
		c.alarm(t)
	}
	said := make([]zapcore.Field, 0, len(fields))
	for _, field := range fields {
		if field.Key != tag.LoggingCallAtKey { // a path in the Go module cache
			said = append(said, field)
		}
	}
	if checked := c.Core.Check(entry, nil); checked != nil {
		checked.Write(said...)
	}
	return nil
}

// noHTTP begins a warning at each start: the server's HTTP API serves Nexus only, which Consign does not use.
const noHTTP = "HTTP API port has not been set."

// nobodyToTell begins an error about an answer to a call that its client has given up: the call has waited for
// a busy workflow as long as the client would, and why it was in vain can no longer be put into the headers. No limit
// of the server is behind it; a client that still waits is told.
const nobodyToTell = "Failed to add Resource-Exhausted headers"

func errorOf(fields []zapcore.Field) error {
	for _, field := range fields {
		if err, ok := field.Interface.(error); ok && field.Type == zapcore.ErrorType {
			return err
		}
	}
	return nil
}
