package intake

import (
	"bytes"
	"fmt"
)

// maxDepth is how deep arrays and objects may nest, as in encoding/json.
const maxDepth = 10_000

// want is what may come next inside a value: a set of tokens.
type want uint8

const (
	wantValue want = 1 << iota
	wantKey
	wantColon
	wantComma
	wantEnd
)

// scan moves past the JSON value at the current position. It finds where the value ends, or where
// it breaks; what stands inside strings, numbers and words is checked by encoding/json later.
func (r *Reader) scan() error {
	var open []byte // the brackets that are open
	expected := wantValue
	for {
		b, ok := r.token()
		if !ok {
			return r.broken("the input ends in the middle of a value")
		}
		switch {
		case b == '"' && expected&(wantValue|wantKey) != 0:
			if err := r.str(); err != nil {
				return err
			}
			if expected&wantKey != 0 {
				expected = wantColon
				continue
			}
			expected = wantComma | wantEnd
		case (b == '{' || b == '[') && expected&wantValue != 0:
			if len(open) == maxDepth {
				return r.broken(fmt.Sprintf("nested more than %d deep", maxDepth))
			}
			open = append(open, b)
			expected = wantValue | wantEnd
			if b == '{' {
				expected = wantKey | wantEnd
			}
			continue
		case (b == '}' || b == ']') && expected&wantEnd != 0 && closes(open, b):
			open = open[:len(open)-1]
			expected = wantComma | wantEnd
		case b == ',' && expected&wantComma != 0:
			expected = wantValue
			if open[len(open)-1] == '{' {
				expected = wantKey
			}
			continue
		case b == ':' && expected&wantColon != 0:
			expected = wantValue
			continue
		case expected&wantValue != 0 && bare(b):
			r.word()
			expected = wantComma | wantEnd
		default:
			r.pos--
			return r.broken(fmt.Sprintf("unexpected %q", b))
		}
		if len(open) == 0 {
			return nil
		}
	}
}

// str moves past the rest of a string. A string ends before its line does, so that one without its
// closing quote does not take in the lines that follow.
func (r *Reader) str() error {
	for {
		if r.pos == len(r.buf) && !r.fill() {
			return r.broken("the input ends in the middle of a string")
		}
		i := bytes.IndexAny(r.buf[r.pos:], "\"\\\n")
		if i < 0 {
			r.pos = len(r.buf)
			continue
		}
		r.pos += i
		switch b, _ := r.next(); b {
		case '"':
			return nil
		case '\\':
			if escaped, _ := r.next(); escaped != '\n' {
				continue
			}
		}
		r.pos--
		return r.broken("a string without its closing quote")
	}
}

// word moves past the rest of a number, true, false or null.
func (r *Reader) word() {
	for {
		b, ok := r.next()
		if !ok {
			return
		}
		if !bare(b) {
			r.pos--
			return
		}
	}
}

// token is the next byte that is not white space, and moves past it.
func (r *Reader) token() (byte, bool) {
	for {
		b, ok := r.next()
		if !ok || !space(b) {
			return b, ok
		}
	}
}

func space(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }

// bare tells the bytes of numbers and words.
func bare(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '+' || b == '-' || b == '.'
}

func closes(open []byte, b byte) bool {
	return len(open) > 0 && open[len(open)-1] == b-2 // in ASCII, '[' and ']' and '{' and '}' are 2 apart
}
