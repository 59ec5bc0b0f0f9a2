package embedded_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign/embedded"
)

// killedDir tells a child process, which is this test binary again, where to run its server.
const killedDir = "CONSIGN_TEST_KILLED_DIR"

func TestServerToBeKilled(t *testing.T) {
	dir := os.Getenv(killedDir)
	if dir == "" {
		t.Skip("runs only as the child of other tests")
	}
	server, err := embedded.Start(context.Background(), embedded.Options{DataDir: dir, Port: embedded.AnyPort, Headless: true})
	require.NoError(t, err)
	fmt.Println("address", server.Address())
	select {}
}

// child is a server in a process of its own.
type child struct {
	*exec.Cmd
	ready chan string // receives the address, or nothing if the start fails
	said  bytes.Buffer
}

func spawn(t *testing.T, dir string) *child {
	t.Helper()
	c := &child{Cmd: exec.Command(os.Args[0], "-test.run=^TestServerToBeKilled$"), ready: make(chan string, 1)}
	c.Env = append(os.Environ(), killedDir+"="+dir)
	output, err := c.StdoutPipe()
	require.NoError(t, err)
	c.Stderr = c.Stdout
	require.NoError(t, c.Start())
	go func() {
		defer close(c.ready)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			var address string
			if _, err := fmt.Sscanf(lines.Text(), "address %s", &address); err == nil {
				c.ready <- address
			}
			c.said.WriteString(lines.Text() + "\n")
		}
	}()
	t.Cleanup(func() { c.kill() })
	return c
}

// kill sends SIGKILL; doing it again is harmless.
func (c *child) kill() {
	_ = c.Process.Kill()
	for range c.ready { // its output has to be read to the end before Wait
	}
	_ = c.Wait()
}

// address of the server, once it is ready.
func (c *child) address(t *testing.T) string {
	t.Helper()
	select {
	case address, ok := <-c.ready:
		require.True(t, ok, "the start has failed: %s", &c.said)
		return address
	case <-time.After(time.Minute):
		require.Fail(t, "the server did not start in time")
		return ""
	}
}

// begin starts the workflows open-FROM to open-(TO-1), which no worker takes up.
func begin(t *testing.T, address string, from, to int) {
	t.Helper()
	temporal, err := client.Dial(client.Options{HostPort: address})
	require.NoError(t, err)
	defer temporal.Close()
	for i := from; i < to; i++ {
		_, err := temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: fmt.Sprint("open-", i), TaskQueue: "nobody's"}, "Noop")
		require.NoError(t, err)
	}
}

// killed returns the directory of a server that was killed with n workflows under way.
func killed(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	c := spawn(t, dir)
	begin(t, c.address(t), 0, n)
	c.kill()
	return dir
}

// requireBegun holds that the server has the workflows open-0 to open-(n-1).
func requireBegun(t *testing.T, c client.Client, n int) {
	t.Helper()
	for i := range n {
		described, err := c.DescribeWorkflowExecution(t.Context(), fmt.Sprint("open-", i), "")
		require.NoError(t, err)
		require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_RUNNING, described.GetWorkflowExecutionInfo().GetStatus())
	}
}

// contents are the files of a directory, by name.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	found := map[string]string{}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		require.NoError(t, err)
		found[entry.Name()] = string(content)
	}
	return found
}

func TestStart_AfterSIGKILL_FindsWhatWasConfirmed(t *testing.T) {
	t.Parallel()
	const started = 20
	dir := killed(t, started)
	requireBegun(t, dial(t, start(t, embedded.Options{DataDir: dir, Headless: true})), started)
}
