package apptest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// HTTP is the client of programs: no cookies, no redirects.
var HTTP = &http.Client{
	Timeout:       20 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Verifier is the code verifier of every test, and Challenge its S256 challenge.
const Verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// Challenge returns the S256 challenge of Verifier.
func Challenge() string {
	sum := sha256.Sum256([]byte(Verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// AuthorizeURL returns an authorization request of the client for openid, with PKCE; each
// change is "name=value", or "name" to leave the parameter out.
func (a *App) AuthorizeURL(clientID string, changes ...string) string {
	v := url.Values{
		"client_id": {clientID}, "redirect_uri": {Callback}, "response_type": {"code"}, "scope": {"openid profile email"},
		"state": {"some-state"}, "nonce": {"some-nonce"}, "code_challenge": {Challenge()}, "code_challenge_method": {"S256"},
		"organization": {"acme"},
	}
	for _, c := range changes {
		name, value, ok := strings.Cut(c, "=")
		if ok {
			v.Set(name, value)
		} else {
			v.Del(name)
		}
	}
	return a.URL + "/authorize?" + v.Encode()
}

// Answer is what an endpoint for programs says.
type Answer struct {
	Status int
	Header http.Header
	Raw    string
	JSON   map[string]any // nil when the body is no JSON object
}

// Error returns the error code of the answer, or "".
func (a Answer) Error() string { return a.Text("error") }

// Text returns a string member of the answer, or "".
func (a Answer) Text(name string) string {
	s, _ := a.JSON[name].(string)
	return s
}

// Do sends a request and reads the answer.
func Do(t testing.TB, req *http.Request) Answer {
	t.Helper()
	res, err := HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := Answer{Status: res.StatusCode, Header: res.Header, Raw: string(body)}
	_ = json.Unmarshal(body, &out.JSON)
	return out
}

// PostForm posts a form to a path of the issuer; edit may change the request.
func (a *App) PostForm(t testing.TB, path string, form url.Values, edit ...func(*http.Request)) Answer {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, a.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, e := range edit {
		e(req)
	}
	return Do(t, req)
}

// Basic authenticates a request as one of the default confidential clients.
func Basic(clientID string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(Secret.Reveal())) }
}

// Bearer gives a request an access token.
func Bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// Get fetches a path of the issuer.
func (a *App) Get(t testing.TB, path string, edit ...func(*http.Request)) Answer {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, a.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edit {
		e(req)
	}
	return Do(t, req)
}

// Code signs a person in with a fresh browser and returns the code for the client.
func (a *App) Code(t testing.TB, clientID, email string, changes ...string) string {
	t.Helper()
	b := a.Browser(t)
	p := b.SignIn(b.Get(a.AuthorizeURL(clientID, changes...)), email, Password)
	return p.Code(t)
}

// Code returns the code that the browser was sent away with.
func (p Page) Code(t testing.TB) string {
	t.Helper()
	if p.Away == nil || p.Away.Query().Get("code") == "" {
		t.Fatalf("no code: status %d, sent to %v, page:\n%s", p.Status, p.Away, p.Body)
	}
	return p.Away.Query().Get("code")
}

// RedeemForm returns the token request for a code of a public client.
func RedeemForm(clientID, code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "client_id": {clientID}, "code": {code}, "redirect_uri": {Callback},
		"code_verifier": {Verifier},
	}
}

// RefreshForm returns the token request for a refresh token of a public client.
func RefreshForm(clientID, token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {clientID}, "refresh_token": {token}}
}

// Tokens signs a person in and returns the tokens of a public client.
func (a *App) Tokens(t testing.TB, clientID, email string, changes ...string) Answer {
	t.Helper()
	out := a.PostForm(t, "/token", RedeemForm(clientID, a.Code(t, clientID, email, changes...)))
	if out.Status != http.StatusOK {
		t.Fatalf("token endpoint: %d %s", out.Status, out.Raw)
	}
	return out
}

// Claims decodes the payload of a JWT without verifying it.
func Claims(t testing.TB, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %q", token)
	}
	return segment(t, parts[1])
}

// Header decodes the header of a JWT.
func Header(t testing.TB, token string) map[string]any {
	t.Helper()
	return segment(t, strings.Split(token, ".")[0])
}

func segment(t testing.TB, s string) map[string]any {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
