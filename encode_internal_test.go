package consign

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Encode leaves out what package json does for each json.RawMessage, and must come to the same.
func TestEncode_IsWhatPackageJSONMakesOfIt(t *testing.T) {
	t.Parallel()
	for name, result := range map[string]Result{
		"everything": {Source: "a<b>", ID: "é\u2028\"", Type: "t", Time: time.Date(2026, 3, 1, 1, 2, 3, 4, time.UTC), Subject: "&", Data: json.RawMessage(`{"a":"<\u2028>","b":1.50,"b":2}`)},
		"the least":  {Source: "s", ID: "1", Data: json.RawMessage("0")},
		"no data":    {Source: "s", ID: "1"},
		"lines":      {Source: "s", ID: "1", Data: json.RawMessage("{\n\t\"a\":\r\n[1,\t2] }")},
	} {
		want, err := marshal(result)
		require.NoError(t, err, name)
		got, err := result.Encode()
		require.NoError(t, err, name)
		require.Equal(t, string(want), string(got), name)
		for _, ack := range []*AckTarget{nil, {HTTP: &HTTPTarget{URL: "https://example.com/?a=1&b=<"}}} {
			want, err := marshal(Entry{Result: result, Ack: ack})
			require.NoError(t, err, name)
			got, err := Entry{Result: result, Ack: ack}.encode()
			require.NoError(t, err, name)
			require.Equal(t, string(want), string(got), name)
		}
	}
}

func TestEncode_ATimeThatJSONCannotTell_IsAnError(t *testing.T) {
	t.Parallel()
	_, err := Result{Source: "s", ID: "1", Time: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), Data: json.RawMessage("1")}.Encode()
	require.Error(t, err)
}

func TestEncodeConsignment_IsWhatTheConverterMakesOfIt(t *testing.T) {
	t.Parallel()
	few := []Entry{{Result: Result{Source: "s", ID: "1", Data: json.RawMessage(`"<"`)}}}
	many := append([]Entry{{Result: Result{Source: "s", ID: "2", Data: json.RawMessage(`"` + strings.Repeat("x", compressFrom) + `"`)}}}, few...)
	for _, entries := range [][]Entry{few, many} {
		want, err := DataConverter().ToPayload(Consignment{Results: entries})
		require.NoError(t, err)
		got, err := encodeConsignment(entries)
		require.NoError(t, err)
		expanded, err := expand(got.Payload())
		require.NoError(t, err)
		require.Equal(t, string(want.GetData()), string(expanded.GetData()))
		require.Equal(t, want.GetMetadata(), expanded.GetMetadata())
	}
}
