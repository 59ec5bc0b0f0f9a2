package main

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUp_WithHTTP_TakesResults_AndStopsOnSIGTERM(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.ndjson")
	u := startUp(t, "sinks:\n  archive:\n    file: {path: "+path+"}\nhttp: {tokens: [a-token]}\n", "--ephemeral", "--http", "0")
	require.True(t, strings.HasPrefix(u.HTTP, "http://127.0.0.1:"), u.HTTP)
	require.Contains(t, get(t, u.HTTP+"/readyz"), "ready")
	require.Equal(t, "ready\n", get(t, strings.Replace(u.metrics, "/metrics", "/readyz", 1)))

	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u.HTTP+"/v1/results?wait=committed", strings.NewReader(`{"source":"test","id":"1","data":{}}`))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer a-token")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", content)
	require.Contains(t, string(content), `"outcome":"delivered"`)
	require.Contains(t, get(t, u.metrics), `consign_http_results_total{outcome="stored"} 1`)

	terminate(t, u.process)
	require.Equal(t, 0, u.exit(t, time.Minute))
	require.NotContains(t, u.messages.String(), "a-token")
}

func TestHTTP_WhenTheAddressIsOneThatOthersReach_IsOneLineWithWhatToDo(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"up", "--ephemeral", "--port", "-1", "--ui-port", "-1", "--http", "0.0.0.0:0"},
		{"worker", "--http", ":0"},
	} {
		said := invoke(t, "", args...)
		require.Equal(t, 2, said.code, said.messages)
		require.Contains(t, said.messages, "needs tokens and tls")
		require.Contains(t, said.messages, "--http-insecure")
	}
}
