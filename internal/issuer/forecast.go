package issuer

import (
	"cmp"
	"strings"

	"github.com/signet-id/signet/internal/claims"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/session"
)

// Forecast returns about how large access tokens are of somebody who holds h and nothing else, for
// each audience that it concerns; what is not of h has the size that it usually has. Tokens for
// several audiences at once are larger.
func (i *Issuer) Forecast(h claims.Holding) ([]claims.Forecast, error) {
	audiences := h.Audiences()
	if len(audiences) == 0 {
		audiences = []string{""}
	}
	var out []claims.Forecast
	for _, a := range audiences {
		n := i.usual(h, a)
		p := said{algorithm: cmp.Or(h.Algorithms[a], i.Keys.Default())}
		p.declared, _ = n.client.Declared.Evaluate(claims.AccessToken, n.facts())
		fits, err := i.encode(&p, i.accessClaims(n, i.Now()))
		if err != nil {
			return nil, err
		}
		out = append(out, claims.Forecast{Audience: a, Bytes: claims.TokenBytes(len(p.json), p.algorithm), OverBudget: !fits})
	}
	return out, nil
}

// usual is an issuance of the usual size to somebody who holds h.
func (i *Issuer) usual(h claims.Holding, audience string) *issuance {
	now := i.Now()
	user := directory.User{ID: id.NewUser(now), Email: "somebody.usual@customer.example", Name: "Somebody Usual", GivenName: "Somebody", FamilyName: "Usual", Locale: "en-GB"}
	s := directory.Subject{
		User: user, Tenant: directory.Tenant{ID: id.NewTenant(now), Slug: "usual-customer", Name: "Usual Customer"}, Member: true, Roles: h.Roles,
	}
	for _, slug := range h.Permissions[audience] {
		s.Permissions = append(s.Permissions, directory.Permission{Audience: audience, Slug: slug})
	}
	begun := session.New(user.ID, now, session.Lifetimes{})
	n := &issuance{
		client:  client.Client{ID: client.ID("cli_" + strings.Repeat("0", 26)), Name: "Usual Application", Declared: claims.NewSet(nil, h.Own, h.Declarations)},
		scopes:  []string{scopeOpenID, "profile", "email"},
		subject: &s,
		grant:   grant.Grant{ID: id.NewGrant(now), Session: begun.ID, ACR: begun.ACR, AMR: begun.AMR, AuthenticatedAt: now},
	}
	if audience != "" {
		n.audiences = []string{audience}
	}
	return n
}
