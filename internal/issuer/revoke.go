package issuer

import (
	"errors"
	"net/http"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/revocation"
)

// ServeRevoke ends a token at its client's wish (RFC 7009). A refresh token takes its whole
// grant with it, access tokens included; an access token goes alone. A token that means
// nothing is answered with 200 (§2.2), a token of another client is refused (§2.1), and a
// store that failed is never reported as success.
func (i *Issuer) ServeRevoke(w http.ResponseWriter, r *http.Request) {
	form, caller, err := i.authenticated(w, r)
	if err == nil {
		err = i.revoke(r, form.Get("token"), caller)
	}
	if err != nil {
		i.writeError(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

func (i *Issuer) revoke(r *http.Request, token string, caller client.Client) error {
	ctx := r.Context()
	notYours := errUnauthorizedClient.hint("The token was issued to another client.")
	if t, err := grant.ParseRefreshToken(token, i.RefreshMAC); err == nil {
		f, err := i.Families.FindFamily(ctx, t.Family)
		if errors.Is(err, errdefs.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if f.Client != caller.ID {
			return notYours
		}
		if err := i.Families.RevokeGrant(ctx, f.ID, maxAccessToken); err != nil {
			return err
		}
		i.record(ctx, audit.Event{Action: audit.TokenRevoked, Client: string(caller.ID), Tenant: f.Tenant, User: f.User, Grant: f.ID})
		return nil
	}
	c, err := i.readAccessToken(token)
	if err != nil {
		return nil //nolint:nilerr // expired, foreign or nonsense: there is nothing to revoke (RFC 7009 §2.2)
	}
	if c.ClientID != string(caller.ID) {
		return notYours
	}
	err = i.Cutoffs.Cut(ctx, revocation.Cutoff{Kind: revocation.Token, Subject: c.ID, ExpiresAt: time.Unix(c.Expiry, 0)})
	if err != nil {
		return err
	}
	e := audit.Event{Action: audit.TokenRevoked, Client: string(caller.ID), TokenID: c.ID}
	e.Grant, _ = id.ParseGrant(c.Grant)
	i.record(ctx, e)
	return nil
}
