package config

import (
	"reflect"
	"strings"
)

// field is a setting of a struct.
type field struct {
	name  string
	index []int
}

type fields []field

// fieldsOf lists a struct's settings in their order, those of embedded structs among them.
func fieldsOf(t reflect.Type) fields {
	var result fields
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if f.Type.Kind() == reflect.Struct && (options == "inline" || f.Anonymous && name == "") {
			for _, inner := range fieldsOf(f.Type) {
				result = append(result, field{inner.name, append([]int{i}, inner.index...)})
			}
			continue
		}
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		result = append(result, field{name, []int{i}})
	}
	return result
}

func (f fields) named(name string) (field, bool) {
	for _, one := range f {
		if one.name == name {
			return one, true
		}
	}
	return field{}, false
}

func (f fields) names() []string {
	names := make([]string, len(f))
	for i, one := range f {
		names[i] = one.name
	}
	return names
}
