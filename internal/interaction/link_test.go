package interaction_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/session"
)

// asked brings a browser to the page that asks whoever has bob's address at the provider to sign in
// to bob's account here.
func (f *federation) asked(t *testing.T, b *browser) page {
	t.Helper()
	f.provider.says(func(p *provider) { p.profile = as("Bob@ACME.example") })
	p := b.back("google", b.press(b.open(f.request(firstParty)), "google"))
	p.want(http.StatusOK, "You have an account already")
	return p
}

// signInLink is the link of the page that leads to signing in.
func signInLink(p page) string {
	for _, l := range links(p) {
		if strings.Contains(l, "link=") {
			return l
		}
	}
	p.t.Fatalf("the page leads nowhere to sign in:\n%s", p.body)
	return ""
}

func (f *federation) identities(t *testing.T, email string) []connector.LinkedIdentity {
	t.Helper()
	w, err := f.db.Identities(f.keeper).Ways(t.Context(), f.user(t, email).ID)
	check(t, err)
	return w.Identities
}

func TestAnIdentityIsLinkedByWhoeverProvesBoth(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	p := f.asked(t, b)
	p.want(http.StatusOK, "bob@acme.example")
	if b.cookie("signet") != "" || len(f.identities(t, "bob@acme.example")) != 0 || strings.Contains(p.body, "مرحبا") {
		t.Fatal("an address signs somebody in, links, or shows a name")
	}
	login := b.get(signInLink(p))
	login.want(http.StatusOK, `value="bob@acme.example"`)
	p = b.signIn(login, "bob@acme.example", goodPassword)
	p.want(http.StatusOK, "Link and continue")
	p.want(http.StatusOK, "Bob@ACME.example") // who they are there
	if len(f.identities(t, "bob@acme.example")) != 0 {
		t.Fatal("opening the page links")
	}
	form := p.form("/login/link")
	if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "https://app.example") {
		t.Errorf("the button does nothing in a browser: %s", csp)
	}
	b.post("/login/link", form).wantLocation(callback + "?code=x")
	if got := f.completed()[0].session; got.ACR != session.ACRPassword || got.User != f.user(t, "bob@acme.example").ID {
		t.Errorf("%+v", got)
	}
	got := f.identities(t, "bob@acme.example")
	if len(got) != 1 || got[0].Subject != "sub of Bob@ACME.example" {
		t.Fatalf("%+v", got)
	}
	if f.counts.of("google success") != 1 {
		t.Errorf("%v", f.counts.n)
	}
	// Once.
	b.post("/login/link", form).want(http.StatusGone, "This page no longer works")
	b.get("/login/link?token="+form.Get("token")).want(http.StatusGone, "This page no longer works")
	// From then on the provider is enough.
	other := f.browser(t)
	other.back("google", other.press(other.open(f.request(firstParty)), "google")).wantLocation(callback + "?code=x")
}

func TestALinkIsWorthNothingInAnotherBrowserOrLater(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	path := "/login/link?" + f.asked(t, b).url.RawQuery
	bob, _ := f.signedIn(t, "bob@acme.example")
	bob.get(path).want(http.StatusGone, "opened in another browser")
	bob.post("/login/link", url.Values{"token": {strings.TrimPrefix(path, "/login/link?token=")}}).want(http.StatusGone, "")
	bob.press(bob.get("/login?switch=1"), "google") // with a cookie of its own
	bob.get(path).want(http.StatusGone, "")
	for _, token := range []string{"", "x", strings.Repeat("A", 43)} {
		b.get("/login/link?token="+token).want(http.StatusGone, "")
	}
	f.pass(15*time.Minute + time.Second)
	b.get(path).want(http.StatusGone, "It took too long")
	if len(f.identities(t, "bob@acme.example")) != 0 {
		t.Error("it was linked")
	}
}

func TestNobodyElseLinksAndAnOldSignInIsNotEnough(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	ada, _ := f.signedIn(t, "ada@acme.example")
	f.provider.says(func(p *provider) { p.profile = as("bob@acme.example") })
	req := f.request(firstParty)
	f.pass(time.Second)
	req.Prompt, req.ArrivedAt = []string{"login"}, f.now()
	p := ada.back("google", ada.press(ada.open(req), "google"))
	p.want(http.StatusOK, "You are signed in as")
	token := url.Values{"token": {p.url.Query().Get("token")}}
	ada.post("/login/link", token).want(http.StatusOK, "Use another account")
	if len(f.identities(t, "bob@acme.example"))+len(f.identities(t, "ada@acme.example")) != 0 {
		t.Fatal("it was linked")
	}
	// Bob signs in instead, and the request goes on with him.
	p = ada.signIn(ada.get(signInLink(p)), "bob@acme.example", goodPassword)
	p.want(http.StatusOK, "Link and continue")
	f.pass(11 * time.Minute)
	p = ada.post("/login/link", p.form("/login/link"))
	p.want(http.StatusOK, "to show that the account is yours")
	if len(f.identities(t, "bob@acme.example")) != 0 {
		t.Fatal("a session that was left open was enough")
	}
	p = ada.signIn(ada.get(signInLink(p)), "bob@acme.example", goodPassword)
	ada.post("/login/link", p.form("/login/link")).wantLocation(callback + "?code=x")
}

func TestARequestForAFreshSignInIsMetBeforeTheLink(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b, _ := f.signedIn(t, "bob@acme.example")
	f.pass(time.Minute)
	req := f.request(firstParty)
	req.Prompt = []string{"login"}
	f.provider.says(func(p *provider) { p.profile = as("bob@acme.example") })
	p := b.back("google", b.press(b.open(req), "google"))
	p.want(http.StatusOK, "to show that the account is yours")
	p = b.signIn(b.get(signInLink(p)), "bob@acme.example", goodPassword)
	b.post("/login/link", p.form("/login/link")).wantLocation(callback + "?code=x")
}

func TestTheOwnerMayProveTheAccountThroughAnotherProvider(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	// Eve has no password; hidden knows her.
	b := f.browser(t)
	eve := f.user(t, "eve@acme.example").ID
	f.exec(t, `INSERT INTO identity (id, connector_id, issuer, subject, user_id) SELECT gen_random_uuid(), id, $1, 'eve', $2 FROM connector WHERE reference = 'closed'`, providerURL, eve.UUID())
	f.provider.says(func(p *provider) { p.profile = as("eve@acme.example") })
	p := b.back("google", b.press(b.open(f.request(firstParty)), "google"))
	login := b.get(signInLink(p))
	f.provider.says(func(p *provider) { p.profile = connector.Profile{Issuer: providerURL, Subject: "eve"} })
	p = b.back("closed", b.press(login, "closed"))
	p.want(http.StatusOK, "Link and continue")
	b.post("/login/link", p.form("/login/link")).wantLocation(callback + "?code=x")
	if n := len(f.identities(t, "eve@acme.example")); n != 2 {
		t.Errorf("%d identities", n)
	}
}

func TestTwoTabsCannotLinkOneIdentityTwice(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	p := f.asked(t, b)
	form := b.signIn(b.get(signInLink(p)), "bob@acme.example", goodPassword).form("/login/link")
	var wg sync.WaitGroup
	statuses := make([]int, 4)
	for n := range statuses {
		wg.Go(func() { statuses[n] = b.post("/login/link", form).status })
	}
	wg.Wait()
	won := 0
	for _, s := range statuses {
		switch s {
		case http.StatusSeeOther:
			won++
		case http.StatusGone:
		default:
			t.Errorf("status %d", s)
		}
	}
	if won != 1 || len(f.identities(t, "bob@acme.example")) != 1 {
		t.Errorf("%v", statuses)
	}
}

func TestAnIdentityOfSomebodyElseIsNotTakenFromThem(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	p := f.asked(t, b)
	form := b.signIn(b.get(signInLink(p)), "bob@acme.example", goodPassword).form("/login/link")
	f.exec(t, `INSERT INTO identity (id, connector_id, issuer, subject, user_id) SELECT gen_random_uuid(), id, $1, 'sub of Bob@ACME.example', $2 FROM connector WHERE reference = 'google'`,
		providerURL, f.user(t, "ada@acme.example").ID.UUID())
	p = b.post("/login/link", form)
	p.want(http.StatusConflict, "This is linked to another account")
	if strings.Contains(p.body, "ada@") {
		t.Error("the page says whose")
	}
	if e := f.trail.last(audit.UpstreamFailed); e.Detail["reason"] != "linked_elsewhere" {
		t.Errorf("%+v", e)
	}
}

// connecting presses the button of the account page.
func connecting(b *browser, reference string) page {
	return b.post("/account/identities/connect", url.Values{"connector": {reference}})
}

func TestSomebodySignedInAddsAWayToSignIn(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b, before := f.signedIn(t, "bob@acme.example")
	p := b.back("google", b.away(connecting(b, "google")))
	if p.url.Path != "/account" || p.url.Query().Get("linked") == "" {
		t.Fatalf("%d at %s:\n%s", p.status, p.url, p.body)
	}
	// The address is another one than the account's, which stays as it is.
	if got := f.identities(t, "bob@acme.example"); len(got) != 1 || got[0].Email != "nora@partner.example" {
		t.Errorf("%+v", got)
	}
	if after, err := b.session(); err != nil || after.ID != before.ID || after.ACR != session.ACRPassword {
		t.Errorf("%+v, %v", after, err)
	}
	other := f.browser(t)
	p = other.back("google", other.press(other.get("/login"), "google"))
	p.want(http.StatusOK, "bob@acme.example")
	// Somebody else cannot have it too.
	ada, _ := f.signedIn(t, "ada@acme.example")
	p = ada.back("google", ada.away(connecting(ada, "google")))
	p.want(http.StatusConflict, "This is linked to another account")
	p = ada.post("/account/identities/connect", p.formOf("/account/identities/connect"))
	if p.status != http.StatusSeeOther || !f.provider.lastStart().Fresh {
		t.Errorf("%d, asked %+v", p.status, f.provider.lastStart())
	}
}

func TestAddingAWayTakesASignInOfLateAndTheSamePerson(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b, _ := f.signedIn(t, "bob@acme.example")
	f.pass(11 * time.Minute)
	p := connecting(b, "google")
	if p.url.Path != "/login" || f.provider.attempts() != 0 {
		t.Fatalf("%d at %s", p.status, p.url)
	}
	b.signIn(p, "bob@acme.example", goodPassword)
	away := b.away(connecting(b, "google"))
	// Ada signs in in the same browser meanwhile.
	b.signIn(b.get("/login?switch=1"), "ada@acme.example", goodPassword).want(http.StatusOK, "ada@acme.example")
	p = b.back("google", away)
	p.want(http.StatusBadRequest, "You have been signed out meanwhile")
	if n := len(f.identities(t, "bob@acme.example")) + len(f.identities(t, "ada@acme.example")); n != 0 {
		t.Error("it was linked")
	}
	if p := b.back("google", away); p.url.Path != "/account" {
		t.Errorf("the back button ends at %s", p.url)
	}
	nobody := f.browser(t)
	if p := connecting(nobody, "google"); p.url.Path != "/login" {
		t.Errorf("%d at %s", p.status, p.url)
	}
}

func TestWhoeverCancelsAddingAWayIsBackAtTheirAccount(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b, _ := f.signedIn(t, "bob@acme.example")
	if p := b.back("google", b.away(connecting(b, "google")), "code=", "error=access_denied"); p.url.Path != "/account" {
		t.Errorf("%d at %s", p.status, p.url)
	}
	f.provider.says(func(p *provider) { p.exchange = connector.Fail(connector.BadToken, nil, inside) })
	p := b.back("google", b.away(connecting(b, "google")))
	p.want(http.StatusBadRequest, "Back to your account")
	f.provider.says(func(p *provider) { p.exchange = nil })
	form := p.formOf("/account/identities/connect")
	if p := b.back("google", b.away(b.post("/account/identities/connect", form))); p.url.Query().Get("linked") == "" {
		t.Errorf("%d at %s", p.status, p.url)
	}
}

func TestWhoeverIsAskedToSignInAgainProvesItAtTheProvider(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	b.back("google", b.press(b.get("/login"), "google"))
	long := f.now().Add(-time.Hour)
	f.provider.says(func(p *provider) { p.profile.AuthTime = long })
	f.pass(11 * time.Minute)
	p := connecting(b, "closed")
	away := b.press(p, "google")
	if start := f.provider.lastStart(); !start.Fresh {
		t.Errorf("%+v", start)
	}
	b.back("google", away).want(http.StatusOK, "")
	if !f.provider.lastReturn().Fresh {
		t.Error("nobody checks that they did")
	}
	b.away(connecting(b, "closed")) // of late now
}

func TestALogoutTokenEndsSessionsOrIsRefused(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	b.back("google", b.press(b.get("/login"), "google"))
	l := connector.Logout{Issuer: providerURL, SessionID: "upstream-session", TokenID: "jti", Expiry: time.Now().Add(time.Minute)}
	var refused error
	f.provider.logout = func(string) (connector.Logout, error) { return l, refused }
	post := func(reference string, form url.Values) page {
		r := f.browser(t).postRequest("/upstream/"+reference+"/logout", form)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Accept", "*/*")
		p := f.browser(t).do(r)
		if p.header.Get("Cache-Control") != "no-store" {
			t.Errorf("Cache-Control %q", p.header.Get("Cache-Control"))
		}
		return p
	}
	token := url.Values{"logout_token": {"x.y.z"}}
	refused = connector.Fail(connector.BadToken, nil, inside)
	p := post("google", token)
	p.want(http.StatusBadRequest, `"error":"invalid_request"`)
	if strings.Contains(p.body, inside) {
		t.Error("the answer says what is for the log")
	}
	refused = nil
	post("unheard-of", token).want(http.StatusBadRequest, `"error":"invalid_request"`)
	post("google", url.Values{"logout_token": {"a", "b"}}).want(http.StatusBadRequest, "")
	post("google", url.Values{"logout_token": {strings.Repeat("x", 20<<10)}}).want(http.StatusBadRequest, "")
	b.get("/account").want(http.StatusOK, "nora@partner.example")
	post("google", token).want(http.StatusOK, "")
	if _, err := b.session(); err == nil {
		t.Error("the session lives")
	}
	post("google", token).want(http.StatusBadRequest, "")
}

// Whoever finds a browser where somebody is signed in at the provider cannot have the session count as one
// of a moment ago by way of a request with a long max_age.
func TestALongMaxAgeMakesNoSignInOfLate(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	long := time.Now().Add(-3 * time.Hour)
	f.provider.says(func(p *provider) { p.profile.AuthTime = long })
	b := f.browser(t)
	b.back("google", b.press(b.open(f.asks(func(r *authorization.Request) { r.MaxAge = 1 << 30 })), "google")).wantLocation(callback + "?code=x")
	p := b.post("/account/identities/connect", url.Values{"connector": {"closed"}})
	if p.url.Path != "/login" || !p.url.Query().Has("again") {
		t.Errorf("%d at %s, to %s", p.status, p.url, p.location)
	}
}

// A page of the provider that was left open must not let the next one at the browser add a way in of theirs.
func TestAddingAWayDoesNotWaitForLong(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b, _ := f.signedIn(t, "bob@acme.example")
	leave := func() *url.URL {
		return b.away(b.post("/account/identities/connect", url.Values{"connector": {"google"}}))
	}
	late := leave()
	f.pass(15*time.Minute + time.Second)
	b.back("google", late).want(http.StatusBadRequest, "This sign-in has expired")
	if len(f.identities(t, "bob@acme.example")) != 0 {
		t.Error("it was linked")
	}
}
