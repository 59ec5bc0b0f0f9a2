package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// sinks reads the section of that name.
func (r *reader) sinks(n, defaults *node) []Sink {
	switch n.shape {
	case null:
		return nil
	case mapping:
	case scalar, list:
		r.fail(n, "sinks", "expected a mapping of names to sinks, such as {archive: {file: {path: results.ndjson}}}")
		return nil
	}
	sinks := make([]Sink, 0, len(n.entries))
	for _, e := range n.entries {
		sinks = append(sinks, r.sink(e, defaults))
	}
	r.checkAliases(n, sinks)
	return sinks
}

const sinkName = `^[a-z0-9][a-z0-9-]{0,62}$`

func (r *reader) sink(e entry, defaults *node) Sink {
	sink, path := Sink{Name: e.key}, join("sinks", e.key)
	switch {
	case regexp.MustCompile(sinkName).MatchString(e.key):
	case strings.HasPrefix(e.key, "_"):
		r.problem(e.line, e.column, path, "names with an underscore in front are Consign's own: choose another")
	default:
		r.problem(e.line, e.column, path, fmt.Sprintf("%q is no name for a sink: lower-case letters, digits and dashes, a letter or digit first, at most 63", excerpt(e.key)))
	}
	if e.value.shape == scalar || e.value.shape == list {
		r.fail(e.value, path, "expected a mapping with a kind of sink, one of "+strings.Join(r.kindNames(), ", "))
		return sink
	}
	kinds, others := e.value.split(func(key string) bool { _, found := r.kind(key); return found })
	aliases, others := others.split(func(key string) bool { return key == aliasesField })
	if list, found := aliases.get(aliasesField); found {
		r.decode(list.value, reflect.ValueOf(&sink.Aliases).Elem(), join(path, aliasesField))
	}
	delivery, strangers := others.split(isDelivery)
	r.strangers(e, kinds, strangers, path)

	var kind Kind
	for i, own := range kinds.entries {
		if i > 0 {
			r.problem(own.line, own.column, join(path, own.key), fmt.Sprintf("a second kind in one sink, after %q at line %d: make a sink of each", kinds.entries[0].key, kinds.entries[0].line))
		}
		found, _ := r.kind(own.key)
		settings := r.settings(found, own, join(path, own.key))
		if i == 0 {
			kind, sink.Kind, sink.External, sink.Settings = found, found.Name, found.External, settings
		}
	}
	sink.Delivery = r.delivery(e, delivery, defaults, kind)
	return sink
}

// strangers reports keys of a sink that are neither kinds nor delivery settings, and a sink without
// a kind.
func (r *reader) strangers(e entry, kinds, strangers *node, path string) {
	names := append(fieldsOf(reflect.TypeFor[Delivery]()).names(), aliasesField)
	misspelt := false
	for _, s := range strangers.entries {
		guess := nearest(s.key, append(r.kindNames(), names...))
		_, isKind := r.kind(guess)
		// What is near no setting and holds settings of its own must be meant as a kind.
		if len(kinds.entries) == 0 && (isKind || guess == "" && s.value.shape != scalar) {
			misspelt = true
			r.problem(s.line, s.column, join(path, s.key), unknown("kind", s.key, r.kindNames()))
			continue
		}
		r.problem(s.line, s.column, join(path, s.key), unknown("field", s.key, append(names, r.kindNames()...)))
	}
	if len(kinds.entries) == 0 && !misspelt {
		r.problem(e.line, e.column, path, "no kind of sink: add one of "+strings.Join(r.kindNames(), ", "))
	}
}

func isDelivery(key string) bool {
	_, found := fieldsOf(reflect.TypeFor[Delivery]()).named(key)
	return found
}

func (r *reader) kind(name string) (Kind, bool) { return kindNamed(r.sinkKinds(), name) }

func (r *reader) kindNames() []string { return kindNames(r.sinkKinds()) }

// settings reads a kind's own settings.
func (r *reader) settings(kind Kind, e entry, path string) Settings {
	settings := kind.New()
	r.decode(e.value, reflect.ValueOf(settings).Elem(), path)
	settings.SetDefaults()
	before := len(r.problems)
	settings.Validate(func(name, message string) {
		at, _ := e.value.find(name)
		if at.shape != scalar && at == e.value {
			at = &node{line: e.line, column: e.column}
		}
		if full := joinField(path, name); !r.broken(full) {
			r.problem(at.line, at.column, full, r.origins.redactAbout(full, message))
		}
	})
	if noter, ok := settings.(Noter); ok && len(r.problems) == before {
		noter.Notes(func(field, message string) { r.note(field, message, layer{e.value, path}) })
	}
	return settings
}

// joinField adds the name of a field, or of an item of a list, to a path.
func joinField(path, name string) string {
	if name == "" || name[0] == '[' {
		return path + name
	}
	return join(path, name)
}

// delivery merges the settings that every sink has: the sink's own over the file's defaults over
// those of its kind.
func (r *reader) delivery(e entry, own, defaults *node, kind Kind) Delivery {
	delivery, path := defaultDelivery(kind.Network), join("sinks", e.key)
	into := reflect.ValueOf(&delivery).Elem()
	if defaults != nil && defaults.shape == mapping {
		r.decodeStruct(defaults, into, "defaults")
		r.origins.inherit("defaults", path)
	}
	r.decodeStruct(own, into, path)
	r.checkDelivery(&delivery, layer{own, path}, layer{defaults, "defaults"}, layer{e.keyNode(), path})
	if kind.External {
		r.external(&delivery, layer{own, path})
	}
	r.checkInline(&delivery, layer{own, path})
	return delivery
}

// keyNode is where to report what concerns an entry as a whole.
func (e entry) keyNode() *node { return &node{line: e.line, column: e.column} }
