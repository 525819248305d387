package interaction_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
)

// What anybody can do without end must not fill the database or the audit log.
func TestSoManyLeaveForProvidersFromOneAddressAndNoMore(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	flood := f.browser(t)
	last := 0
	for range 310 {
		last = flood.post("/upstream/google", url.Values{}).status
	}
	if n := f.provider.attempts(); last != http.StatusTooManyRequests || n < 300 {
		t.Fatalf("the last of them got %d, after %d attempts", last, n)
	}
	kept := f.rows(t, "upstream_attempt")
	b := f.browser(t)
	p := b.open(f.request(firstParty))
	held := b.post("/upstream/google", p.formOf("/upstream/google"))
	held.want(http.StatusTooManyRequests, "Too many sign-ins from your network")
	if held.header.Get("Retry-After") != "60" || kept > 300 || f.trail.count(audit.UpstreamFailed) != 1 {
		t.Errorf("Retry-After %q, %d are kept, %d are on record", held.header.Get("Retry-After"), kept, f.trail.count(audit.UpstreamFailed))
	}
	// Passwords and other providers are there meanwhile.
	other := f.browser(t)
	other.away(other.post("/upstream/closed", url.Values{}))
	b.signIn(b.get(links(held)[0]), "bob@acme.example", goodPassword).wantLocation(callback + "?code=x")
}

func TestAnOutageIsOnRecordOnceInAWhileAndHoldsNobodyOff(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.provider.says(func(p *provider) { p.start = connector.Fail(connector.Unreachable, nil, inside) })
	recorded := func(press string, want int) {
		t.Helper()
		f.browser(t).post("/upstream/"+press, url.Values{}).want(http.StatusServiceUnavailable, "does not answer")
		if n := f.trail.count(audit.UpstreamFailed); n != want {
			t.Fatalf("%d are on record, want %d", n, want)
		}
	}
	for range 305 {
		recorded("google", 1)
	}
	recorded("closed", 2)
	f.pass(10*time.Minute + time.Second)
	recorded("google", 3)
	f.provider.says(func(p *provider) { p.start = nil })
	b := f.browser(t)
	b.away(b.post("/upstream/google", url.Values{}))
}

func TestWhoComesBackFromAProviderProvenDoesNotCount(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	for range 305 {
		b := f.browser(t)
		b.back("google", b.away(b.post("/upstream/google", url.Values{}))).want(http.StatusOK, "nora@partner.example")
	}
}
