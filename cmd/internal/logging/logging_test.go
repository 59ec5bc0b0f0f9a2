package logging_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/consign-dev/consign/cmd/internal/logging"
)

func TestNew_WhenNotOnATerminal_WritesOneJSONObjectALine(t *testing.T) {
	t.Parallel()
	file := create(t)
	log, err := logging.New("warn", file)
	require.NoError(t, err)
	log.Info("worker started")
	log.Warn("parked", zap.String("sink", "slack"), zap.Duration("after", 3*time.Second))

	written, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	var entry map[string]any
	require.NoError(t, json.Unmarshal(written, &entry), "one entry, and nothing below warn")
	require.Equal(t, "parked", entry["msg"])
	require.Equal(t, "warn", entry["level"])
	require.Equal(t, "slack", entry["sink"])
	require.Equal(t, "3s", entry["after"])
	require.NotEmpty(t, entry["time"])
}

func TestNew_WhenALevelOrAPartIsUnknown_NamesThoseThatAre(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                     `unknown log level "": choose debug, info, warn or error`,
		"verbose":              `unknown log level "verbose": choose debug, info, warn or error`,
		"fatal":                `unknown log level "fatal": choose debug, info, warn or error`,
		"WARN":                 `unknown log level "WARN": choose debug, info, warn or error`,
		"temporal=debug":       `unknown log level "temporal=debug": choose debug, info, warn or error`,
		"info,":                `"" is no part with a level of its own: there are worker, http, nats, page, temporal, as in info,http=debug`,
		"info,sinks=debug":     `"sinks" is no part with a level of its own: there are worker, http, nats, page, temporal, as in info,http=debug`,
		"info,http":            `http: unknown log level "": choose debug, info, warn or error`,
		"info,http=loud,nats=": `http: unknown log level "loud": choose debug, info, warn or error`,
	} {
		_, err := logging.New(text, os.Stderr)
		require.EqualError(t, err, want)
	}
}

func TestNew_EachPart_HasALevelOfItsOwn(t *testing.T) {
	t.Parallel()
	file := create(t)
	log, err := logging.New("warn,temporal=error,http=debug", file)
	require.NoError(t, err)
	for _, part := range []*zap.Logger{log, log.Named(logging.Worker), log.Named(logging.HTTP).With(zap.Int("n", 1)), log.Named(logging.Temporal).Named("sdk")} {
		part.Debug("said")
		part.Warn("said")
		part.Error("said")
	}
	require.Equal(t, []string{" warn", " error", "worker warn", "worker error", "http debug", "http warn", "http error", "temporal.sdk error"}, saidIn(t, file))
}

func TestNew_UnderAFlood_LeavesEntriesOut_AndSaysHowMany(t *testing.T) {
	t.Parallel()
	file := create(t)
	log, err := logging.New("info", file)
	require.NoError(t, err)
	const flood = 100_000
	for range flood {
		log.Warn("parked")
	}
	log.Info("worker stopped")
	written, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	parked, left := 0, 0
	for line := range strings.Lines(string(written)) {
		var entry struct {
			Msg     string `json:"msg"`
			Entries int    `json:"entries"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		left += entry.Entries
		if entry.Msg == "parked" {
			parked++
		}
	}
	require.Less(t, parked, flood/2)
	require.Equal(t, flood, parked+left)
	require.Contains(t, string(written), "worker stopped", "what is said once is not lost")
}

func create(t *testing.T) *os.File {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	return file
}

// saidIn are the names and levels of a log's entries.
func saidIn(t *testing.T, file *os.File) (entries []string) {
	t.Helper()
	written, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	for line := range strings.Lines(string(written)) {
		var entry struct {
			Logger string `json:"logger"`
			Level  string `json:"level"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		entries = append(entries, entry.Logger+" "+entry.Level)
	}
	return entries
}
