package interaction_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/errdefs"
)

func TestAPersonSignsInPicksATenantAllowsAndTheClientIsAnswered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser(t)
	p := b.open(s.request(thirdParty))
	p.want(http.StatusOK, "Third <b>party</b>")
	if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://app.example https:;") {
		t.Errorf("the form may not lead to the client: %s", csp)
	}
	p = b.signIn(p, " Ada@ACME.example ", goodPassword)
	form := p.form("/login/tenant")
	form.Set("tenant", s.tenant(t, "globex").ID.String())
	p = b.post("/login/tenant", form)
	p.want(http.StatusOK, "Globex")
	form = p.form("/consent")
	form.Set("decision", "allow")
	b.post("/consent", form).wantLocation(callback + "?code=x")

	if len(s.issuer.completed) != 1 {
		t.Fatalf("completed %d times", len(s.issuer.completed))
	}
	got := s.issuer.completed[0]
	if got.tenant.Slug != "globex" || got.session.User != s.user(t, "ada@acme.example").ID || got.req.State != "xyz" {
		t.Errorf("completed %+v", got)
	}
	if s.trail.count(audit.SignedIn) != 1 || s.counts.n["success"] != 1 {
		t.Errorf("audit %d, metric %v", s.trail.count(audit.SignedIn), s.counts.n)
	}

	// The second time, nothing is asked but the tenant.
	p = b.open(s.request(thirdParty))
	form = p.form("/login/tenant")
	form.Set("tenant", s.tenant(t, "globex").ID.String())
	b.post("/login/tenant", form).wantLocation(callback + "?code=x")
}

func TestASignedInPersonIsAnsweredForAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "bob@acme.example")
	b.open(s.request(firstParty)).wantLocation(callback + "?code=x")
	if got := s.issuer.completed[0].tenant.Slug; got != "acme" {
		t.Errorf("tenant %q", got)
	}
}

func TestAPostedRequestIsAnsweredOnceTheCookieCanArrive(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "bob@acme.example")
	jar := b.http.Jar
	b.http.Jar = nil // a cross-site post brings no SameSite=Lax cookie
	b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r := b.postRequest("/authorize", encode(t, s.request(firstParty)))
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	p := b.do(r)
	if p.status != http.StatusSeeOther || !strings.HasPrefix(p.location, "/login?flow=") || len(s.issuer.completed) != 0 {
		t.Fatalf("got %d to %q", p.status, p.location)
	}
	b.http.Jar = jar
	b.get(p.location).wantLocation(callback + "?code=x")
}

func TestPromptNoneNeverShowsAPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	silent := s.request(thirdParty)
	silent.Prompt = []string{authorization.PromptNone}
	s.browser(t).open(silent).wantLocation(callback + "?error=login_required")
	ada, _ := s.signedIn(t, "ada@acme.example")
	ada.open(silent).wantLocation(callback + "?error=interaction_required")
	bob, _ := s.signedIn(t, "bob@acme.example")
	bob.open(silent).wantLocation(callback + "?error=consent_required")
}

func TestPromptLoginAsksAgainAndKeepsTheSession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, before := s.signedIn(t, "bob@acme.example")
	old := b.cookie("signet")
	req := s.request(firstParty)
	req.Prompt = []string{authorization.PromptLogin}
	p := b.open(req)
	p.want(http.StatusOK, "")
	b.signIn(p, "bob@acme.example", goodPassword).wantLocation(callback + "?code=x")
	after, err := b.session()
	check(t, err)
	if after.ID != before.ID || !after.AuthenticatedAt.After(before.AuthenticatedAt) || b.cookie("signet") == old {
		t.Errorf("before %v, after %v, same token %v", before, after, b.cookie("signet") == old)
	}
	b.setCookie("signet", old)
	if _, err := b.session(); err == nil {
		t.Error("the old token still works")
	}
}

func TestAnotherAccountReplacesTheSessionOnlyOnceItHasSignedIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, before := s.signedIn(t, "bob@acme.example")
	stolen := b.cookie("signet")
	req := s.request(firstParty)
	req.Prompt = []string{authorization.PromptSelectAccount}
	form := b.open(req).form("/login/account")
	form.Set("account", "other")
	p := b.post("/login/account", form)
	p.form("/login")
	if got, err := b.session(); err != nil || got.ID != before.ID {
		t.Fatal("bob was signed out before anybody else had signed in")
	}
	form = b.signIn(p, "ada@acme.example", goodPassword).form("/login/tenant")
	form.Set("tenant", s.tenant(t, "acme").ID.String())
	b.post("/login/tenant", form).wantLocation(callback + "?code=x")
	if got := s.issuer.completed[0].session; got.User != s.user(t, "ada@acme.example").ID || got.ID == before.ID {
		t.Errorf("answered for %v", got)
	}
	b.setCookie("signet", stolen)
	if _, err := b.session(); err == nil {
		t.Error("bob's session still lives")
	}
	if s.trail.count(audit.SignedOut) != 1 {
		t.Error("the end of bob's session is not on record")
	}
}

func TestTheAccountCanBeKept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, found := s.signedIn(t, "bob@acme.example")
	req := s.request(firstParty)
	req.Prompt = []string{authorization.PromptSelectAccount}
	form := b.open(req).form("/login/account")
	form.Set("account", found.User.String())
	b.post("/login/account", form).wantLocation(callback + "?code=x")
}

func TestATenantThatThePersonDoesNotBelongToCannotBePicked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "ada@acme.example")
	form := b.open(s.request(firstParty)).form("/login/tenant")
	for value, status := range map[string]int{
		s.tenant(t, "other").ID.String():          http.StatusForbidden,
		"ten_01h455vb4pex5vsknk084sn02q":          http.StatusForbidden,
		s.user(t, "ada@acme.example").ID.String(): http.StatusBadRequest,
		"":     http.StatusBadRequest,
		"acme": http.StatusBadRequest,
	} {
		form.Set("tenant", value)
		b.post("/login/tenant", form).want(status, "")
	}
	if len(s.issuer.completed) != 0 {
		t.Error("a forged choice was answered for")
	}
	// A tenant's own client never offers another tenant.
	b.open(s.request(acmeOnly)).wantLocation(callback + "?code=x")
	if got := s.issuer.completed[0].tenant.Slug; got != "acme" {
		t.Errorf("tenant %q", got)
	}
}

func TestAPersonWithoutATenantIsToldAndThenTheClientIs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser(t)
	p := b.signIn(b.open(s.request(firstParty)), "carl@nowhere.example", goodPassword)
	p.want(http.StatusForbidden, "carl@nowhere.example")
	form := p.form("/login/membership")
	b.post("/login/membership", form).want(http.StatusBadRequest, "")
	if len(s.issuer.failed) != 0 {
		t.Error("the client was told before the person went back")
	}
	form.Set("decision", "deny")
	b.post("/login/membership", form).wantLocation(callback + "?error=access_denied")
	if n := s.trail.count(audit.AuthorizeDenied); n != 1 {
		t.Errorf("%d denials on record", n)
	}
	denied := s.trail.events[len(s.trail.events)-1]
	if denied.User != s.user(t, "carl@nowhere.example").ID || denied.Session.IsZero() || denied.Client != string(firstParty) || denied.Detail["reason"] != "membership" {
		t.Errorf("on record: %+v", denied)
	}
}

func TestReloadingThePageForNonMembersDoesNotFillTheRecord(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "carl@nowhere.example")
	req := s.request(firstParty)
	silent := req
	silent.Prompt = []string{"none"}
	for range 5 {
		b.open(req).want(http.StatusForbidden, "carl@nowhere.example")
		b.open(silent).wantLocation(callback + "?error=access_denied")
	}
	recorded := func(n int, what string) {
		t.Helper()
		if got := s.trail.count(audit.AuthorizeDenied); got != n {
			t.Errorf("%s: %d denials on record, want %d", what, got, n)
		}
	}
	recorded(1, "reloaded")
	elsewhere := req
	elsewhere.Organization = "acme"
	b.open(elsewhere)
	recorded(2, "for another organization")
	b.open(s.request(thirdParty))
	recorded(3, "at another application")
	other, _ := s.signedIn(t, "carl@nowhere.example")
	other.open(req)
	recorded(4, "in another session")
	s.offset.Add(int64(10 * time.Minute))
	req.ArrivedAt = s.now()
	b.open(req)
	recorded(5, "later")
}

func TestWhoIsNoMemberCanGoOnAsSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "carl@nowhere.example")
	req := s.request(firstParty)
	req.Organization = "acme"
	form := b.open(req).form("/login/membership")
	form.Set("decision", "switch")
	b.signIn(b.post("/login/membership", form), "bob@acme.example", goodPassword).wantLocation(callback + "?code=x")
	// Carl's page is over: it neither answers for Bob nor signs him out.
	b.post("/login/membership", form).wantLocation(callback + "?code=x")

	hinted, _ := s.signedIn(t, "carl@nowhere.example")
	req.HintedUser = s.user(t, "carl@nowhere.example").ID
	if p := hinted.open(req); strings.Contains(p.body, `value="switch"`) {
		t.Error("offers to go on as somebody who could not")
	}
}

func TestThePageForNonMembersTellsNothingAboutTenantsAndRepeatsNoMessageOfAStranger(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "bob@acme.example")
	page := func(organization string) string {
		req := s.request(firstParty)
		req.Organization = organization
		p := b.open(req)
		p.form("/login/membership")
		return hidden.ReplaceAllString(strings.ReplaceAll(p.body, organization, "ORG"), "")
	}
	others := s.tenant(t, "globex").ID.String()
	exists, unknown := page("globex"), page("glebex")
	if exists != unknown {
		t.Error("a tenant that exists answers otherwise than one that does not")
	}
	if page(others) != page("ten_01h455vb4pex5vsknk084sn02q") {
		t.Error("an identifier that exists answers otherwise than one that does not")
	}
	if !strings.Contains(exists, "ORG") {
		t.Error("the page does not say what was asked for")
	}
	for _, text := range []string{"Call 0800 1234 now", "<b>acme</b>", "ACME", "acme\u202e"} {
		if strings.Contains(page(text), "ORG") {
			t.Errorf("the page repeats %q", text)
		}
	}
}

func TestConsentCanBeDeniedAndGivenToAnotherAccount(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "bob@acme.example")
	form := b.open(s.request(thirdParty)).form("/consent")
	deny := url.Values{"flow": form["flow"], "decision": {"deny"}}
	b.post("/consent", deny).wantLocation(callback + "?error=access_denied")
	b.post("/consent", url.Values{"flow": form["flow"], "decision": {"perhaps"}}).want(http.StatusBadRequest, "")
	b.post("/consent", url.Values{"flow": form["flow"], "decision": {"switch"}}).form("/login")
	if len(s.issuer.completed) != 0 {
		t.Error("answered with a code")
	}
}

func TestConsentShownToOnePersonDoesNotCountForAnother(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "bob@acme.example")
	req := s.request(thirdParty)
	req.Organization = "acme"
	form := b.open(req).form("/consent")
	form.Set("decision", "allow")
	ada, _ := s.signedIn(t, "ada@acme.example")
	p := ada.post("/consent", form)
	p.want(http.StatusOK, "Ada Lovelace")
	p.form("/consent")
	if len(s.issuer.completed) != 0 {
		t.Error("bob's page answered for ada")
	}
}

func TestStepsOutOfOrderLeadToTheOneThatIsDue(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	flow := func(p page) url.Values { return url.Values{"flow": {p.url.Query().Get("flow")}} }
	with := func(f url.Values, k, v string) url.Values { f.Set(k, v); return f }
	b := s.browser(t)
	p := b.open(s.request(thirdParty))
	acme := s.tenant(t, "acme").ID.String()
	// Nobody is signed in: every later step leads back to signing in.
	b.post("/consent", with(flow(p), "decision", "allow")).form("/login")
	b.post("/login/tenant", with(flow(p), "tenant", acme)).form("/login")
	b.post("/login/account", with(flow(p), "account", "other")).form("/login")
	// Signed in: the password form is over, consent comes after the tenant.
	p = b.signIn(p, "ada@acme.example", goodPassword)
	b.post("/consent", with(flow(p), "decision", "allow")).form("/login/tenant")
	b.post("/login/account", with(flow(p), "account", "other")).form("/login/tenant")
	due := p.form("/login/tenant")
	due.Set("tenant", acme)
	p = b.post("/login/tenant", due)
	b.post("/login/tenant", with(flow(p), "tenant", s.tenant(t, "globex").ID.String())).want(http.StatusOK, "Acme")
	b.post("/login/account", with(flow(p), "account", "other")).form("/consent")
	p = b.get("/login?" + url.Values{"flow": due["flow"]}.Encode())
	again := with(with(flow(p), "email", "bob@acme.example"), "password", goodPassword)
	b.post("/login", again).form("/login/tenant")
	if got, err := b.session(); err != nil || got.User != s.user(t, "ada@acme.example").ID {
		t.Error("a form that was not due changed who is signed in")
	}
	if len(s.issuer.completed)+len(s.issuer.failed) != 0 {
		t.Error("answered out of order")
	}
}

func TestABrokenOrExpiredRequestShowsAPageThatExplains(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser(t)
	good, err := s.request(firstParty).Seal(mac("flow"))
	check(t, err)
	foreign, err := s.request(firstParty).Seal(mac("elsewhere"))
	check(t, err)
	flows := map[string]string{
		"tampered": "A" + good[1:], "truncated": good[:len(good)/2], "empty": "", "signed elsewhere": foreign,
		"no text": "..", "long": strings.Repeat("A", authorization.MaxSealed),
	}
	for name, flow := range flows {
		b.get("/login?flow="+flow).want(http.StatusBadRequest, "")
		for _, path := range []string{"/login", "/login/address", "/login/account", "/login/tenant", "/login/membership", "/consent"} {
			p := b.post(path, url.Values{"flow": {flow}, "email": {"bob@acme.example"}, "password": {goodPassword}})
			if p.status != http.StatusBadRequest {
				t.Errorf("%s: POST %s: %d", name, path, p.status)
			}
		}
	}
	b.get("/login?flow=" + good).form("/login")
	s.pass(authorization.Lifetime + time.Minute)
	b.get("/login?flow="+good).want(http.StatusBadRequest, "")
	if _, err := b.session(); err == nil {
		t.Error("somebody was signed in")
	}
}

func TestARequestThatIsTooLongIsRefusedToTheClient(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	req := s.request(firstParty)
	req.State = strings.Repeat("s", authorization.MaxSealed)
	s.browser(t).open(req).wantLocation(callback + "?error=invalid_request")
}

// Proxies allow 8 KiB for a request line by default: what is accepted at all must get through.
func TestTheLongestRequestFitsIntoADefaultProxysRequestLine(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	req := s.request(firstParty)
	for {
		longer := req
		longer.State += "sss" // four characters when encoded
		if _, err := longer.Seal(mac("flow")); err != nil {
			break
		}
		req = longer
	}
	p := s.browser(t).open(req)
	p.form("/login")
	line := "GET " + p.url.RequestURI() + "&cookie=1&switch=1 HTTP/1.1\r\n"
	if n := len(line); n < authorization.MaxSealed || n > 7<<10 { // what a proxy adds to the path has room too
		t.Errorf("the request line is %d bytes long", n)
	}
}

// What the person settles makes the sealed request longer: one that just fits at first is
// refused to the client later, and is no fault of the server's.
func TestARequestThatGrowsTooLongOnTheWayIsRefusedToTheClient(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "bob@acme.example")
	req := s.request(thirdParty)
	for {
		longer := req
		longer.State += strings.Repeat("s", 8)
		if _, err := longer.Seal(mac("flow")); err != nil {
			break
		}
		req = longer
	}
	b.open(req).wantLocation(callback + "?error=invalid_request")
}

func TestAClientThatChangedMeanwhileIsNotRedirectedTo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "bob@acme.example")
	s.issuer.err = errdefs.ErrDenied
	b.open(s.request(firstParty)).want(http.StatusBadRequest, "")
	s.browser(t).open(s.request("cli_unknown")).want(http.StatusBadRequest, "")
}

func TestLoginWithParametersOfAnAuthorizationRequestGoesThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser(t)
	b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.get("/login?client_id=a&client_id=b&state=%2f").wantLocation("/authorize?client_id=a&client_id=b&state=%2f")
}

func TestEveryPostIsRefusedFromOtherSites(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "bob@acme.example")
	var posts []string
	for _, route := range s.in.Routes() {
		// A provider's logout token proves who calls; no browser posts it.
		if route.Method == http.MethodPost && route.Pattern != "/upstream/{connector}/logout" {
			posts = append(posts, route.Pattern)
		}
	}
	want := []string{"/login", "/login/address", "/login/account", "/login/tenant", "/login/membership", "/consent", "/upstream/{connector}", "/account/identities/connect", "/login/link", "/logout/confirm", "/account/profile", "/account/identities/remove", "/account/password", "/account/verification",
		"/password/forgot", "/password/reset", "/email/verify", "/invitation"}
	if !slices.Equal(posts, want) {
		t.Errorf("routes %v", posts)
	}
	for _, path := range posts {
		for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
			r := b.postRequest(path, url.Values{"decision": {"sign_out"}})
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set(header, value)
			p := b.do(r)
			if p.status != http.StatusForbidden || !strings.Contains(p.header.Get("Content-Type"), "text/html") {
				t.Errorf("POST %s with %s: %d", path, header, p.status)
			}
		}
	}
	if _, err := b.session(); err != nil {
		t.Error("a form from elsewhere signed bob out")
	}
}

func TestLongNamesInAnyScriptAreShownEscaped(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "bob@acme.example")
	b.get("/account").want(http.StatusOK, strings.TrimSpace(longName))
	p := b.open(s.request(thirdParty))
	p.want(http.StatusOK, strings.TrimSpace(longName))
	if strings.Contains(p.body, "<b>party") {
		t.Error("the client's name is not escaped")
	}
}
