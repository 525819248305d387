package interaction_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/interaction"
)

// provider stands in for package upstream: it proves whom a test wants proven.
type provider struct {
	mu      sync.Mutex
	starts  []connector.Start
	returns []connector.Return
	// What it says; nil: that all is well.
	start, issuer, exchange error
	profile                 connector.Profile
	during                  func() // while the code is exchanged
	logout                  func(token string) (connector.Logout, error)
}

const providerURL = "https://provider.example"

func (p *provider) AuthorizationURL(_ context.Context, _ connector.Connector, s connector.Start) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.start != nil {
		return "", p.start
	}
	p.starts = append(p.starts, s)
	return providerURL + "/authorize?" + url.Values{"state": {s.State}, "redirect_uri": {s.RedirectURI}}.Encode(), nil
}

func (p *provider) CheckIssuer(context.Context, connector.Connector, string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.issuer
}

func (p *provider) Exchange(_ context.Context, _ connector.Connector, r connector.Return) (connector.Proof, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.returns = append(p.returns, r)
	if p.during != nil {
		p.during()
	}
	return connector.Proof{Profile: p.profile}, p.exchange
}

func (p *provider) VerifyLogout(_ context.Context, _ connector.Connector, token string) (connector.Logout, error) {
	return p.logout(token)
}

// says changes what the provider says.
func (p *provider) says(change func(*provider)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *provider) lastStart() connector.Start {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.starts[len(p.starts)-1]
}

func (p *provider) lastReturn() connector.Return {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.returns[len(p.returns)-1]
}

func (p *provider) attempts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.starts)
}

// stranger is somebody whom nobody here knows.
func stranger() connector.Profile {
	verified := true
	return connector.Profile{
		Issuer: providerURL, Subject: "sub-1", Email: "nora@partner.example", EmailVerified: &verified,
		Names: connector.Names{Name: "Nora"}, SessionID: "upstream-session",
	}
}

func as(email string) connector.Profile {
	p := stranger()
	p.Subject, p.Email = "sub of "+email, email
	return p
}

// federation is a site with the connectors google, which takes people in to acme, closed, which takes
// in nobody, hidden, and off, which is disabled.
type federation struct {
	*site
	provider *provider
}

func newFederation(t *testing.T, options ...option) *federation {
	t.Helper()
	f := &federation{provider: &provider{profile: stranger()}}
	f.site = newSite(t, append([]option{func(c *interaction.Config) { c.Upstreams = f.provider }}, options...)...)
	declare := func(name string, enabled bool) {
		c := connector.Connector{
			Reference: name, Slug: name, Kind: connector.OIDC, Name: strings.ToUpper(name[:1]) + name[1:], Issuer: providerURL,
			ClientID: "signet", Provision: name != "closed", ManagedBy: connector.FromEnvironment,
		}
		if name == "google" {
			c.Kind = connector.Google
		}
		f.declared = append(f.declared, connector.Declaration{Connector: c, Joins: "acme"})
		if !enabled {
			f.declare(t)
			f.declared = f.declared[:len(f.declared)-1] // no longer declared: disabled
		}
	}
	declare("off", false)
	for _, name := range []string{"google", "closed", "hidden"} {
		declare(name, true)
	}
	f.declare(t)
	f.exec(t, `UPDATE connector SET hidden = true WHERE reference = 'hidden'`)
	return f
}

func (f *federation) declare(t *testing.T) {
	t.Helper()
	results, err := f.db.Declare(context.Background(), f.declared, f.keeper, time.Now())
	check(t, err)
	for _, r := range results {
		if r.Result == connector.Faulty {
			t.Fatalf("%s: %s", r.Reference, r.Fault)
		}
	}
}

// press presses the button of a connector and returns the address at the provider.
func (b *browser) press(p page, reference string) *url.URL {
	b.t.Helper()
	return b.away(b.post("/upstream/"+reference, p.formOf("/upstream/"+reference)))
}

// away is where a page sent the browser, which has to be the provider.
func (b *browser) away(p page) *url.URL {
	b.t.Helper()
	u, err := url.Parse(p.location)
	check(b.t, err)
	if p.status != http.StatusSeeOther || !strings.HasPrefix(p.location, providerURL+"/") {
		b.t.Fatalf("%d to %q, not to the provider:\n%s", p.status, p.location, p.body)
	}
	return u
}

// back comes back from the provider with a code, or with what changes say: "name=value".
func (b *browser) back(reference string, from *url.URL, changes ...string) page {
	b.t.Helper()
	return b.get(callbackOf(reference, from, changes...))
}

func callbackOf(reference string, from *url.URL, changes ...string) string {
	query := url.Values{"state": {from.Query().Get("state")}, "code": {"the-code"}}
	for _, c := range changes {
		name, value, _ := strings.Cut(c, "=")
		if query.Set(name, value); value == "" {
			query.Del(name)
		}
	}
	return "/upstream/" + reference + "/callback?" + query.Encode()
}

// formOf returns the hidden fields of the form to action alone.
func (p page) formOf(action string) url.Values {
	p.t.Helper()
	_, rest, found := strings.Cut(p.body, `action="`+action+`"`)
	if !found {
		p.t.Fatalf("page at %s (%d) has no form to %s:\n%s", p.url.Path, p.status, action, p.body)
	}
	rest, _, _ = strings.Cut(rest, "</form>")
	part := p
	part.body = `action="` + action + `"` + rest
	return part.form(action)
}

// lose has the browser lose its cookies.
func (b *browser) lose() {
	jar, err := cookiejar.New(nil)
	check(b.t, err)
	b.http.Jar = jar
}
