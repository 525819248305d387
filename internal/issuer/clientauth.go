package issuer

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/ory/fosite"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

// authenticateClient identifies the client of a request to the token, introspection and
// revocation endpoints, and proves it when it is confidential (RFC 6749 §2.3). One request
// uses one method; a client uses the one it is registered for.
func (i *Issuer) authenticateClient(ctx context.Context, r *http.Request, form url.Values) (fosite.Client, error) {
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		return nil, fosite.ErrInvalidClient.WithHint("Client assertions are not supported.")
	}
	given, err := readCredentials(r, form)
	if err != nil {
		return nil, err
	}
	c, err := i.Clients.FindClient(ctx, given.id)
	switch {
	case errors.Is(err, errdefs.ErrNotFound), errors.Is(err, errdefs.ErrInvalid):
		return nil, fosite.ErrInvalidClient
	case err != nil:
		return nil, err
	case !c.Enabled():
		return nil, fosite.ErrInvalidClient
	}
	if given.method == client.AuthNone {
		if !c.Public() {
			return nil, fosite.ErrInvalidClient.WithHint("This client has to authenticate.")
		}
		return clientView{Client: c}, nil
	}
	if c.Public() || !c.Authenticate(given.secret, i.Now()) {
		return nil, fosite.ErrInvalidClient
	}
	if c.AuthMethod != given.method {
		// Said only to those who know the secret.
		return nil, fosite.ErrInvalidClient.WithHintf("This client is registered for %s.", c.AuthMethod)
	}
	return clientView{Client: c}, nil
}

type credentials struct {
	id     client.ID
	secret secret.Text
	method client.AuthMethod
}

// readCredentials finds the one way in which a request names its client.
func readCredentials(r *http.Request, form url.Values) (credentials, error) {
	headers := r.Header["Authorization"]
	if len(headers) > 1 {
		return credentials{}, fosite.ErrInvalidRequest.WithHint("There is more than one Authorization header.")
	}
	if len(headers) == 1 {
		c, err := parseBasic(headers[0])
		if err != nil {
			return credentials{}, err
		}
		if form.Has("client_secret") {
			return credentials{}, fosite.ErrInvalidRequest.WithHint("Use one way to authenticate, not both header and body (RFC 6749 §2.3).")
		}
		if form.Has("client_id") && form.Get("client_id") != string(c.id) {
			return credentials{}, fosite.ErrInvalidRequest.WithHint("The body names another client than the Authorization header.")
		}
		return c, nil
	}
	c := credentials{id: client.ID(form.Get("client_id")), method: client.AuthNone}
	if c.id == "" {
		return credentials{}, fosite.ErrInvalidClient.WithHint("The request names no client.")
	}
	if form.Has("client_secret") {
		c.method, c.secret = client.AuthPost, secret.New(form.Get("client_secret"))
	}
	return c, nil
}

// parseBasic reads HTTP Basic credentials whose two halves are form-encoded before they are
// joined (RFC 6749 §2.3.1). There is one interpretation only: what needs no decoding is the
// same either way, and what cannot be decoded is refused.
func parseBasic(header string) (credentials, error) {
	fail := fosite.ErrInvalidClient.WithHint("The Authorization header is not well-formed HTTP Basic (RFC 7617).")
	scheme, encoded, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Basic") || len(encoded) > maxValueBytes {
		return credentials{}, fail
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return credentials{}, fail
	}
	user, password, ok := strings.Cut(string(raw), ":")
	if !ok {
		return credentials{}, fail
	}
	id, err1 := url.QueryUnescape(user)
	pass, err2 := url.QueryUnescape(password)
	if err1 != nil || err2 != nil || id == "" || !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
		return credentials{}, fail
	}
	return credentials{id: client.ID(id), secret: secret.New(pass), method: client.AuthBasic}, nil
}
