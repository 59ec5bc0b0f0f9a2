package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A demo on a machine that is busy with other tests may take longer than the 30 s it is held to alone.
const testLimit = 2 * time.Minute

func TestDemo_InAProcessOfItsOwn(t *testing.T) { //nolint:tparallel // each has a server of its own: side by side they would starve each other
	t.Parallel()
	if testing.Short() {
		t.Skip("links the whole command and runs it")
	}
	program := build(t)

	t.Run("once_passes_and_shows_a_retry_and_the_dead_letters", func(t *testing.T) {
		run := startDemo(t, program, "--once")
		require.Equal(t, 0, run.wait(t), run)
		require.Regexp(t, `is being retried\. See it in the Web UI:\n +http://127\.0\.0\.1:\d+/namespaces/default/workflows/consign%2Fsigma%2F\S+/timeline`, run.String())
		require.Regexp(t, stubbornID+` +http 500`, run.String())
		require.Regexp(t, invalidID+` +http 422`, run.String())
		require.Contains(t, run.String(), stubbornID+" was replayed and has arrived")
		require.Contains(t, run.String(), "PASS")
		run.requireNothingLeft(t)
	})

	t.Run("json_prints_the_verdict_alone", func(t *testing.T) {
		run := startDemo(t, program, "--once", "--json")
		require.Equal(t, 0, run.wait(t), run)
		var v verdict
		require.NoError(t, json.Unmarshal(run.stdout.Bytes(), &v), run)
		require.True(t, v.Pass)
		require.Equal(t, v.Submitted, v.Receiver.Results)
	})

	for flag, where := range map[string]string{"--vanish": "the receiver", "--vanish-archive": "the archive"} {
		t.Run("once_with_"+flag+"_fails", func(t *testing.T) {
			run := startDemo(t, program, "--once", flag, healthyID)
			require.Equal(t, 1, run.wait(t), run)
			require.Contains(t, run.String(), "FAIL: "+where+" does not hold "+healthyID)
			require.Equal(t, 1, strings.Count(run.String(), "FAIL: "), run)
			require.Contains(t, run.String(), "the demo's verdict is negative")
			run.requireNothingLeft(t)
		})
	}

	t.Run("once_with_all_sinks_passes_and_judges_each", func(t *testing.T) {
		run := startDemo(t, program, "--once", "--sinks", "all", "--json")
		require.Equal(t, 0, run.wait(t), run)
		var v verdict
		require.NoError(t, json.Unmarshal(run.stdout.Bytes(), &v), run)
		for _, d := range v.destinations() {
			require.NotNil(t, *d.holding, d.name)
			require.Equal(t, v.Submitted, (*d.holding).Results, d.name)
		}
		require.Contains(t, run.String(), "postgres  a database", "it tells what is left out")
		run.requireNothingLeft(t)
	})

	t.Run("a_loss_in_each_further_sink_is_named", func(t *testing.T) {
		run := startDemo(t, program, "--sinks", "all")
		run.await(t, "Press Enter")
		ledgers, err := filepath.Glob(filepath.Join(run.tmp, "*", collectorLedger))
		require.NoError(t, err)
		require.Len(t, ledgers, 1)
		cutFirstLine(t, ledgers[0])
		deleteFirstMessage(t, run.find(t, `url: "(nats://[\d.:]+)"`))
		deleteFirstRecord(t, run.find(t, `brokers: \["([\d.:]+)"\]`))
		_, err = io.WriteString(run.stdin, "\n")
		require.NoError(t, err)
		run.await(t, "until you press Ctrl-C")
		for _, name := range []string{"collector", "stream", "topic"} {
			require.Regexp(t, "FAIL: the "+name+` does not hold \S+\n`, run.String())
		}
		require.Equal(t, 3, strings.Count(run.String(), "FAIL: "), run)
		require.NoError(t, run.command.Process.Signal(os.Interrupt))
		require.Equal(t, 1, run.wait(t), run)
		run.requireNothingLeft(t)
	})

	t.Run("an_interrupt_leaves_nothing_behind", func(t *testing.T) {
		run := startDemo(t, program)
		run.await(t, "siem took")
		require.NoError(t, run.command.Process.Signal(os.Interrupt))
		require.Equal(t, 1, run.wait(t), run)
		require.Contains(t, run.String(), "the demo was interrupted")
		run.requireNothingLeft(t)
	})

	t.Run("a_kill_takes_the_receiver_along", func(t *testing.T) {
		run := startDemo(t, program)
		run.await(t, "siem took")
		require.NoError(t, run.command.Process.Kill())
		run.wait(t)
		run.requireReceiverGone(t)
	})

	t.Run("wrong_usage_is_told_at_once", func(t *testing.T) {
		for _, arguments := range [][]string{{"--json"}, {"--once", "--vanish", "nobody"}, {"twice"}, {"--sinks", "kafka"}, {"--sinks", ""}} {
			run := startDemo(t, program, arguments...)
			require.Equal(t, 2, run.wait(t), run)
			require.NotContains(t, run.String(), "Temporal  ")
		}
	})
}

func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "consign")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/consign-dev/consign/cmd/consign").CombinedOutput()
	require.NoError(t, err, "go build: %s", out)
	return program
}

// demoRun is a demo in a process.
type demoRun struct {
	command *exec.Cmd
	stdin   io.Writer
	tmp     string
	stdout  *log
	stderr  *log
}

func startDemo(t *testing.T, program string, arguments ...string) *demoRun {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testLimit)
	t.Cleanup(cancel)
	run := &demoRun{tmp: shortDir(t), stdout: &log{}, stderr: &log{}}
	run.command = exec.CommandContext(ctx, program, append([]string{"demo"}, arguments...)...)
	run.command.Env = append(os.Environ(), "TMPDIR="+run.tmp)
	run.command.Stdout, run.command.Stderr = run.stdout, run.stderr
	// Were stdin empty, a demo that waits for Enter would go on at once.
	var err error
	run.stdin, err = run.command.StdinPipe()
	require.NoError(t, err)
	began := time.Now()
	require.NoError(t, run.command.Start())
	t.Cleanup(func() { t.Logf("demo %s: %s", strings.Join(arguments, " "), time.Since(began)) })
	return run
}

// wait returns the exit code.
func (r *demoRun) wait(t *testing.T) int {
	t.Helper()
	err := r.command.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); !exited {
		require.NoError(t, err)
	}
	return r.command.ProcessState.ExitCode()
}

func (r *demoRun) await(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(r.String(), text) }, testLimit, 20*time.Millisecond, "%s", r)
}

// requireNothingLeft looks for files and for the receiver.
func (r *demoRun) requireNothingLeft(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(r.tmp)
	require.NoError(t, err)
	require.Empty(t, left)
	r.requireReceiverGone(t)
}

func (r *demoRun) requireReceiverGone(t *testing.T) {
	t.Helper()
	address := r.find(t, `url: "http://([\d.:]+)/hook"`)
	require.Eventually(t, func() bool {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			connection.Close()
		}
		return err != nil
	}, time.Minute, 20*time.Millisecond, "the receiver still listens on %s", address)
}

// find returns the first group of a pattern in what was shown.
func (r *demoRun) find(t *testing.T, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(r.String())
	require.NotNil(t, found, r)
	return found[1]
}

func (r *demoRun) String() string { return r.stdout.String() + r.stderr.String() }

// log is the output of a process that is still being written.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.text.Bytes())
}

func (l *log) String() string { return string(l.Bytes()) }
