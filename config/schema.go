package config

import (
	"maps"
	"reflect"
)

// SchemaURL is the dialect of [Schema].
const SchemaURL = "https://json-schema.org/draft/2020-12/schema"

// Schema describes the configuration file as a JSON Schema, for editors. It knows every name and the
// shape of every value; what only a look at the values together can tell is left to [Load]. docs
// holds what is said of a setting under its [Setting.Key]; nil says nothing.
func Schema(kinds []Kind, docs map[string]string) map[string]any {
	s := schema(docs)
	top := s.object(reflect.TypeFor[Config](), map[string]any{
		"sinks": map[string]any{
			"type":                 []string{"object", "null"},
			"description":          docs[keyOf(reflect.TypeFor[Config](), "Sinks")],
			"propertyNames":        map[string]any{"pattern": sinkName},
			"additionalProperties": s.sink(kindsOf(kinds, false)),
		},
		"sources": map[string]any{
			"type":                 []string{"object", "null"},
			"description":          docs[keyOf(reflect.TypeFor[Config](), "Sources")],
			"propertyNames":        map[string]any{"pattern": sinkName},
			"additionalProperties": s.source(kindsOf(kinds, true)),
		},
	})
	top["$schema"], top["title"] = SchemaURL, "Configuration of Consign"
	return top
}

// schema makes schemas, with what is said of settings by their keys.
type schema map[string]string

// sink is the schema of one sink: the settings that every sink has, and exactly one kind.
func (s schema) sink(kinds []Kind) map[string]any {
	own := map[string]any{aliasesField: s.described(reflect.TypeFor[Sink](), "Aliases", reflect.TypeFor[[]string]())}
	var one []any
	for _, kind := range kinds {
		settings := s.value(reflect.TypeOf(kind.New()))
		settings["description"] = kind.Summary
		own[kind.Name] = settings
		one = append(one, map[string]any{"required": []string{kind.Name}})
	}
	sink := s.object(reflect.TypeFor[Delivery](), own)
	sink["type"], sink["oneOf"] = "object", one
	return sink
}

// object is the schema of a struct. The more are added to its settings, or stand in their place.
func (s schema) object(t reflect.Type, more map[string]any) map[string]any {
	properties := map[string]any{}
	for _, f := range fieldsOf(t) {
		structField := t.FieldByIndex(f.index)
		properties[f.name] = s.described(owner(t, f.index), structField.Name, structField.Type)
	}
	maps.Copy(properties, more)
	return map[string]any{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
}

func (s schema) described(of reflect.Type, name string, t reflect.Type) map[string]any {
	value := s.value(t)
	if text := s[keyOf(of, name)]; text != "" {
		value["description"] = text
	}
	return value
}

// variable is a text with a variable in it, which may become a value of any type.
func variableSchema() map[string]any { return map[string]any{"type": "string", "pattern": `\$\{`} }

// durationPattern is what [parseDuration] reads.
const durationPattern = `^(([0-9]+d)?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[0-9]+d|0)$`

func (s schema) value(t reflect.Type) map[string]any {
	anyText := []string{"string", "number", "boolean"}
	switch t {
	case durationType:
		return map[string]any{"anyOf": []any{map[string]any{"type": "string", "pattern": durationPattern}, map[string]any{"const": 0}, variableSchema()}}
	case secretType:
		file := map[string]any{
			"type": "object", "properties": map[string]any{"file": map[string]any{"type": anyText}},
			"required": []string{"file"}, "additionalProperties": false,
		}
		return map[string]any{"anyOf": []any{map[string]any{"type": anyText}, file}}
	}
	if names, ok := reflect.TypeAssert[choice](reflect.Zero(t)); ok {
		return map[string]any{"anyOf": []any{map[string]any{"enum": names.Values()}, variableSchema()}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.value(t.Elem())
	case reflect.Struct:
		return s.object(t, nil)
	case reflect.Map:
		return map[string]any{"type": []string{"object", "null"}, "additionalProperties": s.value(t.Elem())}
	case reflect.Slice:
		return map[string]any{"type": []string{"array", "null"}, "items": s.value(t.Elem())}
	case reflect.String:
		return map[string]any{"type": anyText}
	case reflect.Bool:
		return map[string]any{"anyOf": []any{map[string]any{"type": "boolean"}, variableSchema()}}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"anyOf": []any{map[string]any{"type": "number"}, variableSchema()}}
	default:
		return map[string]any{"anyOf": []any{map[string]any{"type": "integer"}, variableSchema()}}
	}
}

// choice is a text of which only some values are allowed.
type choice interface{ Values() []string }

// owner is the struct that holds a field, which may be one that t embeds.
func owner(t reflect.Type, index []int) reflect.Type {
	if len(index) > 1 {
		return t.FieldByIndex(index[:len(index)-1]).Type
	}
	return t
}

// keyOf names a field of a struct: "webhook.Config.URL".
func keyOf(t reflect.Type, field string) string { return t.String() + "." + field }
