package webhook

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxLine is the longest URL, and the longest value of a header, in bytes. Servers take 8 KiB, few more, and
// it bounds what taking their parts out of an answer costs.
const maxLine = 16 << 10

// endpoint reads a URL to post to. Its errors show none of it but a mistaken scheme, since the rest
// may be a secret; net/url's own would.
func endpoint(address string) (*url.URL, error) {
	if address == "" {
		return nil, errors.New("is missing: say where to post results, such as https://example.com/hook")
	}
	if len(address) > maxLine {
		return nil, fmt.Errorf("is %d bytes long: at most %d are sent", len(address), maxLine)
	}
	target, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("is not a URL: look for blanks, quotes, a stray % or a port that is no number")
	}
	switch {
	case target.Scheme == "" || target.Opaque != "":
		return nil, errors.New("has no scheme: begin it with https:// or http://")
	case target.Scheme != "http" && target.Scheme != "https":
		return nil, fmt.Errorf("unknown scheme %q%s", target.Scheme, didYouMean(target.Scheme))
	case target.Hostname() == "":
		return nil, fmt.Errorf("names no host: write %s://HOST/PATH", target.Scheme)
	case target.User != nil:
		return nil, errors.New("holds a user name or password, which would be shown: take it out and set auth.basic, which sends it in the header Authorization")
	}
	if port := target.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("has the port %s: ports are 1 to 65535", port)
		}
	}
	return target, nil
}

func didYouMean(scheme string) string {
	switch {
	case strings.HasPrefix(scheme, "h") && strings.HasSuffix(scheme, "s"):
		return " (did you mean https?)"
	case strings.HasPrefix(scheme, "h"):
		return " (did you mean http?)"
	}
	return ": a webhook speaks https and http"
}

// ours are the headers that Consign sets itself, and those that belong to the connection, which
// net/http would ignore or trip over.
func ours() []string {
	return []string{
		"Content-Type", "Content-Length", "Content-Encoding", "User-Agent",
		"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature",
		"Host", "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect",
	}
}

// checkRequest reports what is wrong with what a request is made of, headers apart.
func (c *Config) checkRequest(report func(field, problem string)) {
	fixed, _, templated := strings.Cut(c.URL, "{{")
	target, wrong := endpoint(fixed)
	switch {
	case templated && fixed == "":
		wrong = nil // nothing can be said yet
	case templated && wrong != nil:
		_, wrong = endpoint(fixed + "1") // what comes next, be it a host, a port or a path
	case wrong == nil && (!templated || fixedHost.MatchString(c.URL)):
		wrong = c.guard().checkHost(target.Hostname())
	}
	if wrong != nil {
		report("url", wrong.Error())
	}
	if c.Method != "" && !slices.Contains(methods(), c.Method) {
		report("method", fmt.Sprintf("unknown method %q: there are %s", c.Method, strings.Join(methods(), ", ")))
	}
	for _, name := range sorted(c.Values) {
		if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name) {
			report("values."+name, "is no name that a template can say: letters, digits and underscores will do")
		}
	}
	failed := false
	t := c.templates(func(field, problem string) {
		failed = true
		report(field, problem)
	})
	switch {
	case !t.any && len(c.Samples) > 0:
		report("samples", "are there to check templates, and nothing here is one: take them out")
	case !t.any && len(c.Values) > 0:
		report("values", "are for templates, and nothing here is one: take them out")
	case !failed && wrong == nil: // a bad URL would be reported again
		c.checkSamples(t, report)
	}
}

// fixedHost is a URL whose host stands there before any template begins.
var fixedHost = regexp.MustCompile(`^https?://[^/?#{]+[/?#]`)

// guard is the one that egress says, or that fits who chooses the host.
func (c *Config) guard() Guard {
	if c.Egress == "" && isTemplate(c.URL) && !fixedHost.MatchString(c.URL) {
		return GuardStrict
	}
	return c.Egress
}

// methods are those that carry a body and mean that it is to be taken.
func methods() []string { return []string{http.MethodPost, http.MethodPut, http.MethodPatch} }

func (c *Config) checkHeaders(report func(field, problem string)) {
	headers, signing := c.Headers, c.Signing
	spelled := map[string]string{}
	signs := []string{http.CanonicalHeaderKey(signing.SignatureHeader), http.CanonicalHeaderKey(signing.IDHeader), http.CanonicalHeaderKey(signing.TimestampHeader)}
	if signing.Scheme == schemeGitHub {
		signs = append(signs, githubHeader)
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		field, canonical := "headers."+name, http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			report(field, "is not a header name: letters, digits and dashes will do")
		case canonical == "Content-Type" && c.Body == "":
			report(field, "is set by Consign itself, unless body says what to send: take it out")
		case canonical != "Content-Type" && slices.Contains(ours(), canonical):
			report(field, "is set by Consign itself: take it out")
		case slices.Contains(signs, canonical):
			report(field, "is set by signing: take it out")
		case spelled[canonical] != "":
			report(field, fmt.Sprintf("is the same header as %s: keep one", spelled[canonical]))
		case !httpguts.ValidHeaderFieldValue(headers[name].Reveal()):
			report(field, "has a value with a line break or control character in it")
		}
		spelled[canonical] = name
	}
}
