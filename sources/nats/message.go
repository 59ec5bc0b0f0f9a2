package nats

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/intake"
)

// untyped is the type under which the sink nats publishes a result that has none.
const untyped = "consign.result"

// result makes a result of a message. Its id is the same whenever the message comes again.
func (s *Settings) result(message jetstream.Msg, at place) (consign.Result, error) {
	event, binary, err := attributes(message.Headers())
	if err != nil {
		return consign.Result{}, fmt.Errorf("%w: %w", consign.ErrInvalid, err)
	}
	envelope := intake.Envelope{
		Bare:   binary,
		Source: cmp.Or(event.Source, s.Source), Type: cmp.Or(event.Type, s.Type),
		Spell: func(option string) string {
			if option == "bare" {
				return "a header ce-specversion"
			}
			return strings.ReplaceAll(option, "-", "_")
		},
	}
	if event.ID == "" {
		envelope.IDField = s.IDField
	}
	r, err := envelope.Read(bytes.TrimSpace(message.Data()))
	if err != nil {
		return r, err
	}
	if binary {
		r.ID, r.Subject, r.Time = cmp.Or(event.ID, r.ID), event.Subject, event.Time
	}
	// The nearest wins: of the message that brought it, then of the event.
	r.TraceContext = cmp.Or(traceContext(message.Headers()), event.TraceContext, r.TraceContext)
	if r.Type == untyped {
		r.Type = s.Type
	}
	if r.ID == "" {
		r.ID = cmp.Or(strings.Clone(message.Headers().Get(natsgo.MsgIdHdr)), fmt.Sprintf("%s-%s", s.Stream, at))
	}
	return r, nil
}

// attributes are those of a CloudEvent in binary mode, if the headers are of one: section 3.1 of its NATS
// binding, with the escapes of section 3.1.3.2 of the one to HTTP.
func attributes(headers natsgo.Header) (event consign.Result, binary bool, err error) {
	for _, spelled := range slices.Sorted(maps.Keys(headers)) { // in any case: the same one wins whenever it comes
		values := headers[spelled]
		name, is := strings.CutPrefix(strings.ToLower(spelled), "ce-")
		if !is || len(values) == 0 {
			continue
		}
		value, err := url.PathUnescape(values[0])
		if err != nil {
			return event, true, fmt.Errorf("the header ce-%s is no percent-encoded text: %w", name, err)
		}
		value = strings.Clone(value) // of one text that all headers are, which would be kept while the message is open
		switch name {
		case "specversion":
			binary = true
		case "id":
			binary, event.ID = true, value
		case "source":
			event.Source = value
		case "type":
			event.Type = value
		case "subject":
			event.Subject = value
		case "traceparent":
			event.Traceparent = value
		case "tracestate":
			event.Tracestate = value
		case "time":
			if event.Time, err = time.Parse(time.RFC3339Nano, value); err != nil {
				return event, true, fmt.Errorf("the header ce-time %q is not RFC 3339, such as 2026-01-31T12:00:00Z", value)
			}
		}
	}
	if !binary {
		event = consign.Result{} // stray headers
	}
	return event, binary, nil
}

// traceContext is that of a message's headers, as their specification spells them or as Go's net/http does.
func traceContext(headers natsgo.Header) consign.TraceContext {
	header := func(spellings ...string) string {
		for _, spelled := range spellings {
			if value := headers[spelled]; len(value) > 0 {
				return strings.Clone(value[0])
			}
		}
		return ""
	}
	found := consign.TraceContext{Traceparent: header("traceparent", "Traceparent")}
	if found.Traceparent != "" {
		found.Tracestate = header("tracestate", "Tracestate")
	}
	return found
}

// place of a message in its stream. The time tells messages of a stream apart from those of one that had
// its name before.
type place struct {
	sequence uint64
	at       int64 // nanoseconds since 1970
}

// placeOf returns it, and whether the message has come before.
func placeOf(message jetstream.Msg) (at place, again bool, err error) {
	is, err := message.Metadata()
	if err != nil {
		return place{}, false, err
	}
	return place{is.Sequence.Stream, is.Timestamp.UnixNano()}, is.NumDelivered > 1, nil
}

// String is "42-1764113914123456789".
func (p place) String() string { return fmt.Sprintf("%d-%d", p.sequence, p.at) }
