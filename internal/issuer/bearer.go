package issuer

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/formdata"
)

// void reports whether the token was recalled, or its client with all that was issued to it.
func (i *Issuer) void(r *http.Request, c *seen) (bool, error) {
	void, err := i.Recalled.Void(r.Context(), c.Grant, c.Session, c.ID)
	if void || err != nil {
		return void, err
	}
	registered, err := i.Clients.FindClient(r.Context(), client.ID(c.ClientID))
	if errors.Is(err, errdefs.ErrNotFound) {
		return true, nil
	}
	return !registered.Honours(time.Unix(c.IssuedAt, 0)), err
}

// challenge answers a resource request that carries no good token (RFC 6750 §3). Without a
// code there is no error to name: the request simply had no token.
func (i *Issuer) challenge(w http.ResponseWriter, status int, code, description, scope string) {
	v := `Bearer realm="` + i.URL + `"`
	if code != "" {
		v += `, error="` + code + `", error_description="` + description + `"`
	}
	if scope != "" {
		v += `, scope="` + scope + `"`
	}
	w.Header().Set("WWW-Authenticate", v)
	if code == "" {
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		return
	}
	writeJSON(w, status, errorBody{code, description})
}

// bearerToken returns the token of a request: from the Authorization header (RFC 6750 §2.1),
// or from a form body (§2.2). The query (§2.3) is not looked at. ok is false for a request
// that is malformed, as one with two tokens.
func bearerToken(w http.ResponseWriter, r *http.Request) (token string, ok bool) {
	headers := r.Header["Authorization"]
	if len(headers) > 1 {
		return "", false
	}
	if len(headers) == 1 {
		scheme, rest, found := strings.Cut(headers[0], " ")
		if !found || !strings.EqualFold(scheme, "Bearer") {
			return "", true
		}
		token = strings.TrimSpace(rest)
	}
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, err := formdata.Post(w, r, maxValueBytes)
		if err != nil || len(form["access_token"]) > 1 || token != "" && form.Has("access_token") {
			return "", false
		}
		if token == "" {
			token = form.Get("access_token")
		}
	}
	return token, true
}

// meantFor reports whether the token names the audience.
func (c accessClaims) meantFor(audience string) bool {
	return audience != "" && slices.Contains(c.Audience, audience)
}
