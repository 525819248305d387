package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

// Every kind of credential is offered at every place that takes one. Only its own place takes
// it (RFC 8725 §3.11, §3.12).
func TestNoKindOfTokenPassesForAnother(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	login := b.Get(a.AuthorizeURL("spa"))
	flow := login.URL.Query().Get("flow")
	if flow == "" {
		t.Fatal("the sealed request is not in the address of the sign-in page")
	}
	code := b.SignIn(login, apptest.Grace, apptest.Password).Code(t)
	tokens := a.Tokens(t, "spa", apptest.Grace)
	var cookie string
	for _, c := range b.Cookies() {
		if c.Name == "signet" {
			cookie = c.Value
		}
	}
	if cookie == "" {
		t.Fatal("no session cookie")
	}
	kinds := map[string]string{
		"access token": tokens.Text("access_token"), "ID token": tokens.Text("id_token"), "refresh token": tokens.Text("refresh_token"),
		"code": code, "sealed request": flow, "session cookie": cookie, "client secret": apptest.Secret.Reveal(),
	}
	places := map[string]struct {
		takes string
		try   func(v string) bool
	}{
		"userinfo":      {"access token", func(v string) bool { return a.Get(t, "/userinfo", apptest.Bearer(v)).Status == http.StatusOK }},
		"introspection": {"access token", func(v string) bool { return !introspect(t, a, "api", v, false) }},
		"id_token_hint": {"ID token", func(v string) bool {
			return a.Get(t, "/logout?"+url.Values{"id_token_hint": {v}}.Encode()).Status < 400
		}},
		"session": {"session cookie", func(v string) bool { return cookieSignsIn(t, a, v) }},
		"pending request": {"sealed request", func(v string) bool {
			return a.Get(t, "/login?"+url.Values{"flow": {v}}.Encode()).Status == http.StatusOK
		}},
		"client secret": {"client secret", func(v string) bool {
			return a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}}, func(r *http.Request) {
				r.SetBasicAuth("machine", url.QueryEscape(v))
			}).Status == http.StatusOK
		}},
		"refresh": {"refresh token", func(v string) bool {
			return a.PostForm(t, "/token", apptest.RefreshForm("spa", v)).Status == http.StatusOK
		}},
		"code redemption": {"code", func(v string) bool {
			return a.PostForm(t, "/token", apptest.RedeemForm("spa", v)).Status == http.StatusOK
		}},
	}
	for place, p := range places {
		for kind, value := range kinds {
			if got, want := p.try(value), kind == p.takes; got != want {
				t.Errorf("%s takes a %s: %v, want %v", place, kind, got, want)
			}
		}
	}
}

func cookieSignsIn(t *testing.T, a *apptest.App, value string) bool {
	t.Helper()
	out := a.Get(t, strings.TrimPrefix(a.AuthorizeURL("spa", "prompt=none"), a.URL), func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: "signet", Value: value})
	})
	return strings.Contains(out.Header.Get("Location"), "code=")
}
