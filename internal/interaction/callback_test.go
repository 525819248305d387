package interaction_test

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/interaction"
	"github.com/signet-id/signet/internal/session"
)

func (f *federation) completed() []answered {
	f.issuer.mu.Lock()
	defer f.issuer.mu.Unlock()
	return slices.Clone(f.issuer.completed)
}

// last returns the last event of the action.
func (t *trail) last(a audit.Action) audit.Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range slices.Backward(t.events) {
		if e.Action == a {
			return e
		}
	}
	return audit.Event{}
}

func (c *counts) of(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[name]
}

func TestSomebodyNewSignsInThroughAProvider(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	p := b.open(f.request(firstParty))
	p.want(http.StatusOK, `Continue with <bdi class="name">Google</bdi>`)
	p.want(http.StatusOK, "/google.svg")
	if strings.Contains(p.body, "Hidden") || strings.Contains(p.body, "/upstream/off") {
		t.Error("a connector is offered that is hidden or disabled")
	}
	if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://app.example https: http:") {
		t.Errorf("the button does nothing in a browser: %s", csp)
	}
	away := b.press(p, "google")
	if start := f.provider.lastStart(); start.RedirectURI != f.url+"/upstream/google/callback" || start.Nonce == "" || start.Challenge == "" || start.Fresh || start.MaxAge >= 0 {
		t.Errorf("%+v", start)
	}
	b.back("google", away).wantLocation(callback + "?code=x")
	got := f.completed()[0].session
	if got.ACR != session.ACRUpstream || !slices.Equal(got.AMR, []string{session.AMRUpstream}) || got.Through.Identity.IsZero() ||
		got.Through.SID != "upstream-session" || got.Through.Tenant != f.tenant(t, "acme").ID {
		t.Errorf("session %+v", got)
	}
	r := f.provider.lastReturn()
	if r.Code != "the-code" || r.RedirectURI != f.url+"/upstream/google/callback" || r.Nonce != f.provider.lastStart().Nonce || r.StartedAt.IsZero() {
		t.Errorf("%+v", r)
	}
	if challenge := (connector.AttemptSecrets{Verifier: r.Verifier}).Challenge(); challenge != f.provider.lastStart().Challenge {
		t.Error("the verifier is not that of the challenge")
	}
	if e := f.trail.last(audit.SignedIn); e.Detail["connector"] != "google" || e.User != got.User || e.Client != string(firstParty) {
		t.Errorf("event %+v", e)
	}
	if f.counts.of("google success") != 1 || f.counts.of("success") != 0 {
		t.Errorf("metrics %v", f.counts.n)
	}
	u := f.user(t, "nora@partner.example")
	if u.ID != got.User || u.Name != "Nora" || !u.EmailVerified {
		t.Errorf("account %+v", u)
	}
}

func TestWithoutARequestASignInThroughAProviderLeadsToTheAccount(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	p := b.back("google", b.press(b.get("/login"), "google"))
	if p.url.Path != "/account" {
		t.Fatalf("ended at %s", p.url)
	}
	p.want(http.StatusOK, "nora@partner.example")
	if b.cookie("signet-device") != "" {
		t.Error("the browser is known for passwords")
	}
}

func TestTheSameSessionGoesOnWhenItsPersonComesThroughAProvider(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	b.back("google", b.press(b.get("/login"), "google"))
	before, err := b.session()
	check(t, err)
	token := b.cookie("signet")
	req := f.request(firstParty)
	req.Prompt = []string{"login"}
	f.pass(time.Minute)
	req.ArrivedAt = f.now()
	f.pass(time.Second)
	b.back("google", b.press(b.open(req), "google")).wantLocation(callback + "?code=x")
	after, err := b.session()
	check(t, err)
	if after.ID != before.ID || b.cookie("signet") == token || !after.AuthenticatedAt.After(before.AuthenticatedAt) {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
	// Somebody else's is ended.
	f.provider.says(func(p *provider) { p.profile = as("olga@partner.example") })
	b.back("google", b.press(b.get("/login?switch=1"), "google")).want(http.StatusOK, "olga@partner.example")
	if !f.provider.lastStart().Fresh {
		t.Error("the provider is not asked for another account")
	}
	if other, err := b.session(); err != nil || other.ID == before.ID {
		t.Errorf("%+v, %v", other, err)
	}
}

func TestWhatARequestDemandsOfTheSignInIsDemandedOfTheProvider(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	long := time.Now().Add(-3 * time.Hour).UTC().Truncate(time.Second)
	f.provider.says(func(p *provider) { p.profile.AuthTime = long })
	for name, c := range map[string]struct {
		edit          func(*authorization.Request)
		asked, proven bool
		maxAge        int64
		now           bool // counts as proven now
	}{
		"nothing":        {edit: func(*authorization.Request) {}, maxAge: -1},
		"prompt=login":   {edit: func(r *authorization.Request) { r.Prompt = []string{"login"} }, asked: true, proven: true, maxAge: -1, now: true},
		"select_account": {edit: func(r *authorization.Request) { r.Prompt = []string{"select_account"} }, asked: true, maxAge: -1},
		"max_age":        {edit: func(r *authorization.Request) { r.MaxAge = 4 * 60 * 60 }, maxAge: 4 * 60 * 60},
		"a short one":    {edit: func(r *authorization.Request) { r.MaxAge = 90 }, maxAge: 90, now: true},
		"max_age=0":      {edit: func(r *authorization.Request) { r.MaxAge = 0 }, maxAge: 0, now: true},
	} {
		b := f.browser(t)
		req := f.request(firstParty)
		req.LoginHint = "nora@partner.example"
		c.edit(&req)
		p := b.back("google", b.press(b.open(req), "google"))
		start, back := f.provider.lastStart(), f.provider.lastReturn()
		if start.Fresh != c.asked || back.Fresh != c.proven || start.MaxAge != c.maxAge || back.MaxAge != c.maxAge || start.LoginHint != "nora@partner.example" {
			t.Errorf("%s: asked %+v, checked %+v", name, start, back)
		}
		s, err := b.session()
		check(t, err)
		if c.now != s.AuthenticatedAt.After(long) {
			t.Errorf("%s: authenticated at %v", name, s.AuthenticatedAt)
		}
		if name == "select_account" { // they had an account chosen there; who it is they see here
			p.want(http.StatusOK, "Choose an account")
			continue
		}
		p.wantLocation(callback + "?code=x")
	}
	// A time that has not come yet is none.
	f.provider.says(func(p *provider) { p.profile.AuthTime = f.now().Add(time.Hour) })
	b := f.browser(t)
	b.back("google", b.press(b.get("/login"), "google"))
	if s, err := b.session(); err != nil || s.AuthenticatedAt.After(f.now()) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestTwoTabsOfABrowserSignInIndependently(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	first, second := f.request(firstParty), f.request(firstParty)
	first.State, second.State = "one", "two"
	one := b.press(b.open(first), "google")
	cookie := b.cookie("signet-upstream")
	two := b.press(b.open(second), "google")
	if b.cookie("signet-upstream") != cookie {
		t.Error("the second tab takes the cookie of the first")
	}
	b.back("google", two).wantLocation(callback + "?code=x")
	b.back("google", one).wantLocation(callback + "?code=x")
	if got := f.completed(); len(got) != 2 || got[0].req.State != "two" || got[1].req.State != "one" {
		t.Errorf("%+v", got)
	}
}

func TestTheBackButtonAndReloadingLeadOn(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	away := b.press(b.open(f.request(firstParty)), "google")
	for range 3 {
		b.back("google", away).wantLocation(callback + "?code=x")
	}
	if n := len(f.provider.returns); n != 1 {
		t.Errorf("%d codes were exchanged", n)
	}
	// The same when it had failed: the sign-in page, which still knows what it is for.
	f.provider.says(func(p *provider) { p.exchange = connector.Fail(connector.Unreachable, nil, "down") })
	other := f.browser(t)
	away = other.press(other.open(f.request(firstParty)), "google")
	other.back("google", away).want(http.StatusServiceUnavailable, "")
	f.provider.says(func(p *provider) { p.exchange = nil })
	p := other.back("google", away)
	p.want(http.StatusOK, "to continue to")
	other.back("google", other.press(p, "google")).wantLocation(callback + "?code=x")
	// And without a request.
	third := f.browser(t)
	away = third.press(third.get("/login"), "google")
	third.back("google", away)
	if p := third.back("google", away); p.url.Path != "/account" {
		t.Errorf("ended at %s", p.url)
	}
}

func TestAStateIsWorthNothingInAnotherBrowserOrAnotherConnector(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	victim, attacker := f.browser(t), f.browser(t)
	away := attacker.press(attacker.open(f.request(firstParty)), "google")
	lost := func(p page) {
		t.Helper()
		p.want(http.StatusBadRequest, "This sign-in has expired")
		if !strings.Contains(p.body, `action="/upstream/google"`) && !strings.Contains(p.body, `action="/upstream/closed"`) || !strings.Contains(p.body, `href="/login?via=`) {
			t.Errorf("no way on:\n%s", p.body)
		}
	}
	lost(victim.back("google", away)) // no cookie at all
	victim.press(victim.get("/login"), "google")
	lost(victim.back("google", away)) // one of its own
	lost(attacker.back("closed", away))
	lost(attacker.back("google", away, "state="))
	lost(attacker.back("google", away, "state=made-up"))
	lost(attacker.back("google", away, "state="+strings.Repeat("A", 43)))
	if len(f.provider.returns) != 0 {
		t.Error("a state that is not the browser's had an effect")
	}
	if n := f.trail.count(audit.UpstreamFailed); n != 1 {
		t.Errorf("of a state that was brought by others %d are on record, want one", n)
	}
	if n := f.counts.of("google expired"); n != 5 {
		t.Errorf("%d were counted", n)
	}
	attacker.back("google", away).wantLocation(callback + "?code=x") // none of it spent the state
	late := f.browser(t)
	away = late.press(late.get("/login"), "google")
	f.pass(time.Hour + time.Second)
	lost(late.back("google", away))
	if n := f.trail.count(audit.UpstreamFailed); n != 2 {
		t.Errorf("a sign-in that took too long: %d are on record", n)
	}
}

func TestALostCookieIsExplainedAndStartingAgainWorks(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	away := b.press(b.open(f.request(firstParty)), "google")
	b.lose()
	p := b.back("google", away)
	p.want(http.StatusBadRequest, "began in another browser")
	p = b.back("google", b.press(p, "google"))
	p.want(http.StatusOK, "nora@partner.example")
}

func TestWhoeverCancelsIsBackAtTheSignInPageAndCanTryAgain(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	p := b.back("google", b.press(b.open(f.request(firstParty)), "google"), "code=", "error=access_denied", "error_description=<b>go away</b>")
	p.want(http.StatusOK, `You did not finish signing in at <bdi class="name">Google</bdi>`)
	if strings.Contains(p.body, "go away") || p.url.Query().Get("via") != "google" {
		t.Errorf("at %s:\n%s", p.url, p.body)
	}
	if e := f.trail.last(audit.UpstreamFailed); e.Detail["reason"] != "cancelled" || e.Detail["connector"] != "google" || e.Client != string(firstParty) {
		t.Errorf("%+v", e)
	}
	b.back("google", b.press(p, "google")).wantLocation(callback + "?code=x")
	// A hidden connector is offered to whoever has just been there.
	req := f.request(firstParty)
	other := f.browser(t)
	form := other.open(req).form("/login")
	away := other.away(other.post("/upstream/hidden", form))
	p = other.back("hidden", away, "code=", "error=access_denied")
	p.want(http.StatusOK, `Continue with <bdi class="name">Hidden</bdi>`)
	other.press(p, "hidden")
}

// The text of a failure, which nobody who signs in may see.
const inside = "what-the-provider-said"

func TestEveryFailureHasAPageAndATryThatWorks(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	for reason, want := range map[connector.Reason]struct {
		status int
		words  string
	}{
		connector.Unreachable:  {503, "does not answer"},
		connector.Unavailable:  {503, "does not answer"},
		connector.Refused:      {403, "did not sign you in"},
		connector.CodeRefused:  {400, "could not verify what it answered"},
		connector.Unauthorized: {400, "could not verify what it answered"},
		connector.Metadata:     {400, "could not verify what it answered"},
		connector.BadToken:     {400, "could not verify what it answered"},
		connector.Clock:        {400, "could not verify what it answered"},
		connector.WrongIssuer:  {400, "could not verify what it answered"},
		connector.BadAnswer:    {400, "could not verify what it answered"},
		connector.NotFresh:     {400, "did not ask you to sign in again"},
		connector.WrongDomain:  {403, "Only accounts of certain organizations"},
		connector.NoAddress:    {403, "knows no verified address"},
		connector.Internal:     {500, "This is our fault"},
	} {
		b := f.browser(t)
		f.provider.says(func(p *provider) {
			p.exchange = connector.Fail(reason, fmt.Errorf("cause: %s", inside), "%s", inside)
		})
		away := b.press(b.open(f.request(firstParty)), "google")
		p := b.back("google", away)
		p.want(want.status, want.words)
		p.want(want.status, "req-1")
		if strings.Contains(p.body, inside) {
			t.Errorf("%s: the page shows what is for the log", reason)
		}
		if e := f.trail.last(audit.UpstreamFailed); e.Detail["reason"] != string(reason) || e.Detail["text"] != inside || e.Target == "" {
			t.Errorf("%s: event %+v", reason, e)
		}
		if f.counts.of("google "+string(reason)) != 1 {
			t.Errorf("%s: metrics %v", reason, f.counts.n)
		}
		if b.cookie("signet") != "" {
			t.Errorf("%s: somebody is signed in", reason)
		}
		other := b.get(links(p)[0])
		other.want(http.StatusOK, "to continue to")
		f.provider.says(func(p *provider) { p.exchange = nil })
		again := b.press(p, "google")
		if again.Query().Get("state") == away.Query().Get("state") {
			t.Errorf("%s: the state is used again", reason)
		}
		if f.provider.lastStart().Fresh != (reason == connector.WrongDomain) {
			t.Errorf("%s: asked %+v", reason, f.provider.lastStart())
		}
		b.back("google", again).wantLocation(callback + "?code=x")
	}
}

var anchor = regexp.MustCompile(`<a [^>]*href="(/[^"]*)"`)

// links are the links of a page that stay on the site.
func links(p page) (out []string) {
	for _, m := range anchor.FindAllStringSubmatch(p.body, -1) {
		out = append(out, html.UnescapeString(m[1]))
	}
	return out
}

func TestErrorsOfTheAuthorizationEndpointAreToldApart(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	for code, want := range map[string]struct {
		status int
		reason connector.Reason
	}{
		"temporarily_unavailable": {503, connector.Unavailable},
		"server_error":            {503, connector.Unavailable},
		"invalid_scope":           {403, connector.Refused},
		"login_required":          {403, connector.Refused},
		"\u202e<script>":          {403, connector.Refused},
	} {
		b := f.browser(t)
		p := b.back("google", b.press(b.open(f.request(firstParty)), "google"), "code=", "error="+code, "error_description="+inside+strings.Repeat("x", 4000))
		p.want(want.status, "")
		e := f.trail.last(audit.UpstreamFailed)
		if e.Detail["reason"] != string(want.reason) || len(e.Detail["text"]) > 300 || strings.Contains(p.body, inside) || strings.Contains(p.body, "<script>") {
			t.Errorf("%s: %+v", code, e)
		}
	}
	b := f.browser(t)
	b.back("google", b.press(b.get("/login"), "google"), "code=").want(http.StatusBadRequest, "could not verify")
}

func TestNotEvenAnErrorIsBelievedFromSomebodyElse(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.provider.says(func(p *provider) { p.issuer = connector.Fail(connector.WrongIssuer, nil, "somebody else") })
	b := f.browser(t)
	b.back("google", b.press(b.open(f.request(firstParty)), "google"), "code=", "error=access_denied", "iss=https://evil.example").want(http.StatusBadRequest, "could not verify what it answered")
	b.back("google", b.press(b.open(f.request(firstParty)), "google"), "iss=https://evil.example").want(http.StatusBadRequest, "could not verify what it answered")
	if len(f.provider.returns) != 0 {
		t.Error("the code was sent on")
	}
}

func TestAProviderThatIsDownKeepsNobodyFromOtherWays(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.provider.says(func(p *provider) { p.start = connector.Fail(connector.Unreachable, nil, inside) })
	b := f.browser(t)
	p := b.open(f.request(firstParty))
	p = b.post("/upstream/google", p.formOf("/upstream/google"))
	p.want(http.StatusServiceUnavailable, "does not answer")
	if b.cookie("signet-upstream") != "" || f.trail.count(audit.UpstreamFailed) != 1 || f.counts.of("google unreachable") != 1 {
		t.Errorf("cookie %q, metrics %v", b.cookie("signet-upstream"), f.counts.n)
	}
	b.signIn(b.get(links(p)[0]), "bob@acme.example", goodPassword).wantLocation(callback + "?code=x")
	f.provider.says(func(p *provider) { p.start = nil })
	other := f.browser(t)
	f.provider.says(func(p *provider) { p.start = connector.Fail(connector.Metadata, nil, inside) })
	p = other.open(f.request(firstParty))
	p = other.post("/upstream/google", p.formOf("/upstream/google"))
	f.provider.says(func(p *provider) { p.start = nil })
	other.back("google", other.press(p, "google")).wantLocation(callback + "?code=x")
}

func TestWhoeverIsNotLetInGetsAPageAndNoLoop(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	unverified := as("nina@partner.example")
	unverified.EmailVerified = new(bool)
	closed := as("carl@nowhere.example")
	f.exec(t, `UPDATE user_account SET disabled_at = now() WHERE email = $1`, "dora@acme.example")
	for name, c := range map[string]struct {
		connector string
		who       connector.Profile
		reason    connector.Reason
		words     string
	}{
		"nobody we know":                      {"closed", stranger(), connector.NotLinked, "There is no account for you here"},
		"an address that is not verified":     {"google", unverified, connector.NotVouched, "We cannot make an account for you"},
		"the address of a disabled account":   {"google", as("dora@acme.example"), connector.AccountOff, "Your account is disabled"},
		"somebody without an address, closed": {"closed", connector.Profile{Issuer: providerURL, Subject: "x"}, connector.NotLinked, "There is no account for you here"},
	} {
		f.provider.says(func(p *provider) { p.profile = c.who })
		b := f.browser(t)
		p := b.back(c.connector, b.press(b.open(f.request(firstParty)), c.connector))
		p.want(http.StatusForbidden, c.words)
		if c.who.Email != "" {
			p.want(http.StatusForbidden, c.who.Email)
		}
		if b.cookie("signet") != "" || f.trail.last(audit.UpstreamFailed).Detail["reason"] != string(c.reason) {
			t.Errorf("%s: %+v", name, f.trail.last(audit.UpstreamFailed))
		}
		// Another account of theirs, which the provider is asked for.
		f.provider.says(func(p *provider) { p.profile = closed })
		away := b.press(p, c.connector)
		if !f.provider.lastStart().Fresh {
			t.Errorf("%s: the provider would take the same account again", name)
		}
		b.back(c.connector, away).want(http.StatusOK, "You have an account already")
		b.signIn(b.get(links(p)[0]), "bob@acme.example", goodPassword).wantLocation(callback + "?code=x")
	}
}

func TestAConnectorThatIsGoneOrDisabledSaysSo(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	form := b.open(f.request(firstParty)).form("/login")
	p := b.post("/upstream/off", form)
	p.want(http.StatusForbidden, "switched off")
	if strings.Contains(p.body, `action="/upstream/off"`) || !strings.Contains(links(p)[0], "/login?flow=") {
		t.Errorf("%v:\n%s", links(p), p.body)
	}
	for _, reference := range []string{"unheard-of", "acme.unheard-of", "OFF", "a..b", "%2e%2e"} {
		b.post("/upstream/"+reference, form).want(http.StatusNotFound, "")
		b.get("/upstream/"+reference+"/callback?state=x&code=y").want(http.StatusNotFound, "")
	}
	// While somebody is at the provider.
	away := b.press(b.open(f.request(firstParty)), "google")
	f.declared = f.declared[1:]
	f.declare(t)
	p = b.back("google", away)
	p.want(http.StatusForbidden, "switched off")
	if len(f.provider.returns) != 0 {
		t.Error("the code was exchanged")
	}
}

func TestNobodyIsSentAwayWithoutAPage(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	req := f.request(firstParty)
	flow := b.open(req).form("/login")
	req.Prompt = []string{"none"}
	sealed, err := req.Seal(mac("flow"))
	check(t, err)
	b.post("/upstream/google", url.Values{"flow": {sealed}}).wantLocation(callback + "?error=login_required")
	// Nor is anybody who has signed in meanwhile.
	b.signIn(b.get("/login"), "bob@acme.example", goodPassword)
	b.post("/upstream/google", flow).wantLocation(callback + "?code=x")
	b.post("/upstream/google", url.Values{"flow": {"altered"}}).want(http.StatusBadRequest, "expired")
	if f.provider.attempts() != 0 {
		t.Errorf("%d attempts", f.provider.attempts())
	}
}

func TestAnAnswerThatIsNotWellFormedIsNotLookedAt(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	away := b.press(b.get("/login"), "google")
	state := away.Query().Get("state")
	for _, query := range []string{"state=" + state + "&state=" + state + "&code=x", "state=" + state + "&code=a&code=b", "state=" + state + "&code=%zz", "state=" + state + "&code=%00", "state=" + state + "&code=" + strings.Repeat("x", 9<<10)} {
		b.get("/upstream/google/callback?"+query).want(http.StatusBadRequest, "")
	}
	b.back("google", away).want(http.StatusOK, "nora@partner.example")
}

func TestAProvenSignInIsStoredWhenTheBrowserGoesAway(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	b := f.browser(t)
	away := b.press(b.get("/login"), "google")
	r, err := http.NewRequest(http.MethodGet, f.url+callbackOf("google", away), nil)
	check(t, err)
	ctx, hangUp := context.WithCancel(context.Background())
	f.provider.says(func(p *provider) { p.during = hangUp })
	if res, err := b.http.Do(r.WithContext(ctx)); err == nil {
		_ = res.Body.Close()
		t.Fatal("an answer was read")
	}
	for deadline := time.Now().Add(10 * time.Second); f.counts.of("google success") == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nobody was signed in")
		}
		time.Sleep(time.Millisecond)
	}
	f.user(t, "nora@partner.example")
}

func TestAnOutageOfTheStoreDoesNotLoseWhatTheSignInWasFor(t *testing.T) {
	t.Parallel()
	var store *failing
	f := newFederation(t, func(c *interaction.Config) {
		store = &failing{Identities: c.Identities}
		c.Identities = store
	})
	b := f.browser(t)
	store.err = errdefs.ErrUnavailable
	p := b.back("google", b.press(b.open(f.request(firstParty)), "google"))
	p.want(http.StatusServiceUnavailable, "This is our fault")
	store.err = nil
	b.back("google", b.press(p, "google")).wantLocation(callback + "?code=x")
}

// failing is a store that may not answer.
type failing struct {
	interaction.Identities
	err error
}

func (s *failing) Arrive(ctx context.Context, a connector.Arrival) (connector.Outcome, error) {
	if s.err != nil {
		return connector.Outcome{}, s.err
	}
	return s.Identities.Arrive(ctx, a)
}

func TestConnectorsOfATenantAreOfferedToWhoeverNamesIt(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	acme := f.tenant(t, "acme").ID
	f.exec(t, `INSERT INTO connector (id, reference, slug, tenant_id, kind, name, issuer, client_id)
		VALUES ($1, 'acme.okta', 'okta', $2, 'oidc', 'Acme staff', $3, 'signet')`, id.NewConnector(time.Now()).UUID(), acme.UUID(), providerURL)
	named := f.request(firstParty)
	named.Organization = "acme"
	byID := f.request(firstParty)
	byID.Organization = acme.String()
	other := f.request(firstParty)
	other.Organization = "globex"
	for name, c := range map[string]struct {
		req  authorization.Request
		want bool
	}{
		"by its slug": {named, true}, "by its identifier": {byID, true}, "by its own application": {f.request(acmeOnly), true},
		"not at all": {f.request(firstParty), false}, "but another": {other, false},
	} {
		p := f.browser(t).open(c.req)
		p.want(http.StatusOK, `action="/upstream/google"`)
		if strings.Contains(p.body, `action="/upstream/acme.okta"`) != c.want || strings.Count(p.body, `action="/upstream/google"`) != 1 {
			t.Errorf("%s:\n%s", name, p.body)
		}
	}
}
