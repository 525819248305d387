package apptest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

// The stand-ins are only worth something while they are right: what they sign verifies, and they
// refuse what real ones refuse.

func TestAProviderSignsWithTheKeysThatItPublishes(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		k := apptest.NewProviderKey(t, alg)
		token := k.Sign(map[string]any{"alg": alg}, map[string]any{"sub": "a"})
		input, sig := token[:strings.LastIndexByte(token, '.')], token[strings.LastIndexByte(token, '.')+1:]
		signature, err := base64.RawURLEncoding.DecodeString(sig)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(input))
		var ok bool
		switch pub := k.Public().(type) {
		case *rsa.PublicKey:
			ok = rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], signature) == nil
		case *ecdsa.PublicKey:
			ok = ecdsa.Verify(pub, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
		case ed25519.PublicKey:
			ok = ed25519.Verify(pub, []byte(input), signature)
		}
		if !ok {
			t.Errorf("%s: the signature does not verify", alg)
		}
	}
}

// authorize asks a stand-in for a code, with PKCE.
func authorize(t *testing.T, endpoint, clientID string) string {
	t.Helper()
	q := url.Values{
		"client_id": {clientID}, "redirect_uri": {"https://rp.example/cb"}, "response_type": {"code"}, "scope": {"openid user:email"},
		"state": {"s"}, "nonce": {"n"}, "code_challenge": {apptest.Challenge()}, "code_challenge_method": {"S256"},
	}
	req, err := http.NewRequest(http.MethodGet, endpoint+"?"+q.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(apptest.Do(t, req).Header.Get("Location"))
	if err != nil || to.Query().Get("code") == "" || to.Query().Get("state") != "s" {
		t.Fatalf("no code: %v", to)
	}
	return to.Query().Get("code")
}

func redeem(t *testing.T, endpoint string, form url.Values) apptest.Answer {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	return apptest.Do(t, req)
}

func TestAProviderRedeemsACodeOnceForWhoeverProvesToHaveAskedForIt(t *testing.T) {
	t.Parallel()
	p := apptest.NewProvider(t)
	form := func() url.Values {
		return url.Values{
			"grant_type": {"authorization_code"}, "redirect_uri": {"https://rp.example/cb"}, "code_verifier": {apptest.Verifier},
			"client_id": {p.ClientID}, "client_secret": {p.Secret.Reveal()}, "code": {authorize(t, p.URL+"/authorize", p.ClientID)},
		}
	}
	for name, value := range map[string]string{"code_verifier": "another", "redirect_uri": "https://rp.example/other", "client_secret": "wrong", "code": "made up"} {
		f := form()
		f.Set(name, value)
		if a := redeem(t, p.URL+"/token", f); a.Status == http.StatusOK {
			t.Errorf("with another %s: %s", name, a.Raw)
		}
	}
	f := form()
	a := redeem(t, p.URL+"/token", f)
	if a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	if c := apptest.Claims(t, a.Text("id_token")); c["sub"] != "248289761001" || c["nonce"] != "n" || c["at_hash"] != apptest.AccessTokenHash("ES256", a.Text("access_token")) {
		t.Errorf("claims: %v", c)
	}
	if again := redeem(t, p.URL+"/token", f); again.Error() != "invalid_grant" {
		t.Errorf("the same code again: %s", again.Raw)
	}
	p.Down()
	if _, err := http.Get(p.URL + "/jwks"); err == nil {
		t.Error("it is still there")
	}
	p.Up()
	f = form()
	if a := redeem(t, p.URL+"/token", f); a.Status != http.StatusOK {
		t.Errorf("after it came back: %s", a.Raw)
	}
}

func TestAGitHubAnswersAsItsDocumentationSays(t *testing.T) {
	t.Parallel()
	g := apptest.NewGitHub(t)
	form := func() url.Values {
		return url.Values{
			"redirect_uri": {"https://rp.example/cb"}, "code_verifier": {apptest.Verifier},
			"client_id": {g.ClientID}, "client_secret": {g.Secret.Reveal()}, "code": {authorize(t, g.URL+"/login/oauth/authorize", g.ClientID)},
		}
	}
	for name, want := range map[string]string{"code_verifier": "bad_verification_code", "code": "bad_verification_code", "client_secret": "incorrect_client_credentials"} {
		f := form()
		f.Set(name, "wrong")
		if a := redeem(t, g.URL+"/login/oauth/access_token", f); a.Status != http.StatusOK || a.Error() != want {
			t.Errorf("wrong %s: %d %s", name, a.Status, a.Raw)
		}
	}
	a := redeem(t, g.URL+"/login/oauth/access_token", form())
	get := func(path, token string) apptest.Answer {
		req, err := http.NewRequest(http.MethodGet, g.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		return apptest.Do(t, req)
	}
	if u := get("/api/v3/user", a.Text("access_token")); u.Status != http.StatusOK || u.JSON["id"] != 583231.0 || u.Header.Get("X-RateLimit-Remaining") == "" {
		t.Errorf("user: %d %s", u.Status, u.Raw)
	}
	var emails []apptest.GitHubEmail
	if err := json.Unmarshal([]byte(get("/user/emails", a.Text("access_token")).Raw), &emails); err != nil || len(emails) != 3 {
		t.Errorf("emails: %v %v", emails, err)
	}
	if u := get("/user", "made up"); u.Status != http.StatusUnauthorized || u.Text("message") != "Bad credentials" || u.Text("status") != "401" {
		t.Errorf("a token that is none: %d %s", u.Status, u.Raw)
	}
	g.Limit(true)
	if u := get("/user", a.Text("access_token")); u.Status != http.StatusForbidden || u.Header.Get("X-RateLimit-Remaining") != "0" {
		t.Errorf("limited: %d %s", u.Status, u.Raw)
	}
}
