package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/bench/address"
	"github.com/consign-dev/consign/deadletters"
)

func freeAddress(t *testing.T) string {
	t.Helper()
	free, err := address.Free(t.Context())
	require.NoError(t, err)
	return free
}

func TestUp_DeliversWhatIsSubmitted_AndStopsOnSIGTERM(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.ndjson")
	u := startUp(t, "sinks:\n  archive:\n    file: {path: "+path+"}\n", "--ephemeral", "--drain", "5s")

	page, err := http.Get(u.UI)
	require.NoError(t, err)
	page.Body.Close()
	require.Equal(t, http.StatusOK, page.StatusCode)
	for _, series := range []string{`consign_deliveries_total{outcome="parked",sink="archive"} 0`, `consign_queue_backlog{sink="archive"} 0`, "go_goroutines"} {
		require.Contains(t, get(t, u.metrics), series, "from the start")
	}

	const data = `{"z":1.0,"a":"<&>"}`
	submitted := u.run(t, data, "submit", "--source", "test", "--wait")
	require.Equal(t, 0, submitted.code, "%+v", submitted)
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(written), `"data":`+data+"}")
	require.Contains(t, get(t, u.metrics), `consign_deliveries_total{outcome="delivered",sink="archive"} 1`)

	terminate(t, u.process)
	require.Equal(t, 0, u.exit(t, 15*time.Second))
	require.NoDirExists(t, u.DataDir, "it was ephemeral")
	require.Contains(t, u.messages.String(), "draining")
}

func TestUp_WhenASinkHangs_StopsWithinTheDrainTime(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 10), make(chan struct{})
	hanging := newReceiver(t, http.StatusOK)
	hanging.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked <- struct{}{}
		<-release
	})
	t.Cleanup(func() { close(release) })
	u := startUp(t, strings.Replace(hanging.asSink(), "retry", "inline: false\n    timeout: 1m\n    retry", 1), "--ephemeral", "--drain", "1s")
	require.Equal(t, 0, u.run(t, `1`, "submit", "--source", "test").code)
	<-asked

	terminate(t, u.process)
	began := time.Now()
	require.Equal(t, 0, u.exit(t, patience))
	require.Less(t, time.Since(began), 10*time.Second)
}

func TestUp_WhenNobodyReadsItsOutput_StopsAllTheSame(t *testing.T) {
	t.Parallel()
	metrics := freeAddress(t)
	cmd := exec.CommandContext(t.Context(), binary, "up", "--ephemeral", "--headless", "--port", "-1", "--drain", "1s", "--json", "--metrics", metrics)
	cmd.Dir = t.TempDir()
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	u := &up{}
	require.NoError(t, json.NewDecoder(stdout).Decode(&u.ready)) // and read no more of it
	const moreThanAPipeHolds = 200_000
	require.Equal(t, 0, u.run(t, `"`+strings.Repeat("x", moreThanAPipeHolds)+`"`, "submit", "--source", "test").code)
	require.Eventually(t, func() bool {
		return strings.Contains(get(t, "http://"+metrics+"/metrics"), `consign_inflight{sink="console"} 1`)
	}, patience, 20*time.Millisecond)

	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	require.NoError(t, cmd.Wait(), "exit code 0")
}

func TestUp_AfterARestart_KnowsWhatWasSubmitted(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, http.StatusBadRequest)
	directory := filepath.Join(t.TempDir(), "data")
	first := startUp(t, r.asSink(), "--data-dir", directory)
	require.Equal(t, 4, first.run(t, `1`, "submit", "--source", "test", "--wait").code)
	terminate(t, first.process)
	require.Equal(t, 0, first.exit(t, patience))

	r.status.Store(http.StatusOK)
	second := startUp(t, r.asSink(), "--data-dir", directory)
	replayed := second.run(t, "", "dead-letters", "replay", "--all", "--wait")
	require.Equal(t, 0, replayed.code, "%+v", replayed)
	require.EqualValues(t, 1, r.taken.Load())
}

func TestDeadLetters_FromParkedToReplayedAndDiscarded(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, http.StatusBadRequest)
	u := startUp(t, r.asSink(), "--ephemeral", "--headless")
	const data = `{"t":"<&>","n":1.0}`
	require.Equal(t, 4, u.run(t, data+"\n"+data, "submit", "--source", "test", "--wait").code)
	ids := u.listed(t, 2)

	shown := u.run(t, "", "dlq", "show", ids[0])
	require.Equal(t, 0, shown.code)
	for _, part := range []string{"hook (webhook)", "http 400", "1 attempt, of which these failed:\n", "1 result\n"} {
		require.Contains(t, shown.out, part)
	}
	require.Contains(t, u.run(t, "", "dlq", "show", ids[0], "--data").out, `"data":`+data+"}\n")
	require.Contains(t, u.run(t, "", "dlq", "show", ids[0], "--json").out, `"data":`+data+"}")

	again := u.run(t, "", "dlq", "replay", ids[0], "--wait")
	require.Equal(t, 1, again.code)
	require.Contains(t, again.out, "replayed "+ids[0]+": parked again: ")

	r.status.Store(http.StatusOK)
	replayed := u.run(t, "", "dlq", "replay", ids[0], "dead-letter/hook/unknown/1", "--wait")
	require.Equal(t, 1, replayed.code, "one was unknown")
	require.Equal(t, "replayed "+ids[0]+": delivered\n", replayed.out)
	require.Contains(t, replayed.messages, "consign: dead-letter/hook/unknown/1: no such dead letter")
	require.EqualValues(t, 1, r.taken.Load())

	discarded := u.run(t, "", "dlq", "discard", ids[1], "--reason", "test data", "--json")
	require.Equal(t, 0, discarded.code)
	require.JSONEq(t, `{"id":"`+ids[1]+`","outcome":"discarded"}`, discarded.out)
	u.listed(t, 0)
	require.Contains(t, u.run(t, "", "dlq", "show", ids[1]).out, "test data (by "+me()+")")
	u.run(t, "", "dlq", "discard", ids[1], "--reason", "x").oneLine(t, 1, "closed", "discarded before")
}

// listed waits until so many dead letters are listed, and returns their ids.
func (u *up) listed(t *testing.T, n int) []string {
	t.Helper()
	var ids []string
	require.Eventually(t, func() bool {
		ids = nil
		listing := u.run(t, "", "dlq", "list", "--json")
		for line := range strings.Lines(listing.out) {
			var entry deadletters.Entry
			require.NoError(t, json.Unmarshal([]byte(line), &entry))
			require.Equal(t, "hook", entry.Header.Sink)
			ids = append(ids, entry.ID)
		}
		return listing.code == 0 && len(ids) == n
	}, patience, 50*time.Millisecond)
	return ids
}

func TestSetup_MakesANamespaceOnce_AndWorkersNeedIt(t *testing.T) {
	t.Parallel()
	u := startUp(t, "sinks:\n  console:\n    stdout: {}\n", "--ephemeral", "--headless")
	u.run(t, "", "dlq", "list", "--namespace", "other").oneLine(t, 3, "other", "consign setup")

	made := u.run(t, "", "setup", "--namespace", "other")
	require.Equal(t, 0, made.code, "%+v", made)
	require.Contains(t, made.out, "created namespace other, which keeps closed deliveries for 24h")
	require.Equal(t, "nothing to do\n", u.run(t, "", "setup", "--namespace", "other").out)
	require.Equal(t, "set the retention of namespace other from 24h0m0s to 48h0m0s\n", u.run(t, "", "setup", "--namespace", "other", "--retention", "48h").out)
	require.Equal(t, "nothing to do\n", u.run(t, "", "setup", "--namespace", "other").out, "the retention that someone chose stays")

	worker := begin(t, "worker", "--address", u.Address, "--namespace", "other")
	submitted := u.run(t, `1`, "submit", "--source", "test", "--wait", "--namespace", "other")
	require.Equal(t, 0, submitted.code, "%+v", submitted)
	require.Contains(t, worker.line(t), `"data":1`)
	terminate(t, worker)
	require.Equal(t, 0, worker.exit(t, 15*time.Second))
}

func TestWorker_WhileTemporalIsAway_SaysSoOnce_AndStopsOnSIGTERM(t *testing.T) {
	t.Parallel()
	metrics := freeAddress(t)
	worker := begin(t, "worker", "--address", "127.0.0.1:1", "--metrics", metrics)
	require.Eventually(t, func() bool {
		response, err := http.Get("http://" + metrics + "/healthz")
		if err == nil {
			response.Body.Close()
		}
		return err == nil
	}, patience, 20*time.Millisecond)
	require.Contains(t, get(t, "http://"+metrics+"/readyz"), "it waits for Temporal")
	time.Sleep(1500 * time.Millisecond) // it tries each second: more than one try
	terminate(t, worker)
	require.Equal(t, 0, worker.exit(t, 10*time.Second))
	require.Equal(t, 1, strings.Count(worker.messages.String(), "waiting for temporal"))
}

func TestUp_WhenAPortIsInUse_IsOneLineWithTheFlag(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { taken.Close() })
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	invoke(t, "", "up", "--ephemeral", "--port", port, "--ui-port", "-1").oneLine(t, 2, "consign: ", port, "in use", "--port")
	invoke(t, "", "up", "--ephemeral", "--port", "-1", "--ui-port", port).oneLine(t, 2, "consign: ", port, "in use", "--ui-port")
}

func TestUp_WhenTheDataDirectoryIsReadOnly_IsOneLineWithTheFlag(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	require.NoError(t, os.Chmod(directory, 0o500))
	up := exec.CommandContext(t.Context(), binary, "up", "--port", "-1", "--ui-port", "-1", "--data-dir", directory)
	if os.Geteuid() == 0 { // who may write anywhere
		up.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	outcome(t, up).oneLine(t, 2, "consign: data directory "+directory, "cannot be written", "--data-dir")
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}
