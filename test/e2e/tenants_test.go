package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/demo/frontend"
	"github.com/signet-id/signet/test/browsertest"
	"github.com/signet-id/signet/test/nodetest"
)

const nora = "nora@example.com"

// applyExample has the installation be as the example file says, by the command line, and returns
// an administrator's token.
func applyExample(t *testing.T, w world) string {
	t.Helper()
	token := w.AdminToken(t, apptest.Opal, "signet")
	environ := append(os.Environ(), "SIGNET_URL="+w.URL, "SIGNET_TOKEN="+token, "NORA_PASSWORD="+apptest.Password, "XDG_CONFIG_HOME="+t.TempDir())
	for _, step := range []struct {
		args []string
		says string
	}{
		{[]string{"--dry-run"}, "+ tenant north"},
		{nil, "Done."},
		{nil, "Nothing to do"},
	} {
		out := run(t, environ, append([]string{"apply", "-f", filepath.Join(nodetest.Root(t), "examples", "signet.yaml")}, step.args...)...)
		if !strings.Contains(out, step.says) {
			t.Fatalf("signet apply %v does not say %q:\n%s", step.args, step.says, out)
		}
	}
	return token
}

// run runs the signet program and returns what it prints.
func run(t *testing.T, environ []string, args ...string) string {
	t.Helper()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = environ
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("signet %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestThePreviewExplainsEachClaimOfTheExample asks why Nora's token would say what it says.
func TestThePreviewExplainsEachClaimOfTheExample(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	token := applyExample(t, w)
	environ := append(os.Environ(), "SIGNET_URL="+w.URL, "SIGNET_TOKEN="+token, "XDG_CONFIG_HOME="+t.TempDir())
	out := run(t, environ, "token", "preview", "-t", "north", "--user", nora, "--client", frontendClient)
	for _, why := range []string{
		"tenant", "north", "role manager (given by usr_", "which includes clerk, which has orders:read of https://orders.example",
		"which has orders:refund of https://orders.example", "the account", "the tenant",
	} {
		if !strings.Contains(out, why) {
			t.Errorf("the preview does not say %q:\n%s", why, out)
		}
	}
	claims, reasons, ok := strings.Cut(out, "BECAUSE OF")
	if !ok {
		t.Fatalf("no reasons:\n%s", out)
	}
	for line := range strings.Lines(claims) {
		if name, _, ok := strings.Cut(line, " "); ok && name != "" && !strings.HasPrefix(name, "(") && name != "CLAIM" && !strings.Contains(reasons, "\n"+name+" ") {
			t.Errorf("the claim %s is not explained:\n%s", name, out)
		}
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
	w := startWorld(t, frontend.Organization{Slug: "north", Name: "Northern House"}, frontend.Organization{Slug: "south", Name: "Southern House"})
	applyExample(t, w)
	tab := browsertest.Open(t, browsertest.Start(t), false)

	// In the north she is a manager: she takes an order and refunds it.
	tab.Go(w.frontend)
	tab.Click("[data-testid=sign-in]")
	tab.Type("#email", nora)
	tab.Type("#password", apptest.Password)
	tab.Click(".main-action")
	tab.ClickText("Northern House")
	tab.See("[data-testid=signed-in]")
	shows(t, tab, "Northern House", "clerkmanager", "orders:readorders:refundorders:write")
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
