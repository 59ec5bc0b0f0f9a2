package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

var errText = errors.New(`is no Unicode text: bytes that are not UTF-8, and half a pair such as "\ud800", would be taken for another text`)

// text reads a string; what is missing or null leaves it empty. What the decoder would replace is refused: of two
// ids that differ in it alone, it would make one.
func text(raw json.RawMessage, to *string) error {
	if raw == nil {
		return nil
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return fmt.Errorf("is %s, not a string", shape(raw))
	}
	if strings.ContainsRune(*to, utf8.RuneError) && (!utf8.Valid(raw) || halved(raw)) {
		return errText
	}
	return nil
}

// halved tells whether a string of JSON has an escape that is half a surrogate pair.
func halved(raw []byte) bool {
	for {
		at := bytes.IndexByte(raw, '\\')
		if at < 0 {
			return false
		}
		raw = raw[at:]
		first, escaped := unit(raw)
		if !escaped {
			raw = raw[2:] // valid JSON has a byte after each backslash
			continue
		}
		raw = raw[6:]
		if !utf16.IsSurrogate(first) {
			continue
		}
		second, _ := unit(raw)
		if utf16.DecodeRune(first, second) == utf8.RuneError {
			return true
		}
		raw = raw[6:]
	}
}

// unit is what the escape \uXXXX stands for with which raw begins.
func unit(raw []byte) (r rune, escaped bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	return rune(n), err == nil
}
