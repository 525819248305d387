package client_test

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
)

func TestRedirectURIsThatMayBeRegistered(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{
		"https://app.example/cb",
		"https://app.example",
		"https://app.example:8443/cb?x=1&y=%20",
		"https://xn--bcher-kva.example/cb",
		"https://127.0.0.1/cb",
		"https://[2001:db8::1]/cb",
		"http://127.0.0.1/cb",
		"http://127.0.0.1:8080/cb",
		"http://127.8.9.10/cb",
		"http://[::1]/cb",
		"http://[::1]:8080/cb",
		"http://localhost:3000/cb",
		"com.example.app:/cb",
		"com.example.app://host/cb",
		"https://app.example/..hidden/...",
		"https://app.example/" + strings.Repeat("a", client.MaxRedirectURI-len("https://app.example/")),
	} {
		if err := client.CheckRedirectURI(uri); err != nil {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

func TestRedirectURIsThatMayNotBeRegistered(t *testing.T) {
	t.Parallel()
	for name, uri := range map[string]string{
		"empty":                               "",
		"relative":                            "/cb",
		"no scheme":                           "//app.example/cb",
		"no authority":                        "https:/app.example/cb",
		"opaque":                              "https:app.example/cb",
		"no host":                             "https:///cb",
		"a port alone":                        "https://:443/cb",
		"a fragment":                          "https://app.example/cb#x",
		"an empty fragment":                   "https://app.example/cb#",
		"user information":                    "https://user@app.example/cb",
		"empty user information":              "https://@app.example/cb",
		"user and password":                   "https://app.example:x@evil.example/cb",
		"user information on loopback":        "http://127.0.0.1@evil.example/cb",
		"a wildcard host":                     "https://*.app.example/cb",
		"a wildcard path":                     "https://app.example/*",
		"a backslash":                         `https://app.example\@evil.example/cb`,
		"a space":                             "https://app.example/c b",
		"a tab in the scheme":                 "htt\tps://app.example/cb",
		"a line break":                        "https://app.example/cb\r\nX: y",
		"a NUL":                               "https://app.example/\x00",
		"a delete":                            "https://app.example/\x7f",
		"characters beyond ASCII":             "https://bücher.example/cb",
		"a malformed escape":                  "https://app.example/%zz",
		"an escape in the host":               "https://app%2eexample/cb",
		"dot segments":                        "https://app.example/a/../cb",
		"dot segments, escaped":               "https://app.example/a/%2e%2E/cb",
		"a single dot segment":                "https://app.example/./cb",
		"a dot segment at the end":            "https://app.example/a/..",
		"http elsewhere":                      "http://app.example/cb",
		"http on a private address":           "http://192.168.0.1/cb",
		"http on an address that looks local": "http://127.0.0.1.evil.example/cb",
		"http on every address":               "http://0.0.0.0/cb",
		"http on a short loopback":            "http://127.1/cb",
		"http on a decimal loopback":          "http://2130706433/cb",
		"http on localhost's neighbour":       "http://localhost.evil.example/cb",
		"http on a subdomain of localhost":    "http://app.localhost/cb",
		"a port that is no number":            "https://app.example:x/cb",
		"a port beyond the last":              "http://127.0.0.1:65536/cb",
		"port zero":                           "http://127.0.0.1:0/cb",
		"a negative port":                     "http://127.0.0.1:-1/cb",
		"javascript":                          "javascript:alert(1)",
		"javascript with a path":              "javascript:/alert(1)",
		"data":                                "data:text/html,x",
		"file":                                "file:///etc/passwd",
		"a private scheme without a dot":      "myapp:/cb",
		"a private scheme without a path":     "com.example.app:cb",
		"a private scheme with a port":        "com.example.app://host:1/cb",
		"a private scheme alone":              "com.example.app:",
		"a zone on loopback":                  "http://[::1%25lo]/cb",
		"too long":                            "https://app.example/" + strings.Repeat("a", client.MaxRedirectURI),
	} {
		if err := client.CheckRedirectURI(uri); !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("%s: %q: %v", name, uri, err)
		}
		if (client.Client{RedirectURIs: []string{uri}}).MatchRedirectURI(uri) {
			t.Errorf("%s: %q matches itself", name, uri)
		}
	}
}

func TestARedirectURIMatchesExactlyButForALoopbackPort(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, registered, asked string
		want                    bool
	}{
		{"the same", "https://app.example/cb", "https://app.example/cb", true},
		{"another path", "https://app.example/cb", "https://app.example/cb2", false},
		{"a longer path", "https://app.example/cb", "https://app.example/cb/x", false},
		{"a trailing slash", "https://app.example/cb", "https://app.example/cb/", false},
		{"no path for a slash", "https://app.example/", "https://app.example", false},
		{"a query", "https://app.example/cb", "https://app.example/cb?x", false},
		{"an empty query", "https://app.example/cb", "https://app.example/cb?", false},
		{"another order of the query", "https://app.example/cb?a&b", "https://app.example/cb?b&a", false},
		{"another case of the host", "https://app.example/cb", "https://APP.example/cb", false},
		{"another case of the scheme", "https://app.example/cb", "HTTPS://app.example/cb", false},
		{"another case of an escape", "https://app.example/%2f", "https://app.example/%2F", false},
		{"an escape for a letter", "https://app.example/cb", "https://app.example/c%62", false},
		{"the default port", "https://app.example/cb", "https://app.example:443/cb", false},
		{"another port", "https://app.example:1/cb", "https://app.example:2/cb", false},
		{"http for https", "https://app.example/cb", "http://app.example/cb", false},
		{"a subdomain", "https://app.example/cb", "https://x.app.example/cb", false},
		{"a trailing dot", "https://app.example/cb", "https://app.example./cb", false},

		{"a port for none on loopback", "http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", true},
		{"another port on loopback", "http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb", true},
		{"no port for one on loopback", "http://127.0.0.1:1/cb", "http://127.0.0.1/cb", true},
		{"another port on the IPv6 loopback", "http://[::1]/cb", "http://[::1]:2/cb", true},
		{"another path on loopback", "http://127.0.0.1/cb", "http://127.0.0.1:2/cb2", false},
		{"another query on loopback", "http://127.0.0.1/cb", "http://127.0.0.1:2/cb?x", false},
		{"the port within the path", "http://127.0.0.1/cb", "http://127.0.0.1/:2cb", false},
		{"the host with its port again in the path", "http://127.0.0.1/127.0.0.1:2", "http://127.0.0.1:2/127.0.0.1:2", true},
		{"the host with another port in the path", "http://127.0.0.1:2/127.0.0.1:2", "http://127.0.0.1:3/127.0.0.1:3", false},
		{"another loopback address", "http://127.0.0.1/cb", "http://127.0.0.2/cb", false},
		{"another spelling of the IPv6 loopback", "http://[::1]/cb", "http://[0:0:0:0:0:0:0:1]/cb", false},
		{"localhost for an address", "http://127.0.0.1/cb", "http://localhost/cb", false},
		{"an address for localhost", "http://localhost/cb", "http://127.0.0.1/cb", false},
		{"another port on localhost", "http://localhost:1/cb", "http://localhost:2/cb", false},
		{"https registered, http asked", "https://127.0.0.1/cb", "http://127.0.0.1:9999/cb", false},
		{"https on loopback, another port", "https://127.0.0.1/cb", "https://127.0.0.1:9999/cb", false},
		{"http registered, https asked", "http://127.0.0.1/cb", "https://127.0.0.1:9999/cb", false},
		{"user information on loopback", "http://127.0.0.1/cb", "http://x@127.0.0.1:2/cb", false},
		{"a port beyond the last on loopback", "http://127.0.0.1/cb", "http://127.0.0.1:70000/cb", false},
		{"port zero on loopback", "http://127.0.0.1/cb", "http://127.0.0.1:0/cb", false},
		{"an empty port on loopback", "http://127.0.0.1/cb", "http://127.0.0.1:/cb", false},

		{"a private scheme", "com.example.app:/cb", "com.example.app:/cb", true},
		{"a private scheme, another path", "com.example.app:/cb", "com.example.app:/cb2", false},
		{"a private scheme, an authority", "com.example.app:/cb", "com.example.app://cb", false},
		{"nothing", "https://app.example/cb", "", false},
	} {
		cl := client.Client{RedirectURIs: []string{"https://unrelated.example/", c.registered}, PostLogoutRedirectURIs: []string{c.registered}}
		if err := client.CheckRedirectURI(c.registered); err != nil {
			t.Errorf("%s: cannot be registered: %v", c.name, err)
		}
		if got := cl.MatchRedirectURI(c.asked); got != c.want {
			t.Errorf("%s: %q for %q: %v", c.name, c.asked, c.registered, got)
		}
		if got := cl.MatchPostLogoutRedirectURI(c.asked); got != c.want {
			t.Errorf("%s, after logout: %v", c.name, got)
		}
	}
	if (client.Client{PostLogoutRedirectURIs: []string{"https://a.example/"}}).MatchRedirectURI("https://a.example/") {
		t.Error("a URI for after the logout takes codes")
	}
}

// authority reads the host of an http(s) URI as RFC 3986 appendix B splits it, and the rest,
// without net/url.
func authority(uri string) (scheme, host, port, rest string, ok bool) {
	scheme, after, ok := strings.Cut(uri, "://")
	if !ok {
		return "", "", "", "", false
	}
	end := strings.IndexAny(after, "/?#")
	if end < 0 {
		end = len(after)
	}
	host, rest = after[:end], after[end:]
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host, port = host[:i], host[i+1:]
	}
	return scheme, host, port, rest, true
}

func FuzzMatchRedirectURI(f *testing.F) {
	for _, s := range []string{
		"https://app.example/cb", "http://127.0.0.1:1234/cb", "http://[::1]:1/cb", "http://localhost/cb", "com.example.app:/cb",
		"https://127.0.0.1/tls", "http://127.0.0.1:1@evil.example/cb", "http://127.0.0.1:/cb", "http://127.0.0.1\\@evil/cb",
		"http://127.0.0.1:80:80/cb", "http://[::ffff:127.0.0.1]/cb", "http://127.0.0.1:1/cb?x#y", "http://[::1]x/cb",
	} {
		f.Add(s, "http://127.0.0.1/cb")
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, asked, extra string) {
		c := client.Client{RedirectURIs: []string{
			"https://app.example/cb", "https://127.0.0.1/tls", "http://127.0.0.1/cb", "http://[::1]:7/cb", "http://localhost:3000/cb", "com.example.app:/cb",
		}}
		if client.CheckRedirectURI(extra) == nil {
			c.RedirectURIs = append(c.RedirectURIs, extra)
			if !c.MatchRedirectURI(extra) {
				t.Fatalf("%q is registered and does not match", extra)
			}
		}
		if !c.MatchRedirectURI(asked) {
			return
		}
		if err := client.CheckRedirectURI(asked); err != nil {
			t.Fatalf("%q matches and is %v", asked, err)
		}
		if slices.Contains(c.RedirectURIs, asked) {
			return
		}
		// Then it differs from a registered one by the port of a loopback address alone.
		scheme, host, port, rest, ok := authority(asked)
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if !ok || !strings.EqualFold(scheme, "http") || ip == nil || !ip.IsLoopback() || strings.Trim(port, "0123456789") != "" {
			t.Fatalf("%q matches by a port and is no loopback address", asked)
		}
		if !slices.ContainsFunc(c.RedirectURIs, func(r string) bool {
			s, h, _, tail, ok := authority(r)
			return ok && s == scheme && h == host && tail == rest
		}) {
			t.Fatalf("%q matches none of %q", asked, c.RedirectURIs)
		}
		u, err := url.Parse(asked)
		if err != nil || u.Hostname() != strings.Trim(host, "[]") || u.User != nil {
			t.Fatalf("%q: two parsers see the hosts %q and %q, %v", asked, host, u.Hostname(), err)
		}
	})
}

func TestAnOriginIsWrittenAsABrowserSendsIt(t *testing.T) {
	t.Parallel()
	for origin, ok := range map[string]bool{
		"https://app.example": true, "https://app.example:8443": true, "http://localhost:3000": true, "http://127.0.0.1": true,
		"http://[::1]:3000": true, "https://[2001:db8::1]": true, "https://xn--bcher-kva.example": true,
		"": false, "null": false, "*": false, "https://*": false, "https://*.app.example": false, "app.example": false,
		"https://app.example/": false, "https://app.example/x": false, "https://app.example?": false, "https://app.example#": false,
		"https://App.example": false, "HTTPS://app.example": false, "https://user@app.example": false, "https://": false,
		"http://app.example": false, "ftp://app.example": false, "https://app.example https://b.example": false,
		"https://app.example:443": false, "http://localhost:80": false, "https://app.example:": false, "https://app.example:99999": false,
		"https://bücher.example": false, "https://app.example\n": false, "https://:443": false,
	} {
		if err := client.CheckOrigin(origin); (err == nil) != ok || err != nil && !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("%q: %v", origin, err)
		}
	}
}
