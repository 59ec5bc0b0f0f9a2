// Package logging makes the logger of a command: zap, to stderr, as lines for people on a terminal
// and as JSON for machines elsewhere.
package logging

import (
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"
)

// New returns a logger that writes entries to w: those of a level and above, and those of a part of the program that has
// another level of its own from that on. levels is LEVEL[,PART=LEVEL]…, such as "info,temporal=error". Of many entries
// alike, only some are written.
func New(levels string, w *os.File) (*zap.Logger, error) {
	least, err := parseLevels(levels)
	if err != nil {
		return nil, err
	}
	encoder := machine()
	if term.IsTerminal(int(w.Fd())) {
		encoder = person()
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(w), zapcore.DebugLevel)
	return zap.New(parts{sampled(core), least}, zap.ErrorOutput(zapcore.Lock(w))), nil
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
