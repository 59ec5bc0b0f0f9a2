package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCodec_ServesUntilSIGTERM_ForTheOriginsThatAreNamed(t *testing.T) {
	t.Parallel()
	p := begin(t, "codec", "--listen", "0", "--origin", "https://temporal.example.com")
	url := <-p.out
	require.True(t, strings.HasPrefix(url, "http://127.0.0.1:"), url)
	require.Equal(t, "ok\n", get(t, url+"/healthz"))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/decode", strings.NewReader(`{"payloads":[]}`))
	require.NoError(t, err)
	request.Header.Set("Origin", "https://temporal.example.com")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "https://temporal.example.com", response.Header.Get("Access-Control-Allow-Origin"))

	terminate(t, p)
	require.Equal(t, 0, p.exit(t, time.Minute))
}

func TestCodec_WhenItCannotBeServed_IsOneLineWithWhatToDo(t *testing.T) {
	t.Parallel()
	execute(t, "codec", "--listen", "0", "--origin", "temporal.example.com").oneLine(t, 2, `--origin "temporal.example.com"`, "https://temporal.example.com")
	execute(t, "codec", "--listen", "not an address").oneLine(t, 2, "not an address", "--listen")
}
