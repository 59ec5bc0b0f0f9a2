package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/consign-dev/consign/sinks"
)

// network is how a sender reaches receivers: at which addresses, through which proxy, with which TLS.
type network struct {
	guard     Guard
	resolver  *net.Resolver // nil: the system's
	proxy     proxySetting
	proxies   func(*url.URL) (*url.URL, error) // the environment's; nil: they are not looked for
	transport *http.Transport
}

// idleConnections are how many are kept for a receiver: as many as are used at once where settings are at their
// defaults, 16 attempts of 8 requests each, and twice that. Those beyond it would be dialed anew for each request.
const idleConnections = 256

// newNetwork returns a network. A nil resolver is the system's, and so is a nil security.
func newNetwork(guard Guard, proxy proxySetting, security *tls.Config, resolver *net.Resolver) *network {
	n := &network{guard: guard, resolver: resolver, proxy: proxy}
	if proxy.url == nil && !proxy.direct {
		n.proxies = httpproxy.FromEnvironment().ProxyFunc() // as curl finds them: HTTP_PROXY, HTTPS_PROXY and NO_PROXY
	}
	// How long an answer may take is up to each request's context.
	n.transport = &http.Transport{
		DialContext:            n.dial,
		Proxy:                  func(request *http.Request) (*url.URL, error) { return n.unguarded(request.URL) },
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second}, // else a receiver that went away silently keeps its connection
		TLSClientConfig:        security,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    idleConnections,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxAnswer,
		DisableCompression:     true, // a small compressed answer could be an endless one
	}
	return n
}

// outgoing is one request.
type outgoing struct {
	method  string
	target  *url.URL
	headers map[string]string
	body    []byte
	// sign adds what depends on the request's bytes; nil: nothing does.
	sign func(http.Header) error
	// fixed is true where every result goes to the same URL, so that what its receiver says of the URL
	// concerns them all.
	fixed bool
	// secrets are texts that a template may have printed into the host.
	secrets []string
}

// name of a request in errors: no more of the URL than scheme and host.
func (o outgoing) name() string {
	host := o.target.Host
	for _, secret := range o.secrets {
		if len(secret) >= minSecret {
			host = strings.ReplaceAll(host, secret, "[hidden]")
		}
	}
	return o.method + " " + o.target.Scheme + "://" + host
}

// exchange sends a request and has its answer read. Whatever happens to it before that is classified.
func (n *network) exchange(ctx context.Context, out outgoing, hide func(string) string, read func(*http.Response) error) error {
	if err := n.guard.checkHost(out.target.Hostname()); err != nil {
		return failed(ctx, out, hide, err)
	}
	proxy, err := n.tunnel(out.target)
	if err != nil {
		return failed(ctx, out, hide, err)
	}
	ctx, giveUp := context.WithCancel(context.WithValue(ctx, tunnelKey{}, proxy))
	defer giveUp()
	request, err := http.NewRequestWithContext(ctx, out.method, out.target.String(), bytes.NewReader(out.body))
	if err != nil {
		return sinks.Permanent(hidden(fmt.Errorf("%s: %w", out.name(), errors.New("the request cannot be made of this URL")), hide))
	}
	for name, value := range out.headers {
		request.Header.Set(name, value)
	}
	if request.Header.Get("Idempotency-Key") == "" {
		// Present without a value it is not sent, and tells the transport that the request may be repeated
		// at once if a connection that was kept turns out to be dead: the delivery id makes it harmless.
		request.Header["Idempotency-Key"] = nil
	}
	if out.sign != nil {
		if err := out.sign(request.Header); err != nil {
			return sinks.Permanent(hidden(fmt.Errorf("%s: %w", out.name(), err), hide))
		}
	}
	// A round trip of the transport, unlike a client's, follows no redirect and puts no URL into
	// its errors.
	response, err := n.transport.RoundTrip(request)
	if err != nil {
		return failed(ctx, out, hide, err)
	}
	defer response.Body.Close()
	defer time.AfterFunc(answerWait, giveUp).Stop()
	return read(response)
}

// dialer connects to no address that guard refuses.
func (n *network) dialer(guard Guard) *net.Dialer {
	return &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second, Resolver: n.resolver, ControlContext: guard.control}
}

func (n *network) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	if proxy, _ := ctx.Value(tunnelKey{}).(*url.URL); proxy != nil {
		return n.through(ctx, proxy, address)
	}
	var allowed atomic.Bool
	dialer := n.dialer(n.guard)
	dialer.ControlContext = func(ctx context.Context, kind, address string, raw syscall.RawConn) error {
		err := n.guard.control(ctx, kind, address, raw)
		if err == nil {
			allowed.Store(true)
		}
		return err
	}
	conn, err := dialer.DialContext(ctx, kind, address)
	// Of what several addresses of a name come to, the dialer tells the first alone. A refusal is for good only
	// where nothing else could have been connected to.
	if refused, found := errors.AsType[*refusedError](err); found && allowed.Load() {
		return nil, sinks.Label(errors.New("no other address of the name answers, and "+refused.Error()), "unreachable")
	}
	return conn, err
}

func (n *network) close() { n.transport.CloseIdleConnections() }
