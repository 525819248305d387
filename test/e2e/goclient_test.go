package e2e

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/signet-id/signet/internal/apptest"
)

// goClient is what a Go web application holds: go-oidc and x/oauth2, configured from the
// discovery document and nothing else.
type goClient struct {
	provider *oidc.Provider
	oauth2.Config
}

func newGoClient(t *testing.T, a *apptest.App, id, secret string, style oauth2.AuthStyle) goClient {
	t.Helper()
	provider, err := oidc.NewProvider(t.Context(), a.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := goClient{provider, oauth2.Config{
		ClientID: id, ClientSecret: secret, Endpoint: provider.Endpoint(), RedirectURL: apptest.Callback,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess},
	}}
	c.Endpoint.AuthStyle = style
	return c
}

// signIn takes a person through the flow and returns the tokens and the verified ID token.
func (c goClient) signIn(ctx context.Context, t *testing.T, a *apptest.App) (*oauth2.Token, *oidc.IDToken) {
	t.Helper()
	verifier, state, nonce := oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	b := a.Browser(t)
	p := b.SignIn(b.Get(c.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oidc.Nonce(nonce),
		oauth2.SetAuthURLParam("organization", "acme"))), apptest.Ada, apptest.Password)
	code := p.Code(t)
	if got := p.Away.Query().Get("state"); got != state {
		t.Errorf("state %q came back as %q", state, got)
	}
	if got := p.Away.Query().Get("iss"); got != a.URL {
		t.Errorf("iss is %q, want %q (RFC 9207)", got, a.URL)
	}
	token, err := c.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := c.provider.Verifier(&oidc.Config{ClientID: c.ClientID}).Verify(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	if id.Nonce != nonce {
		t.Errorf("nonce %q came back as %q", nonce, id.Nonce)
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil {
		t.Errorf("at_hash: %v", err)
	}
	return token, id
}

func TestGoClientCompletesTheFlow(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	secret := apptest.Secret.Reveal()
	for name, c := range map[string]struct {
		id, secret string
		style      oauth2.AuthStyle
	}{
		"a public client":                             {"spa", "", oauth2.AuthStyleInParams},
		"a public client that detects":                {"spa", "", oauth2.AuthStyleAutoDetect},
		"a confidential client with basic":            {"web", secret, oauth2.AuthStyleInHeader},
		"a confidential client with post":             {"post", secret, oauth2.AuthStyleInParams},
		"a confidential client that detects basic":    {"web", secret, oauth2.AuthStyleAutoDetect},
		"a confidential client that detects post":     {"post", secret, oauth2.AuthStyleAutoDetect},
		"a client whose id needs form encoding first": {"legacy:id/with+odd chars", secret, oauth2.AuthStyleInHeader},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := oidc.ClientContext(t.Context(), &http.Client{Timeout: 20 * time.Second})
			client := newGoClient(t, a, c.id, c.secret, c.style)
			token, id := client.signIn(ctx, t, a)

			var claims struct {
				Email  string   `json:"email"`
				Tenant string   `json:"tenant"`
				Roles  []string `json:"roles"`
			}
			info, err := client.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
			if err != nil {
				t.Fatal(err)
			}
			if err := info.Claims(&claims); err != nil {
				t.Fatal(err)
			}
			if info.Subject != id.Subject || claims.Email != apptest.Ada || claims.Tenant != "acme" || !slices.Equal(claims.Roles, []string{"admin"}) {
				t.Errorf("userinfo is about %s: %+v; the ID token about %s", info.Subject, claims, id.Subject)
			}

			// An expired token makes the source refresh, once.
			stale := *token
			stale.Expiry = time.Now().Add(-time.Minute)
			source := client.TokenSource(ctx, &stale)
			fresh, err := source.Token()
			if err != nil {
				t.Fatal(err)
			}
			again, err := source.Token()
			if err != nil {
				t.Fatal(err)
			}
			if fresh.AccessToken == token.AccessToken || fresh.RefreshToken == token.RefreshToken || again.AccessToken != fresh.AccessToken {
				t.Error("the token source did not refresh exactly once")
			}
			if _, err := client.provider.UserInfo(ctx, source); err != nil {
				t.Errorf("userinfo with the refreshed token: %v", err)
			}
			raw, _ := fresh.Extra("id_token").(string)
			later, err := client.provider.Verifier(&oidc.Config{ClientID: c.id}).Verify(ctx, raw)
			if err != nil {
				t.Fatalf("ID token of a refresh: %v", err)
			}
			if later.Subject != id.Subject {
				t.Errorf("the subject changed from %s to %s", id.Subject, later.Subject)
			}
		})
	}
}

func TestGoClientIsToldWhatIsWrongInTheProtocolsOwnTerms(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ctx := t.Context()
	client := newGoClient(t, a, "spa", "", oauth2.AuthStyleInParams)
	verifier := oauth2.GenerateVerifier()
	b := a.Browser(t)
	code := b.SignIn(b.Get(client.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier))), apptest.Grace, apptest.Password).Code(t)

	refused := func(err error) string {
		var answer *oauth2.RetrieveError
		if !errors.As(err, &answer) {
			t.Fatalf("not an OAuth error: %v", err)
		}
		return answer.ErrorCode
	}
	if _, err := client.Exchange(ctx, code, oauth2.VerifierOption(oauth2.GenerateVerifier())); refused(err) != "invalid_grant" {
		t.Errorf("another verifier: %v", err)
	}
	if _, err := client.Exchange(ctx, "no-such-code", oauth2.VerifierOption(verifier)); refused(err) != "invalid_grant" {
		t.Errorf("a code that never was: %v", err)
	}
	stale := &oauth2.Token{RefreshToken: "no-such-token", Expiry: time.Now().Add(-time.Hour)}
	if _, err := client.TokenSource(ctx, stale).Token(); refused(err) != "invalid_grant" {
		t.Errorf("a refresh token that never was: %v", err)
	}
	wrong := newGoClient(t, a, "web", "not the secret", oauth2.AuthStyleInHeader)
	if _, err := wrong.Exchange(ctx, "code", oauth2.VerifierOption(verifier)); refused(err) != "invalid_client" {
		t.Errorf("a wrong secret: %v", err)
	}
}

func TestGoClientActsForItself(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	provider, err := oidc.NewProvider(t.Context(), a.URL)
	if err != nil {
		t.Fatal(err)
	}
	// A resource server in Go verifies access tokens with the same library: the audience is its own.
	verifier := provider.Verifier(&oidc.Config{ClientID: apptest.Orders})
	for name, style := range map[string]oauth2.AuthStyle{
		"with basic":           oauth2.AuthStyleInHeader,
		"detecting the method": oauth2.AuthStyleAutoDetect,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clientcredentials.Config{
				ClientID: "machine", ClientSecret: apptest.Secret.Reveal(), TokenURL: provider.Endpoint().TokenURL,
				Scopes: []string{"orders:read"}, AuthStyle: style,
			}
			token, err := c.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if token.RefreshToken != "" {
				t.Error("a machine got a refresh token")
			}
			verified, err := verifier.Verify(t.Context(), token.AccessToken)
			if err != nil {
				t.Fatal(err)
			}
			if verified.Subject != "machine" {
				t.Errorf("the token is about %q, want the client itself", verified.Subject)
			}
		})
	}
}
