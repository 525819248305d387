package app_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

// closeAcme has acme own the domain of its people, and let them in through the provider alone.
func closeAcme(t *testing.T, a *apptest.App, token string) {
	t.Helper()
	out := a.Admin(t, token, http.MethodPut, "/tenants/acme/domains/acme.example", map[string]any{"verified": true})
	if out.Status >= 300 {
		t.Fatalf("domain: %d %s", out.Status, out.Raw)
	}
	out = a.Admin(t, token, http.MethodPatch, "/tenants/acme", map[string]any{"only_connectors": true}, "If-Match: *")
	if out.Status != http.StatusOK {
		t.Fatalf("tenant: %d %s", out.Status, out.Raw)
	}
}

func TestAnOrganizationWithItsOwnSignInTakesNoPasswordsAnywhere(t *testing.T) {
	t.Parallel()
	a, op := partnered(t)
	opal, ada := a.AdminToken(t, apptest.Opal, "signet"), a.AdminToken(t, apptest.Ada, "acme")
	_, invitation := invite(t, a, ada, "hedy@acme.example", "clerk")
	b := a.Browser(t)
	askReset(t, b, b.Get(a.URL+"/password/forgot"), apptest.Grace)
	reset := a.Mail(t, apptest.Grace).Link()
	held := a.Tokens(t, "spa", apptest.Ada, "organization=globex", "scope=openid offline_access")
	stays := a.Tokens(t, "spa", apptest.Ada, "scope=openid offline_access")
	closeAcme(t, a, opal)

	// The right password and a wrong one, of somebody and of nobody: one answer.
	for email, password := range map[string]string{apptest.Grace: apptest.Password, "nobody@acme.example": "x"} {
		p := a.Browser(t)
		form := url.Values{"email": {email}, "password": {password}}
		if page := p.Post(a.URL+"/login", form); page.Status != http.StatusForbidden || !page.HasForm("/upstream/partner") || len(p.Cookies()) != 0 {
			t.Errorf("%s: %d\n%s", email, page.Status, page.Body)
		}
		page := askReset(t, p, p.Get(a.URL+"/password/forgot"), email)
		if page.Status != http.StatusOK || !strings.Contains(page.Body, "none to forget") {
			t.Errorf("%s forgot a password: %d\n%s", email, page.Status, page.Body)
		}
	}
	a.NoMail(t, apptest.Grace)
	if p := b.Get(reset); p.Status != http.StatusForbidden || !strings.Contains(p.Body, "none to forget") {
		t.Errorf("a link that was sent before: %d\n%s", p.Status, p.Body)
	}
	token := reset[strings.Index(reset, "token=")+len("token="):]
	if p := b.Post(a.URL+"/password/reset", url.Values{"token": {token}, "new_password": {nextPassword}}); p.Status != http.StatusForbidden {
		t.Errorf("a password was chosen: %d\n%s", p.Status, p.Body)
	}

	// What was granted in acme goes on; what was granted elsewhere does not lead in.
	if out := a.PostForm(t, "/token", apptest.RefreshForm("spa", stays.Text("refresh_token"))); out.Status != http.StatusOK {
		t.Errorf("a refresh: %d %s", out.Status, out.Raw)
	}
	into := apptest.RefreshForm("spa", held.Text("refresh_token"))
	maps.Copy(into, url.Values{"organization": {"acme"}})
	if out := a.PostForm(t, "/token", into); out.Error() != "interaction_required" {
		t.Errorf("a switch: %d %s", out.Status, out.Raw)
	}

	// Whoever is invited comes through the provider, and back to the invitation.
	hedy := a.Browser(t)
	p := hedy.Get(invitation)
	if p.HasForm("/invitation") || !strings.Contains(p.Body, "without a password here") {
		t.Fatalf("a password is to be chosen:\n%s", p.Body)
	}
	secret := invitation[strings.Index(invitation, "token=")+len("token="):]
	if p := hedy.Post(a.URL+"/invitation", url.Values{"token": {secret}, "name": {"Hedy"}, "new_password": {nextPassword}}); !strings.Contains(p.Body, "without a password here") {
		t.Errorf("a password was chosen:\n%s", p.Body)
	}
	person := apptest.Jane()
	person["email"] = "hedy@acme.example"
	op.SignedIn(person)
	p = hedy.Follow(pressed(t, hedy, hedy.Get(a.URL+"/login?invitation="+secret)))
	if p.URL.Path != "/invitation" {
		t.Fatalf("she came back to %s: %d\n%s", p.URL, p.Status, p.Body)
	}
	// A hint at her address leads her there and in at once.
	again := a.Browser(t)
	again.Follow(again.Get(a.AuthorizeURL("spa", "login_hint=hedy@acme.example", "organization"))).Code(t)
}

func TestAnApplicationNamesTheConnectorToSignInThrough(t *testing.T) {
	t.Parallel()
	a, _ := partnered(t)
	b := a.Browser(t)
	b.Follow(b.Get(a.AuthorizeURL("spa", "connector=partner"))).Code(t)
	direct := a.Browser(t) // frontends that know /login alone
	query := strings.TrimPrefix(a.AuthorizeURL("spa", "connector=partner"), a.URL+"/authorize")
	direct.Follow(direct.Get(a.URL + "/login" + query)).Code(t)
	if p := a.Browser(t).Get(a.AuthorizeURL("spa", "connector=nobody")); !p.HasForm("/login") {
		t.Errorf("a connector that there is not: %d, sent to %v", p.Status, p.Away)
	}
	if p := a.Browser(t).Get(a.AuthorizeURL("spa", "connector=partner", "prompt=none")); p.Away == nil || p.Away.Query().Get("error") != "login_required" {
		t.Errorf("prompt=none: %d, sent to %v", p.Status, p.Away)
	}
}

func TestSuspendedAndRemovedPeopleComeBackToAPageAndNoLoop(t *testing.T) {
	t.Parallel()
	a, op := partnered(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	jane := apptest.Jane()
	op.SignedIn(jane)
	comes := func(query ...string) apptest.Page {
		b := a.Browser(t)
		p := b.Get(a.AuthorizeURL("spa", query...))
		if p.Away != nil { // unasked, since only the provider will do
			return b.Follow(p)
		}
		return b.Follow(pressed(t, b, p))
	}
	comes().Code(t)
	member := "/tenants/acme/members/" + userID(t, a, opal, jane["email"].(string))
	does := func(method string, body any) {
		t.Helper()
		if out := a.Admin(t, opal, method, member, body, "If-Match: *"); out.Status >= 300 {
			t.Fatalf("%s: %d %s", method, out.Status, out.Raw)
		}
	}
	turnedAway := func(what string) {
		t.Helper()
		if p := comes(); p.Away != nil || p.Status != http.StatusForbidden || !p.HasForm("/login/membership") || strings.Contains(p.Body, "Acme") {
			t.Errorf("%s: status %d, sent to %v:\n%s", what, p.Status, p.Away, p.Body)
		}
	}
	suspended := func(yes bool) { does(http.MethodPatch, map[string]any{"suspended": yes}) }
	suspended(true)
	turnedAway("suspended")
	closeAcme(t, a, opal)
	turnedAway("suspended, where only the provider will do")
	suspended(false)
	comes().Code(t)
	does(http.MethodDelete, nil)
	turnedAway("removed: who comes again is not taken in again")
	if out := a.Admin(t, opal, http.MethodPatch, "/users/"+userID(t, a, opal, jane["email"].(string)), map[string]any{"disabled": true}, "If-Match: *"); out.Status >= 300 {
		t.Fatalf("%d %s", out.Status, out.Raw)
	}
	if p := comes(); p.Away != nil || p.Status != http.StatusForbidden || !strings.Contains(p.Body, "Your account is disabled") {
		t.Errorf("disabled: status %d, sent to %v:\n%s", p.Status, p.Away, p.Body)
	}
}
