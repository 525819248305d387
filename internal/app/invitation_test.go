package app_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
)

// invite has Ada invite an address into acme and returns the invitation's identifier and link.
func invite(t *testing.T, a *apptest.App, token, email string, roles ...string) (invitationID, link string) {
	t.Helper()
	out := a.Admin(t, token, http.MethodPost, "/tenants/acme/invitations", map[string]any{"email": email, "roles": roles})
	if out.Status != http.StatusCreated {
		t.Fatalf("invitation: %d %s", out.Status, out.Raw)
	}
	link = a.Mail(t, email).Link()
	if secret := link[strings.Index(link, "token=")+6:]; strings.Contains(out.Raw, secret) {
		t.Error("the answer holds the link")
	}
	return out.Text("id"), link
}

// register fills in the page of an invitation for somebody without an account.
func register(t *testing.T, b *apptest.Browser, p apptest.Page, name, password string) apptest.Page {
	t.Helper()
	f := p.Form(t, "/invitation")
	f.Fields.Set("name", name)
	f.Fields.Set("new_password", password)
	return b.Post(f.Action, f.Fields)
}

// join presses the button of an invitation for somebody who is signed in.
func join(t *testing.T, b *apptest.Browser, p apptest.Page) apptest.Page {
	t.Helper()
	f := p.Form(t, "/invitation")
	f.Fields.Set("decision", "join")
	return b.Post(f.Action, f.Fields)
}

// stateOf is what the administration says of an invitation.
func stateOf(t *testing.T, a *apptest.App, token, invitationID string) string {
	t.Helper()
	return a.Admin(t, token, http.MethodGet, "/tenants/acme/invitations/"+invitationID, nil).Text("state")
}

// rolesIn signs somebody in to acme and returns the roles that their token says.
func rolesIn(t *testing.T, a *apptest.App, email, password string) []string {
	t.Helper()
	b := a.Browser(t)
	p := b.SignIn(b.Get(a.AuthorizeURL("acme-spa")), email, password)
	if p.Away == nil || p.Away.Query().Get("code") == "" {
		return nil
	}
	out := a.PostForm(t, "/token", apptest.RedeemForm("acme-spa", p.Code(t)))
	return append([]string{"member"}, strs(apptest.Claims(t, out.Text("access_token"))["roles"])...)
}

func TestSomebodyNewIsInvitedAndJoinsWithAnAccountOfTheirOwn(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ada := a.AdminToken(t, apptest.Ada, "acme")
	const email = "Hedy@Acme.example"
	invitationID, link := invite(t, a, ada, email, "clerk")
	b := a.Browser(t)
	page := b.Get(link)
	for _, want := range []string{"Join ", "Acme", "Ada Lovelace", "clerk", email} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if stateOf(t, a, ada, invitationID) != "pending" {
		t.Error("opening the link accepted it")
	}
	if p := register(t, b, page, " ", "short"); p.Status != http.StatusBadRequest || !strings.Contains(p.Body, "Enter your name.") || !strings.Contains(p.Body, "Use at least 15 characters.") {
		t.Errorf("%d:\n%s", p.Status, p.Body)
	}
	if p := register(t, b, page, "Hedy Lamarr", "hedy lamarr hedy"); p.Status != http.StatusBadRequest {
		t.Errorf("a password made of the name: %d", p.Status)
	}
	if p := register(t, b, page, "Hedy Lamarr", nextPassword); p.URL.Path != "/account" || !strings.Contains(p.Body, "You have joined") || !strings.Contains(p.Body, "Acme") {
		t.Fatalf("%d at %s:\n%s", p.Status, p.URL, p.Body)
	}
	if got := rolesIn(t, a, strings.ToLower(email), nextPassword); !slices.Equal(got, []string{"member", "clerk"}) {
		t.Errorf("joined as %v", got)
	}
	got := a.Admin(t, ada, http.MethodGet, "/tenants/acme/invitations/"+invitationID, nil)
	member := a.Admin(t, ada, http.MethodGet, "/tenants/acme/members/"+got.Text("accepted_by"), nil)
	user, _ := member.JSON["user"].(map[string]any)
	if got.Text("state") != "accepted" || user["email"] != email || user["email_verified"] != true || user["name"] != "Hedy Lamarr" {
		t.Errorf("%s\n%s", got.Raw, member.Raw)
	}
	if who, _ := member.JSON["granted_by"].(string); !strings.HasPrefix(who, "usr_") || who == got.Text("accepted_by") {
		t.Errorf("granted by %q, want who invited", who)
	}
	for _, p := range []apptest.Page{b.Get(link), register(t, a.Browser(t), page, "Eve", nextPassword)} {
		if p.Status != http.StatusGone || !strings.Contains(p.Body, "has been accepted") {
			t.Errorf("accepted twice: %d", p.Status)
		}
	}
	for _, action := range []string{"invitation.created", "invitation.accepted"} {
		got := events(t, a, ada, "action="+action, action)
		if !strings.Contains(got.Raw, invitationID) || strings.Contains(got.Raw, link[strings.Index(link, "token=")+6:]) {
			t.Errorf("on record: %s", got.Raw)
		}
	}
	if log := a.Log.String(); strings.Contains(log, link[strings.Index(link, "token=")+6:]) || strings.Contains(strings.ToLower(log), "hedy") {
		t.Error("the log shows the link or the address")
	}
}

func TestSomebodyWithAnAccountSignsInAndJoins(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ada := a.AdminToken(t, apptest.Ada, "acme")
	_, link := invite(t, a, ada, strings.ToUpper(apptest.Linus), "admin")
	b := a.Browser(t)
	page := b.Get(link)
	if page.HasForm("/invitation") || !strings.Contains(page.Body, "Sign in to join") {
		t.Fatalf("somebody with an account is not asked to sign in:\n%s", page.Body)
	}
	login := b.Get(a.URL + "/login?invitation=" + link[strings.Index(link, "token=")+6:])
	if email := login.Form(t, "/login").Fields.Get("email"); !strings.EqualFold(email, apptest.Linus) {
		t.Errorf("the address is not filled in: %q", email)
	}
	wrong := b.SignIn(login, apptest.Linus, "wrong password entirely")
	page = b.SignIn(wrong, apptest.Linus, apptest.Password)
	if page.URL.Path != "/invitation" || !strings.Contains(page.Body, "Accept and join") {
		t.Fatalf("%d at %s:\n%s", page.Status, page.URL, page.Body)
	}
	if p := join(t, b, page); p.URL.Path != "/account" || !strings.Contains(p.Body, "Acme") {
		t.Fatalf("%d at %s:\n%s", p.Status, p.URL, p.Body)
	}
	if got := rolesIn(t, a, apptest.Linus, apptest.Password); !slices.Equal(got, []string{"member", "admin"}) {
		t.Errorf("joined as %v", got)
	}
}

func TestAnInvitationIsAcceptedByNobodyElse(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ada := a.AdminToken(t, apptest.Ada, "acme")
	for what, email := range map[string]string{"with an account": apptest.Linus, "without": "hedy@acme.example"} {
		invitationID, link := invite(t, a, ada, email, "admin")
		token := link[strings.Index(link, "token=")+6:]
		b := a.Browser(t)
		b.SignIn(b.Get(a.URL+"/login"), apptest.Nobody, apptest.Password)
		page := b.Get(link)
		if !strings.Contains(page.Body, "You are signed in as") || strings.Contains(page.Body, `value="join"`) {
			t.Errorf("%s: another person may join:\n%s", what, page.Body)
		}
		b.Post(a.URL+"/invitation", url.Values{"token": {token}, "decision": {"join"}})
		if got := stateOf(t, a, ada, invitationID); got != "pending" {
			t.Errorf("%s: another person joined: it is %s", what, got)
		}
		if got := rolesIn(t, a, apptest.Nobody, apptest.Password); got != nil {
			t.Errorf("%s: another person is %v", what, got)
		}
		// Nor is an account made for an address that has one.
		if email == apptest.Linus {
			b.Post(a.URL+"/invitation", url.Values{"token": {token}, "name": {"Eve"}, "new_password": {nextPassword}})
			if got := stateOf(t, a, ada, invitationID); got != "pending" {
				t.Errorf("somebody registered as %s: it is %s", email, got)
			}
		}
	}
}

func TestOfEightWhoAcceptOneInvitationAtOnceOneGetsAnAccount(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ada := a.AdminToken(t, apptest.Ada, "acme")
	_, link := invite(t, a, ada, "hedy@acme.example")
	form := a.Browser(t).Get(link).Form(t, "/invitation")
	var won atomic.Int32
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			p := a.Browser(t).Post(form.Action, url.Values{
				"token": form.Fields["token"], "name": {"Hedy"}, "new_password": {nextPassword + string(rune('a'+n))},
			})
			if p.Status == http.StatusOK && p.URL.Path == "/account" {
				won.Add(1)
			} else if p.Status != http.StatusGone && p.Status != http.StatusServiceUnavailable && p.URL.Path != "/login" {
				t.Errorf("%d at %s", p.Status, p.URL.Path)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d got an account", won.Load())
	}
}

func TestAnInvitationThatNoLongerStandsSaysSo(t *testing.T) {
	t.Parallel()
	clk := &movableClock{}
	a := apptest.Start(t, apptest.WithClock(clk.now))
	ada := a.AdminToken(t, apptest.Ada, "acme")
	try := func(what, link, words string) {
		t.Helper()
		b := a.Browser(t)
		get := b.Get(link)
		post := b.Post(a.URL+"/invitation", url.Values{"token": {link[strings.Index(link, "token=")+6:]}, "name": {"Hedy"}, "new_password": {nextPassword}})
		for _, p := range []apptest.Page{get, post} {
			if (p.Status != http.StatusGone && p.Status != http.StatusNotFound) || !strings.Contains(p.Body, words) || p.HasForm("/invitation") {
				t.Errorf("%s: %d\n%s", what, p.Status, p.Body)
			}
		}
	}
	const email = "hedy@acme.example"
	first, link := invite(t, a, ada, email)
	if out := a.Admin(t, ada, http.MethodDelete, "/tenants/acme/invitations/"+first, nil); out.Status != http.StatusNoContent {
		t.Fatalf("revoke: %d %s", out.Status, out.Raw)
	}
	try("revoked", link, "withdrawn")
	for _, op := range []struct{ method, path string }{{http.MethodDelete, ""}, {http.MethodPost, "/resend"}} {
		if out := a.Admin(t, ada, op.method, "/tenants/acme/invitations/"+first+op.path, nil); out.Status != http.StatusConflict {
			t.Errorf("%s%s of a revoked one: %d %s", op.method, op.path, out.Status, out.Raw)
		}
	}
	second, link := invite(t, a, ada, email)
	if second == first {
		t.Error("a revoked invitation came back to life")
	}
	again, newer := invite(t, a, ada, strings.ToUpper(email), "clerk")
	if again != second {
		t.Error("two invitations are pending for one address")
	}
	try("invited again", link, "know this invitation")
	if out := a.Admin(t, ada, http.MethodPost, "/tenants/acme/invitations/"+again+"/resend", nil); out.Status != http.StatusOK || strings.Contains(out.Raw, "token") {
		t.Fatalf("resend: %d %s", out.Status, out.Raw)
	}
	try("sent again", newer, "know this invitation")
	newest := a.Mail(t, email).Link()
	exec(t, a, "UPDATE tenant SET disabled_at = now() WHERE slug = 'acme'")
	try("of a disabled tenant", newest, "withdrawn")
	exec(t, a, "UPDATE tenant SET disabled_at = NULL WHERE slug = 'acme'")
	for what, bad := range map[string]string{"none": "", "short": "abc", "altered": strings.Repeat("A", 43), "hostile": strings.Repeat("<", 43)} {
		try(what, a.URL+"/invitation?token="+url.QueryEscape(bad), "know this invitation")
	}
	clk.ahead.Add(int64(7 * 24 * time.Hour))
	try("expired", newest, "expired")
}

// An administrator who is sent away could otherwise come back by invitations that they left.
func TestAnInvitationIsVoidOnceWhoeverInvitedMayNotAnyMore(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ada, opal := a.AdminToken(t, apptest.Ada, "acme"), a.AdminToken(t, apptest.Opal, "signet")
	const adas = " WHERE tenant_id = (SELECT id FROM tenant WHERE slug = 'acme') AND user_id = (SELECT id FROM user_account WHERE email = '" + apptest.Ada + "')"
	_, theirs := invite(t, a, opal, "of-opal@acme.example")
	invitationID, link := invite(t, a, ada, "of-ada@acme.example", "admin")
	b := a.Browser(t)
	page := b.Get(link)
	for what, c := range map[string][2]string{
		"suspended":        {"UPDATE membership SET suspended_at = now()" + adas, "UPDATE membership SET suspended_at = NULL" + adas},
		"disabled":         {"UPDATE user_account SET disabled_at = now() WHERE email = '" + apptest.Ada + "'", "UPDATE user_account SET disabled_at = NULL WHERE email = '" + apptest.Ada + "'"},
		"without the role": {"UPDATE membership_role SET role = 'clerk'" + adas + " AND role = 'admin'", "UPDATE membership_role SET role = 'admin'" + adas},
		"without the right": {
			"DELETE FROM role_permission WHERE role = 'admin' AND permission = 'tenant:manage' AND tenant_id = (SELECT id FROM tenant WHERE slug = 'acme')",
			"INSERT INTO role_permission (tenant_id, role, audience, permission) SELECT id, 'admin', 'urn:signet:admin', 'tenant:manage' FROM tenant WHERE slug = 'acme'",
		},
	} {
		exec(t, a, c[0])
		for how, p := range map[string]apptest.Page{"opened": b.Get(link), "accepted": register(t, b, page, "Eve", nextPassword)} {
			if p.Status != http.StatusGone || !strings.Contains(p.Body, "withdrawn") {
				t.Errorf("%s: %s: %d at %s", what, how, p.Status, p.URL)
			}
		}
		exec(t, a, c[1])
		if p := b.Get(link); p.Status != http.StatusOK {
			t.Errorf("not %s any more: %d", what, p.Status)
		}
	}
	exec(t, a, "DELETE FROM membership"+adas)
	if p := b.Get(link); p.Status != http.StatusGone {
		t.Errorf("removed: %d", p.Status)
	}
	if p := b.Get(theirs); p.Status != http.StatusOK {
		t.Errorf("of an administrator of the installation: %d", p.Status)
	}
	if out := a.Admin(t, opal, http.MethodPost, "/tenants/acme/invitations/"+invitationID+"/resend", nil); out.Status != http.StatusOK {
		t.Fatalf("resend: %d %s", out.Status, out.Raw)
	}
	again := a.Mail(t, "of-ada@acme.example").Link()
	if p := register(t, b, b.Get(again), "Hedy", nextPassword); p.URL.Path != "/account" {
		t.Errorf("sent again by somebody who may: %d at %s", p.Status, p.URL)
	}
}

func TestARoleThatWasDeletedMeanwhileIsNotGiven(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ada := a.AdminToken(t, apptest.Ada, "acme")
	_, link := invite(t, a, ada, "hedy@acme.example", "clerk")
	exec(t, a, "DELETE FROM role WHERE name = 'clerk'")
	b := a.Browser(t)
	page := b.Get(link)
	if strings.Contains(page.Body, "clerk") {
		t.Error("the page promises it")
	}
	register(t, b, page, "Hedy", nextPassword)
	if got := rolesIn(t, a, "hedy@acme.example", nextPassword); !slices.Equal(got, []string{"member"}) {
		t.Errorf("joined as %v", got)
	}
}

func TestInvitingTellsNobodyWhoHasAnAccountElsewhere(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ada := a.AdminToken(t, apptest.Ada, "acme")
	shape := func(email string) string {
		out := a.Admin(t, ada, http.MethodPost, "/tenants/acme/invitations", map[string]any{"email": email})
		raw := strings.ReplaceAll(out.Raw, email, "…")
		for _, field := range []string{"id", "created_at", "expires_at"} {
			raw = strings.ReplaceAll(raw, out.Text(field), "…")
		}
		return out.Header.Get("Idempotent-Replayed") + raw
	}
	if known, unknown := shape(apptest.Linus), shape("stranger@globex.example"); known != unknown {
		t.Errorf("%s\n%s", known, unknown)
	}
	if m, n := a.Mail(t, apptest.Linus), a.Mail(t, "stranger@globex.example"); m.Subject != n.Subject {
		t.Errorf("%q and %q", m.Subject, n.Subject)
	}
}

func TestInvitationsThatCannotBeAreRefusedWithTheField(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ada, opal := a.AdminToken(t, apptest.Ada, "acme"), a.AdminToken(t, apptest.Opal, "signet")
	for what, c := range map[string]struct {
		body   map[string]any
		status int
		where  string
	}{
		"no address":               {map[string]any{"email": "not an address"}, http.StatusUnprocessableEntity, "body.email"},
		"two addresses":            {map[string]any{"email": "a@x.example,b@x.example"}, http.StatusUnprocessableEntity, "body.email"},
		"a role that is not there": {map[string]any{"email": "a@x.example", "roles": []string{"clerk", "viewer"}}, http.StatusUnprocessableEntity, "body.roles[1]"},
		"a member":                 {map[string]any{"email": apptest.Grace}, http.StatusConflict, "body.email"},
		"an unknown field":         {map[string]any{"email": "a@x.example", "tenant": "globex"}, http.StatusUnprocessableEntity, "body.tenant"},
	} {
		out := a.Admin(t, ada, http.MethodPost, "/tenants/acme/invitations", c.body)
		if out.Status != c.status || !strings.Contains(out.Raw, `"`+c.where+`"`) {
			t.Errorf("%s: %d %s", what, out.Status, out.Raw)
		}
	}
	for who, token := range map[string]string{"of another tenant": ada} {
		if out := a.Admin(t, token, http.MethodPost, "/tenants/globex/invitations", map[string]any{"email": "a@x.example"}); out.Status != http.StatusNotFound {
			t.Errorf("an administrator %s: %d", who, out.Status)
		}
	}
	key := "Idempotency-Key: once"
	first := a.Admin(t, opal, http.MethodPost, "/tenants/globex/invitations", map[string]any{"email": "a@x.example"}, key)
	again := a.Admin(t, opal, http.MethodPost, "/tenants/globex/invitations", map[string]any{"email": "a@x.example"}, key)
	if first.Status != http.StatusCreated || again.Text("id") != first.Text("id") || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%s\n%s", first.Raw, again.Raw)
	}
	a.Mail(t, "a@x.example")
	a.NoMail(t, "a@x.example")
}

func TestAnAdministratorOfTheInstallationHasLinksSentToPeople(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ada, opal := a.AdminToken(t, apptest.Ada, "acme"), a.AdminToken(t, apptest.Opal, "signet")
	grace := a.Admin(t, opal, http.MethodGet, "/users?email="+apptest.Grace, nil).JSON["items"].([]any)[0].(map[string]any)["id"].(string)
	reset, verification := "/users/"+grace+"/password-reset", "/users/"+grace+"/verification"
	for _, path := range []string{reset, verification} {
		if out := a.Admin(t, ada, http.MethodPost, path, nil); out.Status != http.StatusForbidden {
			t.Errorf("a tenant's administrator: %s: %d", path, out.Status)
		}
	}
	if out := a.Admin(t, opal, http.MethodPost, verification, nil); out.Status != http.StatusConflict {
		t.Errorf("a verified address: %d %s", out.Status, out.Raw)
	}
	exec(t, a, "UPDATE user_account SET email_verified = false WHERE email = $1", apptest.Grace)
	b := a.Browser(t)
	b.SignIn(b.Get(a.URL+"/login"), apptest.Grace, apptest.Password)
	for path, leads := range map[string]string{reset: "/password/reset", verification: "/email/verify"} {
		if out := a.Admin(t, opal, http.MethodPost, path, nil); out.Status != http.StatusNoContent || out.Raw != "" {
			t.Errorf("%s: %d %s", path, out.Status, out.Raw)
		}
		if p := b.Get(a.Mail(t, apptest.Grace).Link()); p.URL.Path != leads || !p.HasForm(leads) {
			t.Errorf("%s leads to %s: %d", path, p.URL.Path, p.Status)
		}
	}
	exec(t, a, "UPDATE user_account SET disabled_at = now() WHERE email = $1", apptest.Grace)
	if out := a.Admin(t, opal, http.MethodPost, reset, nil); out.Status != http.StatusConflict {
		t.Errorf("a disabled account: %d %s", out.Status, out.Raw)
	}
}

// Whoever chose a name that no administrator may give could not be edited any more, nor disabled.
func TestANameChosenOnAnInvitationKeepsTheRulesOfTheAdministration(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ada, opal := a.AdminToken(t, apptest.Ada, "acme"), a.AdminToken(t, apptest.Opal, "signet")
	invitationID, link := invite(t, a, ada, "hedy@acme.example")
	b := a.Browser(t)
	if p := register(t, b, b.Get(link), "Hedy\u0085 \u009bLamarr\n", nextPassword); p.URL.Path != "/account" {
		t.Fatalf("%d at %s:\n%s", p.Status, p.URL, p.Body)
	}
	hedy := "/users/" + a.Admin(t, ada, http.MethodGet, "/tenants/acme/invitations/"+invitationID, nil).Text("accepted_by")
	got := a.Admin(t, opal, http.MethodPatch, hedy, map[string]any{"disabled": true}, "If-Match: *")
	if got.Status != http.StatusOK || got.Text("disabled_at") == "" || got.Text("name") != "Hedy Lamarr" {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
}

// Whoever administers a tenant could flood any mailbox, in the name of the whole installation.
func TestOneAddressAndOneTenantGetSoManyInvitationsAndNoMore(t *testing.T) {
	t.Parallel()
	clk := &movableClock{}
	a := apptest.Start(t, apptest.WithClock(clk.now), apptest.With("SIGNET_THROTTLE_TENANT_INVITATIONS", "8"))
	ada, opal := a.AdminToken(t, apptest.Ada, "acme"), a.AdminToken(t, apptest.Opal, "signet")
	send := func(token, path, email, key string) apptest.Answer {
		var body any
		var headers []string
		if email != "" {
			body = map[string]any{"email": email}
		}
		if key != "" {
			headers = append(headers, "Idempotency-Key: "+key)
		}
		return a.Admin(t, token, http.MethodPost, path, body, headers...)
	}
	const acme = "/tenants/acme/invitations"
	held := func(what, wait, says string, out apptest.Answer) {
		t.Helper()
		if out.Status != http.StatusTooManyRequests || out.Header.Get("Retry-After") != wait || !strings.Contains(out.Raw, says) ||
			out.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d after %s: %s", what, out.Status, out.Header.Get("Retry-After"), out.Raw)
		}
	}
	first := send(ada, acme, "Hedy@Acme.example", "first")
	for _, email := range []string{"no address", "grace@acme.example"} { // nothing is sent
		for range 6 {
			if out := send(ada, acme, email, ""); out.Status == http.StatusTooManyRequests || out.Status < 400 {
				t.Fatalf("%s: %d", email, out.Status)
			}
		}
	}
	for n := range 9 {
		if out := send(ada, acme, "Hedy@Acme.example", "first"); out.Status != http.StatusCreated || out.Header.Get("Idempotent-Replayed") != "true" {
			t.Fatalf("replay %d: %d %s", n, out.Status, out.Raw)
		}
	}
	again := acme + "/" + first.Text("id") + "/resend"
	for n := range 4 {
		path, email := again, ""
		if n%2 == 0 {
			path, email = acme, "HEDY@acme.example"
		}
		if out := send(ada, path, email, ""); out.Status != http.StatusCreated && out.Status != http.StatusOK {
			t.Fatalf("letter %d: %d %s", n+2, out.Status, out.Raw)
		}
	}
	held("the sixth to one address", "600", "to this address", send(ada, acme, "hedy@acme.example", "sixth"))
	held("sent again", "600", "to this address", send(ada, again, "", ""))
	if out := send(ada, acme, "Hedy@Acme.example", "first"); out.Header.Get("Idempotent-Replayed") != "true" || out.Text("id") != first.Text("id") {
		t.Errorf("a replay costs something: %d %s", out.Status, out.Raw)
	}
	if out := send(opal, "/tenants/globex/invitations", "hedy@acme.example", ""); out.Status != http.StatusCreated {
		t.Errorf("of another tenant: %d %s", out.Status, out.Raw)
	}
	for _, email := range []string{"a@acme.example", "b@acme.example", "c@acme.example"} {
		if out := send(ada, acme, email, ""); out.Status != http.StatusCreated {
			t.Fatalf("%s: %d %s", email, out.Status, out.Raw)
		}
	}
	held("the ninth of one tenant", "3600", "in a day", send(ada, acme, "d@acme.example", ""))
	for range 6 { // five of acme, and one of globex
		a.Mail(t, "hedy@acme.example")
	}
	a.NoMail(t, "hedy@acme.example")
	clk.ahead.Add(int64(time.Hour))
	ada = a.AdminToken(t, apptest.Ada, "acme")
	if out := send(ada, acme, "hedy@acme.example", "sixth"); out.Status != http.StatusCreated {
		t.Errorf("after the pause: %d %s", out.Status, out.Raw)
	}
}
