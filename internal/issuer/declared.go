package issuer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/signet-id/signet/internal/claims"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/keys"
)

// said is what a token says, and what it could not.
type said struct {
	algorithm  keys.Algorithm // that it is signed with
	json       []byte
	declared   []claims.Claim // in json, in their order
	faults     []claims.Fault // left out because there is no value
	overBudget []claims.Claim // left out because the token would be too large
}

// omitted names the declared claims that were left out, sorted.
func (p said) omitted() []string {
	var out []string
	for _, f := range p.faults {
		out = append(out, f.Name)
	}
	for _, c := range p.overBudget {
		out = append(out, c.Name)
	}
	slices.Sort(out)
	return out
}

// encode writes c and the declared claims of p as one object, and reports whether a token of it
// is within the budget.
func (i *Issuer) encode(p *said, c any) (fits bool, err error) {
	b, err := json.Marshal(c)
	if err != nil {
		return false, fmt.Errorf("encode token: %w", err)
	}
	for _, d := range p.declared {
		b = appendMember(b, d.Name, d.Value)
	}
	p.json = b
	return claims.TokenBytes(len(b), p.algorithm) <= i.TokenBudget, nil
}

// appendMember adds a member to an encoded object that is not empty. The name needs no escape:
// those of declared claims are plain ASCII, and ours too.
func appendMember(object []byte, name string, value []byte) []byte {
	object = append(object[:len(object)-1], ',', '"')
	object = append(append(object, name...), '"', ':')
	return append(append(object, value...), '}')
}

// reportOmitted has everybody know who may have to do something about it: the metrics call, and the
// preview or the log at debug says why. A line for every token would drown all others.
func (i *Issuer) reportOmitted(ctx context.Context, p said, c client.ID, t claims.Token) {
	for _, f := range p.faults {
		i.Log.DebugContext(ctx, "declared claim left out", "claim", f.Name, "declared_by", f.Origin.Audience, "token", t, "client", c, "error", f.Err)
	}
	if len(p.faults) > 0 {
		i.Observer.ClaimsOmitted("failed")
	}
	if len(p.overBudget) > 0 {
		i.Observer.ClaimsOmitted("budget")
		i.Log.DebugContext(ctx, "token over budget, declared claims left out", "token", t, "client", c, "budget_bytes", i.TokenBudget)
	}
}

// facts returns what declared claims may be made of.
func (n *issuance) facts() claims.Facts { return factsOf(n.client, n.subject, n.scopes, n.audiences) }

// factsOf is facts; s is nil for machines.
func factsOf(c client.Client, s *directory.Subject, scopes, audiences []string) claims.Facts {
	f := claims.Facts{ClientID: string(c.ID), ClientName: c.Name, Scopes: scopes, Audience: audiences}
	if !c.Declared.Declares(claims.AccessToken) && !c.Declared.Declares(claims.IDToken) {
		return f
	}
	if s == nil {
		if !c.Tenant.IsZero() {
			f.Tenant = &claims.Tenant{ID: c.Tenant.String(), Slug: c.TenantSlug}
		}
		return f
	}
	u := s.User
	f.User = &claims.User{
		ID: u.ID.String(), Email: u.Email, EmailVerified: u.EmailVerified,
		Name: u.Name, GivenName: u.GivenName, FamilyName: u.FamilyName, Locale: u.Locale,
	}
	f.Tenant = &claims.Tenant{ID: s.Tenant.ID.String(), Slug: s.Tenant.Slug, Name: s.Tenant.Name, Attributes: s.Tenant.Attributes}
	f.Membership, f.Roles, f.Permissions = s.Attributes, s.Roles, s.PermissionsFor(audiences)
	return f
}

// withFull returns the answer to an introspection with what its token had no room for: the
// permissions, and those declared claims that can be evaluated now. s is nil for machines.
func (i *Issuer) withFull(answer []byte, t accessClaims, c client.Client, s *directory.Subject) ([]byte, error) {
	replaced := map[string]json.RawMessage{}
	if t.PermissionsOmitted && s != nil {
		permissions, err := json.Marshal(s.PermissionsFor(t.Audience))
		if err != nil {
			return nil, err
		}
		replaced["permissions_omitted"] = nil
		answer = appendMember(slices.Clone(answer), "permissions", permissions)
	}
	if len(t.ClaimsOmitted) > 0 {
		// The issuer is among the audiences of a token that opens /userinfo, and no resource server.
		resources := slices.DeleteFunc(slices.Clone(t.Audience), func(a string) bool { return a == i.URL })
		declared, _ := c.Declared.Evaluate(claims.AccessToken, factsOf(c, s, t.scopes(), resources))
		missing := slices.Clone(t.ClaimsOmitted)
		answer = slices.Clone(answer)
		for _, d := range declared {
			if k := slices.Index(missing, d.Name); k >= 0 {
				missing = slices.Delete(missing, k, k+1)
				answer = appendMember(answer, d.Name, d.Value)
			}
		}
		replaced["claims_omitted"] = nil
		if len(missing) > 0 {
			names, err := json.Marshal(missing)
			if err != nil {
				return nil, err
			}
			replaced["claims_omitted"] = names
		}
	}
	return replaceMembers(answer, replaced)
}

// replaceMembers replaces members of an object, or leaves those out whose new value is nil.
func replaceMembers(object []byte, by map[string]json.RawMessage) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	out := []byte{'{'}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if with, ok := by[name.(string)]; ok {
			if value = with; value == nil {
				continue
			}
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, quoted...), ':'), value...)
	}
	return append(out, '}'), nil
}
