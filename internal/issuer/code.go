package issuer

import (
	"context"
	"errors"
	"slices"

	"github.com/ory/fosite"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/secret"
)

// codeGrant redeems authorization codes (RFC 6749 §4.1.3).
type codeGrant struct{ grantHandler }

// HandleTokenEndpointRequest spends the code. Client, redirect URI, PKCE and the resources asked
// for are part of the one statement that does it, so a request that fails any of them leaves the code unspent and
// one that passes them wins alone.
func (g codeGrant) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	c, err := g.begin(r)
	if err != nil {
		return err
	}
	form := r.GetRequestForm()
	code := secret.New(form.Get("code"))
	if code.Empty() {
		return fosite.ErrInvalidRequest.WithHint("The code is missing.")
	}
	challenge, err := challengeOf(form.Get("code_verifier"))
	if err != nil {
		return err
	}
	asked, err := resources(form, c.Audiences)
	if err != nil {
		return err
	}
	redeemed, err := g.Codes.Redeem(ctx, grant.Redemption{
		Code:          code.Hash(),
		Client:        c.ID,
		RedirectURI:   form.Get("redirect_uri"),
		CodeChallenge: challenge,
		Audiences:     asked,
		OpenFamily:    c.Allows(client.GrantRefreshToken),
		Idle:          g.Lifetimes.RefreshIdle,
		Absolute:      g.Lifetimes.RefreshAbsolute,
	})
	if errors.Is(err, errdefs.ErrNotFound) {
		return g.explain(ctx, code, c, asked)
	}
	if err != nil {
		return err
	}
	if err := redeemed.Subject.Active(); err != nil {
		g.Log.InfoContext(ctx, "code of an inactive person", "error", err)
		if err := g.Families.RevokeGrant(ctx, redeemed.ID, maxAccessToken); err != nil {
			return err
		}
		return fosite.ErrInvalidGrant.WithHint("The person is no longer a member of this tenant.")
	}
	audiences, ok := redeemed.NarrowAudiences(asked)
	if !ok { // part of the statement that spent the code
		return errInvalidTarget
	}
	n := &issuance{
		grantType: client.GrantAuthorizationCode,
		client:    c,
		scopes:    redeemed.Scopes,
		audiences: audiences,
		grant:     redeemed.Grant,
		subject:   &redeemed.Subject,
		nonce:     redeemed.Nonce,
	}
	if c.Allows(client.GrantRefreshToken) {
		n.refresh = grant.RefreshToken{Family: redeemed.ID}.Format(g.RefreshMAC)
	}
	r.GetSession().(*tokenSession).issue = n
	return nil
}

// explain answers for a code that was not spent. A second use of one revokes all that the
// first one yielded (RFC 6749 §4.1.2).
func (g codeGrant) explain(ctx context.Context, code secret.Text, c client.Client, asked []string) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	found, err := g.Codes.FindCode(ctx, code.Hash(), c.ID)
	if err != nil && !errors.Is(err, errdefs.ErrNotFound) {
		return err
	}
	if found.Spent {
		if err := g.Families.RevokeGrant(ctx, found.Grant, maxAccessToken); err != nil {
			return err
		}
		g.Log.WarnContext(ctx, "authorization code used twice, grant revoked", "client", c.ID, "grant", found.Grant)
		g.record(ctx, audit.Event{Action: audit.CodeReused, Client: string(c.ID), Grant: found.Grant})
	}
	granted := grant.Grant{Audiences: found.Audiences}
	if _, ok := granted.NarrowAudiences(asked); err == nil && !found.Spent && !ok {
		return errInvalidTarget
	}
	return fosite.ErrInvalidGrant.WithHint("The code is unknown, expired, already used, or belongs to another client, redirect_uri or code_verifier.")
}

// narrowResources reads the resource parameters of a token request: a subset of what was
// granted, or all of it when there are none (RFC 8707 §2.2).
func narrowResources(r fosite.AccessRequester, g grant.Grant) ([]string, error) {
	asked, err := resources(r.GetRequestForm(), g.Audiences)
	if err != nil {
		return nil, err
	}
	audiences, ok := g.NarrowAudiences(asked)
	if !ok {
		return nil, errInvalidTarget
	}
	return slices.Clone(audiences), nil
}
