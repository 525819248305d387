package client

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/errdefs"
)

// MaxRedirectURI is the longest redirect URI accepted, in bytes.
const MaxRedirectURI = 2048

// CheckRedirectURI says whether uri may be registered: https, http on loopback
// (RFC 8252 §7.3), or a private-use scheme with a dot in it and a path (RFC 8252 §7.1);
// absolute, without fragment (RFC 6749 §3.1.2), user information, wildcard or control
// characters. The error is errdefs.ErrInvalid.
func CheckRedirectURI(uri string) error {
	if _, fault := parseRedirectURI(uri); fault != "" {
		return fmt.Errorf("redirect URI: %s: %w", fault, errdefs.ErrInvalid)
	}
	return nil
}

// parseRedirectURI returns the URI, or what is wrong with it.
func parseRedirectURI(uri string) (u *url.URL, fault string) {
	fail := func(why string) (*url.URL, string) { return nil, why }
	if uri == "" || len(uri) > MaxRedirectURI {
		return fail(fmt.Sprintf("use 1 to %d characters", MaxRedirectURI))
	}
	for i := range len(uri) {
		if uri[i] <= 0x20 || uri[i] >= 0x7f || strings.IndexByte(`\"<>^{|}`+"`", uri[i]) >= 0 {
			return fail("holds a character that no URI may hold (RFC 3986 §2)")
		}
	}
	if strings.ContainsAny(uri, "*#") {
		return fail("wildcards and fragments are not allowed; register each URI exactly (RFC 9700 §2.1)")
	}
	u, err := url.Parse(uri)
	if err != nil || !u.IsAbs() {
		return fail("is not an absolute URI")
	}
	if u.User != nil {
		return fail("must not hold user information")
	}
	if !possiblePort(u.Port()) {
		return fail("names a port that no server has")
	}
	switch u.Scheme {
	case "https":
		if u.Hostname() == "" {
			return fail("names no host")
		}
	case "http":
		if !isLoopback(u) && u.Hostname() != "localhost" {
			return fail("http is for loopback only; use https")
		}
	default:
		if !strings.Contains(u.Scheme, ".") {
			return fail("a private-use scheme is a reversed domain name such as com.example.app (RFC 8252 §7.1)")
		}
		if u.Opaque != "" || !strings.HasPrefix(u.Path, "/") || u.Host != "" && u.Port() != "" {
			return fail("write a private-use scheme with a path, as in com.example.app:/callback")
		}
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return fail("must not hold . or .. segments")
		}
	}
	return u, ""
}

// possiblePort reports whether port is "" or a number from 1 to 65535.
func possiblePort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

func isLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback()
}

// MatchRedirectURI reports whether uri, as a request gave it, is one of the registered ones.
// The comparison is exact (RFC 9700 §2.1) but for the port of an http URI on a loopback
// address, which a native app learns only when it runs (RFC 8252 §7.3).
func (c Client) MatchRedirectURI(uri string) bool {
	return matchURI(c.RedirectURIs, uri)
}

// MatchPostLogoutRedirectURI is MatchRedirectURI for where to go after signing out
// (OpenID Connect RP-Initiated Logout 1.0 §3).
func (c Client) MatchPostLogoutRedirectURI(uri string) bool {
	return matchURI(c.PostLogoutRedirectURIs, uri)
}

func matchURI(registered []string, uri string) bool {
	asked, fault := parseRedirectURI(uri)
	if fault != "" {
		return false
	}
	if slices.Contains(registered, uri) {
		return true
	}
	if asked.Scheme != "http" || !isLoopback(asked) {
		return false
	}
	for _, r := range registered {
		known, fault := parseRedirectURI(r)
		if fault != "" || known.Scheme != "http" || !isLoopback(known) {
			continue
		}
		if withoutPort(r, known) == withoutPort(uri, asked) {
			return true
		}
	}
	return false
}

// withoutPort returns the bytes of raw with the authority's port cut out, so that everything
// else is still compared as written.
func withoutPort(raw string, u *url.URL) string {
	if u.Port() == "" {
		return raw
	}
	return strings.Replace(raw, u.Host, strings.TrimSuffix(u.Host, ":"+u.Port()), 1)
}

// CheckOrigin says whether origin may be registered for CORS: scheme://host[:port], https or
// http on loopback, exactly as a browser sends it (RFC 6454 §6.2). The error is
// errdefs.ErrInvalid.
func CheckOrigin(origin string) error {
	if fault := originFault(origin); fault != "" {
		return fmt.Errorf("origin: %s: %w", fault, errdefs.ErrInvalid)
	}
	return nil
}

func originFault(origin string) string {
	u, err := url.Parse(origin)
	if err == nil && (strings.HasSuffix(u.Host, ":") || u.Port() == map[string]string{"https": "443", "http": "80"}[u.Scheme] && u.Port() != "" || !possiblePort(u.Port())) {
		return "leave the port out when it is the scheme's own, as browsers do"
	}
	if strings.IndexFunc(origin, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		return "write the host as browsers do, in its xn-- form"
	}
	if err != nil || u.Scheme+"://"+u.Host != origin || u.Hostname() == "" || u.User != nil ||
		strings.ToLower(origin) != origin || strings.Contains(origin, "*") || len(origin) > MaxRedirectURI {
		return "write scheme://host[:port] in lower case, without a path or a wildcard"
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u) && u.Hostname() != "localhost") {
		return "use https, or http on loopback"
	}
	return ""
}
