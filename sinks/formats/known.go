package formats

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// known finds fields in data whose shape nobody promises: a field that is missing, or of another type,
// is just not found.
type known map[string]json.RawMessage

// open returns the fields of data, and none if it is no object. Of a key that is there twice the last
// one counts, as for most readers.
func open(data []byte) known {
	var fields known
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return nil
	}
	if json.Unmarshal(data, &fields) != nil {
		return nil
	}
	return fields
}

// in returns the fields of an object among the fields.
func (k known) in(name string) known { return open(k[name]) }

// text returns the first of these fields that is a text with something in it.
func (k known) text(names ...string) string {
	for _, name := range names {
		var text string
		if raw := k[name]; len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &text) == nil && text != "" {
			return text
		}
	}
	return ""
}

// texts returns a field that is a list of texts.
func (k known) texts(name string) []string {
	var texts []string
	if json.Unmarshal(k[name], &texts) != nil {
		return nil
	}
	return texts
}

// number returns a field that is a whole number of at most 53 bits, and 0 if there is none.
func (k known) number(name string) int64 {
	n, err := strconv.ParseInt(string(k[name]), 10, 54)
	if err != nil {
		return 0
	}
	return n
}

// isNumber tells whether a field is a whole number.
func (k known) isNumber(name string) bool {
	_, err := strconv.ParseInt(string(k[name]), 10, 54)
	return err == nil
}

// time returns the first of these fields that is a time by RFC 3339.
func (k known) time(names ...string) time.Time {
	for _, name := range names {
		if when, err := time.Parse(time.RFC3339Nano, k.text(name)); err == nil {
			return when
		}
	}
	return time.Time{}
}
