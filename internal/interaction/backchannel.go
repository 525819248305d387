package interaction

import (
	"context"
	"errors"
	"net/http"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/formdata"
)

// maxLogoutToken bounds a logout token, in bytes.
const maxLogoutToken = 16 << 10

// backChannelLogout ends the sessions that rest on a session at a provider which is over (POST
// /upstream/{connector}/logout, OpenID Connect Back-Channel Logout 1.0 §2.5). The provider calls it
// itself, so there is neither a cookie nor a page; the token says who calls. A connector that is
// disabled ends sessions too.
func (i *Interaction) backChannelLogout(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), upstreamTimeout)
	defer cancel()
	if err := i.logoutOf(ctx, w, r); err != nil {
		i.Log.WarnContext(ctx, "back-channel logout was refused", "connector", r.PathValue("connector"), "error", err)
		// Whatever failed, the answer is the same (§2.8).
		writeJSON(w, &pageError{status: http.StatusBadRequest, code: "invalid_request", description: "the logout token cannot be heeded"})
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

func (i *Interaction) logoutOf(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	form, err := formdata.Post(w, r, maxLogoutToken)
	if err == nil {
		err = formdata.Single(form)
	}
	if err != nil {
		return err
	}
	c, err := i.findConnector(ctx, r.PathValue("connector"))
	if err != nil {
		return err
	}
	l, err := i.Upstreams.VerifyLogout(ctx, c, form.Get("logout_token"))
	if err != nil {
		return err
	}
	now := i.Now()
	e := audit.Event{At: now, Action: audit.UpstreamLoggedOut, Tenant: c.Joins, Actor: c.ID.String(), Detail: map[string]string{"connector": c.Reference}}
	e.Address, e.RequestID = i.Caller(ctx)
	kept, release := context.WithTimeout(context.WithoutCancel(ctx), arrivalTimeout)
	defer release()
	ended, err := i.UpstreamEndings.EndUpstream(kept, c.ID, l, maxAccessToken, e)
	if errors.Is(err, errdefs.ErrConflict) {
		return connector.Fail(connector.BadToken, err, "the logout token was heeded before")
	}
	if err != nil {
		return err
	}
	i.Log.InfoContext(ctx, "sessions ended by a provider", "connector", c.Reference, "sessions", ended)
	return nil
}
