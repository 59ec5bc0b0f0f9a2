package config

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Class says whether a failure may heal on a retry.
type Class int

// The classes.
const (
	// Unclassed failures are what the sink itself says of them.
	Unclassed Class = iota
	// Transient ones are tried again.
	Transient
	// Permanent ones are parked at once.
	Permanent
)

// rule is one entry of a sink's "permanent" or "transient".
type rule struct {
	class     Class
	low, high int
	pattern   *regexp.Regexp
}

// newRule reads "410", "400-499" or "/pattern/".
func newRule(class Class, text string) (rule, error) {
	if inner, found := strings.CutPrefix(text, "/"); found {
		inner, closed := strings.CutSuffix(inner, "/")
		if !closed || inner == "" {
			return rule{}, errors.New("is no pattern: write it as /invalid_auth/, with a slash on both ends")
		}
		pattern, err := regexp.Compile(inner)
		if err != nil {
			return rule{}, fmt.Errorf("is no pattern that RE2 knows: %w", err)
		}
		return rule{class: class, pattern: pattern}, nil
	}
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	low, wrongLow := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
	high, wrongHigh := strconv.ParseUint(strings.TrimSpace(last), 10, 16)
	if wrongLow != nil || wrongHigh != nil || low > high {
		return rule{}, errors.New("is neither a status such as 410, nor a range such as 400-499, nor a pattern such as /invalid_auth/")
	}
	return rule{class: class, low: int(low), high: int(high)}, nil
}

// matches tells whether the rule is about a failure.
func (r rule) matches(code int, message string) bool {
	if r.pattern != nil {
		return r.pattern.MatchString(message)
	}
	return code != 0 && r.low <= code && code <= r.high
}

// width orders rules: the narrower decides. A pattern looks at the answer itself, so none is narrower.
func (r rule) width() int {
	if r.pattern != nil {
		return 0
	}
	return 1 + r.high - r.low
}

// Class tells how the settings class a failure, by its status (0: it has none) and its text. The narrowest
// entry that fits decides: a pattern before a status, a status before a range, a smaller range before a
// larger one; among equals transient.
func (s Sink) Class(code int, message string) Class {
	class, width := Unclassed, 0
	for _, r := range s.rules {
		if !r.matches(code, message) {
			continue
		}
		if class == Unclassed || cmp.Or(cmp.Compare(r.width(), width), cmp.Compare(r.class, class)) < 0 {
			class, width = r.class, r.width()
		}
	}
	return class
}

// checkClasses reads the entries of both lists.
func (r *reader) checkClasses(d *Delivery, layers ...layer) {
	d.rules = nil
	report := r.among(layers...)
	for _, list := range []struct {
		field   string
		class   Class
		entries []string
	}{{"permanent", Permanent, d.Permanent}, {"transient", Transient, d.Transient}} {
		for i, text := range list.entries {
			field := fmt.Sprintf("%s[%d]", list.field, i)
			one, err := newRule(list.class, text)
			switch {
			case err == nil:
				d.rules = append(d.rules, one)
			case r.variable(join(layers[len(layers)-1].path, field)):
				report(field, "is no pattern, status or range") // the message may hold a piece of the variable
			default:
				report(field, err.Error())
			}
		}
	}
}
