package issuer

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/keys"
)

// ServeLogout is the end-session endpoint (OpenID Connect RP-Initiated Logout 1.0 §2), by GET
// and POST. It validates; whether to ask the person first is for Config.Interaction, which
// ends the session only without asking when the hint names it.
func (i *Issuer) ServeLogout(w http.ResponseWriter, r *http.Request) {
	form, err := requestForm(w, r)
	if err == nil {
		err = checkDuplicates(form)
	}
	var l authorization.Logout
	if err == nil {
		l, err = i.validateLogout(r, form)
	}
	if err != nil {
		i.refuseLogout(w, r, err)
		return
	}
	i.Interaction.Logout(w, r, l)
}

// refuseLogout shows a page that says why nothing was done.
func (i *Issuer) refuseLogout(w http.ResponseWriter, r *http.Request, err error) {
	e, expected := protocolError(err)
	if !expected {
		i.Log.ErrorContext(r.Context(), "request to sign out failed", "error", err)
	}
	i.Interaction.Refuse(w, r, e.status, authorization.Failure{Code: e.code, Description: description(e)})
}

func (i *Issuer) validateLogout(r *http.Request, form url.Values) (authorization.Logout, error) {
	l := authorization.Logout{Client: client.ID(form.Get("client_id")), State: form.Get("state")}
	if hint := form.Get("id_token_hint"); hint != "" {
		h, err := i.readHint(hint)
		switch {
		case errors.Is(err, keys.ErrUnknownKey):
			// Signed long ago, with a key that was removed since, or by somebody else: nobody
			// can tell. Whoever wants to sign out is not turned away for that, but the hint
			// proves nothing: it counts as absent, and the person is asked.
		case err != nil || len(h.Audience) != 1:
			return l, errInvalidRequest.hint("id_token_hint is not an ID token of this server.")
		case l.Client != "" && !slices.Contains(h.Audience, string(l.Client)):
			return l, errInvalidRequest.hint("id_token_hint was issued to another client than client_id.")
		default:
			l.Client = client.ID(h.Audience[0])
			l.User = h.user
			l.Session, _ = id.ParseSession(h.Session)
		}
	}
	uri := form.Get("post_logout_redirect_uri")
	if uri == "" {
		return l, nil
	}
	if l.Client == "" {
		return l, errInvalidRequest.hint("post_logout_redirect_uri needs an id_token_hint that can still be verified, or a client_id, beside it.")
	}
	c, err := i.Clients.FindClient(r.Context(), l.Client)
	if err != nil && !errors.Is(err, errdefs.ErrNotFound) && !errors.Is(err, errdefs.ErrInvalid) {
		return l, err
	}
	if err != nil || !c.Enabled() || !c.MatchPostLogoutRedirectURI(uri) {
		return l, errInvalidRequest.hint("post_logout_redirect_uri is not one that this client has registered.")
	}
	l.RedirectURI = uri
	return l, nil
}
