package issuer

import (
	"errors"
	"net/http"
	"slices"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

type userinfoBody struct {
	Subject string `json:"sub"`
	profileClaims
}

// ServeUserinfo answers who the token is about (OpenID Connect Core 1.0 §5.3), by GET and
// POST. The token must name this issuer among its audiences and hold the scope openid.
func (i *Issuer) ServeUserinfo(w http.ResponseWriter, r *http.Request) {
	token, ok := bearerToken(w, r)
	if !ok {
		i.challenge(w, http.StatusBadRequest, "invalid_request", "Send one access token, in the Authorization header.", "")
		return
	}
	if token == "" {
		i.challenge(w, http.StatusUnauthorized, "", "", "")
		return
	}
	invalid := func() {
		i.challenge(w, http.StatusUnauthorized, "invalid_token", "The access token is expired, revoked, malformed, or meant for another service.", "")
	}
	c, err := i.readAccessToken(token)
	if err != nil || !c.meantFor(i.URL) {
		invalid()
		return
	}
	if !slices.Contains(c.scopes(), scopeOpenID) {
		i.challenge(w, http.StatusForbidden, "insufficient_scope", "The scope openid is needed.", scopeOpenID)
		return
	}
	user, err1 := id.ParseUser(c.Subject)
	tenant, err2 := id.ParseTenant(c.TenantID)
	if err1 != nil || err2 != nil {
		invalid()
		return
	}
	void, err := i.void(r, c)
	if err != nil {
		i.writeError(w, r, err)
		return
	}
	if void {
		invalid()
		return
	}
	s, err := i.Subjects.FindSubject(r.Context(), tenant, user)
	if err != nil && !errors.Is(err, errdefs.ErrNotFound) {
		i.writeError(w, r, err)
		return
	}
	if err != nil || s.Active() != nil {
		invalid()
		return
	}
	writeJSON(w, http.StatusOK, userinfoBody{c.Subject, profileOf(s, c.scopes())})
}
