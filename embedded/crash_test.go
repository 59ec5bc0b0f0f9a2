package embedded_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/embedded"
)

// A few kills are enough for every run of the tests; many find what is rare:
// go test ./embedded -run Crash -kills 200
var kills = flag.Int("kills", 8, "how often each test kills a server that starts")

// The same directory sees one start after the other cut off at a random moment. Each start that comes
// far enough takes on one workflow more.
func TestCrash_AtAnyMomentOfAStart_TheNextOneKeepsWhatWasConfirmed(t *testing.T) {
	t.Parallel()
	dir, confirmed := t.TempDir(), 0
	var longest time.Duration // the first start is left alone, and tells how long one takes here
	for range *kills {
		began := time.Now()
		c := spawn(t, dir)
		var moment <-chan time.Time
		if longest > 0 {
			moment = time.After(rand.N(longest))
		}
		select {
		case <-moment:
		case address, ok := <-c.ready:
			longest = max(longest, time.Since(began)*5/4)
			require.True(t, ok, "a start has failed: %s", &c.said)
			begin(t, address, confirmed, confirmed+1)
			confirmed++
		}
		c.kill()
		require.NotContains(t, c.said.String(), "Error", "a start has failed before it was killed")
	}
	t.Logf("%d of %d starts were over before they were killed", confirmed, *kills)
	requireBegun(t, dial(t, start(t, embedded.Options{DataDir: dir, Headless: true})), confirmed)
}

// Each new directory is left at another stage of its making, which the files in it tell.
func TestCrash_DuringSetup_LeavesNothingThatIsRefused(t *testing.T) {
	t.Parallel()
	size := func(path string) int64 {
		info, err := os.Stat(path)
		if err != nil {
			return -1
		}
		return info.Size()
	}
	for stage, reached := range map[string]func(dir string) bool{
		"the lock is taken": func(dir string) bool { return size(filepath.Join(dir, "lock")) >= 0 },
		"a file is begun": func(dir string) bool {
			return size(filepath.Join(dir, "temporal.db.new")) >= 0 || size(filepath.Join(dir, "temporal.db")) >= 0
		},
		"it is being filled": func(dir string) bool {
			return size(filepath.Join(dir, "temporal.db.new")) > 0 || size(filepath.Join(dir, "temporal.db")) > 0
		},
		"the database has its name":  func(dir string) bool { return size(filepath.Join(dir, "temporal.db")) >= 0 },
		"the write-ahead log is new": func(dir string) bool { return size(filepath.Join(dir, "temporal.db-wal")) >= 0 },
		"the namespace is written":   func(dir string) bool { return size(filepath.Join(dir, "temporal.db-wal")) > 0 },
		"the server writes":          func(dir string) bool { return size(filepath.Join(dir, "temporal.db-wal")) > 100_000 },
	} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c := spawn(t, dir)
			require.Eventually(t, func() bool { return reached(dir) }, time.Minute, time.Millisecond/4)
			c.kill()
			start(t, embedded.Options{DataDir: dir, Headless: true})
			require.NoFileExists(t, filepath.Join(dir, "temporal.db.new"))
		})
	}
}
