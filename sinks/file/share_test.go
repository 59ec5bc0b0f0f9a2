package file_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/file"
	"github.com/consign-dev/consign/sinks/sinktest"
)

// How long, and how often, tests look for something that is about to happen.
const (
	waitFor = 20 * time.Second
	tick    = 2 * time.Millisecond
)

func TestDeliver_SeveralSinksOnOneFile_LoseAndMixNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.ndjson")
	delivered := appendFromMany(t, path, func() {})
	require.Len(t, sinktest.Lines(t, read(t, path)), delivered)
}

func TestDeliver_FileIsRenamedMeanwhile_LosesNothing(t *testing.T) {
	t.Parallel()
	const rotations = 25
	path := filepath.Join(t.TempDir(), "results.ndjson")
	delivered := appendFromMany(t, path, func() {
		for n := range rotations {
			// Not before there is something in it.
			require.Eventually(t, func() bool {
				info, err := os.Stat(path)
				return err == nil && info.Size() > 0
			}, waitFor, tick)
			require.NoError(t, os.Rename(path, fmt.Sprintf("%s.%d", path, n)))
		}
	})
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), rotations)
	held := make(map[string]int)
	for _, name := range files {
		for _, received := range sinktest.Lines(t, read(t, name)) {
			held[received.Result.ID]++
		}
	}
	require.Len(t, held, delivered)
	for id, times := range held {
		require.Equal(t, 1, times, id)
	}
}

func TestDeliver_FileIsDeleted_GoesToANewOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sub", "results.ndjson")
	sink := open(t, file.Config{Path: path})
	require.Nil(t, sink.Deliver(t.Context(), sinktest.Deliveries("before", 1)))
	require.NoError(t, os.RemoveAll(filepath.Dir(path)))
	require.Nil(t, sink.Deliver(t.Context(), sinktest.Deliveries("after", 1)))
	require.Len(t, sinktest.Lines(t, read(t, path)), 1)
}

// A file that is truncated in place has no hole where its content was.
func TestDeliver_FileIsTruncated_GoesToItsStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.ndjson")
	sink := open(t, file.Config{Path: path})
	require.Nil(t, sink.Deliver(t.Context(), sinktest.Deliveries("before", 5)))
	require.NoError(t, os.Truncate(path, 0))
	require.Nil(t, sink.Deliver(t.Context(), sinktest.Deliveries("after", 1)))
	require.Len(t, sinktest.Lines(t, read(t, path)), 1)
}

// appendFromMany delivers single results of 20 KB from several goroutines at each of four sinks on
// the same file, some and then more until disturb is over, and returns how many.
func appendFromMany(t *testing.T, path string, disturb func()) (delivered int) {
	t.Helper()
	const goroutines, turns = 2, 20
	var over atomic.Bool
	defer over.Store(true)
	var group sync.WaitGroup
	var mu sync.Mutex
	var failures [][]error
	for s := range 4 {
		sink := open(t, file.Config{Path: path})
		for g := range goroutines {
			group.Go(func() {
				for turn := 0; turn < turns || !over.Load(); turn++ {
					id := fmt.Sprintf("%d-%d-%d", s, g, turn)
					data := fmt.Appendf(nil, `"%020000d"`, turn)
					errs := sink.Deliver(t.Context(), []sinks.Delivery{sinktest.Delivery(id, data)})
					mu.Lock()
					delivered++
					if errs != nil {
						failures = append(failures, errs)
					}
					mu.Unlock()
				}
			})
		}
	}
	disturb()
	over.Store(true)
	group.Wait()
	require.Empty(t, failures)
	return delivered
}
