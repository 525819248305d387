// Package client owns the registrations of OAuth clients: what a client may ask for, where
// its people may be sent, and how it proves who it is.
//
// It knows neither HTTP nor SQL. Redirect URIs are in redirect.go.
package client

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/signet-id/signet/internal/claims"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/keys"
)

// ID is a client identifier. New ones are "cli_…"; migrated ones may be any printable text,
// but never look like the identifier of a user (RFC 9700 §4.15).
type ID string

// MaxID is the longest client id accepted, in bytes.
const MaxID = 255

// MaxAccessTokenLifetime is the longest lifetime of access tokens that a client may be
// registered with.
const MaxAccessTokenLifetime = 24 * time.Hour

// AuthMethod is how a client authenticates at the token endpoint (RFC 7591 §2).
type AuthMethod string

// The methods.
const (
	AuthNone  AuthMethod = "none" // a public client
	AuthBasic AuthMethod = "client_secret_basic"
	AuthPost  AuthMethod = "client_secret_post"
)

// The grant types a client can be registered for (RFC 7591 §2).
const (
	GrantAuthorizationCode = "authorization_code"
	GrantRefreshToken      = "refresh_token"
	GrantClientCredentials = "client_credentials"
)

// Client is one registration.
type Client struct {
	ID                     ID
	Tenant                 id.Tenant // zero when the installation owns it
	TenantSlug             string    // with Tenant; read-only
	TenantDisabled         bool      // with Tenant; read-only
	Name                   string    // shown to people
	AuthMethod             AuthMethod
	Secrets                []Secret // at most two valid at a time, for rotation
	RedirectURIs           []string
	PostLogoutRedirectURIs []string
	Origins                []string // for CORS: scheme://host[:port]
	GrantTypes             []string
	Scopes                 []string
	Audiences              []string       // that tokens may be asked for; the first is the default
	ServesAudience         string         // the resource server that this client is, for introspection
	PKCEOptional           bool           // confidential clients only
	SkipConsent            bool           // first party: people are not asked
	IDTokenAlgorithm       keys.Algorithm // "" is the server's default
	AccessTokenLifetime    time.Duration  // zero is the server's default
	PolicyURI              string
	TermsURI               string
	Claims                 json.RawMessage // declared claims, a JSON array; the installation's own clients only
	Declared               *claims.Set     // what its tokens say besides: see Declare; read-only
	TokenAlgorithms        TokenAlgorithms // of its access tokens; read-only
	Version                int64           // for edits
	CreatedAt, UpdatedAt   time.Time
	DisabledAt             time.Time
	ValidFrom              time.Time // what was issued before is void
}

// TokenAlgorithms says what resource servers have their access tokens signed with, by audience. One
// that is not there made no choice.
type TokenAlgorithms map[string]keys.Algorithm

// For returns the algorithm of an access token for all of the audiences; fallback is that of resource
// servers that made no choice, and of tokens without audience. ok is false when the audiences expect
// different ones: no token can be for all of them.
func (a TokenAlgorithms) For(audiences []string, fallback keys.Algorithm) (alg keys.Algorithm, ok bool) {
	for i, audience := range audiences {
		expected := cmp.Or(a[audience], fallback)
		if i > 0 && expected != alg {
			return "", false
		}
		alg = expected
	}
	return cmp.Or(alg, fallback), true
}

// Filter narrows a list of clients. The zero value narrows nothing.
type Filter struct {
	Tenant       id.Tenant
	Installation bool   // those of the installation alone
	Prefix       string // of the id
}

// Declare sets what tokens of the client say besides: what it declares, unless a tenant owns it,
// and what resource servers declare, which must be the installation's own. What cannot be read is
// left out; it was checked when it was stored.
func (c *Client) Declare(compiler *claims.Compiler, resources []claims.Declaration) {
	var own []claims.Mapping
	if c.Tenant.IsZero() {
		own, _ = claims.Read(c.Claims)
	}
	c.Declared = claims.NewSet(compiler, own, resources)
}

// Secret is a stored client secret: only its digest.
type Secret struct {
	ID        id.ClientSecret // with those that administrators see
	Hash      secret.Hash
	CreatedAt time.Time // with ID
	CreatedBy string    // with ID: usr_… or the id of a machine's client
	ExpiresAt time.Time // zero: until it is removed
}

// Valid reports whether the secret can be used at now.
func (s Secret) Valid(now time.Time) bool { return s.ExpiresAt.IsZero() || now.Before(s.ExpiresAt) }

// Public reports whether the client cannot keep a secret.
func (c Client) Public() bool { return c.AuthMethod == AuthNone }

// Allows reports whether the client is registered for the grant type.
func (c Client) Allows(grantType string) bool { return slices.Contains(c.GrantTypes, grantType) }

// Enabled reports whether the client may be used at all.
func (c Client) Enabled() bool { return c.DisabledAt.IsZero() && !c.TenantDisabled }

// Honours reports whether a token that was issued to the client at that time, in whole seconds as
// tokens say it, is still good: the client is enabled, and was neither made nor disabled since.
func (c Client) Honours(issued time.Time) bool {
	return c.Enabled() && !issued.Before(c.ValidFrom.Truncate(time.Second))
}

// RequiresPKCE reports whether an authorization request must carry a code challenge: always
// for public clients, and by default for all (RFC 9700 §2.1.1).
func (c Client) RequiresPKCE() bool { return c.Public() || !c.PKCEOptional }

// Authenticate reports whether s is one of the client's secrets valid at now. Every stored
// secret is compared, each in constant time.
func (c Client) Authenticate(s secret.Text, now time.Time) bool {
	ok := false
	for _, stored := range c.Secrets {
		if stored.Hash.Matches(s) && stored.Valid(now) {
			ok = true
		}
	}
	return ok
}

// DefaultAudience returns the audience of tokens when a request names no resource, or ""
// when the client has none.
func (c Client) DefaultAudience() string {
	if len(c.Audiences) == 0 {
		return ""
	}
	return c.Audiences[0]
}
