package webhook

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"
)

// Guard says which addresses are not connected to. It looks at the address itself, after the name
// was resolved and at each connection, so no name and no later answer of a name server gets around
// it. Of several addresses of a name those that are refused are passed over. It holds through a proxy
// too, which is told to connect to the address that was checked, except where the guard is the default
// one and the proxy comes from the environment: that is given the name, as all programs do, and the
// guard sees the proxy's own address and literal ones only.
type Guard string

const (
	// GuardDefault refuses link-local addresses and those under which clouds hand out credentials.
	// The zero value means the same.
	GuardDefault Guard = "default"
	// GuardStrict also refuses loopback, private and other addresses that are not on the Internet.
	// It is for URLs that strangers choose.
	GuardStrict Guard = "strict"
	// GuardPermissive refuses none, and leaves the lookup of names to a proxy where one is set.
	GuardPermissive Guard = "permissive"
)

// refusedError says that a guard forbids an address. The text holds no more than that address.
type refusedError struct {
	address netip.Addr
	kind    string
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("connecting to %s is refused: it is a %s address", e.address, e.kind)
}

// control is called by a [net.Dialer] with the address of each connection before it is made.
func (g Guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("the address to connect to is not understood: %w", err)
	}
	return g.check(target.Addr())
}

// checkHost checks a host that is a literal address, and lets every name pass.
func (g Guard) checkHost(host string) error {
	if address, err := netip.ParseAddr(host); err == nil {
		return g.check(address)
	}
	return nil
}

func (g Guard) check(address netip.Addr) error {
	if g == GuardPermissive {
		return nil
	}
	for _, a := range append(embedded(address), address) {
		a = a.WithZone("").Unmap()
		switch {
		case a.IsLinkLocalUnicast(), a.IsLinkLocalMulticast():
			return &refusedError{address, "link-local"}
		case within(a, metadata()):
			return &refusedError{address, "cloud metadata"}
		case g != GuardStrict:
		case a.IsLoopback(), a.IsUnspecified():
			return &refusedError{address, "loopback"}
		case a.IsPrivate(), a.IsMulticast(), within(a, reserved()):
			return &refusedError{address, "private"}
		}
	}
	return nil
}

// embedded are the IPv4 addresses that a network may translate an IPv6 address to: by NAT64 (RFC 6052,
// also under the prefix of RFC 8215, of which the network chooses the length), 6to4 (RFC 3056), Teredo
// (RFC 4380), or as an "IPv4-compatible" (RFC 4291) or "IPv4-translated" address (RFC 2765).
func embedded(address netip.Addr) []netip.Addr {
	if address.Unmap().Is4() {
		return nil
	}
	b := address.As16()
	last := netip.AddrFrom4([4]byte(b[12:16]))
	switch {
	case within(address, lastBytes()) && !address.IsLoopback() && !address.IsUnspecified():
		return []netip.Addr{last}
	case within(address, local64()): // prefixes of 96, 64, 56 and 48 bits; the byte 8 is left out
		return []netip.Addr{
			last,
			netip.AddrFrom4([4]byte(b[9:13])),
			netip.AddrFrom4([4]byte{b[7], b[9], b[10], b[11]}),
			netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]}),
		}
	case within(address, sixToFour()):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[2:6]))}
	case within(address, teredo()):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[4:8])), netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})}
	}
	return nil
}

// metadata are the addresses beside the link-local ones that hand out credentials to whoever asks.
var metadata = prefixes(
	"fd00:ec2::/32",      // AWS: instance metadata ::254, EKS pod identity ::23
	"fd20:ce::254/128",   // Google Cloud
	"100.100.100.200/32", // Alibaba Cloud
	"168.63.129.16/32",   // Azure
	"192.0.0.192/32",     // Oracle Cloud
	"fd00:42::42/128",    // Scaleway
)

// reserved are addresses off the Internet that netip has no name for.
var reserved = prefixes(
	"0.0.0.0/8",                                                          // this network
	"100.64.0.0/10",                                                      // carriers' NAT, also Tailscale and Kubernetes services
	"192.0.0.0/24",                                                       // protocol assignments
	"198.18.0.0/15",                                                      // benchmarks
	"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", // examples
	"240.0.0.0/4",    // unassigned, broadcast
	"64:ff9b:1::/48", // NAT64 of one network
	"fec0::/10",      // site-local
)

// Prefixes of IPv6 addresses that stand for IPv4 ones.
var (
	lastBytes = prefixes("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")
	local64   = prefixes("64:ff9b:1::/48")
	sixToFour = prefixes("2002::/16")
	teredo    = prefixes("2001::/32")
)

// prefixes are parsed when they are first looked at, and once: a guard looks at each request's address.
func prefixes(texts ...string) func() []netip.Prefix {
	return sync.OnceValue(func() []netip.Prefix {
		parsed := make([]netip.Prefix, len(texts))
		for i, text := range texts {
			parsed[i] = netip.MustParsePrefix(text)
		}
		return parsed
	})
}

func within(address netip.Addr, prefixes []netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(address) })
}
