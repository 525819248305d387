package upstream_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/id"
)

// gitHub is an Enterprise Server that answers as GitHub's documentation says.
type gitHub struct {
	server *httptest.Server
	mu     sync.Mutex
	answer map[string]func(http.ResponseWriter, *http.Request)
	asked  map[string]int
	form   url.Values
}

func newGitHub(t *testing.T) *gitHub {
	t.Helper()
	g := &gitHub{answer: map[string]func(http.ResponseWriter, *http.Request){
		"/login/oauth/access_token": text(`{"access_token":"` + theAccess + `","scope":"read:user,user:email","token_type":"bearer"}`),
		"/api/v3/user":              text(`{"login":"octocat","id":583231,"node_id":"MDQ6","avatar_url":"https://github.example/images/octocat.gif","type":"User","name":"The Octocat","email":"public@evil.example","site_admin":false,"plan":{"name":"Medium"}}`),
		"/api/v3/user/emails":       text(`[{"email":"other@acme.example","verified":true,"primary":false,"visibility":null},{"email":"octocat@acme.example","verified":true,"primary":true,"visibility":"public"}]`),
	}, asked: map[string]int{}}
	g.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.asked[r.URL.Path]++
		answer := g.answer[r.URL.Path]
		if r.URL.Path == "/login/oauth/access_token" {
			_ = r.ParseForm()
			g.form = r.PostForm
			if r.Header.Get("Accept") != "application/json" {
				t.Errorf("Accept %q", r.Header.Get("Accept"))
			}
		} else if r.Header.Get("Authorization") != "Bearer "+theAccess || r.Header.Get("X-GitHub-Api-Version") != "2022-11-28" ||
			r.Header.Get("Accept") != "application/vnd.github+json" || r.UserAgent() == "" {
			t.Errorf("headers %v", r.Header)
		}
		g.mu.Unlock()
		if answer == nil {
			http.NotFound(w, r)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(g.server.Close)
	return g
}

func (g *gitHub) count(path string) int { g.mu.Lock(); defer g.mu.Unlock(); return g.asked[path] }

func (g *gitHub) connector() connector.Connector {
	g.count("") // what the test changed before is seen by the server
	return connector.Connector{
		ID: id.NewConnector(t0), Reference: "github", Slug: "github", Kind: connector.GitHub, Name: "GitHub", Issuer: g.server.URL,
		ClientID: "Iv1.abc", Secret: []byte("sealed"), Version: 1,
	}
}

func TestAPersonSignsInThroughGitHub(t *testing.T) {
	t.Parallel()
	g, w := newGitHub(t), newWorld(t)
	// Neither of the two answers before both were asked, so they are asked at once.
	var both sync.WaitGroup
	both.Add(2)
	for _, path := range []string{"/api/v3/user", "/api/v3/user/emails"} {
		right := g.answer[path]
		g.answer[path] = func(w http.ResponseWriter, r *http.Request) {
			both.Done()
			both.Wait()
			right(w, r)
		}
	}
	got, err := w.Exchange(t.Context(), g.connector(), returned())
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	want := connector.Profile{
		Issuer: g.server.URL, Subject: "583231", Email: "octocat@acme.example", EmailVerified: &yes, Login: "octocat",
		Names: connector.Names{Name: "The Octocat", Picture: "https://github.example/images/octocat.gif"},
	}
	if !reflect.DeepEqual(got.Profile, want) {
		t.Errorf("%+v", got.Profile)
	}
	g.count("")
	if f := g.form; f.Get("client_id") != "Iv1.abc" || f.Get("client_secret") != theSecret || f.Get("code") != theCode || f.Get("code_verifier") != theVerifier || f.Get("redirect_uri") != returned().RedirectURI {
		t.Errorf("token request %v", f)
	}
	if s := w.observed.String(); s != "map[github emails:1 github token:1 github user:1]" {
		t.Errorf("observed %s", s)
	}
}

func TestOnlyAPrimaryAndVerifiedAddressOfGitHubCounts(t *testing.T) {
	t.Parallel()
	for name, list := range map[string]string{
		"not verified":            `[{"email":"a@acme.example","primary":true,"verified":false}]`,
		"not primary":             `[{"email":"a@acme.example","primary":false,"verified":true}]`,
		"one each":                `[{"email":"a@acme.example","primary":true,"verified":false},{"email":"b@acme.example","primary":false,"verified":true}]`,
		"in words":                `[{"email":"a@acme.example","primary":"true","verified":"true"}]`,
		"in capitals":             `[{"email":"a@acme.example","Primary":true,"Verified":true}]`,
		"none":                    `[]`,
		"verified by a lookalike": `[{"email":"a@acme.example","primary":true,"verified":null}]`,
	} {
		g, w := newGitHub(t), newWorld(t)
		g.answer["/api/v3/user/emails"] = text(list)
		got, err := w.Exchange(t.Context(), g.connector(), returned())
		if err != nil || got.Profile.Email != "" || got.Profile.EmailVerified != nil || got.Profile.Subject != "583231" {
			t.Errorf("%s: %+v %v", name, got.Profile, err)
		}
	}
}

func TestWhatGitHubRefusesIsSaidInWords(t *testing.T) {
	t.Parallel()
	limited := func(code int, header, value string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(header, value)
			w.WriteHeader(code)
			_, _ = fmt.Fprint(w, `{"message":"API rate limit exceeded","documentation_url":"https://docs.github.com/rest"}`)
		}
	}
	const token, user, emails = "/login/oauth/access_token", "/api/v3/user", "/api/v3/user/emails"
	for name, tt := range map[string]struct {
		path   string
		answer func(http.ResponseWriter, *http.Request)
		want   connector.Reason
		words  string
	}{
		"the code was used":     {token, text(`{"error":"bad_verification_code","error_description":"The code passed is incorrect or expired.","error_uri":"https://docs.github.com/"}`), connector.CodeRefused, "expired"},
		"the secret is wrong":   {token, text(`{"error":"incorrect_client_credentials","error_description":"The client_id and/or client_secret passed are incorrect."}`), connector.Unauthorized, "client secret"},
		"the client is unknown": {token, status(404, `{"error":"Not Found"}`), connector.Unauthorized, "client id"},
		"another redirect URI":  {token, text(`{"error":"redirect_uri_mismatch"}`), connector.CodeRefused, "https://signet.example/upstream/github/callback"},
		"unverified":            {token, text(`{"error":"unverified_user_email"}`), connector.NoAddress, ""},
		"the form of old": {token, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-www-form-urlencoded")
			_, _ = fmt.Fprint(w, "error=bad_verification_code")
		}, connector.CodeRefused, ""},
		"token down":             {token, status(503, `Unicorn!`), connector.Unavailable, ""},
		"user down":              {user, status(502, ``), connector.Unavailable, "502"},
		"rate limit":             {user, limited(403, "X-RateLimit-Remaining", "0"), connector.Unavailable, "rate limit"},
		"secondary rate limit":   {emails, limited(403, "Retry-After", "60"), connector.Unavailable, "rate limit"},
		"too many requests":      {emails, limited(429, "X", "y"), connector.Unavailable, "rate limit"},
		"bad credentials":        {user, status(401, `{"message":"Bad credentials"}`), connector.BadAnswer, "401"},
		"addresses are hidden":   {emails, status(404, `{"message":"Not Found"}`), connector.BadAnswer, "user:email"},
		"a GitHub App":           {emails, status(403, `{"message":"Resource not accessible by integration"}`), connector.BadAnswer, "permission"},
		"no number":              {user, text(`{"login":"octocat","id":"583231"}`), connector.BadAnswer, "numeric id"},
		"a fraction":             {user, text(`{"login":"octocat","id":5.5}`), connector.BadAnswer, "numeric id"},
		"a negative number":      {user, text(`{"login":"octocat","id":-5}`), connector.BadAnswer, "numeric id"},
		"no id":                  {user, text(`{"login":"octocat"}`), connector.BadAnswer, "numeric id"},
		"two ids":                {user, text(`{"id":1,"id":2}`), connector.BadAnswer, ""},
		"a page":                 {user, text(`<html>`), connector.BadAnswer, ""},
		"addresses in an object": {emails, text(`{}`), connector.BadAnswer, ""},
		"addresses too large":    {emails, text(`["` + strings.Repeat("x", 1<<20) + `"]`), connector.BadAnswer, "larger"},
		"a redirect": {user, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
		}, connector.BadAnswer, "redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, w := newGitHub(t), newWorld(t)
			g.answer[tt.path] = tt.answer
			_, err := w.Exchange(t.Context(), g.connector(), returned())
			failed(t, err, tt.want, tt.words)
			if g.count("/elsewhere") != 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

func TestASlowGitHubIsGivenUp(t *testing.T) {
	t.Parallel()
	g := newGitHub(t)
	g.answer["/api/v3/user/emails"] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	w := newWorld(t, patience(200*time.Millisecond))
	_, err := w.Exchange(t.Context(), g.connector(), returned())
	failed(t, err, connector.Unreachable, "did not answer")
}

func TestTheAddressAtGitHub(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, base := range []string{"https://github.com", "https://acme.ghe.com", "https://github.acme.example"} {
		c := connector.Connector{ID: id.NewConnector(t0), Reference: "github", Kind: connector.GitHub, Issuer: base, ClientID: "x"}
		got, err := w.AuthorizationURL(t.Context(), c, connector.Start{State: "s", Nonce: "n", Challenge: "c", RedirectURI: "https://signet.example/upstream/github/callback", Fresh: true, LoginHint: "octocat", MaxAge: -1})
		u, bad := url.Parse(got)
		if err != nil || bad != nil {
			t.Fatal(err, bad)
		}
		q := u.Query()
		if !strings.HasPrefix(got, base+"/login/oauth/authorize?") || q.Get("scope") != "read:user user:email" || q.Get("code_challenge") != "c" ||
			q.Get("code_challenge_method") != "S256" || q.Get("state") != "s" || q.Get("prompt") != "select_account" || q.Get("login") != "octocat" {
			t.Errorf("%s", got)
		}
		for issuer, ok := range map[string]bool{"": true, base: true, base + "/login/oauth": true, "https://evil.example": false} {
			if err := w.CheckIssuer(t.Context(), c, issuer); (err == nil) != ok {
				t.Errorf("%q: %v", issuer, err)
			}
		}
		_, err = w.VerifyLogout(t.Context(), c, "x")
		failed(t, err, connector.BadToken)
	}
}
