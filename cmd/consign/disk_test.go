package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A paused sink keeps each delivery open, so that retention makes no room: the database fills up with them.
func TestUp_AboveMaxDisk_SubmittersWaitAndSayWhy_WhileTheRestGoesOn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.ndjson")
	u := startUp(t, "sinks:\n  archive:\n    inline: false\n    file: {path: "+path+"}\n", "--ephemeral", "--max-disk", "32MB", "--http", "0")
	require.Equal(t, 0, invoke(t, "", "sinks", "pause", "archive", "--reason", "test", "--address", u.Address).code)
	var lines strings.Builder
	const all = 60
	for i := range all {
		fmt.Fprintf(&lines, "{\"source\":\"s\",\"id\":\"%d\",\"data\":%q}\n", i, strings.Repeat("x", 1_000_000))
	}
	input := write(t, "in.ndjson", lines.String())

	p := begin(t, "submit", "--address", u.Address, "--concurrency", "4", "--quiet", "--wait", input)
	require.Eventually(t, func() bool { return strings.Contains(get(t, u.metrics), "\nconsign_disk_full 1\n") }, patience, 50*time.Millisecond)
	metrics := get(t, u.metrics)
	require.Contains(t, metrics, "consign_disk_limit_bytes 3.2e+07")
	require.Regexp(t, `consign_disk_bytes [3-9]\.\d+e\+07`, metrics)
	status, said := post(t, u.HTTP+"/v1/results", `{"source":"http","id":"1","data":{}}`)
	require.Equal(t, http.StatusInsufficientStorage, status, said)
	require.Contains(t, said, "--max-disk")
	for _, probe := range []string{u.HTTP + "/readyz", strings.Replace(u.metrics, "/metrics", "/readyz", 1)} {
		require.Eventually(t, func() bool { return strings.Contains(get(t, probe), "no new results are taken") }, patience, 50*time.Millisecond)
	}
	require.Equal(t, 0, invoke(t, "", "sinks", "resume", "archive", "--address", u.Address).code)
	// Deliveries go on: the results that are in Temporal reach the sink.
	require.Eventually(t, func() bool { info, err := os.Stat(path); return err == nil && info.Size() > 10_000_000 }, patience, 50*time.Millisecond)
	terminate(t, p)
	require.Equal(t, 1, p.exit(t, patience))
	require.Contains(t, p.messages.String(), "waiting: temporal takes no new results: the database holds")
	require.Contains(t, p.messages.String(), "interrupted: submit again from")
	terminate(t, u.process)
	require.Equal(t, 0, u.exit(t, patience))
	require.Contains(t, u.messages.String(), "no new results are taken until there is room")
}

func TestUp_WithSizesThatAreNone_IsOneLineWithWhatToDo(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		`--max-disk "ten"`:        {"--max-disk", "ten"},
		"--max-disk 0":            {"--max-disk", "0"},
		"--max-disk 1.0 MB: at l": {"--max-disk", "1MB"},
		`--min-free "-1"`:         {"--min-free", "-1"},
	} {
		execute(t, append([]string{"up", "--ephemeral", "--port", "-1", "--ui-port", "-1"}, args...)...).oneLine(t, 2, want)
	}
}

func post(t *testing.T, url, body string) (status int, said string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(content)
}
