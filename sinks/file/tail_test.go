package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks/file"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestDeliver_UnendedLastLine_IsCutIfTornAndElseKept(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 700_000)
	for _, test := range []struct{ name, before, want string }{
		{"WholeLine", "{\"a\":1}\n", "{\"a\":1}\n"},
		{"EmptyFile", "", ""},
		{"TornLine", "{\"a\":1}\n{\"b\":", "{\"a\":1}\n"},
		{"OnlyATornLine", "{\"b\":\"hal", ""},
		{"FirstByteOfALine", "{\"a\":1}\n{", "{\"a\":1}\n"},
		{"LongTornLine", "{\"a\":1}\n{\"b\":\"" + long, "{\"a\":1}\n"},
		{"OnlyALongTornLine", "{\"b\":\"" + long, ""},
		{"TornLineThatEndsInZeroBytes", "{\"a\":1}\n{\"b\"\x00\x00\x00", "{\"a\":1}\n"},
		{"NothingButZeroBytes", "{\"a\":1}\n\x00\x00\x00", "{\"a\":1}\n"},
		{"WholeObjectWithoutNewline", "{\"a\":1}\n{\"b\":2}", "{\"a\":1}\n{\"b\":2}\n"},
		{"OnlyAWholeObjectWithoutNewline", "{\"b\":2}", "{\"b\":2}\n"},
		{"LongWholeObjectWithoutNewline", "{\"b\":\"" + long + "\"}", "{\"b\":\"" + long + "\"}\n"},
		{"SomeoneElsesText", "# results\n# of March", "# results\n# of March\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "results.ndjson")
			require.NoError(t, os.WriteFile(path, []byte(test.before), 0o644))
			sink := open(t, file.Config{Path: path})
			batch := sinktest.Deliveries("after", 2)

			require.Nil(t, sink.Deliver(t.Context(), batch))

			content := string(read(t, path))
			require.True(t, strings.HasPrefix(content, test.want), "%.80q", content)
			added := sinktest.Lines(t, []byte(strings.TrimPrefix(content, test.want)))
			require.Len(t, added, len(batch))
		})
	}
}

// A file that is one long line of someone else's, such as an array, is neither cut nor read whole.
func TestDeliver_UnendedLineTooLongToBeOurs_IsKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.ndjson")
	foreign := "{\"b\":\"" + strings.Repeat("{", 17<<20)
	require.NoError(t, os.WriteFile(path, []byte(foreign), 0o644))
	sink := open(t, file.Config{Path: path})

	require.Nil(t, sink.Deliver(t.Context(), sinktest.Deliveries("after", 1)))

	added, kept := strings.CutPrefix(string(read(t, path)), foreign+"\n")
	require.True(t, kept)
	require.Len(t, sinktest.Lines(t, []byte(added)), 1)
}
