package issuer

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
)

// ServeToken is the token endpoint (RFC 6749 §3.2).
func (i *Issuer) ServeToken(w http.ResponseWriter, r *http.Request) {
	i.serveGrant(w, r, "")
}

// ServeRefresh is the token endpoint with the grant type fixed, for frontends that know only
// where to sign in and where to refresh.
func (i *Issuer) ServeRefresh(w http.ResponseWriter, r *http.Request) {
	i.serveGrant(w, r, client.GrantRefreshToken)
}

// supportedGrants lists the grant types of the token endpoint.
func supportedGrants() []string {
	return []string{client.GrantAuthorizationCode, client.GrantRefreshToken, client.GrantClientCredentials}
}

func (i *Issuer) serveGrant(w http.ResponseWriter, r *http.Request, fixed string) {
	ctx := r.Context()
	form, err := postForm(w, r)
	if err == nil {
		err = checkDuplicates(form)
	}
	if err != nil {
		i.writeError(w, r, err)
		return
	}
	if fixed != "" {
		if form.Has("grant_type") && form.Get("grant_type") != fixed {
			i.writeError(w, r, fosite.ErrInvalidRequest.WithHintf("This endpoint serves grant_type=%s alone; leave the parameter out.", fixed))
			return
		}
		form.Set("grant_type", fixed)
	}
	switch grantType := form.Get("grant_type"); {
	case grantType == "":
		i.writeError(w, r, fosite.ErrInvalidRequest.WithHint("The grant_type is missing."))
		return
	case !slices.Contains(supportedGrants(), grantType):
		i.writeError(w, r, fosite.ErrUnsupportedGrantType)
		return
	}
	form.Del("audience") // not a parameter here; fosite would give it a meaning
	request, err := i.provider.NewAccessRequest(ctx, withForm(r, form), &tokenSession{})
	if err != nil {
		i.refuseToken(w, r, form.Get("grant_type"), request, err)
		return
	}
	response, err := i.provider.NewAccessResponse(ctx, request)
	if err != nil {
		i.refuseToken(w, r, form.Get("grant_type"), request, err)
		return
	}
	writeJSON(w, http.StatusOK, response.ToMap())
}

// refuseToken answers a token request that was refused. It goes to the audit log when the client
// has proven itself; anyone can send the others, and a log that is kept for good must not be
// for anyone to fill.
func (i *Issuer) refuseToken(w http.ResponseWriter, r *http.Request, grantType string, request fosite.AccessRequester, err error) {
	e, _ := protocolError(err)
	var c client.Client
	if request != nil {
		c = viewOf(request.GetClient())
	}
	i.Log.InfoContext(r.Context(), "token request refused", "grant_type", grantType, "error", e.ErrorField, "client", c.ID)
	if c.ID != "" && !c.Public() {
		i.record(r.Context(), audit.Event{Action: audit.TokenRefused, Client: string(c.ID), Tenant: c.Tenant,
			Detail: map[string]string{"grant_type": grantType, "error": e.ErrorField}})
	}
	i.writeError(w, r, err)
}

// replayTimeout bounds what a replay sets off.
const replayTimeout = 10 * time.Second

// detached returns a context that goes on when the caller hangs up: whoever replays a code or
// a refresh token must not be able to keep the grant from being revoked.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), replayTimeout)
}

// grantHandler is what the three grants share: every one of them makes its tokens here, so
// that none can forget a step.
type grantHandler struct {
	*Issuer
	grantType string
}

// CanSkipClientAuth is false for every grant.
func (grantHandler) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

// CanHandleTokenEndpointRequest reports whether the request is for this grant.
func (h grantHandler) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return r.GetGrantTypes().ExactOne(h.grantType)
}

// begin checks that the authenticated client may use the grant.
func (h grantHandler) begin(r fosite.AccessRequester) (client.Client, error) {
	c := viewOf(r.GetClient())
	if !c.Allows(h.grantType) {
		return c, fosite.ErrUnauthorizedClient.WithHintf("This client may not use the grant type %s.", h.grantType)
	}
	return c, nil
}

// PopulateTokenEndpointResponse makes the tokens of an issuance. fosite calls it on every
// handler, so the ones that are not concerned say so.
func (h grantHandler) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, out fosite.AccessResponder) error {
	if !r.GetGrantTypes().ExactOne(h.grantType) {
		return fosite.ErrUnknownRequest
	}
	n := r.GetSession().(*tokenSession).issue
	// A grant never outlives what its client is registered for: what was withdrawn since is
	// left out.
	n.scopes, n.audiences = still(n.scopes, n.client.Scopes), still(n.audiences, n.client.Audiences)
	now := h.Now()
	token, jti, lifetime, err := h.accessToken(ctx, n, now)
	if err != nil {
		return err
	}
	out.SetAccessToken(token)
	out.SetTokenType("Bearer")
	out.SetExpiresIn(lifetime.Round(time.Second))
	if len(n.scopes) > 0 {
		out.SetExtra("scope", strings.Join(n.scopes, " "))
	}
	h.Observer.TokenIssued(n.grantType, "access")
	if n.subject != nil && slices.Contains(n.scopes, scopeOpenID) {
		idToken, err := h.idToken(ctx, n, token, now)
		if err != nil {
			return err
		}
		out.SetExtra("id_token", idToken)
		h.Observer.TokenIssued(n.grantType, "id")
	}
	if !n.refresh.Empty() {
		out.SetExtra("refresh_token", n.refresh.Reveal())
		h.Observer.TokenIssued(n.grantType, "refresh")
	}
	event := audit.Event{
		Action: audit.TokenIssued, Client: string(n.client.ID), Tenant: n.client.Tenant, TokenID: jti,
		Detail: map[string]string{"grant_type": n.grantType, "scope": strings.Join(n.scopes, " ")},
	}
	if n.subject != nil {
		event.Tenant, event.User, event.Session, event.Grant = n.grant.Tenant, n.grant.User, n.grant.Session, n.grant.ID
	}
	h.record(ctx, event)
	return nil
}

// still returns those of granted that are allowed.
func still(granted, allowed []string) []string {
	return slices.DeleteFunc(slices.Clone(granted), func(s string) bool { return !slices.Contains(allowed, s) })
}
