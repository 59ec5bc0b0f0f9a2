package logging_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/consign-dev/consign/cmd/internal/logging"
)

func TestNew_WhenNotOnATerminal_WritesOneJSONObjectALine(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })

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

func TestNew_WhenTheLevelIsUnknown_NamesTheLevels(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"", "verbose", "fatal", "WARN"} {
		_, err := logging.New(level, os.Stderr)
		require.EqualError(t, err, `unknown log level "`+level+`": choose debug, info, warn or error`)
	}
}
