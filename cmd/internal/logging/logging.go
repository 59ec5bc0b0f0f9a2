// Package logging makes the logger of a command: zap, to stderr, as lines for people on a terminal
// and as JSON for machines elsewhere.
package logging

import (
	"fmt"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"
)

// New returns a logger that writes entries of a level and above to w. Levels are debug, info, warn
// and error.
func New(level string, w *os.File) (*zap.Logger, error) {
	var least zapcore.Level
	switch level {
	case "debug", "info", "warn", "error":
		if err := least.Set(level); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("unknown log level %q: choose debug, info, warn or error", level)
	}
	encoder := machine()
	if term.IsTerminal(int(w.Fd())) {
		encoder = person()
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(w), least)
	return zap.New(core, zap.ErrorOutput(zapcore.Lock(w))), nil
}

// person reads "15:04:05.000  WARN  parked  {"sink": "slack"}".
func person() zapcore.Encoder {
	c := zap.NewDevelopmentEncoderConfig()
	c.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	c.EncodeLevel = zapcore.CapitalColorLevelEncoder
	c.EncodeDuration = zapcore.StringDurationEncoder
	c.StacktraceKey = zapcore.OmitKey
	if os.Getenv("NO_COLOR") != "" { // https://no-color.org
		c.EncodeLevel = zapcore.CapitalLevelEncoder
	}
	return zapcore.NewConsoleEncoder(c)
}

// machine reads {"level":"warn","time":"2026-11-24T15:04:05.000Z","msg":"parked","sink":"slack"}.
func machine() zapcore.Encoder {
	c := zap.NewProductionEncoderConfig()
	c.TimeKey = "time"
	c.EncodeTime = zapcore.ISO8601TimeEncoder
	c.EncodeDuration = zapcore.StringDurationEncoder
	return zapcore.NewJSONEncoder(c)
}
