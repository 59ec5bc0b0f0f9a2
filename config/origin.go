package config

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// origin says how a value was written, where that may be shown and the value may not.
type origin struct {
	// text is what may be shown: the value before expansion, or the mask.
	text string
	// file means that text is the path of a file that holds the value.
	file bool
	// value is what must not be shown.
	value string
}

// origins remembers, by path, each value that must not be printed, and the variables they came from.
type origins struct {
	byPath    map[string]origin
	variables map[string]string
	// literals are the texts that stand in the file as they are, by path.
	literals map[string]string
	// outside takes the values out of texts that do not come from the file.
	outside func() *strings.Replacer
}

func newOrigins() *origins {
	o := &origins{byPath: map[string]origin{}, variables: map[string]string{}, literals: map[string]string{}}
	o.outside = sync.OnceValue(func() *strings.Replacer { return o.replacer(8) })
	return o
}

// under lists the origins at a path and below it.
func (o *origins) under(path string) map[string]origin {
	found := map[string]origin{}
	for at, origin := range o.byPath {
		if within(at, path) {
			found[at] = origin
		}
	}
	return found
}

// inherit makes what was written at one path count as written at another.
func (o *origins) inherit(from, to string) {
	for at, origin := range o.under(from) {
		o.byPath[to+strings.TrimPrefix(at, from)] = origin
	}
}

// within tells whether a path is another one or lies below it.
func within(path, above string) bool {
	rest, found := strings.CutPrefix(path, above)
	return found && (rest == "" || above == "" || rest[0] == '.' || rest[0] == '[')
}

// shortest is the length from which a secret is looked for inside other words, in bytes. Shorter
// ones would garble every text, and are looked for in quotes only.
const shortest = 4

// Redact takes out of a text, such as the error of a sink, what came through a variable or is a secret, in
// the form in which the configuration may show it. Values under 8 bytes stay: they are words like any other.
func (c *Config) Redact(text string) string {
	if c.origins == nil {
		return text
	}
	return c.origins.outside().Replace(text)
}

// redact replaces every secret in a text by what may be shown of it.
func (o *origins) redact(text string) string { return o.replacer(shortest).Replace(text) }

// replacer looks inside other words for secrets from that length on, in bytes, and for all in quotes.
func (o *origins) replacer(shortest int) *strings.Replacer {
	shown := map[string]string{}
	for name, value := range o.variables {
		shown[value] = "${" + name + "}"
	}
	for _, origin := range o.byPath {
		shown[origin.value] = origin.text
		if origin.file {
			shown[origin.value] = mask
		}
	}
	delete(shown, "")
	// The longest first: one secret may be a part of another.
	values := slices.SortedFunc(maps.Keys(shown), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	var pairs []string
	for _, value := range values {
		quoted, instead := strconv.Quote(value), strconv.Quote(shown[value])
		pairs = append(pairs, quoted, instead)
		if len(value) >= shortest {
			pairs = append(pairs, value, shown[value], strings.Trim(quoted, `"`), shown[value])
		}
	}
	return strings.NewReplacer(pairs...)
}

const quotedText = `"(?:[^"\\]|\\.)*"`

// redactAbout is [origins.redact] for a message about the value at a path. Such a message may quote
// a part of the value (the scheme of an URL, a bad escape), so parts that cannot be seen in the file
// are masked as well.
func (o *origins) redactAbout(path, text string) string {
	text = o.redact(text)
	about := o.under(path)
	return regexp.MustCompile(quotedText).ReplaceAllStringFunc(text, func(quoted string) string {
		part, err := strconv.Unquote(quoted)
		if err != nil || part == "" {
			return quoted
		}
		for _, origin := range about {
			if strings.Contains(origin.value, part) && !strings.Contains(origin.text, part) {
				return strconv.Quote(mask)
			}
		}
		return quoted
	})
}
