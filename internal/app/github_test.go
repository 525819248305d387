package app_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/connector"
)

// gitHub is an application whose people sign in through a GitHub.
type gitHub struct {
	federation
	*apptest.GitHub
}

func throughGitHub(t *testing.T) gitHub {
	t.Helper()
	g := gitHub{GitHub: apptest.NewGitHub(t)}
	g.App = apptest.Start(t)
	g.connector = g.AddConnector(t, g.Connector(), g.Secret)
	g.Callback = g.App.URL + g.connector.CallbackPath()
	return g
}

func TestPeopleSignInThroughGitHubWithThreeRequestsOfWhichTwoAtATime(t *testing.T) {
	t.Parallel()
	g := throughGitHub(t)
	// Each of the two waits for the other: in turn they would never be answered.
	var both sync.WaitGroup
	both.Add(2)
	meet := func() bool {
		both.Done()
		met := make(chan struct{})
		go func() { both.Wait(); close(met) }()
		select {
		case <-met:
			return true
		case <-time.After(5 * time.Second): // only of a program that is wrong
			return false
		}
	}
	g.Before("user", func(*http.Request) {
		if !meet() {
			t.Error("the user is asked for without the addresses")
		}
	})
	g.Before("emails", func(*http.Request) {
		if !meet() {
			t.Error("the addresses are asked for without the user")
		}
	})
	b := g.enters(t, "the first time")
	if n := g.Requests(""); n != 3 || g.Requests("token") != 1 || g.Requests("user") != 1 || g.Requests("emails") != 1 {
		t.Errorf("%d requests: token %d, user %d, emails %d", n, g.Requests("token"), g.Requests("user"), g.Requests("emails"))
	}
	if !g.alive(t, b) {
		t.Error("nobody is signed in")
	}
	var email, subject, issuer, label, name string
	row(t, g.App, `SELECT u.email, i.subject, i.issuer, i.label, u.name FROM identity i JOIN user_account u ON u.id = i.user_id`, &email, &subject, &issuer, &label, &name)
	if email != "octocat@partner.example" || subject != "583231" || issuer != g.GitHub.URL || label != "octocat" || name != "monalisa octocat" {
		t.Errorf("%s is %s of %s, called %s, %s", email, subject, issuer, label, name)
	}
}

func TestAGitHubAccountIsItsNumberAndNotItsName(t *testing.T) {
	t.Parallel()
	g := throughGitHub(t)
	g.enters(t, "the first time")

	renamed := apptest.Octocat()
	renamed.Login = "monalisa"
	g.SignedIn(renamed)
	before := g.stored(t)
	g.enters(t, "with another name")
	after := g.stored(t)
	before.Sessions, after.Sessions = 0, 0
	if after != before {
		t.Errorf("another name is somebody else: %+v, was %+v", after, before)
	}

	// The name is free now, and taken by somebody with an address that is not verified.
	thief := apptest.Octocat()
	thief.ID = 99
	for i := range thief.Emails {
		thief.Emails[i].Verified = false
	}
	g.SignedIn(thief)
	g.refused(t, "the old name in other hands", g.through, connector.NoAddress)
	thief.ID, thief.Emails = 5832310, nil
	g.SignedIn(thief)
	g.refused(t, "nor without any address", g.through, connector.NoAddress)
}

func TestGitHubsPrimaryAddressCountsAndOnlyIfItIsVerified(t *testing.T) {
	t.Parallel()
	g := throughGitHub(t)
	private := "private"
	for what, u := range map[string]apptest.GitHubUser{
		"the public address is another":      {ID: 1, Login: "a", Public: apptest.Ada},
		"the primary one is not verified":    {ID: 2, Login: "b", Emails: []apptest.GitHubEmail{{Email: apptest.Ada, Primary: true}, {Email: "b@partner.example", Verified: true}}},
		"a verified one is not the primary":  {ID: 3, Login: "c", Public: "c@partner.example", Emails: []apptest.GitHubEmail{{Email: "c@partner.example", Verified: true}}},
		"the primary one is nothing":         {ID: 4, Login: "d", Emails: []apptest.GitHubEmail{{Primary: true, Verified: true, Visibility: &private}}},
		"no number, which would be a number": {Login: "e", Emails: []apptest.GitHubEmail{{Email: "e@partner.example", Primary: true, Verified: true}}},
	} {
		g.SignedIn(u)
		g.refused(t, what, g.through, connector.NoAddress, connector.BadAnswer, connector.NotVouched)
	}
	g.SignedIn(apptest.GitHubUser{ID: 6, Login: "f", Emails: []apptest.GitHubEmail{{Email: apptest.Ada, Primary: true, Verified: true}}})
	g.asks(t, "the verified address of an account that exists", apptest.Ada, g.through)
	g.SignedIn(apptest.Octocat())
	g.enters(t, "after")
}

func TestWhatGitHubRefusesIsSaidInOurWords(t *testing.T) {
	t.Parallel()
	g := throughGitHub(t)
	g.enters(t, "before")
	for code, reason := range map[string]connector.Reason{
		"bad_verification_code": connector.CodeRefused, "incorrect_client_credentials": connector.Unauthorized,
		"redirect_uri_mismatch": connector.CodeRefused, "unverified_user_email": connector.CodeRefused, "something_new": connector.CodeRefused,
	} {
		g.FailTokens(code)
		p := g.refused(t, code, g.through, reason, connector.NoAddress, connector.Unauthorized, connector.BadAnswer)
		if strings.Contains(p.Body, code) || strings.Contains(p.Body, "passed is incorrect") {
			t.Errorf("%s: the page repeats what GitHub says: %s", code, p.Body)
		}
	}
	g.FailTokens("")
	g.Limit(true)
	g.refused(t, "the rate limit is used up", g.through, connector.Unavailable)
	g.Limit(false)
	for endpoint, answers := range map[string][]int{"token": {500, 502, 404, 429}, "user": {401, 403, 404, 500, 503, 429}, "emails": {401, 403, 404, 500}} {
		for _, status := range answers {
			g.Instead(endpoint, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json; charset=utf-8")
				w.WriteHeader(status)
				_, _ = w.Write([]byte(`{"message":"<b>Not for people</b>","documentation_url":"https://docs.github.com/rest","status":"` + http.StatusText(status) + `"}`))
			})
			p := g.refused(t, endpoint+" answers "+http.StatusText(status), g.through,
				connector.Unavailable, connector.BadAnswer, connector.CodeRefused, connector.Unauthorized, connector.NoAddress)
			if strings.Contains(p.Body, "Not for people") {
				t.Errorf("%s: the page repeats what GitHub says: %s", endpoint, p.Body)
			}
		}
		g.Instead(endpoint, nil)
	}
	for endpoint, body := range map[string]string{"token": `{"access_token":7}`, "user": `{"id":"583231","login":"x"}`, "emails": `{"email":"x@partner.example"}`} {
		for _, body := range []string{body, `<html>`, ``, `"null"`, `[`, strings.Repeat(`[`, 100_000)} {
			g.Instead(endpoint, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
			g.refused(t, endpoint+" makes no sense: "+body[:min(len(body), 30)], g.through, connector.BadAnswer, connector.NoAddress, connector.CodeRefused)
		}
		g.Instead(endpoint, nil)
	}
	g.Deny(true)
	if p := g.through(g.Browser(t)); p.Away != nil || !p.HasForm("/login") && !strings.Contains(p.Body, "<form") {
		t.Errorf("who says no is left without a way on: %d, sent to %v", p.Status, p.Away)
	}
	g.Deny(false)
	g.enters(t, "after")
}
