package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// pictures makes the browser tests of the demo application write what they see:
// go test -run Browser -pictures=DIR ./cmd/signet
var pictures = flag.String("pictures", "", "directory for screenshots of the demo application")

// tab is a tab of a headless Chromium.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// openBrowser starts a Chromium with a profile of its own.
func openBrowser(t *testing.T) tab {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("needs a browser: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to run as root otherwise
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, expire := context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(expire)
	return tab{t, ctx}.another()
}

// another opens a tab that shares the profile.
func (b tab) another() tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	return tab{b.t, ctx}
}

func (b tab) open(address string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(1200, 860), chromedp.Navigate(address)); err != nil {
		b.t.Fatal(err)
	}
}

// until evaluates expression until it is true, across navigations, and returns it.
func (b tab) until(expression string) string {
	b.t.Helper()
	for {
		got, err := chromedp.Run(b.ctx, chromedp.Poll[string](`(() => { const v = `+expression+`; return v && String(v) })()`,
			chromedp.WithPollingInterval(20*time.Millisecond)))
		if err == nil {
			return got
		}
		if b.ctx.Err() != nil {
			at, _ := chromedp.Run(context.WithoutCancel(b.ctx), chromedp.Evaluate[string](`location.href + '\n' + document.body.innerText`))
			b.t.Fatalf("waited in vain for %s\n%s", expression, at)
		}
	}
}

func (b tab) evaluate(expression string) string {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`String(`+expression+`)`))
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

// control is the selector of the visible element with that data-testid.
func control(id string) string { return `[data-testid="` + id + `"]` }

func (b tab) click(selector string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Click(selector, chromedp.NodeVisible)); err != nil {
		b.t.Fatalf("click %s: %v", selector, err)
	}
}

func (b tab) write(selector, text string) {
	b.t.Helper()
	b.evaluate(`document.querySelector('` + selector + `').value = ''`)
	if err := chromedp.Do(b.ctx, chromedp.SendKeys(selector, text, chromedp.NodeVisible)); err != nil {
		b.t.Fatalf("write into %s: %v", selector, err)
	}
}

func (b tab) text(id string) string {
	b.t.Helper()
	return b.evaluate(`document.querySelector('` + control(id) + `').textContent`)
}

// signIn walks through the demo application's front door and the hosted page.
func (b tab) signIn(p *devProcess, email, organization string) {
	b.t.Helper()
	b.open(p.Frontend)
	b.until(`!document.querySelector('` + control("signed-out") + `').hidden`)
	b.evaluate(`document.querySelector('` + control("organization") + `').value = '` + organization + `'`)
	b.click(control("sign-in"))
	b.until(`document.querySelector('#password')`)
	for _, person := range p.People {
		if person.Email == email {
			b.write("#email", email)
			b.write("#password", person.Password)
		}
	}
	b.click(`form [type="submit"]`)
}

// signedIn waits until the application shows the person and their orders.
func (b tab) signedIn() {
	b.t.Helper()
	b.until(`location.pathname === '/' && document.querySelectorAll('` + control("order") + `').length`)
}

// picture writes what the tab shows in every scheme and size, when asked to.
func (b tab) picture(name string) {
	b.t.Helper()
	if *pictures == "" {
		return
	}
	for _, width := range []int64{1200, 390} {
		for _, scheme := range []string{"light", "dark"} {
			features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
			err := chromedp.Do(b.ctx, chromedp.EmulateViewport(width, 800), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
				_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
				return err
			}))
			if err != nil {
				b.t.Fatal(err)
			}
			height, err := chromedp.Run(b.ctx, chromedp.Evaluate[int64](`document.documentElement.scrollHeight`))
			if err == nil {
				err = chromedp.Do(b.ctx, chromedp.EmulateViewport(width, height))
			}
			if err != nil {
				b.t.Fatal(err)
			}
			shot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
			if err == nil {
				err = os.WriteFile(filepath.Join(*pictures, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), shot, 0o644)
			}
			if err != nil {
				b.t.Fatal(err)
			}
		}
	}
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(1200, 860)); err != nil {
		b.t.Fatal(err)
	}
}

// sticksOut lists, in the page, what does not fit the window or is too small to hit.
const sticksOut = `(() => {
  const out = [], width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) out.push('the page is ' + document.documentElement.scrollWidth + ' wide in ' + width);
  for (const e of document.querySelectorAll('button, input, select')) {
    const r = e.getBoundingClientRect();
    if (r.width && (r.height < 35.5 || r.right > width + .5 || r.left < -.5)) out.push(e.id + ' ' + r.left + '..' + r.right + ', ' + r.height + ' high');
  }
  return out.join('; ');
})()`

func (b tab) fits() {
	b.t.Helper()
	for _, width := range []int64{320, 1200} {
		if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(width, 860)); err != nil {
			b.t.Fatal(err)
		}
		if found := b.evaluate(sticksOut); found != "" {
			b.t.Errorf("at %d px: %s", width, found)
		}
	}
}

func newDemo(t *testing.T) *devProcess {
	t.Helper()
	dataDir := filepath.Join(t.TempDir(), "dev")
	forgetAtEnd(t, dataDir)
	return startDev(t, dataDir)
}

const refreshes = `document.querySelector('[data-testid="refresh-count"]').textContent`

func TestInABrowserTwoTabsRefreshAtOnceAndAReplayEndsTheFamily(t *testing.T) {
	t.Parallel()
	p := newDemo(t)
	one := openBrowser(t)
	one.signIn(p, "grace@acme.example", "")
	one.signedIn()
	if got := one.text("tenant"); got != "Acme Corporation" {
		t.Errorf("tenant %q", got)
	}
	if got := one.evaluate(`location.search + location.hash`); got != "" {
		t.Errorf("the address bar still holds %q", got)
	}
	two := one.another()
	two.open(p.Frontend)
	two.signedIn() // one sign-in for all tabs

	const token = `JSON.parse(localStorage.getItem('orders.session')).refreshToken`
	old := two.evaluate(token)
	// Both clicks are scheduled before either refresh begins.
	const soon = `(setTimeout(() => document.querySelector('[data-testid="refresh"]').click(), 50), '')`
	one.evaluate(soon)
	two.evaluate(soon)
	for _, b := range []tab{one, two} {
		b.until(`document.querySelector('[data-testid="notice"]').textContent.startsWith('New tokens')`)
		if b.text("problem") != "" || b.evaluate(`document.querySelector('[data-testid="signed-in"]').hidden`) != "false" {
			t.Errorf("a tab was signed out: %s", b.text("problem"))
		}
		b.click(control("reload"))
		b.until(`document.querySelector('[data-testid="notice"]').textContent.startsWith('The list')`)
	}
	if one.evaluate(token) == old {
		t.Error("the refresh token was not rotated")
	}
	// One more, so that the first token is no longer the last but one, which may be retried.
	one.click(control("refresh"))
	one.until(`document.querySelector('[data-testid="notice"]').textContent.startsWith('New tokens')`)

	res, err := http.PostForm(p.Issuer+"/token", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {old}, "client_id": {"demo-frontend"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("the replay of a spent token: status %d", res.StatusCode)
	}
	one.click(control("refresh"))
	one.until(`!document.querySelector('[data-testid="signed-out"]').hidden`)
	if got := one.text("problem"); !strings.Contains(got, "Sign in again") {
		t.Errorf("after a replay the family lives on, or nobody says that it died: %q", got)
	}
	two.until(`!document.querySelector('[data-testid="signed-out"]').hidden`)
}

func TestInABrowserPermissionsTenantsAndSignOut(t *testing.T) {
	t.Parallel()
	if *pictures != "" {
		if err := os.MkdirAll(*pictures, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p := newDemo(t)
	b := openBrowser(t)
	b.open(p.Frontend)
	b.until(`!document.querySelector('[data-testid="signed-out"]').hidden`)
	b.picture("1-signed-out")
	b.fits()

	b.signIn(p, "ada@acme.example", "acme")
	b.signedIn()
	b.picture("2-admin")
	b.fits()
	b.write("#customer", "Zoë")
	b.write("#item", "Anvil")
	b.write("#price", "12,5")
	b.click(control("create"))
	b.until(`document.querySelector('[data-testid="notice"]').textContent.includes('has been created')`)
	if row := b.text("order"); !strings.Contains(row, "Zoë") || !strings.Contains(row, "12.50") {
		t.Errorf("the new order reads %q", row)
	}
	b.click(control("refund"))
	b.until(`document.querySelector('[data-testid="notice"]').textContent.includes('has been refunded')`)

	// The same person is a viewer elsewhere, and needs no password to go there.
	b.click(control("switch"))
	b.until(`document.querySelector('[data-testid="tenant"]').dataset.slug === 'globex' && document.querySelectorAll('[data-testid="order"]').length`)
	if got := b.text("permissions"); got != "orders:read" {
		t.Errorf("permissions at globex: %q", got)
	}
	if strings.Contains(b.evaluate(`document.querySelector('tbody').textContent`), "Zoë") {
		t.Error("globex shows an order of acme")
	}
	b.click(control("refund"))
	b.until(`document.querySelector('[data-testid="problem"]').textContent`)
	if got := b.text("problem"); !strings.Contains(got, "needs orders:refund") || !strings.Contains(got, "viewer of Globex") {
		t.Errorf("a refusal reads %q", got)
	}
	b.picture("3-refused")
	b.evaluate(`document.querySelectorAll('details').forEach((d) => { d.open = true })`)
	b.picture("4-claims")

	b.click(control("sign-out"))
	b.until(`!document.querySelector('[data-testid="signed-out"]')?.hidden && location.origin === '` + p.Frontend + `' && 'out'`)
	if got := b.evaluate(`localStorage.getItem('orders.session')`); got != "null" {
		t.Errorf("signed out, but the browser keeps %s", got)
	}
	// The session at the identity server is over too: signing in asks for the password.
	b.signIn(p, "layla@globex.example", "")
	b.until(`document.title && !document.querySelector('#password') && document.querySelector('button')`)
	b.picture("5-choose-organization")
	b.evaluate(`[...document.querySelectorAll('button')].find((e) => e.textContent.includes('Globex')).click()`)
	b.signedIn()
	b.picture("6-right-to-left")
	b.fits()
	b.click(control("sign-out"))
	b.until(`!document.querySelector('[data-testid="signed-out"]')?.hidden && location.origin === '` + p.Frontend + `' && 'out'`)
	b.signIn(p, "wilhelmina@acme.example", "acme")
	b.signedIn()
	b.picture("7-long-name")
	b.fits()

	// An organization that is not hers: she is told, and stays where she was.
	b.click(control("switch"))
	b.signedIn()
	b.until(`document.querySelector('[data-testid="problem"]').textContent`)
	if got := b.text("tenant"); got != "Acme Corporation" {
		t.Errorf("after a refused switch she works at %q", got)
	}
	b.picture("8-refused-switch")
}
