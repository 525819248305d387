package apptest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
)

// AdminToken signs an administrator in with the command line's client and returns an access token
// for the administration, in the tenant with that slug: "signet" for the whole installation.
func (a *App) AdminToken(t testing.TB, email, organization string) string {
	t.Helper()
	return a.AdminTokenFor(t, email, Password, organization)
}

// AdminTokenFor is AdminToken for a person with a password of their own.
func (a *App) AdminTokenFor(t testing.TB, email, password, organization string) string {
	t.Helper()
	const redirect = "http://127.0.0.1:9999/callback"
	b := a.Browser(t)
	p := b.SignIn(b.Get(a.AuthorizeURL("signet-cli", "redirect_uri="+redirect, "organization="+organization,
		"resource=urn:signet:admin", "scope=openid offline_access")), email, password)
	out := a.PostForm(t, "/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"signet-cli"}, "code": {p.Code(t)}, "redirect_uri": {redirect},
		"code_verifier": {Verifier},
	})
	if out.Status != http.StatusOK {
		t.Fatalf("token endpoint: %d %s", out.Status, out.Raw)
	}
	return out.Text("access_token")
}

// Admin calls the administration with an access token ("" for none): path is below /admin/v1, a
// body that is not nil is sent as JSON, and each header is "Name: value".
func (a *App) Admin(t testing.TB, token, method, path string, body any, headers ...string) Answer {
	t.Helper()
	var buf bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&buf).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequest(method, a.URL+"/admin/v1"+path, &buf)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		Bearer(token)(req)
	}
	for _, h := range headers {
		name, value, _ := bytes.Cut([]byte(h), []byte(": "))
		req.Header.Set(string(name), string(value))
	}
	return Do(t, req)
}
