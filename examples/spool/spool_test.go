package spool_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/examples/spool"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/all"
	"github.com/consign-dev/consign/sinks/sinktest"
)

const manual = "../../docs/writing-a-sink.md"

func TestSink(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{Open: func(t *testing.T) sinktest.Instance {
		dir := t.TempDir()
		sink, err := (&spool.Config{Dir: dir}).Open(t.Context(), "spool")
		require.NoError(t, err)
		return sinktest.Instance{
			Sink: sink,
			Received: func() []sinktest.Received {
				var received []sinktest.Received
				for _, name := range spooled(t, dir) {
					text, err := os.ReadFile(name)
					require.NoError(t, err)
					one := sinktest.Lines(t, append(text, '\n'))[0]
					one.DeliveryID = strings.TrimSuffix(filepath.Base(name), ".json")
					received = append(received, one)
				}
				return received
			},
			Break: func() { require.NoError(t, os.Rename(dir, dir+".away")) },
			Heal: func() {
				if _, err := os.Stat(dir + ".away"); err == nil {
					require.NoError(t, os.Rename(dir+".away", dir))
				}
			},
		}
	}})
}

func spooled(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	require.NoError(t, err)
	return names
}

func TestDeliver_Again_LeavesOneFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sink, err := (&spool.Config{Dir: dir}).Open(t.Context(), "spool")
	require.NoError(t, err)
	for range 2 {
		require.Equal(t, make([]error, 3), sink.Deliver(t.Context(), sinktest.Deliveries("again", 3)))
	}
	require.Len(t, spooled(t, dir), 3)
}

func TestKind_StandsInTheConfigurationBesideConsignsOwn(t *testing.T) {
	t.Parallel()
	kinds := append(all.Kinds(), spool.Kind())
	c, err := config.Parse("consign.yaml", []byte("sinks: {tray: {spool: {dir: /var/spool/tray}}}"), kinds, os.LookupEnv)
	require.NoError(t, err)
	require.Implements(t, (*sinks.Settings)(nil), c.Sinks[0].Settings)
	_, err = config.Parse("consign.yaml", []byte("sinks: {tray: {spool: {}}}"), kinds, os.LookupEnv)
	require.ErrorContains(t, err, "consign.yaml:1:16: sinks.tray.spool.dir: is required")
}

// TestManual_ShowsThisPackage holds the document to the code that runs here, and to its promise.
func TestManual_ShowsThisPackage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(manual)
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	shown := slices.ContainsFunc(blocks, func(block []string) bool {
		source, err := os.ReadFile("spool.go")
		require.NoError(t, err)
		require.Less(t, strings.Count(string(source), "\n"), 100, "a sink in under 100 lines")
		return block[1] == string(source)
	})
	require.True(t, shown, "docs/writing-a-sink.md must hold spool.go as it is")
}
