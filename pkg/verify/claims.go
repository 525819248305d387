package verify

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/signet-id/signet/keys"
)

// Claims is what a verified access token says (RFC 9068 §2.2, and Signet's own claims). Absent
// claims have their zero value. Verify hands the same *Claims to every caller that presents the
// token: do not change it.
type Claims struct {
	Issuer   string   // iss
	Subject  string   // sub: a person (usr_…), or the client itself; see Machine
	Audience []string // aud

	Expiry    time.Time // exp, UTC
	IssuedAt  time.Time // iat, UTC
	NotBefore time.Time // nbf, UTC; zero when absent

	ID       string   // jti: names the token in logs and revocations; never its bytes
	ClientID string   // client_id: the application that asked for the token
	Scopes   []string // scope, split (RFC 8693 §4.2)

	AuthTime time.Time // auth_time, UTC: when the person signed in; zero for machines
	ACR      string    // acr: how well (OpenID Connect Core 1.0 §2)
	AMR      []string  // amr: by which methods (RFC 8176)

	SessionID string // sid: the sign-in session that the token ends with; "" when offline
	GrantID   string // grant_id: what the refresh tokens of one consent share
	TenantID  string // tenant_id: the tenant for which the token was issued; never changes
	Tenant    string // tenant: its slug, which may change

	Roles       []string // roles: in that tenant
	Permissions []string // permissions: those of this token's audiences
	// PermissionsOmitted says that the permissions did not fit the token (permissions_omitted):
	// Permissions is empty and says nothing. Ask the introspection endpoint (RFC 7662).
	PermissionsOmitted bool

	payload string // as signed
}

// HasScope reports whether the token carries the scope s, compared exactly (RFC 6749 §3.3).
func (c *Claims) HasScope(s string) bool { return slices.Contains(c.Scopes, s) }

// HasRole reports whether the subject has the role in the token's tenant.
func (c *Claims) HasRole(role string) bool { return slices.Contains(c.Roles, role) }

// HasPermission reports whether the token lists the permission. It is false for a token whose
// permissions were omitted, and for machines, whose scopes stand for themselves.
func (c *Claims) HasPermission(permission string) bool {
	return slices.Contains(c.Permissions, permission)
}

// Machine reports whether the token speaks for its client and for nobody else: sub is client_id
// (RFC 9068 §2.2).
func (c *Claims) Machine() bool { return c.Subject == c.ClientID }

// Raw returns the payload as it was signed: one JSON object. The copy is the caller's.
func (c *Claims) Raw() json.RawMessage { return json.RawMessage(c.payload) }

// Custom decodes the claim of that name, compared exactly, into a pointer as json.Unmarshal does.
// The error is ErrNoClaim when the token has none, else json.Unmarshal's.
func (c *Claims) Custom(name string, into any) error {
	var raw string
	err := keys.Members(c.payload, func(member, value string) error {
		if member == name {
			raw = value
		}
		return nil
	})
	if err != nil || raw == "" { // an error only for Claims that Verify did not make
		return fmt.Errorf("%w: %q", ErrNoClaim, name)
	}
	if err := json.Unmarshal([]byte(raw), into); err != nil {
		return fmt.Errorf("verify: claim %q: %w", name, err)
	}
	return nil
}

// Claim returns the claim of that name as a T. The errors are those of Claims.Custom.
func Claim[T any](c *Claims, name string) (T, error) {
	var value T
	err := c.Custom(name, &value)
	return value, err
}
