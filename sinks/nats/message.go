package nats

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/consign-dev/consign/sinks"
)

// untyped is the type of a CloudEvent, which must have one, whose result has none.
const untyped = "consign.result"

// body is what a message carries: the data of the result, with its bytes as they came.
func body(d sinks.Delivery) ([]byte, error) {
	if !json.Valid(d.Result.Data) {
		return nil, errors.New("the data is not JSON")
	}
	return d.Result.Data, nil
}

// header holds the delivery id, by which the stream drops duplicates, and the attributes of a
// CloudEvent in binary mode.
func header(d sinks.Delivery) nats.Header {
	h := nats.Header{
		nats.MsgIdHdr:        {d.ID},
		"ce-specversion":     {"1.0"},
		"ce-id":              {escape(d.Result.ID)},
		"ce-source":          {escape(d.Result.Source)},
		"ce-type":            {escape(cmp.Or(d.Result.Type, untyped))},
		"ce-datacontenttype": {"application/json"},
	}
	if !d.Result.Time.IsZero() {
		h["ce-time"] = []string{d.Result.Time.Format(time.RFC3339Nano)}
	}
	if d.Result.Subject != "" {
		h["ce-subject"] = []string{escape(d.Result.Subject)}
	}
	return h
}

// escape percent-escapes what CloudEvents' HTTP binding, section 3.1.3.2, says. NATS would turn line
// breaks into blanks and cut blanks at both ends, and so make one result look like another.
func escape(value string) string {
	var escaped strings.Builder
	for i := range len(value) {
		switch b := value[i]; {
		case b > ' ' && b <= '~' && b != '"' && b != '%':
			escaped.WriteByte(b)
		default:
			fmt.Fprintf(&escaped, "%%%02X", b)
		}
	}
	return escaped.String()
}
