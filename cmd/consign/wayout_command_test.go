package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWholeFile_AppearsOnlyWhenItIsWhole(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	path := filepath.Join(directory, "letters.ndjson")
	half := func(w io.Writer) error {
		_, err := io.WriteString(w, strings.Repeat("half\n", 10_000))
		require.NoError(t, err)
		require.NoFileExists(t, path)
		return errors.New("temporal went away")
	}
	require.ErrorContains(t, whole(path, half), "temporal went away")
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	require.Empty(t, entries)

	text := func(text string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, text); return err }
	}
	require.NoError(t, whole(path, text("all\n")))
	require.ErrorContains(t, whole(path, text("other\n")), "there already")
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "all\n", string(written))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "results stand in it in clear text")
}

func TestTheWayOut_WhenCalledWrongly_IsOneLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, part string }{
		{"drain --park-after -1s", "--park-after -1s"},
		{"drain --timeout -1s", "--timeout -1s"},
		{"drain now", `unknown command "now"`},
		{"dead-letters export a b", "accepts at most 1 arg(s)"},
		{"dead-letters import", "accepts 1 arg(s)"},
	} {
		execute(t, strings.Fields(test.args)...).oneLine(t, 2, "consign: ", test.part, "--help")
	}
	execute(t, "dlq", "import", "/no/such/file").oneLine(t, 1, "/no/such/file", "no such file")
	const address = "127.0.0.1:1" // nothing listens on tcpmux
	for _, args := range []string{"drain", "dlq export", "dlq export " + filepath.Join(t.TempDir(), "x"), "dlq import " + write(t, "letters.ndjson", "")} {
		execute(t, append(strings.Fields(args), "--address", address)...).oneLine(t, 3, address, "consign up")
	}
}
