package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

func TestAPersonSignsInAndTheClientGetsACode(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	page := b.Get(a.AuthorizeURL("spa"))
	if page.Status != http.StatusOK || !page.HasForm("/login") {
		t.Fatalf("want the sign-in page, got %d:\n%s", page.Status, page.Body)
	}
	away := b.SignIn(page, apptest.Grace, apptest.Password).Away
	if away == nil {
		t.Fatal("not sent back to the client")
	}
	q := away.Query()
	if got := away.Scheme + "://" + away.Host + away.Path; got != apptest.Callback {
		t.Errorf("sent to %s", got)
	}
	if q.Get("state") != "some-state" || q.Get("iss") != a.URL || q.Get("code") == "" {
		t.Errorf("answer %s lacks state, iss (RFC 9207) or code", away)
	}

	again := b.Get(a.AuthorizeURL("two"))
	if again.Away == nil || again.Away.Query().Get("code") == "" {
		t.Errorf("a second client of a signed-in person should get its code at once: %d %s", again.Status, again.Body)
	}
}

func TestAuthorizeShowsAPageAndNeverRedirectsWhileTheTargetIsInDoubt(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	for name, changes := range map[string][]string{
		"no client":                          {"client_id"},
		"unknown client":                     {"client_id=nobody"},
		"client id with a NUL":               {"client_id=a\x00b"},
		"unregistered redirect URI":          {"redirect_uri=https://evil.example/callback"},
		"redirect URI with a longer path":    {"redirect_uri=" + apptest.Callback + "/x"},
		"redirect URI with a query added":    {"redirect_uri=" + apptest.Callback + "?a=b"},
		"redirect URI in another case":       {"redirect_uri=https://APP.example/callback"},
		"redirect URI with a default port":   {"redirect_uri=https://app.example:443/callback"},
		"redirect URI with user information": {"redirect_uri=https://user@app.example/callback"},
		"redirect URI with a fragment":       {"redirect_uri=" + apptest.Callback + "#x"},
		"redirect URI with dot segments":     {"redirect_uri=https://app.example/x/../callback"},
		"redirect URI left empty":            {"redirect_uri="},
		"several URIs and none named":        {"client_id=two", "redirect_uri"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := a.Browser(t).Get(a.AuthorizeURL("spa", changes...))
			if p.Away != nil {
				t.Fatalf("redirected to %s", p.Away)
			}
			if p.Status != http.StatusBadRequest || !strings.Contains(p.Header.Get("Content-Type"), "text/html") {
				t.Errorf("status %d, type %s, want a 400 page", p.Status, p.Header.Get("Content-Type"))
			}
			if strings.Contains(p.Body, "evil.example") {
				t.Error("the page repeats the attacker's address")
			}
		})
	}
}

func TestAuthorizeAnswersTheClientWithTheProtocolsError(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	for name, c := range map[string]struct {
		client  string
		changes []string
		want    string
	}{
		"response_type missing":            {"spa", []string{"response_type"}, "invalid_request"},
		"implicit flow":                    {"spa", []string{"response_type=token"}, "unsupported_response_type"},
		"hybrid flow":                      {"spa", []string{"response_type=code id_token"}, "unsupported_response_type"},
		"unknown response_mode":            {"spa", []string{"response_mode=smoke"}, "unsupported_response_mode"},
		"scope not registered":             {"spa", []string{"scope=openid admin"}, "invalid_scope"},
		"scope by prefix":                  {"spa", []string{"scope=openid orders"}, "invalid_scope"},
		"no PKCE":                          {"spa", []string{"code_challenge", "code_challenge_method"}, "invalid_request"},
		"PKCE plain":                       {"spa", []string{"code_challenge_method=plain"}, "invalid_request"},
		"PKCE method left out means plain": {"spa", []string{"code_challenge_method"}, "invalid_request"},
		"PKCE challenge too short":         {"spa", []string{"code_challenge=abc"}, "invalid_request"},
		"PKCE method without challenge":    {"legacy", []string{"code_challenge"}, "invalid_request"},
		"confidential client without PKCE": {"web", []string{"code_challenge", "code_challenge_method"}, "invalid_request"},
		"request object":                   {"spa", []string{"request=eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"},
		"request object without openid":    {"spa", []string{"scope=orders:read", "request=eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"},
		"request_uri":                      {"spa", []string{"request_uri=https://evil.example/r"}, "request_uri_not_supported"},
		"registration":                     {"spa", []string{"registration={}"}, "registration_not_supported"},
		"prompt none with others":          {"spa", []string{"prompt=none login"}, "invalid_request"},
		"unknown prompt":                   {"spa", []string{"prompt=shout"}, "invalid_request"},
		"prompt none, nobody signed in":    {"spa", []string{"prompt=none"}, "login_required"},
		"max_age not a number":             {"spa", []string{"max_age=soon"}, "invalid_request"},
		"max_age negative":                 {"spa", []string{"max_age=-1"}, "invalid_request"},
		"foreign resource":                 {"spa", []string{"resource=https://other.example"}, "invalid_target"},
		"relative resource":                {"spa", []string{"resource=orders"}, "invalid_target"},
		"id_token_hint that is none":       {"spa", []string{"id_token_hint=a.b.c"}, "invalid_request"},
		"connector that cannot be one":     {"spa", []string{"connector=https://evil.example"}, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := a.Browser(t).Get(a.AuthorizeURL(c.client, c.changes...))
			if p.Away == nil {
				t.Fatalf("not answered: %d\n%s", p.Status, p.Body)
			}
			q := p.Away.Query()
			if q.Get("error") != c.want {
				t.Errorf("error %q (%s), want %q", q.Get("error"), q.Get("error_description"), c.want)
			}
			if q.Get("iss") != a.URL || q.Get("state") != "some-state" || q.Get("code") != "" {
				t.Errorf("an error answer carries iss and state and no code: %s", p.Away)
			}
		})
	}
}

func TestDuplicatedParametersAreRefused(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	for name, extra := range map[string]string{
		"state":     "&state=other",
		"scope":     "&scope=openid",
		"challenge": "&code_challenge=" + apptest.Challenge(),
		"nonce":     "&nonce=other",
	} {
		p := a.Browser(t).Get(a.AuthorizeURL("spa") + extra)
		if p.Away == nil || p.Away.Query().Get("error") != "invalid_request" {
			t.Errorf("%s twice: status %d, sent to %v", name, p.Status, p.Away)
		}
	}
	for name, extra := range map[string]string{"client": "&client_id=two", "redirect URI": "&redirect_uri=https://evil.example/"} {
		if p := a.Browser(t).Get(a.AuthorizeURL("spa") + extra); p.Away != nil || p.Status != http.StatusBadRequest {
			t.Errorf("%s twice: status %d, sent to %v, want a page", name, p.Status, p.Away)
		}
	}
	p := a.Browser(t).Get(a.AuthorizeURL("spa") + "&resource=" + url.QueryEscape(apptest.Orders) + "&resource=" + url.QueryEscape("https://billing.example"))
	if !p.HasForm("/login") {
		t.Errorf("resource may be repeated (RFC 8707 §2): %d %v", p.Status, p.Away)
	}
}

func TestAParameterWithoutAValueIsNone(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	p := a.Browser(t).Get(a.AuthorizeURL("spa", "request=", "request_uri=", "registration=", "max_age=", "resource=", "id_token_hint=", "response_mode=", "connector="))
	if !p.HasForm("/login") { // RFC 6749 §3.1
		t.Errorf("%d, sent to %v", p.Status, p.Away)
	}
	if p := a.Browser(t).Get(a.AuthorizeURL("spa", "client_id=")); p.Away != nil || p.Status != http.StatusBadRequest {
		t.Errorf("no client: %d, sent to %v, want a page", p.Status, p.Away)
	}
	if p := a.Browser(t).Get(a.AuthorizeURL("spa", "code_challenge=", "code_challenge_method=")); p.Away == nil || p.Away.Query().Get("error") != "invalid_request" {
		t.Errorf("no challenge: %d, sent to %v", p.Status, p.Away)
	}
	if p := a.Browser(t).Get(a.AuthorizeURL("spa", "nonce=") + "&nonce="); p.Away == nil || p.Away.Query().Get("error") != "invalid_request" {
		t.Errorf("twice without a value: %d, sent to %v", p.Status, p.Away)
	}
}

func TestRedirectURIsOfNativeApps(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	for uri, ok := range map[string]bool{
		"http://127.0.0.1/cb":               true,
		"http://127.0.0.1:51004/cb":         true, // RFC 8252 §7.3: the port varies
		"http://127.0.0.1:51004/other":      false,
		"http://127.0.0.2:51004/cb":         false,
		"http://localhost:51004/cb":         false,
		"http://[::1]:51004/cb":             false,
		"https://127.0.0.1/tls":             true,
		"https://127.0.0.1:9999/tls":        false,
		"http://127.0.0.1:9999/tls":         false, // another scheme than the registered one
		"http://user@127.0.0.1:51004/cb":    false,
		"http://127.0.0.1:51004/cb?x=1":     false,
		"com.example.app:/cb":               true,
		"com.example.app:/cb2":              false,
		"javascript:alert(1)":               false,
		"http://127.0.0.1:80@evil.example/": false,
	} {
		p := a.Browser(t).Get(a.AuthorizeURL("native", "redirect_uri="+uri))
		if got := p.HasForm("/login"); got != ok {
			t.Errorf("%s: accepted %v, want %v (status %d, sent to %v)", uri, got, ok, p.Status, p.Away)
		}
		if !ok && p.Away != nil {
			t.Errorf("%s: redirected to %s", uri, p.Away)
		}
	}
}

func TestResponseModes(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	b.SignIn(b.Get(a.AuthorizeURL("spa")), apptest.Grace, apptest.Password)

	p := b.Get(a.AuthorizeURL("spa", "response_mode=fragment"))
	if p.Away == nil || p.Away.RawQuery != "" || !strings.Contains(p.Away.Fragment, "code=") || !strings.Contains(p.Away.Fragment, "iss=") {
		t.Errorf("fragment: %v", p.Away)
	}
	for client, uri := range map[string]string{"spa": apptest.Callback, "native": "com.example.app:/cb"} {
		p = b.Get(a.AuthorizeURL(client, "response_mode=form_post", "redirect_uri="+uri))
		if p.Status != http.StatusOK || strings.Contains(p.Body, "ZgotmplZ") || !strings.Contains(p.Body, `action="`+uri+`"`) {
			t.Errorf("form_post to %s: %d\n%s", uri, p.Status, p.Body)
		}
		for _, want := range []string{`name="code"`, `name="state"`, `name="iss"`} {
			if !strings.Contains(p.Body, want) {
				t.Errorf("form_post to %s lacks %s", uri, want)
			}
		}
		if !strings.Contains(p.Header.Get("Cache-Control"), "no-store") {
			t.Error("a page with a code may be cached")
		}
	}
	p = a.Browser(t).Get(a.AuthorizeURL("spa", "response_mode=form_post", "prompt=none"))
	if p.Status != http.StatusOK || !strings.Contains(p.Body, "login_required") {
		t.Errorf("errors are posted too: %d\n%s", p.Status, p.Body)
	}
}

func TestPromptAndMaxAge(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	b.SignIn(b.Get(a.AuthorizeURL("spa")), apptest.Grace, apptest.Password)
	asks := func(changes ...string) bool { return b.Get(a.AuthorizeURL("spa", changes...)).HasForm("/login") }

	if p := b.Get(a.AuthorizeURL("spa", "prompt=none")); p.Away == nil || p.Away.Query().Get("code") == "" {
		t.Errorf("prompt=none with a session: %v", p.Away)
	}
	if !asks("prompt=login") {
		t.Error("prompt=login did not ask")
	}
	if !asks("max_age=0") {
		t.Error("max_age=0 did not ask")
	}
	if asks("max_age=3600") {
		t.Error("max_age=3600 asked right after a sign-in")
	}
	if p := b.Get(a.AuthorizeURL("spa", "prompt=none", "max_age=0")); p.Away == nil || p.Away.Query().Get("error") != "login_required" {
		t.Errorf("prompt=none with max_age=0: %v", p.Away)
	}
	for _, change := range []string{"prompt=login", "max_age=0"} {
		p := b.SignIn(b.Get(a.AuthorizeURL("spa", change)), apptest.Grace, apptest.Password)
		if p.Away == nil || p.Away.Query().Get("code") == "" {
			t.Errorf("%s: signing in again should be enough: %d %s", change, p.Status, p.Body)
		}
	}
	if p := b.Get(a.AuthorizeURL("spa", "prompt=select_account")); !p.HasForm("/login/account") {
		t.Errorf("prompt=select_account: %d, sent to %v", p.Status, p.Away)
	}
	if p := b.Get(a.AuthorizeURL("spa", "prompt=consent")); !p.HasForm("/consent") {
		t.Errorf("prompt=consent: %d, sent to %v", p.Status, p.Away)
	} else if p = b.Decide(p, "allow"); p.Away == nil || p.Away.Query().Get("code") == "" {
		t.Errorf("prompt=consent, allowed: %d, sent to %v", p.Status, p.Away)
	}
	fresh := a.Browser(t).Get(a.AuthorizeURL("spa", "login_hint="+apptest.Grace))
	if f := fresh.Form(t, "/login"); f.Fields.Get("email") != apptest.Grace {
		t.Errorf("login_hint is not filled in: %v", f.Fields)
	}
}

func TestAnIDTokenHintIsHonoured(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	hint := a.Tokens(t, "spa", apptest.Grace).Text("id_token")
	b := a.Browser(t)
	b.SignIn(b.Get(a.AuthorizeURL("spa")), apptest.Ada, apptest.Password)
	p := b.Get(a.AuthorizeURL("spa", "prompt=none", "id_token_hint="+hint))
	if p.Away == nil || p.Away.Query().Get("error") != "login_required" {
		t.Errorf("another person is signed in than the hint names: %v", p.Away)
	}
	own := a.Browser(t)
	own.SignIn(own.Get(a.AuthorizeURL("spa")), apptest.Grace, apptest.Password)
	if p := own.Get(a.AuthorizeURL("spa", "prompt=none", "id_token_hint="+hint)); p.Away == nil || p.Away.Query().Get("code") == "" {
		t.Errorf("the hinted person is signed in: %v", p.Away)
	}
	if p := own.Get(a.AuthorizeURL("two", "prompt=none", "id_token_hint="+hint)); p.Away == nil || p.Away.Query().Get("error") != "invalid_request" {
		t.Errorf("a hint of another client: %v", p.Away)
	}
}

func TestAuthorizeByPost(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	u, _ := url.Parse(a.AuthorizeURL("spa"))
	p := a.Browser(t).Post(a.URL+"/authorize", u.Query())
	if !p.HasForm("/login") {
		t.Errorf("status %d, sent to %v", p.Status, p.Away)
	}
}

func TestConsentIsAskedOnceAndCanBeRefused(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	p := b.SignIn(b.Get(a.AuthorizeURL("third")), apptest.Grace, apptest.Password)
	if !p.HasForm("/consent") {
		t.Fatalf("no consent page: %d, sent to %v", p.Status, p.Away)
	}
	denied := b.Decide(p, "deny")
	if denied.Away == nil || denied.Away.Query().Get("error") != "access_denied" || denied.Away.Query().Get("iss") != a.URL {
		t.Errorf("denied: %v", denied.Away)
	}
	if p := b.Get(a.AuthorizeURL("third", "prompt=none")); p.Away == nil || p.Away.Query().Get("error") != "consent_required" {
		t.Errorf("prompt=none without consent: %v", p.Away)
	}
	b.Decide(b.Get(a.AuthorizeURL("third")), "allow").Code(t)
	b.Get(a.AuthorizeURL("third")).Code(t)
	if p := b.Get(a.AuthorizeURL("third", "scope=openid orders:write")); !p.HasForm("/consent") {
		t.Errorf("a new scope has to be asked for: %v", p.Away)
	}
}

func TestTheTenantIsNamedPickedOrTheOnlyOne(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := a.Browser(t)
	p := b.SignIn(b.Get(a.AuthorizeURL("spa", "organization")), apptest.Ada, apptest.Password)
	if !p.HasForm("/login/tenant") {
		t.Fatalf("two memberships, no picker: %d, sent to %v", p.Status, p.Away)
	}
	if p := b.Get(a.AuthorizeURL("spa", "organization", "prompt=none")); p.Away == nil || p.Away.Query().Get("error") != "interaction_required" {
		t.Errorf("prompt=none with a choice to make: %v", p.Away)
	}
	b.Get(a.AuthorizeURL("acme-spa", "organization")).Code(t) // a tenant's own client needs no choice
	if p := b.Get(a.AuthorizeURL("acme-spa", "organization=globex", "prompt=none")); p.Away == nil || p.Away.Query().Get("error") != "access_denied" {
		t.Errorf("another tenant through a tenant's own client: %v", p.Away)
	}
	b.Leave(b.Get(a.AuthorizeURL("acme-spa", "organization=globex")))
	for who, org := range map[string]string{apptest.Grace: "globex", apptest.Nobody: "acme", apptest.Linus: "no-such-tenant"} {
		n := a.Browser(t)
		p := n.SignIn(n.Get(a.AuthorizeURL("spa", "organization="+org)), who, apptest.Password)
		if p.Status != http.StatusForbidden || !strings.Contains(p.Body, who) || !strings.Contains(p.Body, org) {
			t.Errorf("%s in %s: %d, sent to %v\n%s", who, org, p.Status, p.Away, p.Body)
		}
		p = n.Leave(p)
		if p.Away == nil || p.Away.Query().Get("error") != "access_denied" || p.Away.Query().Get("state") != "some-state" || p.Away.Query().Get("iss") != a.URL {
			t.Errorf("%s in %s: sent back to %v", who, org, p.Away)
		}
	}
	a.Code(t, "spa", apptest.Linus, "organization") // the only membership
}

func TestStateIsOptional(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	for _, change := range []string{"state", "state=x"} {
		b := a.Browser(t)
		p := b.SignIn(b.Get(a.AuthorizeURL("spa", change)), apptest.Grace, apptest.Password)
		p.Code(t)
		if want := strings.TrimPrefix(change, "state"); p.Away.Query().Get("state") != strings.TrimPrefix(want, "=") {
			t.Errorf("%s: state %q", change, p.Away.Query().Get("state"))
		}
	}
}

func TestTheAdministrationIsNoTenantOfAnApplicationUnlessAskedFor(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	exec(t, a, `INSERT INTO membership (tenant_id, user_id) SELECT t.id, u.id FROM tenant t, user_account u
	             WHERE t.slug = 'signet' AND u.email IN ('grace@acme.example', 'ada@acme.example')`)
	tenant := func(email string, changes ...string) any {
		t.Helper()
		return apptest.Claims(t, a.Tokens(t, "spa", email, changes...).Text("access_token"))["tenant"]
	}
	if got := tenant(apptest.Grace, "organization"); got != "acme" {
		t.Errorf("Grace, who helps with the administration, works in %v", got)
	}
	if got := tenant(apptest.Grace, "organization=signet"); got != "signet" {
		t.Errorf("asked for by name: %v", got)
	}
	for _, who := range []string{apptest.Opal, apptest.Ada} {
		b := a.Browser(t)
		p := b.SignIn(b.Get(a.AuthorizeURL("spa", "organization")), who, apptest.Password)
		if p.Away != nil || strings.Contains(p.Body, "Signet administration") {
			t.Errorf("%s is offered the administration: %d %s", who, p.Status, p.Body)
		}
		p = b.Get(a.AuthorizeURL("signet-cli", "organization", "redirect_uri=http://127.0.0.1:9/callback", "scope=openid"))
		if p.Away == nil && !strings.Contains(p.Body, "Signet administration") {
			t.Errorf("%s is not offered the administration where it is meant: %d %s", who, p.Status, p.Body)
		}
	}
}
