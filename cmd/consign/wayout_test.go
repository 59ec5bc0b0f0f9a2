package main

import (
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
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

// desk is a receiver that keeps what it takes, and says no as a test tells it to.
type desk struct {
	*httptest.Server
	mu    sync.Mutex
	no    func(deliveryID string, tries int) int // a status, or 0 to take it
	tries map[string]int
	taken map[string][]string // data by delivery id, once for each time it came
}

func newDesk(t *testing.T, no func(string, int) int) *desk {
	t.Helper()
	d := &desk{no: no, tries: map[string]int{}, taken: map[string][]string{}}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var result consign.Result
		if err != nil || json.Unmarshal(body, &result) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		id := r.Header.Get("webhook-id")
		d.mu.Lock()
		defer d.mu.Unlock()
		d.tries[id]++
		if d.no != nil {
			if status := d.no(id, d.tries[id]); status != 0 {
				w.WriteHeader(status)
				return
			}
		}
		d.taken[id] = append(d.taken[id], string(result.Data))
	}))
	t.Cleanup(d.Close)
	return d
}

// heal has it take everything from now on.
func (d *desk) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.no = nil
}

// took counts what it has taken, by delivery id.
func (d *desk) took() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.taken)
}

// once is what it has taken, by delivery id. Whatever came twice fails the test.
func (d *desk) once(t *testing.T) map[string]string {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	once := map[string]string{}
	for id, all := range d.taken {
		require.Len(t, all, 1, id)
		once[id] = all[0]
	}
	return once
}

// refuse is a no for good.
func refuse(string, int) int { return http.StatusBadRequest }

// TestTheWayOut_FromOneDataDirectoryToAnother parks and retries, drains, exports, and goes on with
// another database, as one does when a release cannot open the old one.
func TestTheWayOut_FromOneDataDirectoryToAnother(t *testing.T) {
	t.Parallel()
	const results = 20
	dir := t.TempDir()
	hook := newDesk(t, refuse)
	busy := newDesk(t, func(string, int) int { return http.StatusInternalServerError })
	file := fmt.Sprintf(`
sinks:
  hook: {webhook: {url: %s}}
  busy: {webhook: {url: %s}, retry: {max: 50, backoff: 1h, max_backoff: 1h}, circuit: {failures: -1}}
`, hook.URL, busy.URL)
	old := startUp(t, file, "--data-dir", filepath.Join(dir, "old"))
	want := map[string]map[string]string{"hook": {}, "busy": {}}
	var input strings.Builder
	for i := range results {
		data := fmt.Sprintf(`{"n":%d.0,"t":"<&\u2028>"}`, i)
		fmt.Fprintf(&input, "{\"source\":\"edr\",\"id\":\"%d\",\"type\":\"detection\",\"data\":%s}\n", i, data)
		for sink := range want {
			want[sink][consign.DeliveryID("edr", fmt.Sprint(i), sink)] = data
		}
	}
	require.Zero(t, old.run(t, input.String(), "submit").code)

	// Each waits an hour for its second try at one sink, and is parked at the other.
	waiting := old.run(t, "", "drain", "--timeout", "3s")
	require.Equal(t, 1, waiting.code)
	require.Contains(t, waiting.messages, "consign: not drained: 20 deliveries open")
	require.Contains(t, waiting.messages, "wait longer, or park them with --park-after")
	out := old.run(t, "", "drain", "--park-after", "0s")
	require.Zero(t, out.code, "%+v", out)
	require.Equal(t, "drained: nothing is open but 40 dead letters\n", out.out)
	var left drained
	require.NoError(t, json.Unmarshal([]byte(old.run(t, "", "drain", "--json").out), &left))
	require.Equal(t, drained{Drained: true, Remaining: deadletters.Remaining{DeadLetters: 2 * results}}, left)

	letters := filepath.Join(dir, "letters.ndjson")
	exported := old.run(t, "", "dead-letters", "export", letters, "--json")
	require.Zero(t, exported.code, "%+v", exported)
	require.JSONEq(t, `{"letters":40,"results":40}`, exported.out)
	old.run(t, "", "dlq", "export", letters).oneLine(t, 1, letters, "there already")
	streamed := old.run(t, "", "dlq", "export", "--sink", "busy")
	require.Equal(t, results, strings.Count(streamed.out, "\n"))
	require.Equal(t, 40, strings.Count(old.run(t, "", "dlq", "export").out, "\n"), "an export changes nothing")
	terminate(t, old.process)
	require.Zero(t, old.exit(t, patience))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "the data and the export, and no half of it")

	fresh := startUp(t, file, "--data-dir", filepath.Join(dir, "new"))
	bad := fresh.run(t, streamed.out+"{}\n", "dlq", "import", "-")
	require.Equal(t, 1, bad.code)
	require.Equal(t, "standard input:21: id is missing: lines come from \"consign dead-letters export\"\nconsign: standard input: nothing was imported\n", bad.messages)
	imported := fresh.run(t, streamed.out, "dlq", "import", "-", "--json")
	require.Equal(t, results, strings.Count(imported.out, `"outcome":"imported"`), "%+v", imported)
	imported = fresh.run(t, "", "dlq", "import", letters)
	require.Equal(t, said{out: "imported 20 dead letters, 20 were here already\n"}, imported)

	hook.heal()
	busy.heal()
	require.Eventually(t, func() bool {
		return strings.Count(fresh.run(t, "", "dlq", "list").out, "\n") == 2*results
	}, patience, 50*time.Millisecond)
	replayed := fresh.run(t, "", "dlq", "replay", "--all", "--wait")
	require.Zero(t, replayed.code, "%+v", replayed)
	require.Equal(t, want["hook"], hook.once(t))
	require.Equal(t, want["busy"], busy.once(t))
	require.Equal(t, said{out: "imported 0 dead letters, 40 were here already\n"}, fresh.run(t, "", "dlq", "import", letters))
	require.Empty(t, fresh.run(t, "", "dlq", "list").out)
}
