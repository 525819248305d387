package issuer

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

// authenticateClient identifies the client of a request to the token, introspection and
// revocation endpoints, and proves it when it is confidential (RFC 6749 §2.3). One request
// uses one method; a client uses the one it is registered for.
func (i *Issuer) authenticateClient(ctx context.Context, r *http.Request, form url.Values) (client.Client, error) {
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		return client.Client{}, errInvalidClient.hint("Client assertions are not supported.")
	}
	given, err := readCredentials(r, form)
	if err != nil {
		return client.Client{}, err
	}
	c, err := i.Clients.FindClient(ctx, given.id)
	switch {
	case errors.Is(err, errdefs.ErrNotFound), errors.Is(err, errdefs.ErrInvalid):
		return client.Client{}, errInvalidClient
	case err != nil:
		return client.Client{}, err
	case !c.Enabled():
		return client.Client{}, errInvalidClient
	}
	if given.method == client.AuthNone {
		if !c.Public() {
			return client.Client{}, errInvalidClient.hint("This client has to authenticate.")
		}
		return c, nil
	}
	if c.Public() || !c.Authenticate(given.secret, i.Now()) {
		return client.Client{}, errInvalidClient
	}
	if c.AuthMethod != given.method {
		// Said only to those who know the secret.
		return client.Client{}, errInvalidClient.hint("This client is registered for " + string(c.AuthMethod) + ".")
	}
	return c, nil
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
		return credentials{}, errInvalidRequest.hint("There is more than one Authorization header.")
	}
	if len(headers) == 1 {
		c, err := parseBasic(headers[0])
		if err != nil {
			return credentials{}, err
		}
		if form.Has("client_secret") {
			return credentials{}, errInvalidRequest.hint("Use one way to authenticate, not both header and body (RFC 6749 §2.3).")
		}
		if form.Has("client_id") && form.Get("client_id") != string(c.id) {
			return credentials{}, errInvalidRequest.hint("The body names another client than the Authorization header.")
		}
		return c, nil
	}
	c := credentials{id: client.ID(form.Get("client_id")), method: client.AuthNone}
	if c.id == "" {
		return credentials{}, errInvalidClient.hint("The request names no client.")
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
	fail := errInvalidClient.hint("The Authorization header is not well-formed HTTP Basic (RFC 7617).")
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
