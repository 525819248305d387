package upstream

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/secret"
)

// endpoint returns the client of this connector at endpoints of its provider.
func (w *way) endpoint(authorization, token string, style oauth2.AuthStyle, scopes []string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: w.connector.ClientID, ClientSecret: w.reveal(), RedirectURL: w.redirectURI(), Scopes: scopes,
		Endpoint: oauth2.Endpoint{AuthURL: authorization, TokenURL: token, AuthStyle: style},
	}
}

// redeem gives a code for tokens.
func (w *way) redeem(ctx context.Context, c *oauth2.Config, r connector.Return) (*oauth2.Token, error) {
	t, refusal, err := w.spend(ctx, c, r)
	if refusal != nil {
		return nil, w.refused(refusal, r)
	}
	return t, err
}

// spend shows a code to the token endpoint (RFC 6749 §4.1.3, RFC 7636 §4.5). It returns the tokens,
// or how the provider refused, or why there is neither.
func (w *way) spend(ctx context.Context, c *oauth2.Config, r connector.Return) (*oauth2.Token, *oauth2.RetrieveError, error) {
	ctx, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{
		Transport:     w.observed("token", tokenRequests(w.client.Transport)),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	c.RedirectURL = r.RedirectURI
	t, err := c.Exchange(ctx, r.Code, oauth2.VerifierOption(r.Verifier))
	if err == nil {
		return t, nil, nil
	}
	var noAnswer *connector.Failure
	var refusal *oauth2.RetrieveError
	switch {
	case errors.As(err, &noAnswer):
		return nil, nil, noAnswer
	case errors.As(err, &refusal):
		return nil, refusal, nil
	}
	// The cause may quote the answer, which may hold tokens.
	return nil, nil, connector.Fail(connector.BadAnswer, nil, "the token endpoint answered with something that is no token response (RFC 6749 §5.1)")
}

// tokenRequests asks for JSON, which GitHub sends only then.
func tokenRequests(base http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Header.Set("Accept", "application/json")
		return base.RoundTrip(req)
	})
}

// refused says what an error of the token endpoint means (RFC 6749 §5.2). GitHub sends its own with
// status 200.
func (w *way) refused(e *oauth2.RetrieveError, r connector.Return) error {
	status := e.Response.StatusCode
	code := w.quote(e.ErrorCode, r.Code, r.Verifier)
	if e.ErrorDescription != "" {
		code += " " + w.quote(e.ErrorDescription, r.Code, r.Verifier)
	}
	fail := func(reason connector.Reason, advice string) error {
		return connector.Fail(reason, nil, "the token endpoint answered with status %d and %s: %s", status, code, advice)
	}
	switch e.ErrorCode {
	case "invalid_client", "incorrect_client_credentials", "unauthorized_client":
		return fail(connector.Unauthorized, "the client id or the client secret is not right")
	case "redirect_uri_mismatch":
		return fail(connector.CodeRefused, "register the redirect URI "+w.redirectURI())
	case "invalid_grant", "bad_verification_code":
		return fail(connector.CodeRefused, "the code was used before, has expired, or belongs to another redirect URI than "+w.redirectURI())
	case "unverified_user_email":
		return fail(connector.NoAddress, "the person has to verify their address there first")
	case "temporarily_unavailable", "server_error", "slow_down":
		return fail(connector.Unavailable, "it cannot answer just now")
	}
	switch {
	case status == http.StatusNotFound && w.connector.Kind == connector.GitHub:
		return fail(connector.Unauthorized, "GitHub does not know the client id")
	case status == http.StatusTooManyRequests || status >= 500:
		return connector.Fail(connector.Unavailable, nil, "the token endpoint answered with status %d", status)
	case status == http.StatusUnauthorized:
		return connector.Fail(connector.Unauthorized, nil, "the token endpoint answered with status 401: the client id or the client secret is not right")
	case status >= 300 && status <= 399:
		return connector.Fail(connector.BadAnswer, nil, "the token endpoint redirects to %s, which is not followed", w.quote(e.Response.Header.Get("Location"), r.Code, r.Verifier))
	case e.ErrorCode != "":
		return fail(connector.BadAnswer, "the provider refuses the request")
	}
	return connector.Fail(connector.BadAnswer, nil, "the token endpoint answered with status %d", status)
}

// tokens returns what the provider issued.
func (w *way) tokens(t *oauth2.Token) connector.Tokens {
	extra := func(name string) string { s, _ := t.Extra(name).(string); return s }
	out := connector.Tokens{
		Access: secret.New(t.AccessToken), Refresh: secret.New(t.RefreshToken), ID: secret.New(extra("id_token")),
		Type: t.TokenType, Scope: extra("scope"),
	}
	if t.ExpiresIn > 0 {
		out.Expiry = w.now().Add(time.Duration(t.ExpiresIn) * time.Second)
	}
	return out
}

// scopes returns those that a connector asks for: its own or else usual, and always the needed ones.
func scopes(own, usual, needed []string) []string {
	if len(own) == 0 {
		own = usual
	}
	out := slices.Clone(needed)
	for _, s := range own {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
