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
	if page.HasForm("/email/verify") || !strings.Contains(page.Body, apptest.Grace) {
		t.Fatalf("somebody who is not signed in is asked to confirm:\n%s", page.Body)
	}
	login := reader.Get(a.URL + "/login?verification=" + link[strings.Index(link, "token=")+6:])
	if email := login.Form(t, "/login").Fields.Get("email"); email != apptest.Grace {
		t.Errorf("the address is not filled in: %q", email)
	}
	page = reader.SignIn(login, apptest.Grace, apptest.Password)
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

// Whoever opened an account with somebody else's address, and knows its password, would have it
// verified by the one who reads the mailbox.
func TestAnAddressIsVerifiedByNobodyButTheAccountsOwner(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	exec(t, a, "UPDATE user_account SET email_verified = false WHERE email = $1", apptest.Grace)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	grace := a.Admin(t, opal, http.MethodGet, "/users?email="+apptest.Grace, nil).JSON["items"].([]any)[0].(map[string]any)["id"].(string)
	if out := a.Admin(t, opal, http.MethodPost, "/users/"+grace+"/verification", nil); out.Status != http.StatusNoContent {
		t.Fatalf("%d %s", out.Status, out.Raw)
	}
	link := a.Mail(t, apptest.Grace).Link()
	token := link[strings.Index(link, "token=")+6:]
	stranger, linus := a.Browser(t), a.Browser(t)
	linus.SignIn(linus.Get(a.URL+"/login"), apptest.Linus, apptest.Password)
	for who, c := range map[string]struct {
		b     *apptest.Browser
		leads string
		says  string
	}{
		"nobody signed in": {stranger, "/login?verification=" + token, "to show that the account is yours"},
		"somebody else":    {linus, "/login?switch=1&amp;verification=" + token, "Use another account"},
	} {
		p := c.b.Post(a.URL+"/email/verify", url.Values{"token": {token}})
		if p.URL.Path != "/email/verify" || p.URL.Query().Get("token") != token || p.HasForm("/email/verify") || !strings.Contains(p.Body, c.says) || !strings.Contains(p.Body, c.leads) {
			t.Errorf("%s: %d at %s:\n%s", who, p.Status, p.URL, p.Body)
		}
	}
	if u := a.Admin(t, opal, http.MethodGet, "/users/"+grace, nil); u.JSON["email_verified"] != false {
		t.Fatalf("verified: %s", u.Raw)
	}
	login := linus.Get(a.URL + "/login?switch=1&verification=" + token)
	page := linus.SignIn(login, apptest.Grace, apptest.Password)
	f := page.Form(t, "/email/verify")
	if !strings.Contains(page.Body, apptest.Grace) {
		t.Error("the page does not say whose address it is")
	}
	if p := linus.Post(f.Action, f.Fields); !strings.Contains(p.Body, "Your e-mail address is verified") {
		t.Fatalf("%d at %s:\n%s", p.Status, p.URL, p.Body)
	}
	if u := a.Admin(t, opal, http.MethodGet, "/users/"+grace, nil); u.JSON["email_verified"] != true {
		t.Errorf("not verified: %s", u.Raw)
	}
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
