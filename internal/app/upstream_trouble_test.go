package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/connector"
)

// What goes wrong at providers of others. Every trouble ends on a page with a way on that works once
// the trouble is over, is on record and counted, and bothers neither other connectors nor passwords.

// retries presses the button of a page that says what went wrong until it signs the person in: a
// provider that was down is left alone for a moment.
func (f federation) retries(t *testing.T, what string, b *apptest.Browser, p apptest.Page) {
	t.Helper()
	eventually(t, what+": trying again works", func() bool {
		form := p.Form(t, "/upstream/"+f.connector.Reference)
		if p = b.Post(form.Action, form.Fields); p.Away != nil {
			p = b.Follow(p)
		}
		return signedIn(p)
	})
}

// others checks that another connector and a password work.
func (f federation) others(t *testing.T, what string, other federation) {
	t.Helper()
	other.enters(t, what+", through another connector")
	b := f.Browser(t)
	if p := b.SignIn(b.Get(f.AuthorizeURL("spa")), apptest.Grace, apptest.Password); p.Away == nil {
		t.Errorf("%s: a password does not work: status %d: %s", what, p.Status, p.Body)
	}
}

func answerWith(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestTroubleAtAProviderEndsOnAPageThatLeadsOn(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	other := federation{App: a, provider: apptest.NewProvider(t)}
	c := other.provider.Connector()
	c.Slug = "other"
	other.connector = a.AddConnector(t, c, other.provider.Secret)

	ahead := func(d time.Duration) func(*apptest.Provider) {
		return func(p *apptest.Provider) { p.Bend(apptest.Bend{Ahead: d}) }
	}
	instead := func(endpoint string, h http.HandlerFunc) func(*apptest.Provider) {
		return func(p *apptest.Provider) { p.Instead(endpoint, h) }
	}
	hangUp := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	says := func(code string) func(*apptest.Provider) {
		return func(p *apptest.Provider) {
			p.Bend(apptest.Bend{Answer: func(_, a url.Values) {
				delete(a, "code")
				a["error"], a["error_description"] = []string{code}, []string{"<b>not for people</b>"}
			}})
		}
	}
	n := 0
	for what, trouble := range map[string]struct {
		make   func(*apptest.Provider)
		reason connector.Reason
	}{
		"it is down":                     {func(p *apptest.Provider) { p.Down() }, connector.Unreachable},
		"discovery is broken":            {instead("discovery", answerWith(500, "<b>not for people</b>")), connector.Unavailable},
		"discovery is over capacity":     {instead("discovery", answerWith(503, "")), connector.Unavailable},
		"discovery is not there":         {instead("discovery", answerWith(404, "<b>not for people</b>")), connector.Metadata},
		"discovery is a page":            {instead("discovery", answerWith(200, "<html>not for people")), connector.Metadata},
		"discovery hangs up":             {instead("discovery", hangUp), connector.Unreachable},
		"tokens are broken":              {instead("token", answerWith(500, "<b>not for people</b>")), connector.Unavailable},
		"tokens hang up":                 {instead("token", hangUp), connector.Unreachable},
		"the secret is another":          {instead("token", answerWith(401, `{"error":"invalid_client","error_description":"<b>not for people</b>"}`)), connector.Unauthorized},
		"the code is not good":           {instead("token", answerWith(400, `{"error":"invalid_grant"}`)), connector.CodeRefused},
		"tokens are a page":              {instead("token", answerWith(200, "<html>not for people")), connector.BadAnswer},
		"the keys are gone":              {instead("jwks", answerWith(500, "")), connector.Unavailable},
		"the keys are nonsense":          {instead("jwks", answerWith(200, "<html>")), connector.Metadata},
		"its clock is an hour ahead":     {ahead(time.Hour), connector.Clock},
		"its clock is an hour behind":    {ahead(-time.Hour), connector.Clock},
		"the audience is another":        {func(p *apptest.Provider) { p.Bend(apptest.Bend{Claims: func(c map[string]any) { c["aud"] = "x" }}) }, connector.BadToken},
		"it cannot answer now":           {says("temporarily_unavailable"), connector.Unavailable},
		"it has an error":                {says("server_error"), connector.Unavailable},
		"it does not like our request":   {says("invalid_scope"), connector.Refused},
		"it says something nobody knows": {says("<script>alert(1)</script>"), connector.Refused},
		"it sends back neither":          {func(p *apptest.Provider) { p.Bend(apptest.Bend{Answer: func(_, a url.Values) { delete(a, "code") }}) }, connector.BadAnswer},
		"it redirects instead of discovery": {instead("discovery", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.provider.URL+r.URL.Path, http.StatusFound)
		}), connector.Metadata},
		"it redirects instead of tokens": {instead("token", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.provider.URL+"/token", http.StatusTemporaryRedirect)
		}), connector.BadAnswer},
	} {
		f := federation{App: a, provider: apptest.NewProvider(t)}
		f.provider.SignedIn(person(map[string]any{"sub": what, "email": fmt.Sprintf("p%d@partner.example", n)}))
		c := f.provider.Connector()
		c.Slug = fmt.Sprintf("p%d", n)
		n++
		f.connector = a.AddConnector(t, c, f.provider.Secret)
		trouble.make(f.provider)
		exchanges := other.provider.Requests("")
		var browser *apptest.Browser
		p := f.refused(t, what, func(b *apptest.Browser) apptest.Page {
			browser = b
			return f.through(b)
		}, trouble.reason, similar(trouble.reason))
		if strings.Contains(p.Body, "not for people") || strings.Contains(p.Body, "<script>alert") {
			t.Errorf("%s: the page repeats what the provider says: %s", what, p.Body)
		}
		if more := other.provider.Requests("") - exchanges; more != 0 {
			t.Errorf("%s: %d requests went to another provider", what, more)
		}
		f.others(t, what, other)
		f.provider.Bend(apptest.Bend{})
		for _, endpoint := range []string{"discovery", "jwks", "token"} {
			f.provider.Instead(endpoint, nil)
		}
		if what == "it is down" {
			f.provider.Up()
		}
		if browser != nil {
			f.retries(t, what, browser, p)
		}
	}
}

// similar is the reason that is as good: whether a status of 500 is of somebody who is not there or
// who cannot answer makes no difference to anybody.
func similar(r connector.Reason) connector.Reason {
	switch r {
	case connector.Unreachable:
		return connector.Unavailable
	case connector.Unavailable:
		return connector.Unreachable
	case connector.Metadata:
		return connector.BadToken
	}
	return connector.BadAnswer
}

func TestWhoSaysNoAtTheProviderIsBackAtTheSignInPage(t *testing.T) {
	t.Parallel()
	f := federate(t, nil)
	f.provider.Bend(apptest.Bend{Answer: func(_, a url.Values) { delete(a, "code"); a["error"] = []string{"access_denied"} }})
	b := f.Browser(t)
	p := b.Follow(b.Through(f.connector.Reference))
	if p.Away != nil || !p.HasForm("/login") || p.Status >= 500 {
		t.Fatalf("status %d, sent to %v: %s", p.Status, p.Away, p.Body)
	}
	if n := f.counted(t, f.connector.Reference)["cancelled"]; n != 1 {
		t.Errorf("the metric counts %v", n)
	}
	eventually(t, "it is on record", func() bool { return f.failures(t, f.connector.Reference)["cancelled"] == 1 })
	// Another way, from the same page: the request that all this was for is not lost.
	if p := b.SignIn(p, apptest.Grace, apptest.Password); p.Away == nil || p.Away.Query().Get("state") != "some-state" || p.Away.Query().Get("code") == "" {
		t.Errorf("a password afterwards: status %d, sent to %v: %s", p.Status, p.Away, p.Body)
	}
}

func TestALostSessionTwoTabsAndTheBackButtonLeadOn(t *testing.T) {
	t.Parallel()
	f := federate(t, nil)

	// The browser has forgotten everything while its person was at the provider.
	b := f.Browser(t)
	answer := b.Answer(b.Through(f.connector.Reference, anywhere)).String()
	blank := f.Browser(t)
	p := blank.Return(answer)
	page(t, "without cookies", p)
	eventually(t, "it is on record", func() bool { return f.failures(t, f.connector.Reference)["expired"] == 1 })
	f.retriesAtLast(t, blank, p)

	// Two tabs begin, the first one comes back last.
	b = f.Browser(t)
	first := b.Answer(b.Through(f.connector.Reference, anywhere, "state=first")).String()
	second := b.Answer(b.Through(f.connector.Reference, anywhere, "state=second")).String()
	for _, tab := range []string{second, first} {
		if p := b.Return(tab); !signedIn(p) {
			t.Errorf("a tab of two: status %d, sent to %v: %s", p.Status, p.Away, p.Body)
		}
	}
}

// retriesAtLast finds the way on from a page that has lost what it was about: at least the other
// ways to sign in are there.
func (f federation) retriesAtLast(t *testing.T, b *apptest.Browser, p apptest.Page) {
	t.Helper()
	if p.HasForm("/upstream/" + f.connector.Reference) {
		form := p.Form(t, "/upstream/"+f.connector.Reference)
		back := b.Follow(b.Post(form.Action, form.Fields))
		if back.Status >= 400 {
			t.Errorf("trying again: status %d: %s", back.Status, back.Body)
		}
		if q := b.Get(f.AuthorizeURL("spa", anywhere, "prompt=none")); q.Away == nil || q.Away.Query().Get("error") == "login_required" {
			t.Errorf("trying again signs nobody in: %v", q.Away)
		}
		return
	}
	t.Errorf("no way to try again: %s", p.Body)
}

func TestAProviderMayChangeItsKeysAtAnyTime(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	for n, alg := range []string{"RS256", "EdDSA", "ES256"} {
		f := federation{App: a, provider: apptest.NewProvider(t)}
		f.provider.SignedIn(person(map[string]any{"email": fmt.Sprintf("p%d@partner.example", n)}))
		c := f.provider.Connector()
		c.Slug = fmt.Sprintf("p%d", n)
		f.connector = a.AddConnector(t, c, f.provider.Secret)
		f.enters(t, "before")
		asked := f.provider.Requests("jwks")
		f.provider.SetKeys(apptest.NewProviderKey(t, alg))
		f.enters(t, "with a new key for "+alg)
		f.enters(t, "and once more")
		if n := f.provider.Requests("jwks") - asked; n != 1 {
			t.Errorf("%s: the keys were fetched %d times for one change", alg, n)
		}
	}
}

func TestASignInCostsOneRequestToTheProvider(t *testing.T) {
	t.Parallel()
	f := federate(t, nil)
	f.enters(t, "with nothing known of the provider")
	before := f.provider.Requests("")
	f.enters(t, "the second time")
	if n := f.provider.Requests("") - before; n != 1 {
		t.Errorf("%d requests", n)
	}
	if f.provider.Requests("userinfo") != 0 {
		t.Error("userinfo was asked")
	}
}

// A provider that answers nothing holds nobody up but its own people, and those not for long; what
// waits for it is over when they are.
func TestAProviderThatIsSlowHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	f := federate(t, nil)
	other := federation{App: f.App, provider: apptest.NewProvider(t)}
	c := other.provider.Connector()
	c.Slug = "other"
	other.connector = f.AddConnector(t, c, other.provider.Secret)
	other.provider.SignedIn(person(map[string]any{"email": "joe@partner.example"}))
	f.others(t, "before", other)
	f.enters(t, "before")

	const people = 20
	release := make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free)
	f.provider.Before("token", func(r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	idle := runtime.NumGoroutine()
	answers := make([]string, people)
	browsers := make([]*apptest.Browser, people)
	for i := range answers {
		browsers[i] = f.Browser(t)
		answers[i] = browsers[i].Answer(browsers[i].Through(f.connector.Reference, anywhere)).String()
	}
	pages := make(chan apptest.Page, people)
	begun := time.Now()
	for i := range answers {
		go func() { pages <- browsers[i].Return(answers[i]) }()
	}
	f.others(t, "while the provider is silent", other)
	for range people {
		p := <-pages
		page(t, "nobody answers", p)
		if p.Status != http.StatusServiceUnavailable && p.Status != http.StatusBadGateway && p.Status != http.StatusGatewayTimeout {
			t.Errorf("status %d: %s", p.Status, p.Body)
		}
	}
	if d := time.Since(begun); d > 25*time.Second {
		t.Errorf("people waited for %s", d)
	}
	free()
	f.provider.Before("token", nil)
	eventually(t, "nothing waits any more", func() bool {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		return runtime.NumGoroutine() < idle+people
	})
	f.enters(t, "after")
}

func TestAHugeAnswerIsNotRead(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	for n, endpoint := range []string{"discovery", "jwks", "token"} {
		f := federation{App: a, provider: apptest.NewProvider(t)}
		c := f.provider.Connector()
		c.Slug = fmt.Sprintf("p%d", n)
		f.connector = a.AddConnector(t, c, f.provider.Secret)
		sent := make(chan int64, 1)
		f.provider.Instead(endpoint, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			var n int64
			for n < 256<<20 {
				k, err := io.WriteString(w, strings.Repeat(" ", 64<<10))
				n += int64(k)
				if err != nil {
					break
				}
			}
			select {
			case sent <- n:
			default:
			}
		})
		f.refused(t, "a huge answer of "+endpoint, func(b *apptest.Browser) apptest.Page {
			return f.through(b)
		}, connector.Metadata, connector.BadAnswer, connector.BadToken, connector.Unavailable, connector.Unreachable)
		if n := <-sent; n > 32<<20 {
			t.Errorf("%d bytes of %s were taken", n, endpoint)
		}
	}
}
