package formats

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

// event is a CloudEvent in the JSON event format:
// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
type event struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject,omitempty"`
	Time            time.Time `json:"time,omitzero"`
	DataContentType string    `json:"datacontenttype"`
	DeliveryID      string    `json:"deliveryid"`
	consign.TraceContext
	Data json.RawMessage `json:"data"`
}

func cloudEvent(d sinks.Delivery) ([]byte, error) {
	return marshal(event{
		SpecVersion:     "1.0",
		ID:              d.Result.ID,
		Source:          reference(d.Result.Source),
		Type:            cmp.Or(d.Result.Type, untyped),
		Subject:         d.Result.Subject,
		Time:            d.Result.Time,
		DataContentType: "application/json",
		DeliveryID:      d.ID,
		TraceContext:    d.Result.TraceContext,
		Data:            d.Result.Data,
	})
}

// reference is a source as the URI reference that a CloudEvent asks for. A source that is one stays as
// it is; what a URI may not hold is percent-escaped.
func reference(source string) string {
	const allowed = "-._~:/?#[]@!$&'()*+,;=%"
	var escaped strings.Builder
	for i := range len(source) {
		b := source[i]
		switch {
		case b >= '0' && b <= '9', b >= 'A' && b <= 'Z', b >= 'a' && b <= 'z', strings.IndexByte(allowed, b) >= 0:
			escaped.WriteByte(b)
		default:
			fmt.Fprintf(&escaped, "%%%02X", b)
		}
	}
	if _, err := url.Parse(escaped.String()); err != nil { // a stray %, or a colon where a scheme would end
		return strings.ReplaceAll(url.PathEscape(source), ":", "%3A")
	}
	return escaped.String()
}
