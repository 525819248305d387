package issuer

import (
	"context"
	"errors"

	"github.com/ory/fosite"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
)

// refreshGrant rotates refresh tokens (RFC 6749 §6, RFC 9700 §4.14.2).
type refreshGrant struct{ grantHandler }

// HandleTokenEndpointRequest spends the token. The successor is computed, not stored, so a
// client whose response was lost, or a second tab that raced, gets the same one again within
// the retry window; later use of a spent token ends the family. Roles and permissions are
// read anew each time; scope can only shrink.
func (g refreshGrant) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	c, err := g.begin(r)
	if err != nil {
		return err
	}
	form := r.GetRequestForm()
	if form.Get("refresh_token") == "" {
		return fosite.ErrInvalidRequest.WithHint("The refresh_token is missing.")
	}
	token, err := grant.ParseRefreshToken(form.Get("refresh_token"), g.RefreshMAC)
	if err != nil {
		g.Observer.Refresh("rejected")
		return errRefreshRefused
	}
	// What is asked is checked before the token is spent: a mistake must not cost the client
	// its token. The family is read only for requests that ask for less than everything.
	if form.Get("scope") != "" || form.Has(repeatable) {
		f, err := g.Families.FindFamily(ctx, token.Family)
		if errors.Is(err, errdefs.ErrNotFound) || err == nil && f.Client != c.ID {
			g.Observer.Refresh("rejected")
			return errRefreshRefused
		}
		if err != nil {
			return err
		}
		if _, ok := f.Narrow(fields(form.Get("scope"))); !ok {
			return fosite.ErrInvalidScope.WithHint("The scope holds more than was granted.")
		}
		if _, err := narrowResources(r, f.Grant); err != nil {
			return err
		}
	}
	rotated, err := g.Families.Rotate(ctx, grant.Rotation{
		Token:  token,
		Client: c.ID,
		Retry:  g.Lifetimes.RefreshRetry,
		Idle:   g.Lifetimes.RefreshIdle,
	})
	if errors.Is(err, errdefs.ErrNotFound) {
		return g.explain(ctx, token, c)
	}
	if err != nil {
		return err
	}
	if err := rotated.Subject.Active(); err != nil {
		g.Log.InfoContext(ctx, "refresh of an inactive person", "error", err)
		if err := g.Families.RevokeGrant(ctx, rotated.ID, maxAccessToken); err != nil {
			return err
		}
		g.Observer.Refresh("rejected")
		return fosite.ErrInvalidGrant.WithHint("The person is no longer a member of this tenant.")
	}
	scopes, ok := rotated.Narrow(fields(form.Get("scope")))
	if !ok {
		return fosite.ErrInvalidScope.WithHint("The scope holds more than was granted.")
	}
	audiences, err := narrowResources(r, rotated.Grant)
	if err != nil {
		return err
	}
	if rotated.Retried {
		g.Observer.Refresh("retried")
	} else {
		g.Observer.Refresh("rotated")
	}
	r.GetSession().(*tokenSession).issue = &issuance{
		grantType: client.GrantRefreshToken,
		client:    c,
		scopes:    scopes,
		audiences: audiences,
		grant:     rotated.Grant,
		subject:   &rotated.Subject,
		refresh:   grant.RefreshToken{Family: rotated.ID, Generation: rotated.Generation}.Format(g.RefreshMAC),
	}
	return nil
}

var errRefreshRefused = fosite.ErrInvalidGrant.WithHint("The refresh token is unknown, expired, revoked, or belongs to another client.")

// explain answers for a genuine token that was not spent. One that is older than the family's
// generation was used before: the family ends (RFC 9700 §4.14.2).
func (g refreshGrant) explain(ctx context.Context, token grant.RefreshToken, c client.Client) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	f, err := g.Families.FindFamily(ctx, token.Family)
	if err != nil && !errors.Is(err, errdefs.ErrNotFound) {
		return err
	}
	if err == nil && f.Client == c.ID && f.Live(g.Now()) && token.Generation < f.Generation {
		if err := g.Families.RevokeGrant(ctx, f.ID, maxAccessToken); err != nil {
			return err
		}
		g.Observer.Refresh("reused")
		g.Log.WarnContext(ctx, "refresh token used again, grant revoked", "client", c.ID, "grant", f.ID,
			"generation", token.Generation, "current", f.Generation)
		g.record(ctx, audit.Event{Action: audit.RefreshReused, Client: string(c.ID), Tenant: f.Tenant, User: f.User, Grant: f.ID})
		return errRefreshRefused
	}
	g.Observer.Refresh("rejected")
	return errRefreshRefused
}
