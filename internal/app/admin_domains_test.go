package app_test

import (
	"errors"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

// zone is the TXT records of a test, by name; what is not in it does not exist, and a nil list is a name
// server that does not answer.
type zone struct {
	mu      sync.Mutex
	records map[string][]string
}

func (z *zone) set(name string, records ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records[name] = records
}

func (z *zone) look(name string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
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
