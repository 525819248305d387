package outbound

import (
	"net/netip"
	"slices"
)

// notPublic returns the blocks of the special-purpose registries (RFC 6890) that are not for the
// public internet, and those that lead elsewhere than they say.
func notPublic() []string {
	return []string{
		"0.0.0.0/8",       // this network
		"10.0.0.0/8",      // private
		"100.64.0.0/10",   // shared by providers' customers (RFC 6598)
		"127.0.0.0/8",     // loopback
		"169.254.0.0/16",  // link-local, and the metadata of clouds
		"172.16.0.0/12",   // private
		"192.0.0.0/24",    // protocol assignments
		"192.0.2.0/24",    // documentation
		"192.88.99.0/24",  // relays of 6to4
		"192.168.0.0/16",  // private
		"198.18.0.0/15",   // benchmarks
		"198.51.100.0/24", // documentation
		"203.0.113.0/24",  // documentation
		"224.0.0.0/4",     // multicast
		"240.0.0.0/4",     // reserved, and broadcast
		"2001::/23",       // protocol assignments, Teredo (RFC 4380) among them
		"2001:db8::/32",   // documentation
		"2002::/16",       // 6to4: a relay unpacks any IPv4 address
		"3fff::/20",       // documentation
	}
}

const (
	unicast = "2000::/3"     // all that is public of IPv6
	nat64   = "64:ff9b::/96" // and IPv4 behind a translator (RFC 6052 §2.1)
)

// IsPublic reports whether an address is one of the public internet. An IPv4 address that is
// written as an IPv6 one is judged as what it is.
func IsPublic(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a.Is6() && within(a, nat64) {
		bytes := a.As16()
		a = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	if !a.IsValid() || a.Is6() && !within(a, unicast) {
		return false
	}
	return !within(a, notPublic()...)
}

func within(a netip.Addr, blocks ...string) bool {
	return slices.ContainsFunc(blocks, func(b string) bool { return netip.MustParsePrefix(b).Contains(a) })
}
