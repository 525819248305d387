package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/test/browsertest"
)

// landing is a client without a script of its own: its callback page notes down what it got.
type landing struct {
	url   string
	calls chan url.Values
}

func startLanding(t *testing.T) landing {
	t.Helper()
	l := landing{calls: make(chan url.Values, 8)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/callback" {
			http.NotFound(w, r)
			return
		}
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		l.calls <- r.Form
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,"><p id="arrived">arrived`)
	}))
	t.Cleanup(s.Close)
	l.url = s.URL + "/callback"
	return l
}

// answer waits until the tab has arrived and returns what it brought.
func (l landing) answer(tab *browsertest.Tab) url.Values {
	tab.See("#arrived")
	return <-l.calls
}

// person is one way to use a keyboard and a mouse.
type person struct {
	*browsertest.Tab
	app  *apptest.App
	page landing
}

func (p person) authorize(clientID string, changes ...string) {
	p.Go(p.app.AuthorizeURL(clientID, append([]string{"redirect_uri=" + p.page.url}, changes...)...))
}

func (p person) credentials(email, password string) {
	p.Type("#email", email)
	p.Type("#password", password)
}

// redeem shows that the code of an answer is good.
func (p person) redeem(t *testing.T, clientID string, answer url.Values) {
	t.Helper()
	form := apptest.RedeemForm(clientID, answer.Get("code"))
	form.Set("redirect_uri", p.page.url)
	if out := p.app.PostForm(t, "/token", form); out.Status != http.StatusOK || out.Text("access_token") == "" {
		t.Errorf("the code that the browser brought: %d %s", out.Status, out.Raw)
	}
}

func TestBrowserOnTheHostedPages(t *testing.T) {
	t.Parallel()
	page := startLanding(t)
	public := func(id client.ID, trusted bool) installation.Client {
		return installation.Client{Client: client.Client{
			ID: id, Name: "Parcel Tracker", AuthMethod: client.AuthNone, SkipConsent: trusted, RedirectURIs: []string{page.url},
			GrantTypes: []string{client.GrantAuthorizationCode}, Scopes: []string{"openid", "profile", "email", "orders:read"},
			Audiences: []string{apptest.Orders},
		}}
	}
	a := apptest.Start(t, apptest.WithInstallation(installation.Installation{
		Clients: []installation.Client{public("trusted", true), public("partner", false)},
	}))
	chromium := browsertest.Start(t)
	// One after the other: their answers arrive at one landing.
	for name, test := range map[string]func(*testing.T, person){
		"a wrong password says so and keeps the address": wrongPassword,
		"a third party has to be allowed, once":          consentOnce,
		"a person can say no":                            sayNo,
		"who is no member is told, and goes back":        noMember,
		"who is no member goes on as somebody else":      noMemberSwitches,
		"a keyboard is enough":                           keyboardOnly,
		"no script is needed":                            noScript,
		"an unknown redirect URI leads nowhere":          unknownRedirect,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, person{browsertest.Open(t, chromium, true), a, page})
		})
	}
}

func wrongPassword(t *testing.T, p person) {
	p.authorize("trusted")
	p.credentials(apptest.Grace, "not the passphrase")
	p.Click(".main-action")
	p.See("[role=alert]")
	if got := p.Eval(`document.getElementById('email').value`); got != apptest.Grace {
		t.Errorf("the address field holds %q", got)
	}
	if got := p.Eval(`document.getElementById('password').value`); got != "" {
		t.Error("the page returned the password")
	}
	told := p.Eval(`document.querySelector('[role=alert]').textContent`)
	p.Type("#password", apptest.Password)
	p.Click(".main-action")
	answer := p.page.answer(p.Tab)
	if answer.Get("state") != "some-state" || answer.Get("iss") != p.app.URL {
		t.Errorf("the client received %v", answer)
	}
	p.redeem(t, "trusted", answer)

	// Nobody learns from the words who has an account.
	other := person{browsertest.Open(t, p.Context(), true), p.app, p.page}
	other.authorize("trusted")
	other.credentials("nobody-at-all@acme.example", "not the passphrase")
	other.Click(".main-action")
	other.See("[role=alert]")
	if got := other.Eval(`document.querySelector('[role=alert]').textContent`); got != told {
		t.Errorf("an unknown account is told %q, a known one %q", got, told)
	}
}

func consentOnce(t *testing.T, p person) {
	p.authorize("partner", "scope=openid email orders:read")
	p.credentials(apptest.Grace, apptest.Password)
	p.Click(".main-action")
	p.See("[value=allow]")
	if got := p.Eval(`document.querySelector('h1').textContent.includes('Parcel Tracker')`); got != "true" {
		t.Error("the page does not say who asks")
	}
	p.Click("[value=allow]")
	p.redeem(t, "partner", p.page.answer(p.Tab))

	p.authorize("partner", "scope=openid email")
	p.redeem(t, "partner", p.page.answer(p.Tab))

	p.authorize("partner", "scope=openid email profile") // more than was allowed
	p.See("[value=allow]")
}

func noMember(t *testing.T, p person) {
	p.authorize("trusted", "organization=globex")
	p.credentials(apptest.Grace, apptest.Password)
	p.Click(".main-action")
	p.See("[value=deny]")
	for _, want := range []string{"Grace Hopper", "grace@acme.example", "globex", "Parcel Tracker"} {
		if p.Eval(`document.querySelector('main').innerText.includes('`+want+`')`) != "true" {
			t.Errorf("the page does not name %s", want)
		}
	}
	p.Click("[value=deny]")
	answer := p.page.answer(p.Tab)
	if answer.Get("error") != "access_denied" || answer.Get("state") != "some-state" || answer.Get("iss") != p.app.URL || answer.Has("code") {
		t.Errorf("the client received %v", answer)
	}
}

func noMemberSwitches(t *testing.T, p person) {
	p.authorize("trusted", "organization=globex")
	p.credentials(apptest.Grace, apptest.Password)
	p.Click(".main-action")
	p.Click("[value=switch]")
	p.credentials(apptest.Linus, apptest.Password)
	p.Click(".main-action")
	p.redeem(t, "trusted", p.page.answer(p.Tab))
}

func sayNo(t *testing.T, p person) {
	p.authorize("partner", "prompt=consent")
	p.credentials(apptest.Grace, apptest.Password)
	p.Click(".main-action")
	p.Click("[value=deny]")
	answer := p.page.answer(p.Tab)
	if answer.Get("error") != "access_denied" || answer.Get("state") != "some-state" || answer.Get("iss") != p.app.URL || answer.Has("code") {
		t.Errorf("the client received %v", answer)
	}
}

// keyboardOnly never touches a mouse, and relies on the focus being where it has to be.
func keyboardOnly(t *testing.T, p person) {
	press := func(keys ...string) {
		for _, k := range keys {
			p.Do(chromedp.KeyEvent(k))
		}
	}
	p.Focus()
	p.authorize("partner", "organization", "prompt=consent")
	p.Until(`document.activeElement.id === 'email'`)
	press(apptest.Ada, kb.Tab, apptest.Password, kb.Enter)

	p.Until(`document.querySelector('button.choice') !== null`)
	tabTo(p, press, `document.activeElement.matches('button.choice') && document.activeElement.textContent.includes('Globex')`)
	press(kb.Enter)

	p.Until(`document.querySelector('[value=allow]') !== null`)
	tabTo(p, press, `document.activeElement.value === 'allow'`)
	press(kb.Enter)
	p.redeem(t, "partner", p.page.answer(p.Tab))
}

// tabTo presses Tab until the focus is where condition says; a page has fewer stops than 15.
func tabTo(p person, press func(...string), condition string) {
	for range 15 {
		if p.Eval(condition) == "true" {
			return
		}
		press(kb.Tab)
	}
	p.Until(condition)
}

func noScript(t *testing.T, p person) {
	p.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	p.authorize("partner", "organization", "prompt=consent", "response_mode=form_post")
	p.credentials(apptest.Ada, apptest.Password)
	p.Click(".main-action")
	p.ClickText("Acme")
	p.Click("[value=allow]")
	p.Click(`form[action$="/callback"] [type=submit]`) // a script would have pressed it
	answer := p.page.answer(p.Tab)
	if !slices.Equal(answer["iss"], []string{p.app.URL}) {
		t.Errorf("the client received %v", answer)
	}
	p.redeem(t, "partner", answer)

	p.Go(p.app.URL + "/logout")
	p.Click("[value=sign_out]")
	p.See(`a[href="/login"]`)
	p.authorize("trusted")
	p.See("#password")
}

func unknownRedirect(t *testing.T, p person) {
	p.Go(p.app.AuthorizeURL("trusted", "redirect_uri=https://attacker.example/callback"))
	p.See("h1")
	if got := p.Eval(`location.origin`); got != p.app.URL {
		t.Errorf("the browser is at %s", got)
	}
	if got := p.Eval(`document.documentElement.innerHTML.includes('href="https://attacker')`); got != "false" {
		t.Error("the page links to the address that it refused")
	}
}
