package app_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
)

func refresh(t *testing.T, a *apptest.App, token string, kv ...string) apptest.Answer {
	t.Helper()
	form := apptest.RefreshForm("spa", token)
	for i := 0; i < len(kv); i += 2 {
		form.Set(kv[i], kv[i+1])
	}
	form.Del("grant_type")
	return a.PostForm(t, "/refresh", form)
}

func TestARefreshRotatesAndARetryGetsTheSameSuccessor(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	first := a.Tokens(t, "spa", apptest.Grace).Text("refresh_token")
	one := refresh(t, a, first)
	two := refresh(t, a, first) // the response to the first request was lost
	if one.Status != http.StatusOK || two.Status != http.StatusOK {
		t.Fatalf("%d %s; %d %s", one.Status, one.Raw, two.Status, two.Raw)
	}
	second := one.Text("refresh_token")
	if second == first || two.Text("refresh_token") != second {
		t.Errorf("rotation %q → %q, retry → %q", first, second, two.Text("refresh_token"))
	}
	if one.Header.Get("Cache-Control") != "no-store" {
		t.Error("a token response may be cached")
	}
	if out := refresh(t, a, second); out.Status != http.StatusOK {
		t.Errorf("the successor: %d %s", out.Status, out.Raw)
	}
}

func TestTabsThatRefreshAtOnceAllStaySignedIn(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	token := a.Tokens(t, "spa", apptest.Grace).Text("refresh_token")
	for range 4 {
		out := race(t, 8, func() apptest.Answer { return refresh(t, a, token) })
		next := out[0].Text("refresh_token")
		for _, o := range out {
			if o.Status != http.StatusOK || o.Text("refresh_token") != next {
				t.Fatalf("%d %s", o.Status, o.Raw)
			}
		}
		token = next
	}
}

func TestAnOldRefreshTokenEndsTheFamilyAndItsAccessTokens(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	tokens := a.Tokens(t, "spa", apptest.Grace)
	first := tokens.Text("refresh_token")
	second := refresh(t, a, first).Text("refresh_token")
	third := refresh(t, a, second)
	if out := refresh(t, a, first); out.Error() != "invalid_grant" { // two generations old: nobody retries that
		t.Fatalf("replay: %d %s", out.Status, out.Raw)
	}
	if out := refresh(t, a, third.Text("refresh_token")); out.Error() != "invalid_grant" {
		t.Errorf("the family lives on: %d %s", out.Status, out.Raw)
	}
	for _, access := range []string{tokens.Text("access_token"), third.Text("access_token")} {
		if out := a.Get(t, "/userinfo", apptest.Bearer(access)); out.Status != http.StatusUnauthorized {
			t.Errorf("an access token of the family still works: %d", out.Status)
		}
	}
	if !strings.Contains(a.Log.String(), "refresh token used again") {
		t.Error("the log says nothing of the reuse")
	}
}

func TestWithoutARetryWindowEveryReuseEndsTheFamily(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.With("SIGNET_TOKENS_REFRESH_RETRY_WINDOW", "0s"))
	first := a.Tokens(t, "spa", apptest.Grace).Text("refresh_token")
	second := refresh(t, a, first).Text("refresh_token")
	if out := refresh(t, a, first); out.Error() != "invalid_grant" {
		t.Errorf("reuse: %d %s", out.Status, out.Raw)
	}
	if out := refresh(t, a, second); out.Error() != "invalid_grant" {
		t.Errorf("the family lives on: %d %s", out.Status, out.Raw)
	}
}

func TestARefreshNarrowsScopeAndNeverWidensIt(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	token := a.Tokens(t, "spa", apptest.Grace, "scope=openid orders:read").Text("refresh_token")
	out := refresh(t, a, token, "scope", "orders:read")
	if out.Text("scope") != "orders:read" || out.JSON["id_token"] != nil {
		t.Errorf("narrowed: %s", out.Raw)
	}
	token = out.Text("refresh_token")
	for _, scope := range []string{"openid orders:read orders:write", "orders:write", "openid profile"} {
		if out := refresh(t, a, token, "scope", scope); out.Error() != "invalid_scope" {
			t.Errorf("%q: %d %s", scope, out.Status, out.Raw)
		}
	}
	// The mistakes cost nothing, and the original grant is still there in full.
	out = refresh(t, a, token)
	if out.Status != http.StatusOK || out.Text("scope") != "openid orders:read" {
		t.Errorf("afterwards: %d %s", out.Status, out.Raw)
	}
}

func TestARefreshRecomputesRolesAndEndsWithTheMembership(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	out := a.Tokens(t, "spa", apptest.Grace)
	exec(t, a, "DELETE FROM membership_role")
	exec(t, a, `INSERT INTO membership_role SELECT m.tenant_id, m.user_id, 'admin' FROM membership m
	              JOIN tenant t ON t.id = m.tenant_id WHERE t.slug = 'acme'`)
	out = refresh(t, a, out.Text("refresh_token"))
	c := apptest.Claims(t, out.Text("access_token"))
	if !slices.Equal(strs(c["roles"]), []string{"admin"}) || !slices.Contains(strs(c["permissions"]), "orders:write") {
		t.Errorf("roles %v, permissions %v", c["roles"], c["permissions"])
	}
	exec(t, a, "DELETE FROM membership")
	if out := refresh(t, a, out.Text("refresh_token")); out.Error() != "invalid_grant" {
		t.Errorf("without a membership: %d %s", out.Status, out.Raw)
	}
}

func TestADisabledPersonGetsNothing(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	out := a.Tokens(t, "spa", apptest.Grace)
	code := a.Code(t, "spa", apptest.Grace)
	exec(t, a, "UPDATE user_account SET disabled_at = now()")
	if out := refresh(t, a, out.Text("refresh_token")); out.Error() != "invalid_grant" {
		t.Errorf("refresh: %d %s", out.Status, out.Raw)
	}
	if out := a.PostForm(t, "/token", apptest.RedeemForm("spa", code)); out.Error() != "invalid_grant" {
		t.Errorf("code: %d %s", out.Status, out.Raw)
	}
	if out := a.Get(t, "/userinfo", apptest.Bearer(out.Text("access_token"))); out.Status != http.StatusUnauthorized {
		t.Errorf("userinfo: %d %s", out.Status, out.Raw)
	}
	b := a.Browser(t)
	if p := b.SignIn(b.Get(a.AuthorizeURL("spa")), apptest.Grace, apptest.Password); p.Away != nil {
		t.Errorf("sign-in: sent to %s", p.Away)
	}
}

func TestARefreshNeverOutlivesItsAbsoluteLifetime(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.With("SIGNET_TOKENS_REFRESH_IDLE_TTL", "1h"), apptest.With("SIGNET_TOKENS_REFRESH_ABSOLUTE_TTL", "2h"))
	token := a.Tokens(t, "spa", apptest.Grace).Text("refresh_token")
	var before, after time.Time
	row(t, a, "SELECT max_expires_at FROM refresh_family", &before)
	exec(t, a, "UPDATE refresh_family SET max_expires_at = now() + interval '10 minutes'")
	row(t, a, "SELECT max_expires_at FROM refresh_family", &before)
	token = refresh(t, a, token).Text("refresh_token")
	row(t, a, "SELECT expires_at FROM refresh_family", &after)
	if after.After(before) {
		t.Errorf("expires at %s, after the absolute end %s", after, before)
	}
	exec(t, a, "UPDATE refresh_family SET expires_at = now()")
	if out := refresh(t, a, token); out.Error() != "invalid_grant" {
		t.Errorf("expired: %d %s", out.Status, out.Raw)
	}
}

func TestARefreshTokenBelongsToItsClient(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	token := a.Tokens(t, "spa", apptest.Grace).Text("refresh_token")
	if out := a.PostForm(t, "/token", apptest.RefreshForm("two", token)); out.Error() != "invalid_grant" {
		t.Errorf("another client: %d %s", out.Status, out.Raw)
	}
	if out := refresh(t, a, token); out.Status != http.StatusOK {
		t.Errorf("its own client afterwards: %d %s", out.Status, out.Raw)
	}
	if out := a.Tokens(t, "norefresh", apptest.Grace); out.JSON["refresh_token"] != nil {
		t.Error("a client without the grant type got a refresh token")
	}
}

func TestForgedRefreshTokensAreRefusedAndHarmNobody(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	token := a.Tokens(t, "spa", apptest.Grace).Text("refresh_token")
	parts := strings.Split(token, ".")
	for name, forged := range map[string]string{
		"next generation": parts[0] + ".1." + parts[2],
		"leading zero":    parts[0] + ".00." + parts[2],
		"negative":        parts[0] + ".-1." + parts[2],
		"overflow":        parts[0] + ".99999999999." + parts[2],
		"no MAC":          parts[0] + "." + parts[1] + ".",
		"padded":          token + "=",
		"longer":          token + ".x",
		"not ours":        "v1.abc",
		"spaces":          " " + token,
		"very long":       strings.Repeat("a", 6000),
	} {
		if out := refresh(t, a, forged); out.Status != http.StatusBadRequest || out.Error() != "invalid_grant" {
			t.Errorf("%s: %d %s", name, out.Status, out.Raw)
		}
	}
	if out := refresh(t, a, token); out.Status != http.StatusOK {
		t.Errorf("the real one afterwards: %d %s", out.Status, out.Raw)
	}
}

func TestSigningOutEndsWhatLivesWithTheSessionAndLeavesOfflineAccess(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	online := a.PostForm(t, "/token", apptest.RedeemForm("spa", b.SignIn(b.Get(a.AuthorizeURL("spa")), apptest.Grace, apptest.Password).Code(t)))
	offline := a.PostForm(t, "/token", apptest.RedeemForm("spa", b.Get(a.AuthorizeURL("spa", "scope=openid offline_access")).Code(t)))
	unspent := b.Get(a.AuthorizeURL("spa")).Code(t)
	if sid := apptest.Claims(t, offline.Text("access_token"))["sid"]; sid != nil {
		t.Error("an offline token names the session it outlives")
	}
	p := b.Get(a.URL + "/logout?" + url.Values{"id_token_hint": {online.Text("id_token")}}.Encode())
	if p.Status != http.StatusOK {
		t.Fatalf("logout: %d %s", p.Status, p.Body)
	}
	if out := refresh(t, a, online.Text("refresh_token")); out.Error() != "invalid_grant" {
		t.Errorf("online refresh token: %d %s", out.Status, out.Raw)
	}
	if out := a.Get(t, "/userinfo", apptest.Bearer(online.Text("access_token"))); out.Status != http.StatusUnauthorized {
		t.Errorf("online access token: %d", out.Status)
	}
	if out := a.PostForm(t, "/token", apptest.RedeemForm("spa", unspent)); out.Error() != "invalid_grant" {
		t.Errorf("a code of the ended session: %d %s", out.Status, out.Raw)
	}
	if out := a.Get(t, "/userinfo", apptest.Bearer(offline.Text("access_token"))); out.Status != http.StatusOK {
		t.Errorf("offline access token: %d %s", out.Status, out.Raw)
	}
	if out := refresh(t, a, offline.Text("refresh_token")); out.Status != http.StatusOK {
		t.Errorf("offline refresh token: %d %s", out.Status, out.Raw)
	}
}

func exec(t *testing.T, a *apptest.App, sql string, args ...any) {
	t.Helper()
	conn := connect(t, a)
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func row(t *testing.T, a *apptest.App, sql string, into ...any) {
	t.Helper()
	conn := connect(t, a)
	defer conn.Close(context.WithoutCancel(t.Context()))
	if err := conn.QueryRow(context.Background(), sql).Scan(into...); err != nil {
		t.Fatal(err)
	}
}
