package embedded

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/log/tag"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// Left to itself the server would end this process here.
func TestStartTemporal_InnerPortTaken_IsAnErrorNotAnExit(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", hostPort(0))
	require.NoError(t, err)
	defer taken.Close()
	o := Options{Ephemeral: true, Port: AnyPort, Headless: true}
	o.setDefaults()
	s := &Server{log: newServerLog()}
	s.dir, err = openDataDir(o)
	require.NoError(t, err)
	s.ports, err = choosePorts(o)
	require.NoError(t, err)
	require.NoError(t, s.dir.prepare(t.Context(), o))
	s.disk, err = watchDisk(t.Context(), s.dir, o)
	require.NoError(t, err)
	s.ports.history = taken.Addr().(*net.TCPAddr).Port

	require.ErrorIs(t, s.startTemporal(o), syscall.EADDRINUSE)
	require.ErrorIs(t, <-s.Failed(), syscall.EADDRINUSE)
	_ = s.Stop(t.Context())
}

func TestGuard_Panic_IsAnError(t *testing.T) {
	t.Parallel()
	err := newServerLog().guard(func() error { panic("no") })
	require.EqualError(t, err, "no")
}

func TestServerLog_PassesOnWhatIsUnusual(t *testing.T) {
	t.Parallel()
	core, seen := observer.New(zap.DebugLevel)
	l := newServerLog()
	logger := l.logger(zap.New(core), &dataDir{path: "/data"})
	logger.Info("routine")
	logger.Warn(noHTTP + " And so on.")
	logger.Error("poll", tag.Error(errors.New("GetTaskQueue failed: context canceled")))
	logger.Error("Failed to add Resource-Exhausted headers to response", tag.Error(errors.New("transport: SendHeader called multiple times")))
	for range 10 * sameMessages {
		logger.Warn("disk is slow", tag.Error(errors.New("why")))
	}
	l.stopping.Store(true)
	logger.Error("network dial error")
	require.Equal(t, sameMessages, seen.Len())
	require.Equal(t, "disk is slow", seen.All()[0].Message)
	require.Equal(t, "temporal", seen.All()[0].LoggerName)
	require.Equal(t, map[string]any{"error": "why"}, seen.All()[0].ContextMap())
}

func TestServerLog_DiskTrouble_RaisesOneAlarmThatNamesTheDirectory(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Failed to commit transaction. Error: database or disk is full (13)": "the disk of data directory /data is full",
		"AppendHistoryNodes: database disk image is malformed (11)":          "database /data/temporal.db is damaged",
	} {
		core, seen := observer.New(zap.ErrorLevel)
		logger := newServerLog().logger(zap.New(core), &dataDir{path: "/data"})
		logger.Error("routine", tag.Error(errors.New("shard status unknown")))
		for range 10 {
			logger.Error("operation failed", tag.Error(errors.New(text)))
		}
		alarms := seen.Filter(func(e observer.LoggedEntry) bool { return e.LoggerName == "" }).All()
		require.Len(t, alarms, 1)
		require.Contains(t, alarms[0].Message, want)
	}
}
