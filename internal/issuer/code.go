package issuer

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/secret"
)

// redeemCode spends an authorization code (RFC 6749 §4.1.3). Client, redirect URI, PKCE and the resources asked
// for are part of the one statement that does it, so a request that fails any of them leaves the code unspent and
// one that passes them wins alone.
func (i *Issuer) redeemCode(ctx context.Context, c client.Client, form url.Values) (*issuance, error) {
	code := secret.New(form.Get("code"))
	if code.Empty() {
		return nil, errInvalidRequest.hint("The code is missing.")
	}
	challenge, err := challengeOf(form.Get("code_verifier"))
	if err != nil {
		return nil, err
	}
	asked, err := resources(form, c.Audiences)
	if err != nil {
		return nil, err
	}
	if err := i.checkCode(ctx, code, c, asked); err != nil {
		return nil, err
	}
	held := i.rights.Held(code.Hash())
	redeemed, err := i.Codes.Redeem(ctx, grant.Redemption{
		Known:         held.Version,
		Code:          code.Hash(),
		Client:        c.ID,
		RedirectURI:   form.Get("redirect_uri"),
		CodeChallenge: challenge,
		Audiences:     asked,
		OpenFamily:    c.Allows(client.GrantRefreshToken),
		Idle:          i.Lifetimes.RefreshIdle,
		Absolute:      i.Lifetimes.RefreshAbsolute,
	})
	if errors.Is(err, errdefs.ErrNotFound) {
		return nil, i.explainCode(ctx, code, c, asked)
	}
	if err != nil {
		return nil, err
	}
	if err := redeemed.Subject.Active(); err != nil {
		i.Log.InfoContext(ctx, "code of an inactive person", "error", err)
		if err := i.Families.RevokeGrant(ctx, redeemed.ID, maxAccessToken); err != nil {
			return nil, err
		}
		return nil, errInvalidGrant.hint("The person is no longer a member of this tenant.")
	}
	audiences, ok := redeemed.NarrowAudiences(asked)
	if !ok { // part of the statement that spent the code
		return nil, errInvalidTarget
	}
	redeemed.Subject = held.Complete(redeemed.Subject)
	i.rights.Keep(familyKey(redeemed.ID), redeemed.Subject)
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
		n.refresh = grant.RefreshToken{Family: redeemed.ID}.Format(i.RefreshMAC)
	}
	return n, nil
}

// explainCode answers for a code that was not spent. A second use of one revokes all that the
// first one yielded (RFC 6749 §4.1.2).
func (i *Issuer) explainCode(ctx context.Context, code secret.Text, c client.Client, asked []string) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	found, err := i.Codes.FindCode(ctx, code.Hash(), c.ID)
	if err != nil && !errors.Is(err, errdefs.ErrNotFound) {
		return err
	}
	if found.Spent {
		if err := i.Families.RevokeLine(ctx, found.Grant, maxAccessToken); err != nil {
			return err
		}
		i.Log.WarnContext(ctx, "authorization code used twice, grant revoked", "client", c.ID, "grant", found.Grant)
		i.record(ctx, audit.Event{Action: audit.CodeReused, Client: string(c.ID), Grant: found.Grant})
	}
	granted := grant.Grant{Audiences: found.Audiences}
	if _, ok := granted.NarrowAudiences(asked); err == nil && !found.Spent && !ok {
		return errInvalidTarget
	}
	return errInvalidGrant.hint("The code is unknown, expired, already used, or belongs to another client, redirect_uri or code_verifier.")
}

// narrowResources reads the resource parameters of a token request: a subset of what was
// granted, or all of it when there are none (RFC 8707 §2.2).
func narrowResources(form url.Values, g grant.Grant) ([]string, error) {
	asked, err := resources(form, g.Audiences)
	if err != nil {
		return nil, err
	}
	audiences, ok := g.NarrowAudiences(asked)
	if !ok {
		return nil, errInvalidTarget
	}
	return slices.Clone(audiences), nil
}
