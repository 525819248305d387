package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

const anotherWay = "opens only the organization that it belongs to"

// partnersAda is an application in which Ada, an administrator of acme and of the installation and a
// member of globex, has linked the provider that globex runs: from then on globex can have it say
// whatever it likes.
func partnersAda(t *testing.T, opts ...apptest.Option) federation {
	t.Helper()
	a := apptest.Start(t, opts...)
	p := apptest.NewProvider(t)
	c := p.Connector()
	c.Tenant, c.Joins = a.TenantID(t, "globex"), a.TenantID(t, "globex")
	f := federation{App: a, provider: p, connector: a.AddConnector(t, c, p.Secret)}
	exec(t, a, `INSERT INTO membership (tenant_id, user_id) SELECT t.id, u.id FROM tenant t, user_account u WHERE t.slug = 'signet' AND u.email = $1`, apptest.Ada)
	exec(t, a, `INSERT INTO membership_role (tenant_id, user_id, role) SELECT t.id, u.id, 'admin' FROM tenant t, user_account u WHERE t.slug = 'signet' AND u.email = $1`, apptest.Ada)
	p.SignedIn(person(map[string]any{"sub": "ada"}))
	ada := a.Browser(t)
	ada.SignIn(ada.Get(a.URL+"/login"), apptest.Ada, apptest.Password)
	eventually(t, "the connector is offered", func() bool {
		return strings.Contains(ada.Get(a.URL+"/account").Body, f.connector.Reference)
	})
	if q := ada.Follow(ada.Post(a.URL+"/account/identities/connect", url.Values{"connector": {f.connector.Reference}})); q.URL.Path != "/account" || identitiesOf(t, a, apptest.Ada) != 1 {
		t.Fatalf("linking: %d at %s", q.Status, q.URL)
	}
	return f
}

// asAda is what a browser of globex's administrator gets that comes through their provider.
func (f federation) asAda(t *testing.T, b *apptest.Browser) apptest.Answer {
	t.Helper()
	return f.tokens(t, b.Follow(b.Through(f.connector.Reference, "organization=globex", "scope=openid offline_access")))
}

func (f federation) tokens(t *testing.T, p apptest.Page) apptest.Answer {
	t.Helper()
	out := f.PostForm(t, "/token", apptest.RedeemForm("spa", p.Code(t)))
	if out.Status != http.StatusOK {
		t.Fatalf("token endpoint: %d %s", out.Status, out.Raw)
	}
	return out
}

func TestWhoRunsATenantsProviderGetsIntoThatTenantAlone(t *testing.T) {
	t.Parallel()
	f := partnersAda(t)
	mallory := f.Browser(t)
	tokens := f.asAda(t, mallory)
	if got := apptest.Claims(t, tokens.Text("access_token"))["tenant"]; got != "globex" {
		t.Fatalf("tokens of %v", got)
	}
	if out := f.tokens(t, mallory.Get(f.AuthorizeURL("spa", "organization"))); apptest.Claims(t, out.Text("access_token"))["tenant"] != "globex" {
		t.Errorf("without naming one: %s", out.Raw)
	}

	// Nobody is let in elsewhere, nor sent round in circles: the page says what to do.
	const redirect = "redirect_uri=http://127.0.0.1:9999/callback"
	for what, address := range map[string]string{
		"another tenant":                       f.AuthorizeURL("spa", "organization=acme"),
		"another tenant, through the provider": f.AuthorizeURL("spa", "organization=acme", "connector="+f.connector.Reference),
		"another tenant's own client":          f.AuthorizeURL("acme-spa", "organization"),
		"the administration":                   f.AuthorizeURL("signet-cli", redirect, "organization=signet", "resource=urn:signet:admin", "scope=openid"),
	} {
		p := mallory.Get(address)
		if p.Away != nil || p.Status != http.StatusOK || !strings.Contains(p.Body, anotherWay) || !p.HasForm("/login") {
			t.Errorf("%s: status %d, sent to %v\n%s", what, p.Status, p.Away, p.Body)
		}
		if p := mallory.Get(address + "&prompt=none"); p.Away == nil || p.Away.Query().Get("error") != "login_required" {
			t.Errorf("%s, prompt=none: status %d, sent to %v", what, p.Status, p.Away)
		}
	}
	// Coming through the provider for it leads to the same page.
	again := f.Browser(t)
	p := again.Get(f.AuthorizeURL("spa", "organization=acme", "connector="+f.connector.Reference))
	for range 2 {
		if p = again.Follow(p); p.Away != nil || !strings.Contains(p.Body, anotherWay) {
			t.Fatalf("through the provider: status %d, sent to %v\n%s", p.Status, p.Away, p.Body)
		}
		press := p.Form(t, "/upstream/"+f.connector.Reference)
		p = again.Post(press.Action, press.Fields)
	}

	for _, organization := range []string{"acme", "signet"} {
		if out := refresh(t, f.App, tokens.Text("refresh_token"), "organization", organization); out.Error() != "interaction_required" {
			t.Errorf("a switch to %s: %d %s", organization, out.Status, out.Raw)
		}
	}
	if out := refresh(t, f.App, tokens.Text("refresh_token")); out.Status != http.StatusOK {
		t.Errorf("a refresh: %d %s", out.Status, out.Raw)
	}

	// Ada herself signs in another way in the same browser. What was given before is no better for it.
	before := f.tokens(t, again.Get(f.AuthorizeURL("spa", "organization=globex")))
	in := again.SignIn(again.Get(f.AuthorizeURL("spa", "organization=acme")), apptest.Ada, apptest.Password)
	if out := f.tokens(t, in); apptest.Claims(t, out.Text("access_token"))["tenant"] != "acme" {
		t.Errorf("by password: %s", out.Raw)
	}
	if out := refresh(t, f.App, before.Text("refresh_token"), "organization", "acme"); out.Error() != "interaction_required" {
		t.Errorf("a switch after that: %d %s", out.Status, out.Raw)
	}
}

func TestWhoRunsATenantsProviderCannotTouchTheAccount(t *testing.T) {
	t.Parallel()
	f := partnersAda(t, apptest.WithMailbox(apptest.NewMailbox(t)), apptest.With("SIGNET_GITHUB_CLIENT_ID", "x"), apptest.With("SIGNET_GITHUB_CLIENT_SECRET", "x"))
	f.Mail(t, apptest.Ada) // that the provider was added
	exec(t, f.App, `UPDATE user_account SET email_verified = false WHERE email = $1`, apptest.Ada)
	opal := f.AdminToken(t, apptest.Opal, "signet")
	if out := f.Admin(t, opal, http.MethodPost, "/tenants", map[string]any{"slug": "initech", "name": "Initech"}); out.Status != http.StatusCreated {
		t.Fatalf("tenant: %d %s", out.Status, out.Raw)
	}
	if out := f.Admin(t, opal, http.MethodPost, "/tenants/initech/invitations", map[string]any{"email": apptest.Ada}); out.Status != http.StatusCreated {
		t.Fatalf("invitation: %d %s", out.Status, out.Raw)
	}
	invitation := f.Mail(t, apptest.Ada).Link()
	ada := f.Browser(t)
	account := ada.SignIn(ada.Get(f.URL+"/login"), apptest.Ada, apptest.Password)
	verify := account.Form(t, "/account/verification")
	ada.Post(verify.Action, verify.Fields)
	verification := f.Mail(t, apptest.Ada).Link()

	mallory := f.Browser(t)
	_ = f.asAda(t, mallory)
	was := f.account(t)
	account = mallory.Get(f.URL + "/account")
	for _, unseen := range []string{"Acme", "/account/profile", "/account/password", "/account/identities", "/account/verification"} {
		if strings.Contains(account.Body, unseen) {
			t.Errorf("the account page shows %s:\n%s", unseen, account.Body)
		}
	}
	if !strings.Contains(account.Body, "Globex") || !strings.Contains(account.Body, "/login?again=1") {
		t.Errorf("the account page:\n%s", account.Body)
	}
	var identity string
	row(t, f.App, `SELECT id::text FROM identity`, &identity)
	secretOf := func(link string) string { return link[strings.Index(link, "token=")+len("token="):] }
	for what, do := range map[string]func() apptest.Page{
		"the profile page":   func() apptest.Page { return mallory.Get(f.URL + "/account/profile") },
		"the password page":  func() apptest.Page { return mallory.Get(f.URL + "/account/password") },
		"the page to unlink": func() apptest.Page { return mallory.Get(f.URL + "/account/identities/remove?identity=" + identity) },
		"another name":       func() apptest.Page { return mallory.Post(f.URL+"/account/profile", url.Values{"name": {"Mallory"}}) },
		"a link to verify":   func() apptest.Page { return mallory.Post(f.URL+"/account/verification", url.Values{}) },
		"another way in": func() apptest.Page {
			return mallory.Post(f.URL+"/account/identities/connect", url.Values{"connector": {"github"}})
		},
		"one way in less": func() apptest.Page {
			return mallory.Post(f.URL+"/account/identities/remove", url.Values{"identity": {identity}})
		},
		"another password": func() apptest.Page {
			return mallory.Post(f.URL+"/account/password", url.Values{"current_password": {apptest.Password}, "new_password": {nextPassword}})
		},
		"a verified address": func() apptest.Page {
			return mallory.Post(f.URL+"/email/verify", url.Values{"token": {secretOf(verification)}})
		},
		"another membership": func() apptest.Page {
			return mallory.Post(f.URL+"/invitation", url.Values{"token": {secretOf(invitation)}, "decision": {"join"}})
		},
	} {
		p := do()
		if p.Away != nil || p.Status != http.StatusOK || !strings.Contains(p.Body, anotherWay) {
			t.Errorf("%s: status %d, sent to %v, at %s\n%s", what, p.Status, p.Away, p.URL, p.Body)
		}
	}
	if is := f.account(t); is != was {
		t.Errorf("the account changed from %s to %s", was, is)
	}

	// The domain of her verified address is the tenant's: then its provider speaks for her.
	exec(t, f.App, `UPDATE user_account SET email_verified = true WHERE email = $1`, apptest.Ada)
	owns(t, f.App, "globex", "acme.example")
	if p := mallory.Get(f.URL + "/account"); !strings.Contains(p.Body, "Acme") || !strings.Contains(p.Body, "/account/profile") {
		t.Errorf("the account page:\n%s", p.Body)
	}
	if out := f.tokens(t, mallory.Get(f.AuthorizeURL("spa", "organization=acme"))); apptest.Claims(t, out.Text("access_token"))["tenant"] != "acme" {
		t.Errorf("acme: %s", out.Raw)
	}
	if out := refresh(t, f.App, f.asAda(t, f.Browser(t)).Text("refresh_token"), "organization", "acme"); out.Status != http.StatusOK {
		t.Errorf("a switch: %d %s", out.Status, out.Raw)
	}
}

// account is what is stored of Ada.
func (f federation) account(t *testing.T) (s string) {
	t.Helper()
	row(t, f.App, `SELECT concat_ws(' ', u.name, u.email_verified, u.version, (SELECT p.encoded FROM password_credential p WHERE p.user_id = u.id),
		(SELECT count(*) FROM identity i WHERE i.user_id = u.id), (SELECT count(*) FROM membership m WHERE m.user_id = u.id),
		(SELECT count(*) FROM upstream_attempt a WHERE a.user_id = u.id), (SELECT count(*) FROM mail_link l WHERE l.user_id = u.id))
		FROM user_account u WHERE u.email = '`+apptest.Ada+`'`, &s)
	return s
}
