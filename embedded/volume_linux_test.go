package embedded_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/embedded"
)

func TestServer_VolumeAlmostFull_TakesNoNewResultsUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	disk := ownDisk(t, "100m")
	server := start(t, embedded.Options{DataDir: filepath.Join(disk, "usual"), Headless: true})
	careless := start(t, embedded.Options{DataDir: filepath.Join(disk, "careless"), Headless: true, MinFree: embedded.NoMinFree})
	require.Equal(t, int64(100<<20/20), server.Disk().MinFree, "a twentieth of a small volume")
	require.NoError(t, deliver(t, frontend(t, server), "before"))

	ballast := filepath.Join(disk, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, server.Disk().Free-4<<20), 0o600))
	require.Eventually(t, func() bool { return server.Disk().Full != nil }, time.Minute, 10*time.Millisecond)
	err := deliver(t, frontend(t, server), "during")
	for _, part := range []string{"has room for", "5.2 MB are kept free (--min-free)", "make room"} {
		require.ErrorContains(t, err, part)
	}
	require.NoError(t, deliver(t, frontend(t, careless), "during"))

	require.NoError(t, os.Remove(ballast))
	require.Eventually(t, func() bool { return server.Disk().Full == nil }, time.Minute, 10*time.Millisecond)
	require.NoError(t, deliver(t, frontend(t, server), "during"))
}
