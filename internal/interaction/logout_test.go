package interaction_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/id"
)

func TestSigningOutAsksUnlessTheHintNamesTheSession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, c := range map[string]struct {
		hint func(user id.User, own id.Session) authorization.Logout
		asks bool
	}{
		"the session is named":            {func(u id.User, o id.Session) authorization.Logout { return authorization.Logout{User: u, Session: o} }, false},
		"the person is named, no session": {func(u id.User, _ id.Session) authorization.Logout { return authorization.Logout{User: u} }, false},
		"another session of the person": {func(u id.User, _ id.Session) authorization.Logout {
			return authorization.Logout{User: u, Session: id.NewSession(s.now())}
		}, true},
		"another person": {func(id.User, id.Session) authorization.Logout { return authorization.Logout{User: id.NewUser(s.now())} }, true},
		"no hint":        {func(id.User, id.Session) authorization.Logout { return authorization.Logout{} }, true},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(name+" by "+method, func(t *testing.T) {
				b, own := s.signedIn(t, "bob@acme.example")
				l := c.hint(own.User, own.ID)
				l.Client, l.RedirectURI, l.State = firstParty, afterLogout, "a b"
				p := b.logout(method, l)
				if !c.asks {
					p.wantLocation(afterLogout + "?state=a+b")
				} else {
					p.want(http.StatusOK, "First")
					if _, err := b.session(); err != nil {
						t.Fatal("signed out without being asked")
					}
					form := p.form("/logout/confirm")
					form.Set("decision", "sign_out")
					b.post("/logout/confirm", form).wantLocation(afterLogout + "?state=a+b")
				}
				if b.cookie("signet") != "" {
					t.Error("the cookie is still there")
				}
				b.setCookie("signet", "")
			})
		}
	}
	if n := s.trail.count(audit.SignedOut); n != 10 {
		t.Errorf("%d sign-outs on record", n)
	}
}

// logout calls the end-session endpoint; a post comes from the client's site, without cookies.
func (b *browser) logout(method string, l authorization.Logout) page {
	b.t.Helper()
	if method == http.MethodGet {
		return b.get("/logout?" + encode(b.t, l).Encode())
	}
	jar, follow := b.http.Jar, b.http.CheckRedirect
	b.http.Jar = nil
	b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r := b.postRequest("/logout", encode(b.t, l))
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	p := b.do(r)
	b.http.Jar, b.http.CheckRedirect = jar, follow
	return b.get(p.location)
}

func TestSigningOutWithoutASessionIsDoneAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		b := s.browser(t)
		b.logout(method, authorization.Logout{Client: firstParty, RedirectURI: afterLogout + "?x=1", State: "s"}).wantLocation(afterLogout + "?x=1&state=s")
		if p := b.logout(method, authorization.Logout{}); p.status != http.StatusOK || p.url.Path != "/logout/done" {
			t.Errorf("%s ended at %s with %d", method, p.url, p.status)
		}
	}
}

func TestWhoeverStaysIsNotSentAnywhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "bob@acme.example")
	form := b.logout(http.MethodGet, authorization.Logout{Client: firstParty, RedirectURI: afterLogout}).form("/logout/confirm")
	form.Set("decision", "stay")
	if p := b.post("/logout/confirm", form); p.url.Path != "/account" || p.status != http.StatusOK {
		t.Errorf("ended at %s", p.url)
	}
	form.Set("decision", "maybe")
	b.post("/logout/confirm", form).want(http.StatusBadRequest, "")
}

func TestARequestToSignOutCannotBeForgedNorKept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "bob@acme.example")
	form := b.logout(http.MethodGet, authorization.Logout{Client: firstParty, RedirectURI: afterLogout}).form("/logout/confirm")
	good := form.Get("request")
	flow, err := s.request(firstParty).Seal(mac("flow"))
	check(t, err)
	for _, bad := range []string{"", ".", "A" + good[1:], good + "A", good[:20], flow, strings.Repeat("A", 9000)} {
		b.post("/logout/confirm", url.Values{"request": {bad}, "decision": {"sign_out"}}).want(http.StatusBadRequest, "")
		b.get("/logout/confirm?request="+bad).want(http.StatusBadRequest, "")
	}
	s.pass(2 * time.Hour)
	b.post("/logout/confirm", url.Values{"request": {good}, "decision": {"sign_out"}}).want(http.StatusBadRequest, "")
	if _, err := b.session(); err != nil {
		t.Error("signed out")
	}
}

func TestTheAccountPageSignsOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "ada@acme.example")
	p := b.get("/account")
	p.want(http.StatusOK, "Globex")
	p.want(http.StatusOK, "admin")
	p = b.post("/logout/confirm", p.form("/logout/confirm"))
	if p.url.Path != "/logout/done" || b.cookie("signet") != "" {
		t.Errorf("ended at %s", p.url)
	}
	if p := b.get("/account"); p.url.Path != "/login" {
		t.Errorf("the account is shown at %s", p.url)
	}
}
