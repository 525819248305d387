package apptest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/secret"
)

// The endpoints of a GitHub, for Requests and Instead; authorize and token are those of a Provider.
const (
	userEndpoint   = "user"
	emailsEndpoint = "emails"
)

// GitHub stands in for GitHub, as its documentation describes it ("Authorizing OAuth apps",
// "Troubleshooting OAuth app access token request errors", "REST API endpoints for users" and "… for
// emails", "Rate limits for the REST API"): it answers as Enterprise does, with the API below
// /api/v3, and has the API of api.github.com, which is without that, as well. The same person is
// always signed in and has authorized the app before, so that its authorization endpoint answers at
// once. The endpoints for Requests and Instead are authorize, token, user and emails.
type GitHub struct {
	upstream
	URL      string // the base URL of its pages
	ClientID string
	Secret   secret.Text
	Callback string // as registered; "" takes any (set it once the connector is known)

	person GitHubUser
	codes  map[string]*gitHubCode
	tokens map[string]gitHubToken
	denies bool
	// tokenError is what the token endpoint answers, with status 200.
	tokenError string
	limited    bool
}

// GitHubUser is who is signed in at a GitHub.
type GitHubUser struct {
	ID     int64
	Login  string
	Name   string // "" is null
	Public string // the address that everybody sees; "" is null
	Emails []GitHubEmail
}

// GitHubEmail is an address as the API lists it.
type GitHubEmail struct {
	Email      string  `json:"email"`
	Primary    bool    `json:"primary"`
	Verified   bool    `json:"verified"`
	Visibility *string `json:"visibility"`
}

type gitHubCode struct {
	request url.Values
	spent   bool
	person  GitHubUser
}

type gitHubToken struct {
	person GitHubUser
	scopes []string
}

// Octocat is the person whom a GitHub knows unless a test says otherwise.
func Octocat() GitHubUser {
	public := "public"
	return GitHubUser{ID: 583231, Login: "octocat", Name: "monalisa octocat", Emails: []GitHubEmail{
		{Email: "octocat@old.example", Verified: true},
		{Email: "octocat@partner.example", Primary: true, Verified: true, Visibility: &public},
		{Email: "583231+octocat@users.noreply.github.com", Verified: true},
	}}
}

// NewGitHub runs one until the test ends.
func NewGitHub(t testing.TB) *GitHub {
	t.Helper()
	g := &GitHub{
		ClientID: "Iv1.0123456789abcdef", Secret: secret.Generate(), person: Octocat(),
		codes: map[string]*gitHubCode{}, tokens: map[string]gitHubToken{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login/oauth/authorize", g.at(authorizeEndpoint, g.authorize))
	mux.HandleFunc("POST /login/oauth/access_token", g.at(tokenEndpoint, g.token))
	for _, base := range []string{"", "/api/v3"} {
		mux.HandleFunc("GET "+base+"/user", g.at(userEndpoint, g.api("users/users#get-the-authenticated-user", g.user)))
		mux.HandleFunc("GET "+base+"/user/emails", g.at(emailsEndpoint, g.api("users/emails#list-email-addresses-for-the-authenticated-user", g.emails)))
	}
	g.URL = g.start(t, mux)
	return g
}

// Connector is how it is declared, for everybody: whoever is new gets an account.
func (g *GitHub) Connector() connector.Connector {
	return connector.Connector{Slug: "github", Kind: connector.GitHub, Name: "GitHub", Issuer: g.URL, ClientID: g.ClientID, Provision: true}
}

// SignedIn says who is signed in from now on.
func (g *GitHub) SignedIn(u GitHubUser) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.person = u
}

// Deny has the person refuse the app from now on.
func (g *GitHub) Deny(denies bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.denies = denies
}

// FailTokens has the token endpoint answer that error from now on, with status 200; "" none.
func (g *GitHub) FailTokens(code string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokenError = code
}

// Limit exhausts the primary rate limit of the API.
func (g *GitHub) Limit(limited bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limited = limited
}

func (g *GitHub) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != g.ClientID {
		http.NotFound(w, r)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	back, answer := q.Get("redirect_uri"), url.Values{}
	if q.Has("state") {
		answer.Set("state", q.Get("state"))
	}
	switch {
	case g.Callback != "" && back != g.Callback:
		back = g.Callback
		answer.Set("error", "redirect_uri_mismatch")
		answer.Set("error_description", "The redirect_uri MUST match the registered callback URL for this application.")
		answer.Set("error_uri", "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-authorization-request-errors/#redirect-uri-mismatch")
	case g.denies:
		answer.Set("error", "access_denied")
		answer.Set("error_description", "The user has denied your application access.")
		answer.Set("error_uri", "https://docs.github.com/apps/troubleshooting-authorization-request-errors/#access-denied")
	default:
		code := secret.Generate().Reveal()[:20]
		g.codes[code] = &gitHubCode{request: q, person: g.person}
		answer.Set("code", code)
	}
	http.Redirect(w, r, back+"?"+answer.Encode(), http.StatusFound)
}

// token answers in the format that Accept asks for, a form without one, and errors with status 200.
func (g *GitHub) token(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	id, password, ok := r.BasicAuth()
	if !ok {
		id, password = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	c := g.codes[r.PostFormValue("code")]
	switch back := r.PostFormValue("redirect_uri"); {
	case g.tokenError != "":
		g.refuse(w, r, g.tokenError)
	case id != g.ClientID:
		writeJSON(w, http.StatusNotFound, map[string]any{"error": "Not Found"})
	case password != g.Secret.Reveal():
		g.refuse(w, r, "incorrect_client_credentials")
	case back != "" && g.Callback != "" && back != g.Callback:
		g.refuse(w, r, "redirect_uri_mismatch")
	case c == nil || c.spent || back != c.request.Get("redirect_uri") || !c.proves(r.PostFormValue("code_verifier")):
		g.refuse(w, r, "bad_verification_code")
	default:
		c.spent = true
		token := "gho_" + secret.Generate().Reveal()[:36]
		scopes := strings.FieldsFunc(c.request.Get("scope"), func(r rune) bool { return r == ' ' || r == ',' })
		g.tokens[token] = gitHubToken{c.person, scopes}
		g.say(w, r, map[string]string{"access_token": token, "scope": strings.Join(scopes, ","), "token_type": "bearer"})
	}
}

func (c *gitHubCode) proves(verifier string) bool {
	challenge := c.request.Get("code_challenge")
	sum := sha256.Sum256([]byte(verifier))
	return challenge == "" && verifier == "" ||
		c.request.Get("code_challenge_method") == "S256" && base64.RawURLEncoding.EncodeToString(sum[:]) == challenge
}

func (g *GitHub) refuse(w http.ResponseWriter, r *http.Request, code string) {
	description := map[string]string{
		"incorrect_client_credentials": "The client_id and/or client_secret passed are incorrect.",
		"redirect_uri_mismatch":        "The redirect_uri MUST match the registered callback URL for this application.",
		"bad_verification_code":        "The code passed is incorrect or expired.",
		"unverified_user_email":        "The user must have a verified primary email.",
	}[code]
	g.say(w, r, map[string]string{
		"error": code, "error_description": description,
		"error_uri": "/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/#" + strings.ReplaceAll(code, "_", "-"),
	})
}

func (g *GitHub) say(w http.ResponseWriter, r *http.Request, answer map[string]string) {
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		writeJSON(w, http.StatusOK, answer)
		return
	}
	form := url.Values{}
	for k, v := range answer {
		form.Set(k, v)
	}
	w.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	_, _ = w.Write([]byte(form.Encode()))
}

// gitHubVersion is the version of the API that is served.
const gitHubVersion = "2022-11-28"

// api does what every endpoint of the API does before and after its own business.
func (g *GitHub) api(documentation string, h func(http.ResponseWriter, gitHubToken, string)) http.HandlerFunc {
	documentation = "https://docs.github.com/rest/" + documentation
	return func(w http.ResponseWriter, r *http.Request) {
		version := r.Header.Get("X-GitHub-Api-Version")
		if version == "" {
			version = gitHubVersion
		}
		g.mu.Lock()
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		holder, known := g.tokens[token]
		limited := g.limited
		g.mu.Unlock()
		remaining := 4999
		if limited {
			remaining = 0
		}
		for name, value := range map[string]string{
			"X-GitHub-Api-Version-Selected": version, "X-GitHub-Media-Type": "github.v3; format=json", "X-GitHub-Request-Id": "E5E4:1F2D:1B2C3D4",
			"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": strconv.Itoa(remaining), "X-RateLimit-Used": strconv.Itoa(5000 - remaining),
			"X-RateLimit-Reset": strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10), "X-RateLimit-Resource": "core",
		} {
			w.Header().Set(name, value)
		}
		switch {
		case r.UserAgent() == "":
			http.Error(w, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.", http.StatusForbidden)
		case version != gitHubVersion:
			gitHubRefuse(w, http.StatusBadRequest, fmt.Sprintf("%q is not a supported version.", version), "https://docs.github.com/rest/about-the-rest-api/api-versions")
		case !known || !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "token"):
			gitHubRefuse(w, http.StatusUnauthorized, "Bad credentials", "https://docs.github.com/rest")
		case limited:
			gitHubRefuse(w, http.StatusForbidden, fmt.Sprintf("API rate limit exceeded for user ID %d.", holder.person.ID),
				"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api")
		default:
			w.Header().Set("X-OAuth-Scopes", strings.Join(holder.scopes, ", "))
			h(w, holder, documentation)
		}
	}
}

// gitHubRefuse writes an error as the API does.
func gitHubRefuse(w http.ResponseWriter, status int, message, documentation string) {
	writeJSON(w, status, map[string]any{"message": message, "documentation_url": documentation, "status": strconv.Itoa(status)})
}

// user leaves out what is private without the scope for it, and says null for what is not set.
func (g *GitHub) user(w http.ResponseWriter, of gitHubToken, _ string) {
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	u := of.person
	writeJSON(w, http.StatusOK, map[string]any{
		"login": u.Login, "id": u.ID, "node_id": base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "04:User%d", u.ID)),
		"avatar_url":  fmt.Sprintf("https://avatars.githubusercontent.com/u/%d?v=4", u.ID),
		"gravatar_id": "", "url": g.URL + "/api/v3/users/" + u.Login, "html_url": g.URL + "/" + u.Login,
		"type": "User", "user_view_type": "public", "site_admin": false,
		"name": orNull(u.Name), "company": nil, "blog": "", "location": nil, "email": orNull(u.Public), "hireable": nil, "bio": nil,
		"twitter_username": nil, "public_repos": 8, "public_gists": 8, "followers": 20, "following": 0,
		"created_at": "2011-01-25T18:44:36Z", "updated_at": "2026-01-22T12:13:51Z",
	})
}

func (g *GitHub) emails(w http.ResponseWriter, of gitHubToken, documentation string) {
	if !slices.Contains(of.scopes, "user:email") && !slices.Contains(of.scopes, "user") {
		gitHubRefuse(w, http.StatusNotFound, "Not Found", documentation)
		return
	}
	emails := of.person.Emails
	if emails == nil {
		emails = []GitHubEmail{}
	}
	writeJSON(w, http.StatusOK, emails)
}
