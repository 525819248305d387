// Package connector owns the rules about signing in through providers of others: what a connector
// is, whom it may vouch for, what becomes of somebody who comes through one, and which roles their
// groups give them.
//
// It knows neither HTTP nor SQL. Package upstream speaks with providers, package interaction leads
// people there and back, package postgres stores who is who and does what Decide says in one
// transaction.
//
//	connector.go  what a connector is, and what may be declared
//	proof.go      what a provider has proven of a person
//	decide.go     what becomes of them
//	realm.go      domains of addresses, and where they lead
//	attempt.go    a sign-in that is under way
//	failure.go    why one failed, in words
//	keeper.go     the sealed form of what is secret
package connector

import (
	"bytes"
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
)

// Kind is what is spoken with a provider.
type Kind string

// The kinds.
const (
	Google Kind = "google" // OpenID Connect, and hd
	GitHub Kind = "github" // OAuth 2.0 and its REST API
	OIDC   Kind = "oidc"   // any OpenID Provider, by its issuer
)

// The issuers of the kinds that have one of their own. GitHub has no issuer: this is the base URL
// of its pages, which GitHub Enterprise has elsewhere.
const (
	GoogleIssuer = "https://accounts.google.com"
	GitHubIssuer = "https://github.com"
)

// Connector is a provider that people can sign in through.
type Connector struct {
	ID        id.Connector
	Reference string // in addresses and requests: Slug, or the tenant's slug, a dot and Slug; never changes
	Slug      string
	Tenant    id.Tenant // whose it is; zero: the installation's
	Joins     id.Tenant // where people who come through it belong: Tenant, or of the installation's what it says; zero: nowhere
	Kind      Kind
	Name      string // on the button
	Issuer    string
	ClientID  string
	Secret    []byte // sealed (Keeper); empty for a public client
	Scopes    []string

	HostedDomains []string // Google: hd has to be one of them; empty: anybody
	// AssumeVerified takes an address for verified of which the provider says neither that it is
	// nor that it is not. Entra ID says neither.
	AssumeVerified bool
	// Authoritative links people with an address of a verified domain of Joins to the account that
	// has it, without asking them to sign in to that. Of Google's accounts those of Workspace alone.
	Authoritative bool
	// Provision gives whoever is new an account, and makes everybody who comes the first time a
	// member of Joins.
	Provision    bool
	DefaultRoles []string // in Joins, on becoming a member
	GroupsClaim  string   // "groups", "realm_access.roles"; empty: roles are not heeded
	RoleMappings []RoleMapping
	KeepTokens   bool
	Hidden       bool
	ManagedBy    string // FromEnvironment, or ""

	CreatedAt  time.Time
	UpdatedAt  time.Time
	DisabledAt time.Time
	Version    int64
}

// FromEnvironment marks a connector that the settings of the server declare: nobody else edits it.
const FromEnvironment = "environment"

// RoleMapping gives a role of Joins to whoever is in a group at the provider.
type RoleMapping struct {
	Group string `json:"group"`
	Role  string `json:"role"`
}

// Enabled reports whether people can sign in through it.
func (c Connector) Enabled() bool { return c.DisabledAt.IsZero() }

// CallbackPath is the path of the redirect URI that the provider has to register. There is one for
// each connector, so that an answer of one provider is never taken for another's (RFC 9700 §4.4).
func (c Connector) CallbackPath() string { return "/upstream/" + c.Reference + "/callback" }

// LogoutPath is the path of the back-channel logout URI (OpenID Connect Back-Channel Logout 1.0
// §2.2).
func (c Connector) LogoutPath() string { return "/upstream/" + c.Reference + "/logout" }

// ReferenceFor is the reference of a connector of a tenant; of the installation's with "". Slugs
// hold no dots, so no two pairs share one.
func ReferenceFor(tenantSlug, slug string) string {
	if tenantSlug == "" {
		return slug
	}
	return tenantSlug + "." + slug
}

// IsReference reports whether s can name a connector.
func IsReference(s string) bool {
	tenant, slug, of := strings.Cut(s, ".")
	if !of {
		return isSlug(s)
	}
	return isSlug(slug) && directory.IsReference(tenant)
}

func isSlug(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// The bounds of what can be declared.
const (
	MaxConnectors = 50  // of one tenant
	MaxDomains    = 200 // that one tenant claims

	maxScopes        = 20
	maxHostedDomains = 50
	maxRoleMappings  = 200
	maxText          = 255 // bytes of a client id, a claim or a group
)

// WithDefaults fills in what follows from the rest: the kind from an issuer, the issuer from the
// kind, and from both a slug and a name.
func (c Connector) WithDefaults() Connector {
	if c.Kind == "" && c.Issuer != "" {
		c.Kind = OIDC
	}
	switch c.Kind {
	case Google:
		c.Issuer = cmp.Or(c.Issuer, GoogleIssuer)
		c.Name = cmp.Or(c.Name, "Google")
		c.Slug = cmp.Or(c.Slug, string(Google))
	case GitHub:
		c.Issuer = strings.TrimSuffix(cmp.Or(c.Issuer, GitHubIssuer), "/")
		c.Name = cmp.Or(c.Name, "GitHub")
		c.Slug = cmp.Or(c.Slug, string(GitHub))
	case OIDC:
		var host string
		if u, err := url.Parse(c.Issuer); err == nil {
			host = u.Hostname()
		}
		c.Name = cmp.Or(c.Name, host)
		c.Slug = cmp.Or(c.Slug, slugFor(host), string(OIDC))
	}
	return c
}

// slugFor makes a slug of a host name: login-partner-example. It is "" when nothing is left.
func slugFor(host string) string {
	s := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(host))
	return strings.Trim(s[:min(len(s), 63)], "-")
}

// Check says what is wrong with a connector, each fault as an admin.FieldError. Whether its roles
// and tenants exist is the store's to say.
func (c Connector) Check() error {
	var faults []error
	require := func(ok bool, field, text string, args ...any) {
		if !ok {
			faults = append(faults, admin.Invalid(field, text, args...))
		}
	}
	require(isSlug(c.Slug), "slug", "use 1 to 63 of a-z, 0-9 and inner hyphens")
	require(c.Kind == Google || c.Kind == GitHub || c.Kind == OIDC, "kind", "use google, github or oidc")
	require(c.Name != "" && len(c.Name) <= 80 && plain(c.Name), "name", "use 1 to 80 bytes, without line breaks")
	require(c.ClientID != "" && len(c.ClientID) <= maxText && plain(c.ClientID), "client_id", "use what the provider gave you, 1 to %d bytes", maxText)
	require(c.Kind == "" || c.issuerFits(), "issuer", "%s", c.issuerAdvice())
	require(len(c.Scopes) <= maxScopes && !slices.ContainsFunc(c.Scopes, func(s string) bool { return !isScope(s) }), "scopes", "use at most %d scopes, without blanks", maxScopes)
	require(c.Kind == Google || len(c.HostedDomains) == 0, "hosted_domains", "only google knows them")
	require(len(c.HostedDomains) <= maxHostedDomains, "hosted_domains", "use at most %d", maxHostedDomains)
	for _, d := range c.HostedDomains {
		_, err := NormalizeDomain(d)
		require(err == nil, "hosted_domains", "use domains such as example.com")
	}
	require(len(c.GroupsClaim) <= maxText && plain(c.GroupsClaim), "groups_claim", "use the name of a claim, or names joined by dots")
	require(c.Kind == OIDC || c.GroupsClaim == "", "groups_claim", "only providers of kind oidc send groups")
	require(len(c.RoleMappings) <= maxRoleMappings, "role_mappings", "use at most %d", maxRoleMappings)
	require(len(c.RoleMappings) == 0 || c.GroupsClaim != "", "groups_claim", "needed with role_mappings: the claim that names the groups")
	for _, m := range c.RoleMappings {
		require(m.Group != "" && len(m.Group) <= maxText && plain(m.Group) && m.Role != "", "role_mappings", "each has a group and a role")
	}
	require(!c.Joins.IsZero() || len(c.RoleMappings) == 0 && len(c.DefaultRoles) == 0, "joins", "needed with roles: the tenant that they belong to")
	require(!c.Authoritative || !c.Joins.IsZero(), "authoritative", "is for the domains of a tenant: say which one people join")
	require(!c.Authoritative || c.Issuer != GitHubIssuer, "authoritative", "github.com hosts nobody's mail: it cannot be the authority for a domain")
	return errors.Join(append(faults, directory.CheckRoleNames("default_roles", c.DefaultRoles))...)
}

// CheckEdit is Check for an edit of was. A secret that is kept is for who was.Issuer is: whoever may
// edit a connector need not know it, and would be told it by an issuer of their own.
func (c Connector) CheckEdit(was Connector) error {
	var fault error
	if c.Issuer != was.Issuer && len(c.Secret) > 0 && bytes.Equal(c.Secret, was.Secret) {
		fault = admin.Invalid("client_secret", "is required with another issuer: the one that is stored is not sent elsewhere")
	}
	return errors.Join(c.Check(), fault)
}

func (c Connector) issuerFits() bool {
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || len(c.Issuer) > 2048 || !plain(c.Issuer) {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

func (c Connector) issuerAdvice() string {
	if c.Kind == GitHub {
		return "use the address of your GitHub, such as https://github.example.com"
	}
	return "use the https URL that the provider names as its issuer, without query or fragment"
}

func plain(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) }

// isScope follows RFC 6749 §3.3.
func isScope(s string) bool {
	if s == "" || len(s) > maxText {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
