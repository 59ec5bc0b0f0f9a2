package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

// keeper is a receiver that keeps what it takes, and refuses everything until it is healed.
type keeper struct {
	*httptest.Server
	mu     sync.Mutex
	healed bool
	taken  map[string][]string // data by source/id, once for each time it came
}

func newKeeper(t *testing.T, healed bool) *keeper {
	t.Helper()
	k := &keeper{healed: healed, taken: map[string][]string{}}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var result consign.Result
		if err != nil || json.Unmarshal(body, &result) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if !k.healed {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		key := result.Source + "/" + result.ID
		k.taken[key] = append(k.taken[key], string(result.Data))
	}))
	t.Cleanup(k.Close)
	return k
}

func (k *keeper) heal() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.healed = true
}

// inFile reads what a file sink holds. A line that is not whole fails the test.
func inFile(t *testing.T, path string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.HasSuffix(text, []byte("\n")))
	taken := map[string][]string{}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		var result consign.Result
		require.NoError(t, json.Unmarshal(line, &result), "%s", line)
		key := result.Source + "/" + result.ID
		taken[key] = append(taken[key], string(result.Data))
	}
	return taken
}

// TestUp_KilledWith1000ResultsInFlight_DeliversThemAllAfterARestart kills the server and the worker
// in it with SIGKILL while every result still waits for one sink and some are on their way in.
func TestUp_KilledWith1000ResultsInFlight_DeliversThemAllAfterARestart(t *testing.T) {
	t.Parallel()
	const results = 1000
	dir := t.TempDir()
	hook, address := newKeeper(t, false), freeAddress(t)
	first, second := filepath.Join(dir, "first.ndjson"), filepath.Join(dir, "second.ndjson")
	file := fmt.Sprintf(`
sinks:
  first: {file: {path: %s}}
  second: {file: {path: %s}}
  hook:
    webhook: {url: %s}
    retry: {max: 20, backoff: 1s, max_backoff: 2s}
    circuit: {open: 1s}
`, first, second, hook.URL)
	_, port, _ := strings.Cut(address, ":")
	args := []string{"--data-dir", filepath.Join(dir, "data"), "--port", port, "--headless"}
	u := startUp(t, file, args...)

	client, err := consign.Dial(t.Context(), consign.Options{Address: u.Address})
	require.NoError(t, err)
	defer client.Close()
	handles := make([]*consign.Handle, results)
	var submitters sync.WaitGroup
	var submitted sync.WaitGroup
	submitted.Add(results * 9 / 10)
	next := make(chan int)
	for range 64 {
		submitters.Go(func() {
			for i := range next {
				handle, err := client.Submit(t.Context(), consign.Result{Source: "kill", ID: fmt.Sprint(i), Data: fmt.Appendf(nil, `{"n":%d}`, i)})
				if err != nil {
					t.Errorf("%d: %v", i, err)
				}
				handles[i] = handle
				if i < results*9/10 {
					submitted.Done()
				}
			}
		})
	}
	go func() {
		defer close(next)
		for i := range results {
			next <- i
		}
	}()
	submitted.Wait()
	require.NoError(t, u.Process.Kill()) // the last tenth is on its way in
	<-u.ended
	hook.heal()
	startUp(t, file, args...)
	submitters.Wait()

	for i, handle := range handles {
		require.NotNil(t, handle)
		receipt, err := handle.Wait(t.Context())
		require.NoError(t, err)
		require.True(t, receipt.Delivered(), "%d: %+v", i, receipt)
	}
	again := 0
	for name, taken := range map[string]map[string][]string{"first": inFile(t, first), "second": inFile(t, second), "hook": hook.taken} {
		require.Len(t, taken, results, name)
		for key, all := range taken {
			id := strings.TrimPrefix(key, "kill/")
			for _, data := range all {
				require.Equal(t, `{"n":`+id+`}`, data)
			}
			again += len(all) - 1
		}
	}
	t.Logf("%d deliveries came twice", again)
}

// TestUp_RealInput_ReachesFileAndWebhookByteForByte_AndOnce submits what real engines have written.
func TestUp_RealInput_ReachesFileAndWebhookByteForByte_AndOnce(t *testing.T) {
	t.Parallel()
	files, want := realInput(t)
	hook, path := newKeeper(t, true), filepath.Join(t.TempDir(), "results.ndjson")
	// Some of it are incidents, which a sink has to ask for.
	u := startUp(t, fmt.Sprintf("defaults: {incidents: true}\nsinks:\n  archive: {file: {path: %s}}\n  hook: {webhook: {url: %s}}\n", path, hook.URL), "--ephemeral")
	for _, note := range []string{"503", "503 duplicates"} {
		said := u.run(t, "", append([]string{"submit", "--wait"}, files...)...)
		require.Zero(t, said.code, "%s", said.messages)
		require.Contains(t, said.messages, note)
	}
	for name, taken := range map[string]map[string][]string{"file": inFile(t, path), "webhook": hook.taken} {
		require.Len(t, taken, len(want), name)
		for key, data := range want {
			require.Equal(t, []string{data}, taken[key], "%s at the %s", key, name)
		}
	}
}
