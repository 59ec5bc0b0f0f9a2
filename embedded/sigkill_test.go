package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign/embedded"
)

// killedDir tells a child process, which is this test binary again, where to run its server.
const killedDir = "CONSIGN_TEST_KILLED_DIR"

func TestStart_AfterSIGKILL_FindsWhatWasConfirmed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServerToBeKilled$")
	child.Env = append(os.Environ(), killedDir+"="+dir)
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	var address string
	for lines := bufio.NewScanner(output); address == "" && lines.Scan(); {
		_, _ = fmt.Sscanf(lines.Text(), "address %s", &address)
	}
	require.NotEmpty(t, address)
	c, err := client.Dial(client.Options{HostPort: address})
	require.NoError(t, err)
	const started = 20
	for i := range started {
		_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: fmt.Sprint("open-", i), TaskQueue: t.Name()}, "Noop")
		require.NoError(t, err)
	}
	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	c.Close()

	c = dial(t, start(t, embedded.Options{DataDir: dir, Headless: true}))
	for i := range started {
		described, err := c.DescribeWorkflowExecution(t.Context(), fmt.Sprint("open-", i), "")
		require.NoError(t, err)
		require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_RUNNING, described.GetWorkflowExecutionInfo().GetStatus())
	}
}

func TestServerToBeKilled(t *testing.T) {
	dir := os.Getenv(killedDir)
	if dir == "" {
		t.Skip("runs only as the child of TestStart_AfterSIGKILL_FindsWhatWasConfirmed")
	}
	server, err := embedded.Start(context.Background(), embedded.Options{DataDir: dir, Port: embedded.AnyPort, Headless: true})
	require.NoError(t, err)
	fmt.Println("address", server.Address())
	select {}
}
