package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSinks_WhenCalledWrongly_IsOneLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, part string }{
		{"sinks lst", `did you mean "list"?`},
		{"sinks pause a", "--reason is missing"},
		{"sinks pause --reason x", "accepts 1 arg(s)"},
		{"sinks resume", "accepts 1 arg(s)"},
		{"sinks retry-now a --spread -1s", "--spread -1s"},
		{"sinks park-now", "accepts 1 arg(s)"},
		{"sinks test nowhere", `there is no sink "nowhere"`},
	} {
		execute(t, strings.Fields(test.args)...).oneLine(t, 2, "consign: ", test.part, "--help")
	}
	const address = "127.0.0.1:1" // nothing listens on tcpmux
	for _, args := range []string{"sinks list", "sinks pause a --reason x", "sinks resume a", "sinks retry-now a", "sinks park-now a"} {
		execute(t, append(strings.Fields(args), "--address", address)...).oneLine(t, 3, address, "consign up")
	}
}

func TestSinksTest_SendsOneMarkedResult_AndSaysWhatTheSinkMadeOfIt(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "results.ndjson")
	path := write(t, "c.yaml", "sinks:\n  archive:\n    file: {path: "+file+"}\n")
	answer := execute(t, "sinks", "test", "archive", "--config", path)
	require.Equal(t, 0, answer.code, "%+v", answer)
	require.Contains(t, answer.out, "archive: the file took the test result msg_")
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(written), `"type":"consign.test"`)
	require.Contains(t, string(written), `"data":{"test":true,`)

	r := newReceiver(t, http.StatusBadRequest)
	path = write(t, "c.yaml", r.asSink())
	execute(t, "sinks", "test", "hook", "--config", path).oneLine(t, 1, "hook: the webhook did not take the test result: http 400", "parked at once")
	answer = execute(t, "sinks", "test", "hook", "--config", path, "--json")
	require.Equal(t, 1, answer.code)
	require.Empty(t, answer.messages)
	var report tested
	require.NoError(t, json.Unmarshal([]byte(answer.out), &report))
	require.Equal(t, "failed", report.Outcome)
	require.Equal(t, "http 400", report.Label)
	require.True(t, report.Permanent)
	path = write(t, "c.yaml", r.asSink()+"    transient: [400]\n")
	execute(t, "sinks", "test", "hook", "--config", path).oneLine(t, 1, "hook: the webhook did not take the test result: http 400", "it would be tried again")

	path = write(t, "c.yaml", "sinks:\n  partner:\n    external: {}\n")
	execute(t, "sinks", "test", "partner", "--config", path).oneLine(t, 2, "partner is served by a worker of its own")
}

func TestSinks_PausedTestedRetriedAndResumed(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, http.StatusInternalServerError)
	config := "sinks:\n  hook:\n    webhook: {url: " + r.URL + "}\n    retry: {max: 9, backoff: 1h, max_backoff: 1h}\n    circuit: {failures: 1, open: 1h}\n"
	path := write(t, "c.yaml", config)
	u := startUp(t, config, "--ephemeral", "--headless")
	standing := func() (s standing) {
		answer := u.run(t, "", "sinks", "list", "--config", path, "--json")
		require.Equal(t, 0, answer.code, "%+v", answer)
		require.NoError(t, json.Unmarshal([]byte(answer.out), &s))
		return s
	}
	require.Equal(t, "open", standing().State)
	require.Equal(t, "hook: paused\n", u.run(t, "", "sinks", "pause", "hook", "--reason", "it moves").out)
	require.Eventually(t, func() bool { return standing().State == "paused" }, patience, 200*time.Millisecond)
	s := standing()
	require.Equal(t, "it moves", s.Reason)
	require.Equal(t, me(), s.By)
	row := u.run(t, "", "sinks", "list", "--config", path).out
	require.True(t, strings.HasPrefix(row, "hook\twebhook\tpaused\t0\t"), row)
	require.Contains(t, row, "it moves (by "+me())
	for _, order := range [][]string{{"pause", "--reason", "x"}, {"resume"}, {"retry-now"}, {"park-now"}} {
		answer := u.run(t, "", append([]string{"sinks", order[0], "hok" + order[0]}, order[1:]...)...)
		require.Contains(t, answer.messages, "is that its name?", order[0])
	}
	require.Equal(t, "hook: resumed\n", u.run(t, "", "sinks", "resume", "hook").out)
	require.Equal(t, "hook: not paused\n", u.run(t, "", "sinks", "resume", "hook").out)
	require.Eventually(t, func() bool { return strings.Contains(get(t, u.metrics), `consign_sink_paused{sink="hook"} 0`) }, patience, 20*time.Millisecond)

	require.Equal(t, 0, u.run(t, `1`, "submit", "--source", "test").code)
	require.Eventually(t, func() bool { return standing().State == "circuit open" }, patience, 200*time.Millisecond)
	require.Equal(t, "hook: 1 delivery tried now\n", u.run(t, "", "sinks", "retry-now", "hook").out)
	require.Eventually(t, func() bool {
		return u.run(t, "", "sinks", "park-now", "hook").out == "hook: 1 delivery parked\n"
	}, patience, 200*time.Millisecond, "after the attempt that the open circuit skipped")
	require.Len(t, u.listed(t, 1), 1)
}
