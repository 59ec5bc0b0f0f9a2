package file_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/file"
	"github.com/consign-dev/consign/sinks/formats"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestSink(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{
		KeepsOrder: true,
		Open: func(t *testing.T) sinktest.Instance {
			path := filepath.Join(t.TempDir(), "results.ndjson")
			aside := path + ".aside"
			heal := func() {}
			return sinktest.Instance{
				Sink:     open(t, file.Config{Path: path}),
				Received: func() []sinktest.Received { return sinktest.Lines(t, read(t, path)) },
				// A directory takes the place of the file: a failure that root has too.
				Break: func() {
					require.NoError(t, os.Rename(path, aside))
					require.NoError(t, os.Mkdir(path, 0o755))
					heal = func() {
						require.NoError(t, os.Remove(path))
						require.NoError(t, os.Rename(aside, path))
					}
				},
				Hang: func() { heal = hold(t, path) },
				Heal: func() { heal(); heal = func() {} },
			}
		},
	})
}

func TestDeliver_SomeoneElseHoldsTheLock_SaysSo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.ndjson")
	sink := open(t, file.Config{Path: path})
	release := hold(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()

	errs := sink.Deliver(ctx, sinktest.Deliveries("locked", 1))

	require.Len(t, errs, 1)
	require.ErrorContains(t, errs[0], "someone else holds its lock (see who: fuser -v "+path+")")
	require.Equal(t, "timeout", sinks.Classify(errs[0]).Label)
	release()
	require.Nil(t, sink.Deliver(t.Context(), sinktest.Deliveries("free", 1)))
	require.Len(t, sinktest.Lines(t, read(t, path)), 1, "what was given up before it was written is not written later")
}

func TestClose_SomeoneElseHoldsTheLock_DoesNotWaitForThem(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.ndjson")
	sink := open(t, file.Config{Path: path})
	defer hold(t, path)()
	report := make(chan []error, 1)
	go func() { report <- sink.Deliver(t.Context(), sinktest.Deliveries("locked", 1)) }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Len(t, sink.Deliver(ctx, sinktest.Deliveries("behind", 1)), 1)

	require.NoError(t, sink.Close(t.Context()))

	errs := <-report
	require.Len(t, errs, 1)
	require.ErrorContains(t, errs[0], "the sink is closed")
}

func TestDeliver_ATimeThatJSONCannotTell_FailsPermanentlyAndAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.ndjson")
	sink := open(t, file.Config{Path: path})
	batch := sinktest.Deliveries("json", 3)
	batch[1].Result.Time = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)

	errs := sink.Deliver(t.Context(), batch)

	require.Len(t, errs, 3)
	require.NoError(t, errs[0])
	require.True(t, sinks.Classify(errs[1]).Permanent)
	require.NoError(t, errs[2])
	require.Len(t, sinktest.Lines(t, read(t, path)), 2)
}

func TestDeliver_ATimeThatJSONCannotTellAndAFailure_AreBothReported(t *testing.T) {
	t.Parallel()
	sink := open(t, file.Config{Path: filepath.Join(t.TempDir(), "results.ndjson")})
	require.NoError(t, sink.Close(t.Context()))
	batch := sinktest.Deliveries("json", 2)
	batch[1].Result.Time = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)

	errs := sink.Deliver(t.Context(), batch)

	require.Len(t, errs, 2)
	require.ErrorContains(t, errs[0], "the sink is closed")
	require.False(t, sinks.Classify(errs[0]).Permanent)
	require.True(t, sinks.Classify(errs[1]).Permanent)
}

func TestNew_MissingDirectories_AreCreated(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "b", "results.ndjson")
	sink := open(t, file.Config{Path: path, Mode: "0600"})
	require.Nil(t, sink.Deliver(t.Context(), sinktest.Deliveries("new", 1)))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestNew_PathThatCannotBeAppendedTo_SaysWhyAndWhatToDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	require.NoError(t, os.WriteFile(plain, nil, 0o644))
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for _, test := range []struct{ name, path, want string }{
		{"Directory", dir, "open " + dir + " for appending: it is a directory: name a file in it, such as " + dir + "/results.ndjson"},
		{"NamedPipe", pipe, "open " + pipe + " for appending: it is no regular file: to print results use the kind stdout"},
		{"FileAsDirectory", plain + "/results.ndjson", "create the directory of " + plain + "/results.ndjson: mkdir " + plain + ": not a directory"},
		{"ReadOnlyFileSystem", "/proc/consign/results.ndjson", "create the directory of /proc/consign/results.ndjson: mkdir /proc/consign: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := file.New(file.Config{Path: test.path})
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestNew_NoPermission_NamesTheUserAndTheRemedy(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o500))
	_, err := file.New(file.Config{Path: filepath.Join(dir, "results.ndjson")})
	require.ErrorIs(t, err, os.ErrPermission)
	require.ErrorContains(t, err, "choose another path")
}

// open opens a sink that closes with the test.
func open(t testing.TB, settings file.Config) *file.Sink {
	t.Helper()
	sink, err := file.New(settings)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sink.Close(context.Background())) })
	return sink
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}

// hold takes the file's lock as a process does that is stopped while it writes.
func hold(t testing.TB, path string) (release func()) {
	t.Helper()
	other, err := os.Open(path)
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(other.Fd()), syscall.LOCK_EX))
	return func() { _ = other.Close() }
}

func TestDeliver_InAnotherFormat_WritesThatOneALine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.ndjson")
	sink := open(t, file.Config{Path: path, Format: formats.CloudEvents})
	batch := sinktest.Deliveries("event", 2)

	require.Nil(t, sink.Deliver(t.Context(), batch))

	var want []byte
	for _, delivery := range batch {
		line, err := formats.CloudEvents.Encode(delivery)
		require.NoError(t, err)
		want = append(append(want, line...), '\n')
	}
	require.Equal(t, string(want), string(read(t, path)))
}
