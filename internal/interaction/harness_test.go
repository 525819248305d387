package interaction_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/internal/interaction"
	"github.com/signet-id/signet/internal/password"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/postgres/pgtest"
	"github.com/signet-id/signet/internal/ratelimit"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/session"
	"github.com/signet-id/signet/internal/ui"
)

const (
	goodPassword = "velvet umbrella ninety moons"
	callback     = "https://app.example/callback"
	afterLogout  = "https://app.example/bye"
	firstParty   = client.ID("cli_first")
	thirdParty   = client.ID("cli third/party")
	acmeOnly     = client.ID("cli_acme")
)

var longName = strings.Repeat("مرحبا بالعالم ", 14)

// mac is an authorization.Authenticator with a fixed key.
type mac string

func (m mac) Sum(data []byte) (out [32]byte) {
	h := hmac.New(sha256.New, []byte(m))
	h.Write(data)
	return [32]byte(h.Sum(nil))
}

func (m mac) Check(data, code []byte) bool {
	sum := m.Sum(data)
	return hmac.Equal(sum[:], code)
}

// answered is what the fake issuer was asked to say.
type answered struct {
	req     authorization.Request
	session session.Session
	tenant  directory.Tenant
	failure authorization.Failure
}

type fakeIssuer struct {
	mu        sync.Mutex
	completed []answered
	failed    []answered
	err       error
}

func (f *fakeIssuer) Complete(w http.ResponseWriter, _ *http.Request, req authorization.Request, s session.Session, t directory.Tenant) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.completed = append(f.completed, answered{req: req, session: s, tenant: t})
	w.Header().Set("Location", req.RedirectURI+"?code=x")
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

func (f *fakeIssuer) Fail(w http.ResponseWriter, _ *http.Request, req authorization.Request, failure authorization.Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = append(f.failed, answered{req: req, failure: failure})
	w.Header().Set("Location", req.RedirectURI+"?error="+failure.Code)
	w.WriteHeader(http.StatusSeeOther)
}

// people disables the account of dora, as an administrator would.
type people struct{ postgres.Directory }

func (p people) FindUserByEmail(ctx context.Context, email string) (directory.User, error) {
	u, err := p.Directory.FindUserByEmail(ctx, email)
	if u.Email == "dora@acme.example" {
		u.DisabledAt = time.Unix(1, 0)
	}
	return u, err
}

// trail is a Recorder that keeps a copy and can be made to fail.
type trail struct {
	*audit.Recorder
	mu     sync.Mutex
	events []audit.Event
	broken atomic.Bool
}

func (t *trail) Write(ctx context.Context, e audit.Event) error {
	if t.broken.Load() {
		return errdefs.ErrUnavailable
	}
	t.mu.Lock()
	t.events = append(t.events, e)
	t.mu.Unlock()
	return t.Recorder.Write(ctx, e)
}

func (t *trail) Record(ctx context.Context, e audit.Event) {
	t.mu.Lock()
	t.events = append(t.events, e)
	t.mu.Unlock()
	t.Recorder.Record(ctx, e)
}

func (t *trail) count(a audit.Action) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.events {
		if e.Action == a {
			n++
		}
	}
	return n
}

type counts struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counts) UpstreamSignIn(connector, result string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[connector+" "+result]++
}

func (c *counts) SignIn(result string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[result]++
}

// site is a running interaction on a database of its own.
type site struct {
	url    string
	dsn    string
	db     *postgres.DB
	keeper *connector.Keeper
	in     *interaction.Interaction
	issuer *fakeIssuer
	trail  *trail
	counts *counts
	offset atomic.Int64
	hasher *password.Hasher
	// declared are the connectors of a federation.
	declared []connector.Declaration
}

func (s *site) now() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) }

func (s *site) pass(d time.Duration) { s.offset.Add(int64(d)) }

type option func(*interaction.Config)

func newSite(t *testing.T, options ...option) *site {
	t.Helper()
	ctx := context.Background()
	dsn := pgtest.New(t)
	db, err := postgres.Open(ctx, postgres.Config{URL: dsn, MaxConns: 4})
	check(t, err)
	t.Cleanup(db.Close)
	s := &site{dsn: dsn, db: db, keeper: connector.NewKeeper(sealing(t)), issuer: &fakeIssuer{}, counts: &counts{n: map[string]int{}}}
	s.hasher, err = password.New(password.Config{})
	check(t, err)
	encoded, err := s.hasher.Hash(ctx, secret.New(goodPassword))
	check(t, err)
	check(t, db.Install(ctx, fixtures(encoded), time.Now()))

	log := slog.New(slog.NewTextHandler(testLog{t}, nil))
	caller := func(context.Context) (string, string) { return "192.0.2.7", "req-1" }
	s.trail = &trail{Recorder: audit.NewRecorder(db.Audit(), log, caller)}
	t.Cleanup(s.trail.Close)
	limiter, err := ratelimit.New(ratelimit.Config{Secret: secret.New(strings.Repeat("k", 32)), Store: db.Throttles()})
	check(t, err)
	rules, err := password.NewRules(password.RulesConfig{Service: []string{"Signet"}})
	check(t, err)

	server := httptest.NewUnstartedServer(nil)
	s.url = "http://" + server.Listener.Addr().String()
	pages, err := ui.New(ui.Config{Issuer: s.url})
	check(t, err)
	cfg := interaction.Config{
		URL: s.url, Issuer: s.issuer, Pages: pages, Clients: db.Clients(), Sessions: db.Sessions(), Endings: db.Sessions(),
		People: people{db.Directory()}, Profiles: db.Users(), Passwords: db.Directory(), Consents: db.Grants(),
		Connectors: db.Providers(), Upstreams: &provider{}, Attempts: db.Attempts(s.keeper), Identities: db.Identities(s.keeper),
		UpstreamEndings: db.Identities(s.keeper),

		Limiter: limiter, Hasher: s.hasher,
		Rules: rules, MinPassword: password.DefaultMin, Audit: s.trail, Observer: s.counts,
		FlowMAC: mac("flow"), LogoutMAC: mac("logout"), DeviceMAC: mac("device"),
		Lifetimes: session.Lifetimes{Idle: 24 * time.Hour, Absolute: 30 * 24 * time.Hour},
		Caller:    caller, Now: s.now, Log: log,
	}
	for _, o := range options {
		o(&cfg)
	}
	s.in, err = interaction.New(cfg)
	check(t, err)
	server.Config.Handler = s.mux()
	server.Start()
	t.Cleanup(server.Close)
	return s
}

// sealing is an envelope under a master key of the tests.
func sealing(t *testing.T) *envelope.Envelope {
	t.Helper()
	m, err := envelope.NewMaster(bytes.Repeat([]byte("m"), envelope.KeySize))
	check(t, err)
	return envelope.New(m)
}

// mux serves the routes, and stands in for the issuer's two: their validated requests arrive
// as JSON.
func (s *site) mux() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.in.Routes() {
		mux.Handle(r.Method+" "+r.Pattern, r.Handler)
	}
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		var req authorization.Request
		if err := json.Unmarshal([]byte(r.FormValue("req")), &req); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return
		}
		s.in.Authorize(w, r, req)
	})
	mux.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) {
		var l authorization.Logout
		if err := json.Unmarshal([]byte(r.FormValue("req")), &l); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return
		}
		s.in.Logout(w, r, l)
	})
	return mux
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

func fixtures(encoded string) installation.Installation {
	app := func(i client.ID, name string, skip bool, tenant string) installation.Client {
		return installation.Client{OwnerTenant: tenant, Client: client.Client{
			ID: i, Name: name, AuthMethod: client.AuthNone, RedirectURIs: []string{callback},
			PostLogoutRedirectURIs: []string{afterLogout}, GrantTypes: []string{client.GrantAuthorizationCode},
			Scopes: []string{"openid", "profile", "email"}, SkipConsent: skip,
		}}
	}
	user := func(email, name, hash string, tenants ...string) installation.User {
		u := installation.User{Email: email, EmailVerified: true, Name: name, PasswordHash: hash}
		for _, t := range tenants {
			u.Memberships = append(u.Memberships, installation.Membership{Tenant: t, Roles: []string{"admin"}})
		}
		return u
	}
	roles := []installation.Role{{Name: "admin"}}
	return installation.Installation{
		Tenants: []installation.Tenant{{Slug: "acme", Name: "Acme", Roles: roles}, {Slug: "globex", Name: "Globex", Roles: roles}, {Slug: "other", Name: "Other", Roles: roles}},
		Users: []installation.User{
			user("ada@acme.example", "Ada Lovelace", encoded, "acme", "globex"),
			user("bob@acme.example", longName, encoded, "acme"),
			user("carl@nowhere.example", "Carl", encoded),
			user("dora@acme.example", "Dora", encoded, "acme"),
			user("eve@acme.example", "Eve", "", "acme"),
		},
		Clients: []installation.Client{app(firstParty, "First", true, ""), app(thirdParty, "Third <b>party</b>", false, ""), app(acmeOnly, "Acme app", true, "acme")},
	}
}

func (s *site) user(t *testing.T, email string) directory.User {
	t.Helper()
	u, err := s.db.Directory().FindUserByEmail(context.Background(), email)
	check(t, err)
	return u
}

func (s *site) tenant(t *testing.T, slug string) directory.Tenant {
	t.Helper()
	u, err := s.db.Directory().FindTenant(context.Background(), slug)
	check(t, err)
	return u
}

// request is a plain authorization request.
func (s *site) request(c client.ID) authorization.Request {
	return authorization.Request{
		Client: c, RedirectURI: callback, ResponseMode: "query", State: "xyz", Scopes: []string{"openid", "profile"},
		MaxAge: -1, ArrivedAt: s.now(),
	}
}

// browser keeps cookies and follows redirects within the site.
type browser struct {
	t    *testing.T
	site *site
	http *http.Client
}

func (s *site) browser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	check(t, err)
	host := strings.TrimPrefix(s.url, "http://")
	return &browser{t: t, site: s, http: &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != host {
			return http.ErrUseLastResponse
		}
		if len(via) > 8 {
			return errors.New("too many redirects")
		}
		return nil
	}}}
}

// page is an answer with its body read.
type page struct {
	t        *testing.T
	status   int
	header   http.Header
	body     string
	url      *url.URL
	location string
}

func (b *browser) do(r *http.Request) page {
	b.t.Helper()
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "text/html,application/xhtml+xml")
	}
	res, err := b.http.Do(r)
	check(b.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	check(b.t, err)
	return page{b.t, res.StatusCode, res.Header, string(body), res.Request.URL, res.Header.Get("Location")}
}

func (b *browser) get(path string) page {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.site.url+path, nil)
	check(b.t, err)
	return b.do(r)
}

func (b *browser) post(path string, form url.Values) page {
	b.t.Helper()
	return b.do(b.postRequest(path, form))
}

func (b *browser) postRequest(path string, form url.Values) *http.Request {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.site.url+path, strings.NewReader(form.Encode()))
	check(b.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

// open starts an authorization request.
func (b *browser) open(req authorization.Request) page {
	b.t.Helper()
	return b.get("/authorize?" + encode(b.t, req).Encode())
}

func encode(t *testing.T, v any) url.Values {
	t.Helper()
	body, err := json.Marshal(v)
	check(t, err)
	return url.Values{"req": {string(body)}}
}

func (b *browser) signIn(p page, email, pass string) page {
	b.t.Helper()
	form := p.form("/login")
	form.Set("email", email)
	form.Set("password", pass)
	return b.post("/login", form)
}

func (b *browser) cookie(name string) string {
	u, _ := url.Parse(b.site.url)
	for _, c := range b.http.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (b *browser) setCookie(name, value string) {
	u, _ := url.Parse(b.site.url)
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// session is the session that the database holds for the browser's cookie.
func (b *browser) session() (session.Session, error) {
	return b.site.db.Sessions().Find(context.Background(), secret.New(b.cookie("signet")).Hash())
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// form returns the hidden fields of the page, which must have a form to action.
func (p page) form(action string) url.Values {
	p.t.Helper()
	if !strings.Contains(p.body, `action="`+action+`"`) {
		p.t.Fatalf("page at %s (%d) has no form to %s:\n%s", p.url.Path, p.status, action, p.body)
	}
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	return form
}

func (p page) want(status int, text string) {
	p.t.Helper()
	if p.status != status || !strings.Contains(html.UnescapeString(p.body), text) {
		p.t.Fatalf("got %d at %s, want %d with %q:\n%s", p.status, p.url, status, text, p.body)
	}
}

func (p page) wantLocation(location string) {
	p.t.Helper()
	if p.status != http.StatusSeeOther || p.location != location {
		p.t.Fatalf("got %d to %q, want 303 to %q:\n%s", p.status, p.location, location, p.body)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// signedIn returns a browser in which email is signed in, and its session.
func (s *site) signedIn(t *testing.T, email string) (*browser, session.Session) {
	t.Helper()
	b := s.browser(t)
	p := b.signIn(b.get("/login"), email, goodPassword)
	if p.status != http.StatusOK || p.url.Path != "/account" {
		t.Fatalf("sign-in of %s ended at %s with %d:\n%s", email, p.url, p.status, p.body)
	}
	found, err := b.session()
	check(t, err)
	return b, found
}
