package interaction_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
)

// What anybody can do without end must not fill the database or the audit log.
func TestSoManyLeaveForProvidersFromOneAddressAndNoMore(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.provider.says(func(p *provider) { p.start = connector.Fail(connector.Unreachable, nil, inside) })
	flood := f.browser(t)
	last := 0
	for range 310 {
		last = flood.post("/upstream/google", url.Values{}).status
	}
	recorded := f.trail.count(audit.UpstreamFailed)
	if last != http.StatusTooManyRequests || recorded > 300 {
		t.Fatalf("the last of them got %d, and %d are on record", last, recorded)
	}
	f.provider.says(func(p *provider) { p.start = nil })
	b := f.browser(t)
	p := b.open(f.request(firstParty))
	held := b.post("/upstream/google", p.formOf("/upstream/google"))
	held.want(http.StatusTooManyRequests, "Too many sign-ins from your network")
	if held.header.Get("Retry-After") != "60" || f.provider.attempts() != 0 || f.trail.count(audit.UpstreamFailed) != recorded {
		t.Errorf("Retry-After %q, %d attempts", held.header.Get("Retry-After"), f.provider.attempts())
	}
	// Passwords are taken meanwhile.
	b.signIn(b.get(links(held)[0]), "bob@acme.example", goodPassword).wantLocation(callback + "?code=x")
}

func TestWhoComesBackFromAProviderProvenDoesNotCount(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	for range 305 {
		b := f.browser(t)
		b.back("google", b.away(b.post("/upstream/google", url.Values{}))).want(http.StatusOK, "nora@partner.example")
	}
}
