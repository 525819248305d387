package app_test

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
)

// zone is the TXT records of a test, by name; what is not in it does not exist, and a nil list is a name
// server that does not answer.
type zone struct {
	mu      sync.Mutex
	records map[string][]string
	queries map[string]int
}

// asked is how often a name was looked up.
func (z *zone) asked(name string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.queries[name]
}

func (z *zone) remove(name string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	delete(z.records, name)
}

func (z *zone) set(name string, records ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records[name] = records
}

func (z *zone) look(name string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.queries == nil {
		z.queries = map[string]int{}
	}
	z.queries[name]++
	switch records, ok := z.records[name]; {
	case !ok:
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	case records == nil:
		return nil, errors.New("no answer")
	default:
		return records, nil
	}
}

func TestADomainIsProvenByItsTXTRecord(t *testing.T) {
	t.Parallel()
	z := &zone{records: map[string][]string{}}
	a := apptest.Start(t, apptest.WithNames(z.look))
	greta := a.AdminToken(t, apptest.Greta, "globex")
	const path = "/tenants/globex/domains/GLOBEX.example"
	claimed := a.Admin(t, greta, http.MethodPut, path, sent())
	if claimed.Status != http.StatusOK || claimed.Text("domain") != "globex.example" || claimed.Text("challenge_name") != "_signet-challenge.globex.example" || claimed.Text("challenge_value") == "" || claimed.JSON["verified_at"] != nil {
		t.Fatalf("claimed: %d %s", claimed.Status, claimed.Raw)
	}
	name, value := claimed.Text("challenge_name"), claimed.Text("challenge_value")
	for _, step := range []struct {
		what     string
		publish  func()
		verified bool
		says     string
	}{
		{"no record", func() {}, false, "no TXT record yet"},
		{"a silent name server", func() { z.set(name) }, false, "no answer"},
		{"another record", func() { z.set(name, "v=spf1 -all", value+"x") }, false, "none of them says " + value},
		{"the record of the domain itself", func() { z.set(name, "nothing"); z.set("globex.example", value) }, false, "none of them"},
		{"the record", func() { z.set(name, "v=spf1 -all", value) }, true, "found"},
		{"once more, when it is gone", func() { z.set(name, "nothing") }, true, "already"},
	} {
		step.publish()
		got := a.Admin(t, greta, http.MethodPost, path+"/verify", nil)
		if got.Status != http.StatusOK || got.JSON["verified"] != step.verified || !strings.Contains(got.Text("detail"), step.says) {
			t.Errorf("%s: %d %s", step.what, got.Status, got.Raw)
		}
	}
	got := a.Admin(t, greta, http.MethodGet, path, nil)
	if got.Text("verified_by") != "dns" || got.Text("verified_at") == "" || got.Text("challenge_value") != value {
		t.Errorf("afterwards: %d %s", got.Status, got.Raw)
	}
	// Where it leads is edited as it was read, and does not take the proof away.
	done(t, a.Admin(t, greta, http.MethodPost, "/connectors", oktaFields("slug", "okta")))
	if got := a.Admin(t, greta, http.MethodPut, path, sent("connector_id", "globex.okta")); got.Status != http.StatusPreconditionRequired {
		t.Errorf("unread: %d %s", got.Status, got.Raw)
	}
	edited := a.Admin(t, greta, http.MethodPut, path, sent("connector_id", "globex.okta"), "If-Match: "+got.Header.Get("ETag"))
	if edited.Status != http.StatusOK || !strings.HasPrefix(edited.Text("connector_id"), "con_") || edited.Text("verified_by") != "dns" || edited.Text("challenge_value") != value {
		t.Errorf("it leads to a connector: %d %s", edited.Status, edited.Raw)
	}
	if got := entries(a.Admin(t, greta, http.MethodGet, "/tenants/globex/domains", nil), "domain"); !slices.Equal(got, []string{"globex.example"}) {
		t.Errorf("the list: %v", got)
	}
	if got := a.Admin(t, greta, http.MethodDelete, path, nil, `If-Match: "99"`); got.Status != http.StatusPreconditionFailed {
		t.Errorf("another version: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, greta, http.MethodDelete, path, nil); got.Status != http.StatusNoContent {
		t.Errorf("released: %d %s", got.Status, got.Raw)
	}
	for _, action := range []string{"domain.claimed", "domain.verified", "domain.updated", "domain.released"} {
		if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = $1 AND detail ->> 'domain' = 'globex.example' AND tenant_id IS NOT NULL", action); n != 1 {
			t.Errorf("%d records of %s", n, action)
		}
	}
}

// TestAClaimTellsNothingOfOtherTenants has two tenants claim one domain: neither learns of the other,
// until one who has shown that the domain is theirs cannot have it.
func TestAClaimTellsNothingOfOtherTenants(t *testing.T) {
	t.Parallel()
	z := &zone{records: map[string][]string{}}
	a := apptest.Start(t, apptest.WithNames(z.look))
	opal, greta := a.AdminToken(t, apptest.Opal, "signet"), a.AdminToken(t, apptest.Greta, "globex")
	done(t, a.Admin(t, opal, http.MethodPut, "/tenants/acme/domains/shared.example", sent("verified", true)))
	done(t, a.Admin(t, opal, http.MethodPost, "/connectors", oktaFields("tenant_id", "acme", "slug", "okta")))
	taken, free := a.Admin(t, greta, http.MethodPut, "/tenants/globex/domains/shared.example", sent()), a.Admin(t, greta, http.MethodPut, "/tenants/globex/domains/nobodys.example", sent())
	if taken.Status != http.StatusOK || free.Status != http.StatusOK || !slices.Equal(slices.Sorted(maps.Keys(taken.JSON)), slices.Sorted(maps.Keys(free.JSON))) {
		t.Errorf("claiming: %d %s\n%d %s", taken.Status, taken.Raw, free.Status, free.Raw)
	}
	for _, c := range []struct {
		what string
		body map[string]any
		path string
		want int
		at   string
	}{
		{"vouching for oneself", sent("verified", true), "/tenants/globex/domains/x.example", 403, "body.verified"},
		{"another's connector", sent("connector_id", "acme.okta"), "/tenants/globex/domains/x.example", 422, "body.connector_id"},
		{"no connector", sent("connector_id", "acme.nothing"), "/tenants/globex/domains/x.example", 422, "body.connector_id"},
		{"an address", sent(), "/tenants/globex/domains/ada@x.example", 422, "path.domain"},
		{"one label", sent(), "/tenants/globex/domains/localhost", 422, "path.domain"},
		{"a number", sent(), "/tenants/globex/domains/127.0.0.1", 422, "path.domain"},
	} {
		fault(t, c.what, a.Admin(t, greta, http.MethodPut, c.path, c.body), c.want, c.at)
	}
	z.set("_signet-challenge.shared.example", taken.Text("challenge_value"))
	if got := a.Admin(t, greta, http.MethodPost, "/tenants/globex/domains/shared.example/verify", nil); got.Status != http.StatusConflict || strings.Contains(strings.ToLower(got.Raw), "acme") {
		t.Errorf("what another has proven: %d %s", got.Status, got.Raw)
	}
	for _, path := range []string{"/tenants/acme/domains", "/tenants/acme/domains/shared.example"} {
		if got := a.Admin(t, greta, http.MethodGet, path, nil); got.Status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, got.Status, got.Raw)
		}
	}
	// Whoever administers the installation can move it.
	fault(t, "verified twice", a.Admin(t, opal, http.MethodPut, "/tenants/globex/domains/shared.example", sent("verified", true), "If-Match: *"), 409, "body.verified")
	moved := a.Admin(t, opal, http.MethodPut, "/tenants/acme/domains/shared.example", sent("verified", false), "If-Match: *")
	if moved.Status != http.StatusOK || moved.JSON["verified_at"] != nil {
		t.Errorf("taken away: %d %s", moved.Status, moved.Raw)
	}
	if got := a.Admin(t, greta, http.MethodPost, "/tenants/globex/domains/shared.example/verify", nil); got.JSON["verified"] != true {
		t.Errorf("afterwards: %d %s", got.Status, got.Raw)
	}
}

// TestADomainIsVerifiedForAsLongAsItsRecordStands has days pass, each with its own answer of the name servers.
func TestADomainIsVerifiedForAsLongAsItsRecordStands(t *testing.T) {
	t.Parallel()
	z, clk := &zone{records: map[string][]string{}}, &movableClock{}
	a := apptest.Start(t, apptest.WithNames(z.look), apptest.WithClock(clk.now), apptest.With("SIGNET_CLEANUP_INTERVAL", "1s"))
	opal, greta := a.AdminToken(t, apptest.Opal, "signet"), a.AdminToken(t, apptest.Greta, "globex")
	done(t, a.Admin(t, opal, http.MethodPut, "/tenants/globex/domains/vouched.example", sent("verified", true)))
	name, value := claims(t, a, z, greta, "globex", "globex.example")
	done(t, a.Admin(t, greta, http.MethodPost, "/tenants/globex/domains/globex.example/verify", nil))
	missing := func() { z.remove(name) }
	other := func() { z.set(name, "v=spf1 -all") }
	silent := func() { z.set(name) }
	there := func() { z.set(name, value) }
	for n, day := range []struct {
		answer            func()
		passes            time.Duration
		verified, missing bool
	}{
		{there, 25 * time.Hour, true, false},
		{other, 25 * time.Hour, true, true},
		{silent, 8 * 24 * time.Hour, true, true}, // nobody knows
		{there, 25 * time.Hour, true, false},     // the week begins anew
		{silent, 25 * time.Hour, true, false},
		{missing, 25 * time.Hour, true, true},
		{missing, 6 * 24 * time.Hour, true, true},
		{missing, 25 * time.Hour, false, false},
	} {
		day.answer()
		asked := z.asked(name)
		clk.ahead.Add(int64(day.passes))
		eventually(t, "the record is looked for", func() bool { return z.asked(name) > asked })
		eventually(t, fmt.Sprintf("look %d: %+v", n, day), func() bool {
			return records(t, a, `SELECT count(*) FROM tenant_domain WHERE domain = 'globex.example'
				AND (verified_at IS NOT NULL) = $1 AND (verified_by = 'dns') = $1 AND (missing_since IS NOT NULL) = $2`, day.verified, day.missing) == 1
		})
		if t.Failed() {
			return
		}
	}
	if n := records(t, a, `SELECT count(*) FROM audit_event e JOIN tenant t ON t.id = e.tenant_id WHERE e.action = 'domain.lapsed'
		AND t.slug = 'globex' AND e.target = 'globex.example' AND e.actor = '' AND e.user_id IS NULL AND e.detail ->> 'domain' = 'globex.example'`); n != 1 {
		t.Errorf("%d records of the lapse", n)
	}
	if n := records(t, a, `SELECT count(*) FROM tenant_domain WHERE domain = 'vouched.example' AND verified_at IS NOT NULL AND checked_at IS NULL`); n != 1 {
		t.Error("what was vouched for was looked at")
	}
	if z.asked("_signet-challenge.vouched.example") != 0 {
		t.Error("the name servers were asked for what was vouched for")
	}
	if !strings.Contains(a.Log.String(), "a domain is no longer verified") {
		t.Error("nothing in the log")
	}
}

// TestADomainThatChangedHandsIsTheNextOwners has another tenant prove a domain: the proof moves when the
// record of the former is gone, and not before.
func TestADomainThatChangedHandsIsTheNextOwners(t *testing.T) {
	t.Parallel()
	z := &zone{records: map[string][]string{}}
	a := apptest.Start(t, apptest.WithNames(z.look))
	opal, greta := a.AdminToken(t, apptest.Opal, "signet"), a.AdminToken(t, apptest.Greta, "globex")
	name, former := claims(t, a, z, opal, "acme", "sold.example")
	done(t, a.Admin(t, opal, http.MethodPost, "/tenants/acme/domains/sold.example/verify", nil))
	_, next := claims(t, a, z, greta, "globex", "sold.example")
	verify := func() apptest.Answer {
		return a.Admin(t, greta, http.MethodPost, "/tenants/globex/domains/sold.example/verify", nil)
	}
	z.set(name, former, next)
	refused := verify()
	if refused.Status != http.StatusConflict || strings.Contains(strings.ToLower(refused.Raw), "acme") {
		t.Fatalf("while the former record stands: %d %s", refused.Status, refused.Raw)
	}
	z.set(name, "v=spf1 -all")
	if got := verify(); got.JSON["verified"] != false {
		t.Errorf("without a record of its own: %d %s", got.Status, got.Raw)
	}
	if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'domain.lapsed'"); n != 0 {
		t.Errorf("%d lapses", n)
	}
	z.set(name, next)
	got := verify()
	domain, _ := got.JSON["domain"].(map[string]any)
	if got.Status != http.StatusOK || got.JSON["verified"] != true || domain["verified_by"] != "dns" || strings.Contains(strings.ToLower(got.Raw), "acme") {
		t.Errorf("afterwards: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodGet, "/tenants/acme/domains/sold.example", nil); got.JSON["verified_at"] != nil || got.JSON["verified_by"] != nil {
		t.Errorf("the former: %d %s", got.Status, got.Raw)
	}
	if n := records(t, a, `SELECT count(*) FROM audit_event e JOIN tenant t ON t.id = e.tenant_id WHERE e.action = 'domain.lapsed' AND t.slug = 'acme'
		AND e.target = 'sold.example' AND e.actor = '' AND e.user_id IS NULL AND e.address = '' AND e.request_id = ''`); n != 1 {
		t.Errorf("%d records for the former tenant", n)
	}
	if n := records(t, a, `SELECT count(*) FROM audit_event e JOIN tenant t ON t.id = e.tenant_id WHERE e.action = 'domain.verified' AND t.slug = 'globex'`); n != 1 {
		t.Errorf("%d records for the next", n)
	}
}

// claims has a tenant claim a domain, and publishes the record.
func claims(t *testing.T, a *apptest.App, z *zone, token, tenant, domain string) (name, value string) {
	t.Helper()
	claimed := a.Admin(t, token, http.MethodPut, "/tenants/"+tenant+"/domains/"+domain, sent())
	done(t, claimed)
	name, value = claimed.Text("challenge_name"), claimed.Text("challenge_value")
	z.set(name, value)
	return name, value
}
