package nats

import (
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
)

// message returns what to publish for a delivery.
func (c *Config) message(d sinks.Delivery) (*nats.Msg, error) {
	body, err := c.Format.Body(d)
	if err != nil {
		return nil, sinks.Permanent(fmt.Errorf("encode result %s/%s: %w", d.Result.Source, d.Result.ID, err))
	}
	return &nats.Msg{Subject: c.subjectOf(d), Header: header(d, c.Format), Data: body}, nil
}

// header holds the delivery id, by which the stream drops duplicates. Beside a body that is the data
// alone stand the attributes of a CloudEvent in binary mode, by section 3.1 of its NATS binding; a body
// that is a whole document has them in itself, and its media type beside it.
func header(d sinks.Delivery, format formats.Format) nats.Header {
	h := nats.Header{nats.MsgIdHdr: {d.ID}}
	for name, value := range d.TraceContext.Headers() {
		h[name] = []string{value}
	}
	if format != "" {
		h["Content-Type"] = []string{format.ContentType()}
		return h
	}
	h["ce-datacontenttype"] = []string{format.ContentType()}
	for name, value := range formats.Attributes(d) {
		h["ce-"+name] = []string{escape(value)}
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
