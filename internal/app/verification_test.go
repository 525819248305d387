package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
)

func TestAnAddressIsVerifiedByTheButtonAndNotByOpeningTheLink(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	exec(t, a, "UPDATE user_account SET email_verified = false WHERE email = $1", apptest.Grace)
	verified := func() any {
		return a.Get(t, "/userinfo", apptest.Bearer(a.Tokens(t, "spa", apptest.Grace, "scope=openid email").Text("access_token"))).JSON["email_verified"]
	}
	b := a.Browser(t)
	account := b.SignIn(b.Get(a.URL+"/login"), apptest.Grace, apptest.Password) // an unverified address signs in
	f := account.Form(t, "/account/verification")
	if p := b.Post(f.Action, f.Fields); !strings.Contains(p.Body, "We have sent you a link") {
		t.Fatalf("%d at %s:\n%s", p.Status, p.URL, p.Body)
	}
	link := a.Mail(t, apptest.Grace).Link()
	reader := a.Browser(t) // not signed in: it has the mailbox
	page := reader.Get(link)
	if verified() != false {
		t.Fatal("opening the link verified the address")
	}
	f = page.Form(t, "/email/verify")
	if p := reader.Post(f.Action, f.Fields); !strings.Contains(p.Body, "Your e-mail address is verified") || strings.Contains(p.URL.RawQuery, "token") {
		t.Fatalf("%d at %s:\n%s", p.Status, p.URL, p.Body)
	}
	if verified() != true {
		t.Error("not verified")
	}
	if p := reader.Post(f.Action, f.Fields); p.Status != http.StatusGone {
		t.Errorf("the link works twice: %d", p.Status)
	}
	if p := b.Get(a.URL + "/account"); p.HasForm("/account/verification") {
		t.Error("the account page still asks")
	}
	if p := b.Post(a.URL+"/account/verification", url.Values{}); p.URL.Path != "/account" {
		t.Errorf("%d at %s", p.Status, p.URL)
	}
	a.NoMail(t, apptest.Grace)
}

func TestLinksThatVerifyAnAddressAreSentNowAndThenOnly(t *testing.T) {
	t.Parallel()
	clk := &movableClock{}
	a := apptest.Start(t, apptest.WithClock(clk.now))
	exec(t, a, "UPDATE user_account SET email_verified = false WHERE email = $1", apptest.Grace)
	b := a.Browser(t)
	b.SignIn(b.Get(a.URL+"/login"), apptest.Grace, apptest.Password)
	for n := range 4 {
		p := b.Post(a.URL+"/account/verification", url.Values{})
		if held := p.Status == http.StatusTooManyRequests; held != (n == 3) {
			t.Errorf("request %d: %d", n+1, p.Status)
		}
	}
	link := a.Mail(t, apptest.Grace).Link()
	clk.ahead.Add(int64(24 * time.Hour))
	if p := b.Get(link); p.Status != http.StatusGone {
		t.Errorf("an expired link: %d", p.Status)
	}
	if p := a.Browser(t).Post(a.URL+"/account/verification", url.Values{}); p.URL.Path != "/login" {
		t.Errorf("somebody who is not signed in: %d at %s", p.Status, p.URL)
	}
}
