package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/file"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestDeliver_FullDisk_FailsTransientlyLeavesNoHalfLineAndHeals(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(disk, syscall.MNT_DETACH)) })
	ballast := filepath.Join(disk, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 150_000), 0o644))
	path := filepath.Join(disk, "results.ndjson")
	sink := open(t, file.Config{Path: path})
	small := sinktest.Deliveries("small", 2)
	require.Nil(t, sink.Deliver(t.Context(), small))
	before := read(t, path)
	large := []sinks.Delivery{sinktest.Delivery("large", []byte(`"`+strings.Repeat("x", 149_000)+`"`))}

	for range 2 {
		errs := sink.Deliver(t.Context(), large)
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], syscall.ENOSPC)
		failure := sinks.Classify(errs[0])
		require.False(t, failure.Permanent)
		require.Equal(t, "no space left", failure.Label)
		require.Equal(t, before, read(t, path))
	}

	require.NoError(t, os.Remove(ballast))
	require.Nil(t, sink.Deliver(t.Context(), large))
	require.Len(t, sinktest.Lines(t, read(t, path)), 3)
}
