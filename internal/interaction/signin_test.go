package interaction_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/interaction"
	"github.com/signet-id/signet/internal/password"
	"github.com/signet-id/signet/internal/secret"
)

func TestNoAnswerTellsWhetherAnAccountExists(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sealed := regexp.MustCompile(`name="flow" value="[^"]*"`)
	type answer struct {
		status int
		body   string
		header string
	}
	ask := func(email, pass string) answer {
		b := s.browser(t)
		p := b.signIn(b.open(s.request(firstParty)), email, pass)
		p.header.Del("Date")
		p.header.Del("Content-Length") // follows from the address that was typed
		var h strings.Builder
		check(t, p.header.Write(&h))
		body := sealed.ReplaceAllString(strings.ReplaceAll(p.body, email, "EMAIL"), "")
		return answer{p.status, body, h.String()}
	}
	want := ask("bob@acme.example", "not the password at all")
	if want.status != http.StatusBadRequest || !strings.Contains(want.body, `id="problem"`) {
		t.Fatalf("a wrong password got %d:\n%s", want.status, want.body)
	}
	for name, c := range map[string][2]string{
		"unknown account":      {"nobody@acme.example", goodPassword},
		"disabled account":     {"dora@acme.example", goodPassword},
		"account without one":  {"eve@acme.example", goodPassword},
		"an address that none": {"no-address", goodPassword},
		"password too long":    {"bob@acme.example", strings.Repeat("x", 1025)},
	} {
		if got := ask(c[0], c[1]); got != want {
			t.Errorf("%s: the answer differs from that of a wrong password:\n%+v\n%+v", name, got, want)
		}
	}
	if n := s.trail.count(audit.SignInFailed); n != 6 || s.counts.n["failure"] != 6 {
		t.Errorf("audit %d, metric %v", n, s.counts.n)
	}
}

func TestMissingFieldsAreNotCountedAsAttempts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser(t)
	for range 12 {
		b.signIn(b.get("/login"), "bob@acme.example", "").want(http.StatusBadRequest, "")
		b.signIn(b.get("/login"), "  ", goodPassword).want(http.StatusBadRequest, "")
	}
	b.signIn(b.get("/login"), "bob@acme.example", goodPassword).want(http.StatusOK, "bob@acme.example")
}

func TestGuessingIsThrottledButAKnownBrowserGetsIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.signedIn(t, "bob@acme.example")
	owner.post("/logout/confirm", url.Values{"decision": {"sign_out"}})
	attacker := s.browser(t)
	var last page
	for range 6 {
		last = attacker.signIn(attacker.get("/login"), "bob@acme.example", "a guess among many")
	}
	last.want(http.StatusTooManyRequests, "")
	if n, err := strconv.Atoi(last.header.Get("Retry-After")); err != nil || n < 1 || n > 30 {
		t.Errorf("Retry-After %q", last.header.Get("Retry-After"))
	}
	// Not even the right password helps a stranger, and nothing is looked at.
	attacker.signIn(attacker.get("/login"), "bob@acme.example", goodPassword).want(http.StatusTooManyRequests, "")
	// Unknown accounts are throttled alike.
	for range 6 {
		last = attacker.signIn(attacker.get("/login"), "nobody@acme.example", "a guess among many")
	}
	last.want(http.StatusTooManyRequests, "")
	// A device cookie of another account does not help, one that is made up neither.
	ada, _ := s.signedIn(t, "ada@acme.example")
	attacker.setCookie("signet-device", ada.cookie("signet-device"))
	attacker.signIn(attacker.get("/login"), "bob@acme.example", goodPassword).want(http.StatusTooManyRequests, "")
	token, _, _ := strings.Cut(owner.cookie("signet-device"), ".")
	attacker.setCookie("signet-device", token+"."+strings.Repeat("A", 43))
	attacker.signIn(attacker.get("/login"), "bob@acme.example", goodPassword).want(http.StatusTooManyRequests, "")
	// The owner's browser is known.
	owner.signIn(owner.get("/login"), "bob@acme.example", goodPassword).want(http.StatusOK, "bob@acme.example")
	if s.counts.n["throttled"] == 0 {
		t.Error("throttling is not counted")
	}
}

func TestOneBrowserIsKnownToSeveralAccounts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser(t)
	for _, email := range []string{"bob@acme.example", "ada@acme.example", "bob@acme.example"} {
		b.get("/login?switch=1")
		b.signIn(b.get("/login?switch=1"), email, goodPassword).want(http.StatusOK, email)
	}
	if n := strings.Count(b.cookie("signet-device"), "."); n != 2 {
		t.Errorf("%d accounts in %q", n, b.cookie("signet-device"))
	}
}

func TestASignInGetsATokenThatNobodyKnewBefore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	attacker, planted := s.signedIn(t, "ada@acme.example")
	victim := s.browser(t)
	victim.setCookie("signet", attacker.cookie("signet"))
	victim.signIn(victim.get("/login?switch=1"), "bob@acme.example", goodPassword).want(http.StatusOK, "bob@acme.example")
	if victim.cookie("signet") == attacker.cookie("signet") {
		t.Fatal("the planted token was kept")
	}
	got, err := victim.session()
	check(t, err)
	if got.ID == planted.ID {
		t.Error("the planted session was kept")
	}
	if _, err := attacker.session(); err == nil {
		t.Error("the planted token still works")
	}
	// A token that was never issued is not adopted either.
	made := secret.Generate().Reveal()
	victim = s.browser(t)
	victim.setCookie("signet", made)
	victim.signIn(victim.get("/login"), "bob@acme.example", goodPassword).want(http.StatusOK, "bob@acme.example")
	if victim.cookie("signet") == made {
		t.Error("a made-up token was adopted")
	}
}

func TestASignInWithoutAuditRecordDoesNotSucceed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser(t)
	p := b.get("/login")
	s.trail.broken.Store(true)
	b.signIn(p, "bob@acme.example", goodPassword).want(http.StatusServiceUnavailable, "")
	if b.cookie("signet") != "" || b.cookie("signet-device") != "" {
		t.Error("a cookie was set")
	}
}

func TestAnImportedHashIsUpgradedAtSignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx, bob := context.Background(), s.user(t, "bob@acme.example").ID
	old, err := bcrypt.GenerateFromPassword([]byte(goodPassword), bcrypt.MinCost)
	check(t, err)
	check(t, s.db.Directory().SetPassword(ctx, bob, string(old)))
	for range 2 {
		s.signedIn(t, "bob@acme.example")
		got, err := s.db.Directory().FindPassword(ctx, bob)
		check(t, err)
		if !strings.HasPrefix(got.Encoded, "$argon2id$") {
			t.Errorf("stored hash is %.10s…", got.Encoded)
		}
	}
	check(t, s.db.Directory().SetPassword(ctx, bob, "$unheard-of$1$2"))
	b := s.browser(t)
	b.signIn(b.get("/login"), "bob@acme.example", goodPassword).want(http.StatusBadRequest, `id="problem"`)
}

// The lower bound is all that can be asserted about time: what is faster than it would tell
// accounts apart.
func TestAFailedSignInTakesAsLongForEveryAccount(t *testing.T) {
	t.Parallel()
	const floor = 300 * time.Millisecond
	s := newSite(t, func(c *interaction.Config) { c.FailureTime = floor })
	old, err := bcrypt.GenerateFromPassword([]byte(goodPassword), bcrypt.MinCost)
	check(t, err)
	check(t, s.db.Directory().SetPassword(context.Background(), s.user(t, "bob@acme.example").ID, string(old)))
	for name, email := range map[string]string{"an imported hash": "bob@acme.example", "ours": "ada@acme.example", "nobody": "nobody@acme.example"} {
		b := s.browser(t)
		p := b.get("/login")
		begin := time.Now()
		b.signIn(p, email, "not the right password").want(http.StatusBadRequest, `id="problem"`)
		if took := time.Since(begin); took < floor {
			t.Errorf("%s: answered after %s", name, took)
		}
	}
}

func TestWithoutCapacityAnAttemptIsRefusedAndDoesNotCount(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	small, err := password.New(password.Config{Concurrency: 1, MaxQueue: 1, Now: time.Now, Observer: password.Observer{Waited: func(time.Duration) {
		if held.CompareAndSwap(false, true) { // the first has the only place: hold it there
			close(started)
			<-release
		}
	}}})
	check(t, err)
	s := newSite(t, func(c *interaction.Config) { c.Hasher = small })
	done := make(chan struct{}, 2)
	go func() { _ = small.VerifyNone(context.Background(), secret.New("x")); done <- struct{}{} }()
	<-started
	go func() { _ = small.VerifyNone(context.Background(), secret.New("x")); done <- struct{}{} }()
	for deadline := time.Now().Add(10 * time.Second); small.Waiting() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nobody waits")
		}
		time.Sleep(time.Millisecond)
	}
	b := s.browser(t)
	for range 8 {
		p := b.signIn(b.get("/login"), "bob@acme.example", goodPassword)
		p.want(http.StatusServiceUnavailable, "")
		if p.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	close(release)
	<-done
	<-done
	b.signIn(b.get("/login"), "bob@acme.example", goodPassword).want(http.StatusOK, "bob@acme.example")
	if s.counts.n["busy"] != 8 {
		t.Errorf("metric %v", s.counts.n)
	}
}

func TestASessionEndsWhenIdleAndLivesOnWhenUsed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, before := s.signedIn(t, "bob@acme.example")
	b.get("/account").want(http.StatusOK, "")
	if got, _ := b.session(); !got.ExpiresAt.Equal(before.ExpiresAt) {
		t.Error("the idle expiry is written at every request")
	}
	s.pass(23 * time.Hour)
	b.get("/account").want(http.StatusOK, "")
	if got, _ := b.session(); got.ExpiresAt.Sub(before.ExpiresAt) < 22*time.Hour {
		t.Errorf("used, but it expires at %v", got.ExpiresAt)
	}
	s.pass(25 * time.Hour)
	if p := b.get("/account"); p.url.Path != "/login" {
		t.Errorf("idle for 25 hours, but ended at %s", p.url)
	}
}

func TestABrowserWithoutCookiesIsTold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser(t)
	b.http.Jar = nil
	b.signIn(b.open(s.request(firstParty)), "bob@acme.example", goodPassword).want(http.StatusBadRequest, "cookies")
	b.signIn(b.get("/login"), "bob@acme.example", goodPassword).want(http.StatusBadRequest, "cookies")
}

func TestCookiesOfAnHTTPSIssuerAreHostBound(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *interaction.Config) { c.URL = "https://id.example" })
	form := url.Values{"email": {"bob@acme.example"}, "password": {goodPassword}}
	r := httptest.NewRequest(http.MethodPost, "https://id.example/login", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.mux().ServeHTTP(w, r)
	cookies := map[string]*http.Cookie{}
	for _, c := range w.Result().Cookies() {
		cookies[c.Name] = c
	}
	for _, name := range []string{"__Host-signet", "__Host-signet-device"} {
		c := cookies[name]
		if c == nil || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("%s: %v", name, c)
		}
	}
	if len(cookies) != 2 {
		t.Errorf("%d cookies", len(cookies))
	}
}

func TestCookiesThatCannotBeOursAreIgnored(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, v := range []string{"", "x", strings.Repeat("é", 21) + "x", strings.Repeat("A", 43), strings.Repeat("A", 4000), "a.b.c.d.e.f.g.h"} {
		r, err := http.NewRequest(http.MethodGet, s.url+"/account", nil)
		check(t, err)
		r.Header.Set("Cookie", "signet="+v+"; signet-device="+v)
		b := s.browser(t)
		if p := b.do(r); p.status != http.StatusOK || p.url.Path != "/login" {
			t.Errorf("%.20q: %d at %s", v, p.status, p.url)
		}
		r = b.postRequest("/login", url.Values{"email": {"bob@acme.example"}, "password": {goodPassword}})
		r.Header.Set("Cookie", "signet="+v+"; signet-device="+v)
		b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		b.do(r).wantLocation("/account?cookie=1")
	}
}

func TestAnOutageIsAnsweredAsOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *interaction.Config) { c.Passwords = outage{c.Passwords} })
	b := s.browser(t)
	for range 8 { // what could not be tested does not count
		b.signIn(b.get("/login"), "bob@acme.example", goodPassword).want(http.StatusServiceUnavailable, "")
	}
	r := b.postRequest("/login", url.Values{"email": {"bob@acme.example"}, "password": {goodPassword}})
	r.Header.Set("Accept", "application/json")
	p := b.do(r)
	p.want(http.StatusServiceUnavailable, `"error":"temporarily_unavailable"`)
	if p.header.Get("Content-Type") != "application/json" {
		t.Error(p.header.Get("Content-Type"))
	}
}

type outage struct{ interaction.Passwords }

func (outage) FindPassword(context.Context, id.User) (directory.Credential, error) {
	return directory.Credential{}, errdefs.ErrUnavailable
}

func TestSomebodySignedInCanBeAskedToProveItAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, before := s.signedIn(t, "ada@acme.example")
	s.pass(time.Hour)
	p := b.get("/login?again=1")
	p.want(http.StatusOK, "Please sign in again")
	p.want(http.StatusOK, `value="ada@acme.example"`)
	p = b.signIn(p, "ada@acme.example", "wrong")
	p.want(http.StatusBadRequest, "")
	p = b.signIn(p, "ada@acme.example", goodPassword)
	if p.status != http.StatusOK || p.url.Path != "/account" {
		t.Fatalf("it ended at %s with %d", p.url, p.status)
	}
	after, err := b.session()
	check(t, err)
	if after.ID != before.ID || !after.AuthenticatedAt.After(before.AuthenticatedAt.Add(30*time.Minute)) {
		t.Errorf("authenticated at %v, then at %v", before.AuthenticatedAt, after.AuthenticatedAt)
	}
}
