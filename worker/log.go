package worker

import (
	sdklog "go.temporal.io/sdk/log"
	"go.uber.org/zap"
)

// SDKLog lets the Temporal SDK log through zap under the name "temporal". What the SDK says at level
// info and below is for the SDK's own authors, and goes to debug.
func SDKLog(log *zap.Logger) sdklog.Logger {
	return sdkLog{log.Named("temporal").WithOptions(zap.AddCallerSkip(1)).Sugar()}
}

type sdkLog struct{ log *zap.SugaredLogger }

func (l sdkLog) Debug(msg string, keyvals ...any) { l.log.Debugw(msg, keyvals...) }
func (l sdkLog) Info(msg string, keyvals ...any)  { l.log.Debugw(msg, keyvals...) }
func (l sdkLog) Warn(msg string, keyvals ...any)  { l.log.Warnw(msg, keyvals...) }
func (l sdkLog) Error(msg string, keyvals ...any) { l.log.Errorw(msg, keyvals...) }
func (l sdkLog) With(keyvals ...any) sdklog.Logger {
	return sdkLog{l.log.With(keyvals...)}
}
