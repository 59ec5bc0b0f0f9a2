package webhook

import (
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// newTransport returns a transport that connects to no address that guard refuses. A nil resolver
// is the system's. How long an answer may take is up to each request's context.
func newTransport(guard Guard, resolver *net.Resolver) *http.Transport {
	dialer := &net.Dialer{
		Timeout:        30 * time.Second,
		KeepAlive:      30 * time.Second,
		Resolver:       resolver,
		ControlContext: guard.control,
	}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		Proxy:                  proxy(),
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second}, // else a receiver that went away silently keeps its connection
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxAnswer,
		DisableCompression:     true, // a small compressed answer could be an endless one
	}
}

// proxy finds the proxy of a URL as curl does, by HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
func proxy() func(*http.Request) (*url.URL, error) {
	find := httpproxy.FromEnvironment().ProxyFunc()
	return func(request *http.Request) (*url.URL, error) { return find(request.URL) }
}

const module = "github.com/consign-dev/consign"

// userAgent is consign/ and the version of this module, or consign/dev if it was built from a
// checkout.
func userAgent() string {
	version := "dev"
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(build.Deps, &build.Main) {
			if m.Path == module && m.Version != "" && m.Version != "(devel)" {
				version = strings.TrimPrefix(m.Version, "v")
			}
		}
	}
	return "consign/" + version
}
