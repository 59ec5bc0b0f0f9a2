package file_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/file"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestDeliver_SeveralSinksOnOneFile_LoseAndMixNothing(t *testing.T) {
	t.Parallel()
	const goroutines, turns = 4, 10
	path := filepath.Join(t.TempDir(), "results.ndjson")
	appendFromMany(t, path, goroutines, turns, func() {})
	require.Len(t, sinktest.Lines(t, read(t, path)), 4*goroutines*turns)
}

func TestDeliver_FileIsRenamedMeanwhile_LosesNothing(t *testing.T) {
	t.Parallel()
	const goroutines, turns, rotations = 2, 60, 25
	path := filepath.Join(t.TempDir(), "results.ndjson")
	appendFromMany(t, path, goroutines, turns, func() {
		for n := range rotations {
			// The name is free again only when an append has created the next file.
			require.Eventually(t, func() bool {
				info, err := os.Stat(path)
				return err == nil && info.Size() > 0
			}, waitFor, tick)
			if err := os.Rename(path, fmt.Sprintf("%s.%d", path, n)); err != nil {
				return
			}
		}
	})
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Greater(t, len(files), rotations/2, "rotations")
	held := make(map[string]int)
	for _, name := range files {
		for _, received := range sinktest.Lines(t, read(t, name)) {
			held[received.Result.ID]++
		}
	}
	require.Len(t, held, 4*goroutines*turns)
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
// the same file, while disturb runs.
func appendFromMany(t *testing.T, path string, goroutines, turns int, disturb func()) {
	t.Helper()
	var group sync.WaitGroup
	reports := make(chan []error, 4*goroutines*turns)
	for s := range 4 {
		sink := open(t, file.Config{Path: path})
		for g := range goroutines {
			group.Go(func() {
				for turn := range turns {
					id := fmt.Sprintf("%d-%d-%d", s, g, turn)
					data := fmt.Appendf(nil, `"%020000d"`, turn)
					reports <- sink.Deliver(t.Context(), []sinks.Delivery{sinktest.Delivery(id, data)})
				}
			})
		}
	}
	disturb()
	group.Wait()
	close(reports)
	for errs := range reports {
		require.Nil(t, errs)
	}
}
