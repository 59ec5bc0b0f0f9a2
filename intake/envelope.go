package intake

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/consign-dev/consign"
)

// maxPath is how many names a path may have. Each has the data decoded once more, so a path as long as data may
// nest would take minutes.
const maxPath = 16

// Envelope says how a result is made of a value.
type Envelope struct {
	// Bare has every value taken as data.
	Bare bool
	// EventsOnly has every value that is no CloudEvent refused.
	EventsOnly bool
	// Source and Type stand in for those that a value does not bring.
	Source, Type string
	// IDField is the dotted path of the id inside the data. Empty: none is looked for.
	IDField string
	// Spell is how an option is written by those who read the errors, by its name as a flag: "source", "bare" or
	// "id-field". Default: with two dashes before it.
	Spell func(option string) string
}

// Read makes a result of a value. Its data are bytes of the value, never decoded.
//
// An envelope is an object with "data" and with "source" or "id", or a CloudEvent, which is told by
// its "specversion". All else is bare data. An object that has an envelope's fields and others
// beside them may be either, so it is refused: taken for an envelope it would lose the others.
func (e Envelope) Read(value json.RawMessage) (consign.Result, error) {
	r := consign.Result{Data: value}
	if fields, err := e.fields(value); err != nil {
		return r, err
	} else if fields != nil {
		if r, err = open(fields); err != nil {
			return r, err
		}
	}
	return e.Fill(r)
}

// Fill gives a result what it lacks: source, type, and the id that stands in its data.
func (e Envelope) Fill(r consign.Result) (consign.Result, error) {
	if r.Source == "" {
		r.Source = e.Source
	}
	if r.Source == "" {
		return r, fmt.Errorf("%w: no source: give %s, or submit an envelope {\"source\":…,\"id\":…,\"data\":…}", consign.ErrInvalid, e.spell("source"))
	}
	if r.Source == consign.ReportSource {
		return r, fmt.Errorf("%w: the source %q is that of Consign's reports about itself: name another", consign.ErrInvalid, r.Source)
	}
	if r.Type == "" {
		r.Type = e.Type
	}
	if r.ID == "" && e.IDField != "" {
		id, err := idAt(r.Data, e.IDField)
		if err != nil {
			return r, fmt.Errorf("%w: %s %s: %w", consign.ErrInvalid, e.spell("id-field"), e.IDField, err)
		}
		r.ID = id
	}
	return r, nil
}

func (e Envelope) spell(option string) string {
	switch {
	case e.Spell != nil:
		return e.Spell(option)
	case option == "source":
		return "--source NAME"
	}
	return "--" + option
}

// fields of an envelope; nil if the value is bare data.
func (e Envelope) fields(value json.RawMessage) (map[string]json.RawMessage, error) {
	switch {
	case e.Bare:
		return nil, nil
	case len(value) == 0 || value[0] != '{':
		if e.EventsOnly {
			return nil, fmt.Errorf("%w: %s is no CloudEvent", consign.ErrInvalid, shape(value))
		}
		return nil, nil
	}
	// A map, as a struct would match names in any case.
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(value, &fields); err != nil {
		return nil, fmt.Errorf("%w: not JSON: %w", consign.ErrInvalid, err)
	}
	_, data := fields["data"]
	if _, cloudEvent := fields["specversion"]; cloudEvent {
		if !data {
			return nil, fmt.Errorf("%w: a CloudEvent without data in JSON: %s submits the whole of it", consign.ErrInvalid, e.spell("bare"))
		}
		return fields, nil
	}
	if e.EventsOnly {
		return nil, fmt.Errorf("%w: no CloudEvent, as it has no specversion", consign.ErrInvalid)
	}
	_, source := fields["source"]
	_, id := fields["id"]
	if !data || !source && !id {
		return nil, nil
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !attribute(name) {
			return nil, fmt.Errorf("%w: an envelope has no field %q: %s submits the whole object as data, \"specversion\":\"1.0\" in it has other fields left out", consign.ErrInvalid, name, e.spell("bare"))
		}
	}
	return fields, nil
}

func attribute(name string) bool {
	switch name {
	case "source", "id", "type", "time", "subject", "data", "datacontenttype", "dataschema", "traceparent", "tracestate":
		return true
	}
	return false
}

func open(fields map[string]json.RawMessage) (consign.Result, error) {
	r := consign.Result{Data: fields["data"]}
	for name, to := range map[string]*string{"source": &r.Source, "type": &r.Type, "subject": &r.Subject} {
		if err := text(fields[name], to); err != nil {
			return r, fmt.Errorf("%w: %s %w", consign.ErrInvalid, name, err)
		}
	}
	var err error
	if raw := fields["id"]; raw != nil && shape(raw) != "null" {
		if r.ID, err = identifier(raw); err != nil {
			return r, fmt.Errorf("%w: id %w", consign.ErrInvalid, err)
		}
	}
	// One that is no text is none: a trace never stands in the way of a result.
	_ = text(fields["traceparent"], &r.Traceparent)
	_ = text(fields["tracestate"], &r.Tracestate)
	var stamp string
	if err := text(fields["time"], &stamp); err != nil {
		return r, fmt.Errorf("%w: time %w such as \"2026-01-31T12:00:00Z\"", consign.ErrInvalid, err)
	}
	if stamp != "" {
		if r.Time, err = time.Parse(time.RFC3339Nano, stamp); err != nil {
			return r, fmt.Errorf("%w: time %q is not RFC 3339, such as \"2026-01-31T12:00:00Z\"", consign.ErrInvalid, stamp)
		}
	}
	return r, nil
}

// idAt finds the id at a dotted path inside data. A name that has dots itself is found too.
func idAt(data json.RawMessage, path string) (string, error) {
	if n := strings.Count(path, ".") + 1; n > maxPath {
		return "", fmt.Errorf("the path has %d names, at most %d are followed", n, maxPath)
	}
	raw, ok := lookup(data, path)
	if !ok {
		return "", fmt.Errorf("the data has no such field")
	}
	id, err := identifier(raw)
	if err != nil {
		return "", fmt.Errorf("the field %w", err)
	}
	return id, nil
}

func lookup(data json.RawMessage, path string) (json.RawMessage, bool) {
	switch shape(data) {
	case "an object":
		var fields map[string]json.RawMessage
		if json.Unmarshal(data, &fields) != nil {
			return nil, false
		}
		if raw, ok := fields[path]; ok {
			return raw, true
		}
		name, rest, nested := strings.Cut(path, ".")
		if raw, ok := fields[name]; ok && nested {
			return lookup(raw, rest)
		}
	case "an array":
		var elements []json.RawMessage
		name, rest, nested := strings.Cut(path, ".")
		index, err := strconv.Atoi(name)
		if json.Unmarshal(data, &elements) != nil || err != nil || index < 0 || index >= len(elements) {
			return nil, false
		}
		if nested {
			return lookup(elements[index], rest)
		}
		return elements[index], true
	}
	return nil, false
}

// identifier reads an id: a string, or a number as it is spelled.
func identifier(raw json.RawMessage) (string, error) {
	switch s := shape(raw); s {
	case "a string":
		var id string
		if err := text(raw, &id); err != nil {
			return "", err
		}
		if id == "" {
			return "", fmt.Errorf("is empty")
		}
		return id, nil
	case "a number":
		return string(raw), nil
	default:
		return "", fmt.Errorf("is %s, not a string or a number", s)
	}
}

// shape names what a JSON value is.
func shape(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "missing"
	}
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}
