package issuer

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/signet-id/signet/internal/claims"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/session"
)

// Preview returns what tokens would say if the person signed in to the tenant with the client now,
// or if the client got one for itself. It is made as tokens are; nothing is signed, stored or
// counted. What the request may not ask for is an errdefs.FieldError; whoever or whatever is not
// there, or not of the tenant, is errdefs.ErrNotFound.
func (i *Issuer) Preview(ctx context.Context, q claims.Request) (claims.Preview, error) {
	c, err := i.Clients.FindClient(ctx, client.ID(q.Client))
	if err != nil {
		return claims.Preview{}, err
	}
	if !c.Enabled() {
		return claims.Preview{}, errdefs.InvalidField("query.client", "is disabled and gets no tokens")
	}
	form := url.Values{repeatable: q.Resources, "scope": {strings.Join(q.Scopes, " ")}}
	var n *issuance
	if q.User.IsZero() {
		n, err = i.previewMachine(ctx, c, q, form)
	} else {
		n, err = i.previewPerson(ctx, c, q, form)
	}
	if err != nil {
		return claims.Preview{}, asFields(err)
	}
	n.scopes, n.audiences = still(n.scopes, n.client.Scopes), still(n.audiences, n.client.Audiences)
	now := i.Now()
	access, p, err := i.accessPayload(n, now)
	if err != nil {
		return claims.Preview{}, asFields(err)
	}
	out := claims.Preview{Access: previewed(n, p)}
	out.Access.Varying = []string{"exp", "iat", "jti"}
	if n.subject != nil {
		out.Access.Varying = append(out.Access.Varying, "auth_time", "grant_id")
		if !n.grant.Offline {
			out.Access.Varying = append(out.Access.Varying, "sid")
		}
	}
	if access.PermissionsOmitted {
		out.Access.Omitted = append(out.Access.Omitted, claims.Omitted{Name: "permissions", Reason: overBudget})
	}
	if n.subject != nil && slices.Contains(n.scopes, scopeOpenID) {
		_, p, err := i.idPayload(n, "", now)
		if err != nil {
			return claims.Preview{}, err
		}
		idToken := previewed(n, p)
		idToken.Varying = []string{"exp", "iat", "auth_time", "at_hash", "sid"}
		out.ID = &idToken
	}
	return out, nil
}

const overBudget = "the token would be larger than the budget; introspection answers with it"

func previewed(n *issuance, p said) claims.Previewed {
	out := claims.Previewed{
		Payload: p.json, Algorithm: p.algorithm, Bytes: claims.TokenBytes(len(p.json), p.algorithm), Audience: n.audiences,
		Declared: n.client.Declared.Explain(p.declared), ForPerson: n.subject != nil,
	}
	for _, f := range p.faults {
		out.Omitted = append(out.Omitted, claims.Omitted{Name: f.Name, Reason: f.Err.Error()})
	}
	for _, c := range p.overBudget {
		out.Omitted = append(out.Omitted, claims.Omitted{Name: c.Name, Reason: overBudget})
	}
	return out
}

func (i *Issuer) previewMachine(ctx context.Context, c client.Client, q claims.Request, form url.Values) (*issuance, error) {
	if c.Tenant != q.Tenant {
		return nil, errdefs.ErrNotFound
	}
	if !c.Allows(client.GrantClientCredentials) {
		return nil, errdefs.InvalidField("query.user", "name a person: the client may not get tokens for itself")
	}
	return i.machineGrant(ctx, c, form)
}

func (i *Issuer) previewPerson(ctx context.Context, c client.Client, q claims.Request, form url.Values) (*issuance, error) {
	if !c.Tenant.IsZero() && c.Tenant != q.Tenant {
		return nil, errdefs.ErrNotFound
	}
	if !c.Allows(client.GrantAuthorizationCode) {
		return nil, errdefs.InvalidField("query.client", "does not sign people in; leave the user out")
	}
	s, err := i.Subjects.FindSubject(ctx, q.Tenant, q.User)
	if err != nil {
		return nil, err
	}
	if err := s.Active(); err != nil {
		return nil, errdefs.InvalidField("query.user", "gets no tokens for this tenant: the account or the tenant is disabled, or the membership does not stand")
	}
	scopes, err := scopesFor(form, c)
	if err != nil {
		return nil, err
	}
	audiences, err := audiencesFor(form, c)
	if err != nil {
		return nil, err
	}
	now := i.Now()
	begun := session.New(q.User, now, session.Lifetimes{})
	return &issuance{
		grantType: client.GrantAuthorizationCode, client: c, scopes: scopes, audiences: audiences, subject: &s,
		grant: grant.Grant{
			ID: id.NewGrant(now), Tenant: q.Tenant, User: q.User, Client: c.ID, Session: begun.ID, Offline: slices.Contains(scopes, scopeOffline),
			Scopes: scopes, Audiences: audiences, ACR: begun.ACR, AMR: begun.AMR, AuthenticatedAt: now,
		},
	}, nil
}

// asFields names the parameter that a protocol error is about.
func asFields(err error) error {
	found, ok := errors.AsType[*protocolFault](err)
	switch {
	case ok && found.code == errInvalidScope.code:
		return errdefs.InvalidField("query.scope", "%s", found.text)
	case ok && found.code == errInvalidTarget.code:
		return errdefs.InvalidField("query.resource", "%s", found.text)
	case ok:
		return errdefs.InvalidField("query.client", "%s", found.text)
	}
	return err
}
