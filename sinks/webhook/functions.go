package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"text/template"
	"unicode/utf8"
)

// functions are those that templates have beside the ones of text/template.
func functions() template.FuncMap {
	return template.FuncMap{
		"json":     toJSON,
		"raw":      plainText,
		"path":     toPath,
		"urlquery": toQuery, // text/template's own writes Go's syntax for what is no text
		"get":      get,
		"choose":   choose,
		"truncate": truncate,
		"lower":    func(v any) (string, error) { return mapText(v, strings.ToLower) },
		"upper":    func(v any) (string, error) { return mapText(v, strings.ToUpper) },
		"mrkdwn":   func(v any) (string, error) { return mapText(v, mrkdwn) },
		"join":     join,
		"number":   number,

		// What a pipeline is given at its end: see walker.
		"_json":  insideJSON,
		"_url":   toPath,
		"_query": toQuery,
		"_plain": plainText,
	}
}

// toJSON writes any value as JSON. The raw JSON of a result keeps its bytes.
func toJSON(value any) (string, error) {
	if raw, ok := value.(json.RawMessage); ok {
		return string(raw), nil
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", errors.New("this value cannot be written as JSON")
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// plainText is a value as text: a string as it is, null as "null", and what has parts as JSON.
func plainText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	return toJSON(value)
}

func mapText(value any, change func(string) string) (string, error) {
	plain, err := plainText(value)
	return change(plain), err
}

// insideJSON escapes a value for a place between quotes. Numbers, true, false and null need none, so that
// they may stand outside of them too.
func insideJSON(value any) (string, error) {
	plain, err := plainText(value)
	if err != nil {
		return "", err
	}
	quoted, err := toJSON(plain)
	return strings.TrimSuffix(strings.TrimPrefix(quoted, `"`), `"`), err
}

// toPath escapes a value for one segment of a path.
func toPath(value any) (string, error) {
	plain, err := plainText(value)
	switch {
	case err != nil:
		return "", err
	case value == nil:
		return "", errors.New("it is null")
	case plain == "." || plain == "..":
		return "", errors.New("it is a dot or two, which would lead to another path")
	}
	return url.PathEscape(plain), nil
}

// toQuery escapes a value for a parameter of a query or form.
func toQuery(value any) (string, error) { return mapText(value, url.QueryEscape) }

// get follows keys into a value, and numbers into a list. It is null where they lead nowhere.
func get(value any, keys ...any) any {
	for _, key := range keys {
		switch v := value.(type) {
		case map[string]any:
			value = v[fmt.Sprint(key)]
		case []any:
			i, err := strconv.Atoi(fmt.Sprint(key))
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// choose returns what stands after the case that value is, in upper or lower case; the last of an odd
// number is for all others.
func choose(value any, cases ...any) (any, error) {
	plain, err := plainText(value)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(cases); i += 2 {
		if one, err := plainText(cases[i]); err == nil && strings.EqualFold(one, plain) {
			return cases[i+1], nil
		}
	}
	if len(cases)%2 == 1 {
		return cases[len(cases)-1], nil
	}
	return nil, errors.New("the value is none of the cases, and none stands for all others at the end")
}

// truncate cuts a text to that many characters, the last of which is then "…".
func truncate(limit int, value any) (string, error) {
	plain, err := plainText(value)
	if err != nil || limit < 1 || utf8.RuneCountInString(plain) <= limit {
		return plain, err
	}
	runes := []rune(plain)
	return string(runes[:limit-1]) + "…", nil
}

// mrkdwn escapes what Slack takes for markup: mentions, channels and links.
func mrkdwn(plain string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(plain)
}

// join puts a text between the items of a list. Null is an empty list.
func join(separator string, value any) (string, error) {
	items, ok := value.([]any)
	if !ok && value != nil {
		return "", errors.New("it is not a list")
	}
	texts := make([]string, len(items))
	for i, item := range items {
		var err error
		if texts[i], err = plainText(item); err != nil {
			return "", err
		}
	}
	return strings.Join(texts, separator), nil
}

// number makes a number, or a text that holds one, comparable with others: {{ if gt (number .data.score) 7.0 }}.
func number(value any) (float64, error) {
	plain, err := plainText(value)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseFloat(plain, 64)
	if err != nil {
		return 0, errors.New("it is not a number")
	}
	return n, nil
}
