package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

// load submits results one after another, from several submitters, until it is told to stop.
type load struct {
	stop    chan struct{}
	over    sync.WaitGroup
	mu      sync.Mutex
	handles []*consign.Handle
}

func (l *load) begin(t *testing.T, client *consign.Client) {
	t.Helper()
	l.stop = make(chan struct{})
	for submitter := range 4 {
		l.over.Go(func() {
			for i := 0; ; i++ {
				handle, err := client.Submit(t.Context(), consign.Result{Source: fmt.Sprint("roll-", submitter), ID: fmt.Sprint(i), Data: []byte(`{}`)})
				if err != nil {
					t.Errorf("submit %d of %d: %v", i, submitter, err)
					return
				}
				l.mu.Lock()
				l.handles = append(l.handles, handle)
				l.mu.Unlock()
				select {
				case <-l.stop:
					return
				case <-time.After(40 * time.Millisecond): // about 100 a second, which is no flood
				}
			}
		})
	}
}

// end stops the load and returns all that was submitted.
func (l *load) end() []*consign.Handle {
	close(l.stop)
	l.over.Wait()
	return l.handles
}

// grown returns once so many results have been submitted.
func (l *load) grown(t *testing.T, by int) {
	t.Helper()
	count := func() int { l.mu.Lock(); defer l.mu.Unlock(); return len(l.handles) }
	from := count()
	require.Eventually(t, func() bool { return count() >= from+by }, patience, 10*time.Millisecond)
}

// TestWorkers_RestartedInTurnUnderLoad_DeliverEverything restarts each of two workers by SIGTERM, then
// one by SIGKILL. The sinks fail no attempt, and one of them parks what fails once.
func TestWorkers_RestartedInTurnUnderLoad_DeliverEverything(t *testing.T) {
	t.Parallel()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select { // so that some attempts are under way whenever a worker ends
		case <-r.Context().Done():
		case <-time.After(30 * time.Millisecond):
		}
	}))
	t.Cleanup(slow.Close)
	path := filepath.Join(t.TempDir(), "archive.ndjson")
	file := write(t, "rolling.yaml", fmt.Sprintf(`
sinks:
  archive: {file: {path: %s}}
  inline: {webhook: {url: %s}, retry: {max: 0}, timeout: 2s}
  queued: {webhook: {url: %s}, retry: {max: 0}, timeout: 2s, inline: false}
`, path, slow.URL, slow.URL))
	// The worker of `consign up` works for the namespace "default".
	u := startUp(t, "sinks: {}", "--ephemeral", "--headless")
	require.Zero(t, u.run(t, "", "setup", "--namespace", "rolling").code)
	start := func() *process {
		return begin(t, "worker", "--address", u.Address, "--namespace", "rolling", "--config", file, "--drain", "5s")
	}
	workers := []*process{start(), start()}
	client, err := consign.Dial(t.Context(), consign.Options{Address: u.Address, Namespace: "rolling"})
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })

	check := func(handles []*consign.Handle, attempts int) {
		for _, handle := range handles {
			receipt, err := handle.Wait(t.Context())
			require.NoError(t, err)
			require.True(t, receipt.Delivered(), "%s: %+v", handle.WorkflowID(), receipt)
			for _, leg := range receipt.Legs {
				require.LessOrEqual(t, leg.Attempts, attempts, "%s: %+v", handle.WorkflowID(), leg)
			}
		}
	}
	var rolled load
	rolled.begin(t, client)
	for i := range workers {
		rolled.grown(t, 50)
		terminate(t, workers[i])
		require.Zero(t, workers[i].exit(t, 5*time.Second+stopGrace+time.Second), "the drain ends in time")
		workers[i] = start()
	}
	rolled.grown(t, 50)
	rolled.mu.Lock()
	drained := slices.Clone(rolled.handles)
	rolled.mu.Unlock()
	check(drained, 1)

	require.NoError(t, workers[0].Process.Kill())
	rolled.grown(t, 50)
	workers[0] = start()
	all := rolled.end()
	check(all, 2) // the lost attempt is one more, which no retry pays for
	require.Len(t, inFile(t, path), len(all))
	t.Logf("%d results", len(all))
}
