package app_test

import (
	"context"
	"crypto/elliptic"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/installation"
)

// Traps of this field that no other test of this package covers; see docs/divergences.md.

// An ES256 signature (r, s) is as good as (r, n-s): whoever knows a token by its bytes would
// let the recalled one in again in its other form.
func TestARecalledTokenIsNotRevivedByItsOtherSignature(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	token := a.Tokens(t, "spa", apptest.Grace).Text("access_token")
	twin := otherSignature(t, token)
	if !introspect(t, a, "api", twin, true) {
		t.Fatal("the other form of the signature is not valid: this test shows nothing")
	}
	if out := a.PostForm(t, "/revoke", url.Values{"token": {token}, "client_id": {"spa"}}); out.Status != http.StatusOK {
		t.Fatalf("revoke: %d %s", out.Status, out.Raw)
	}
	if !introspect(t, a, "api", twin, false) || a.Get(t, "/userinfo", apptest.Bearer(twin)).Status != http.StatusUnauthorized {
		t.Error("the other form of a recalled token is still good")
	}
}

func otherSignature(t *testing.T, token string) string {
	t.Helper()
	at := strings.LastIndexByte(token, '.') + 1
	sig, err := base64.RawURLEncoding.DecodeString(token[at:])
	if err != nil || len(sig) != 64 {
		t.Fatalf("no ES256 signature: %v", err)
	}
	s := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(sig[32:]))
	s.FillBytes(sig[32:])
	return token[:at] + base64.RawURLEncoding.EncodeToString(sig)
}

// A signer that holds one key refuses after a rotation what it signed before.
func TestTokensOutliveARotationOfTheSigningKey(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	before := a.PostForm(t, "/token", apptest.RedeemForm("spa", b.SignIn(b.Get(a.AuthorizeURL("spa")), apptest.Grace, apptest.Password).Code(t)))
	kid := apptest.Header(t, before.Text("access_token"))["kid"]
	exec(t, a, `UPDATE signing_key SET retired_at = CASE WHEN activated_at IS NOT NULL THEN now() END, activated_at = coalesce(activated_at, now())
	             WHERE algorithm = 'ES256'`)
	machine := func() string {
		return a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}}, apptest.Basic("machine")).Text("access_token")
	}
	rotated := false
	for end := time.Now().Add(20 * time.Second); !rotated && time.Now().Before(end); {
		rotated = apptest.Header(t, machine())["kid"] != kid
	}
	if !rotated {
		t.Fatal("the next key does not sign")
	}
	if out := a.Get(t, "/userinfo", apptest.Bearer(before.Text("access_token"))); out.Status != http.StatusOK {
		t.Errorf("an access token from before: %d %s", out.Status, out.Raw)
	}
	if !introspect(t, a, "api", before.Text("access_token"), true) {
		t.Error("introspection: an access token from before is inactive")
	}
	if p := b.Get(a.AuthorizeURL("spa", "prompt=none", "id_token_hint="+before.Text("id_token"))); p.Away == nil || p.Away.Query().Get("code") == "" {
		t.Errorf("an ID token from before as a hint: %d, sent to %v", p.Status, p.Away)
	}
	if jwks := a.Get(t, "/.well-known/jwks.json").Raw; !strings.Contains(jwks, kid.(string)) {
		t.Error("the key that retired is no longer published")
	}
}

func TestAClientMayAskForIDTokensInRS256(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.WithInstallation(installation.Installation{Clients: []installation.Client{{Client: client.Client{
		ID: "old-library", Name: "Old library", AuthMethod: client.AuthNone, GrantTypes: []string{client.GrantAuthorizationCode},
		RedirectURIs: []string{apptest.Callback}, Scopes: []string{"openid", "profile", "email"}, SkipConsent: true, IDTokenAlgorithm: "RS256",
	}}}}))
	out := a.Tokens(t, "old-library", apptest.Grace)
	provider, err := oidc.NewProvider(context.Background(), a.URL)
	if err != nil {
		t.Fatal(err)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: "old-library", SupportedSigningAlgs: []string{"RS256"}})
	idToken, err := verifier.Verify(context.Background(), out.Text("id_token"))
	if err != nil {
		t.Fatal(err)
	}
	if err := idToken.VerifyAccessToken(out.Text("access_token")); err != nil {
		t.Errorf("at_hash: %v", err)
	}
	if alg := apptest.Header(t, out.Text("access_token"))["alg"]; alg != "ES256" {
		t.Errorf("the access token is %v: services expect ES256 whatever the client reads", alg)
	}
}

// fosite makes auth_time up when it has none, and leaks rat.
func TestAuthTimeIsWhenThePersonSignedInAndStaysSo(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	b.SignIn(b.Get(a.AuthorizeURL("spa")), apptest.Grace, apptest.Password).Code(t)
	exec(t, a, "UPDATE browser_session SET authenticated_at = authenticated_at - interval '1 hour'")
	var want int64
	row(t, a, "SELECT floor(extract(epoch FROM authenticated_at))::bigint FROM browser_session", &want)
	first := a.PostForm(t, "/token", apptest.RedeemForm("spa", b.Get(a.AuthorizeURL("spa")).Code(t)))
	second := refresh(t, a, first.Text("refresh_token"))
	for what, token := range map[string]string{
		"access token": first.Text("access_token"), "ID token": first.Text("id_token"),
		"refreshed access token": second.Text("access_token"), "refreshed ID token": second.Text("id_token"),
	} {
		c := apptest.Claims(t, token)
		if c["auth_time"] != float64(want) || c["rat"] != nil {
			t.Errorf("%s: auth_time %v, want %d; rat %v", what, c["auth_time"], want, c["rat"])
		}
	}
}

// fosite's default strategies match scopes by wildcard and audiences by prefix.
func TestScopesAndResourcesMatchExactly(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	for change, want := range map[string]string{
		"scope=openid orders:read:all":                "invalid_scope",
		"scope=openid orders.read":                    "invalid_scope",
		"scope=openid orders:*":                       "invalid_scope",
		"resource=" + apptest.Orders + "/":            "invalid_target",
		"resource=" + apptest.Orders + "/sub":         "invalid_target",
		"resource=" + apptest.Orders + ".evil.test":   "invalid_target",
		"resource=" + strings.ToUpper(apptest.Orders): "invalid_target",
	} {
		p := a.Browser(t).Get(a.AuthorizeURL("spa", change))
		if p.Away == nil || p.Away.Query().Get("error") != want {
			t.Errorf("%s: %d, sent to %v, want %s", change, p.Status, p.Away, want)
		}
		form := url.Values{"grant_type": {"client_credentials"}}
		name, value, _ := strings.Cut(change, "=")
		form.Set(name, strings.TrimPrefix(value, "openid "))
		if out := a.PostForm(t, "/token", form, apptest.Basic("machine")); out.Error() != want {
			t.Errorf("%s for a machine: %d %s, want %s", change, out.Status, out.Raw, want)
		}
	}
}
