package webhook

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// minSecret is the least length, in bytes, of a piece of a URL or header that is taken for a
// possible secret. Shorter ones ("v1", "true") are words that occur in any message.
const minSecret = 6

// hider returns a function that takes out of a text what only the receiver may know.
func hider(target *url.URL, headers map[string]string, more ...string) func(string) string {
	return new(hiding).hider(target, headers, more...)
}

// hiding keeps the expression that was made last: the next failure mostly needs the same, and to compile it
// takes 30 times as long as to use it.
type hiding struct{ last atomic.Pointer[regexp.Regexp] }

// hider returns a function that takes out of a text what only the receiver may know: the path and
// query of the URL (that of Slack is a password), the values of headers, and what else is named.
// Receivers like to repeat them, in one spelling or another: "Cannot POST /services/T0/B0/…" is what
// many say with a 404.
func (h *hiding) hider(target *url.URL, headers map[string]string, more ...string) func(string) string {
	pieces := []string{target.RequestURI(), target.EscapedPath(), target.Path, target.RawQuery}
	pieces = append(pieces, strings.FieldsFunc(target.RequestURI(), separates)...)
	pieces = append(pieces, strings.FieldsFunc(target.Path, separates)...)
	for _, values := range target.Query() {
		pieces = append(pieces, values...)
	}
	for _, value := range headers {
		pieces = append(pieces, value)
		pieces = append(pieces, strings.FieldsFunc(value, separates)...)
		for word := range strings.FieldsSeq(value) { // base64 holds what separates words
			pieces = append(pieces, credentials(word)...)
		}
	}
	var spelled []string
	for _, piece := range append(pieces, more...) {
		if len(piece) >= minSecret {
			spelled = append(spelled, spellings(piece)...)
		}
	}
	spelled = slices.DeleteFunc(spelled, func(s string) bool { return !utf8.ValidString(s) })
	if len(spelled) == 0 {
		return func(text string) string { return text }
	}
	// The expression takes the first that fits, which must be the longest.
	slices.SortFunc(spelled, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	spelled = slices.Compact(spelled)
	for i, one := range spelled {
		spelled[i] = regexp.QuoteMeta(one)
	}
	secret := h.expression("(?i)" + strings.Join(spelled, "|"))
	return func(text string) string { return secret.ReplaceAllLiteralString(text, "[hidden]") }
}

func (h *hiding) expression(text string) *regexp.Regexp {
	if last := h.last.Load(); last != nil && last.String() == text {
		return last
	}
	made := regexp.MustCompile(text)
	h.last.Store(made)
	return made
}

func separates(r rune) bool { return strings.ContainsRune("/?&=;, ", r) }

// spellings of a text, as it stands in URLs, in JSON, in HTML, and in base64 without its padding.
func spellings(text string) []string {
	quoted, _ := json.Marshal(text) //nolint:errchkjson // a string: it cannot fail
	inJSON := strings.Trim(string(quoted), `"`)
	return []string{
		text, url.PathEscape(text), url.QueryEscape(text), html.EscapeString(text),
		inJSON, strings.ReplaceAll(inJSON, "/", `\/`), strings.ReplaceAll(text, "/", `\/`),
		base64.RawStdEncoding.EncodeToString([]byte(text)), base64.RawURLEncoding.EncodeToString([]byte(text)),
	}
}

// credentials are the password, and the user name with it, that a word of a header holds in base64. A
// user name without a password is a key.
func credentials(word string) []string {
	plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(word, "="))
	user, password, found := strings.Cut(string(plain), ":")
	if err != nil || !found {
		return nil
	}
	return []string{string(plain), cmp.Or(password, user)}
}

// keyForms are the forms in which signing secrets may be told.
func keyForms(secrets ...config.Secret) []string {
	var forms []string
	for _, secret := range secrets {
		text := secret.Reveal()
		encoded, prefixed := text, false
		for _, prefix := range []string{"whsec_", "whsk_"} {
			if rest, found := strings.CutPrefix(text, prefix); found {
				encoded, prefixed = rest, true
			}
		}
		forms = append(forms, text, encoded, hex.EncodeToString([]byte(text)))
		if key, err := base64.StdEncoding.DecodeString(encoded); prefixed && err == nil {
			forms = append(forms, string(key), hex.EncodeToString(key))
		}
	}
	return forms
}

// login is what a proxy's URL holds of a user name and password, and what becomes of it in a header.
func login(proxy *url.URL) []string {
	if proxy == nil || proxy.User == nil {
		return nil
	}
	password, _ := proxy.User.Password()
	plain := proxy.User.Username() + ":" + password
	return []string{proxy.User.String(), plain, password, base64.StdEncoding.EncodeToString([]byte(plain))}
}

// hidden is an error without what only the receiver may know.
func hidden(err error, hide func(string) string) error {
	return sinks.Reworded(err, hide(err.Error()))
}
