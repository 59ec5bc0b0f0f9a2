package submit

import (
	"encoding/json"

	"github.com/consign-dev/consign"
)

// Envelope is the reading of envelopes, for tests.
type Envelope struct {
	Bare                  bool
	Source, Type, IDField string
}

// Read makes a result of a value.
func (e Envelope) Read(value json.RawMessage) (consign.Result, error) {
	return envelope{bare: e.Bare, source: e.Source, kind: e.Type, idField: e.IDField}.read(value)
}

// Buffered is how many bytes the reader holds room for.
func (r *Reader) Buffered() int { return cap(r.buf) }
