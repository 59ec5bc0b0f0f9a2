package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/consign-dev/consign"
)

const (
	// maxValue bounds one value in memory. It is three times what can be submitted, as white space
	// inside a value does not count there.
	maxValue = 3 * consign.MaxConsignmentBytes
	// chunk is how much is read at a time, in bytes.
	chunk = 64 << 10
)

// Reader splits input into JSON values: NDJSON, objects one after the other (pretty-printed or
// not), or arrays, whose elements are the values. It holds one value at a time, of at most 3 MiB.
type Reader struct {
	in    io.Reader
	err   error // what ended the input
	begun bool
	done  bool // nothing more will come

	buf   []byte
	start int // the first byte of the value being read; what lies before is done with
	pos   int // the next byte to look at
	line  int // the line of buf[start], from 1
	over  int // bytes of this value that were let go, as it is longer than maxValue

	array     int  // the line on which the open array begins; 0: none is open
	separator bool // the array has had an element, so a comma must come before the next one
}

// Value is one value of the input.
type Value struct {
	// Line on which it begins, from 1.
	Line int
	// Raw are its bytes as they stood in the input.
	Raw json.RawMessage
	// Err says why the value cannot be submitted; Raw is nil then. Reading can go on.
	Err error
}

// NewReader reads from in. A byte order mark at its beginning is skipped.
func NewReader(in io.Reader) *Reader {
	return &Reader{in: in, line: 1}
}

// Next returns the next value. The error is io.EOF at the end of the input; any other is one of
// reading.
//
// After a value that is not JSON, reading goes on with the next line; if the value has run over
// several lines, with the next line that begins with '{' or '['. Inside an array nothing tells
// where the next element begins, so the rest of the input is left out.
func (r *Reader) Next() (Value, error) {
	if !r.begun {
		r.begun = true
		r.skipMark()
	}
	for !r.done {
		b, ok := r.token()
		if !ok {
			break
		}
		r.pos--
		r.advance()
		r.over = 0 // white space is no part of the value
		switch {
		case b == '[' && r.array == 0:
			r.array, r.separator = r.line, false
			r.pos++
		case b == ']' && r.array > 0:
			r.array = 0
			r.pos++
		case r.array > 0 && r.separator && b == ',':
			r.pos++
			r.separator = false
			if next, ok := r.token(); ok {
				r.pos--
				if next == ']' {
					return r.bad(r.line, r.broken("unexpected ']' after a comma")), nil
				}
			}
		case r.array > 0 && r.separator:
			return r.bad(r.line, r.broken(fmt.Sprintf("unexpected %q in an array: a comma belongs between its elements", b))), nil
		default:
			return r.value(b), nil
		}
	}
	return r.end()
}

// value reads the value that begins at the current position, with the byte first.
func (r *Reader) value(first byte) Value {
	line := r.line
	if err := r.scan(); err != nil {
		return r.bad(line, err)
	}
	r.separator = true
	size := r.over + r.pos - r.start
	if r.over > 0 || size > maxValue {
		r.over = 0
		r.advance()
		return Value{Line: line, Err: fmt.Errorf("%w: %d bytes, at most %d (1 MiB) can be delivered: store the bulk elsewhere and submit a reference to it",
			consign.ErrTooLarge, size, consign.MaxConsignmentBytes)}
	}
	raw := json.RawMessage(bytes.Clone(r.buf[r.start:r.pos]))
	var check json.RawMessage
	if err := json.Unmarshal(raw, &check); err != nil {
		err = fmt.Errorf("%w: not JSON: %w", consign.ErrInvalid, err)
		if bare(first) && r.array == 0 {
			return r.bad(line, err) // a line of text, of which one error is enough
		}
		r.advance() // where it ends is known, so nothing else is lost
		return Value{Line: line, Err: err}
	}
	r.advance()
	return Value{Line: line, Raw: raw}
}

// bad gives up on the value that began on line, and moves to where reading goes on.
func (r *Reader) bad(line int, err error) Value {
	if r.array > 0 {
		r.done = true
		return Value{Line: line, Err: fmt.Errorf("%w; the rest of this array, which begins on line %d, was left out", err, r.array)}
	}
	several := r.over > 0 || bytes.IndexByte(r.buf[r.start:r.pos], '\n') >= 0
	if r.over == 0 {
		r.pos = r.start // a line that was cut off has taken in the next one
	}
	r.over = 0
	r.skipLine()
	for several {
		b, ok := r.next()
		if ok {
			r.pos--
		}
		if !ok || b == '{' || b == '[' {
			break
		}
		r.skipLine()
	}
	r.advance()
	if last := r.line - 1; last > line && !r.ended() {
		err = fmt.Errorf("%w; lines %d to %d were skipped", err, line, last)
	} else if several && r.ended() {
		err = fmt.Errorf("%w; all from line %d on was skipped", err, line)
	}
	return Value{Line: line, Err: err}
}

// end is what Next returns when there are no more values.
func (r *Reader) end() (Value, error) {
	line := r.array
	r.array = 0
	switch {
	case r.err != nil && !errors.Is(r.err, io.EOF):
		return Value{}, r.err
	case line > 0 && !r.done:
		r.done = true
		return Value{Line: line, Err: fmt.Errorf("%w: the array that begins here is not closed: was the input cut off?", consign.ErrInvalid)}, nil
	}
	return Value{}, io.EOF
}

// broken is a syntax error at the current position.
func (r *Reader) broken(what string) error {
	before := r.buf[r.start:r.pos]
	line := r.line + bytes.Count(before, []byte("\n"))
	if line == r.line {
		return fmt.Errorf("%w: not JSON: %s", consign.ErrInvalid, what)
	}
	return fmt.Errorf("%w: not JSON: %s on line %d", consign.ErrInvalid, what, line)
}

// skipLine moves past the end of the current line.
func (r *Reader) skipLine() {
	for {
		b, ok := r.next()
		r.advance()
		if !ok || b == '\n' {
			return
		}
	}
}

func (r *Reader) skipMark() {
	for _, mark := range []byte("\uFEFF") {
		b, ok := r.next()
		if !ok {
			r.pos = 0
			return
		}
		if b != mark {
			r.pos = 0
			return
		}
	}
	r.advance()
}

// advance is done with all before the current position.
func (r *Reader) advance() {
	r.line += bytes.Count(r.buf[r.start:r.pos], []byte("\n"))
	r.start = r.pos
}

func (r *Reader) ended() bool { return r.err != nil && r.pos == len(r.buf) }

// next is the next byte, and moves past it; false at the end of the input.
func (r *Reader) next() (byte, bool) {
	if r.pos == len(r.buf) && !r.fill() {
		return 0, false
	}
	b := r.buf[r.pos]
	r.pos++
	return b, true
}

// fill reads more. Of a value that is longer than maxValue only the length is kept.
func (r *Reader) fill() bool {
	if r.err != nil {
		return false
	}
	if n := r.pos - r.start; n > maxValue || r.over > 0 {
		r.over += n
		r.advance()
	}
	r.buf = append(r.buf[:0], r.buf[r.start:]...)
	r.pos -= r.start
	r.start = 0
	for r.err == nil {
		r.buf = append(r.buf, make([]byte, chunk)...)
		n, err := r.in.Read(r.buf[r.pos : r.pos+chunk])
		r.buf = r.buf[:r.pos+n]
		r.err = err
		if n > 0 {
			return true
		}
	}
	return false
}
