package consign

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
)

// A result is refused as invalid or too large, or every message that carries it is understood where it
// arrives, with the bytes of its data.
func FuzzResult(f *testing.F) {
	for _, data := range []string{
		`{}`, `null`, `"<&>\u2028"`, `{"a":1,"a":2}`, `1e400`, ` [ 1 , 2 ] `, "\"\xff\"", `"\ud800"`, `{`, "", "\u2028", `"` + "\u2028" + `"`,
		nested(9_000), nested(MaxDepth), nested(MaxDepth + 1), nested(9_996), nested(10_000), nested(10_001),
	} {
		f.Add("scanner", "4711", "detection", "host", []byte(data))
	}
	f.Add("", "", "", "", []byte(`1`))
	f.Add("a\xff", "b", "", "", []byte(`1`))
	f.Add("a/b", "..", "\n", "\x00", []byte(`1`))
	f.Add(strings.Repeat("é", 50), "b", strings.Repeat("t", 256), "", []byte(`1`))
	f.Fuzz(func(t *testing.T, source, id, kind, subject string, data []byte) {
		given := bytes.Clone(data)
		r, err := Result{Source: source, ID: id, Type: kind, Subject: subject, Data: data}.Prepare()
		require.Equal(t, given, data, "the caller's bytes")
		if err != nil {
			require.True(t, errors.Is(err, ErrInvalid) || errors.Is(err, ErrTooLarge), "%v", err)
			require.Less(t, len(err.Error()), 2000)
			return
		}
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, data))
		require.Equal(t, compact.Bytes(), []byte(r.Data))
		require.LessOrEqual(t, len(WorkflowID(r.Source, r.ID)), maxWorkflowID)
		require.Equal(t, Digest(data), Digest(r.Data))

		record, err := Record{Results: []Result{r}}.Encode()
		require.NoError(t, err)
		told := Result{Source: "consign", ID: "x", Data: record} // a record as a sink is told it
		for _, carried := range []Result{r, told} {
			for _, message := range []any{
				Consignment{Results: []Entry{{Result: carried}}},
				map[string]any{"record": Record{Results: []Result{carried}}},
				map[string]any{"batch": []any{map[string]any{"result": carried}}},
			} {
				payload, err := DataConverter().ToPayload(message)
				require.NoError(t, err)
				require.Contains(t, string(payload.GetData()), string(carried.Data))
				var back json.RawMessage
				require.NoError(t, DataConverter().FromPayload(payload, &back))
			}
		}
		payload, err := DataConverter().ToPayload(Consignment{Results: []Entry{{Result: r}}})
		require.NoError(t, err)
		var back Consignment
		require.NoError(t, DataConverter().FromPayload(payload, &back))
		require.Equal(t, Consignment{Results: []Entry{{Result: r}}}, back)
	})
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// No two results share a workflow id, nor a delivery id, and an id can be read back.
func FuzzWorkflowID(f *testing.F) {
	f.Add("a", "b/c", "a/b", "c")
	f.Add("a%2F", "b", "a", "%2Fb")
	f.Add("a\xff", "b", "a\uFFFD", "b")
	f.Add("", "/", "/", "")
	f.Add("a b", "c", "a+b", "c")
	f.Add("batch", "x", "batch/x", "")
	f.Fuzz(func(t *testing.T, source, id, source2, id2 string) {
		one, two := WorkflowID(source, id), WorkflowID(source2, id2)
		require.Equal(t, source == source2 && id == id2, one == two)
		require.Equal(t, one == two, DeliveryID(source, id, "sink") == DeliveryID(source2, id2, "sink"))
		require.NotEqual(t, DeliveryID(source, id, source2), DeliveryID(source, id, source2+"/"))
		parts := strings.Split(one, "/")
		require.Len(t, parts, 3)
		for i, want := range []string{source, id} {
			part, err := url.PathUnescape(parts[i+1])
			require.NoError(t, err)
			require.Equal(t, want, part)
		}
	})
}

// What a workflow of a stranger, or of a newer release, returns is read or refused: reading it never
// panics, and what was read can be written and read again.
func FuzzAnswer(f *testing.F) {
	for _, text := range []string{
		`{"results":1,"legs":[{"sink":"a","outcome":"delivered","attempts":1}],"ack":"none"}`,
		`{"results":2,"legs":[{"sink":"a","outcome":"parked","except":[{"index":-1,"outcome":"x"},{"index":9007199254740993}],"skipped":[7,-7]}],"unrouted":[{"index":99}]}`,
		`{"committed":true}`, `{"committed":true,"receipt":null}`, `{"committed":true,"receipt":{}}`, `null`, `{}`, `[]`, `7`, `"x"`, ``, `{"legs":null}`, `{"results":-1}`,
		`{"id":"dead-letter/a/b/1","sink":"a","cause":"` + strings.Repeat("é", 150) + `","results":[{"source":"s","id":"i","data":{"a":[1,"<"]}}],"attempts":[{"number":1,"took_ms":-5}],"made":1}`,
		`{"results":[{}],"parked_at":"9999-12-31T23:59:59.999999999+23:59","new_field":{"a":1}}`,
	} {
		f.Add(converter.MetadataEncodingJSON, []byte(text))
	}
	f.Add(converter.MetadataEncodingJSON, []byte(`{"results":`+strings.Repeat("9", 2000)+`}`))
	for _, encoding := range []string{converter.MetadataEncodingNil, converter.MetadataEncodingBinary, "json/protobuf", "binary/protobuf", "binary/encrypted", "", "\xff\x00"} {
		f.Add(encoding, []byte(`{"results":1}`))
		f.Add(encoding, []byte(`null`))
	}
	f.Fuzz(func(t *testing.T, encoding string, data []byte) {
		payload := &commonpb.Payload{Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encoding)}, Data: data}
		read(t, payload, func(r Receipt) {
			r.Delivered()
			for i := -1; i < 3; i++ {
				r.Of(i)
			}
		})
		read(t, payload, func(r Record) {
			require.LessOrEqual(t, len(r.Header().Cause), 200)
			_, err := r.Encode()
			require.NoError(t, err)
		})
		read(t, payload, func(Header) {})
		read(t, payload, func(Ack) {})
		read(t, payload, func(f FirstAttempts) {
			if f.check() == nil && f.Committed {
				require.NoError(t, f.Receipt.check())
			}
		})
		read(t, payload, func(c Consignment) {
			for _, entry := range c.Results {
				if entry.Ack != nil {
					require.NotPanics(t, func() { _ = entry.checkAck() })
				}
			}
		})
		read(t, payload, func(DiscardRequest) {})
		read(t, payload, func(ReplayRequest) {})
	})
}

// read decodes a payload, and what was read once more after it was written.
func read[T any](t *testing.T, payload *commonpb.Payload, use func(T)) {
	t.Helper()
	var value, again T
	if err := DataConverter().FromPayload(payload, &value); err != nil {
		require.True(t, utf8.ValidString(err.Error()), "Temporal takes no other failure")
		require.LessOrEqual(t, len(err.Error()), 502)
		return
	}
	use(value)
	written, err := DataConverter().ToPayload(value)
	if err != nil { // times that Go reads and does not write: an offset of 24 hours
		require.ErrorContains(t, err, "Time.MarshalJSON")
		return
	}
	require.NoError(t, DataConverter().FromPayload(written, &again))
	second, err := DataConverter().ToPayload(again)
	require.NoError(t, err)
	require.Equal(t, string(written.GetData()), string(second.GetData()))
}
