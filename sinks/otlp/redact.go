package otlp

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"github.com/consign-dev/consign/config"
)

// minSecret is the least length, in bytes, of a piece of a header or path that is taken for a possible
// secret. Shorter ones ("v1", "true") are words that occur in any message.
const minSecret = 6

// hider returns a function that takes out of a text what only the receiver may know: the values of
// headers and the path of the URL, by which some know their clients, and which receivers like to repeat.
func hider(at place, headers map[string]config.Secret) func(string) string {
	pieces := strings.Split(strings.TrimSuffix(at.path, logsPath), "/")
	for _, value := range headers {
		pieces = append(pieces, value.Reveal())
		for word := range strings.FieldsSeq(value.Reveal()) {
			pieces = append(append(pieces, word), login(word)...)
		}
	}
	var spelled []string
	for _, piece := range pieces {
		if len(piece) >= minSecret {
			spelled = append(spelled, piece, url.QueryEscape(piece))
		}
		if plain, err := url.PathUnescape(piece); err == nil && len(plain) >= minSecret {
			spelled = append(spelled, plain)
		}
	}
	// The replacer takes the first that fits, which must be the longest.
	slices.SortFunc(spelled, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	var pairs []string
	for _, piece := range slices.Compact(spelled) {
		pairs = append(pairs, piece, "[hidden]")
	}
	return strings.NewReplacer(pairs...).Replace
}

// login is the password, and the user name with it, that a word of a header holds in base64.
func login(word string) []string {
	plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(word, "="))
	_, password, found := strings.Cut(string(plain), ":")
	if err != nil || !found {
		return nil
	}
	return []string{string(plain), password}
}
