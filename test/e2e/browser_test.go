package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/test/browsertest"
)

// visible is true in JavaScript while the element with that data-testid is shown.
func visible(testID string) string {
	return `document.querySelector('[data-testid=` + testID + `]')?.offsetParent != null`
}

func text(testID string) string {
	return `document.querySelector('[data-testid=` + testID + `]').textContent`
}

// The tokens of the demo frontend in its storage.
const (
	refreshToken = `JSON.parse(localStorage.getItem('orders.session')).refreshToken`
	idToken      = `JSON.parse(localStorage.getItem('orders.session')).idToken`
)

// signIn goes from the frontend through the hosted pages back to the frontend.
func (w world) signIn(tab *browsertest.Tab, tenant string) {
	tab.Go(w.frontend)
	tab.Click("[data-testid=sign-in]")
	tab.Type("#email", apptest.Ada)
	tab.Type("#password", apptest.Password)
	tab.Click(".main-action")
	tab.ClickText(tenant)
	tab.See("[data-testid=signed-in]")
}

// TestBrowserSignsInRefreshesInTwoTabsAndSignsOut is the whole path of a person at a frontend,
// as its operator sees it too.
func TestBrowserSignsInRefreshesInTwoTabsAndSignsOut(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	chromium := browsertest.Start(t)
	one := browsertest.Open(t, chromium, false)

	w.signIn(one, "Acme")
	for what, want := range map[string]string{"user-name": "Ada Lovelace", "tenant": "Acme", "roles": "admin", "permissions": "orders:readorders:write"} {
		if got := one.Eval(text(what)); got != want {
			t.Errorf("%s: the frontend shows %q, want %q", what, got, want)
		}
	}
	first := one.Eval(refreshToken)
	secrets := []string{first, one.Eval(idToken)}

	// The orders service lists and accepts orders, by the token alone.
	one.See("[data-testid=order]")
	one.Type("#customer", "Ada")
	one.Type("#item", "Difference engine")
	one.Type("#price", "12.50")
	one.Click("#create")
	one.Until(`document.querySelector('[data-testid=orders]').textContent.includes('Difference engine')`)

	// A second tab of the same browser signs in by itself: that is a first refresh.
	two := browsertest.Open(t, chromium, false)
	two.Go(w.frontend)
	two.See("[data-testid=signed-in]")

	for range 3 {
		refreshAtOnce(one, two)
	}
	before := metric(t, w.App, `signet_refresh_total{result="retried"}`)
	for range 3 {
		refreshInARace(t, one, two)
	}
	if got := metric(t, w.App, `signet_refresh_total{result="retried"}`) - before; got != 3 {
		t.Errorf("%v of 3 races were answered as a retry: the tabs did not race", got)
	}
	for name, tab := range map[string]*browsertest.Tab{"first": one, "second": two} {
		if tab.Eval(visible("signed-in")) != "true" || tab.Eval(visible("problem")) != "false" {
			t.Errorf("the %s tab was signed out by refreshing", name)
		}
	}
	secrets = append(secrets, one.Eval(refreshToken), one.Eval(idToken))

	// A thief uses the refresh token of the beginning: the family dies with it.
	stolen := w.PostForm(t, "/token", apptest.RefreshForm(frontendClient, first))
	if stolen.Status != http.StatusBadRequest || stolen.Error() != "invalid_grant" {
		t.Errorf("an old refresh token: %d %s", stolen.Status, stolen.Raw)
	}
	one.Click("[data-testid=refresh]")
	one.Until(visible("signed-out"))
	if got := one.Eval(text("problem")); got != "Your session has ended. Sign in again." {
		t.Errorf("the frontend says %q", got)
	}
	two.Until(visible("signed-out"))

	// The browser session lives on: signing in again needs no password, signing out ends it.
	one.Click("[data-testid=sign-in]")
	one.ClickText("Globex")
	one.See("[data-testid=signed-in]")
	if got := one.Eval(text("roles")); got != "viewer" {
		t.Errorf("roles in the other tenant: %q", got)
	}
	secrets = append(secrets, one.Eval(refreshToken), one.Eval(idToken))
	one.Click("[data-testid=sign-out]")
	one.Until(visible("signed-out"))
	one.Click("[data-testid=sign-in]")
	one.See("#password")

	operatorSees(t, w.App, secrets)
}

// refreshAtOnce presses the button in both tabs. The frontend makes its tabs take turns.
func refreshAtOnce(tabs ...*browsertest.Tab) {
	for _, tab := range tabs {
		tab.Eval(`document.getElementById('refresh').click()`)
	}
	for _, tab := range tabs {
		tab.Until(`document.getElementById('refresh').getAttribute('aria-busy') === null`)
	}
}

// refreshInARace takes the browser's locks away and holds each tab's request back until both
// have one with the same refresh token. Each tab is a process, which sees a moment later what another
// stored.
func refreshInARace(t *testing.T, tabs ...*browsertest.Tab) {
	t.Helper()
	eventually(t, "what one tab stored to be seen by all", func() bool {
		seen := map[string]bool{}
		for _, tab := range tabs {
			seen[tab.Eval(refreshToken)] = true
		}
		return len(seen) == 1
	})
	for _, tab := range tabs {
		tab.Eval(`(() => {
			Object.defineProperty(navigator, 'locks', { value: undefined, configurable: true });
			window.plainFetch ??= window.fetch;
			window.held = null;
			window.fetch = (url, options) => options?.body instanceof URLSearchParams
				? new Promise((go) => { window.held = options.body.get('refresh_token'); window.release = () => go(window.plainFetch(url, options)) })
				: window.plainFetch(url, options);
			document.getElementById('refresh').click();
		})()`)
	}
	sent := map[string]bool{}
	for _, tab := range tabs {
		sent[tab.Until(`window.held`)] = true
	}
	if len(sent) != 1 {
		t.Error("the tabs do not hold the same refresh token")
	}
	for _, tab := range tabs {
		tab.Eval(`(window.release(), window.fetch = window.plainFetch)`)
	}
	for _, tab := range tabs {
		tab.Until(`document.getElementById('refresh').getAttribute('aria-busy') === null`)
	}
}

// operatorSees checks log, metrics and audit log after the path above.
func operatorSees(t *testing.T, a *apptest.App, secrets []string) {
	t.Helper()
	for _, name := range []string{
		`signet_sign_ins_total{result="success"}`,
		`signet_tokens_issued_total{grant_type="authorization_code",kind="access"}`,
		`signet_tokens_issued_total{grant_type="refresh_token",kind="refresh"}`,
		`signet_refresh_total{result="rotated"}`,
		`signet_refresh_total{result="reused"}`,
		`signet_authorizations_total{result="granted"}`,
	} {
		if metric(t, a, name) < 1 {
			t.Errorf("the metric %s does not count", name)
		}
	}

	requests := 0
	for line := range strings.SplitSeq(strings.TrimSpace(a.Log.String()), "\n") {
		var entry struct {
			Msg       string `json:"msg"`
			RequestID string `json:"request_id"`
			Route     string `json:"route"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("a log line is no JSON: %s", line)
		}
		if entry.Msg == "request" {
			requests++
			if entry.RequestID == "" || entry.Route == "" {
				t.Errorf("a request without id or route in the log: %s", line)
			}
		}
	}
	if requests < 20 {
		t.Errorf("the log knows of %d requests only", requests)
	}

	var events string
	wanted := []audit.Action{audit.SignedIn, audit.Authorized, audit.TokenIssued, audit.RefreshReused, audit.SignedOut}
	eventually(t, "audit events of every step", func() bool {
		events = auditLog(t, a.DSN)
		for _, action := range wanted {
			if !strings.Contains(events, `"`+string(action)+`"`) {
				return false
			}
		}
		return strings.Contains(events, `"grant_type": "refresh_token"`)
	})
	for _, s := range secrets {
		if s == "" || strings.Contains(events, s) {
			t.Error("the audit log holds a token")
		}
		if strings.Contains(a.Log.String(), s) {
			t.Error("the log holds a token")
		}
	}
	if strings.Contains(a.Log.String(), apptest.Password) || strings.Contains(a.Log.String(), "code=") {
		t.Error("the log holds a password or a code")
	}
}

// auditLog returns all audit events as JSON, one a line.
func auditLog(t *testing.T, dsn string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), "SELECT to_jsonb(e)::text FROM audit_event e ORDER BY at, id")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// metric returns the value of a series at the ops port, 0 when it is absent.
func metric(t *testing.T, a *apptest.App, series string) float64 {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, a.OpsURL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(apptest.Do(t, req).Raw, "\n") {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
