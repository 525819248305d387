package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/demo/orders"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/test/browsertest"
)

// company is tenants with their roles and people, as an operator would describe them.
type company func(t *testing.T) installation.Installation

const nora = "nora@example.com"

// twoTenants is a company with a house in the north and one in the south. Nora runs the one and
// looks at the other.
func twoTenants(t *testing.T) installation.Installation {
	t.Helper()
	may := func(slugs ...string) (out []installation.PermissionRef) {
		for _, s := range slugs {
			out = append(out, installation.PermissionRef{Audience: apptest.Orders, Slug: s})
		}
		return out
	}
	return installation.Installation{
		ResourceServers: []installation.ResourceServer{{Audience: apptest.Orders, Name: "Orders", Permissions: []installation.Permission{
			{Slug: orders.Read}, {Slug: orders.Write}, {Slug: orders.Refund},
		}}},
		Tenants: []installation.Tenant{
			{Slug: "north", Name: "Northern House", Roles: []installation.Role{
				{Name: "manager", Permissions: may(orders.Read, orders.Write, orders.Refund)},
			}},
			{Slug: "south", Name: "Southern House", Roles: []installation.Role{
				{Name: "bookkeeper", Permissions: may(orders.Read)},
			}},
		},
		Users: []installation.User{{
			Email: nora, EmailVerified: true, Name: "Nora Haas", PasswordHash: apptest.Installation(t).Users[0].PasswordHash,
			Memberships: []installation.Membership{{Tenant: "north", Roles: []string{"manager"}}, {Tenant: "south", Roles: []string{"bookkeeper"}}},
		}},
	}
}

// place orders something in the frontend.
func place(tab *browsertest.Tab, customer string) {
	tab.Type("#customer", customer)
	tab.Type("#item", "Lantern")
	tab.Type("#price", "12.50")
	tab.Click("#create")
}

// TestBrowserOnePersonWorksInTwoTenantsAsHerRolesThereAllow is what tenants, memberships, roles and
// permissions are for: the same person may do something in one and not in the other, and the
// service that says so has nothing but the token.
func TestBrowserOnePersonWorksInTwoTenantsAsHerRolesThereAllow(t *testing.T) {
	t.Parallel()
	w := startWorld(t, twoTenants)
	tab := browsertest.Open(t, browsertest.Start(t), false)

	// In the north she is a manager: she takes an order and refunds it.
	tab.Go(w.frontend)
	tab.Click("[data-testid=sign-in]")
	tab.Type("#email", nora)
	tab.Type("#password", apptest.Password)
	tab.Click(".main-action")
	tab.ClickText("Northern House")
	tab.See("[data-testid=signed-in]")
	shows(t, tab, "Northern House", "manager", "orders:readorders:refundorders:write")
	place(tab, "Zebedee")
	tab.Until(`document.querySelector('[data-testid=notice]')?.textContent.includes('has been created')`)
	tab.Click("[data-testid=refund]")
	tab.Until(`document.querySelector('[data-testid=notice]')?.textContent.includes('has been refunded')`)
	north := tab.Eval(refreshToken)

	// In the south she keeps the books: no password is asked, and the service refuses.
	tab.Eval(`(document.querySelector('#switch-organization').value = 'south', '')`)
	tab.Click("[data-testid=switch]")
	tab.Until(visible("signed-in") + ` && ` + text("tenant") + ` === 'Southern House'`)
	shows(t, tab, "Southern House", "bookkeeper", "orders:read")
	tab.Until(`document.querySelector('[data-testid=orders]').textContent !== ''`)
	if got := tab.Eval(text("orders")); strings.Contains(got, "Zebedee") {
		t.Errorf("the south sees an order of the north: %s", got)
	}
	place(tab, "Yolanda")
	tab.Until(`document.querySelector('[data-testid=problem]')?.textContent.includes('needs orders:write')`)
	tab.Click("[data-testid=refund]")
	tab.Until(`document.querySelector('[data-testid=problem]')?.textContent.includes('needs orders:refund')`)
	south := tab.Eval(refreshToken)

	// Both grants live side by side, and either one switches without a browser.
	for _, from := range []struct{ token, stays, to string }{{north, "north", "south"}, {south, "south", "north"}} {
		form := apptest.RefreshForm(frontendClient, from.token)
		form.Set("organization", from.to)
		switched := w.PostForm(t, "/token", form)
		stayed := w.PostForm(t, "/token", apptest.RefreshForm(frontendClient, from.token))
		for tenant, out := range map[string]apptest.Answer{from.to: switched, from.stays: stayed} {
			allowed := map[string]int{"north": http.StatusCreated, "south": http.StatusForbidden}[tenant]
			if got := w.order(t, out.Text("access_token")); got != allowed {
				t.Errorf("an order in the %s, from the %s: %d, want %d; tokens %d %s", tenant, from.stays, got, allowed, out.Status, out.Error())
			}
		}
	}
}

// shows checks what the frontend tells about the person.
func shows(t *testing.T, tab *browsertest.Tab, tenant, roles, permissions string) {
	t.Helper()
	for what, want := range map[string]string{"user-name": "Nora Haas", "tenant": tenant, "roles": roles, "permissions": permissions} {
		if got := tab.Eval(text(what)); got != want {
			t.Errorf("%s: the frontend shows %q, want %q", what, got, want)
		}
	}
}

// order asks the service for something that needs orders:write and returns the status.
func (w world) order(t *testing.T, token string) int {
	t.Helper()
	body, err := json.Marshal(map[string]any{"customer": "Xavier", "item": "Lantern", "cents": 1250})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, w.orders+"/orders", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	apptest.Bearer(token)(req)
	return apptest.Do(t, req).Status
}
