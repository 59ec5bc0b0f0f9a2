package intake_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/intake"
)

// Whatever the input is, reading ends, every value stands in it on the line that is named, every mistake
// has a line and a class, and how the bytes arrive makes no difference.
func FuzzReaderInPieces(f *testing.F) {
	for _, input := range []string{
		"", "\n", "\ufeff{}", "{}\n{}\n", "[1,2,{}]", "[1,,2]\n{}", "[1\n{}", "{\"a\":\n1}{\"b\":2}", "{\"a\n{}\n", "nul\n1\n", "\"\\", "\"\\\n\"",
		"1 2 3", "[[],[]]", "[]]", "{\"a\":1]\n{}\n", "\x00\n{}", "{\"a\":\"\xff\"}", strings.Repeat("[", 200), "tru\u00e9\n{}", "\r\n{}\r\n", "-\n+1\n01\n",
	} {
		f.Add([]byte(input))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		values := valuesOf(t, bytes.NewReader(input))
		require.Equal(t, values, valuesOf(t, iotest.OneByteReader(bytes.NewReader(input))))
		lines := bytes.Count(input, []byte("\n")) + 1
		last, rest := 0, input
		var written bytes.Buffer
		var good []json.RawMessage
		for _, value := range values {
			require.GreaterOrEqual(t, value.Line, max(last, 1))
			require.LessOrEqual(t, value.Line, lines)
			last = value.Line
			if value.Err != nil {
				require.Nil(t, value.Raw)
				require.True(t, errors.Is(value.Err, consign.ErrInvalid) || errors.Is(value.Err, consign.ErrTooLarge), "%v", value.Err)
				require.NotContains(t, value.Err.Error(), "\n")
				continue
			}
			require.True(t, json.Valid(value.Raw))
			at := bytes.Index(rest, value.Raw)
			require.GreaterOrEqual(t, at, 0, "the bytes as they stood in the input, in its order")
			rest = rest[at+len(value.Raw):]
			good = append(good, value.Raw)
			var compact bytes.Buffer
			require.NoError(t, json.Compact(&compact, value.Raw))
			written.WriteString("[")
			written.Write(compact.Bytes())
			written.WriteString("]\n")
		}
		again := valuesOf(t, &written)
		require.Len(t, again, len(good), "each good value is one value when it is written down")
		for i, value := range again {
			require.NoError(t, value.Err)
			require.JSONEq(t, string(good[i]), string(value.Raw))
		}
	})
}

func valuesOf(t *testing.T, in io.Reader) []intake.Value {
	t.Helper()
	reader := intake.NewReader(in)
	var values []intake.Value
	for {
		value, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return values
		}
		require.NoError(t, err)
		values = append(values, value)
	}
}

// A value is refused as invalid, or becomes a result whose data are bytes of it, and whose own encoding
// is read as the same result.
func FuzzEnvelope(f *testing.F) {
	for _, value := range []string{
		`{"source":"a","id":"b","data":{"x":[1,"<"]},"type":"t","time":"2026-01-31T12:00:00Z","subject":"s"}`,
		`{"source":"a","id":7e3,"data":null}`, `{"id":"b","data":1,"more":2}`, `{"specversion":"1.0","id":"b","source":"s","data":1,"ext":2}`, `{"specversion":"1.0","data_base64":"AA=="}`,
		`{"data":{"id":{"deep":"x"}}}`, `{"source":"a","id":"","data":1}`, `{"source":null,"id":null,"data":1,"time":null}`, `{"Source":"a","ID":"b","DATA":1}`,
		`{"source":"a","data":1,"time":"2026-01-31T12:00:00+24:00"}`, `{"source":"a","data":1,"time":"0000-01-01T00:00:00Z"}`, `{"source":"a","source":"b","id":"1","id":"2","data":1,"data":2}`,
		`{"source":"\ud800","id":"x","data":1}`, `{"source":["a"],"data":1}`, `[1]`, `"x"`, `1`, `null`, `{"a":{"b":[{"c":"id"}]}}`, `{"source":"a","id":"\u0000","data":{}}`,
	} {
		for _, path := range []string{"", "id", "a.b.0.c", "id.deep", "."} {
			f.Add([]byte(value), false, "engine", path)
		}
		f.Add([]byte(value), true, "", "")
	}
	f.Fuzz(func(t *testing.T, value []byte, bare bool, source, path string) {
		var raw json.RawMessage
		if json.Unmarshal(value, &raw) != nil {
			return // the reader lets valid JSON through alone
		}
		raw = bytes.TrimSpace(raw)
		given := bytes.Clone(raw)
		result, err := intake.Envelope{Bare: bare, Source: source, IDField: path}.Read(raw)
		require.Equal(t, given, []byte(raw))
		if err != nil {
			require.ErrorIs(t, err, consign.ErrInvalid)
			return
		}
		require.NotEmpty(t, result.Source)
		require.True(t, json.Valid(result.Data))
		require.Contains(t, string(raw), string(result.Data))
		if bare {
			require.Equal(t, string(raw), string(result.Data))
		}
		line, err := result.Encode()
		if err != nil || result.ID == "" {
			return // an offset of 24 hours; an id is given at submission
		}
		again, err := intake.Envelope{}.Read(line)
		require.NoError(t, err, "%s", line)
		require.Equal(t, strings.ToValidUTF8(result.Source, "\uFFFD"), again.Source)
		require.Equal(t, result.ID, again.ID)
		require.Equal(t, result.Type, again.Type)
		require.Equal(t, result.Subject, again.Subject)
		require.True(t, result.Time.Equal(again.Time))
		require.Equal(t, consign.Digest(result.Data), consign.Digest(again.Data))
	})
}
