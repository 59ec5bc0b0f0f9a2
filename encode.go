package consign

import (
	"bytes"
	"encoding/json"
	"time"

	"go.temporal.io/sdk/converter"
)

// Encode returns the result as one line of JSON without its newline, the form in which sinks write
// it and submit reads it. The bytes of Data stay as they are, and are not looked at again: they are JSON in
// every result that was submitted. It fails for a Time that JSON cannot tell, which is one beyond the year 9999.
func (r Result) Encode() ([]byte, error) {
	head, err := marshal(struct {
		Source  string    `json:"source"`
		ID      string    `json:"id"`
		Type    string    `json:"type,omitempty"`
		Time    time.Time `json:"time,omitzero"`
		Subject string    `json:"subject,omitempty"`

		TraceContext
	}{r.Source, r.ID, r.Type, r.Time, r.Subject, r.TraceContext})
	if err != nil {
		return nil, err
	}
	line := make([]byte, 0, len(head)+len(`,"data":`)+max(len(r.Data), len("null")))
	line = append(line, head[:len(head)-1]...)
	line = append(line, `,"data":`...)
	return append(appendData(line, r.Data), '}'), nil
}

// appendData appends data as JSON without white space that would break a line, which stands between tokens
// alone. To scan data for more, as package json does for each json.RawMessage, would be much of what a result costs.
func appendData(line []byte, data json.RawMessage) []byte {
	switch {
	case len(data) == 0:
		return append(line, "null"...)
	case bytes.IndexByte(data, '\n') < 0 && bytes.IndexByte(data, '\r') < 0 && bytes.IndexByte(data, '\t') < 0:
		return append(line, data...)
	}
	compact := bytes.NewBuffer(line)
	if json.Compact(compact, data) != nil {
		return append(line, data...)
	}
	return compact.Bytes()
}

// encode returns the entry as a Consignment holds it.
func (e Entry) encode() ([]byte, error) {
	line, err := e.Result.Encode()
	if err != nil || e.Ack == nil {
		return line, err
	}
	ack, err := marshal(e.Ack)
	if err != nil {
		return nil, err
	}
	line = append(line[:len(line)-1], `,"ack":`...)
	return append(append(line, ack...), '}'), nil
}

// encodeConsignment is the input of a Deliver workflow. It is encoded here, not by the client's
// converter: a client that the caller made may have one that rewrites the data. One result stays
// readable as it is, in Temporal's Web UI and from any SDK.
func encodeConsignment(entries []Entry) (converter.RawValue, error) {
	data := []byte(`{"results":[`)
	for i, entry := range entries {
		line, err := entry.encode()
		if err != nil {
			return converter.RawValue{}, err
		}
		if i > 0 {
			data = append(data, ',')
		}
		data = append(data, line...)
	}
	payload := jsonPayload(append(data, "]}"...))
	if len(entries) == 1 || len(payload.GetData()) < compressFrom {
		return converter.NewRawValue(payload), nil
	}
	compressed, err := compress(payload)
	return converter.NewRawValue(compressed), err
}
