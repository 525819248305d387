package app_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
)

// tenantOf refreshes and returns the tenant of the access token and the next refresh token.
func tenantOf(t *testing.T, out apptest.Answer) (tenant, next string) {
	t.Helper()
	if out.Status != http.StatusOK {
		t.Fatalf("%d %s", out.Status, out.Raw)
	}
	tenant, _ = apptest.Claims(t, out.Text("access_token"))["tenant"].(string)
	return tenant, out.Text("refresh_token")
}

func TestTwoTabsOnTwoTenantsRefreshWithoutNoticingEachOther(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.With("SIGNET_TOKENS_REFRESH_RETRY_WINDOW", "0s")) // nothing is forgiven
	first := a.Tokens(t, "spa", apptest.Ada)
	acme := first.Text("refresh_token")
	out := refresh(t, a, acme, "organization", "globex")
	tenant, globex := tenantOf(t, out)
	if tenant != "globex" {
		t.Fatalf("switched to %s", tenant)
	}
	was, is := apptest.Claims(t, first.Text("access_token")), apptest.Claims(t, out.Text("access_token"))
	if was["grant_id"] == is["grant_id"] || was["sid"] != is["sid"] || was["auth_time"] != is["auth_time"] || was["sub"] != is["sub"] {
		t.Errorf("from %v\nto   %v", was, is)
	}
	if roles := strs(is["roles"]); len(roles) != 1 || roles[0] != "viewer" {
		t.Errorf("roles %v", is["roles"])
	}
	if id := apptest.Claims(t, out.Text("id_token")); id["tenant"] != "globex" {
		t.Errorf("the ID token is of %v", id["tenant"])
	}
	for range 3 {
		if tenant, acme = tenantOf(t, refresh(t, a, acme)); tenant != "acme" {
			t.Errorf("the tab of acme is in %s", tenant)
		}
		if tenant, globex = tenantOf(t, refresh(t, a, globex)); tenant != "globex" {
			t.Errorf("the tab of globex is in %s", tenant)
		}
	}
	// Each can go: what is revoked in one tab is good in the other.
	form := apptest.RefreshForm("spa", acme)
	form.Del("grant_type")
	form.Del("refresh_token")
	form.Set("token", acme)
	if out := a.PostForm(t, "/revoke", form); out.Status != http.StatusOK {
		t.Fatalf("revoke: %d %s", out.Status, out.Raw)
	}
	if out := refresh(t, a, acme); out.Error() != "invalid_grant" {
		t.Errorf("acme after it was revoked: %d %s", out.Status, out.Raw)
	}
	tenantOf(t, refresh(t, a, globex))
}

func TestNamingTheTenantThatTheGrantIsPinnedToIsAPlainRefresh(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	first := a.Tokens(t, "spa", apptest.Ada)
	was := apptest.Claims(t, first.Text("access_token"))
	token := first.Text("refresh_token")
	for _, organization := range []string{"acme", was["tenant_id"].(string)} {
		out := refresh(t, a, token, "organization", organization)
		tenant, next := tenantOf(t, out)
		if tenant != "acme" || next == token || apptest.Claims(t, out.Text("access_token"))["grant_id"] != was["grant_id"] {
			t.Errorf("%s: %s", organization, out.Raw)
		}
		token = next
	}
	var families int
	row(t, a, "SELECT count(*) FROM refresh_family", &families)
	if families != 1 {
		t.Errorf("%d families", families)
	}
}

func TestARefusedSwitchTellsNothingAndCostsNothing(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	globexID := apptest.Claims(t, a.Tokens(t, "spa", apptest.Linus, "organization=globex").Text("access_token"))["tenant_id"].(string)
	token := a.Tokens(t, "spa", apptest.Grace).Text("refresh_token") // of acme alone
	unknown := refresh(t, a, token, "organization", "no-such-tenant")
	if unknown.Status != http.StatusBadRequest || unknown.Error() != "invalid_target" {
		t.Fatalf("%d %s", unknown.Status, unknown.Raw)
	}
	for _, organization := range []string{"globex", globexID, "signet", "ten_01h455vb4pex5vsknk084sn02q", "Globex", strings.Repeat("x", 300), "a b"} {
		if out := refresh(t, a, token, "organization", organization); out.Status != unknown.Status || out.Raw != unknown.Raw {
			t.Errorf("%s: %d %s", organization, out.Status, out.Raw)
		}
	}
	// A tenant's own client is for that tenant, whoever the person is.
	own := a.Tokens(t, "acme-spa", apptest.Ada)
	form := apptest.RefreshForm("acme-spa", own.Text("refresh_token"))
	form.Set("organization", "globex")
	if out := a.PostForm(t, "/token", form); out.Status != unknown.Status || out.Raw != unknown.Raw {
		t.Errorf("a tenant's own client: %d %s", out.Status, out.Raw)
	}
	// Who is suspended there, and a tenant that is closed, are refused alike.
	ada := a.Tokens(t, "spa", apptest.Ada).Text("refresh_token")
	for _, sql := range []string{
		"UPDATE membership SET suspended_at = now() WHERE tenant_id = (SELECT id FROM tenant WHERE slug = 'globex')",
		"UPDATE tenant SET disabled_at = now() WHERE slug = 'globex'",
	} {
		exec(t, a, sql)
		if out := refresh(t, a, ada, "organization", "globex"); out.Status != unknown.Status || out.Raw != unknown.Raw {
			t.Errorf("after %s: %d %s", sql, out.Status, out.Raw)
		}
		exec(t, a, "UPDATE membership SET suspended_at = NULL")
	}
	var families, denials int
	row(t, a, "SELECT count(*) FROM refresh_family", &families)
	if families != 4 {
		t.Errorf("%d families", families)
	}
	if tenant, _ := tenantOf(t, refresh(t, a, token)); tenant != "acme" {
		t.Errorf("the token afterwards: %s", tenant)
	}
	a.Stop(t) // writes what is queued
	row(t, a, `SELECT count(*) FROM audit_event e JOIN user_account u ON u.id = e.user_id
	            WHERE action = 'grant.denied' AND email = 'grace@acme.example' AND detail->>'reason' = 'switch'`, &denials)
	if denials != 8 {
		t.Errorf("%d denials of Grace on record", denials)
	}
}

func TestASwitchNeverGivesMoreNorLastsLonger(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	first := a.Tokens(t, "spa", apptest.Ada, "scope=openid orders:read", "resource="+apptest.Orders)
	token := first.Text("refresh_token")
	exec(t, a, "UPDATE refresh_family SET max_expires_at = now() + interval '10 minutes'")
	for _, wider := range [][]string{{"scope", "openid orders:read orders:write"}, {"resource", "https://billing.example"}} {
		if out := refresh(t, a, token, append(wider, "organization", "globex")...); out.Status != http.StatusBadRequest {
			t.Errorf("%v: %d %s", wider, out.Status, out.Raw)
		}
	}
	out := refresh(t, a, token, "organization", "globex", "scope", "orders:read")
	if out.Text("scope") != "orders:read" || out.JSON["id_token"] != nil {
		t.Errorf("narrowed: %s", out.Raw)
	}
	_, next := tenantOf(t, out)
	if out = refresh(t, a, next); out.Text("scope") != "openid orders:read" {
		t.Errorf("afterwards: %s", out.Raw)
	}
	if aud := apptest.Claims(t, out.Text("access_token"))["aud"]; strings.Join(strs(aud), " ") != apptest.Orders+" "+a.URL {
		t.Errorf("audience %v", aud)
	}
	var latest, ends time.Time
	row(t, a, "SELECT expires_at, max_expires_at FROM refresh_family WHERE switched_from IS NOT NULL", &latest, &ends)
	if left := time.Until(ends); left > 10*time.Minute || latest.After(ends) || latest.IsZero() {
		t.Errorf("ends in %v, at %v and %v", left, latest, ends)
	}
}

func TestASwitchIsRetriedWithoutOpeningAnotherGrant(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	token := a.Tokens(t, "spa", apptest.Ada).Text("refresh_token")
	var same string
	for _, o := range race(t, 8, func() apptest.Answer { return refresh(t, a, token, "organization", "globex") }) {
		_, next := tenantOf(t, o)
		if same == "" {
			same = next
		}
		if next != same {
			t.Errorf("two grants: %s and %s", same, next)
		}
	}
	var grants, events int
	row(t, a, "SELECT count(*) FROM refresh_family", &grants)
	row(t, a, "SELECT count(*) FROM audit_event WHERE action = 'grant.switched'", &events)
	if grants != 2 || events != 1 {
		t.Errorf("%d grants, %d events", grants, events)
	}
	// Once it is in use, another switch is another tab's.
	tenantOf(t, refresh(t, a, same))
	if _, other := tenantOf(t, refresh(t, a, token, "organization", "globex")); other == same {
		t.Error("a second tab got the token that the first one has spent")
	}
}

func TestASwitchIsOnRecordWithBothGrants(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	first := a.Tokens(t, "spa", apptest.Ada)
	out := refresh(t, a, first.Text("refresh_token"), "organization", "globex")
	was, is := apptest.Claims(t, first.Text("access_token")), apptest.Claims(t, out.Text("access_token"))
	var complete bool
	var fromGrant, fromTenant string
	// Stored before the answer: no waiting.
	row(t, a, `SELECT t.slug = 'globex' AND u.email = 'ada@acme.example' AND e.client_id = 'spa' AND e.session_id IS NOT NULL
	                  AND e.grant_id = (SELECT id FROM refresh_family WHERE tenant_id = t.id) AND e.address <> '' AND e.request_id <> '',
	                  detail->>'from_grant', detail->>'from_tenant'
	             FROM audit_event e JOIN tenant t ON t.id = e.tenant_id JOIN user_account u ON u.id = e.user_id
	            WHERE action = 'grant.switched'`, &complete, &fromGrant, &fromTenant)
	if !complete || fromGrant != was["grant_id"] || fromTenant != was["tenant_id"] || is["tenant"] != "globex" {
		t.Errorf("complete %v, from grant %s, from tenant %s", complete, fromGrant, fromTenant)
	}
}

func TestReuseOfARefreshTokenEndsWhatWasSwitchedToFromIt(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.With("SIGNET_TOKENS_REFRESH_RETRY_WINDOW", "0s"))
	stolen := a.Tokens(t, "spa", apptest.Ada).Text("refresh_token")
	switched := refresh(t, a, stolen, "organization", "globex")
	_, globex := tenantOf(t, switched)
	_, again := tenantOf(t, refresh(t, a, globex, "organization", "acme")) // and once more from there
	_, current := tenantOf(t, refresh(t, a, stolen))
	if out := refresh(t, a, stolen, "organization", "globex"); out.Error() != "invalid_grant" { // reuse, by a switch
		t.Fatalf("reuse: %d %s", out.Status, out.Raw)
	}
	for name, token := range map[string]string{"its own grant": current, "what was switched to": globex, "what was switched to from there": again} {
		if out := refresh(t, a, token); out.Error() != "invalid_grant" {
			t.Errorf("%s lives on: %d %s", name, out.Status, out.Raw)
		}
	}
	if out := a.Get(t, "/userinfo", apptest.Bearer(switched.Text("access_token"))); out.Status != http.StatusUnauthorized {
		t.Errorf("an access token of the other tenant still works: %d", out.Status)
	}
}

func TestReuseInTheTenantSwitchedToLeavesTheFirstOneAlone(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.With("SIGNET_TOKENS_REFRESH_RETRY_WINDOW", "0s"))
	acme := a.Tokens(t, "spa", apptest.Ada).Text("refresh_token")
	_, globex := tenantOf(t, refresh(t, a, acme, "organization", "globex"))
	_, next := tenantOf(t, refresh(t, a, globex))
	if out := refresh(t, a, globex); out.Error() != "invalid_grant" {
		t.Fatalf("reuse: %d %s", out.Status, out.Raw)
	}
	if out := refresh(t, a, next); out.Error() != "invalid_grant" {
		t.Errorf("the family lives on: %d %s", out.Status, out.Raw)
	}
	tenantOf(t, refresh(t, a, acme))
}

func TestASwitchNeedsTheConsentOfTheOtherTenantAndALiveSession(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	third := func(organization string) string {
		t.Helper()
		p := b.Get(a.AuthorizeURL("third", "organization="+organization))
		if p.HasForm("/login") {
			p = b.SignIn(p, apptest.Ada, apptest.Password)
		}
		if p.HasForm("/consent") {
			p = b.Decide(p, "allow")
		}
		out := a.PostForm(t, "/token", apptest.RedeemForm("third", p.Code(t)))
		_, next := tenantOf(t, out)
		return next
	}
	switchTo := func(token, organization string) apptest.Answer {
		t.Helper()
		form := apptest.RefreshForm("third", token)
		form.Set("organization", organization)
		return a.PostForm(t, "/token", form)
	}
	token := third("acme")
	if out := switchTo(token, "globex"); out.Status != http.StatusBadRequest || out.Error() != "interaction_required" {
		t.Fatalf("without consent: %d %s", out.Status, out.Raw)
	}
	third("globex")
	if tenant, _ := tenantOf(t, switchTo(token, "globex")); tenant != "globex" {
		t.Errorf("with consent: %s", tenant)
	}
	// Less than the grant holds is not enough.
	exec(t, a, "UPDATE consent SET scopes = '{openid}' WHERE tenant_id = (SELECT id FROM tenant WHERE slug = 'globex')")
	if out := switchTo(token, "globex"); out.Error() != "interaction_required" {
		t.Errorf("with less consent: %d %s", out.Status, out.Raw)
	}
	exec(t, a, "UPDATE consent SET scopes = '{openid,profile,email}'")
	tenantOf(t, switchTo(token, "globex"))
	exec(t, a, "DELETE FROM browser_session") // it ran out and was cleaned up
	if out := switchTo(token, "globex"); out.Error() != "interaction_required" {
		t.Errorf("without a session: %d %s", out.Status, out.Raw)
	}
}

func TestAGrantThatWasSwitchedToEndsWithTheSession(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	redeem := func(changes ...string) apptest.Answer {
		t.Helper()
		p := b.Get(a.AuthorizeURL("spa", changes...))
		if p.HasForm("/login") {
			p = b.SignIn(p, apptest.Ada, apptest.Password)
		}
		return a.PostForm(t, "/token", apptest.RedeemForm("spa", p.Code(t)))
	}
	online, offline := redeem(), redeem("scope=openid offline_access")
	_, onlineThere := tenantOf(t, refresh(t, a, online.Text("refresh_token"), "organization", "globex"))
	_, offlineThere := tenantOf(t, refresh(t, a, offline.Text("refresh_token"), "organization", "globex"))
	b.Get(a.URL + "/logout?id_token_hint=" + online.Text("id_token"))
	if out := refresh(t, a, onlineThere); out.Error() != "invalid_grant" {
		t.Errorf("it outlives the session: %d %s", out.Status, out.Raw)
	}
	tenantOf(t, refresh(t, a, offlineThere))
}

func TestASwitchWhilePasswordOrSessionChangeNeverEscapes(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	for range 6 {
		p := a.Browser(t)
		page := p.SignIn(p.Get(a.AuthorizeURL("spa")), apptest.Ada, apptest.Password)
		out := a.PostForm(t, "/token", apptest.RedeemForm("spa", page.Code(t)))
		token := out.Text("refresh_token")
		var there apptest.Answer
		var wg sync.WaitGroup
		wg.Go(func() { there = refresh(t, a, token, "organization", "globex") })
		wg.Go(func() { p.Get(a.URL + "/logout?id_token_hint=" + out.Text("id_token")) })
		wg.Wait()
		if there.Status != http.StatusOK {
			continue // the session was faster
		}
		if late := refresh(t, a, there.Text("refresh_token")); late.Error() != "invalid_grant" {
			t.Errorf("a grant escaped the end of the session: %d %s", late.Status, late.Raw)
		}
	}
}

func TestWhatOneReplicaSwitchesAnotherOneRefreshes(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := apptest.Start(t, apptest.WithDatabase(a.DSN), apptest.With("SIGNET_ISSUER", a.URL))
	b.URL = b.Public
	acme := a.Tokens(t, "spa", apptest.Ada).Text("refresh_token")
	_, globex := tenantOf(t, refresh(t, b, acme, "organization", "globex"))
	_, again := tenantOf(t, refresh(t, a, acme, "organization", "globex")) // a retry, elsewhere
	if again != globex {
		t.Error("two replicas opened two grants")
	}
	for _, at := range []*apptest.App{a, b, a} {
		var tenant string
		if tenant, globex = tenantOf(t, refresh(t, at, globex)); tenant != "globex" {
			t.Errorf("in %s", tenant)
		}
		if tenant, acme = tenantOf(t, refresh(t, at, acme)); tenant != "acme" {
			t.Errorf("in %s", tenant)
		}
	}
}

func TestWhoWasRemovedCannotSwitchWithWhatIsLeft(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	token := a.Tokens(t, "spa", apptest.Ada).Text("refresh_token")
	if _, err := connect(t, a).Exec(context.Background(), "DELETE FROM membership WHERE tenant_id = (SELECT id FROM tenant WHERE slug = 'acme')"); err != nil {
		t.Fatal(err)
	}
	if out := refresh(t, a, token, "organization", "globex"); out.Error() != "invalid_grant" {
		t.Errorf("%d %s", out.Status, out.Raw)
	}
}
