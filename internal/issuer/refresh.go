package issuer

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/url"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
)

// refresh spends a refresh token for its successor (RFC 6749 §6, RFC 9700 §4.14.2). The successor is computed, not stored, so a
// client whose response was lost, or a second tab that raced, gets the same one again within
// the retry window; later use of a spent token ends the family. Roles and permissions are
// read anew each time; scope can only shrink. With another organization it is a switch (switch.go).
func (i *Issuer) refresh(ctx context.Context, c client.Client, form url.Values) (*issuance, error) {
	if form.Get("refresh_token") == "" {
		return nil, errInvalidRequest.hint("The refresh_token is missing.")
	}
	token, err := grant.ParseRefreshToken(form.Get("refresh_token"), i.RefreshMAC)
	if err != nil {
		i.Observer.Refresh("rejected")
		return nil, errRefreshRefused
	}
	// What is asked is checked before the token is spent: a mistake must not cost the client
	// its token. The family is read only for requests that ask for less than everything, and where
	// everything may be more than one token can be for.
	if form.Get("scope") != "" || form.Has(repeatable) || !i.oneAlgorithm(c) {
		f, err := i.Families.FindFamily(ctx, token.Family)
		if errors.Is(err, errdefs.ErrNotFound) || err == nil && f.Client != c.ID {
			i.Observer.Refresh("rejected")
			return nil, errRefreshRefused
		}
		if err != nil {
			return nil, err
		}
		if _, ok := f.Narrow(fields(form.Get("scope"))); !ok {
			return nil, errInvalidScope.hint("The scope holds more than was granted.")
		}
		audiences, err := narrowResources(form, f.Grant)
		if err == nil {
			err = i.checkAlgorithm(c, audiences)
		}
		if err != nil {
			return nil, err
		}
	}
	if form.Get("organization") != "" {
		n, switched, err := i.switchTenant(ctx, c, form, token)
		if switched || err != nil {
			return n, err
		}
	}
	held := i.rights.Held(familyKey(token.Family))
	rotated, err := i.Families.Rotate(ctx, grant.Rotation{
		Known:  held.Version,
		Token:  token,
		Client: c.ID,
		Since:  c.ValidFrom,
		Retry:  i.Lifetimes.RefreshRetry,
		Idle:   i.Lifetimes.RefreshIdle,
	})
	if errors.Is(err, errdefs.ErrNotFound) {
		return nil, i.explainRefresh(ctx, token, c)
	}
	if err != nil {
		return nil, err
	}
	if err := rotated.Subject.Active(); err != nil {
		i.Log.InfoContext(ctx, "refresh of an inactive person", "error", err)
		if err := i.Families.RevokeGrant(ctx, rotated.ID, maxAccessToken); err != nil {
			return nil, err
		}
		i.Observer.Refresh("rejected")
		return nil, errInvalidGrant.hint("The person is no longer a member of this tenant.")
	}
	rotated.Subject = held.Complete(rotated.Subject)
	i.rights.Keep(familyKey(rotated.ID), rotated.Subject)
	scopes, ok := rotated.Narrow(fields(form.Get("scope")))
	if !ok {
		return nil, errInvalidScope.hint("The scope holds more than was granted.")
	}
	audiences, err := narrowResources(form, rotated.Grant)
	if err != nil {
		return nil, err
	}
	if rotated.Retried {
		i.Observer.Refresh("retried")
	} else {
		i.Observer.Refresh("rotated")
	}
	return &issuance{
		grantType: client.GrantRefreshToken,
		client:    c,
		scopes:    scopes,
		audiences: audiences,
		grant:     rotated.Grant,
		subject:   &rotated.Subject,
		refresh:   grant.RefreshToken{Family: rotated.ID, Generation: rotated.Generation}.Format(i.RefreshMAC),
	}, nil
}

// familyKey is the key under which a refresh family's owner is remembered.
func familyKey(g id.Grant) (k [sha256.Size]byte) {
	u := g.UUID()
	copy(k[:], u[:])
	return k
}

var errRefreshRefused = errInvalidGrant.hint("The refresh token is unknown, expired, revoked, or belongs to another client.")

// explainRefresh answers for a genuine token that was not spent. One that is older than the family's
// generation was used before: the family ends (RFC 9700 §4.14.2).
func (i *Issuer) explainRefresh(ctx context.Context, token grant.RefreshToken, c client.Client) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	f, err := i.Families.FindFamily(ctx, token.Family)
	if err != nil && !errors.Is(err, errdefs.ErrNotFound) {
		return err
	}
	if err == nil && f.Client == c.ID && f.Live(i.Now()) && token.Generation < f.Generation {
		if err := i.Families.RevokeLine(ctx, f.ID, maxAccessToken); err != nil {
			return err
		}
		i.Observer.Refresh("reused")
		i.Log.WarnContext(ctx, "refresh token used again, grant revoked", "client", c.ID, "grant", f.ID,
			"generation", token.Generation, "current", f.Generation)
		i.record(ctx, audit.Event{Action: audit.RefreshReused, Client: string(c.ID), Tenant: f.Tenant, User: f.User, Grant: f.ID})
		return errRefreshRefused
	}
	i.Observer.Refresh("rejected")
	return errRefreshRefused
}
