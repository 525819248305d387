package e2e

import (
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/test/browsertest"
)

// atProviderLogin fills in the page of oidc-provider.
func atProviderLogin(tab *browsertest.Tab, login string) {
	tab.See("input[name=login]")
	tab.Type("input[name=login]", login)
	tab.Type("input[name=password]", "anything")
	tab.Click("button.login-submit")
}

// atProviderConsent agrees on the page of oidc-provider, whose button looks like that of the page
// before.
func atProviderConsent(tab *browsertest.Tab) {
	tab.Until(`document.readyState === 'complete' && document.querySelector('input[name=prompt]')?.value === 'consent'`)
	tab.Click("button.login-submit")
}

// leave presses the button of the provider on the sign-in page.
func leave(tab *browsertest.Tab) { tab.ClickText("Partner Inc") }

// partnerWorld is a world whose people may come from a provider of others.
func partnerWorld(t *testing.T) (world, *provider) {
	t.Helper()
	w := startWorld(t)
	p := newProvider(t, w.App, "partner")
	p.Start()
	c := p.Connector()
	c.Joins, c.DefaultRoles = w.TenantID(t, "acme"), []string{"clerk"}
	w.AddConnector(t, c, p.secret)
	b := w.Browser(t)
	eventually(t, "the sign-in page offers the provider", func() bool {
		return b.Get(w.AuthorizeURL("spa")).HasForm("/upstream/partner")
	})
	return w, p
}

// Whatever a page's policy blocks in a tab fails the test (browsertest.Open).
func TestAPartnerSignsInInABrowser(t *testing.T) {
	t.Parallel()
	w, p := partnerWorld(t)
	p.People(jane(nil))
	chromium := browsertest.Start(t)
	tab := browsertest.Open(t, chromium, false)

	// First somebody who changes their mind at the provider: the sign-in page is there again, and its
	// button too.
	tab.Go(w.frontend)
	tab.Click("[data-testid=sign-in]")
	leave(tab)
	tab.See("input[name=login]")
	tab.Eval(`[...document.querySelectorAll('a')].find((a) => a.href.endsWith('/abort')).click()`)
	tab.See("#password")

	leave(tab)
	atProviderLogin(tab, "jane")
	atProviderConsent(tab)
	tab.See("[data-testid=signed-in]")
	for what, want := range map[string]string{"user-name": "Jane Doe", "tenant": "Acme", "roles": "clerk"} {
		if got := tab.Eval(text(what)); got != want {
			t.Errorf("%s: the frontend shows %q, want %q", what, got, want)
		}
	}

	// The back button leads to no error and no second account: whoever goes back is signed in.
	tab.Eval(`history.back()`)
	tab.Until(`document.readyState === 'complete' && !document.body.innerText.includes('server_error')`)
	tab.Go(w.frontend)
	tab.See("[data-testid=signed-in]")

	// Another tab signs in by the session of the first, through no provider.
	two := browsertest.Open(t, chromium, false)
	two.Go(w.frontend)
	two.See("[data-testid=signed-in]")
}

// Somebody who has an account here and one at the provider, with the same address: nothing is linked
// before they have signed in to both.
func TestAnAccountIsLinkedInABrowserByWhoeverHoldsBoth(t *testing.T) {
	t.Parallel()
	w, p := partnerWorld(t)
	people := jane(map[string]any{"email": apptest.Grace})
	p.People(people)
	chromium := browsertest.Start(t)
	tab := browsertest.Open(t, chromium, false)
	tab.Go(w.frontend)
	tab.Click("[data-testid=sign-in]")
	leave(tab)
	atProviderLogin(tab, "jane")
	atProviderConsent(tab)
	tab.Until(`location.pathname.startsWith('/login/link')`)
	if body := tab.Eval(`document.body.innerText`); !strings.Contains(body, apptest.Grace) {
		t.Errorf("the page does not say whose account it is: %s", body)
	}
	tab.Eval(`[...document.querySelectorAll('main a')][0].click()`)
	tab.See("#password")
	if tab.Eval(`document.querySelector('#email').value`) == "" {
		tab.Type("#email", apptest.Grace)
	}
	tab.Type("#password", apptest.Password)
	tab.Click(".main-action")
	tab.Until(`location.pathname.startsWith('/login/link')`)
	tab.Click(".main-action")
	tab.See("[data-testid=signed-in]")
	if got := tab.Eval(text("user-name")); got != "Grace Hopper" {
		t.Errorf("signed in as %s", got)
	}
}
