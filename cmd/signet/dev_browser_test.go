package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-id/signet/test/browsertest"
)

// pictures makes the browser test of the demo application write what it sees:
// go test -run Browser -pictures=DIR ./cmd/signet
var pictures = flag.String("pictures", "", "directory for screenshots of the demo application")

// visitor is somebody at the demo application of a `signet dev`. What its tabs do to tokens is
// in test/e2e.
type visitor struct {
	*browsertest.Tab
	t   *testing.T
	dev *devProcess
}

// control is the selector of the element with that data-testid.
func control(id string) string { return `[data-testid="` + id + `"]` }

// element is the same in JavaScript.
func element(id string) string { return `document.querySelector('` + control(id) + `')` }

// reads returns the text of an element.
func (v visitor) reads(id string) string {
	v.t.Helper()
	return v.Eval(element(id) + `.textContent`)
}

// told waits until an element, "notice" or "problem", says something with part in it.
func (v visitor) told(id, part string) {
	v.t.Helper()
	v.Until(element(id) + `.textContent.includes('` + part + `')`)
}

// arrive opens the application, where nobody is signed in.
func (v visitor) arrive() {
	v.t.Helper()
	v.Size(1200, 860)
	v.Go(v.dev.Frontend)
	v.signedOut()
}

// signIn walks through the front door and the hosted page, which asks for the password.
func (v visitor) signIn(email, organization string) {
	v.t.Helper()
	v.arrive()
	v.Eval(element("organization") + `.value = '` + organization + `'`)
	v.Click(control("sign-in"))
	for _, person := range v.dev.People {
		if person.Email == email {
			v.Type("#email", email)
			v.Click(".main-action") // of some addresses somebody else asks for the password
			v.Until(`document.querySelector('#password') !== null`)
			v.Type("#password", person.Password)
		}
	}
	v.Click(".main-action")
}

// signedIn waits until the application shows the orders of an organization.
func (v visitor) signedIn(organization string) {
	v.t.Helper()
	v.Until(`location.origin === '` + v.dev.Frontend + `' && location.pathname === '/' && ` +
		element("tenant") + `.dataset.slug === '` + organization + `' && ` + element("order") + ` !== null`)
}

// signedOut waits until the application shows its front door.
func (v visitor) signedOut() {
	v.t.Helper()
	v.Until(`location.origin === '` + v.dev.Frontend + `' && ` + element("signed-out") + `?.hidden === false`)
}

// picture writes what the tab shows in every scheme and size, when asked to.
func (v visitor) picture(name string) {
	v.t.Helper()
	if *pictures == "" {
		return
	}
	for _, width := range []int64{1200, 390} {
		for _, scheme := range []string{"light", "dark"} {
			v.Size(width, 800)
			v.Prefer("prefers-color-scheme=" + scheme)
			v.Picture(filepath.Join(*pictures, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)))
		}
	}
	v.Prefer()
	v.Size(1200, 860)
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

// fits checks the page in a narrow and a wide window.
func (v visitor) fits() {
	v.t.Helper()
	for _, width := range []int64{320, 1200} {
		v.Size(width, 860)
		if found := v.Eval(sticksOut); found != "" {
			v.t.Errorf("at %d px: %s", width, found)
		}
	}
}

func TestInABrowserTheDemoApplication(t *testing.T) {
	t.Parallel()
	dataDir := filepath.Join(t.TempDir(), "dev")
	forgetAtEnd(t, dataDir)
	p := startDev(t, dataDir)
	chromium := browsertest.Start(t)
	for name, test := range map[string]func(*testing.T, visitor){
		"an admin works, and is refused where she is a viewer": permissionsAndTenants,
		"a name from right to left fits":                       rightToLeft,
		"a long name fits, and a switch elsewhere is refused":  longName,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, visitor{browsertest.Open(t, chromium, true), t, p})
		})
	}
}

func permissionsAndTenants(t *testing.T, v visitor) {
	v.arrive()
	v.picture("1-signed-out")
	v.fits()

	v.signIn("ada@acme.example", "acme")
	v.signedIn("acme")
	if got := v.Eval(`location.search + location.hash`); got != "" {
		t.Errorf("the address bar still holds %q", got)
	}
	v.picture("2-admin")
	v.fits()
	v.Type("#customer", "Zoë")
	v.Type("#item", "Anvil")
	v.Type("#price", "12,5")
	v.Click(control("create"))
	v.told("notice", "has been created")
	if row := v.reads("order"); !strings.Contains(row, "Zoë") || !strings.Contains(row, "12.50") {
		t.Errorf("the new order reads %q", row)
	}
	v.Click(control("refund"))
	v.told("notice", "has been refunded")

	// The same person is a viewer elsewhere, and needs no password to go there.
	v.Click(control("switch"))
	v.signedIn("globex")
	if got := v.reads("permissions"); got != "orders:read" {
		t.Errorf("permissions at globex: %q", got)
	}
	if strings.Contains(v.reads("orders"), "Zoë") {
		t.Error("globex shows an order of acme")
	}
	v.Click(control("refund"))
	v.told("problem", "needs orders:refund")
	if got := v.reads("problem"); !strings.Contains(got, "viewer of Globex") {
		t.Errorf("a refusal reads %q", got)
	}
	v.picture("3-refused")
	v.Eval(`document.querySelectorAll('details').forEach((d) => { d.open = true })`)
	for _, id := range []string{"access-claims", "id-claims"} {
		if got := v.reads(id); !strings.Contains(got, `"tenant": "globex"`) {
			t.Errorf("%s reads %q", id, got)
		}
	}
	v.picture("4-claims")

	v.Click(control("sign-out"))
	v.signedOut()
	if got := v.Eval(`localStorage.getItem('orders.session')`); got != "null" {
		t.Errorf("signed out, but the browser keeps %s", got)
	}
	// The session at the identity server is over too: the next person is asked for a password.
	v.signIn("grace@acme.example", "")
	v.signedIn("acme") // her only one, so that there is nothing to choose
}

func rightToLeft(_ *testing.T, v visitor) {
	v.signIn("layla@globex.example", "")
	v.See("button.choice")
	v.picture("5-choose-organization")
	v.ClickText("Globex")
	v.signedIn("globex")
	v.picture("6-right-to-left")
	v.fits()
}

func longName(t *testing.T, v visitor) {
	v.signIn("wilhelmina@acme.example", "acme")
	v.signedIn("acme")
	v.picture("7-long-name")
	v.fits()

	// An organization that is not hers: she is told, and stays where she was.
	v.Click(control("switch"))
	v.See("[value=deny]")
	v.picture("8-no-member")
	v.Click("[value=deny]")
	v.Until(element("problem") + `?.textContent.includes('this organization is not yours')`)
	v.signedIn("acme")
	if got := v.reads("tenant"); got != "Acme Corporation" {
		t.Errorf("after a refused switch she works at %q", got)
	}
	v.picture("9-refused-switch")
}
