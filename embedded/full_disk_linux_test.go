package embedded_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/consign-dev/consign/embedded"
)

func TestServer_FullDisk_SaysSoAndGoesOnOnceThereIsRoom(t *testing.T) {
	t.Parallel()
	disk := ownDisk(t, "16m")
	dir := filepath.Join(disk, "data")
	core, seen := observer.New(zap.WarnLevel)
	server := start(t, embedded.Options{DataDir: dir, Headless: true, MinFree: embedded.NoMinFree, Logger: zap.New(core)})
	c := dial(t, server)
	const accepted = 20
	begin(t, server.Address(), 0, accepted)

	ballast := fill(t, disk)
	said := func() bool {
		return seen.Filter(func(e observer.LoggedEntry) bool { return e.LoggerName == "" }).Len() > 0
	}
	for refused := 0; refused < 2 || !said(); {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "too-much", TaskQueue: "nobody's"}, "Noop")
		cancel()
		if err != nil {
			refused++
		}
	}
	alarm := seen.Filter(func(e observer.LoggedEntry) bool { return e.LoggerName == "" }).All()[0].Message
	require.Contains(t, alarm, "the disk of data directory "+dir+" is full")

	require.NoError(t, os.Remove(ballast))
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "open-20", TaskQueue: "nobody's"}, "Noop")
		return err == nil
	}, time.Minute, 50*time.Millisecond, "without a restart")
	requireBegun(t, c, accepted+1)
	_, err := embedded.Backup(t.Context(), embedded.BackupOptions{DataDir: dir, File: filepath.Join(t.TempDir(), "b.db")})
	require.NoError(t, err, "its integrity")
	stop(t, server)

	ballast = fill(t, disk)
	for _, dir := range []string{dir, filepath.Join(disk, "new")} {
		_, err := tryStart(t, embedded.Options{DataDir: dir, Headless: true})
		require.ErrorContains(t, err, "the disk of data directory "+dir+" is full: make room there, then start again")
	}
	_, err = embedded.Backup(t.Context(), embedded.BackupOptions{DataDir: dir, File: filepath.Join(disk, "b.db")})
	require.ErrorContains(t, err, filepath.Join(disk, "b.db"))
	require.ErrorContains(t, err, "full")
	require.NoError(t, os.Remove(ballast))
	requireBegun(t, dial(t, start(t, embedded.Options{DataDir: dir, Headless: true})), accepted+1)
	start(t, embedded.Options{DataDir: filepath.Join(disk, "new"), Headless: true})
	require.NoFileExists(t, filepath.Join(disk, "b.db"))
}

// ownDisk is a directory on a disk of its own, of that size; without the right to mount one the test is skipped.
func ownDisk(t *testing.T, size string) string {
	t.Helper()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	// Temporal's pool of connections keeps the file open, so the disk goes away only with this process.
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(disk, syscall.MNT_DETACH)) })
	return disk
}

// fill leaves not one byte of a disk free.
func fill(t *testing.T, disk string) (ballast string) {
	t.Helper()
	ballast = filepath.Join(disk, "ballast")
	f, err := os.Create(ballast)
	require.NoError(t, err)
	defer f.Close()
	for !errors.Is(err, syscall.ENOSPC) {
		_, err = f.Write(make([]byte, 4096))
	}
	return ballast
}
