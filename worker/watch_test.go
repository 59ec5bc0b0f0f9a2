package worker

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestFiles_ThatAreWritten_HaveChangedOnceTheyStayTheSame(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "consign.yaml")
	write(t, path, "sinks:")
	f := newFiles([]string{path})
	require.False(t, f.changed())
	write(t, path, "sinks: {o")
	require.False(t, f.changed(), "it may be being written")
	write(t, path, "sinks: {one: {}}")
	require.False(t, f.changed(), "it is being written")
	require.True(t, f.changed())
	require.False(t, f.changed(), "that is known")
}

func TestFiles_WrittenBeforeTheyWereWatchedAndAfterTheyWereRead_HaveChanged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "consign.yaml")
	write(t, path, "a: 1")
	written := look(path).ModTime()
	f := newFiles([]string{path})
	f.since(written.Add(time.Minute))
	require.False(t, f.changed())
	require.False(t, f.changed())
	f.since(written.Add(-time.Minute))
	require.False(t, f.changed(), "it may be being written")
	require.True(t, f.changed())
	require.False(t, f.changed(), "that is known")
}

func TestFiles_PutInTheirPlaceByRename_HaveChanged_AlsoWithTheSameSizeAndTime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "consign.yaml")
	write(t, path, "a: 1")
	f := newFiles([]string{path})
	write(t, path+".new", "a: 2")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(path+".new", time.Time{}, info.ModTime()))
	require.NoError(t, os.Rename(path+".new", path))
	require.False(t, f.changed())
	require.True(t, f.changed())
}

// TestFiles_OfAVolumeOfKubernetes_HaveChangedWhenItsLinkIsSwapped lays files out as a ConfigMap is mounted.
func TestFiles_OfAVolumeOfKubernetes_HaveChangedWhenItsLinkIsSwapped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, version := range []string{"..1", "..2"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		write(t, filepath.Join(dir, version, "consign.yaml"), version)
	}
	require.NoError(t, os.Symlink("..1", filepath.Join(dir, "..data")))
	path := filepath.Join(dir, "consign.yaml")
	require.NoError(t, os.Symlink(filepath.Join("..data", "consign.yaml"), path))
	f := newFiles([]string{path})
	require.False(t, f.changed())
	require.NoError(t, os.Symlink("..2", filepath.Join(dir, "..data_tmp")))
	require.NoError(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	require.False(t, f.changed())
	require.True(t, f.changed())
}

func TestFiles_MissingForAMoment_HaveNotChanged_AndForLongerHave(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "consign.yaml")
	write(t, path, "a: 1")
	f := newFiles([]string{path})
	require.NoError(t, os.Rename(path, path+"~"))
	require.False(t, f.changed())
	require.False(t, f.changed(), "an editor may be at work")
	require.NoError(t, os.Rename(path+"~", path))
	require.False(t, f.changed(), "it is what it was")

	require.NoError(t, os.Remove(path))
	looks := 0
	for !f.changed() {
		looks++
	}
	require.Equal(t, watchMissing, looks)
	write(t, path, "a: 1")
	require.False(t, f.changed())
	require.True(t, f.changed(), "it is there again")
}

func TestFiles_ThatAreNew_CountAsTheyAre_AndOthersAsTheyWere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "1")
	f := newFiles([]string{a})
	write(t, a, "changed while it was read")
	write(t, b, "1")
	f.name([]string{a, b})
	require.False(t, f.changed())
	require.True(t, f.changed(), "a was written after it was looked at")
	f.name([]string{b})
	write(t, a, "nobody reads this any more")
	require.False(t, f.changed())
	require.False(t, f.changed())
}
