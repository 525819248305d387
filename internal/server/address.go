package server

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
)

// client is who sent a request, as far as it can be believed.
type client struct {
	addr     netip.Addr
	scheme   string // http or https, as the client's side of the outermost trusted proxy saw it
	viaProxy bool   // the peer is a trusted proxy
}

// ClientIP returns the address of the client that sent the request of ctx: the peer, or what
// trusted proxies say about it. It is the zero Addr outside a request.
func ClientIP(ctx context.Context) netip.Addr { return exchangeOf(ctx).client.addr }

// hop is what one proxy says about the peer it was called by.
type hop struct{ addr, scheme string }

// client walks the chain of proxies from our end: as long as the nearer hop is a trusted
// proxy, what it says of the hop before is believed. The first address that is not a trusted
// proxy's is the client's; whatever stands further left was written by that client.
func (s *Server) client(r *http.Request) client {
	c := client{scheme: "http"}
	if r.TLS != nil {
		c.scheme = "https"
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return c
	}
	c.addr = plain(peer.Addr())
	c.viaProxy = s.trusted(c.addr)
	if !c.viaProxy { // nothing that it says of others is believed
		return c
	}
	hops := xForwarded(r.Header)
	if s.cfg.ForwardedRFC7239 {
		hops = forwarded(r.Header)
	}
	for i := len(hops) - 1; i >= 0 && s.trusted(c.addr); i-- {
		if scheme := strings.ToLower(hops[i].scheme); scheme == "http" || scheme == "https" {
			c.scheme = scheme
		}
		addr, ok := hopAddr(hops[i].addr)
		if !ok {
			break // unreadable or obfuscated: the last proxy believed is all that is known
		}
		c.addr = addr
	}
	return c
}

func (s *Server) trusted(a netip.Addr) bool {
	for _, p := range s.cfg.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// plain drops what makes one address look like two: the IPv4-in-IPv6 form and the zone.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// hopAddr reads an address with or without port: 192.0.2.1, 192.0.2.1:80, 2001:db8::1,
// [2001:db8::1], [2001:db8::1]:80.
func hopAddr(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plain(ap.Addr()), true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return netip.Addr{}, false
	}
	return plain(a), true
}

// xForwarded reads X-Forwarded-For and X-Forwarded-Proto. Proxies append to the first and
// mostly overwrite the second: schemes pair with addresses when there are as many, else the
// last one, which the nearest proxy wrote, counts for all.
func xForwarded(h http.Header) []hop {
	addrs, schemes := elements(h.Values("X-Forwarded-For")), elements(h.Values("X-Forwarded-Proto"))
	if len(addrs) == 0 && len(schemes) > 0 {
		addrs = []string{""} // a proxy that reports the scheme alone
	}
	hops := make([]hop, len(addrs))
	for i, a := range addrs {
		hops[i].addr = a
		switch {
		case len(schemes) == len(addrs):
			hops[i].scheme = schemes[i]
		case len(schemes) > 0:
			hops[i].scheme = schemes[len(schemes)-1]
		}
	}
	return hops
}

// forwarded reads Forwarded (RFC 7239 §4).
func forwarded(h http.Header) []hop {
	var hops []hop
	for _, element := range elements(h.Values("Forwarded")) {
		var hp hop
		for pair := range strings.SplitSeq(element, ";") {
			name, value, _ := strings.Cut(pair, "=")
			value = strings.Trim(strings.TrimSpace(value), `"`)
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "for":
				hp.addr = value
			case "proto":
				hp.scheme = value
			}
		}
		hops = append(hops, hp)
	}
	return hops
}

// elements splits header lines at their commas. Neither addresses nor schemes hold a comma,
// so a quoted one only makes its element unreadable, which ends the walk.
func elements(lines []string) []string {
	var out []string
	for _, line := range lines {
		for e := range strings.SplitSeq(line, ",") {
			out = append(out, strings.TrimSpace(e))
		}
	}
	return out
}
