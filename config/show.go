package config

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Show writes the effective configuration as YAML, with all defaults filled in. No secret is in it,
// nor anything that came through a variable: that is shown as it stands in the file. The text can be
// read again where the variables are set, except for what the file holds in clear text as a secret.
func (c Config) Show(w io.Writer) error {
	if c.hasLiteralSecret() {
		if _, err := fmt.Fprintf(w, "# %s stands for a secret that is written in the file itself: put it back before using this text.\n", mask); err != nil {
			return err
		}
	}
	return c.tree().writeYAML(w)
}

// ShowJSON writes what [Config.Show] writes, as one JSON object.
func (c Config) ShowJSON(w io.Writer) error { return c.tree().writeJSON(w) }

// Format prints the configuration as [Config.Show] does, whatever the verb: its strings may have come
// from variables.
func (c Config) Format(state fmt.State, _ rune) { _ = c.Show(state) }

// MarshalJSON encodes the configuration as [Config.ShowJSON] does.
func (c Config) MarshalJSON() ([]byte, error) { return c.tree().json(), nil }

// Format prints a sink as "slack (webhook)", whatever the verb: its settings may hold what came from
// variables.
func (s Sink) Format(state fmt.State, _ rune) { _, _ = fmt.Fprintf(state, "%s (%s)", s.Name, s.Kind) }

// MarshalJSON encodes a sink's names and kind only, for the same reason; see [Config.ShowJSON].
func (s Sink) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name    string   `json:"name"`
		Aliases []string `json:"aliases,omitempty"`
		Kind    string   `json:"kind"`
	}{s.Name, s.Aliases, s.Kind})
}

func (c Config) hasLiteralSecret() bool {
	if c.origins != nil {
		for _, origin := range c.origins.byPath {
			if origin.text == mask {
				return true
			}
		}
	}
	return false
}

// tree is the configuration as the file would have it with everything filled in. The section
// "defaults" is left out, as each sink has it in it.
func (c Config) tree() *node {
	e := encoder{origins: c.origins}
	if e.origins == nil {
		e.origins = newOrigins()
	}
	root, sinks := &node{shape: mapping}, &node{shape: mapping}
	for _, sink := range c.Sinks {
		sinks.set(sink.Name, e.sink(sink))
	}
	root.set("sinks", sinks)
	if len(c.Sources) > 0 {
		sources := &node{shape: mapping}
		for _, source := range c.Sources {
			sources.set(source.Name, e.source(source))
		}
		root.set("sources", sources)
	}
	root.set("unmatched", e.encode(reflect.ValueOf(c.Unmatched), "unmatched"))
	root.set("dead_letters", e.encode(reflect.ValueOf(c.DeadLetters), "dead_letters"))
	root.set("acks", e.encode(reflect.ValueOf(c.Acks), "acks"))
	root.set("http", e.encode(reflect.ValueOf(c.HTTP), "http"))
	return root
}

// encoder turns Go values into nodes, the reverse of [reader.decode].
type encoder struct {
	*origins

	reveal bool // also secrets, for what nobody is shown
}

func (e encoder) sink(sink Sink) *node {
	path, result := join("sinks", sink.Name), &node{shape: mapping}
	if sink.Settings != nil {
		result.set(sink.Kind, e.encode(reflect.ValueOf(sink.Settings), join(path, sink.Kind)))
	}
	if len(sink.Aliases) > 0 {
		result.set(aliasesField, e.encode(reflect.ValueOf(sink.Aliases), join(path, aliasesField)))
	}
	delivery := sink.Delivery
	if delivery.BatchFlush == defaultDelivery(false).BatchFlush {
		delivery.BatchFlush = 0 // without effect, and reading it again would give a note
	}
	shared := e.encode(reflect.ValueOf(delivery), path)
	for _, one := range shared.entries {
		if one.key != "batch_flush" || delivery.BatchFlush != 0 {
			result.entries = append(result.entries, one)
		}
	}
	return result
}

// set adds a key to a mapping, unless there is nothing to show.
func (n *node) set(key string, value *node) {
	if value != nil && value.shape != null {
		n.entries = append(n.entries, entry{key: key, value: value})
	}
}

func (e encoder) encode(v reflect.Value, path string) *node {
	if origin, found := e.byPath[path]; found {
		text := &node{shape: scalar, text: origin.text, quoted: true}
		if origin.file {
			return &node{shape: mapping, entries: []entry{{key: "file", value: text}}}
		}
		return text
	}
	if secret, ok := reflect.TypeAssert[Secret](v); ok {
		if e.reveal {
			return &node{shape: scalar, text: secret.File() + ":" + secret.Reveal(), quoted: true}
		}
		return &node{shape: scalar, text: secret.String(), quoted: true}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return &node{}
		}
		return e.encode(v.Elem(), path)
	case reflect.Struct:
		return e.encodeStruct(v, path)
	case reflect.Map:
		return e.encodeMap(v, path)
	case reflect.Slice, reflect.Array:
		result := &node{shape: list}
		for i := range v.Len() {
			result.items = append(result.items, e.encode(v.Index(i), path+"["+strconv.Itoa(i)+"]"))
		}
		return result
	case reflect.String:
		return e.text(v.String(), path)
	default:
		return &node{shape: scalar, text: plain(v)}
	}
}

// text of a string that came through no variable. What is not in the file was derived by the kind,
// and so may hold a part of something that must not be shown.
func (e encoder) text(text, path string) *node {
	shown := text
	if written, found := e.literals[path]; !found || written != text {
		shown = e.redact(text)
	}
	if shown == text {
		shown = literal(text)
	}
	return &node{shape: scalar, text: shown, quoted: true}
}

func plain(v reflect.Value) string {
	if v.Type() == durationType {
		return formatDuration(time.Duration(v.Int()))
	}
	return fmt.Sprint(v.Interface())
}

func (e encoder) encodeStruct(v reflect.Value, path string) *node {
	result := &node{shape: mapping}
	retry, _ := reflect.TypeAssert[Retry](v)
	for _, f := range fieldsOf(v.Type()) {
		if retry.scheduled(f.name) {
			continue
		}
		value := v.FieldByIndex(f.index)
		below := join(path, f.name)
		// What is empty says no more than its absence does. Numbers and truth values say it better.
		switch value.Kind() {
		case reflect.String, reflect.Slice, reflect.Map, reflect.Struct:
			if _, found := e.byPath[below]; !found && isEmpty(value) {
				continue
			}
		default:
		}
		result.set(f.name, e.encode(value, below))
	}
	return result
}

func isEmpty(v reflect.Value) bool {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}

func (e encoder) encodeMap(v reflect.Value, path string) *node {
	result := &node{shape: mapping}
	for _, key := range sortedKeys(v) {
		result.set(key.String(), e.encode(v.MapIndex(key), join(path, key.String())))
	}
	return result
}

func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}
