package config

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	secretType   = reflect.TypeFor[Secret]()
)

// decode writes a value of the file into a Go value, strictly. What the file leaves out stays as it
// is, so that decoding several nodes into one value, the weakest first, merges them.
func (r *reader) decode(n *node, into reflect.Value, path string) {
	if into.Kind() == reflect.Pointer {
		fresh := reflect.New(into.Type().Elem())
		if !into.IsNil() {
			fresh.Elem().Set(into.Elem())
		}
		r.decode(n, fresh.Elem(), path)
		into.Set(fresh)
		return
	}
	if into.Type() == secretType {
		r.decodeSecret(n, into, path)
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		r.decodeStruct(n, into, path)
	case reflect.Map:
		r.decodeMap(n, into, path)
	case reflect.Slice:
		r.decodeList(n, into, path)
	default:
		r.decodeScalar(n, into, path)
	}
}

func (r *reader) decodeStruct(n *node, into reflect.Value, path string) {
	if n.shape == null {
		return
	}
	if n.shape != mapping {
		r.expected(n, into.Type(), path)
		return
	}
	fields := fieldsOf(into.Type())
	for _, e := range n.entries {
		below := join(path, e.key)
		f, known := fields.named(e.key)
		if !known {
			r.problem(e.line, e.column, below, unknown("field", e.key, fields.names()))
			continue
		}
		r.decode(e.value, into.FieldByIndex(f.index), below)
	}
}

// unknown says that a name is not among the ones that are allowed.
func unknown(what, name string, allowed []string) string {
	list := strings.Join(allowed, ", ")
	if list == "" {
		list = "nothing"
	}
	return fmt.Sprintf("unknown %s %q%s; allowed: %s", what, excerpt(name), didYouMean(name, allowed), list)
}

func (r *reader) decodeMap(n *node, into reflect.Value, path string) {
	if n.shape == null {
		return
	}
	if n.shape != mapping || into.Type().Key().Kind() != reflect.String {
		r.expected(n, into.Type(), path)
		return
	}
	result := reflect.MakeMap(into.Type())
	for _, e := range n.entries {
		value := reflect.New(into.Type().Elem()).Elem()
		r.decode(e.value, value, join(path, e.key))
		result.SetMapIndex(reflect.ValueOf(e.key).Convert(into.Type().Key()), value)
	}
	into.Set(result)
}

func (r *reader) decodeList(n *node, into reflect.Value, path string) {
	if n.shape == null {
		return
	}
	if n.shape != list {
		r.expected(n, into.Type(), path)
		return
	}
	result := reflect.MakeSlice(into.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		r.decode(item, result.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	into.Set(result)
}

func (r *reader) decodeScalar(n *node, into reflect.Value, path string) {
	if n.shape != scalar {
		r.expected(n, into.Type(), path)
		return
	}
	text, variables, ok := r.expand(n, path)
	if !ok {
		return
	}
	if !setScalar(into, text, n.quoted && len(variables) == 0) {
		r.expected(n, into.Type(), path)
	}
}

// setScalar reads a text into a Go value of a simple type, which stays as it is if it cannot be
// read. A quoted text is no number and no truth value; a number may well be meant as a text.
func setScalar(into reflect.Value, text string, quoted bool) bool {
	fresh := reflect.New(into.Type()).Elem()
	ok := true
	switch {
	case into.Type() == durationType:
		var d time.Duration
		d, ok = parseDuration(text)
		fresh.SetInt(int64(d))
	case into.Kind() == reflect.String:
		fresh.SetString(text)
	case quoted:
		return false
	default:
		ok = setPlain(fresh, text)
	}
	if ok {
		into.Set(fresh)
	}
	return ok
}

func setPlain(into reflect.Value, text string) bool {
	switch into.Kind() {
	case reflect.Bool:
		into.SetBool(text == "true")
		return text == "true" || text == "false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		number, err := strconv.ParseInt(text, 10, into.Type().Bits())
		into.SetInt(number)
		return err == nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		number, err := strconv.ParseUint(text, 10, into.Type().Bits())
		into.SetUint(number)
		return err == nil
	case reflect.Float32, reflect.Float64:
		number, err := strconv.ParseFloat(text, into.Type().Bits())
		into.SetFloat(number)
		return err == nil && !math.IsInf(number, 0) && !math.IsNaN(number)
	default:
		return false
	}
}

// expand replaces the variables in a scalar, and remembers that its value must not be shown.
func (r *reader) expand(n *node, path string) (text string, used []variable, ok bool) {
	text, used, wrong := expand(n.text, r.env)
	for _, message := range wrong {
		r.fail(n, path, message)
	}
	delete(r.origins.byPath, path)
	if len(used) > 0 {
		r.origins.byPath[path] = origin{text: n.text, value: text}
	} else {
		r.origins.literals[path] = text
	}
	for _, v := range used {
		r.origins.variables[v.name] = v.value
	}
	return text, used, len(wrong) == 0
}

// expected reports a value of another type than the one that is asked for.
func (r *reader) expected(n *node, t reflect.Type, path string) {
	var found string
	switch n.shape {
	case scalar:
		found = fmt.Sprintf("%q", excerpt(n.text))
		if path != "" && (t.Kind() == reflect.Struct || t.Kind() == reflect.Map) {
			found = "a text" // which may be a URL, or the value of a header: what belongs further down
		}
	case mapping:
		found = "a mapping"
	case list:
		found = "a list"
	case null:
		r.fail(n, path, fmt.Sprintf("nothing is set: write %s, or remove the line", describe(t)))
		return
	}
	message := fmt.Sprintf("%s is not %s", found, describe(t))
	if n.quoted && t != durationType && setScalar(reflect.New(t).Elem(), n.text, false) {
		message += ": remove the quotes"
	}
	r.fail(n, path, message)
}

// describe says what a setting of a type looks like.
func describe(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration such as 10s, 1m30s or 2d"
	case t == secretType:
		return `a secret such as "${NAME}" or {file: /run/secrets/name}`
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number such as 5"
	case reflect.Float32, reflect.Float64:
		return "a number such as 0.5"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list such as [a, b]"
	case reflect.Map:
		return "a mapping such as {name: value}"
	case reflect.Struct:
		return "a mapping with any of " + strings.Join(fieldsOf(t).names(), ", ")
	default:
		return "supported here (" + t.String() + ")"
	}
}
