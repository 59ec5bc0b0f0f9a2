package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/sinktest"
)

// opened is a sink whose fsync can be held and made to fail, which no file system at hand can.
func opened(t testing.TB, settings Config, flush func(*os.File) error) *Sink {
	t.Helper()
	sink, err := New(settings)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sink.Close(context.Background())) })
	// The appending goroutine reads it only after it has taken a batch.
	sink.flush = flush
	return sink
}

func TestDeliver_ManyWhileAnFsyncRuns_ShareTheNextOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.ndjson")
	synctest.Test(t, func(t *testing.T) {
		const waiting = 32
		goOn := make(chan struct{})
		var flushes atomic.Int32
		sink := opened(t, Config{Path: path}, func(file *os.File) error {
			flushes.Add(1)
			<-goOn
			return file.Sync()
		})
		batch := sinktest.Deliveries("shared", 1+waiting)
		var group sync.WaitGroup
		reports := make(chan []error, 1+waiting)
		deliver := func(one sinks.Delivery) { reports <- sink.Deliver(t.Context(), []sinks.Delivery{one}) }
		group.Go(func() { deliver(batch[0]) })
		synctest.Wait()
		for _, one := range batch[1:] {
			group.Go(func() { deliver(one) })
		}
		synctest.Wait()
		require.Empty(t, reports, "nothing is delivered before its fsync is over")

		close(goOn)
		group.Wait()

		close(reports)
		for errs := range reports {
			require.Nil(t, errs)
		}
		require.EqualValues(t, 2, flushes.Load(), "one fsync for the first, one for all others")
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Len(t, sinktest.Lines(t, content), 1+waiting)
	})
}

func TestDeliver_FsyncFails_FailsTransientlyAndOpensTheFileAnew(t *testing.T) {
	t.Parallel()
	broken := errors.New("input/output error")
	var handles []*os.File
	fail := true
	sink := opened(t, Config{Path: filepath.Join(t.TempDir(), "results.ndjson")}, func(file *os.File) error {
		handles = append(handles, file)
		if fail {
			return broken
		}
		return file.Sync()
	})
	batch := sinktest.Deliveries("sync", 2)

	errs := sink.Deliver(t.Context(), batch)

	require.Len(t, errs, 2)
	require.ErrorIs(t, errs[0], broken)
	require.ErrorIs(t, errs[1], broken)
	require.False(t, sinks.Classify(errs[0]).Permanent)
	fail = false
	require.Nil(t, sink.Deliver(t.Context(), batch))
	require.Len(t, handles, 2)
	require.NotSame(t, handles[0], handles[1])
}

func TestDeliver_SyncTurnedOff_DoesNotFsync(t *testing.T) {
	t.Parallel()
	sink := opened(t, Config{Path: filepath.Join(t.TempDir(), "results.ndjson"), Sync: new(false)},
		func(*os.File) error { return errors.New("fsync") })
	require.Nil(t, sink.Deliver(t.Context(), sinktest.Deliveries("loose", 3)))
}

// BenchmarkDeliver shows what sharing fsyncs is worth: single results, alone and 64 at a time.
func BenchmarkDeliver(b *testing.B) {
	for _, bench := range []struct {
		name  string
		width int
	}{{"alone", 1}, {"64AtOnce", 64}} {
		b.Run(bench.name, func(b *testing.B) {
			var flushes atomic.Int64
			sink := opened(b, Config{Path: filepath.Join(b.TempDir(), "results.ndjson")}, func(file *os.File) error {
				flushes.Add(1)
				return file.Sync()
			})
			batch := sinktest.Deliveries("bench", 1)
			var group sync.WaitGroup
			work := make(chan struct{}, bench.width)
			for range bench.width {
				group.Go(func() {
					for range work {
						if errs := sink.Deliver(b.Context(), batch); errs != nil {
							b.Error(errs)
						}
					}
				})
			}
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			group.Wait()
			b.ReportMetric(float64(flushes.Load())/float64(b.N), "fsyncs/op")
		})
	}
}
