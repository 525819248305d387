package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
)

// polling has replicas load the keys, and take their turn as the rotator, several times a second.
var polling = apptest.With("SIGNET_KEYS_SIGNER_LAG", "400ms")

// quick rotates the keys of every algorithm at once.
func quick(t *testing.T, a *apptest.App, opal string) {
	t.Helper()
	aged(t, a, "3 days")
	out := a.Admin(t, opal, http.MethodPost, "/keys/rotate", nil)
	for _, r := range items(t, out) {
		if r["signs"] != true {
			t.Fatalf("rotate: %s", out.Raw)
		}
	}
}

func revokeKey(t *testing.T, a *apptest.App, opal, kid string) {
	t.Helper()
	if out := a.Admin(t, opal, http.MethodPost, "/keys/"+kid+"/revoke", map[string]any{"compromised": true}); out.Status != http.StatusOK {
		t.Fatalf("revoke: %d %s", out.Status, out.Raw)
	}
}

// letsGo waits until a replica neither signs with nor publishes nor believes the key of a token.
func letsGo(t *testing.T, b *apptest.App, token string) {
	t.Helper()
	kid, other := kidOf(t, token), &apptest.App{URL: b.Public}
	revoked := time.Now()
	eventually(t, "the other replica signs with another key", func() bool { return kidOf(t, machine(t, other)) != kid })
	if strings.Contains(other.Get(t, "/.well-known/jwks.json").Raw, kid) {
		t.Error("the other replica publishes the stolen key")
	}
	if !introspect(t, other, "api", token, false) {
		t.Error("the other replica takes a token of the stolen key")
	}
	if d := time.Since(revoked); d > 5*time.Second { // a second, on a machine that is not busy
		t.Errorf("it took %s", d)
	}
}

func TestTheOtherReplicaLetsGoOfAStolenKeyWithinASecond(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := apptest.Start(t, apptest.WithDatabase(a.DSN), apptest.With("SIGNET_ISSUER", a.URL))
	opal, token := a.AdminToken(t, apptest.Opal, "signet"), a.Tokens(t, "spa", apptest.Grace).Text("access_token")
	if !introspect(t, &apptest.App{URL: b.Public}, "api", token, true) {
		t.Fatal("not active at first")
	}
	revokeKey(t, a, opal, kidOf(t, token))
	letsGo(t, b, token)
}

func TestAReplicaThatHearsOfNothingLetsGoOfAStolenKeyAtItsNextPoll(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, polling)
	b := apptest.Start(t, apptest.WithDatabase(a.DSN), apptest.With("SIGNET_ISSUER", a.URL), polling)
	opal, token := a.AdminToken(t, apptest.Opal, "signet"), a.Tokens(t, "spa", apptest.Grace).Text("access_token")
	if !introspect(t, &apptest.App{URL: b.Public}, "api", token, true) {
		t.Fatal("not active at first")
	}
	exec(t, a, "DROP TRIGGER signing_key_changed ON signing_key")
	revokeKey(t, a, opal, kidOf(t, token))
	letsGo(t, b, token)
}

func TestAnIDTokenOfARemovedKeyIsAHintAndOneOfAStolenKeyIsNot(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, polling)
	const bye = "https://app.example/bye"
	returns := func(hint string) bool { // to where the application asks
		p := a.Browser(t).Get(a.URL + "/logout?" + url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye}}.Encode())
		return p.Away != nil && p.Away.String() == bye
	}
	old := a.Tokens(t, "spa", apptest.Grace).Text("id_token")
	removed := kidOf(t, old)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	eventually(t, "how long its tokens live is stored", func() bool {
		return records(t, a, "SELECT count(*) FROM signing_key WHERE kid = $1 AND max_expiry > now() + interval '50 minutes'", removed) == 1
	})
	quick(t, a, opal)
	recent := a.Tokens(t, "spa", apptest.Grace).Text("id_token")
	aged(t, a, "3 hours")
	eventually(t, "the key is removed and its private half destroyed", func() bool {
		return records(t, a, "SELECT count(*) FROM signing_key WHERE kid = $1 AND removed_at < now() AND erased_at IS NOT NULL", removed) == 1
	})
	eventually(t, "the key is not published any more", func() bool { return !strings.Contains(a.Get(t, "/.well-known/jwks.json").Raw, removed) })
	if !returns(old) {
		t.Error("an ID token of a removed key is no hint")
	}
	opal = a.AdminToken(t, apptest.Opal, "signet")
	stolen := kidOf(t, recent)
	if stolen == removed || !returns(recent) {
		t.Fatalf("an ID token of %s is no hint at first", stolen)
	}
	revokeKey(t, a, opal, stolen)
	if returns(recent) {
		t.Error("an ID token of a stolen key is a hint")
	}
	opal = a.AdminToken(t, apptest.Opal, "signet")
	revokeKey(t, a, opal, removed)
	if returns(old) {
		t.Error("an ID token of a key that was stolen after its removal is a hint")
	}
}

func TestEveryKindOfTokenFollowsTheRotation(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	a.AwaitKeys(t)
	if got := a.Admin(t, opal, http.MethodPatch, "/clients/web", map[string]any{"id_token_algorithm": "RS256"}, "If-Match: *"); got.Status != http.StatusOK {
		t.Fatalf("client: %d %s", got.Status, got.Raw)
	}
	const billing = "https://billing.example"
	for _, v := range items(t, a.Admin(t, opal, http.MethodGet, "/resource-servers", nil)) {
		if v["audience"] == billing {
			if got := a.Admin(t, opal, http.MethodPatch, "/resource-servers/"+v["id"].(string), map[string]any{"signing_algorithm": "RS256"}, "If-Match: *"); got.Status != http.StatusOK {
				t.Fatalf("resource server: %d %s", got.Status, got.Raw)
			}
		}
	}
	refresh := a.Tokens(t, "spa", apptest.Ada, "scope=openid offline_access orders:read").Text("refresh_token")
	form := func(edit func(*http.Request), kv ...string) apptest.Answer {
		t.Helper()
		v := url.Values{}
		for i := 0; i < len(kv); i += 2 {
			v.Set(kv[i], kv[i+1])
		}
		var edits []func(*http.Request)
		if edit != nil {
			edits = append(edits, edit)
		}
		out := a.PostForm(t, "/token", v, edits...)
		if out.Status != http.StatusOK {
			t.Fatalf("%v: %d %s", kv, out.Status, out.Raw)
		}
		return out
	}
	all := func() map[string]string {
		code := a.Tokens(t, "spa", apptest.Grace, "resource="+apptest.Orders)
		web := form(apptest.Basic("web"), "grant_type", "authorization_code", "code", a.Code(t, "web", apptest.Grace), "redirect_uri", apptest.Callback, "code_verifier", apptest.Verifier)
		refreshed := form(nil, "grant_type", "refresh_token", "client_id", "spa", "refresh_token", refresh)
		refresh = refreshed.Text("refresh_token")
		switched := form(nil, "grant_type", "refresh_token", "client_id", "spa", "refresh_token", refresh, "organization", "globex")
		return map[string]string{
			"ES256 access token of a code": code.Text("access_token"), "ES256 ID token": code.Text("id_token"), "RS256 ID token": web.Text("id_token"),
			"ES256 access token of a refresh": refreshed.Text("access_token"), "ES256 ID token of a refresh": refreshed.Text("id_token"),
			"ES256 access token of a switch":           switched.Text("access_token"),
			"ES256 access token of a machine":          form(apptest.Basic("machine"), "grant_type", "client_credentials", "resource", apptest.Orders).Text("access_token"),
			"RS256 access token of a machine":          form(apptest.Basic("machine"), "grant_type", "client_credentials", "resource", billing).Text("access_token"),
			"ES256 access token of the administration": a.AdminToken(t, apptest.Opal, "signet"),
		}
	}
	signs := func(tokens map[string]string, kids map[string]string) {
		t.Helper()
		for what, token := range tokens {
			alg, _, _ := strings.Cut(what, " ")
			if h := apptest.Header(t, token); h["alg"] != alg || h["kid"] != kids[alg] {
				t.Errorf("%s: %v, want a key of %v", what, h, kids)
			}
		}
	}
	kids := func(state string) map[string]string {
		out := map[string]string{}
		for _, alg := range []string{"ES256", "RS256"} {
			out[alg] = keyOf(t, a, opal, alg, state)["kid"].(string)
		}
		return out
	}
	active, next := kids("active"), kids("next")
	before := all()
	signs(before, active)
	quick(t, a, opal)
	after := all()
	signs(after, next)
	for what, token := range before { // which the retiring keys signed
		if what == "RS256 access token of a machine" && !introspect(t, a, "billing-api", token, true) ||
			strings.HasPrefix(what, "ES256 access") && !strings.HasSuffix(what, "administration") && !introspect(t, a, "api", token, true) {
			t.Errorf("%s from before is inactive", what)
		}
	}
}
