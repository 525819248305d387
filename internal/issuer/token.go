package issuer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

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

// A grantFunc checks what a client asks for, spends what can be spent once, and returns what to
// issue. The client is authenticated and registered for the grant.
type grantFunc func(ctx context.Context, c client.Client, form url.Values) (*issuance, error)

// grantOf returns the grant of that type, nil if there is none.
func (i *Issuer) grantOf(grantType string) grantFunc {
	switch grantType {
	case client.GrantAuthorizationCode:
		return i.redeemCode
	case client.GrantRefreshToken:
		return i.refresh
	case client.GrantClientCredentials:
		return i.machineGrant
	}
	return nil
}

// serveGrant is what all grants share, in one place so that none can forget a step.
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
	grantType := form.Get("grant_type")
	if fixed != "" {
		if form.Has("grant_type") && grantType != fixed {
			i.writeError(w, r, errInvalidRequest.hint("This endpoint serves grant_type="+fixed+" alone; leave the parameter out."))
			return
		}
		grantType = fixed
	}
	if grantType == "" {
		i.writeError(w, r, errInvalidRequest.hint("The grant_type is missing."))
		return
	}
	grant := i.grantOf(grantType)
	if grant == nil {
		i.writeError(w, r, errUnsupportedGrantType)
		return
	}
	c, err := i.authenticateClient(ctx, r, form)
	if err == nil && !c.Allows(grantType) {
		err = errUnauthorizedClient.hint("This client may not use the grant type " + grantType + ".")
	}
	var n *issuance
	if err == nil {
		n, err = grant(ctx, c, form)
	}
	var body []byte
	if err == nil {
		body, err = i.issue(ctx, n)
	}
	if err != nil {
		i.refuseToken(w, r, grantType, c, err)
		return
	}
	writeBody(w, http.StatusOK, body)
}

// refuseToken answers a token request that was refused. c is zero unless the client was
// authenticated. The refusal goes to the audit log when the client has proven itself; anyone
// can send the others, and a log that is kept for good must not be for anyone to fill.
func (i *Issuer) refuseToken(w http.ResponseWriter, r *http.Request, grantType string, c client.Client, err error) {
	e, _ := protocolError(err)
	i.Log.InfoContext(r.Context(), "token request refused", "grant_type", grantType, "error", e.code, "client", c.ID)
	if c.ID != "" && !c.Public() {
		i.record(r.Context(), audit.Event{Action: audit.TokenRefused, Client: string(c.ID), Tenant: c.Tenant,
			Detail: map[string]string{"grant_type": grantType, "error": e.code}})
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

// tokenBody is a token response (RFC 6749 §5.1, OpenID Connect Core 1.0 §3.1.3.3).
type tokenBody struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
}

// issue makes the tokens of an issuance and returns the encoded response.
func (i *Issuer) issue(ctx context.Context, n *issuance) ([]byte, error) {
	// A grant never outlives what its client is registered for: what was withdrawn since is
	// left out.
	n.scopes, n.audiences = still(n.scopes, n.client.Scopes), still(n.audiences, n.client.Audiences)
	now := i.Now()
	token, jti, lifetime, err := i.accessToken(ctx, n, now)
	if err != nil {
		return nil, err
	}
	scope := strings.Join(n.scopes, " ")
	out := tokenBody{AccessToken: token, TokenType: "Bearer", ExpiresIn: int64(lifetime / time.Second), Scope: scope}
	i.Observer.TokenIssued(n.grantType, "access")
	if n.subject != nil && slices.Contains(n.scopes, scopeOpenID) {
		if out.IDToken, err = i.idToken(ctx, n, token, now); err != nil {
			return nil, err
		}
		i.Observer.TokenIssued(n.grantType, "id")
	}
	if !n.refresh.Empty() {
		out.RefreshToken = n.refresh.Reveal()
		i.Observer.TokenIssued(n.grantType, "refresh")
	}
	body, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode token response: %w", err)
	}
	event := audit.Event{
		Action: audit.TokenIssued, Client: string(n.client.ID), Tenant: n.client.Tenant, TokenID: jti,
		Detail: map[string]string{"grant_type": n.grantType, "scope": scope},
	}
	if n.subject != nil {
		event.Tenant, event.User, event.Session, event.Grant = n.grant.Tenant, n.grant.User, n.grant.Session, n.grant.ID
	}
	i.record(ctx, event)
	return body, nil
}

// still returns those of granted that are allowed.
func still(granted, allowed []string) []string {
	for _, s := range granted {
		if !slices.Contains(allowed, s) {
			return slices.DeleteFunc(slices.Clone(granted), func(s string) bool { return !slices.Contains(allowed, s) })
		}
	}
	return granted
}
