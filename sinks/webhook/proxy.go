package webhook

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"golang.org/x/net/proxy"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// proxySetting is what the setting proxy says.
type proxySetting struct {
	url    *url.URL // nil: the environment decides, or direct
	direct bool     // there is none, whatever the environment says
}

const noProxy = "direct"

// readProxy reads the setting. Its errors show none of it, as it may hold a password.
func readProxy(setting config.Secret) (proxySetting, error) {
	switch setting.Reveal() {
	case "":
		return proxySetting{}, nil
	case noProxy:
		return proxySetting{direct: true}, nil
	}
	address, err := url.Parse(setting.Reveal())
	switch {
	case err != nil:
		return proxySetting{}, errors.New("is not a URL: look for blanks, quotes, a stray % or a port that is no number")
	case !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, address.Scheme):
		return proxySetting{}, errors.New(`begins with neither http://, https:// nor socks5://, and is not "direct"`)
	case address.Hostname() == "":
		return proxySetting{}, fmt.Errorf("names no host: write %s://HOST:PORT", address.Scheme)
	case address.Path != "" && address.Path != "/" || address.RawQuery != "":
		return proxySetting{}, fmt.Errorf("has a path: a proxy is %s://HOST:PORT", address.Scheme)
	}
	return proxySetting{url: address}, nil
}

// A proxy that resolves names would get around the guard: it may find another address than this worker,
// or one that only the proxy can reach. So Consign looks the name up itself, checks what it finds, and
// has the proxy connect to that address: through a tunnel, in which TLS is spoken with the receiver under
// its name. This is how the setting proxy works, and how one from the environment does under the strict
// guard. Under the default guard one from the environment is used as every program uses it, by name.

// tunnelKey is the key of a context's value that holds the proxy to tunnel through.
type tunnelKey struct{}

// tunnel is the proxy through which a tunnel leads to target; nil: none does.
func (n *network) tunnel(target *url.URL) (*url.URL, error) {
	if n.proxy.url != nil || n.proxies == nil || n.guard != GuardStrict {
		return n.proxy.url, nil
	}
	return n.proxies(target)
}

// unguarded is the proxy that is given the name of target; nil: none is.
func (n *network) unguarded(target *url.URL) (*url.URL, error) {
	if n.proxies == nil || n.guard == GuardStrict {
		return nil, nil
	}
	return n.proxies(target)
}

// chosen is the proxy for target, whichever way it is used, for the sake of its password.
func (n *network) chosen(target *url.URL) *url.URL {
	if n.proxy.url != nil || n.proxies == nil {
		return n.proxy.url
	}
	found, _ := n.proxies(target) // an error was that of the request, too
	return found
}

// proxyError is a failure of the way to the receiver, not of the receiver.
type proxyError struct{ err error }

func (e *proxyError) Error() string { return "proxy: " + e.err.Error() }
func (e *proxyError) Unwrap() error { return e.err }

// through connects to address by way of a proxy.
func (n *network) through(ctx context.Context, by *url.URL, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	hosts, err := n.allowed(ctx, host)
	if err != nil {
		return nil, err
	}
	var first error
	for _, one := range hosts {
		conn, err := n.hop(ctx, by, net.JoinHostPort(one, port))
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = &proxyError{err}
		}
	}
	return nil, first
}

// allowed are the addresses of a host that the guard does not refuse. The permissive guard leaves the
// lookup to the proxy.
func (n *network) allowed(ctx context.Context, host string) ([]string, error) {
	if n.guard == GuardPermissive {
		return []string{host}, nil
	}
	addresses := make([]netip.Addr, 1)
	var err error
	if addresses[0], err = netip.ParseAddr(host); err != nil {
		resolver := n.resolver
		if resolver == nil {
			resolver = net.DefaultResolver
		}
		if addresses, err = resolver.LookupNetIP(ctx, "ip", host); err != nil {
			return nil, fmt.Errorf("the name is looked up here, not by the proxy, so that the address can be checked (egress: permissive leaves it to the proxy): %w", err)
		}
	}
	var hosts []string
	var refused error
	for _, address := range addresses {
		if err := n.guard.check(address); err != nil {
			refused = err
			continue
		}
		hosts = append(hosts, address.Unmap().String())
	}
	if len(hosts) == 0 {
		return nil, refused
	}
	return hosts, nil
}

// hop has a proxy connect to address.
func (n *network) hop(ctx context.Context, by *url.URL, address string) (net.Conn, error) {
	// The proxy itself is the operator's choice, and mostly at a private address.
	guard := GuardDefault
	if n.guard == GuardPermissive {
		guard = GuardPermissive
	}
	dialer, at := n.dialer(guard), proxyAddress(by)
	if by.Scheme == "socks5" || by.Scheme == "socks5h" {
		var login *proxy.Auth
		if by.User != nil {
			password, _ := by.User.Password()
			login = &proxy.Auth{User: by.User.Username(), Password: password}
		}
		socks, err := proxy.SOCKS5("tcp", at, login, dialer)
		if err != nil {
			return nil, err
		}
		return socks.(proxy.ContextDialer).DialContext(ctx, "tcp", address) //nolint:forcetypeassert // as its documentation says
	}
	conn, err := dialer.DialContext(ctx, "tcp", at)
	if err != nil {
		return nil, err
	}
	// What is read and written below ends with the context.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	tunnel, err := n.connect(ctx, conn, by, address)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return tunnel, nil
}

// connect asks an HTTP proxy at the other end of conn for a tunnel (RFC 9110, section 9.3.6).
func (n *network) connect(ctx context.Context, conn net.Conn, by *url.URL, address string) (net.Conn, error) {
	if by.Scheme == "https" {
		security := &tls.Config{ServerName: by.Hostname(), MinVersion: tls.VersionTLS12}
		if own := n.transport.TLSClientConfig; own != nil {
			security.RootCAs = own.RootCAs
		}
		secured := tls.Client(conn, security)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		conn = secured
	}
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{"User-Agent": {userAgent()}}}
	if by.User != nil {
		password, _ := by.User.Password()
		request.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(by.User.Username()+":"+password)))
	}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	answer := bufio.NewReader(io.LimitReader(conn, maxAnswer))
	response, err := http.ReadResponse(answer, request)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close() // a tunnel's is empty, and another one's connection is closed
	switch {
	case response.StatusCode < 200 || response.StatusCode > 299:
		return nil, sinks.Label(fmt.Errorf("CONNECT answered %d %s", response.StatusCode, http.StatusText(response.StatusCode)), fmt.Sprintf("http %d", response.StatusCode))
	case answer.Buffered() > 0:
		return nil, errors.New("it says something before the receiver was asked")
	}
	return conn, nil
}

// proxyAddress is the host and port of a proxy.
func proxyAddress(by *url.URL) string {
	port := by.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[by.Scheme]
	}
	if port == "" {
		port = "1080"
	}
	return net.JoinHostPort(by.Hostname(), port)
}
