package app_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/apptest"
)

func connect(t *testing.T, a *apptest.App) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), a.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// introspect asks as the client whether the token is active and reports whether the answer is
// want; an inactive answer must be exactly {"active":false} (RFC 7662 §2.2).
func introspect(t *testing.T, a *apptest.App, clientID, token string, want bool) bool {
	t.Helper()
	out := a.PostForm(t, "/introspect", url.Values{"token": {token}}, apptest.Basic(clientID))
	if out.Status != http.StatusOK {
		t.Errorf("introspection as %s: %d %s", clientID, out.Status, out.Raw)
		return false
	}
	if out.JSON["active"] != true && strings.TrimSpace(out.Raw) != `{"active":false}` {
		t.Errorf("an inactive answer says more: %s", out.Raw)
	}
	return out.JSON["active"] == want
}

func TestIntrospectionTellsAResourceServerOfItsOwnTokensOnly(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	tokens := a.Tokens(t, "spa", apptest.Ada)
	access := tokens.Text("access_token")
	out := a.PostForm(t, "/introspect", url.Values{"token": {access}, "token_type_hint": {"refresh_token"}}, apptest.Basic("api"))
	c := apptest.Claims(t, access)
	for _, name := range []string{"iss", "sub", "client_id", "scope", "exp", "iat", "jti", "tenant", "tenant_id"} {
		if out.JSON[name] != c[name] {
			t.Errorf("%s: %v, token says %v", name, out.JSON[name], c[name])
		}
	}
	if out.JSON["active"] != true || out.JSON["token_type"] != "Bearer" {
		t.Errorf("%s", out.Raw)
	}
	for client, token := range map[string]string{"billing-api": access, "web": access, "machine": access, "api": tokens.Text("refresh_token")} {
		if !introspect(t, a, client, token, false) {
			t.Errorf("%s learns of a token that is not for it", client)
		}
	}
	for _, token := range []string{"x", "a.b.c", "null.null.x", tokens.Text("id_token"), access + "x", strings.Repeat("a", 7000)} {
		if !introspect(t, a, "api", token, false) {
			t.Errorf("%.40q is active", token)
		}
	}
}

func TestIntrospectionIsForClientsThatAuthenticate(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	for name, edit := range map[string]func(*http.Request){
		"nobody":       func(*http.Request) {},
		"wrong secret": func(r *http.Request) { r.SetBasicAuth("api", "x") },
	} {
		if out := a.PostForm(t, "/introspect", url.Values{"token": {"x"}}, edit); out.Status != http.StatusUnauthorized || out.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", name, out.Status, out.Raw)
		}
	}
	if out := a.PostForm(t, "/introspect", url.Values{"token": {"x"}, "client_id": {"spa"}}); out.Status != http.StatusUnauthorized {
		t.Errorf("a public client: %d %s", out.Status, out.Raw)
	}
	if out := a.PostForm(t, "/introspect", url.Values{}, apptest.Basic("api")); out.Error() != "invalid_request" {
		t.Errorf("no token: %d %s", out.Status, out.Raw)
	}
}

func TestIntrospectionOfRefreshTokensIsTheirClientsOwn(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	form := apptest.RedeemForm("web", a.Code(t, "web", apptest.Grace))
	form.Del("client_id")
	tokens := a.PostForm(t, "/token", form, apptest.Basic("web"))
	token := tokens.Text("refresh_token")
	out := a.PostForm(t, "/introspect", url.Values{"token": {token}}, apptest.Basic("web"))
	if out.JSON["active"] != true || out.JSON["token_type"] != "refresh_token" {
		t.Errorf("%s", out.Raw)
	}
	if out.JSON["exp"] == apptest.Claims(t, tokens.Text("access_token"))["exp"] {
		t.Error("exp is the access token's")
	}
	if !introspect(t, a, "machine", token, false) {
		t.Error("another client learns of the refresh token")
	}
	next := a.PostForm(t, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, apptest.Basic("web"))
	if !introspect(t, a, "web", token, false) || !introspect(t, a, "web", next.Text("refresh_token"), true) {
		t.Error("after a rotation the successor alone is active")
	}
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	revoke := func(client, token string) apptest.Answer {
		return a.PostForm(t, "/revoke", url.Values{"token": {token}, "client_id": {client}})
	}
	tokens := a.Tokens(t, "spa", apptest.Grace)

	if out := revoke("two", tokens.Text("refresh_token")); out.Status != http.StatusBadRequest || out.Error() != "unauthorized_client" {
		t.Errorf("another client's refresh token: %d %s", out.Status, out.Raw)
	}
	if out := revoke("two", tokens.Text("access_token")); out.Status != http.StatusBadRequest {
		t.Errorf("another client's access token: %d %s", out.Status, out.Raw)
	}
	if !introspect(t, a, "api", tokens.Text("access_token"), true) {
		t.Error("a refused revocation did something")
	}
	for _, unknown := range []string{"x", "a.b.c", tokens.Text("id_token"), "srt_x.0.y"} {
		if out := revoke("spa", unknown); out.Status != http.StatusOK {
			t.Errorf("unknown token: %d %s", out.Status, out.Raw)
		}
	}

	if out := revoke("spa", tokens.Text("access_token")); out.Status != http.StatusOK {
		t.Fatalf("access token: %d %s", out.Status, out.Raw)
	}
	if !introspect(t, a, "api", tokens.Text("access_token"), false) {
		t.Error("a revoked access token is active")
	}
	next := refresh(t, a, tokens.Text("refresh_token"))
	if next.Status != http.StatusOK || !introspect(t, a, "api", next.Text("access_token"), true) {
		t.Errorf("an access token goes alone: %d %s", next.Status, next.Raw)
	}
	if out := revoke("spa", tokens.Text("refresh_token")); out.Status != http.StatusOK { // an old generation names the grant just as well
		t.Fatalf("refresh token: %d %s", out.Status, out.Raw)
	}
	if out := refresh(t, a, next.Text("refresh_token")); out.Error() != "invalid_grant" {
		t.Errorf("the family lives on: %d %s", out.Status, out.Raw)
	}
	if !introspect(t, a, "api", next.Text("access_token"), false) {
		t.Error("revoking a refresh token cascades to its access tokens (RFC 7009 §2.1)")
	}
}

func TestUserinfo(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	tokens := a.Tokens(t, "spa", apptest.Grace)
	access := tokens.Text("access_token")
	out := a.Get(t, "/userinfo", apptest.Bearer(access))
	if out.Status != http.StatusOK || out.JSON["sub"] != apptest.Claims(t, access)["sub"] || out.JSON["email"] != apptest.Grace ||
		out.JSON["email_verified"] != true || out.JSON["name"] != "Grace Hopper" || out.JSON["tenant"] != "acme" {
		t.Errorf("%d %s", out.Status, out.Raw)
	}
	if out := a.PostForm(t, "/userinfo", url.Values{}, apptest.Bearer(access)); out.Status != http.StatusOK {
		t.Errorf("by POST: %d %s", out.Status, out.Raw)
	}
	if out := a.PostForm(t, "/userinfo", url.Values{"access_token": {access}}); out.Status != http.StatusOK {
		t.Errorf("token in the body: %d %s", out.Status, out.Raw)
	}
	bare := a.Tokens(t, "spa", apptest.Grace, "scope=openid")
	if out := a.Get(t, "/userinfo", apptest.Bearer(bare.Text("access_token"))); out.JSON["email"] != nil || out.JSON["name"] != nil {
		t.Errorf("claims without their scope: %s", out.Raw)
	}
	noOpenID := a.Tokens(t, "spa", apptest.Grace, "scope=orders:read")
	machine := a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}}, apptest.Basic("machine"))
	for name, token := range map[string]string{
		"nonsense": "x", "null": "null.null.x", "ID token": tokens.Text("id_token"), "refresh token": tokens.Text("refresh_token"),
		"without openid": noOpenID.Text("access_token"), "a machine's": machine.Text("access_token"), "two": access + " " + access,
	} {
		out := a.Get(t, "/userinfo", apptest.Bearer(token))
		if out.Status != http.StatusUnauthorized || !strings.Contains(out.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("%s: %d %s %q", name, out.Status, out.Raw, out.Header.Get("WWW-Authenticate"))
		}
	}
	out = a.Get(t, "/userinfo")
	if out.Status != http.StatusUnauthorized || !strings.HasPrefix(out.Header.Get("WWW-Authenticate"), "Bearer ") || strings.Contains(out.Header.Get("WWW-Authenticate"), "error") {
		t.Errorf("no token (RFC 6750 §3.1): %d %q", out.Status, out.Header.Get("WWW-Authenticate"))
	}
	if out := a.Get(t, "/userinfo?access_token="+access); out.Status != http.StatusUnauthorized {
		t.Errorf("token in the query: %d", out.Status)
	}
	if out := a.PostForm(t, "/userinfo", url.Values{"access_token": {access}}, apptest.Bearer(access)); out.Status != http.StatusBadRequest {
		t.Errorf("two tokens: %d %s", out.Status, out.Raw)
	}
}
