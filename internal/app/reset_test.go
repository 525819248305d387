package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
)

const nextPassword = "seven lanterns over the quiet harbour"

// askReset fills in the page of forgotten passwords.
func askReset(t *testing.T, b *apptest.Browser, p apptest.Page, email string) apptest.Page {
	t.Helper()
	f := p.Form(t, "/password/forgot")
	f.Fields.Set("email", email)
	return b.Post(f.Action, f.Fields)
}

// choose fills in the page of a link that resets a password.
func choose(t *testing.T, b *apptest.Browser, p apptest.Page, password string) apptest.Page {
	t.Helper()
	f := p.Form(t, "/password/reset")
	f.Fields.Set("new_password", password)
	return b.Post(f.Action, f.Fields)
}

// forgotLink is where the sign-in page leads those who forgot their password.
func forgotLink(t *testing.T, a *apptest.App, p apptest.Page) string {
	t.Helper()
	_, rest, ok := strings.Cut(p.Body, `href="/password/forgot`)
	if !ok {
		t.Fatalf("no way to reset a password:\n%s", p.Body)
	}
	query, _, _ := strings.Cut(rest, `"`)
	return a.URL + "/password/forgot" + strings.ReplaceAll(query, "&amp;", "&")
}

func TestWhoForgotThePasswordResetsItAndGoesOnSigningIn(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	old := a.Tokens(t, "spa", apptest.Grace, "scope=openid offline_access")
	elsewhere := a.Browser(t)
	elsewhere.SignIn(elsewhere.Get(a.URL+"/login"), apptest.Grace, apptest.Password)

	b := a.Browser(t)
	sent := askReset(t, b, b.Get(forgotLink(t, a, b.Get(a.AuthorizeURL("spa")))), strings.ToUpper(apptest.Grace))
	if sent.Status != http.StatusOK || !strings.Contains(sent.Body, "Check your mailbox") || strings.Contains(sent.URL.RawQuery, "grace") {
		t.Fatalf("%d at %s", sent.Status, sent.URL)
	}
	link := a.Mail(t, apptest.Grace).Link()
	phone := a.Browser(t) // the link is opened elsewhere
	for range 3 {
		phone.Get(link) // as programs that look for bad links do
	}
	page := choose(t, phone, phone.Get(link), "short")
	if page.Status != http.StatusBadRequest || !strings.Contains(page.Body, "Use at least 15 characters.") {
		t.Fatalf("%d:\n%s", page.Status, page.Body)
	}
	if page = choose(t, phone, phone.Get(link), "grace grace grace hopper"); page.Status != http.StatusBadRequest {
		t.Errorf("a password made of the name: %d", page.Status)
	}
	page = choose(t, phone, phone.Get(link), nextPassword)
	if !strings.Contains(page.Body, "Your password has been changed. Sign in with the new one.") {
		t.Fatalf("%d at %s:\n%s", page.Status, page.URL, page.Body)
	}
	if refused := phone.SignIn(page, apptest.Grace, apptest.Password); refused.Away != nil {
		t.Error("the old password still signs in")
	}
	if done := phone.SignIn(page, apptest.Grace, nextPassword); done.Away == nil || done.Away.Query().Get("state") == "" {
		t.Errorf("the request was not gone on with: %d at %s", done.Status, done.URL)
	}
	// Everything that was had by the old password is over.
	if p := elsewhere.Get(a.URL + "/account"); p.URL.Path != "/login" {
		t.Error("another browser is still signed in")
	}
	if out := a.PostForm(t, "/token", apptest.RefreshForm("spa", old.Text("refresh_token"))); out.Error() != "invalid_grant" {
		t.Errorf("an offline grant is still good: %d %s", out.Status, out.Raw)
	}
	if out := a.Get(t, "/userinfo", apptest.Bearer(old.Text("access_token"))); out.Status != http.StatusUnauthorized {
		t.Errorf("an access token is still good: %d", out.Status)
	}
	if m := a.Mail(t, apptest.Grace); !strings.Contains(strings.ToLower(m.Subject), "password") || strings.Contains(m.Text, "token=") {
		t.Errorf("no notice of the change: %s", m.Subject)
	}
	for _, again := range []apptest.Page{phone.Get(link), b.Get(link)} {
		if again.Status != http.StatusGone || again.HasForm("/password/reset") {
			t.Errorf("the link works twice: %d", again.Status)
		}
	}
	if log := a.Log.String(); strings.Contains(log, link[strings.Index(link, "token=")+6:]) || strings.Contains(log, apptest.Grace) {
		t.Error("the log shows the link or the address")
	}
}

// Whoever can tell an address with an account from one without learns who uses the service.
func TestAskingForAResetTellsNobodyWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	exec(t, a, "UPDATE user_account SET disabled_at = now() WHERE email = $1", apptest.Linus)
	answers := map[string]string{}
	// From the fourth on each is held off: an attacker who asks often learns nothing either.
	for _, email := range []string{apptest.Grace, "stranger@acme.example", apptest.Linus, "no address at all"} {
		b := a.Browser(t)
		for range 5 {
			p := askReset(t, b, b.Get(a.URL+"/password/forgot"), email)
			answers[email] += p.URL.String() + p.Header.Get("Set-Cookie") + p.Body
		}
	}
	for email, answer := range answers {
		if answer != answers[apptest.Grace] {
			t.Errorf("%s is answered otherwise", email)
		}
	}
	for range 3 {
		a.Mail(t, apptest.Grace)
	}
	for _, email := range []string{apptest.Grace, "stranger@acme.example", apptest.Linus} {
		a.NoMail(t, email)
	}
}

// An answer that waited for the account to be looked up would tell by its time whether there is one.
func TestAnAnswerAboutAResetWaitsForNoLookAtTheAccount(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	tx, err := connect(t, a).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE user_account IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{apptest.Grace, "stranger@acme.example"} {
		if p := askReset(t, b, b.Get(a.URL+"/password/forgot"), email); p.Status != http.StatusOK || !strings.Contains(p.Body, "Check your mailbox") {
			t.Errorf("%s: %d", email, p.Status)
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.Mail(t, apptest.Grace)
}

func TestOneAddressAsksForAResetOfSoManyAccountsAndNoMore(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	form := b.Get(a.URL+"/password/forgot").Form(t, "/password/forgot")
	for n := range 40 {
		form.Fields.Set("email", "someone"+string(rune('a'+n%26))+string(rune('a'+n/26))+"@acme.example")
		p := b.Post(form.Action, form.Fields)
		if p.Status == http.StatusTooManyRequests {
			if n < 30 || p.Header.Get("Retry-After") == "" {
				t.Errorf("held off after %d, retry after %q", n, p.Header.Get("Retry-After"))
			}
			return
		}
	}
	t.Error("never held off")
}

func TestOfEightWhoUseOneLinkAtOnceOneResetsThePassword(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	askReset(t, b, b.Get(a.URL+"/password/forgot"), apptest.Grace)
	form := b.Get(a.Mail(t, apptest.Grace).Link()).Form(t, "/password/reset")
	var won, lost atomic.Int32
	var wg sync.WaitGroup
	for n := range 8 {
		fields := url.Values{"token": form.Fields["token"], "new_password": {nextPassword + string(rune('a'+n))}}
		wg.Go(func() {
			switch p := a.Browser(t).Post(form.Action, fields); p.Status {
			case http.StatusOK:
				won.Add(1)
			case http.StatusGone, http.StatusServiceUnavailable: // or no room to hash
				lost.Add(1)
			default:
				t.Errorf("%d", p.Status)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 7 {
		t.Errorf("%d won and %d lost", won.Load(), lost.Load())
	}
}

func TestAResetLinkExpiresAndIsForNothingElse(t *testing.T) {
	t.Parallel()
	clk := &movableClock{}
	a := apptest.Start(t, apptest.WithClock(clk.now))
	b := a.Browser(t)
	askReset(t, b, b.Get(a.URL+"/password/forgot"), apptest.Grace)
	link := a.Mail(t, apptest.Grace).Link()
	token := link[strings.Index(link, "token=")+6:]
	for _, path := range []string{"/email/verify", "/invitation"} {
		if p := b.Get(a.URL + path + "?token=" + token); p.Status != http.StatusGone && p.Status != http.StatusNotFound {
			t.Errorf("%s with a link of another purpose: %d", path, p.Status)
		}
		if p := b.Post(a.URL+path, url.Values{"token": {token}, "decision": {"join"}, "name": {"X"}, "new_password": {nextPassword}}); p.Status != http.StatusGone && p.Status != http.StatusNotFound {
			t.Errorf("%s with a link of another purpose: %d", path, p.Status)
		}
	}
	for what, bad := range map[string]string{
		"none": "", "short": "abc", "altered": token[:42] + string(token[42]^1), "hostile": strings.Repeat("<", 43), "a session's": strings.Repeat("A", 43),
	} {
		get := b.Get(a.URL + "/password/reset?token=" + url.QueryEscape(bad))
		post := b.Post(a.URL+"/password/reset", url.Values{"token": {bad}, "new_password": {nextPassword}})
		if get.Status != http.StatusGone || post.Status != http.StatusGone || !strings.Contains(get.Body, `href="/password/forgot"`) {
			t.Errorf("%s: %d and %d", what, get.Status, post.Status)
		}
	}
	if p := b.Get(link + "&token=" + token); p.Status != http.StatusBadRequest {
		t.Errorf("two tokens: %d", p.Status)
	}
	fields := b.Get(link).Form(t, "/password/reset").Fields
	clk.ahead.Add(int64(time.Hour))
	fields.Set("new_password", nextPassword)
	if p := b.Post(a.URL+"/password/reset", fields); p.Status != http.StatusGone {
		t.Errorf("an expired link: %d", p.Status)
	}
}

func TestWhosePasswordIsChangedIsTold(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	b.SignIn(b.Get(a.URL+"/login"), apptest.Grace, apptest.Password)
	f := b.Get(a.URL+"/account/password").Form(t, "/account/password")
	f.Fields.Set("current_password", apptest.Password)
	f.Fields.Set("new_password", nextPassword)
	if p := b.Post(f.Action, f.Fields); p.Status != http.StatusOK {
		t.Fatalf("%d", p.Status)
	}
	m := a.Mail(t, apptest.Grace)
	if !strings.Contains(m.Subject, "password") || m.Link() != a.URL+"/password/forgot" {
		t.Errorf("%s: %s", m.Subject, m.Link())
	}
}

// A link leads to a page whose address is a secret.
func TestPagesOfMailedLinksTellTheirAddressToNobody(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	askReset(t, b, b.Get(a.URL+"/password/forgot"), apptest.Grace)
	p := b.Get(a.Mail(t, apptest.Grace).Link())
	if p.Status != http.StatusOK || p.Header.Get("Referrer-Policy") != "same-origin" || p.Header.Get("Cache-Control") != "no-store" || p.Header.Get("Cross-Origin-Opener-Policy") != "same-origin" ||
		!strings.Contains(p.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %v", p.Status, p.Header)
	}
	if strings.Contains(p.Body, "://") {
		t.Errorf("something is fetched from, or leads, elsewhere:\n%s", p.Body)
	}
}

func TestAResetOpensAnAccountThatGuessesHadClosed(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	login := b.Get(a.URL + "/login")
	var p apptest.Page
	for range 6 {
		p = b.SignIn(login, apptest.Grace, "wrong password entirely")
	}
	if p.Status != http.StatusTooManyRequests {
		t.Fatalf("guesses are not held off: %d", p.Status)
	}
	askReset(t, b, b.Get(a.URL+"/password/forgot"), apptest.Grace)
	p = choose(t, b, b.Get(a.Mail(t, apptest.Grace).Link()), nextPassword)
	if p = b.SignIn(p, apptest.Grace, nextPassword); p.URL.Path != "/account" {
		t.Errorf("%d at %s", p.Status, p.URL)
	}
}

func TestWithoutAMailServerNobodyIsPromisedAMessage(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.WithoutMail())
	b := a.Browser(t)
	if p := b.Get(a.URL + "/login"); strings.Contains(p.Body, "/password/forgot") {
		t.Error("the sign-in page offers it")
	}
	if p := b.Get(a.URL + "/password/forgot"); p.HasForm("/password/forgot") || !strings.Contains(p.Body, "cannot send e-mail") {
		t.Errorf("%d:\n%s", p.Status, p.Body)
	}
	if p := b.Post(a.URL+"/password/forgot", url.Values{"email": {apptest.Grace}}); p.Status != http.StatusBadRequest {
		t.Errorf("%d", p.Status)
	}
}
