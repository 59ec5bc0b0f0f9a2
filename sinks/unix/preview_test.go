package unix_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/file"
	"github.com/consign-dev/consign/sinks/formats"
	"github.com/consign-dev/consign/sinks/stdout"
	"github.com/consign-dev/consign/sinks/unix"
)

func TestPreview_IsTheLineInTheSinksFormat(t *testing.T) {
	t.Parallel()
	d := sinks.Delivery{ID: "msg_1", Result: consign.Result{Source: "s", ID: "i", Data: []byte(`{"a":1}`)}}
	for _, format := range []formats.Format{formats.NDJSON, formats.CloudEvents, formats.OCSF} {
		line, err := format.Encode(d)
		require.NoError(t, err)
		for want, settings := range map[string]sinks.Previewer{
			"send to unix socket s.sock": &unix.Config{Path: "s.sock", Format: format},
			"append to f.ndjson":         &file.Config{Path: "f.ndjson", Format: format},
			"print to stdout":            &stdout.Config{Stream: stdout.Stdout, Format: format},
		} {
			shown, err := settings.Preview(d)
			require.NoError(t, err)
			require.Equal(t, want+"\n"+string(line), shown)
		}
	}
}
