package issuer

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
)

type activeRefresh struct {
	Active    bool   `json:"active"`
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	ClientID  string `json:"client_id"`
	Scope     string `json:"scope,omitempty"`
	Expiry    int64  `json:"exp"`
	IssuedAt  int64  `json:"iat"`
	Grant     string `json:"grant_id"`
	TenantID  string `json:"tenant_id"`
	TokenType string `json:"token_type"`
}

// ServeIntrospect tells an authenticated client whether a token is good (RFC 7662). A resource
// server learns of the access tokens meant for it, a client of its own tokens; about any other
// the answer is {"active":false} and nothing else (§2.2, §4).
func (i *Issuer) ServeIntrospect(w http.ResponseWriter, r *http.Request) {
	form, caller, err := i.authenticated(w, r)
	if err != nil {
		i.writeError(w, r, err)
		return
	}
	if caller.Public() {
		i.writeError(w, r, errInvalidClient.hint("Introspection is for clients that authenticate."))
		return
	}
	body, err := i.introspect(r, form.Get("token"), caller)
	if err != nil {
		i.writeError(w, r, err)
		return
	}
	writeBody(w, http.StatusOK, body)
}

// notActive is the whole answer about a token that is not good, or none of the caller's
// business.
var notActive = []byte(`{"active":false}`)

func (i *Issuer) introspect(r *http.Request, token string, caller client.Client) ([]byte, error) {
	if t, err := grant.ParseRefreshToken(token, i.RefreshMAC); err == nil {
		return i.introspectRefresh(r, t, caller)
	}
	c, err := i.readAccessToken(token)
	if err != nil || c.ClientID != string(caller.ID) && !c.meantFor(caller.ServesAudience) {
		return notActive, nil //nolint:nilerr // whatever is wrong with it, RFC 7662 §2.2 has one answer
	}
	void, err := i.void(r, c)
	if err != nil {
		return nil, err
	}
	if void {
		return notActive, nil
	}
	var subject *directory.Subject
	if !c.user.IsZero() {
		s, err := i.Subjects.FindSubject(r.Context(), c.tenant, c.user)
		if err != nil && !errors.Is(err, errdefs.ErrNotFound) {
			return nil, err
		}
		if err != nil || s.Active() != nil {
			return notActive, nil //nolint:nilerr // who is gone has one answer, as above
		}
		subject = &s
	}
	if !c.PermissionsOmitted && len(c.ClaimsOmitted) == 0 {
		return c.answer, nil
	}
	registered, err := i.Clients.FindClient(r.Context(), client.ID(c.ClientID))
	if err != nil {
		return nil, err
	}
	return i.withFull(c.answer, c.accessClaims, registered, subject)
}

// introspectRefresh answers for a genuine refresh token: only its own client may know, and only
// the current generation is active, although its predecessor may still be answered for a while.
func (i *Issuer) introspectRefresh(r *http.Request, t grant.RefreshToken, caller client.Client) ([]byte, error) {
	f, err := i.Families.FindFamily(r.Context(), t.Family)
	if errors.Is(err, errdefs.ErrNotFound) {
		return notActive, nil
	}
	if err != nil {
		return nil, err
	}
	if f.Client != caller.ID || f.CreatedAt.Before(caller.ValidFrom) || !f.Live(i.Now()) || t.Generation != f.Generation {
		return notActive, nil
	}
	return json.Marshal(activeRefresh{
		Active:    true,
		Issuer:    i.URL,
		Subject:   f.User.String(),
		ClientID:  string(f.Client),
		Scope:     strings.Join(f.Scopes, " "),
		Expiry:    f.ExpiresAt.Unix(),
		IssuedAt:  f.CreatedAt.Unix(),
		Grant:     f.ID.String(),
		TenantID:  f.Tenant.String(),
		TokenType: "refresh_token",
	})
}

// authenticated reads the form of an endpoint that takes a token from a client, and the client.
func (i *Issuer) authenticated(w http.ResponseWriter, r *http.Request) (url.Values, client.Client, error) {
	form, err := postForm(w, r)
	if err != nil {
		return nil, client.Client{}, err
	}
	if err := checkDuplicates(form); err != nil {
		return nil, client.Client{}, err
	}
	c, err := i.authenticateClient(r.Context(), r, form)
	if err != nil {
		return nil, client.Client{}, err
	}
	if form.Get("token") == "" {
		return nil, client.Client{}, errInvalidRequest.hint("The token is missing.")
	}
	return form, c, nil
}
