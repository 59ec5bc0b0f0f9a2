package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Source is one named upstream that workers read results from.
type Source struct {
	// Name is the source's key in the file: lower-case letters, digits and dashes, at most 63. Acks that
	// are under way bear it.
	Name string
	// Kind is the name of the kind, such as "nats".
	Kind string
	// Settings are the kind's own settings.
	Settings Settings
}

// Format prints a source as "detections (nats)", whatever the verb: its settings may hold what came from
// variables.
func (s Source) Format(state fmt.State, _ rune) { _, _ = fmt.Fprintf(state, "%s (%s)", s.Name, s.Kind) }

// MarshalJSON encodes a source's name and kind only, for the same reason; see [Config.ShowJSON].
func (s Source) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
	}{s.Name, s.Kind})
}

// sources reads the section of that name.
func (r *reader) sources(n *node) []Source {
	switch n.shape {
	case null:
		return nil
	case mapping:
	case scalar, list:
		r.fail(n, "sources", "expected a mapping of names to sources, such as {detections: {nats: {url: \"nats://localhost\", stream: DETECTIONS}}}")
		return nil
	}
	sources := make([]Source, 0, len(n.entries))
	for _, e := range n.entries {
		sources = append(sources, r.source(e))
	}
	return sources
}

func (r *reader) source(e entry) Source {
	source, path, names := Source{Name: e.key}, join("sources", e.key), kindNames(r.sourceKinds())
	if !regexp.MustCompile(sinkName).MatchString(e.key) {
		r.problem(e.line, e.column, path, fmt.Sprintf("%q is no name for a source: lower-case letters, digits and dashes, a letter or digit first, at most 63", excerpt(e.key)))
	}
	if e.value.shape != mapping || len(e.value.entries) == 0 {
		r.fail(e.value, path, "expected a mapping with a kind of source, one of "+strings.Join(names, ", "))
		return source
	}
	for i, own := range e.value.entries {
		kind, found := kindNamed(r.sourceKinds(), own.key)
		switch {
		case !found:
			r.problem(own.line, own.column, join(path, own.key), unknown("kind", own.key, names))
		case i > 0:
			r.problem(own.line, own.column, join(path, own.key), fmt.Sprintf("a second kind in one source, after %q at line %d: make a source of each", e.value.entries[0].key, e.value.entries[0].line))
		default:
			source.Kind, source.Settings = kind.Name, r.settings(kind, own, join(path, own.key))
		}
	}
	return source
}

// sourceKinds are the kinds of sources.
func (r *reader) sourceKinds() []Kind { return kindsOf(r.kinds, true) }

// sinkKinds are the kinds of sinks.
func (r *reader) sinkKinds() []Kind { return kindsOf(r.kinds, false) }

// kindsOf are the kinds of sources among all, or those of sinks.
func kindsOf(all []Kind, source bool) []Kind {
	var kinds []Kind
	for _, kind := range all {
		if kind.Source == source {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func kindNamed(kinds []Kind, name string) (Kind, bool) {
	for _, kind := range kinds {
		if kind.Name == name {
			return kind, true
		}
	}
	return Kind{}, false
}

func kindNames(kinds []Kind) []string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = kind.Name
	}
	return names
}

func (e encoder) source(source Source) *node {
	result := &node{shape: mapping}
	result.set(source.Kind, e.encode(reflect.ValueOf(source.Settings), join(join("sources", source.Name), source.Kind)))
	return result
}

// source is the schema of one source: exactly one kind.
func (s schema) source(kinds []Kind) map[string]any {
	properties := map[string]any{}
	for _, kind := range kinds {
		settings := s.value(reflect.TypeOf(kind.New()))
		settings["description"] = kind.Summary
		properties[kind.Name] = settings
	}
	return map[string]any{"type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1, "maxProperties": 1}
}
