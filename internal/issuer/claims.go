package issuer

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/claims"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/keys"
)

// The typ of each kind of JWT that this server signs; no two kinds share one, so that none can
// stand in for another (RFC 8725 §3.11).
const (
	typeAccessToken = "at+jwt" // RFC 9068 §2.1
	typeIDToken     = "JWT"
)

// audience is the aud claim: a string when it is one, else an array (RFC 7519 §4.1.3).
type audience []string

// MarshalJSON writes the short form for one audience.
func (a audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// UnmarshalJSON reads both forms.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// accessClaims is the payload of an access token (RFC 9068 §2.2) and ours.
type accessClaims struct {
	Issuer             string   `json:"iss"`
	Subject            string   `json:"sub"`
	Audience           audience `json:"aud"`
	Expiry             int64    `json:"exp"`
	IssuedAt           int64    `json:"iat"`
	ID                 string   `json:"jti"`
	ClientID           string   `json:"client_id"`
	Scope              string   `json:"scope,omitempty"`
	AuthTime           int64    `json:"auth_time,omitempty"`
	ACR                string   `json:"acr,omitempty"`
	AMR                []string `json:"amr,omitempty"`
	Session            string   `json:"sid,omitempty"` // the session it ends with; absent when offline
	Grant              string   `json:"grant_id,omitempty"`
	TenantID           string   `json:"tenant_id,omitempty"`
	Tenant             string   `json:"tenant,omitempty"`
	Roles              []string `json:"roles,omitzero"`
	Permissions        []string `json:"permissions,omitzero"`
	PermissionsOmitted bool     `json:"permissions_omitted,omitempty"`
	ClaimsOmitted      []string `json:"claims_omitted,omitempty"` // declared claims, by name
	// Declared claims follow.
}

func (c accessClaims) scopes() []string { return strings.Fields(c.Scope) }

// idClaims is the payload of an ID token (OpenID Connect Core 1.0 §2).
type idClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	Expiry   int64    `json:"exp"`
	IssuedAt int64    `json:"iat"`
	AuthTime int64    `json:"auth_time"`
	Nonce    string   `json:"nonce,omitempty"`
	ACR      string   `json:"acr,omitempty"`
	AMR      []string `json:"amr,omitempty"`
	AtHash   string   `json:"at_hash,omitempty"`
	Session  string   `json:"sid,omitempty"`
	profileClaims
	ClaimsOmitted []string `json:"claims_omitted,omitempty"`
	// Declared claims follow.
}

// profileClaims is what the scopes profile and email release (OpenID Connect Core 1.0 §5.4),
// and the tenant, which is no secret to anyone who may see the person.
type profileClaims struct {
	Name          string   `json:"name,omitempty"`
	GivenName     string   `json:"given_name,omitempty"`
	FamilyName    string   `json:"family_name,omitempty"`
	Picture       string   `json:"picture,omitempty"`
	Locale        string   `json:"locale,omitempty"`
	UpdatedAt     int64    `json:"updated_at,omitempty"`
	Email         string   `json:"email,omitempty"`
	EmailVerified *bool    `json:"email_verified,omitempty"`
	TenantID      string   `json:"tenant_id,omitempty"`
	Tenant        string   `json:"tenant,omitempty"`
	Roles         []string `json:"roles,omitzero"`
}

func profileOf(s directory.Subject, scopes []string) profileClaims {
	p := profileClaims{TenantID: s.Tenant.ID.String(), Tenant: s.Tenant.Slug, Roles: nonNil(s.Roles)}
	if slices.Contains(scopes, "profile") {
		p.Name, p.GivenName, p.FamilyName = s.User.Name, s.User.GivenName, s.User.FamilyName
		p.Picture, p.Locale = s.User.Picture, s.User.Locale
		if !s.User.UpdatedAt.IsZero() {
			p.UpdatedAt = s.User.UpdatedAt.Unix()
		}
	}
	if slices.Contains(scopes, "email") {
		p.Email = s.User.Email
		p.EmailVerified = &s.User.EmailVerified
	}
	return p
}

// issuance is one token response in the making.
type issuance struct {
	grantType string
	client    client.Client
	scopes    []string
	audiences []string // resource servers only
	grant     grant.Grant
	subject   *directory.Subject // nil for machines
	nonce     string
	refresh   secret.Text
}

// accessToken signs the access token of n and returns it with its identifier.
func (i *Issuer) accessToken(ctx context.Context, n *issuance, now time.Time) (token, jti string, lifetime time.Duration, err error) {
	c, p, err := i.accessPayload(n, now)
	if err != nil {
		return "", "", 0, err
	}
	if c.PermissionsOmitted {
		i.Observer.PermissionsOmitted()
		i.Log.DebugContext(ctx, "access token over budget, permissions left out", "client", n.client.ID, "jti", c.ID, "budget_bytes", i.TokenBudget)
	}
	i.reportOmitted(ctx, p, n.client.ID, claims.AccessToken)
	expires := time.Unix(c.Expiry, 0)
	token, err = i.Keys.Sign(ctx, p.algorithm, typeAccessToken, p.json, expires)
	return token, c.ID, expires.Sub(time.Unix(c.IssuedAt, 0)), err
}

// accessPayload makes the payload of the access token of n within the size budget: permissions
// are left out first, then declared claims.
func (i *Issuer) accessPayload(n *issuance, now time.Time) (accessClaims, said, error) {
	alg, err := i.accessTokenAlgorithm(n.client, n.audiences)
	if err != nil {
		return accessClaims{}, said{}, err
	}
	c := i.accessClaims(n, now)
	p := said{algorithm: alg}
	p.declared, p.faults = n.client.Declared.Evaluate(claims.AccessToken, n.facts())
	c.ClaimsOmitted = p.omitted()
	fits, err := i.encode(&p, c)
	if err == nil && !fits && len(c.Permissions) > 0 {
		c.Permissions, c.PermissionsOmitted = nil, true
		fits, err = i.encode(&p, c)
	}
	if err == nil && !fits && len(p.declared) > 0 {
		p.overBudget, p.declared = p.declared, nil
		c.ClaimsOmitted = p.omitted()
		_, err = i.encode(&p, c)
	}
	return c, p, err
}

// accessClaims returns what the access token of n says, apart from declared claims.
func (i *Issuer) accessClaims(n *issuance, now time.Time) accessClaims {
	lifetime := i.Lifetimes.AccessToken
	if n.client.AccessTokenLifetime > 0 {
		lifetime = min(n.client.AccessTokenLifetime, maxAccessToken)
	}
	c := accessClaims{
		Issuer:   i.URL,
		Subject:  string(n.client.ID),
		Audience: n.audiences,
		Expiry:   now.Add(lifetime).Unix(),
		IssuedAt: now.Unix(),
		ID:       tokenID(now),
		ClientID: string(n.client.ID),
		Scope:    strings.Join(n.scopes, " "),
	}
	if !n.client.Tenant.IsZero() {
		c.TenantID, c.Tenant = n.client.Tenant.String(), n.client.TenantSlug
	}
	if s := n.subject; s != nil {
		c.Subject = s.User.ID.String()
		c.AuthTime, c.ACR, c.AMR = n.grant.AuthenticatedAt.Unix(), n.grant.ACR, n.grant.AMR
		c.Grant = n.grant.ID.String()
		if !n.grant.Offline {
			c.Session = n.grant.Session.String()
		}
		c.TenantID, c.Tenant = s.Tenant.ID.String(), s.Tenant.Slug
		c.Roles = nonNil(s.Roles)
		c.Permissions = s.PermissionsFor(n.audiences)
		if slices.Contains(n.scopes, scopeOpenID) {
			// So that the token opens /userinfo, which is a resource server like the others.
			c.Audience = append(slices.Clone(c.Audience), i.URL)
		}
	}
	if len(c.Audience) == 0 {
		c.Audience = audience{i.URL} // RFC 9068 §3: there is always an audience
	}
	return c
}

// idToken signs the ID token that accompanies an access token.
func (i *Issuer) idToken(ctx context.Context, n *issuance, accessToken string, now time.Time) (string, error) {
	c, p, err := i.idPayload(n, accessToken, now)
	if err != nil {
		return "", err
	}
	i.reportOmitted(ctx, p, n.client.ID, claims.IDToken)
	return i.Keys.Sign(ctx, p.algorithm, typeIDToken, p.json, time.Unix(c.Expiry, 0))
}

// idPayload makes the payload of the ID token of n. Declared claims are left out of one that is
// over the size budget.
func (i *Issuer) idPayload(n *issuance, accessToken string, now time.Time) (idClaims, said, error) {
	p := said{algorithm: i.idTokenAlgorithm(n.client)}
	c := idClaims{
		Issuer:        i.URL,
		Subject:       n.subject.User.ID.String(),
		Audience:      audience{string(n.client.ID)},
		Expiry:        now.Add(i.Lifetimes.IDToken).Unix(),
		IssuedAt:      now.Unix(),
		AuthTime:      n.grant.AuthenticatedAt.Unix(),
		Nonce:         n.nonce,
		ACR:           n.grant.ACR,
		AMR:           n.grant.AMR,
		AtHash:        atHash(p.algorithm, accessToken),
		Session:       n.grant.Session.String(),
		profileClaims: profileOf(*n.subject, n.scopes),
	}
	p.declared, p.faults = n.client.Declared.Evaluate(claims.IDToken, n.facts())
	c.ClaimsOmitted = p.omitted()
	fits, err := i.encode(&p, c)
	if err == nil && !fits && len(p.declared) > 0 {
		p.overBudget, p.declared = p.declared, nil
		c.ClaimsOmitted = p.omitted()
		_, err = i.encode(&p, c)
	}
	return c, p, err
}

// atHash binds an access token to an ID token that is signed with alg: the left half of the digest
// that alg hashes with (OpenID Connect Core 1.0 §3.1.3.6). Ed25519 hashes with SHA-512 (RFC 8032 §5.1),
// which is what the working group agreed on (openid/connect issue 1125) and libraries compute.
func atHash(alg keys.Algorithm, accessToken string) string {
	if alg == keys.EdDSA {
		sum := sha512.Sum512([]byte(accessToken))
		return b64.EncodeToString(sum[:len(sum)/2])
	}
	sum := sha256.Sum256([]byte(accessToken))
	return b64.EncodeToString(sum[:len(sum)/2])
}

// tokenID returns a fresh jti.
func tokenID(now time.Time) string {
	u := id.NewUUID(now)
	return b64.EncodeToString(u[:])
}

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
