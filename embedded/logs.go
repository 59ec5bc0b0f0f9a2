package embedded

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"go.temporal.io/server/common/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// usual are messages that the server writes at level warn or above though nothing is wrong here.
var usual = []string{
	"HTTP API port has not been set.", // it has not: nothing here speaks Nexus over HTTP
}

// serverLog is the Temporal server's logger. The server ends its process when it gives up, by a fatal
// log entry: this one ends only the goroutine, and keeps the reason.
type serverLog struct {
	mu     sync.Mutex
	gaveUp error
	failed chan error // receives the first reason
}

func newServerLog() *serverLog { return &serverLog{failed: make(chan error, 1)} }

func (l *serverLog) logger(to *zap.Logger) log.Logger {
	quiet := to.Named("temporal").WithOptions(
		zap.WrapCore(func(core zapcore.Core) zapcore.Core { return quietCore{core} }),
		zap.WithFatalHook(l),
		zap.AddStacktrace(zap.FatalLevel+1),
	)
	return log.NewZapLogger(quiet)
}

// OnWrite implements zapcore.CheckWriteHook, for entries at level fatal.
func (l *serverLog) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	reason := errors.New(entry.Message)
	for _, field := range fields {
		if cause, ok := field.Interface.(error); ok && field.Type == zapcore.ErrorType {
			reason = fmt.Errorf("%s: %w", entry.Message, cause)
		}
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

// quietCore passes on what is at level warn or above and unusual. It lets fatal entries through to the
// hook even where the core below logs nothing.
type quietCore struct{ zapcore.Core }

func (c quietCore) Enabled(level zapcore.Level) bool { return level >= zapcore.WarnLevel }

func (c quietCore) With(fields []zapcore.Field) zapcore.Core { return quietCore{c.Core.With(fields)} }

func (c quietCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.Enabled(entry.Level) || isUsual(entry.Message) {
		return checked
	}
	return c.Core.Check(entry, checked)
}

func isUsual(message string) bool {
	return slices.ContainsFunc(usual, func(known string) bool { return len(message) >= len(known) && message[:len(known)] == known })
}
