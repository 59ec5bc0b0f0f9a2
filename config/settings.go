package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Setting is one setting of a kind of sink, or of every sink.
type Setting struct {
	// Name is where it stands in the file: "tls.ca".
	Name string
	// Form says what its value looks like: "a duration such as 10s".
	Form string
	// Default is its value when the file leaves it out. Empty: there is none.
	Default string
	// Key names the Go field that holds it: "webhook.Config.URL".
	Key string
}

// SettingsOf lists what can be set for a kind, in the order of its struct.
func SettingsOf(kind Kind) []Setting {
	zero := kind.New()
	zero.SetDefaults()
	return settingsOf(reflect.ValueOf(zero).Elem(), "")
}

// SettingsOfEvery lists what can be set for every sink, with the defaults of kinds that cross a network, or of
// those that do not.
func SettingsOfEvery(network bool) []Setting {
	return settingsOf(reflect.ValueOf(defaultDelivery(network)), "")
}

// SettingsOfFile lists what can be set beside sinks and sources.
func SettingsOfFile() []Setting {
	return slices.DeleteFunc(settingsOf(reflect.ValueOf(Config{Unmatched: UnmatchedAck, Acks: defaultAcks(), HTTP: defaultHTTP()}), ""), func(s Setting) bool {
		return s.Name == "sinks" || s.Name == "sources" || strings.HasPrefix(s.Name, "defaults.")
	})
}

func settingsOf(v reflect.Value, path string) []Setting {
	var settings []Setting
	for _, f := range fieldsOf(v.Type()) {
		value, structField := v.FieldByIndex(f.index), v.Type().FieldByIndex(f.index)
		for value.Kind() == reflect.Pointer {
			if value.IsNil() {
				value = reflect.New(value.Type().Elem())
			}
			value = value.Elem()
		}
		name := join(path, f.name)
		if value.Kind() == reflect.Struct && value.Type() != secretType {
			settings = append(settings, settingsOf(value, name)...)
			continue
		}
		settings = append(settings, Setting{
			Name: name, Form: form(value.Type()), Default: shownDefault(value),
			Key: keyOf(owner(v.Type(), f.index), structField.Name),
		})
	}
	return settings
}

func form(t reflect.Type) string {
	if names, ok := reflect.TypeAssert[choice](reflect.Zero(t)); ok {
		return "one of " + strings.Join(names.Values(), ", ")
	}
	return describe(t)
}

func shownDefault(v reflect.Value) string {
	switch {
	case v.Type() == secretType || v.IsZero() && v.Kind() != reflect.Bool && v.Kind() != reflect.Int:
		return ""
	case v.Type() == durationType:
		return formatDuration(time.Duration(v.Int()))
	}
	return fmt.Sprint(v.Interface())
}
