package embedded_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign/embedded"
)

func TestBackup_OfARunningServer_OpensElsewhereWithAllThatWasThere(t *testing.T) {
	t.Parallel()
	server := start(t, embedded.Options{DataDir: t.TempDir(), Headless: true})
	c := dial(t, server)
	run(t, c, client.StartWorkflowOptions{ID: "closed"})
	_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "open", TaskQueue: t.Name()}, "Noop")
	require.NoError(t, err)
	elsewhere := filepath.Join(t.TempDir(), "100%?#")
	require.NoError(t, os.Mkdir(elsewhere, 0o700))
	file := filepath.Join(elsewhere, "temporal.db")

	saved, err := embedded.Backup(t.Context(), embedded.BackupOptions{DataDir: server.DataDir(), File: file})
	require.NoError(t, err)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, embedded.Saved{File: file, DataDir: server.DataDir(), Bytes: info.Size()}, saved)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.Len(t, contents(t, elsewhere), 1)

	c = dial(t, start(t, embedded.Options{DataDir: elsewhere, Headless: true}))
	for _, id := range []string{"closed", "open"} {
		_, err := c.DescribeWorkflowExecution(t.Context(), id, "")
		require.NoError(t, err, id)
	}
}

func TestBackup_OfADatabaseNobodyRuns_LeavesItAsItIs(t *testing.T) {
	t.Parallel()
	dir := killed(t, 3)
	before := contents(t, dir)
	file := filepath.Join(t.TempDir(), "backup.db")
	_, err := embedded.Backup(t.Context(), embedded.BackupOptions{DataDir: dir, File: file})
	require.NoError(t, err)
	after := contents(t, dir)
	for _, name := range []string{"temporal.db", "temporal.db-wal"} {
		require.NotEmpty(t, before[name])
		require.Equal(t, before[name], after[name], name)
	}
	restored := t.TempDir()
	require.NoError(t, os.Rename(file, filepath.Join(restored, "temporal.db")))
	requireBegun(t, dial(t, start(t, embedded.Options{DataDir: restored, Headless: true})), 3) // they stood in the write-ahead log
}

func TestBackup_WhereItMayNotGo_IsRefusedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	dir, empty := killed(t, 0), t.TempDir()
	taken := filepath.Join(t.TempDir(), "taken.db")
	require.NoError(t, os.WriteFile(taken, []byte("mine"), 0o600))
	other := filepath.Join(killed(t, 0), "temporal.db")
	for want, o := range map[string]embedded.BackupOptions{
		"SQLite would apply it":   {DataDir: dir, File: other, Overwrite: true},
		"no database in " + empty: {DataDir: empty, File: filepath.Join(t.TempDir(), "b.db")},
		"--overwrite":             {DataDir: dir, File: taken},
		"the database itself":     {DataDir: dir, File: filepath.Join(dir, "temporal.db"), Overwrite: true},
		"is a directory":          {DataDir: dir, File: filepath.Dir(taken), Overwrite: true},
		"no such file":            {DataDir: dir, File: filepath.Join(empty, "no", "b.db")},
	} {
		_, err := embedded.Backup(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
	require.Equal(t, map[string]string{"taken.db": "mine"}, contents(t, filepath.Dir(taken)))

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := embedded.Backup(ended, embedded.BackupOptions{DataDir: dir, File: taken, Overwrite: true})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, map[string]string{"taken.db": "mine"}, contents(t, filepath.Dir(taken)))

	_, err = embedded.Backup(t.Context(), embedded.BackupOptions{DataDir: dir, File: taken, Overwrite: true})
	require.NoError(t, err)
	require.NotEqual(t, "mine", contents(t, filepath.Dir(taken))["taken.db"])
}
