package formats

import (
	"cmp"
	"encoding/json"
	"iter"
	"time"

	"github.com/consign-dev/consign/sinks"
)

// untyped is the type of a CloudEvent, which must have one, whose result has none.
const untyped = "consign.result"

// Body returns what a message carries: the document that [Format.Encode] returns or, by the zero value,
// the data alone, with its bytes as they came, which belong under [Attributes]. It fails, and will again,
// for data that is not JSON.
func (f Format) Body(d sinks.Delivery) ([]byte, error) {
	if f != "" {
		return f.Encode(d)
	}
	if !json.Valid(d.Result.Data) {
		return nil, errNotJSON
	}
	return d.Result.Data, nil
}

// ContentType is the media type of a body. That of CloudEvents tells readers that the body is the whole
// event, in structured mode.
func (f Format) ContentType() string {
	if f == CloudEvents {
		return "application/cloudevents+json"
	}
	return "application/json"
}

// Attributes are those of a CloudEvent in binary mode whose body is the data of a result. Each binding
// has its own way to write them into headers, and the media type.
func Attributes(d sinks.Delivery) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		at := ""
		if !d.Result.Time.IsZero() {
			at = d.Result.Time.Format(time.RFC3339Nano)
		}
		for _, attribute := range [...]struct{ name, value string }{
			{"specversion", "1.0"},
			{"id", d.Result.ID},
			{"source", d.Result.Source},
			{"type", cmp.Or(d.Result.Type, untyped)},
			{"time", at},
			{"subject", d.Result.Subject},
			{"traceparent", d.Result.Traceparent},
			{"tracestate", d.Result.Tracestate},
		} {
			if attribute.value != "" && !yield(attribute.name, attribute.value) {
				return
			}
		}
	}
}
