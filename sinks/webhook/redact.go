package webhook

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// minSecret is the least length, in bytes, of a piece of a URL or header that is taken for a
// possible secret. Shorter ones ("v1", "true") are words that occur in any message.
const minSecret = 6

// hider returns a function that takes out of a text what only the receiver may know: the path and
// query of the URL (that of Slack is a password) and the values of headers. Receivers like to
// repeat them: "Cannot POST /services/T0/B0/…" is what many say with a 404.
func hider(target *url.URL, headers map[string]string) func(string) string {
	pieces := []string{target.RequestURI(), target.EscapedPath(), target.Path, target.RawQuery}
	pieces = append(pieces, strings.FieldsFunc(target.RequestURI(), separates)...)
	pieces = append(pieces, strings.FieldsFunc(target.Path, separates)...)
	for _, values := range target.Query() {
		pieces = append(pieces, values...)
	}
	for _, value := range headers {
		pieces = append(pieces, value)
		pieces = append(pieces, strings.FieldsFunc(value, separates)...)
	}
	pieces = slices.DeleteFunc(pieces, func(s string) bool { return len(s) < minSecret })
	// The replacer takes the first that fits, which must be the longest.
	slices.SortFunc(pieces, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var pairs []string
	for _, piece := range slices.Compact(pieces) {
		pairs = append(pairs, piece, "[hidden]")
	}
	return strings.NewReplacer(pairs...).Replace
}

func separates(r rune) bool { return strings.ContainsRune("/?&=;, ", r) }

// hiddenError is an error whose text may be shown, around the one that tells its class.
type hiddenError struct {
	text string
	err  error
}

func (e *hiddenError) Error() string { return e.text }
func (e *hiddenError) Unwrap() error { return e.err }

func hidden(err error, hide func(string) string) error {
	return &hiddenError{text: hide(err.Error()), err: err}
}
