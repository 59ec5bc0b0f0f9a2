package acceptance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

// typescript is the folder of the examples, whose modules npm has put there.
const typescript = "../examples/typescript"

// TestTypeScript submits to Consign, is acked by it and serves a sink of it, with the TypeScript SDK.
func TestTypeScript(t *testing.T) {
	t.Parallel()
	buildTypeScript(t)
	for name, test := range map[string]func(*testing.T){
		"Submit_WaitsForTheReceipt_AndKeepsTheBytes":        submitFromTypeScript,
		"Workflow_ReceivesTheAckSignal":                     ackedWorkflowInTypeScript,
		"SinkWorker_FailsThenTakes_RefusesThenIsReplayed":   sinkWorkerInTypeScript,
		"SinkWorker_OfABatch_ReportsOnEachResult":           batchInTypeScript,
		"SinkWorker_ThatFailsToTheEnd_HasItsAttemptsLogged": exhaustedInTypeScript,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// buildTypeScript compiles the examples, or skips the test where Node or the modules are missing.
func buildTypeScript(t *testing.T) {
	t.Helper()
	absent := func(what string) {
		if os.Getenv("CONSIGN_REQUIRE_NODE") == "1" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	if _, err := exec.LookPath("node"); err != nil {
		absent("node is not installed: the TypeScript examples need Node.js 20")
	}
	if _, err := os.Stat(filepath.Join(typescript, "node_modules")); errors.Is(err, fs.ErrNotExist) {
		absent("the TypeScript examples lack their modules: run npm ci --prefix examples/typescript")
	}
	build := exec.CommandContext(t.Context(), "node", "node_modules/typescript/bin/tsc")
	build.Dir = typescript
	out, err := build.CombinedOutput()
	require.NoError(t, err, "tsc: %s", out)
}

// node is a command that runs one of the examples against the stage's namespace.
func (s *stage) node(ctx context.Context, example string, args ...string) *exec.Cmd {
	script := filepath.Join(typescript, "build", example+".js")
	cmd := exec.CommandContext(ctx, "node", append([]string{script}, args...)...)
	cmd.Env = append(os.Environ(), "TEMPORAL_ADDRESS="+server.Address(), "TEMPORAL_NAMESPACE="+s.namespace)
	return cmd
}

// run runs an example to its end and decodes what it prints.
func (s *stage) run(into any, example string, args ...string) {
	s.Helper()
	out, err := s.node(s.ctx, example, args...).Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		require.NoError(s, err, "%s: %s", example, failed.Stderr)
	}
	require.NoError(s, err)
	require.NoError(s, json.Unmarshal(out, into), "%s printed %s", example, out)
}

// serve runs the sink worker until the function that it returns is called, or the test is over.
func (s *stage) serve(args ...string) (stop func()) {
	s.Helper()
	cmd := s.node(context.WithoutCancel(s.ctx), "sink-worker", args...)
	cmd.Cancel = nil
	log, err := cmd.StderrPipe()
	require.NoError(s, err)
	require.NoError(s, cmd.Start())
	said := make(chan string, 1)
	go func() {
		var lines []string
		for scanner := bufio.NewScanner(log); scanner.Scan(); {
			lines = append(lines, scanner.Text())
		}
		said <- strings.Join(lines, "\n")
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		_ = cmd.Process.Signal(syscall.SIGTERM)
		lines := <-said
		require.NoError(s, cmd.Wait(), lines)
	}
	s.Cleanup(stop)
	return stop
}

// oddData is changed by JSON.parse and JSON.stringify in each of its members.
const oddData = `{"b":12345678901234567890,"2":1.0,"1":1e400,"b":"\u003c\u2028","e":-0}`

func submitFromTypeScript(t *testing.T) {
	s := perform(t, oneSink)
	id := `10% of a/b ü!'()*;,?$&+=:@~_-.` // each character that may be escaped
	for range 2 {                          // the second one is a duplicate
		var receipt consign.Receipt
		s.run(&receipt, "submit", "test", id, oddData)
		require.True(t, receipt.Delivered())
	}
	took := s.sinks["one"].took()
	require.Len(t, took, 1)
	require.Equal(t, id, took[0].Result.ID)
	require.True(t, bytes.Equal([]byte(oddData), took[0].Result.Data), "%s", took[0].Result.Data)
	// It has the same identity as from Go, so that the one recognises what the other submitted.
	handle := s.submit(id, oddData)
	require.True(t, handle.Duplicate())
	_, err := s.client.Submit(s.ctx, consign.Result{Source: "test", ID: id, Data: []byte(`1`)})
	require.ErrorIs(t, err, consign.ErrConflict)
	out, err := s.node(s.ctx, "submit", "test", id, "1").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "was submitted before with other data")
}

func ackedWorkflowInTypeScript(t *testing.T) {
	s := perform(t, oneSink)
	var ack consign.Ack
	s.run(&ack, "upstream", "test", "a/b", `{}`)
	require.Equal(t, "test", ack.Source)
	require.Equal(t, "a/b", ack.ID)
	require.True(t, ack.Receipt.Delivered())
	require.Equal(t, consign.AckSent, ack.Receipt.Ack)
}

// externalSink is a configuration with a sink that Consign's own worker does not serve.
const externalSink = `
sinks:
  ts: {external: {}, retry: {max: 2, backoff: 50ms, max_backoff: 100ms}, timeout: 5s}
`

func sinkWorkerInTypeScript(t *testing.T) {
	s := perform(t, strings.Replace(externalSink, "max: 2", "max: 1000", 1))
	dir := filepath.Join(t.TempDir(), "later")
	path := filepath.Join(dir, "results.ndjson")
	handle := s.submit("a", oddData)
	stop := s.serve("ts", path, "300")

	// The folder is not there yet, which is transient.
	s.eventually(func() bool { return s.failedAttempts(handle) > 0 }, "an attempt fails")
	require.NoError(t, os.Mkdir(dir, 0o700))
	receipt := s.wait(handle)
	require.Equal(t, consign.Delivered, receipt.Legs[0].Outcome)
	require.Equal(t, "external", receipt.Legs[0].Kind)
	require.Greater(t, receipt.Legs[0].Attempts, 1)
	line := `{"delivery_id":"` + consign.DeliveryID("test", "a", "ts") + `","result":{"source":"test","id":"a","type":"detection","data":` + oddData + "}}\n"
	require.Equal(t, line, read(t, path))

	// A line that is too long is refused for good, and parked.
	long := `"` + strings.Repeat("x", 300) + `"`
	receipt = s.wait(s.submit("b", long))
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	require.Equal(t, 1, receipt.Legs[0].Attempts)
	letter := receipt.Legs[0].DeadLetter
	record := s.record(letter)
	require.Equal(t, "too large", record.Label)
	require.Contains(t, record.Cause, "at most 300 are taken")
	require.Len(t, record.Attempts, 1)
	require.Equal(t, long, string(record.Results[0].Data))

	// The sink is mended, and the dead letter replayed.
	stop()
	s.serve("ts", path, "3000")
	s.signal(letter, consign.ReplaySignal, consign.ReplayRequest{By: "test"})
	require.Equal(t, consign.StateReplayed, s.closed(letter).State)
	require.Contains(t, read(t, path), long)
}

func batchInTypeScript(t *testing.T) {
	s := perform(t, externalSink)
	path := filepath.Join(t.TempDir(), "results.ndjson")
	s.serve("ts", path, "300")
	results := several(3, nil)
	results[1].Data = []byte(`"` + strings.Repeat("x", 300) + `"`)
	receipt := s.receiptOf(s.bare("three", results...))
	require.Equal(t, consign.Delivered, receipt.Of(0).Legs[0].Outcome)
	require.Equal(t, consign.Parked, receipt.Of(1).Legs[0].Outcome)
	require.Equal(t, consign.Delivered, receipt.Of(2).Legs[0].Outcome)
	require.Equal(t, 2, strings.Count(read(t, path), "\n"))
}

func exhaustedInTypeScript(t *testing.T) {
	s := perform(t, externalSink)
	s.serve("ts", filepath.Join(t.TempDir(), "never", "results.ndjson"))
	receipt := s.wait(s.submit("a", `{}`))
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	require.Equal(t, 3, receipt.Legs[0].Attempts)
	record := s.record(receipt.Legs[0].DeadLetter)
	require.Equal(t, "ENOENT", record.Label)
	require.Len(t, record.Attempts, 3)
	for i, attempt := range record.Attempts {
		require.Equal(t, i+1, attempt.Number)
		require.Equal(t, "ENOENT", attempt.Label)
	}
}

// failedAttempts counts those of the activities that wait in a delivery.
func (s *stage) failedAttempts(handle *consign.Handle) int {
	s.Helper()
	description, err := s.temporal.DescribeWorkflowExecution(s.ctx, handle.WorkflowID(), "")
	require.NoError(s, err)
	failed := 0
	for _, activity := range description.GetPendingActivities() {
		if activity.GetLastFailure() != nil {
			failed++
		}
	}
	return failed
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}
