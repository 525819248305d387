package app_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
)

func TestLogoutMatrix(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	const bye = "https://app.example/bye"
	signedIn := func() (*apptest.Browser, string) {
		b := a.Browser(t)
		code := b.SignIn(b.Get(a.AuthorizeURL("spa")), apptest.Grace, apptest.Password).Code(t)
		return b, a.PostForm(t, "/token", apptest.RedeemForm("spa", code)).Text("id_token")
	}
	logout := func(b *apptest.Browser, kv ...string) apptest.Page {
		v := url.Values{}
		for i := 0; i < len(kv); i += 2 {
			v.Set(kv[i], kv[i+1])
		}
		return b.Get(a.URL + "/logout?" + v.Encode())
	}
	stillSignedIn := func(b *apptest.Browser) bool { return b.Get(a.AuthorizeURL("spa")).Away != nil }

	t.Run("a hint that names the session ends it and returns", func(t *testing.T) {
		t.Parallel()
		b, hint := signedIn()
		p := logout(b, "id_token_hint", hint, "post_logout_redirect_uri", bye, "state", "s1")
		if p.Away == nil || p.Away.String() != bye+"?state=s1" {
			t.Errorf("sent to %v, status %d", p.Away, p.Status)
		}
		if stillSignedIn(b) {
			t.Error("the session lives on")
		}
	})
	t.Run("without a hint the person is asked", func(t *testing.T) {
		t.Parallel()
		b, _ := signedIn()
		p := logout(b, "client_id", "spa", "post_logout_redirect_uri", bye)
		if p.Away != nil || p.Status != http.StatusOK {
			t.Fatalf("status %d, sent to %v", p.Status, p.Away)
		}
		if !stillSignedIn(b) {
			t.Error("signed out without being asked")
		}
	})
	t.Run("another person's hint does not sign this one out unasked", func(t *testing.T) {
		t.Parallel()
		_, foreign := signedIn()
		b := a.Browser(t)
		b.SignIn(b.Get(a.AuthorizeURL("spa")), apptest.Ada, apptest.Password)
		if p := logout(b, "id_token_hint", foreign, "post_logout_redirect_uri", bye); p.Away != nil {
			t.Errorf("sent to %v", p.Away)
		}
		if !stillSignedIn(b) {
			t.Error("signed out by another person's hint")
		}
	})
	t.Run("URIs that are not registered are refused on a page", func(t *testing.T) {
		t.Parallel()
		b, hint := signedIn()
		for _, uri := range []string{"https://evil.example/", bye + "/", bye + "?x=1", "javascript:alert(1)", apptest.Callback} {
			p := logout(b, "id_token_hint", hint, "post_logout_redirect_uri", uri)
			if p.Away != nil || p.Status != http.StatusBadRequest || strings.Contains(p.Body, "evil.example") {
				t.Errorf("%s: status %d, sent to %v", uri, p.Status, p.Away)
			}
		}
		for name, kv := range map[string][]string{
			"no client to check against": {"post_logout_redirect_uri", bye},
			"hint of another client":     {"id_token_hint", hint, "client_id", "two", "post_logout_redirect_uri", bye},
			"a hint that is none":        {"id_token_hint", "a.b.c", "post_logout_redirect_uri", bye},
		} {
			if p := logout(b, kv...); p.Away != nil || p.Status != http.StatusBadRequest {
				t.Errorf("%s: status %d, sent to %v", name, p.Status, p.Away)
			}
		}
		if !stillSignedIn(b) {
			t.Error("a refused request signed the person out")
		}
	})
	t.Run("an access token is no hint", func(t *testing.T) {
		t.Parallel()
		access := a.Tokens(t, "spa", apptest.Grace).Text("access_token")
		if p := logout(a.Browser(t), "id_token_hint", access); p.Status != http.StatusBadRequest {
			t.Errorf("status %d", p.Status)
		}
	})
	t.Run("nobody is signed in", func(t *testing.T) {
		t.Parallel()
		_, hint := signedIn()
		p := logout(a.Browser(t), "id_token_hint", hint, "post_logout_redirect_uri", bye)
		if p.Away == nil || p.Away.String() != bye {
			t.Errorf("status %d, sent to %v", p.Status, p.Away)
		}
	})
}

// Who kept an ID token for longer than its key lived must still be able to sign out. Such a hint
// cannot be told from a stranger's, so it must not do more than no hint at all.
func TestAHintWhoseKeyWasRemovedCountsAsNone(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	const bye = "https://app.example/bye"
	b := a.Browser(t)
	code := b.SignIn(b.Get(a.AuthorizeURL("spa")), apptest.Grace, apptest.Password).Code(t)
	good := a.PostForm(t, "/token", apptest.RedeemForm("spa", code)).Text("id_token")
	header, rest, _ := strings.Cut(good, ".")
	// Everything but the key id is right, the claims that name the session included.
	decoded, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil || !strings.Contains(string(decoded), `"kid":"`) {
		t.Fatalf("header %s, %v", decoded, err)
	}
	removed := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(decoded), `"kid":"`, `"kid":"gone-`, 1))) + "." + rest
	logout := func(b *apptest.Browser, hint string, kv ...string) apptest.Page {
		v := url.Values{"id_token_hint": {hint}}
		for i := 0; i < len(kv); i += 2 {
			v.Set(kv[i], kv[i+1])
		}
		return b.Get(a.URL + "/logout?" + v.Encode())
	}
	for name, p := range map[string]apptest.Page{
		"alone":                              logout(b, removed),
		"with a client and a return address": logout(b, removed, "client_id", "spa", "post_logout_redirect_uri", bye),
	} {
		if p.Away != nil || p.Status != http.StatusOK || !strings.Contains(p.Body, `action="/logout/confirm"`) {
			t.Errorf("%s: status %d, sent to %v: the person was not asked", name, p.Status, p.Away)
		}
	}
	if p := logout(a.Browser(t), removed, "client_id", "spa", "post_logout_redirect_uri", bye); p.Away == nil || p.Away.String() != bye {
		t.Errorf("nobody is signed in: status %d, sent to %v", p.Status, p.Away)
	}
	tampered := good[:strings.LastIndexByte(good, '.')+1] + strings.Repeat("A", 86)
	for name, p := range map[string]apptest.Page{
		"a return address without a client": logout(b, removed, "post_logout_redirect_uri", bye),
		"an address that is not registered": logout(b, removed, "client_id", "spa", "post_logout_redirect_uri", "https://evil.example/"),
		"a hint with a wrong signature":     logout(b, tampered, "client_id", "spa"),
		"a hint that is no token":           logout(b, "a.b.c", "client_id", "spa"),
	} {
		if p.Away != nil || p.Status != http.StatusBadRequest {
			t.Errorf("%s: status %d, sent to %v", name, p.Status, p.Away)
		}
	}
	if b.Get(a.AuthorizeURL("spa")).Away == nil {
		t.Error("the session was ended without asking")
	}
}

func TestARefusedSignOutIsNotCountedAsAnAuthorization(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	refused := func() string {
		res, err := http.Get(a.OpsURL + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(body)) {
			if value, ok := strings.CutPrefix(line, `signet_authorizations_total{result="refused"} `); ok {
				return strings.TrimSpace(value)
			}
		}
		return "0"
	}
	if p := b.Get(a.URL + "/authorize?client_id=nobody"); p.Status != http.StatusBadRequest || refused() != "1" {
		t.Fatalf("a refused authorization: status %d, counted %s", p.Status, refused())
	}
	if p := b.Get(a.URL + "/logout?id_token_hint=a.b.c"); p.Status != http.StatusBadRequest || refused() != "1" {
		t.Errorf("a refused sign-out: status %d, counted %s", p.Status, refused())
	}
}

// A session that merely runs out leaves its refresh tokens alive. Signing out must reach them
// all the same, or a stolen one would outlive the sign-out by months.
func TestSigningOutReachesWhatASessionLeftBehindThatRanOut(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	signOut := func(b *apptest.Browser, hint string) {
		t.Helper()
		p := b.Get(a.URL + "/logout?" + url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {"https://app.example/bye"}}.Encode())
		if p.Away == nil || p.Away.String() != "https://app.example/bye" {
			t.Fatalf("sign-out: %d, sent to %v", p.Status, p.Away)
		}
	}
	for name, lapse := range map[string]string{
		"idle for too long": "UPDATE browser_session SET expires_at = now() - interval '1 minute'",
		"deleted meanwhile": "DELETE FROM browser_session",
	} {
		b := a.Browser(t)
		online := a.PostForm(t, "/token", apptest.RedeemForm("spa", b.SignIn(b.Get(a.AuthorizeURL("spa")), apptest.Grace, apptest.Password).Code(t)))
		offline := a.PostForm(t, "/token", apptest.RedeemForm("spa", b.Get(a.AuthorizeURL("spa", "scope=openid offline_access")).Code(t)))
		signOut(a.Browser(t), online.Text("id_token"))
		if online = refresh(t, a, online.Text("refresh_token")); online.Status != http.StatusOK {
			t.Errorf("%s: a browser without its cookie ended a session that lives: %d %s", name, online.Status, online.Raw)
		}
		exec(t, a, lapse)
		signOut(b, online.Text("id_token"))
		if out := refresh(t, a, online.Text("refresh_token")); out.Error() != "invalid_grant" {
			t.Errorf("%s: the refresh token lives on: %d %s", name, out.Status, out.Raw)
		}
		if out := a.Get(t, "/userinfo", apptest.Bearer(online.Text("access_token"))); out.Status != http.StatusUnauthorized {
			t.Errorf("%s: the access token lives on: %d", name, out.Status)
		}
		if out := refresh(t, a, offline.Text("refresh_token")); out.Status != http.StatusOK {
			t.Errorf("%s: offline access ended too: %d %s", name, out.Status, out.Raw)
		}
	}
}

func TestAnExpiredHintIsAccepted(t *testing.T) {
	t.Parallel()
	clock := &movableClock{}
	a := apptest.Start(t, apptest.WithClock(clock.now))
	b := a.Browser(t)
	code := b.SignIn(b.Get(a.AuthorizeURL("spa")), apptest.Grace, apptest.Password).Code(t)
	hint := a.PostForm(t, "/token", apptest.RedeemForm("spa", code)).Text("id_token")
	clock.ahead.Store(int64(2 * time.Hour))
	p := b.Get(a.URL + "/logout?" + url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {"https://app.example/bye"}}.Encode())
	if p.Away == nil {
		t.Errorf("status %d", p.Status)
	}
}

func TestExpiredAccessTokensAreRefused(t *testing.T) {
	t.Parallel()
	clock := &movableClock{}
	a := apptest.Start(t, apptest.WithClock(clock.now))
	access := a.Tokens(t, "spa", apptest.Grace).Text("access_token")
	clock.ahead.Store(int64(time.Hour + time.Second))
	if out := a.Get(t, "/userinfo", apptest.Bearer(access)); out.Status != http.StatusUnauthorized {
		t.Errorf("userinfo: %d", out.Status)
	}
	if !introspect(t, a, "api", access, false) {
		t.Error("introspection says it is active")
	}
}

// movableClock runs ahead of the real one by as much as it is told.
type movableClock struct{ ahead atomic.Int64 }

func (c *movableClock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }
