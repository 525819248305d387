package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/apptest"
)

// stranger is somebody with a browser that keeps cookies and goes wherever it is sent, but for the
// demo application, whose answer is looked at.
type stranger struct {
	t    *testing.T
	dev  *devProcess
	http *http.Client
}

func (p *devProcess) stranger(t *testing.T) stranger {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return stranger{t, p, &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), p.Frontend) {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

func (s stranger) shown(res *http.Response, err error) apptest.Page {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	p := apptest.Page{Status: res.StatusCode, Body: string(b), URL: res.Request.URL}
	if away, err := res.Location(); err == nil {
		p.Away = away
	}
	return p
}

// arrive asks the demo application's way for somebody to sign in.
func (s stranger) arrive(changes ...string) apptest.Page {
	s.t.Helper()
	q := url.Values{
		"client_id": {"demo-frontend"}, "redirect_uri": {s.dev.Frontend + "/callback"}, "response_type": {"code"}, "scope": {"openid email orders:read orders:write"},
		"resource": {s.dev.Audience}, "state": {"s"}, "nonce": {"n"}, "code_challenge": {apptest.Challenge()}, "code_challenge_method": {"S256"},
	}
	for _, c := range changes {
		name, value, _ := strings.Cut(c, "=")
		q.Set(name, value)
	}
	return s.shown(s.http.Get(s.dev.Issuer + "/authorize?" + q.Encode()))
}

// submit fills in the form of a page whose action ends in suffix.
func (s stranger) submit(p apptest.Page, suffix string, fields ...string) apptest.Page {
	s.t.Helper()
	f := p.Form(s.t, suffix)
	for i := 0; i < len(fields); i += 2 {
		f.Fields.Set(fields[i], fields[i+1])
	}
	return s.shown(s.http.PostForm(f.Action, f.Fields))
}

// tokens redeems the code that a page sent the browser away with.
func (s stranger) tokens(p apptest.Page) (access, identity map[string]any) {
	s.t.Helper()
	if p.Away == nil || p.Away.Query().Get("code") == "" {
		s.t.Fatalf("no code: status %d, at %s, sent to %v\n%s", p.Status, p.URL, p.Away, p.Body)
	}
	res, err := s.http.PostForm(s.dev.Issuer+"/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"demo-frontend"}, "code": {p.Away.Query().Get("code")},
		"redirect_uri": {s.dev.Frontend + "/callback"}, "code_verifier": {apptest.Verifier},
	})
	page := s.shown(res, err)
	answer := decoded(s.t, page.Body)
	text := func(name string) string { v, _ := answer[name].(string); return v }
	if text("access_token") == "" {
		s.t.Fatalf("no token: %s", page.Body)
	}
	req, err := http.NewRequest(http.MethodGet, s.dev.Orders+"/orders", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+text("access_token"))
	if list := fetch(s.t, req, http.StatusOK); list["tenant"] != "partner" {
		s.t.Errorf("orders of %v", list["tenant"])
	}
	return apptest.Claims(s.t, text("access_token")), apptest.Claims(s.t, text("id_token"))
}

// partner returns somebody who has an account at Partner Inc.
func (p *devProcess) partner(t *testing.T, email string) (password string) {
	t.Helper()
	for _, person := range p.PartnerInc.People {
		if person.Email == email {
			return person.Password
		}
	}
	t.Fatalf("dev.json knows nobody %s", email)
	return ""
}

func TestPartnersSignInToTheDemoThroughTheirOwnServer(t *testing.T) {
	t.Parallel()
	dataDir := filepath.Join(t.TempDir(), "dev")
	forgetAtEnd(t, dataDir)
	p := startDev(t, dataDir)
	const nora, emil = "nora@partner.example", "emil@partner.example"
	for _, want := range []string{p.Partner, nora, p.partner(t, nora)} {
		p.await(t, want+" on the terminal", func() bool { return strings.Contains(p.out.String(), want) })
	}

	// By her address alone: it is Partner Inc that asks for the password.
	s := p.stranger(t)
	page := s.submit(s.arrive(), "/login/address", "email", nora)
	if !strings.HasPrefix(page.URL.String(), p.Partner) || !strings.Contains(page.Body, "Partner Inc") {
		t.Fatalf("the address leads to %s\n%s", page.URL, page.Body)
	}
	access, identity := s.tokens(s.submit(page, "/login", "email", nora, "password", p.partner(t, nora)))
	roles, _ := access["roles"].([]any)
	if access["tenant"] != "partner" || identity["email"] != nora || !slices.Contains(roles, any("clerk")) || !slices.Contains(roles, any("viewer")) {
		t.Errorf("nora: %v, %v", access, identity)
	}

	// Or by the button.
	s = p.stranger(t)
	page = s.submit(s.arrive(), "/upstream/partner")
	access, _ = s.tokens(s.submit(page, "/login", "email", emil, "password", p.partner(t, emil)))
	if roles, _ := access["roles"].([]any); access["tenant"] != "partner" || len(roles) != 1 || roles[0] != "viewer" {
		t.Errorf("emil: %v", access)
	}

	// Neither server lets the people of the other one in with a password.
	s = p.stranger(t)
	form := s.arrive().Form(t, "/login/address").Fields
	form.Set("email", nora)
	form.Set("password", p.partner(t, nora))
	if page = s.shown(s.http.PostForm(p.Issuer+"/login", form)); page.Away != nil {
		t.Error("the password of Partner Inc is good here")
	}

	// On other ports the issuer is another, and yet she is the same person.
	p.end(t, os.Interrupt)
	again := startDev(t, dataDir)
	if again.Partner == p.Partner {
		t.Skip("the same port came up twice")
	}
	s = again.stranger(t)
	page = s.submit(s.arrive(), "/login/address", "email", nora)
	back, _ := s.tokens(s.submit(page, "/login", "email", nora, "password", again.partner(t, nora)))
	if sub := identity["sub"]; back["sub"] != sub {
		t.Errorf("nora was %v and is %v", sub, back["sub"])
	}
	again.machineReadsOrders(t)
}

func TestWhereThereIsNoRoomForASecondDatabaseDevGoesOnWithoutThePartner(t *testing.T) {
	t.Parallel()
	host, guest := filepath.Join(t.TempDir(), "host"), filepath.Join(t.TempDir(), "guest")
	forgetAtEnd(t, host)
	forgetAtEnd(t, guest)
	server := startDev(t, host)
	conn, err := pgx.Connect(t.Context(), server.Database)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"CREATE ROLE modest LOGIN", "CREATE DATABASE lone OWNER modest"} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.Close(t.Context())
	u, err := url.Parse(server.Database)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/lone"
	q := u.Query()
	q.Set("user", "modest")
	u.RawQuery = q.Encode()

	p := startDevWith(t, guest, []string{"--database-url", u.String()})
	p.machineReadsOrders(t)
	p.await(t, "the reason", func() bool {
		return strings.Contains(p.out.String(), "warning: Partner Inc is left out, because its database lone_partner cannot be made or used (permission denied to create database)")
	})
	if p.PartnerInc != nil || p.Partner != "" {
		t.Errorf("dev.json speaks of it: %q", p.Partner)
	}
	if page := p.stranger(t).arrive(); page.HasForm("/upstream/partner") || !page.HasForm("/login") {
		t.Errorf("the sign-in page offers it\n%s", page.Body)
	}
}
