package webhook

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// relay is a proxy that speaks CONNECT or SOCKS5 and keeps what it was asked to connect to. Whatever that
// is, it connects to the receiver.
type relay struct {
	address, receiver string
	mu                sync.Mutex
	asked             []string
	login             string // user:password; empty: anybody
}

// start serves on a listener until the test ends.
func (r *relay) start(t *testing.T, listener net.Listener, serve func(net.Conn) net.Conn) {
	t.Helper()
	r.address = listener.Addr().String()
	var busy sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	busy.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			busy.Go(func() {
				defer conn.Close()
				behind := serve(conn)
				if behind == nil {
					return
				}
				defer behind.Close()
				busy.Go(func() { _, _ = io.Copy(behind, conn); _ = behind.Close() })
				_, _ = io.Copy(conn, behind)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		busy.Wait()
	})
}

func (r *relay) connect(to string) net.Conn {
	r.mu.Lock()
	r.asked = append(r.asked, to)
	r.mu.Unlock()
	conn, err := net.Dial("tcp", r.receiver)
	if err != nil {
		return nil
	}
	return conn
}

func (r *relay) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.asked...)
}

// http serves CONNECT.
func (r *relay) http(conn net.Conn) net.Conn {
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return nil
	}
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte(r.login)); r.login != "" && request.Header.Get("Proxy-Authorization") != want {
		_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
		return nil
	}
	if request.Method != http.MethodConnect {
		_, _ = io.WriteString(conn, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
		return nil
	}
	behind := r.connect(request.Host)
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	return behind
}

// socks serves SOCKS5 (RFC 1928) without a login.
func (r *relay) socks(conn net.Conn) net.Conn {
	head := make([]byte, 4)
	read := func(n int) []byte {
		b := make([]byte, n)
		_, _ = io.ReadFull(conn, b)
		return b
	}
	methods := read(2)
	read(int(methods[1]))
	_, _ = conn.Write([]byte{5, 0})
	if _, err := io.ReadFull(conn, head); err != nil {
		return nil
	}
	var host string
	switch head[3] {
	case 1:
		host = net.IP(read(4)).String()
	case 4:
		host = net.IP(read(16)).String()
	default:
		host = string(read(int(read(1)[0])))
	}
	port := binary.BigEndian.Uint16(read(2))
	behind := r.connect(netip.AddrPortFrom(netip.Addr{}, port).String() + " " + host)
	_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return behind
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return listener
}

// behind is a TLS receiver for hooks.test, and the name server that says where that is.
func behind(t *testing.T) (server *httptest.Server, ca *authority, leadsTo *atomic.Value) {
	t.Helper()
	ca = newAuthority(t)
	server = serve(t, &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "hooks.test", soonOver())}}, func(http.ResponseWriter, *http.Request) {})
	return server, ca, &atomic.Value{}
}

// resolving makes a sink ask that name server.
func resolving(t *testing.T, sink *Sink, leadsTo *atomic.Value) {
	t.Helper()
	n := sink.sender.network
	sink.sender.network = newNetwork(n.guard, n.proxy, n.transport.TLSClientConfig, resolver(t, leadsTo))
}

func TestDeliver_ThroughAProxy_TheAddressThatWasCheckedIsConnectedTo(t *testing.T) {
	t.Parallel()
	server, ca, _ := behind(t)
	secured := tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "127.0.0.1", soonOver())}})
	const login = "me:pr0xy-passw0rd"
	for name, listener := range map[string]net.Listener{"http": listen(t), "https": secured, "socks5": listen(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leadsTo := &atomic.Value{}
			r := &relay{receiver: server.Listener.Addr().String(), login: login}
			serve := r.http
			if name == "socks5" {
				serve = r.socks
			}
			r.start(t, listener, serve)
			sink := build(t, Config{
				URL: "https://hooks.test/" + password, TLS: TLS{CA: ca.path}, Egress: GuardStrict,
				Proxy: config.NewSecret(name + "://" + login + "@" + r.address),
			})
			resolving(t, sink, leadsTo)

			leadsTo.Store(netip.MustParseAddr("203.0.114.7")) // an address of the Internet that nobody here can reach
			require.NoError(t, attempt(t, sink, delivery(`{}`)))
			require.Len(t, r.got(), 1)
			require.Contains(t, r.got()[0], "203.0.114.7")
			require.NotContains(t, r.got()[0], "hooks.test")

			// The name changes to a private address between two look-ups.
			sink.sender.network.close()
			for _, address := range []string{"10.0.0.7", "169.254.169.254", "127.0.0.1"} {
				leadsTo.Store(netip.MustParseAddr(address))
				failure := refused(t, attempt(t, sink, delivery(`{}`)))
				require.Equal(t, "egress refused", failure.Label, failure.Message)
				require.True(t, failure.Permanent)
			}
			require.Len(t, r.got(), 1, "the proxy was not asked")
		})
	}
}

func TestDeliver_ThroughAProxyPermissively_TheProxyLooksTheNameUp(t *testing.T) {
	t.Parallel()
	server, ca, _ := behind(t)
	for _, scheme := range []string{"http", "socks5"} {
		r := &relay{receiver: server.Listener.Addr().String()}
		serve := r.http
		if scheme == "socks5" {
			serve = r.socks
		}
		r.start(t, listen(t), serve)
		sink := build(t, Config{URL: "https://hooks.test/", TLS: TLS{CA: ca.path}, Egress: GuardPermissive, Proxy: config.NewSecret(scheme + "://" + r.address)})
		require.NoError(t, attempt(t, sink, delivery(`{}`)))
		require.Contains(t, r.got()[0], "hooks.test")
	}
}

func TestDeliver_AProxyThatFails_IsNamedAndItsPasswordHidden(t *testing.T) {
	t.Parallel()
	const passphrase = "pr0xy-passw0rd"
	r := &relay{login: "me:other"}
	r.start(t, listen(t), r.http)
	silent := &relay{}
	silent.start(t, listen(t), func(conn net.Conn) net.Conn { _, _ = io.Copy(io.Discard, conn); return nil })
	parrot := &relay{}
	parrot.start(t, listen(t), func(conn net.Conn) net.Conn {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err == nil {
			_, _ = io.WriteString(conn, request.Header.Get("Proxy-Authorization")+passphrase+"\r\n\r\n")
		}
		return nil
	})
	closed := listen(t)
	require.NoError(t, closed.Close())
	for address, label := range map[string]string{
		r.address: "proxy http 407", closed.Addr().String(): "proxy connection refused", parrot.address: "proxy error",
	} {
		sink := build(t, Config{URL: "https://127.0.0.1:1/", Proxy: config.NewSecret("http://me:" + passphrase + "@" + address)})
		failure := refused(t, attempt(t, sink, delivery(`{}`)))
		require.Equal(t, label, failure.Label, failure.Message)
		require.False(t, failure.Permanent)
		require.NotContains(t, failure.Message, passphrase)
		require.NotContains(t, failure.Message, base64.StdEncoding.EncodeToString([]byte("me:"+passphrase)))
	}
	sink := build(t, Config{URL: "https://127.0.0.1:1/", Proxy: config.NewSecret("http://" + silent.address)})
	ctx, cancel := contextFor(t, 100*time.Millisecond)
	defer cancel()
	require.Equal(t, "timeout", refused(t, sink.Deliver(ctx, []sinks.Delivery{delivery(`{}`)})[0]).Label)
}

func TestDeliver_StrictGuardAndAProxyInTheEnvironment_IsTunnelledThrough(t *testing.T) {
	server, ca, leadsTo := behind(t)
	r := &relay{receiver: server.Listener.Addr().String()}
	r.start(t, listen(t), r.http)
	t.Setenv("HTTPS_PROXY", "http://"+r.address)
	sink := build(t, Config{URL: "https://hooks.test/", TLS: TLS{CA: ca.path}, Egress: GuardStrict})
	resolving(t, sink, leadsTo)
	leadsTo.Store(netip.MustParseAddr("203.0.114.7"))
	require.NoError(t, attempt(t, sink, delivery(`{}`)))
	require.Equal(t, []string{"203.0.114.7:443"}, r.got())
	sink.sender.network.close()
	leadsTo.Store(netip.MustParseAddr("192.168.0.1"))
	require.Equal(t, "egress refused", refused(t, attempt(t, sink, delivery(`{}`))).Label)
}

func TestDeliver_ProxyDirect_IgnoresTheEnvironment(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	r := receive(t, nil)
	// Loopback is never proxied by the environment, a name for it is.
	sink := build(t, Config{URL: strings.Replace(r.URL, "127.0.0.1", "hooks.test", 1), Proxy: config.NewSecret("direct")})
	leadsTo := &atomic.Value{}
	leadsTo.Store(netip.MustParseAddr("127.0.0.1"))
	resolving(t, sink, leadsTo)
	require.NoError(t, attempt(t, sink, delivery(`{}`)))
}

func TestProxy_EachMistake_NamesTheFieldAndNotThePassword(t *testing.T) {
	t.Parallel()
	for proxy, remedy := range map[string]string{
		"ftp://me:" + password + "@proxy": "neither http",
		password + ":3128":                "neither http",
		"http://me:" + password + "@":     "names no host",
		"http://proxy/" + password:        "has a path",
		"http://proxy:" + password:        "not a URL",
		"none":                            "neither http",
	} {
		var fields []string
		(&Config{URL: "https://example.com/", Proxy: config.NewSecret(proxy)}).Validate(func(field, problem string) {
			fields = append(fields, field)
			require.Contains(t, problem, remedy, proxy)
			require.NotContains(t, problem, password)
		})
		require.Equal(t, []string{"proxy"}, fields)
	}
}
