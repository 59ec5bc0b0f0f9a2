package embedded_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign/embedded"
)

func TestStart_AgainOnTheSameDirectory_FindsWhatWasThere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a new one, 100%?#")
	first := start(t, embedded.Options{DataDir: dir, Headless: true})
	require.Equal(t, dir, first.DataDir())
	require.Empty(t, first.UIURL())
	run(t, dial(t, first), client.StartWorkflowOptions{ID: "kept"})

	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	info, err = os.Stat(filepath.Join(dir, "temporal.db"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	stop(t, first)
	require.Empty(t, contents(t, dir)["temporal.db-wal"], "after a stop the database is one file")

	second := start(t, embedded.Options{DataDir: dir, Headless: true, Retention: 48 * time.Hour})
	c := dial(t, second)
	described, err := c.DescribeWorkflowExecution(t.Context(), "kept", "")
	require.NoError(t, err)
	require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, described.GetWorkflowExecutionInfo().GetStatus())

	namespace, err := c.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: "default"})
	require.NoError(t, err)
	require.Equal(t, 48*time.Hour, namespace.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(), "retention also holds for a namespace that was there")
}

func TestStart_OnADirectoryInUse_IsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, embedded.Options{DataDir: dir, Headless: true})
	_, err := tryStart(t, embedded.Options{DataDir: dir, Headless: true})
	require.ErrorContains(t, err, dir+" is in use by another consign")
	require.ErrorContains(t, err, "--data-dir")
}

func TestStart_PortInUse_NamesThePortAndTheFlag(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	for flag, o := range map[string]embedded.Options{
		"--port ":    {Port: port},
		"--ui-port ": {UIPort: port},
	} {
		o.DataDir = t.TempDir()
		_, err := tryStart(t, o)
		require.ErrorContains(t, err, "is in use by another program")
		require.ErrorContains(t, err, taken.Addr().String()[len("127.0.0.1:"):])
		require.ErrorContains(t, err, flag)
		require.NoFileExists(t, filepath.Join(o.DataDir, "temporal.db"))
	}
}

func TestStart_DirectoryThatCannotBeWritten_NamesItAndTheRemedy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	// Root may write anywhere but below a file and where the kernel says no.
	for _, dir := range []string{filepath.Join(file, "data"), "/sys/consign", "/proc/self"} {
		_, err := tryStart(t, embedded.Options{DataDir: dir})
		require.ErrorContains(t, err, "data directory "+dir+" cannot be written")
		require.ErrorContains(t, err, "--data-dir")
	}
}

func TestStart_DatabaseThatIsADirectory_IsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "temporal.db"), 0o700))
	_, err := tryStart(t, embedded.Options{DataDir: dir})
	require.ErrorContains(t, err, filepath.Join(dir, "temporal.db"))
}

func TestStart_ImpossibleOptions_AreAllNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := embedded.Start(t.Context(), embedded.Options{
		Ephemeral: true, DataDir: t.TempDir(), Port: 70_000, UIPort: -2, Retention: time.Minute,
	})
	for _, part := range []string{"--ephemeral", "--port 70000", "--ui-port -2", "retention 1m0s"} {
		require.ErrorContains(t, err, part)
	}
}

func TestStart_ContextThatHasEnded_LeavesTheDirectoryFree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := embedded.Start(ended, embedded.Options{DataDir: dir, Port: embedded.AnyPort, Headless: true})
	require.ErrorIs(t, err, context.Canceled)
	start(t, embedded.Options{DataDir: dir, Headless: true})
}

func TestStop_OfAnEphemeralServer_RemovesItsDirectory(t *testing.T) {
	t.Parallel()
	server := start(t, embedded.Options{Ephemeral: true})
	require.FileExists(t, filepath.Join(server.DataDir(), "temporal.db"))
	stop(t, server)
	require.NoDirExists(t, server.DataDir())
}
