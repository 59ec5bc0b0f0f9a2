package logging

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Of entries with the same level and message the first hundred of a second are written, then each hundredth: zap's own
// preset for production. A sink that is down parks thousands in a minute, each of which "consign dead-letters list" has.
const (
	sampleFirst      = 100
	sampleThereafter = 100
)

// sampled leaves out entries under a flood, and says with the next one that is written how many.
func sampled(core zapcore.Core) zapcore.Core {
	var leftOut atomic.Int64
	return zapcore.NewSamplerWithOptions(core, time.Second, sampleFirst, sampleThereafter, zapcore.SamplerHook(func(entry zapcore.Entry, decision zapcore.SamplingDecision) {
		if decision&zapcore.LogDropped != 0 {
			leftOut.Add(1)
			return
		}
		if n := leftOut.Swap(0); n > 0 {
			// What cannot be written now, the entry itself cannot either, and zap says so.
			_ = core.Write(zapcore.Entry{Level: zapcore.WarnLevel, Time: entry.Time, Message: "entries were left out of this log, as many were alike"}, []zap.Field{zap.Int64("entries", n)})
		}
	}))
}
