package logging

import (
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap/zapcore"
)

// Parts of the program whose loggers have a name, by which they can have a level of their own.
const (
	Worker   = "worker"   // deliveries, reloads
	HTTP     = "http"     // the source of results over HTTP
	NATS     = "nats"     // sources of NATS
	Page     = "page"     // what people do there
	Temporal = "temporal" // its SDK, and the embedded server
)

var named = []string{Worker, HTTP, NATS, Page, Temporal}

// levels are from which on entries are written.
type levels struct {
	usual, lowest zapcore.Level
	byPart        map[string]zapcore.Level
}

func parseLevels(text string) (*levels, error) {
	usual, rest, more := strings.Cut(text, ",")
	l := &levels{byPart: map[string]zapcore.Level{}}
	var err error
	if l.usual, err = parseLevel(usual); err != nil {
		return nil, err
	}
	l.lowest = l.usual
	for more {
		var one string
		one, rest, more = strings.Cut(rest, ",")
		part, level, _ := strings.Cut(one, "=")
		if !slices.Contains(named, part) {
			return nil, fmt.Errorf("%q is no part with a level of its own: there are %s, as in info,%s=debug", part, strings.Join(named, ", "), HTTP)
		}
		if l.byPart[part], err = parseLevel(level); err != nil {
			return nil, fmt.Errorf("%s: %w", part, err)
		}
		l.lowest = min(l.lowest, l.byPart[part])
	}
	return l, nil
}

func parseLevel(text string) (zapcore.Level, error) {
	switch text {
	case "debug", "info", "warn", "error":
		return zapcore.ParseLevel(text)
	}
	return 0, fmt.Errorf("unknown log level %q: choose debug, info, warn or error", text)
}

// parts writes of each part what its level lets through.
type parts struct {
	zapcore.Core
	least *levels
}

// Enabled implements [zapcore.LevelEnabler].
func (p parts) Enabled(level zapcore.Level) bool { return level >= p.least.lowest }

// With implements [zapcore.Core].
func (p parts) With(fields []zapcore.Field) zapcore.Core { return parts{p.Core.With(fields), p.least} }

// Check implements [zapcore.Core].
func (p parts) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	part, _, _ := strings.Cut(entry.LoggerName, ".")
	least, own := p.least.byPart[part]
	if !own {
		least = p.least.usual
	}
	if entry.Level < least {
		return checked
	}
	return p.Core.Check(entry, checked)
}
