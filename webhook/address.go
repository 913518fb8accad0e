package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// ErrAddress means that an endpoint has an address which is not public, and is
// not in Options.AllowNetworks.
var ErrAddress = errors.New("webhook: the address is not public")

// A guard decides on addresses. It is asked about each that a connection is
// about to be made to, after the name was resolved, so that what the name meant
// before does not matter.
type guard []netip.Prefix

// control is that of a net.Dialer.
func (g guard) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAddress, err)
	}
	if !g.allows(ap.Addr()) {
		return refuse(ap.Addr())
	}
	return nil
}

func refuse(a netip.Addr) error {
	return fmt.Errorf("%w, nor in Options.AllowNetworks: %v", ErrAddress, a)
}

func (g guard) allows(a netip.Addr) bool {
	a = a.Unmap()
	within := func(p netip.Prefix) bool { return p.Contains(a) }
	return slices.ContainsFunc(g, within) || public(a)
}

// What is not public of IPv4: this network, private, carriers', loopback, link
// and protocol assignments, documentation, benchmarks, relays, multicast,
// reserved. Last, the address at which Azure's machines reach their host.
var notPublic4 = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
)

// Of IPv6 only this is public, without protocol assignments (Teredo among them),
// documentation and what carries IPv4 (6to4).
var (
	public6    = netip.MustParsePrefix("2000::/3")
	notPublic6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
	// nat64 is how a network without IPv4 reaches it.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

func public(a netip.Addr) bool {
	within := func(p netip.Prefix) bool { return p.Contains(a) }
	switch {
	case a.Zone() != "":
		return false
	case a.Is4():
		return !slices.ContainsFunc(notPublic4, within)
	case nat64.Contains(a):
		b := a.As16()
		return public(netip.AddrFrom4([4]byte(b[12:])))
	default:
		return public6.Contains(a) && !slices.ContainsFunc(notPublic6, within)
	}
}
