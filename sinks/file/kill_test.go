package file_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/file"
	"github.com/consign-dev/consign/sinks/sinktest"
)

// Variables that make the test binary a worker that appends until it is killed: see TestMain.
const (
	pathVariable   = "CONSIGN_TEST_FILE_PATH"
	prefixVariable = "CONSIGN_TEST_FILE_PREFIX"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(pathVariable); path != "" {
		if err := appendUntilKilled(path, os.Getenv(prefixVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// largeBatch returns four results as long as the longest of the real ones: 149 KB.
func largeBatch(prefix string) []sinks.Delivery {
	batch := sinktest.Deliveries(prefix, 4)
	data := []byte(`"` + strings.Repeat("x", 149_000) + `"`)
	for i := range batch {
		batch[i].Result.Data = data
	}
	return batch
}

// appendUntilKilled delivers from several goroutines, and prints the id of each result that was
// reported as delivered.
func appendUntilKilled(path, prefix string) error {
	// Without fsync there is more writing, and so more kills within a write.
	sink, err := file.New(file.Config{Path: path, Sync: new(false)})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for g := range 2 {
		go func() {
			for n := 0; ; n++ {
				batch := largeBatch(fmt.Sprintf("%s-%d-%06d", prefix, g, n))
				for _, err := range sink.Deliver(context.Background(), batch) {
					if err != nil {
						failed <- err
					}
				}
				for _, delivery := range batch {
					fmt.Println(delivery.Result.ID)
				}
			}
		}()
	}
	return <-failed
}

func TestDeliver_ProcessesThatShareAFileAreKilled_LeaveNoHalfLineAndLoseNothing(t *testing.T) {
	t.Parallel()
	// Not every kill hits a write: rounds go on until enough have.
	const rounds, enough, processes = 20, 3, 3
	path := filepath.Join(t.TempDir(), "results.ndjson")
	survivor := open(t, file.Config{Path: path, Sync: new(false)})
	torn := 0
	for round := 0; round < rounds && torn < enough; round++ {
		var workers []*worker
		group := 0
		for p := range processes {
			w := start(t, path, fmt.Sprintf("%02d-%d", round, p), group)
			group = cmp.Or(group, w.command.Process.Pid)
			workers = append(workers, w)
		}
		for _, w := range workers {
			w.waitForReports(t, 1)
		}
		waitForHalfALine(t, path)
		var reported []string
		require.NoError(t, syscall.Kill(-group, syscall.SIGKILL), "all at once")
		for _, w := range workers {
			reported = append(reported, w.reported()...)
		}
		if !bytes.HasSuffix(read(t, path), []byte("\n")) {
			torn++
		}
		last := fmt.Sprintf("survivor-%d", round)
		require.Nil(t, survivor.Deliver(t.Context(), sinktest.Deliveries(last, 1)))

		held := make(map[string]bool)
		for _, received := range sinktest.Lines(t, read(t, path)) {
			held[received.Result.ID] = true
		}
		require.True(t, held[last+"-0000"])
		for _, id := range reported {
			require.True(t, held[id], "%s was reported as delivered", id)
		}
		require.NoError(t, os.Truncate(path, 0))
	}
	t.Logf("%d rounds left a torn line", torn)
}

// waitForHalfALine returns while a write is going on, if it comes upon one soon.
func waitForHalfALine(t *testing.T, path string) {
	t.Helper()
	written, err := os.Open(path)
	require.NoError(t, err)
	defer written.Close()
	last := make([]byte, 1)
	for range 20_000 {
		info, err := written.Stat()
		require.NoError(t, err)
		if _, err := written.ReadAt(last, max(info.Size()-1, 0)); err == nil && last[0] != '\n' {
			return
		}
	}
}

// worker is another process that appends to the file.
type worker struct {
	command *exec.Cmd
	seen    chan struct{}
	ended   chan struct{}
	mu      sync.Mutex
	ids     []string
}

// start starts a worker in a process group, 0 being a new one. It ends by itself when nobody reads
// its standard output any more.
func start(t *testing.T, path, prefix string, group int) *worker {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	w := &worker{command: exec.Command(self), seen: make(chan struct{}, 1<<16), ended: make(chan struct{})}
	w.command.Env = append(os.Environ(), pathVariable+"="+path, prefixVariable+"="+prefix)
	w.command.Stderr = os.Stderr
	w.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: group}
	output, err := w.command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, w.command.Start())
	t.Cleanup(func() { _ = w.command.Process.Kill() })
	go w.collect(output)
	return w
}

func (w *worker) collect(output io.Reader) {
	defer close(w.ended)
	reader := bufio.NewReader(output)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return // What follows the last newline is no whole id.
		}
		w.mu.Lock()
		w.ids = append(w.ids, strings.TrimSpace(line))
		w.mu.Unlock()
		select {
		case w.seen <- struct{}{}:
		default:
		}
	}
}

func (w *worker) waitForReports(t *testing.T, n int) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for range n {
		select {
		case <-w.seen:
		case <-w.ended:
			require.FailNow(t, "the worker ended by itself")
		case <-deadline:
			require.FailNow(t, "the worker delivers nothing")
		}
	}
}

// reported waits for the end of a killed worker and returns the ids that it had reported.
func (w *worker) reported() []string {
	<-w.ended
	_ = w.command.Wait()
	return w.ids
}
