package otlp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/consign-dev/consign/config"
)

// The values of [Config.Compression].
const (
	gzipped    = "gzip"
	asItStands = "none"
)

// logsPath is where a receiver takes logs over HTTP, below the path of the URL.
const logsPath = "/v1/logs"

// Validate reports what is wrong, and shows no secret in doing so. It reads the files of tls.
func (c *Config) Validate(report func(field, problem string)) {
	at, err := readURL(c.URL)
	if err != nil {
		report("url", err.Error())
	}
	c.checkHeaders(report)
	if c.Compression != gzipped && c.Compression != asItStands {
		report("compression", fmt.Sprintf("%q is no compression: gzip and none are", c.Compression))
	}
	if _, found := c.Resource[""]; found {
		report("resource", "has an attribute without a name")
	}
	if err == nil && c.TLS != nil && !at.secure {
		report("tls", fmt.Sprintf("has no effect on a URL that begins with %s://: make it %ss://, or take this out", at.scheme, at.scheme))
	}
	c.TLS.Validate(report)
}

// place is where a receiver is, as a URL says.
type place struct {
	scheme       string
	http, secure bool
	host         string // with the port
	path         string // of the requests over HTTP
}

// name of the place in errors: no path, since some receivers know their clients by it.
func (p place) name() string { return p.scheme + "://" + p.host }

// readURL shows none of the URL but a mistaken scheme, since the rest may hold a secret.
func readURL(text string) (place, error) {
	if text == "" {
		return place{}, errors.New("is missing: say where the receiver is, such as otlp://collector.example.com:4317")
	}
	target, err := url.Parse(text)
	if err != nil {
		return place{}, errors.New("is not a URL: look for blanks, quotes, a stray % or a port that is no number")
	}
	at, port := place{scheme: target.Scheme, secure: strings.HasSuffix(target.Scheme, "s")}, "4317"
	switch target.Scheme {
	case "otlp", "otlps":
	case "otlphttp", "otlphttps":
		at.http, port = true, "4318"
	case "http", "https", "grpc", "grpcs":
		secure := strings.TrimLeft(target.Scheme, "htpgrc")
		return place{}, fmt.Errorf("unknown scheme %q: write otlp%s:// for gRPC, or otlphttp%s:// for HTTP", target.Scheme, secure, secure)
	default:
		if target.Opaque != "" || target.Scheme == "" {
			return place{}, errors.New("has no scheme: begin with otlp:// or otlps:// for gRPC, otlphttp:// or otlphttps:// for HTTP")
		}
		return place{}, fmt.Errorf("unknown scheme %q: there are otlp and otlps for gRPC, otlphttp and otlphttps for HTTP", target.Scheme)
	}
	path := strings.TrimRight(target.EscapedPath(), "/")
	switch {
	case target.Hostname() == "":
		return place{}, fmt.Errorf("names no host: write %s://HOST:%s", target.Scheme, port)
	case target.User != nil:
		return place{}, errors.New("holds a user name or password, which would be shown: take it out and set headers, such as {Authorization: Basic …}")
	case target.RawQuery != "" || target.Fragment != "":
		return place{}, errors.New("has a query or fragment, and the protocol has no place for it: take it out; keys belong into headers")
	case !at.http && path != "":
		return place{}, fmt.Errorf("goes on after the port, and gRPC has no paths: write %s://HOST:PORT, or otlphttp:// for HTTP", target.Scheme)
	case strings.HasSuffix(path, logsPath):
		return place{}, fmt.Errorf("ends in %s, which is added to the path: take it out", logsPath)
	}
	if given := target.Port(); given != "" {
		port = given
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return place{}, fmt.Errorf("has the port %s: ports are 1 to 65535", port)
		}
	}
	at.host, at.path = net.JoinHostPort(target.Hostname(), port), path+logsPath
	return at, nil
}

// reserved are the headers that the two ways set themselves.
func reserved() []string {
	return []string{
		"Content-Type", "Content-Encoding", "Content-Length", "User-Agent",
		"Host", "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect",
	}
}

func (c *Config) checkHeaders(report func(field, problem string)) {
	spelled := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		field, canonical := "headers."+name, http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			report(field, "is not a header name: letters, digits and dashes will do")
		case slices.Contains(reserved(), canonical), strings.HasPrefix(canonical, "Grpc-"):
			report(field, "is set by the protocol itself: take it out")
		case strings.HasSuffix(canonical, "-Bin"):
			report(field, "ends in -bin, which gRPC keeps for bytes: there are texts alone")
		case spelled[canonical] != "":
			report(field, fmt.Sprintf("is the same header as %s: keep one", spelled[canonical]))
		case strings.ContainsFunc(c.Headers[name].Reveal(), func(r rune) bool { return r < ' ' || r > '~' }):
			report(field, "has a value with a character in it that is not printable ASCII")
		}
		spelled[canonical] = name
	}
}

// revealed are the headers as they are sent.
func revealed(headers map[string]config.Secret) map[string]string {
	shown := make(map[string]string, len(headers))
	for name, value := range headers {
		shown[name] = value.Reveal()
	}
	return shown
}

// security is nil where the connection is in clear.
func (c *Config) security(at place) (*tls.Config, error) {
	switch {
	case !at.secure:
		return nil, nil
	case c.TLS == nil:
		return &tls.Config{MinVersion: tls.VersionTLS12}, nil
	}
	return c.TLS.Config()
}
