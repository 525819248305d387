package apptest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// Browser is a person with a browser that keeps cookies and runs no scripts. It follows
// redirects within the issuer only, so that the answer to a client can be looked at.
type Browser struct {
	t    testing.TB
	app  *App
	http *http.Client
	away *http.Client // for other sites, whose cookies the issuer's would mix with: jars know no ports
}

// Browser returns a browser without cookies.
func (a *App) Browser(t testing.TB) *Browser {
	t.Helper()
	client := func() *http.Client {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Client{
			Jar:           jar,
			Timeout:       20 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return &Browser{t: t, app: a, http: client(), away: client()}
}

// Cookies returns the issuer's cookies.
func (b *Browser) Cookies() []*http.Cookie {
	u, _ := url.Parse(b.app.URL)
	return b.http.Jar.Cookies(u)
}

// Page is what a browser shows in the end: a page of the issuer, or the address outside of it
// that it was sent to.
type Page struct {
	Status int
	Header http.Header
	Body   string
	URL    *url.URL // of the page
	Away   *url.URL // where the browser was sent, when that is not the issuer
}

// Get opens an address of the issuer and follows redirects within it.
func (b *Browser) Get(address string) Page {
	b.t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "none")
	return b.do(req)
}

// Return opens an address of the issuer as another site's redirect or link does.
func (b *Browser) Return(address string) Page {
	b.t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	return b.do(req)
}

// Answer goes where a page sent the browser, to a provider, and returns the address at the issuer
// that the provider sends it back to, without opening it. A provider that shows a page fails the
// test.
func (b *Browser) Answer(p Page) *url.URL {
	b.t.Helper()
	if p.Away == nil {
		b.t.Fatalf("the browser was not sent away: status %d, page %s:\n%s", p.Status, p.URL, p.Body)
	}
	to := p.Away
	for range 10 {
		req, err := http.NewRequest(http.MethodGet, to.String(), nil)
		if err != nil {
			b.t.Fatal(err)
		}
		req.Header.Set("Accept", "text/html")
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		res, err := b.away.Do(req)
		if err != nil {
			b.t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode < 300 || res.StatusCode > 399 {
			b.t.Fatalf("%s shows a page: %d %s", to, res.StatusCode, body)
		}
		if to, err = to.Parse(res.Header.Get("Location")); err != nil {
			b.t.Fatal(err)
		}
		if b.app.owns(to) {
			return to
		}
	}
	b.t.Fatal("the provider redirects in circles")
	return nil
}

// Follow goes to the provider that a page sent the browser to, and comes back.
func (b *Browser) Follow(p Page) Page {
	b.t.Helper()
	return b.Return(b.Answer(p).String())
}

// Through begins an authorization request of the client spa, presses the button of a connector on
// the sign-in page, and returns the page that sends the browser to its provider; changes are those
// of AuthorizeURL. It waits for a connector that was stored just now.
func (b *Browser) Through(reference string, changes ...string) Page {
	b.t.Helper()
	p := b.Get(b.app.AuthorizeURL("spa", changes...))
	for end := time.Now().Add(20 * time.Second); !p.HasForm("/upstream/"+reference) && time.Now().Before(end); {
		p = b.Get(b.app.AuthorizeURL("spa", changes...))
	}
	f := p.Form(b.t, "/upstream/"+reference)
	return b.Post(f.Action, f.Fields)
}

func (a *App) owns(u *url.URL) bool {
	return u.String() == a.URL || strings.HasPrefix(u.String(), a.URL+"/")
}

// Post submits a form of the issuer.
func (b *Browser) Post(address string, form url.Values) Page {
	b.t.Helper()
	req, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(req)
}

func (b *Browser) do(req *http.Request) Page {
	b.t.Helper()
	for range 10 {
		req.Header.Set("Accept", "text/html")
		res, err := b.http.Do(req)
		if err != nil {
			b.t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			b.t.Fatal(err)
		}
		p := Page{Status: res.StatusCode, Header: res.Header, Body: string(body), URL: req.URL}
		if res.StatusCode < 300 || res.StatusCode > 399 {
			return p
		}
		to, err := req.URL.Parse(res.Header.Get("Location"))
		if err != nil {
			b.t.Fatal(err)
		}
		if req.Method == http.MethodPost && res.StatusCode != http.StatusSeeOther {
			b.t.Fatalf("a POST was redirected with %d, want 303 (RFC 9700 §4.12)", res.StatusCode)
		}
		if !b.app.owns(to) {
			p.Away = to
			return p
		}
		if req, err = http.NewRequest(http.MethodGet, to.String(), nil); err != nil {
			b.t.Fatal(err)
		}
	}
	b.t.Fatal("the issuer redirects in circles")
	return Page{}
}

// Form is a form of a page.
type Form struct {
	Action string
	Fields url.Values // hidden and prefilled inputs
}

// Form returns the first form whose action ends in the suffix.
func (p Page) Form(t testing.TB, suffix string) Form {
	t.Helper()
	root, err := html.Parse(bytes.NewReader([]byte(p.Body)))
	if err != nil {
		t.Fatal(err)
	}
	var found *Form
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "form":
			if found != nil {
				return *found
			}
			action, err := p.URL.Parse(attribute(n, "action"))
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(action.Path, suffix) {
				found = &Form{Action: action.String(), Fields: url.Values{}}
			}
		case "input":
			if found != nil && within(n, "form") {
				found.Fields.Set(attribute(n, "name"), attribute(n, "value"))
			}
		}
	}
	if found == nil {
		t.Fatalf("no form with action …%s on page %s (status %d, sent to %v):\n%s", suffix, p.URL, p.Status, p.Away, p.Body)
	}
	return *found
}

// HasForm reports whether the page has a form whose action ends in the suffix.
func (p Page) HasForm(suffix string) bool {
	root, err := html.Parse(strings.NewReader(p.Body))
	if err != nil {
		return false
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" {
			if action, err := p.URL.Parse(attribute(n, "action")); err == nil && strings.HasSuffix(action.Path, suffix) {
				return true
			}
		}
	}
	return false
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func within(n *html.Node, tag string) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Type == html.ElementNode && p.Data == tag {
			return true
		}
	}
	return false
}

// SignIn fills in the sign-in form of a page.
func (b *Browser) SignIn(p Page, email, password string) Page {
	b.t.Helper()
	f := p.Form(b.t, "/login")
	f.Fields.Set("email", email)
	f.Fields.Set("password", password)
	return b.Post(f.Action, f.Fields)
}

// PickTenant presses the button of a tenant on the tenant page; value is a slug.
func (b *Browser) PickTenant(p Page, value string) Page {
	b.t.Helper()
	f := p.Form(b.t, "/login/tenant")
	f.Fields.Set("tenant", value)
	return b.Post(f.Action, f.Fields)
}

// Leave goes back to the client from the page for those who are no member.
func (b *Browser) Leave(p Page) Page {
	b.t.Helper()
	f := p.Form(b.t, "/login/membership")
	f.Fields.Set("decision", "deny")
	return b.Post(f.Action, f.Fields)
}

// Decide presses a button of the consent page: allow, deny or switch.
func (b *Browser) Decide(p Page, decision string) Page {
	b.t.Helper()
	f := p.Form(b.t, "/consent")
	f.Fields.Set("decision", decision)
	return b.Post(f.Action, f.Fields)
}
