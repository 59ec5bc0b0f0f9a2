package sinks

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// MaxRetryAfter caps what a destination may ask for, so that sums of times cannot overflow: a week. The cap
// that people set is retry.max_retry_after.
const MaxRetryAfter = 7 * 24 * time.Hour

// RetryAfterIn reads both forms of Retry-After (RFC 9110, section 10.2.3): seconds, and a date, which
// is compared with the Date of the same answer so that a clock that differs does no harm. It is 0
// if there is none, if it is over, and if it makes no sense.
func RetryAfterIn(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) { // out of range is the nearest number
		seconds = min(max(seconds, 0), int64(MaxRetryAfter/time.Second))
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return min(max(until.Sub(now), 0), MaxRetryAfter)
}

// OneLine is what a destination said on one line, without what a terminal could act on.
func OneLine(said string) string {
	line := strings.Join(strings.Fields(strings.ToValidUTF8(said, "")), " ")
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, line)
}

// Reworded has an error that may hold secrets say this text instead. What it is stays: [Classify], and
// errors.Is and errors.As, look inside.
func Reworded(err error, text string) error { return &reworded{text, err} }

type reworded struct {
	text string
	err  error
}

func (e *reworded) Error() string { return e.text }
func (e *reworded) Unwrap() error { return e.err }
