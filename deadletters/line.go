package deadletters

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/consign-dev/consign"
)

// Line is one dead letter in an export: its record, and beside it the three fields of a dead letter
// queue as rsigma writes one, for tools that read those. They say nothing that the record does not,
// and an import reads the record alone.
type Line struct {
	consign.Record
	// OriginalEvent is the data as a text: that of the one result, or a JSON array of that of
	// several. Bytes that are not UTF-8 are replaced here; in the record's results they are kept.
	OriginalEvent string `json:"original_event"`
	// Error is "sink delivery failure: " and the cause.
	Error string `json:"error"`
	// Timestamp is when the dead letter began (RFC 3339).
	Timestamp time.Time `json:"timestamp"`
}

// lineOf makes the line of a record.
func lineOf(record consign.Record) Line {
	return Line{
		Record:        record,
		OriginalEvent: originalEvent(record.Results),
		Error:         "sink delivery failure: " + record.Cause,
		Timestamp:     record.ParkedAt,
	}
}

func originalEvent(results []consign.Result) string {
	data := make([][]byte, len(results))
	for i, result := range results {
		data[i] = result.Data
	}
	if len(data) == 1 {
		return string(data[0])
	}
	return "[" + string(bytes.Join(data, []byte(","))) + "]"
}

// Encode returns the line with its newline. The bytes of the results' data stay as they are.
func (l Line) Encode() ([]byte, error) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false) // which would rewrite the data
	err := encoder.Encode(l)
	return line.Bytes(), err
}
