package interaction_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/interaction"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/secret"
)

const nextPassword = "forty lanterns drift seaward"

func (b *browser) changePassword(current, chosen string) page {
	b.t.Helper()
	return b.post("/account/password", url.Values{"current_password": {current}, "new_password": {chosen}, "username": {"x"}})
}

func TestANewPasswordEndsTheOtherSessionsAndRotatesThisOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other, _ := s.signedIn(t, "bob@acme.example")
	b, before := s.signedIn(t, "bob@acme.example")
	ada, _ := s.signedIn(t, "ada@acme.example")
	old := b.cookie("signet")
	p := b.changePassword(goodPassword, nextPassword)
	if p.status != http.StatusOK || p.url.String() != s.url+"/account/password?done=1" {
		t.Fatalf("ended at %s with %d", p.url, p.status)
	}
	after, err := b.session()
	check(t, err)
	if after.ID != before.ID || b.cookie("signet") == old {
		t.Error("this browser's session was lost, or its token kept")
	}
	if _, err := other.session(); err == nil {
		t.Error("the other browser is still signed in")
	}
	if _, err := ada.session(); err != nil {
		t.Error("ada was signed out")
	}
	if s.trail.count(audit.PasswordChanged) != 1 {
		t.Error("not on record")
	}
	fresh := s.browser(t)
	fresh.signIn(fresh.get("/login"), "bob@acme.example", goodPassword).want(http.StatusBadRequest, "")
	fresh.signIn(fresh.get("/login"), "bob@acme.example", nextPassword).want(http.StatusOK, "bob@acme.example")
}

// hangingUp is a store whose caller's browser goes away when the password is about to change.
type hangingUp struct {
	interaction.Endings
	hangUp context.CancelFunc
}

func (p *hangingUp) ChangePassword(ctx context.Context, user id.User, encoded string, except id.Session, keep time.Duration, letter mail.Sealed) error {
	p.hangUp()
	return p.Endings.ChangePassword(ctx, user, encoded, except, keep, letter)
}

func TestANewPasswordEndsTheOtherSessionsAlsoWhenTheBrowserHangsUp(t *testing.T) {
	t.Parallel()
	store := &hangingUp{}
	s := newSite(t, func(c *interaction.Config) {
		store.Endings = c.Endings
		c.Endings = store
	})
	other, _ := s.signedIn(t, "bob@acme.example")
	b, _ := s.signedIn(t, "bob@acme.example")
	ctx, hangUp := context.WithCancel(context.Background())
	store.hangUp = hangUp
	form := url.Values{"current_password": {goodPassword}, "new_password": {nextPassword}}
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, s.url+"/account/password", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.AddCookie(&http.Cookie{Name: "signet", Value: b.cookie("signet")})
	s.mux().ServeHTTP(httptest.NewRecorder(), req)
	if ctx.Err() == nil {
		t.Fatal("the password was not changed")
	}
	if _, err := other.session(); err == nil {
		t.Error("the password is changed and the other browser still signed in")
	}
}

func TestAPasswordThatBreaksTheRulesIsRefusedAndNothingChanges(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "ada@acme.example")
	for _, c := range []struct{ name, current, chosen, says string }{
		{"no current password", "", nextPassword, `id="current-fault"`},
		{"no new password", goodPassword, "", `id="new-fault"`},
		{"a wrong current password", "wrong password entirely", nextPassword, `id="current-fault"`},
		{"too short", goodPassword, "short", `15`},
		{"too long", goodPassword, strings.Repeat("velvet umbrella ", 20), `id="new-fault"`},
		{"the same", goodPassword, goodPassword, `id="new-fault"`},
		{"common", goodPassword, "passwordpassword", `id="new-fault"`},
		{"their own name", goodPassword, "Ada Lovelace 1815", `id="new-fault"`},
		{"characters that cannot be typed", goodPassword, "velvet\x01umbrella sixty", `id="new-fault"`},
	} {
		b.changePassword(c.current, c.chosen).want(http.StatusBadRequest, c.says)
	}
	stored, err := s.db.Directory().FindPassword(context.Background(), s.user(t, "ada@acme.example").ID)
	check(t, err)
	if got, err := s.hasher.Verify(context.Background(), stored.Encoded, secret.New(goodPassword)); err != nil || !got.Match {
		t.Error("the password changed")
	}
	if s.trail.count(audit.PasswordChanged) != 0 {
		t.Error("a change is on record")
	}
}

func TestGuessingTheCurrentPasswordIsThrottled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "ada@acme.example")
	var last page
	for range 6 {
		last = b.changePassword("a guess among many", nextPassword)
	}
	last.want(http.StatusTooManyRequests, "")
	if last.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	b.changePassword(goodPassword, nextPassword).want(http.StatusTooManyRequests, "")
}

func TestOnlyTheSignedInMayChangeAPassword(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser(t)
	for _, p := range []page{b.get("/account/password"), b.changePassword(goodPassword, nextPassword), b.get("/.well-known/change-password")} {
		if p.url.Path != "/login" {
			t.Errorf("ended at %s", p.url)
		}
	}
	b, _ = s.signedIn(t, "ada@acme.example")
	b.get("/.well-known/change-password").form("/account/password")
}
