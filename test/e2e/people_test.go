package e2e

import (
	"net/http"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/test/browsertest"
)

// TestBrowserForgetsAPasswordAndIsInvited goes where the messages lead, in tabs without scripts of
// ours, on the way to an application.
func TestBrowserForgetsAPasswordAndIsInvited(t *testing.T) {
	t.Parallel()
	page := startLanding(t)
	a := apptest.Start(t, apptest.WithInstallation(installation.Installation{Clients: []installation.Client{{Client: client.Client{
		ID: "parcels", Name: "Parcel Tracker", AuthMethod: client.AuthNone, SkipConsent: true, RedirectURIs: []string{page.url},
		GrantTypes: []string{client.GrantAuthorizationCode}, Scopes: []string{"openid", "profile", "email", "orders:read"}, Audiences: []string{apptest.Orders},
	}}}}))
	chromium := browsertest.Start(t)
	const next = "seven lanterns over the quiet harbour"

	t.Run("a forgotten password on the way to an application", func(t *testing.T) {
		tab := browsertest.Open(t, chromium, true)
		p := person{tab, a, page}
		p.authorize("parcels")
		tab.Click(".links a")
		tab.Until(`location.pathname == '/password/forgot'`)
		tab.Type("#email", apptest.Grace)
		tab.Click(".main-action")
		tab.Until(`document.querySelector('h1').textContent == 'Check your mailbox'`)

		tab.Go(a.Mail(t, apptest.Grace).Link())
		tab.Type("#new_password", "too short")
		tab.Click(".main-action")
		tab.See("#new-fault")
		tab.Type("#new_password", next)
		tab.Click(".main-action")
		tab.See(".message.good")
		p.credentials(apptest.Grace, next)
		tab.Click("button.main-action")
		p.redeem(t, "parcels", page.answer(tab))
	})

	t.Run("an invitation for somebody new", func(t *testing.T) {
		out := a.Admin(t, a.AdminToken(t, apptest.Ada, "acme"), http.MethodPost, "/tenants/acme/invitations",
			map[string]any{"email": "hedy@acme.example", "roles": []string{"clerk"}})
		if out.Status != http.StatusCreated {
			t.Fatalf("%d %s", out.Status, out.Raw)
		}
		tab := browsertest.Open(t, chromium, true)
		tab.Go(a.Mail(t, "hedy@acme.example").Link())
		tab.Type("#name", "Hedy Lamarr")
		tab.Type("#new_password", next)
		tab.Click(".main-action")
		if got := tab.Until(`location.pathname == '/account' && document.querySelector('section[aria-labelledby=tenants] .who')?.textContent`); got != "AcmeRoles: clerk" {
			t.Errorf("the account page says %q", got)
		}
		p := person{tab, a, page} // signed in by then: the application asks for nothing
		p.authorize("parcels")
		p.redeem(t, "parcels", page.answer(tab))
	})

	t.Run("an invitation for somebody with an account", func(t *testing.T) {
		out := a.Admin(t, a.AdminToken(t, apptest.Ada, "acme"), http.MethodPost, "/tenants/acme/invitations", map[string]any{"email": apptest.Linus})
		if out.Status != http.StatusCreated {
			t.Fatalf("%d %s", out.Status, out.Raw)
		}
		tab := browsertest.Open(t, chromium, true)
		tab.Go(a.Mail(t, apptest.Linus).Link())
		tab.Click("a.main-action")
		tab.See("#password")
		if got := tab.Eval(`document.querySelector('#email').value`); got != apptest.Linus {
			t.Errorf("the sign-in page starts with %q", got)
		}
		tab.Type("#password", apptest.Password)
		tab.Click("button.main-action")
		tab.Until(`location.pathname == '/invitation' && document.querySelector('button.main-action')`)
		tab.Click("button.main-action")
		tab.Until(`location.pathname == '/account' && document.body.innerText.includes('Acme')`)
	})
}
