package server_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/signet-id/signet/internal/server"
)

// whoami answers with the client's address and scheme, which shows in the header of https.
func whoami(w http.ResponseWriter, r *http.Request) {
	scheme := "http"
	if w.Header().Get("Strict-Transport-Security") != "" {
		scheme = "https"
	}
	fmt.Fprintf(w, "%s %s", server.ClientIP(r.Context()), scheme)
}

func TestClientAddressIsTheFirstThatNoTrustedProxyVouchesFor(t *testing.T) {
	t.Parallel()
	routes := []server.Route{route("GET", "/", whoami)}
	direct := start(t, server.Config{Routes: routes})
	proxied := start(t, server.Config{Routes: routes, TrustedProxies: prefixes("127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32")})
	standard := start(t, server.Config{Routes: routes, TrustedProxies: prefixes("127.0.0.0/8", "10.0.0.0/8"), ForwardedRFC7239: true})

	for _, c := range []struct {
		name   string
		server *running
		header []string
		want   string
	}{
		{"no headers", direct, nil, "127.0.0.1 http"},
		{"headers of an untrusted peer are ignored", direct, []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https", "Forwarded", "for=192.0.2.1;proto=https"}, "127.0.0.1 http"},
		{"a trusted peer without headers is the client", proxied, nil, "127.0.0.1 http"},
		{"one proxy", proxied, []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https"}, "192.0.2.1 https"},
		{"what the client claimed stands further left", proxied, []string{"X-Forwarded-For", "203.0.113.9, 192.0.2.1"}, "192.0.2.1 http"},
		{"a chain of trusted proxies", proxied, []string{"X-Forwarded-For", "203.0.113.9, 192.0.2.1, 10.1.1.1, 10.2.2.2"}, "192.0.2.1 http"},
		{"several header lines are one list", proxied, []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-For", "10.1.1.1"}, "192.0.2.1 http"},
		{"trusted proxies alone", proxied, []string{"X-Forwarded-For", "10.1.1.1, 10.2.2.2"}, "10.1.1.1 http"},
		{"with ports", proxied, []string{"X-Forwarded-For", "192.0.2.1:5555, 10.1.1.1:80"}, "192.0.2.1 http"},
		{"IPv6", proxied, []string{"X-Forwarded-For", "2001:dead::1, 2001:db8::7"}, "2001:dead::1 http"},
		{"IPv6 with port", proxied, []string{"X-Forwarded-For", "[2001:dead::1]:99"}, "2001:dead::1 http"},
		{"IPv6 in brackets", proxied, []string{"X-Forwarded-For", "[2001:dead::1]"}, "2001:dead::1 http"},
		{"IPv4 in IPv6 is IPv4", proxied, []string{"X-Forwarded-For", "192.0.2.1, ::ffff:10.1.1.1"}, "192.0.2.1 http"},
		{"a zone is dropped", proxied, []string{"X-Forwarded-For", "fe80::1%eth0"}, "fe80::1 http"},
		{"text is not believed", proxied, []string{"X-Forwarded-For", "192.0.2.1, nonsense"}, "127.0.0.1 http"},
		{"nor is what stands left of it", proxied, []string{"X-Forwarded-For", "192.0.2.1, nonsense, 10.1.1.1"}, "10.1.1.1 http"},
		{"an empty element", proxied, []string{"X-Forwarded-For", "192.0.2.1, "}, "127.0.0.1 http"},
		{"an empty header", proxied, []string{"X-Forwarded-For", ""}, "127.0.0.1 http"},
		{"schemes pair with addresses", proxied, []string{"X-Forwarded-For", "203.0.113.9, 192.0.2.1, 10.1.1.1", "X-Forwarded-Proto", "http, https, http"}, "192.0.2.1 https"},
		{"one scheme counts for all", proxied, []string{"X-Forwarded-For", "192.0.2.1, 10.1.1.1", "X-Forwarded-Proto", "https"}, "192.0.2.1 https"},
		{"a scheme without addresses", proxied, []string{"X-Forwarded-Proto", "HTTPS"}, "127.0.0.1 https"},
		{"an invented scheme", proxied, []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "javascript"}, "192.0.2.1 http"},
		{"the header of the other kind", proxied, []string{"Forwarded", "for=192.0.2.1;proto=https"}, "127.0.0.1 http"},

		{"RFC 7239", standard, []string{"Forwarded", `for=192.0.2.1;proto=https;by=10.0.0.1`}, "192.0.2.1 https"},
		{"RFC 7239 IPv6", standard, []string{"Forwarded", `For="[2001:db8:cafe::17]:4711"`}, "2001:db8:cafe::17 http"},
		{"RFC 7239 chain", standard, []string{"Forwarded", `for=203.0.113.9, for=192.0.2.1;proto=https`, "Forwarded", "for=10.1.1.1;proto=http"}, "192.0.2.1 https"},
		{"RFC 7239 obfuscated", standard, []string{"Forwarded", `for=192.0.2.1, for=_hidden`}, "127.0.0.1 http"},
		{"RFC 7239 unknown", standard, []string{"Forwarded", `for=unknown`}, "127.0.0.1 http"},
		{"RFC 7239 a quoted comma", standard, []string{"Forwarded", `for="192.0.2.1,10.1.1.1"`}, "127.0.0.1 http"},
		{"RFC 7239 and the other kind", standard, []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https"}, "127.0.0.1 http"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got := c.server.do("GET", c.server.url, nil, c.header...); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestStrictTransportSecurityIsSentOverHTTPSOnly(t *testing.T) {
	t.Parallel()
	s := start(t, server.Config{Routes: []server.Route{route("GET", "/", whoami)}, TrustedProxies: prefixes("127.0.0.1/32")})
	res, _ := s.do("GET", s.url, nil, "X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https")
	if res.Header.Get("Strict-Transport-Security") == "" {
		t.Error("none over https")
	}
	res, _ = s.do("GET", s.url, nil, "X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "http")
	if got := res.Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("%q over http", got)
	}
}
