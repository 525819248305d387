package client

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/claims"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/keys"
)

// The bounds of a registration. They keep one client from weighing on every replica's memory.
const (
	MaxName    = 200 // characters
	MaxEntries = 100 // of each list
	MaxScope   = 128 // bytes
	maxURL     = MaxRedirectURI
)

// CheckID says whether a client may be registered under the id: 1 to 255 bytes of the
// characters that RFC 6749 Appendix A.1 allows (%x20-7E), without surrounding space, and
// nothing that could be taken for a subject. The error is errdefs.ErrInvalid.
func CheckID(i ID) error {
	s := string(i)
	if s == "" || len(s) > MaxID || strings.TrimSpace(s) != s || !printable(s) {
		return errdefs.InvalidField("id", "use 1 to %d printable ASCII characters, without a space in front or behind", MaxID)
	}
	if s == "." || s == ".." {
		return errdefs.InvalidField("id", "must not be . or .., which no path can name")
	}
	if strings.HasPrefix(s, "usr_") {
		return errdefs.InvalidField("id", "must not begin with usr_, which marks people (RFC 9700 §4.15)")
	}
	return nil
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// validScope reports whether s is one scope token (RFC 6749 §3.3).
func validScope(s string) bool {
	for i := range len(s) {
		if s[i] <= 0x20 || s[i] > 0x7e || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return s != "" && len(s) <= MaxScope
}

// Check says everything that is wrong with a registration; each fault is an errdefs.FieldError
// that names its field and is errdefs.ErrInvalid.
func (c Client) Check() error {
	return errors.Join(slices.Concat([]error{CheckID(c.ID), c.checkClaims()}, c.checkKind(), c.checkGrants(), c.checkLists(), c.checkAddresses())...)
}

// checkClaims also keeps tenants from declaring claims: they could pass for somebody else's.
func (c Client) checkClaims() error {
	if len(c.Claims) > 0 && string(c.Claims) != "[]" && !c.Tenant.IsZero() {
		return errdefs.InvalidField("claims", "are declared by the installation's own clients alone")
	}
	return claims.CheckStored(c.Claims)
}

func (c Client) checkKind() (faults []error) {
	fault := func(field, format string, args ...any) {
		faults = append(faults, errdefs.InvalidField(field, format, args...))
	}
	if strings.TrimSpace(c.Name) == "" || utf8.RuneCountInString(c.Name) > MaxName || !oneLine(c.Name) {
		fault("name", "use 1 to %d characters in one line", MaxName)
	}
	switch c.AuthMethod {
	case AuthNone, AuthBasic, AuthPost:
	default:
		fault("auth_method", "use none, client_secret_basic or client_secret_post")
	}
	if _, err := keys.ParseAlgorithm(string(c.IDTokenAlgorithm)); err != nil && c.IDTokenAlgorithm != "" {
		fault("id_token_algorithm", "use ES256, RS256 or EdDSA")
	}
	if c.Public() && c.PKCEOptional {
		fault("pkce_optional", "a public client always needs PKCE (RFC 9700 §2.1.1)")
	}
	if c.AccessTokenLifetime < 0 || c.AccessTokenLifetime > MaxAccessTokenLifetime {
		fault("access_token_lifetime", "use 0 to %d seconds", int(MaxAccessTokenLifetime.Seconds()))
	}
	return faults
}

// oneLine reports whether s is valid UTF-8 without control characters.
func oneLine(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f }) < 0
}

func (c Client) checkGrants() (faults []error) {
	for i, g := range c.GrantTypes {
		switch g {
		case GrantAuthorizationCode, GrantRefreshToken, GrantClientCredentials:
			if g == GrantClientCredentials && c.Public() {
				faults = append(faults, errdefs.InvalidField(at("grant_types", i), "a public client cannot use client_credentials (RFC 6749 §4.4)"))
			}
		default:
			faults = append(faults, errdefs.InvalidField(at("grant_types", i), "use authorization_code, refresh_token or client_credentials"))
		}
	}
	if c.Allows(GrantAuthorizationCode) && len(c.RedirectURIs) == 0 {
		faults = append(faults, errdefs.InvalidField("redirect_uris", "authorization_code needs at least one"))
	}
	return faults
}

func (c Client) checkLists() (faults []error) {
	for _, l := range []struct {
		field string
		list  []string
		fault func(string) string // what is wrong with an entry, or ""
	}{
		{"grant_types", c.GrantTypes, func(string) string { return "" }},
		{"redirect_uris", c.RedirectURIs, func(s string) string { _, fault := parseRedirectURI(s); return fault }},
		{"post_logout_redirect_uris", c.PostLogoutRedirectURIs, func(s string) string { _, fault := parseRedirectURI(s); return fault }},
		{"origins", c.Origins, originFault},
		{"scopes", c.Scopes, func(s string) string {
			if !validScope(s) {
				return fmt.Sprintf("a scope is 1 to %d printable ASCII characters without space, quote and backslash (RFC 6749 §3.3)", MaxScope)
			}
			return ""
		}},
		{"audiences", c.Audiences, func(s string) string {
			if s == "" {
				return "name a resource server"
			}
			return ""
		}},
	} {
		if len(l.list) > MaxEntries {
			faults = append(faults, errdefs.InvalidField(l.field, "use at most %d entries", MaxEntries))
			continue
		}
		for i, s := range l.list {
			if fault := l.fault(s); fault != "" {
				faults = append(faults, errdefs.InvalidField(at(l.field, i), "%s", fault))
			} else if slices.Contains(l.list[:i], s) {
				faults = append(faults, errdefs.InvalidField(at(l.field, i), "is there twice"))
			}
		}
	}
	return faults
}

// checkAddresses checks the pages that people are shown a link to.
func (c Client) checkAddresses() (faults []error) {
	for _, a := range []struct{ field, uri string }{{"policy_uri", c.PolicyURI}, {"terms_uri", c.TermsURI}} {
		if a.uri == "" {
			continue
		}
		u, err := url.Parse(a.uri)
		if err != nil || len(a.uri) > maxURL || !printable(a.uri) || u.User != nil || u.Hostname() == "" ||
			u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u) && u.Hostname() != "localhost") {
			faults = append(faults, errdefs.InvalidField(a.field, "use an https URL, or http on loopback"))
		}
	}
	return faults
}

func at(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }
