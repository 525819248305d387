package interaction_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/connector"
)

// claim has a tenant own a domain, with a connector of its own called okta that takes people in. Those
// of the installation lead to no tenant from then on.
func (f *federation) claim(t *testing.T, tenant, domain string) connector.Connector {
	t.Helper()
	c := f.connector(t, tenant, "okta", "Okta of "+tenant)
	f.exec(t, `UPDATE connector SET provision = true WHERE reference = $1`, c.Reference)
	f.exec(t, `UPDATE connector SET joins_tenant_id = NULL`)
	f.exec(t, `INSERT INTO tenant_domain (tenant_id, domain, challenge, verified_at)
		VALUES ((SELECT id FROM tenant WHERE slug = $1), $2, 'x', now())`, tenant, domain)
	return c
}

func (f *federation) close(t *testing.T, tenant string) {
	t.Helper()
	f.exec(t, `UPDATE tenant SET only_connectors = true WHERE slug = $1`, tenant)
}

// asks is a request with one change.
func (f *federation) asks(change func(*authorization.Request)) authorization.Request {
	r := f.request(firstParty)
	change(&r)
	return r
}

// identify types an address where it is asked for first.
func (b *browser) identify(p page, email string) page {
	b.t.Helper()
	form := p.formOf("/login/address")
	form.Set("email", email)
	return b.post("/login/address", form)
}

func TestARequestThatNamesAConnectorLeadsThereOnce(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	named := f.asks(func(r *authorization.Request) { r.Connector = "google" })
	away := b.away(b.open(named))
	// Whoever comes back by their own will is not sent away again, nor is anybody who reloads.
	p := b.back("google", away, "code", "error=access_denied")
	p.want(http.StatusOK, "did not finish")
	b.get(p.url.RequestURI()).want(http.StatusOK, `name="password"`)
	b.back("google", b.press(p, "google")).wantLocation(callback + "?code=x")
	// Signed in already: there is nothing to do at the provider.
	before := f.provider.attempts()
	b.open(named).wantLocation(callback + "?code=x")
	if f.provider.attempts() != before {
		t.Error("somebody who is signed in was sent to a provider")
	}
}

func TestNobodyIsSentAwayWhoShallBeAsked(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	google := func(change func(*authorization.Request)) authorization.Request {
		return f.asks(func(r *authorization.Request) { r.Connector = "google"; change(r) })
	}
	for name, req := range map[string]authorization.Request{
		"a connector that nobody knows":  f.asks(func(r *authorization.Request) { r.Connector = "acme.okta" }),
		"one that is disabled":           f.asks(func(r *authorization.Request) { r.Connector = "off" }),
		"another account was asked for":  google(func(r *authorization.Request) { r.Prompt = []string{"select_account"} }),
		"a hint at an address of no one": f.asks(func(r *authorization.Request) { r.LoginHint = "ada@partner.example" }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := f.browser(t).open(req)
			p.want(http.StatusOK, `name="password"`)
			if p.status != http.StatusOK || strings.Contains(p.body, "off") && strings.Contains(p.body, "/upstream/off") {
				t.Error("the page tells of the connector")
			}
		})
	}
	f.browser(t).open(google(func(r *authorization.Request) { r.Prompt = []string{"none"} })).wantLocation(callback + "?error=login_required")
	// "Not you?" on the page for non-members: the provider would answer for the same person again.
	b := f.browser(t)
	p := b.signIn(b.open(f.request(firstParty)), "carl@nowhere.example", goodPassword)
	form := p.form("/login/membership")
	form.Set("decision", "switch")
	b.post("/login/membership", form).want(http.StatusOK, "Sign in with the account you want to use")
}

func TestAHintAtAnAddressLeadsToTheProviderOfItsDomain(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.claim(t, "globex", "partner.example")
	hinted := func(email string) authorization.Request {
		return f.asks(func(r *authorization.Request) { r.LoginHint = email })
	}
	f.browser(t).away(f.browser(t).open(hinted("Nobody@Partner.Example")))
	if start := f.provider.lastStart(); start.LoginHint != "Nobody@Partner.Example" || !strings.Contains(start.RedirectURI, "/upstream/globex.okta/") {
		t.Errorf("%+v", start)
	}
	p := f.browser(t).open(hinted("bob@acme.example"))
	p.want(http.StatusOK, `value="bob@acme.example" readonly`)
	p.want(http.StatusOK, `name="password"`)
	// With two there is something to choose, and a password is still taken.
	f.exec(t, `INSERT INTO connector (id, reference, slug, tenant_id, kind, name, issuer, client_id)
		SELECT gen_random_uuid(), 'globex.second', 'second', tenant_id, kind, 'Second', issuer, client_id FROM connector WHERE reference = 'globex.okta'`)
	p = f.browser(t).open(hinted("nobody@partner.example"))
	p.want(http.StatusOK, "Second")
	p.want(http.StatusOK, "Use a password instead")
	// A domain has one of its own: no choice any more.
	f.exec(t, `UPDATE tenant_domain SET connector_id = (SELECT id FROM connector WHERE reference = 'globex.second')`)
	f.browser(t).away(f.browser(t).open(hinted("nobody@partner.example")))
}

func TestTheAddressComesFirstOnceADomainLeadsSomewhere(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	if p := b.get("/login"); strings.Contains(p.body, "/login/address") || !strings.Contains(p.body, `name="password"`) {
		t.Fatal("without domains there is one form")
	}
	f.claim(t, "globex", "partner.example")
	for _, p := range []page{b.get("/login"), b.open(f.request(firstParty))} {
		if strings.Contains(p.body, `name="password"`) || !strings.Contains(p.body, "/upstream/google") {
			t.Errorf("the first page asks for more than the address:\n%s", p.body)
		}
		if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "https: http:") {
			t.Errorf("the button would do nothing in a browser: %s", csp)
		}
		b.away(b.identify(p, "nobody@partner.example"))
		b.identify(p, " ").want(http.StatusBadRequest, "Enter your e-mail address")
	}
	p := b.identify(b.open(f.request(firstParty)), "bob@acme.example")
	p.want(http.StatusOK, `autocomplete="username"`)
	p = b.signIn(p, "bob@acme.example", "wrong")
	p.want(http.StatusBadRequest, `value="bob@acme.example" readonly`)
	b.signIn(p, "bob@acme.example", goodPassword).wantLocation(callback + "?code=x")
	// Those who prefer their password, and whose tenant takes it, are let in by it.
	b = f.browser(t)
	p = b.get(regexp.MustCompile(`/login\?[^"]*local=1`).FindString(strings.ReplaceAll(b.open(f.request(firstParty)).body, "&amp;", "&")))
	b.signIn(p, "bob@acme.example", goodPassword).wantLocation(callback + "?code=x")
}

// Which address has an account is nobody's business: the domain alone decides.
func TestTheStepAfterTheAddressIsTheSameForEverybody(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.claim(t, "globex", "partner.example")
	sealed := regexp.MustCompile(`flow(" value=")?=?[A-Za-z0-9_.-]+`)
	answer := func(email string) string {
		b := f.browser(t)
		p := b.identify(b.open(f.request(firstParty)), email)
		return sealed.ReplaceAllString(strings.ReplaceAll(p.body, email, "EMAIL"), "")
	}
	want := answer("bob@acme.example")
	for _, email := range []string{"nobody@acme.example", "dora@acme.example", "eve@acme.example", "nobody@unclaimed.example"} {
		if got := answer(email); got != want {
			t.Errorf("%s is told apart:\n%s", email, got)
		}
	}
}

func TestAPasswordOfAClosedDomainIsNotEvenTested(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.claim(t, "globex", "acme.example") // of ada, bob and the others
	f.close(t, "globex")
	sealed := regexp.MustCompile(`flow(" value=")?=?[A-Za-z0-9_.-]+`)
	bodies := map[string]bool{}
	for email, pass := range map[string]string{"bob@acme.example": goodPassword, "Bob@ACME.example": "wrong", "nobody@acme.example": "x", "dora@acme.example": goodPassword} {
		b := f.browser(t)
		p := b.open(f.request(firstParty))
		form := p.form("/login/address")
		form.Set("email", email)
		form.Set("password", pass)
		p = b.post("/login", form)
		p.want(http.StatusForbidden, "instead of a password")
		p.formOf("/upstream/globex.okta")
		if b.cookie("signet") != "" {
			t.Error("a session began")
		}
		bodies[sealed.ReplaceAllString(p.body, "")] = true
	}
	if len(bodies) != 1 {
		t.Errorf("%d different answers", len(bodies))
	}
	if n := f.rows(t, "sign_in_throttle"); n != 0 || f.trail.count(audit.SignInFailed) != 0 || f.counts.of("refused") != 4 {
		t.Errorf("%d counters of attempts, %d on record, %d refused", n, f.trail.count(audit.SignInFailed), f.counts.of("refused"))
	}
}

func TestARightPasswordOpensNothingForMembersOfClosedTenantsAlone(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.claim(t, "acme", "unused.example")
	f.close(t, "acme")
	b := f.browser(t)
	p := b.identify(b.open(f.request(firstParty)), "bob@acme.example")
	b.signIn(p, "bob@acme.example", "wrong").want(http.StatusBadRequest, "match")
	refused := b.signIn(p, "bob@acme.example", goodPassword)
	refused.want(http.StatusForbidden, `Okta of acme`)
	if b.cookie("signet") != "" || f.trail.last(audit.SignInFailed).Detail["reason"] != "connector_required" {
		t.Errorf("%+v", f.trail.last(audit.SignInFailed))
	}
	b.away(b.post("/upstream/acme.okta", refused.formOf("/upstream/acme.okta")))
	// Ada belongs to another tenant too, and Carl to none.
	for _, email := range []string{"ada@acme.example", "carl@nowhere.example"} {
		b := f.browser(t)
		if p := b.signIn(b.get("/login?local=1"), email, goodPassword); p.url.Path != "/account" {
			t.Errorf("%s: %d at %s", email, p.status, p.url)
		}
	}
}

func TestATenantOfOnlyItsConnectorsIsEnteredThroughThem(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	c := f.claim(t, "acme", "unused.example")
	f.link(t, "ada@acme.example", c, "ada")
	f.close(t, "acme")
	f.provider.says(func(p *provider) {
		p.profile = connector.Profile{Issuer: c.Issuer, Subject: "ada@" + c.Reference, Login: "ada"}
	})
	pick := func(b *browser, p page, tenant string) page {
		form := p.form("/login/tenant")
		form.Set("tenant", f.tenant(t, tenant).ID.String())
		return b.post("/login/tenant", form)
	}
	b := f.browser(t)
	b.signIn(b.get("/login?local=1"), "ada@acme.example", goodPassword)
	p := b.open(f.request(firstParty))
	p.want(http.StatusOK, "Globex")
	away := b.away(pick(b, p, "acme"))
	b.back("acme.okta", away).wantLocation(callback + "?code=x")
	if done := f.completed(); len(done) != 1 || done[0].tenant.Slug != "acme" || done[0].session.Through.Connector != c.ID {
		t.Fatalf("%+v", done)
	}
	// The connector, whose tenant does not own her address, opens that tenant alone; the other one takes
	// any sign-in of hers, and a password.
	b.open(f.request(firstParty)).wantLocation(callback + "?code=x")
	globex := f.asks(func(r *authorization.Request) { r.Organization = "globex" })
	p = b.open(globex)
	p.want(http.StatusOK, "Sign in another way")
	b.signIn(b.identify(p, "ada@acme.example"), "ada@acme.example", goodPassword).wantLocation(callback + "?code=x")
	if done := f.completed(); len(done) != 3 || done[1].tenant.Slug != "acme" || done[2].tenant.Slug != "globex" {
		t.Errorf("%+v", done)
	}

	// Who changes their mind at the provider can choose again, and is not sent back there.
	b = f.browser(t)
	b.signIn(b.get("/login?local=1"), "ada@acme.example", goodPassword)
	p = b.back("acme.okta", b.away(pick(b, b.open(f.request(firstParty)), "acme")), "code", "error=access_denied")
	p.want(http.StatusOK, "Choose another organization")
	if strings.Contains(p.body, `name="password"`) {
		t.Error("a password is asked for that would not do")
	}
	again := regexp.MustCompile(`href="([^"]*)">Choose another organization`).FindStringSubmatch(p.body)[1]
	pick(b, b.get(strings.ReplaceAll(again, "&amp;", "&")), "globex").wantLocation(callback + "?code=x")

	b.open(f.asks(func(r *authorization.Request) { r.Organization, r.Prompt = "acme", []string{"none"} })).wantLocation(callback + "?error=login_required")
}

func TestAClosedTenantThatIsAskedForLeadsToItsConnector(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.claim(t, "acme", "unused.example")
	organization := f.asks(func(r *authorization.Request) { r.Organization, r.Connector = "acme", "google" })
	f.browser(t).away(f.browser(t).open(organization))
	if !strings.Contains(f.provider.lastStart().RedirectURI, "/upstream/google/") {
		t.Error("an open tenant is entered through whatever is asked for")
	}
	f.close(t, "acme")
	for name, req := range map[string]authorization.Request{"by name": organization, "by its own client": f.request(acmeOnly)} {
		f.browser(t).away(f.browser(t).open(req))
		if got := f.provider.lastStart().RedirectURI; !strings.Contains(got, "/upstream/acme.okta/") {
			t.Errorf("%s: sent to %s", name, got)
		}
	}
	// No way in at all is said in words.
	f.exec(t, `UPDATE connector SET disabled_at = now() WHERE reference = 'acme.okta'`)
	f.browser(t).open(organization).want(http.StatusOK, "switched off at the moment")
}

// A provider that keeps signing in somebody else than the application wants must not have the
// browser run to and fro.
func TestSigningInThroughTheWrongConnectorEndsAtAPage(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.claim(t, "acme", "unused.example")
	f.close(t, "acme")
	google, err := f.db.Providers().FindConnector(context.Background(), "google")
	check(t, err)
	f.link(t, "bob@acme.example", google, "bob")
	f.provider.says(func(p *provider) {
		p.profile = connector.Profile{Issuer: google.Issuer, Subject: "bob@google", Login: "bob"}
	})
	b := f.browser(t)
	p := b.back("google", b.away(b.open(f.asks(func(r *authorization.Request) { r.Connector = "google" }))))
	p.want(http.StatusOK, "instead of a password")
	p.formOf("/upstream/acme.okta")
	hinted := f.asks(func(r *authorization.Request) {
		r.Organization, r.Connector, r.HintedUser = "globex", "google", f.user(t, "ada@acme.example").ID
	})
	b.back("google", b.away(b.open(hinted))).want(http.StatusOK, `name="email"`)
}

// Whoever has an account and comes through the tenant's provider for the first time shows with the
// password whose it is; without that proof it is refused like any other.
func TestThePasswordOfAClosedDomainIsTakenToLinkItsOwnProvider(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.claim(t, "acme", "acme.example")
	f.close(t, "acme")
	f.provider.says(func(p *provider) { p.profile = as("bob@acme.example") })
	b := f.browser(t)
	p := b.back("acme.okta", b.away(b.open(f.asks(func(r *authorization.Request) { r.LoginHint = "bob@acme.example" }))))
	p.want(http.StatusOK, "bob@acme.example")
	link := regexp.MustCompile(`/login\?link=[A-Za-z0-9_-]+`).FindString(p.body)
	p = b.get(link)
	p.want(http.StatusOK, `name="password"`)
	other := f.browser(t) // the proof is of this browser alone
	form := url.Values{"link": {strings.TrimPrefix(link, "/login?link=")}, "email": {"bob@acme.example"}, "password": {goodPassword}}
	other.post("/login", form).want(http.StatusForbidden, "instead of a password")
	form.Set("email", "ada@acme.example") // and about this account
	b.post("/login", form).want(http.StatusForbidden, "instead of a password")
	p = b.signIn(p, "bob@acme.example", goodPassword)
	p = b.post("/login/link", p.formOf("/login/link"))
	b.away(p) // Bob is linked now, and enters his tenant through the provider
	b.back("acme.okta", b.away(p)).wantLocation(callback + "?code=x")
	if done := f.completed(); len(done) != 1 || done[0].tenant.Slug != "acme" {
		t.Errorf("%+v", done)
	}
}

// The page after a failure leads to the other ways to sign in, also for whoever a request has sent to the
// provider unasked: not back there.
func TestTheOtherWaysAreReachedWhateverTheRequestNames(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.claim(t, "globex", "partner.example")
	named := f.asks(func(r *authorization.Request) { r.Connector = "google" })
	hinted := f.asks(func(r *authorization.Request) { r.LoginHint = "ada@partner.example" })
	down := connector.Fail(connector.Unreachable, nil, inside)
	for _, req := range []authorization.Request{named, hinted} {
		f.provider.says(func(p *provider) { p.start = down })
		b := f.browser(t)
		p := b.open(req)
		p.want(http.StatusServiceUnavailable, "does not answer")
		b.get(links(p)[0]).want(http.StatusOK, "to continue to")
		f.provider.says(func(p *provider) { p.start = nil })
	}
	b := f.browser(t)
	f.provider.says(func(p *provider) { p.profile = as("bob@acme.example") })
	p := b.back("google", b.away(b.open(named)))
	p.want(http.StatusOK, "You have an account already")
	ways := links(p)
	b.get(ways[len(ways)-1]).want(http.StatusOK, "to continue to")
}

// Whoever looks after one tenant chooses the names of its connectors and where they lead, and can write an
// address of the sign-in page for anybody to follow.
func TestAWordInAnAddressPutsNoTenantsConnectorOnThePageOfOthers(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.connector(t, "globex", "okta", "Call 555 0100")
	for _, word := range []string{"", "&cancelled=1"} {
		p := f.browser(t).get("/login?via=globex.okta" + word)
		p.want(http.StatusOK, `name="password"`)
		if strings.Contains(p.body, "Call 555 0100") || strings.Contains(p.body, "globex") {
			t.Errorf("%q: the page speaks for the tenant:\n%s", word, p.body)
		}
	}
	// Who has come back from there of their own will learns that nobody is signed in.
	b := f.browser(t)
	p := b.back("globex.okta", b.away(b.post("/upstream/globex.okta", url.Values{})), "code", "error=access_denied")
	p.want(http.StatusOK, "That sign-in did not complete")
	named := f.asks(func(r *authorization.Request) { r.Connector = "globex.okta" })
	p = b.back("globex.okta", b.away(b.open(named)), "code", "error=access_denied")
	p.want(http.StatusOK, "Call 555 0100")
	b.press(p, "globex.okta")
}

// However an address is typed, what decides about its domain and what finds its account are one.
func TestNoSpellingOfAnAddressGetsAroundItsDomain(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.claim(t, "other", "acme.example") // to which nobody of them belongs
	f.close(t, "other")
	f.exec(t, `UPDATE user_account SET email = 'kate@acme.example', email_normalized = 'kate@acme.example' WHERE email = 'ada@acme.example'`)
	for _, email := range []string{
		"bob@acme.example", "BOB@ACME.EXAMPLE", "bob\x7f@acme.example", "bob@acme.\u0085example", "bob@acme\u3002example", "\uff42ob@acme.example",
		"bob@acme.example.", "bob@\u00adacme.example", "b\u200dob@acme.example", "bob@acme.example\u200b", "bob@acme.example\x01", "\u212aate@acme.example",
	} {
		b := f.browser(t)
		form := url.Values{"email": {email}, "password": {goodPassword}}
		if p := b.post("/login", form); b.cookie("signet") != "" {
			t.Errorf("%q: a session began, at %s", email, p.url)
		}
	}
}

// Somebody all of whose tenants take no passwords, and whose address is of no verified domain, has an
// account from before: its password still shows whose it is to whoever comes through a connector of theirs.
func TestThePasswordOfAMemberOfClosedTenantsAloneIsTakenToLink(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.close(t, "acme") // which google leads into
	b := f.browser(t)
	p := f.asked(t, b)
	b.signIn(b.get("/login"), "bob@acme.example", goodPassword).want(http.StatusForbidden, "")
	p = b.signIn(b.get(signInLink(p)), "bob@acme.example", goodPassword)
	p = b.post("/login/link", p.form("/login/link"))
	b.back("google", b.press(p, "google")).wantLocation(callback + "?code=x") // the session was of the password
	// Not to link what leads nowhere else.
	f.exec(t, `UPDATE connector SET joins_tenant_id = NULL`)
	f.exec(t, `DELETE FROM identity`)
	other := f.browser(t)
	f.provider.says(func(p *provider) { p.profile = as("bob@acme.example") })
	p = other.back("google", other.away(other.post("/upstream/google", url.Values{})))
	other.signIn(other.get(signInLink(p)), "bob@acme.example", goodPassword).want(http.StatusForbidden, "")
}
