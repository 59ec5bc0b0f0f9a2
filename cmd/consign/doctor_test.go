package main

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDoctor_SaysWhatIsWrongAndWhatToDo(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "consign.yaml")
	require.NoError(t, os.WriteFile(bad, []byte("sinks:\n  a: {file: {}}\n"), 0o600))
	said := execute(t, "doctor", "--config", bad, "--address", "127.0.0.1:1")
	require.Equal(t, 1, said.code)
	require.Contains(t, said.out, "!!  configuration: "+bad+":2:")
	require.Contains(t, said.out, "!!  temporal: ")
	require.Contains(t, said.out, "127.0.0.1:1")
	require.Contains(t, execute(t, "doctor", "--config", bad+".missing", "--address", "127.0.0.1:1").out, "name the file that there is by --config")

	r := newReceiver(t, http.StatusBadRequest)
	u := startUp(t, r.asSink(), "--ephemeral", "--headless")
	require.Eventually(t, func() bool { return u.run(t, "", "doctor").code == 0 }, patience, 200*time.Millisecond)
	said = u.run(t, "", "doctor")
	for _, part := range []string{
		"ok  temporal: " + u.Address + " answers, version 1.", "ok  namespace default: has the search attributes ConsignSource",
		"ok  retention: closed deliveries are kept for 24h0m0s", "1 sink, its clock", "ok  sinks: 1 of 1 open", "ok  disk: ",
	} {
		require.Contains(t, said.out, part)
	}
	require.Equal(t, 4, u.run(t, "1", "submit", "--source", "test", "--wait").code)
	u.listed(t, 1)
	said = u.run(t, "", "doctor")
	require.Equal(t, 1, said.code)
	require.Contains(t, said.out, "!!  sink hook: 1 dead letter\n      > consign dead-letters list --sink hook\n")
	require.Contains(t, u.run(t, "", "doctor", "--json").out, `{"about":"sink hook","what":"1 dead letter","wrong":true,"do":`)
}
