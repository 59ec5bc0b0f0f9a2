package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binary is the command as a user runs it.
var binary string

func TestMain(m *testing.M) {
	code, err := testBinary(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func testBinary(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "consign-test-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	// Another user runs it in one test.
	if err := os.Chmod(dir, 0o755); err != nil {
		return 1, err
	}
	binary = filepath.Join(dir, "consign")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, ".").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %w: %s", err, out)
	}
	return m.Run(), nil
}

// patience bounds every wait for a process, however busy the machine is: no test waits that long unless it fails.
const patience = 3 * time.Minute

// process is a running command.
type process struct {
	*exec.Cmd
	out      chan string // lines of standard output; closed at its end
	messages *bytes.Buffer
	ended    chan struct{}
}

// begin starts a command, which is killed when the test ends.
func begin(t *testing.T, args ...string) *process {
	t.Helper()
	return beginIn(t, nil, args...)
}

// beginIn starts a command with more in its environment.
func beginIn(t *testing.T, environment []string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(binary, args...), out: make(chan string, 1000), messages: new(bytes.Buffer), ended: make(chan struct{})}
	p.Stderr = p.messages
	p.Dir = t.TempDir()
	p.Env = append(append(os.Environ(), "TMPDIR="+p.Dir), environment...) // one that is killed leaves its ephemeral data
	stdout, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			p.out <- lines.Text()
		}
		close(p.out)
		_ = p.Wait() // its state is looked at
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("consign %s:\n%s", strings.Join(args, " "), p.messages)
		}
	})
	return p
}

// line is the next one on standard output.
func (p *process) line(t *testing.T) string {
	t.Helper()
	select {
	case line, ok := <-p.out:
		require.True(t, ok, "it has ended")
		return line
	case <-time.After(patience):
		require.Fail(t, "no line in time")
		return ""
	}
}

// exit waits for the end, and returns the exit code.
func (p *process) exit(t *testing.T, within time.Duration) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.ProcessState.ExitCode()
	case <-time.After(within):
		require.Fail(t, "it has not ended in time")
		return -1
	}
}

// invoke runs a command to its end.
func invoke(t *testing.T, input string, args ...string) said {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Stdin = strings.NewReader(input)
	return outcome(t, cmd)
}

func outcome(t *testing.T, cmd *exec.Cmd) said {
	t.Helper()
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	err := cmd.Run()
	if cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return said{out: out.String(), messages: messages.String(), code: cmd.ProcessState.ExitCode()}
}

// up is a running `consign up` on ports of its own.
type up struct {
	*process
	ready
	metrics string
	config  string
}

func startUp(t *testing.T, file string, args ...string) *up {
	t.Helper()
	metrics := freeAddress(t)
	path := write(t, "consign.yaml", file)
	args = append([]string{"up", "--port", "-1", "--ui-port", "-1", "--json", "--metrics", metrics, "--config", path}, args...)
	u := &up{process: begin(t, args...), metrics: "http://" + metrics + "/metrics", config: path}
	require.NoError(t, json.Unmarshal([]byte(u.line(t)), &u.ready))
	return u
}

// run runs a command against it.
func (u *up) run(t *testing.T, input string, args ...string) said {
	t.Helper()
	return invoke(t, input, append(args, "--address", u.Address)...)
}

// receiver answers with a status that a test sets, and counts what it took.
type receiver struct {
	*httptest.Server
	status, taken atomic.Int32
}

func newReceiver(t *testing.T, status int32) *receiver {
	t.Helper()
	r := &receiver{}
	r.status.Store(status)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		_, _ = io.Copy(io.Discard, request.Body)
		status := int(r.status.Load())
		if status < 300 {
			r.taken.Add(1)
		}
		http.Error(w, http.StatusText(status), status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) asSink() string {
	return "sinks:\n  hook:\n    webhook: {url: '" + r.URL + "'}\n    retry: {max: 0}\n"
}

// terminate asks a process to stop.
func terminate(t *testing.T, p *process) {
	t.Helper()
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
}
