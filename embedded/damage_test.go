package embedded_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/embedded"
)

// What is damaged in the database file itself cannot be made good by the log.
func TestStart_DamagedDatabase_SaysSoAndHowToRestore(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "whole.db")
	_, err := embedded.Backup(t.Context(), embedded.BackupOptions{DataDir: killed(t, 30), File: file})
	require.NoError(t, err)
	whole := contents(t, filepath.Dir(file))["whole.db"]
	const page = 4096
	for name, damaged := range map[string]string{
		"its header":     garbled(whole[:100]) + whole[100:],
		"its schema":     whole[:100] + garbled(whole[100:page]) + whole[page:],
		"some pages":     whole[:40*page] + garbled(whole[40*page:50*page]) + whole[50*page:],
		"zeros in pages": whole[:50*page] + string(make([]byte, 10*page)) + whole[60*page:],
		"cut short":      whole[:len(whole)/2],
		"cut in a page":  whole[:len(whole)-page/2],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := directory(t, map[string]string{"temporal.db": damaged})
			_, err := tryStart(t, embedded.Options{DataDir: dir, Headless: true})
			path := filepath.Join(dir, "temporal.db")
			for _, part := range []string{path, "is damaged", "left as it is", "restore a backup", "--data-dir"} {
				require.ErrorContains(t, err, part)
			}
			require.Equal(t, damaged, contents(t, dir)["temporal.db"])

			backup := filepath.Join(t.TempDir(), "backup.db")
			_, err = embedded.Backup(t.Context(), embedded.BackupOptions{DataDir: dir, File: backup})
			require.ErrorContains(t, err, path)
			require.Empty(t, contents(t, filepath.Dir(backup)))
		})
	}
}
