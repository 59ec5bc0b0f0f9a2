package webhook

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

func TestGuard_EachAddress_IsRefusedOrNot(t *testing.T) {
	t.Parallel()
	const allowed, strictly, always = "allowed", "refused if strict", "refused"
	for address, want := range map[string]string{
		"169.254.169.254": always, "169.254.170.2": always, "169.254.0.1": always,
		"::ffff:169.254.169.254": always, "64:ff9b::a9fe:a9fe": always, "2002:a9fe:a9fe::1": always,
		"fe80::1": always, "fe80::1%eth0": always, "febf::1": always, "ff02::1": always, "224.0.0.1": always,
		"64:ff9b:1::a9fe:a9fe": always, "64:ff9b:1:a83f:81:1000::": always, "64:ff9b:1:a8:3f:8110::": always, "64:ff9b:1:0:a8:3f81:1000:0": always, "::169.254.169.254": always, "::ffff:0:a9fe:a9fe": always, "2001:0:a9fe:a9fe::1": always, "2001::5601:5601": always,
		"fd00:ec2::254": always, "fd00:ec2::254%eth0": always, "fd00:ec2::23": always, "fd20:ce::254": always,
		"100.100.100.200": always, "::ffff:100.100.100.200": always, "168.63.129.16": always, "192.0.0.192": always,

		"127.0.0.1": strictly, "127.9.9.9": strictly, "::1": strictly, "::ffff:127.0.0.1": strictly, "64:ff9b::7f00:1": strictly,
		"0.0.0.0": strictly, "::": strictly, "0.1.2.3": strictly,
		"10.1.2.3": strictly, "172.16.0.1": strictly, "192.168.1.1": strictly, "fd12:3456::1": strictly, "fc00::1": strictly,
		"100.64.0.1": strictly, "198.18.0.1": strictly, "255.255.255.255": strictly, "239.1.1.1": strictly, "64:ff9b:1::1": strictly,
		"203.0.113.9": strictly, "2001:db8::1": strictly, "fec0::1": strictly,

		"8.8.8.8": allowed, "2606:4700::1111": allowed, "172.32.0.1": allowed, "169.253.1.1": allowed, "64:ff9b::808:808": allowed,
	} {
		dial := net.JoinHostPort(address, "443")
		require.Equal(t, want == always, Guard("").control(t.Context(), "tcp", dial, nil) != nil, address)
		require.Equal(t, want == always, GuardDefault.control(t.Context(), "tcp", dial, nil) != nil, address)
		require.NoError(t, GuardPermissive.control(t.Context(), "tcp", dial, nil), address)
		require.Equal(t, want != allowed, GuardStrict.control(t.Context(), "tcp", dial, nil) != nil, address)
	}
	require.Error(t, GuardDefault.control(t.Context(), "tcp", "nonsense", nil))
}

func TestDeliver_AMetadataAddress_IsRefusedForGood(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1%25lo]", "[fd00:ec2::254]", "100.100.100.200"} {
		_, err := New(Config{URL: "http://" + host + "/latest/" + password})
		require.ErrorContains(t, err, "webhook.url: connecting to ", "what stands in the file is found at start")
		require.NotContains(t, err.Error(), password)

		failure := refused(t, attempt(t, open(t, "http://{{ raw .source }}/latest/"+password), from(host)))
		require.True(t, failure.Permanent, failure.Message)
		require.Equal(t, "egress refused", failure.Label)
		require.Contains(t, failure.Message, "is refused")
	}
}

// from is a delivery of a result with this source.
func from(source string) sinks.Delivery {
	d := delivery(`{}`)
	d.Result.Source = source
	return d
}

func TestDeliver_ANameThatLeadsToMetadata_IsRefusedAtEachConnection(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	_, port, err := net.SplitHostPort(r.Listener.Addr().String())
	require.NoError(t, err)
	var leadsTo atomic.Value
	sink := open(t, "http://rebinding.test:"+port+"/"+password)
	sink.sender.network = newNetwork(GuardDefault, proxySetting{}, nil, resolver(t, &leadsTo))

	leadsTo.Store(netip.MustParseAddr("127.0.0.1"))
	require.NoError(t, attempt(t, sink, delivery(`{}`)))
	sink.sender.network.close()

	leadsTo.Store(netip.MustParseAddr("169.254.169.254"))
	failure := refused(t, attempt(t, sink, delivery(`{}`)))
	require.True(t, failure.Permanent, failure.Message)
	require.Equal(t, "egress refused", failure.Label)
	require.Contains(t, failure.Message, "169.254.169.254")
}

func TestPost_StrictGuard_RefusesLoopback(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	_, port, err := net.SplitHostPort(r.Listener.Addr().String())
	require.NoError(t, err)
	sender, err := NewSender(config.NewSecret(key), nil, GuardStrict)
	require.NoError(t, err)
	t.Cleanup(sender.Close)
	for _, address := range []string{r.URL, "http://localhost:" + port} {
		failure := refused(t, sender.Post(t.Context(), address, "msg_1", time.Now(), time.Time{}, []byte(`{}`), nil))
		require.True(t, failure.Permanent, failure.Message)
		require.Equal(t, "egress refused", failure.Label)
	}
	require.Empty(t, r.got())
}

func TestDeliver_ANameOfSeveralAddresses_HasEachOneChecked(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	_, port, err := net.SplitHostPort(r.Listener.Addr().String())
	require.NoError(t, err)
	metadata, mapped, nat64 := netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("64:ff9b::a9fe:a9fe")
	for _, test := range []struct {
		guard     Guard
		addresses []netip.Addr
		refused   bool
	}{
		{GuardDefault, []netip.Addr{metadata, netip.MustParseAddr("127.0.0.1")}, false}, // passed over
		{GuardDefault, []netip.Addr{metadata, mapped, nat64}, true},
		{GuardDefault, []netip.Addr{nat64}, true},
		{GuardStrict, []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.7"), netip.MustParseAddr("fc00::7"), netip.MustParseAddr("::1")}, true},
		{GuardPermissive, []netip.Addr{netip.MustParseAddr("127.0.0.1")}, false},
	} {
		leadsTo := &atomic.Value{}
		leadsTo.Store(test.addresses)
		sink := build(t, Config{URL: "http://several.test:" + port, Egress: test.guard})
		resolving(t, sink, leadsTo)
		err := attempt(t, sink, delivery(`{}`))
		if !test.refused {
			require.NoError(t, err, test.addresses)
			continue
		}
		failure := refused(t, err)
		require.Equal(t, "egress refused", failure.Label, "%v: %s", test.addresses, failure.Message)
		require.True(t, failure.Permanent)
	}
	require.Len(t, r.got(), 2)
}

func TestDeliver_ANameWhoseOtherAddressIsDown_IsTransient(t *testing.T) {
	t.Parallel()
	// Of loopback addresses and others the resolver puts the former first, so it takes one of the machine's own.
	own := netip.MustParsePrefix("0.0.0.0/0")
	all, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, one := range all {
		prefix, err := netip.ParsePrefix(one.String())
		if err == nil && prefix.Addr().Is4() && !prefix.Addr().IsLoopback() && GuardDefault.check(prefix.Addr()) == nil {
			own = prefix
		}
	}
	if own.Addr().IsUnspecified() {
		t.Skip("this machine has no address")
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(own.Addr().String(), "0"))
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, listener.Close()) // so that nobody is there

	leadsTo := &atomic.Value{}
	leadsTo.Store([]netip.Addr{netip.MustParseAddr("100.100.100.200"), own.Addr()})
	sink := build(t, Config{URL: "http://several.test:" + port})
	resolving(t, sink, leadsTo)
	failure := refused(t, attempt(t, sink, delivery(`{}`)))
	require.False(t, failure.Permanent, failure.Message)
	require.Equal(t, "unreachable", failure.Label)
	require.Contains(t, failure.Message, "connecting to 100.100.100.200 is refused")
}

// resolver asks a name server that knows one answer to every question: an address, or several.
func resolver(t *testing.T, answer *atomic.Value) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			var message dnsmessage.Message
			if message.Unpack(buffer[:n]) != nil {
				continue
			}
			message.Response, message.Additionals = true, nil
			addresses, several := answer.Load().([]netip.Addr)
			if !several {
				addresses = []netip.Addr{answer.Load().(netip.Addr)}
			}
			for _, address := range addresses {
				question := message.Questions[0]
				resource := dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: dnsmessage.ClassINET}}
				switch {
				case question.Type == dnsmessage.TypeA && address.Is4():
					resource.Body = &dnsmessage.AResource{A: address.As4()}
				case question.Type == dnsmessage.TypeAAAA && address.Is6():
					resource.Body = &dnsmessage.AAAAResource{AAAA: address.As16()}
				default:
					continue
				}
				message.Answers = append(message.Answers, resource)
			}
			packed, err := message.Pack()
			if err == nil {
				_, _ = server.WriteTo(packed, from)
			}
		}
	}()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}
