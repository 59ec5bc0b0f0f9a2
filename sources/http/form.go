package http

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/consign-dev/consign/intake"
)

// form is how results stand in a body.
type form int

const (
	// values are envelopes and bare data, one or many, as submit reads them.
	values form = iota
	// event is a CloudEvent in structured mode, events is a batch of such.
	event
	events
	// binary is the data of a CloudEvent whose attributes are headers.
	binary
)

// acceptPost are the media types of bodies that are taken.
const acceptPost = "application/json, application/x-ndjson, application/cloudevents+json, application/cloudevents-batch+json"

// formOf tells the form of a body. A media type is asked for in any case, since a browser sends none of
// these for a page of another origin without asking first.
func formOf(r *http.Request) (form, *problem) {
	given := r.Header.Get("Content-Type")
	mediaType, parameters, err := mime.ParseMediaType(given)
	if err != nil {
		return 0, unsupported(fmt.Sprintf("Content-Type %q is none: send one of %s", given, acceptPost))
	}
	if charset := parameters["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return 0, unsupported(fmt.Sprintf("charset %q is not taken: JSON is UTF-8", charset))
	}
	attributes := r.Header.Get("Ce-Specversion") != ""
	switch mediaType {
	case "application/json":
		if attributes {
			return binary, nil
		}
		return values, nil
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
		return values, nil
	case "application/cloudevents+json":
		return event, nil
	case "application/cloudevents-batch+json":
		return events, nil
	}
	if attributes && strings.HasSuffix(mediaType, "+json") {
		return binary, nil
	}
	return 0, unsupported(fmt.Sprintf("Content-Type %q is not taken: send one of %s", mediaType, acceptPost))
}

func unsupported(detail string) *problem {
	return &problem{slug: "unsupported-media-type", Status: http.StatusUnsupportedMediaType, Detail: detail, header: http.Header{"Accept-Post": {acceptPost}}}
}

// asked is what the query of a request asks for.
type asked struct {
	envelope intake.Envelope
	wait     bool
}

func ask(r *http.Request) (asked, *problem) {
	bad := func(format string, args ...any) (asked, *problem) {
		return asked{}, &problem{slug: "bad-request", Status: http.StatusBadRequest, Detail: fmt.Sprintf(format, args...)}
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return bad("the query cannot be read: %v", err)
	}
	a := asked{envelope: intake.Envelope{Spell: spell}}
	for name, given := range query {
		if len(given) > 1 {
			return bad("%s stands in the query more than once", name)
		}
		switch value := given[0]; name {
		case "source":
			a.envelope.Source = value
		case "type":
			a.envelope.Type = value
		case "id_field":
			a.envelope.IDField = value
		case "bare":
			if value != "true" && value != "false" {
				return bad("bare=%s: true or false", value)
			}
			a.envelope.Bare = value == "true"
		case "wait":
			if value != "stored" && value != "committed" {
				return bad("wait=%s: stored or committed", value)
			}
			a.wait = value == "committed"
		default:
			return bad("unknown parameter %q in the query: source, type, id_field, bare and wait are known", name)
		}
	}
	return a, nil
}

// spell is how options are written in a query.
func spell(option string) string {
	switch option {
	case "source":
		return "?source=NAME"
	case "bare":
		return "?bare=true"
	}
	return "?" + strings.ReplaceAll(option, "-", "_")
}
