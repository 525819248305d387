package app_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
)

const backChannelEvent = "http://schemas.openid.net/event/backchannel-logout"

// alive reports whether the browser is still signed in.
func (f federation) alive(t *testing.T, b *apptest.Browser) bool {
	t.Helper()
	p := b.Get(f.AuthorizeURL("spa", "organization=acme", "prompt=none"))
	if p.Away == nil {
		t.Fatalf("status %d: %s", p.Status, p.Body)
	}
	return p.Away.Query().Get("error") != "login_required"
}

// logout sends a logout token as the provider does (OpenID Connect Back-Channel Logout 1.0 §2.5).
func (f federation) logout(t *testing.T, token string) apptest.Answer {
	t.Helper()
	return f.PostForm(t, f.connector.LogoutPath(), url.Values{"logout_token": {token}})
}

func TestALogoutTokenThatIsForgedEndsNothing(t *testing.T) {
	t.Parallel()
	f := federate(t, nil)
	other := apptest.NewProvider(t)
	c := other.Connector()
	c.Slug = "other"
	second := f.AddConnector(t, c, other.Secret)
	f.provider.SignedIn(person(map[string]any{"sid": "session-of-jane"}))
	b := f.enters(t, "before")
	if !f.alive(t, b) {
		t.Fatal("nobody is signed in: this test shows nothing")
	}
	change := func(claims map[string]any) string {
		return f.provider.LogoutToken(func(_, c map[string]any) {
			for name, value := range claims {
				if c[name] = value; value == nil {
					delete(c, name)
				}
			}
		})
	}
	header, claims := map[string]any{}, map[string]any{}
	f.provider.LogoutToken(func(h, c map[string]any) { header, claims = h, c })
	forger := apptest.NewProviderKey(t, "ES256")
	unsigned := map[string]any{"alg": "none", "typ": "logout+jwt"}
	now := time.Now()
	for what, token := range map[string]string{
		"of somebody else's key":      forger.Sign(header, claims),
		"unsigned":                    apptest.SignJWT(unsigned, claims, apptest.Unsigned),
		"with the client secret":      apptest.SignJWT(map[string]any{"alg": "HS256", "typ": "logout+jwt"}, claims, apptest.HMAC([]byte(f.provider.Secret.Reveal()))),
		"that is an ID token":         f.provider.Last().IDToken,
		"of another provider":         other.LogoutToken(nil),
		"for another client":          change(map[string]any{"aud": "another-client"}),
		"of another issuer":           change(map[string]any{"iss": other.URL}),
		"with a nonce":                change(map[string]any{"nonce": "n"}),
		"without an event":            change(map[string]any{"events": nil}),
		"of another event":            change(map[string]any{"events": map[string]any{"http://schemas.openid.net/event/another": map[string]any{}}}),
		"whose event is no object":    change(map[string]any{"events": map[string]any{backChannelEvent: "yes"}}),
		"about nobody":                change(map[string]any{"sub": nil}),
		"without an identifier":       change(map[string]any{"jti": nil}),
		"of an hour ago":              change(map[string]any{"iat": now.Add(-2 * time.Hour).Unix(), "exp": now.Add(-time.Hour).Unix()}),
		"of tomorrow":                 change(map[string]any{"iat": now.Add(24 * time.Hour).Unix(), "exp": now.Add(25 * time.Hour).Unix()}),
		"that is none":                "a.b.c",
		"that is not there":           "",
		"about an issuer's all users": change(map[string]any{"sub": "*"}),
	} {
		out := f.logout(t, token)
		if what == "about an issuer's all users" {
			if out.Status != http.StatusOK && out.Status != http.StatusNoContent {
				t.Errorf("about somebody whom nobody knows: %d %s", out.Status, out.Raw)
			}
		} else if out.Status != http.StatusBadRequest {
			t.Errorf("a token %s: %d %s", what, out.Status, out.Raw)
		}
		if !f.alive(t, b) {
			t.Fatalf("a token %s ended the session", what)
		}
	}
	if out := f.PostForm(t, second.LogoutPath(), url.Values{"logout_token": {f.provider.LogoutToken(nil)}}); out.Status != http.StatusBadRequest || !f.alive(t, b) {
		t.Errorf("an honest token at another connector: %d %s", out.Status, out.Raw)
	}
	if out := f.Get(t, f.connector.LogoutPath()+"?logout_token="+url.QueryEscape(f.provider.LogoutToken(nil))); out.Status != http.StatusMethodNotAllowed || !f.alive(t, b) {
		t.Errorf("an honest token by GET: %d %s", out.Status, out.Raw)
	}

	// The honest one ends the session, once: whoever has read it in a log cannot use it on the next.
	honest := f.provider.LogoutToken(nil)
	if out := f.logout(t, honest); out.Status != http.StatusOK && out.Status != http.StatusNoContent {
		t.Errorf("an honest token: %d %s", out.Status, out.Raw)
	} else if out.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the answer may be stored: %q", out.Header.Get("Cache-Control"))
	}
	if f.alive(t, b) {
		t.Error("an honest token ended nothing")
	}
	b = f.enters(t, "after")
	if out := f.logout(t, honest); out.Status != http.StatusBadRequest || !f.alive(t, b) {
		t.Errorf("the same token again: %d %s, signed in: %v", out.Status, out.Raw, f.alive(t, b))
	}

	// By the provider's session, another one of the same person goes on.
	f.provider.SignedIn(person(map[string]any{"sid": "another-session"}))
	elsewhere := f.enters(t, "elsewhere")
	if out := f.logout(t, change(map[string]any{"sub": nil, "sid": "session-of-jane"})); out.Status != http.StatusOK && out.Status != http.StatusNoContent {
		t.Errorf("by the session: %d %s", out.Status, out.Raw)
	}
	if f.alive(t, b) || !f.alive(t, elsewhere) {
		t.Errorf("by the session: that one is signed in: %v, another: %v", f.alive(t, b), f.alive(t, elsewhere))
	}
}

func TestALogoutAtTheProviderEndsTheTokensOfTheSessionToo(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	f := federation{App: a, provider: apptest.NewProvider(t)}
	c := f.provider.Connector()
	c.Joins, c.DefaultRoles = a.TenantID(t, "acme"), []string{"clerk"}
	f.connector = a.AddConnector(t, c, f.provider.Secret)
	b := f.Browser(t)
	p := b.Follow(b.Through(f.connector.Reference, "scope=openid orders:read"))
	tokens := f.PostForm(t, "/token", apptest.RedeemForm("spa", p.Code(t)))
	if out := f.Get(t, "/userinfo", apptest.Bearer(tokens.Text("access_token"))); out.Status != http.StatusOK {
		t.Fatalf("%d %s", out.Status, out.Raw)
	}
	if out := f.logout(t, f.provider.LogoutToken(nil)); out.Status != http.StatusOK && out.Status != http.StatusNoContent {
		t.Fatalf("%d %s", out.Status, out.Raw)
	}
	if out := refresh(t, f.App, tokens.Text("refresh_token")); out.Error() != "invalid_grant" {
		t.Errorf("the refresh token lives on: %d %s", out.Status, out.Raw)
	}
}
