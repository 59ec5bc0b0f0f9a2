package embedded

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/dynamicconfig"
)

func TestPragmas_ConfirmedCommitsAreOnTheDisk(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		options     Options
		synchronous int // https://www.sqlite.org/pragma.html#pragma_synchronous
	}{
		"kept":      {Options{}, 2},
		"ephemeral": {Options{Ephemeral: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var set []string
			for pragma, value := range sqlConfig("", want.options).ConnectAttributes {
				if pragma != "mode" {
					set = append(set, pragma+"="+value)
				}
			}
			db, err := openSQLite(filepath.Join(t.TempDir(), "temporal.db"), "rwc", set...)
			require.NoError(t, err)
			defer db.Close()
			var synchronous int
			require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&synchronous))
			require.Equal(t, want.synchronous, synchronous)
			var journal string
			require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&journal))
			require.Equal(t, "wal", journal)
		})
	}
	require.Equal(t, map[string]string{"mode": "rwc"}, sqlConfig("", Options{Stock: true}).ConnectAttributes)
}

// The cache is one for all workers in the process, and the server's own are the first.
func TestTuned_BoundsTheOpenWorkflowsThatAreKeptInMemory(t *testing.T) {
	t.Parallel()
	require.Equal(t, stickyCache, tuned()[dynamicconfig.MakeKey(dynamicconfig.WorkerStickyCacheSize.Key().String())])
}
