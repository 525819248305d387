package postgres_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
)

func TestADomainIsClaimedProvenAndReleased(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	store, ctx := l.Domains(), t.Context()
	yes, no := true, false
	d := connector.Domain{Tenant: l.acme, Name: "apex.example", Connector: l.okta.ID, Challenge: "one"}
	claimed, err := store.SaveDomain(ctx, l.tends(audit.DomainClaimed), d, nil)
	must(t, err)
	if claimed.Challenge != "one" || claimed.Connector != l.okta.ID || !claimed.VerifiedAt.IsZero() || claimed.Version != 1 {
		t.Errorf("%+v", claimed)
	}
	if _, err := l.Providers().FindRealm(ctx, "apex.example"); !errors.Is(err, errdefs.ErrNotFound) {
		t.Errorf("a claim alone leads somewhere: %v", err)
	}
	unread := l.tends(audit.DomainClaimed)
	unread.Unread = true
	if _, err := store.SaveDomain(ctx, unread, d, nil); !errors.Is(err, admin.ErrUnread) {
		t.Errorf("unread: %v", err)
	}
	_, err = store.SaveDomain(ctx, l.tends(audit.DomainUpdated), d, &yes)
	names(t, "vouched for by the tenant itself", err, "verified", errdefs.ErrDenied)
	foreign := d
	foreign.Connector = l.google.ID
	_, err = store.SaveDomain(ctx, l.tends(audit.DomainUpdated), foreign, nil)
	names(t, "to a connector of nobody's people", err, "connector_id", errdefs.ErrInvalid)
	for _, bad := range []string{"APEX.example", "localhost", "10.0.0.1", "x y.example"} {
		_, err = store.SaveDomain(ctx, l.tends(audit.DomainClaimed), connector.Domain{Tenant: l.acme, Name: bad, Challenge: "x"}, nil)
		names(t, bad, err, "domain", errdefs.ErrInvalid)
	}
	verified, err := store.VerifyDomain(ctx, l.tends(audit.DomainVerified), l.acme, "apex.example")
	if err != nil || verified.VerifiedBy != "dns" || verified.VerifiedAt.IsZero() {
		t.Errorf("%+v, %v", verified, err)
	}
	if again, err := store.VerifyDomain(ctx, l.tends(audit.DomainVerified), l.acme, "apex.example"); err != nil || again != verified {
		t.Errorf("again: %+v, %v", again, err)
	}
	d.Challenge, d.Connector = "two", connector.Domain{}.Connector
	edited, err := store.SaveDomain(ctx, l.tends(audit.DomainUpdated), d, nil)
	if err != nil || edited.Challenge != "one" || !edited.Connector.IsZero() || edited.VerifiedAt != verified.VerifiedAt || edited.VerifiedBy != "dns" {
		t.Errorf("%+v, %v", edited, err)
	}
	stale := l.tends(audit.DomainUpdated)
	stale.IfVersion = 1
	if _, err := store.SaveDomain(ctx, stale, d, nil); !errors.Is(err, admin.ErrVersion) {
		t.Errorf("stale: %v", err)
	}

	// One tenant has it, and another one is not told which.
	elsewhere := connector.Domain{Tenant: l.globex, Name: "apex.example", Challenge: "x"}
	_, err = store.SaveDomain(ctx, did(audit.DomainClaimed), elsewhere, nil)
	must(t, err)
	_, err = store.SaveDomain(ctx, did(audit.DomainUpdated), elsewhere, &yes)
	names(t, "proven elsewhere", err, "verified", errdefs.ErrConflict)
	_, err = store.VerifyDomain(ctx, did(audit.DomainVerified), l.globex, "apex.example")
	if !errors.Is(err, errdefs.ErrConflict) || strings.Contains(strings.ToLower(err.Error()), "acme") {
		t.Errorf("proven elsewhere: %v", err)
	}
	if r, err := l.Providers().FindRealm(ctx, "apex.example"); err != nil || r.Tenant != l.acme {
		t.Errorf("%+v, %v", r, err)
	}
	if undone, err := store.SaveDomain(ctx, did(audit.DomainUpdated), d, &no); err != nil || !undone.VerifiedAt.IsZero() || undone.VerifiedBy != "" {
		t.Errorf("%+v, %v", undone, err)
	}
	if vouched, err := store.SaveDomain(ctx, did(audit.DomainUpdated), elsewhere, &yes); err != nil || vouched.VerifiedBy != "signet-cli" || vouched.VerifiedAt.IsZero() {
		t.Errorf("%+v, %v", vouched, err)
	}
	list, err := store.ListDomains(ctx, l.acme, admin.Page{Limit: 1})
	if err != nil || len(list.Items) != 1 || list.Items[0].Name != "acme.example" {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err = store.ListDomains(ctx, l.acme, admin.Page{Limit: 1, After: list.Next}); err != nil || len(list.Items) != 1 || list.Items[0].Name != "apex.example" || list.Next != "" {
		t.Errorf("%+v, %v", list, err)
	}
	must(t, store.DeleteDomain(ctx, l.tends(audit.DomainReleased), l.acme, "apex.example"))
	notFound(t, "released already", store.DeleteDomain(ctx, l.tends(audit.DomainReleased), l.acme, "apex.example"))
	_, err = store.FindDomain(ctx, l.acme, "apex.example")
	notFound(t, "released", err)
}

func TestOfTwoTenantsThatProveADomainAtOnceOneHasIt(t *testing.T) {
	t.Parallel()
	w := build(t)
	for _, tenant := range []connector.Domain{{Tenant: w.acme}, {Tenant: w.globex}} {
		tenant.Name, tenant.Challenge = "both.example", "x"
		_, err := w.Domains().SaveDomain(t.Context(), did(audit.DomainClaimed), tenant, nil)
		must(t, err)
	}
	var wg sync.WaitGroup
	start, errs := make(chan struct{}), make([]error, 8)
	for n := range errs {
		wg.Go(func() {
			<-start
			_, errs[n] = w.Domains().VerifyDomain(t.Context(), did(audit.DomainVerified), given(n%2 == 0, w.acme, w.globex), "both.example")
		})
	}
	close(start)
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, errdefs.ErrConflict) {
			t.Error(err)
		}
	}
	if won != 4 || w.count(t, `SELECT count(*) FROM tenant_domain WHERE verified_at IS NOT NULL`) != 1 {
		t.Errorf("%d proved it: %v", won, errs)
	}
}

func TestDueDomainsAreTakenOnceAndALookCountsForTheClaimThatItWasOf(t *testing.T) {
	t.Parallel()
	w := build(t)
	store, ctx := w.Domains(), t.Context()
	d := connector.Domain{Tenant: w.acme, Name: "apex.example", Challenge: "one"}
	_, err := store.SaveDomain(ctx, did(audit.DomainClaimed), d, nil)
	must(t, err)
	day := func(n int) time.Time { return time.Now().Add(time.Duration(n) * 25 * time.Hour) }
	take := func(n int) int {
		t.Helper()
		due, err := store.TakeDue(ctx, day(n), 24*time.Hour, 10)
		must(t, err)
		return len(due)
	}
	if take(1) != 0 {
		t.Error("a claim that is not proven is due")
	}
	_, err = store.VerifyDomain(ctx, did(audit.DomainVerified), w.acme, "apex.example")
	must(t, err)
	if a, b, c, d := take(0), take(1), take(1), take(2); a != 0 || b != 1 || c != 0 || d != 1 {
		t.Errorf("due at once %d, a day later %d, once more %d, the day after %d", a, b, c, d)
	}
	miss := func(d connector.Domain, n int) bool {
		t.Helper()
		lapsed, err := store.Miss(ctx, d, day(n))
		must(t, err)
		return lapsed
	}
	former := d
	former.Challenge = "of a claim that was released"
	if miss(d, 0) || miss(former, 8) {
		t.Error("lapsed on the first day, or by the record of another claim")
	}
	must(t, store.Found(ctx, former))
	if w.count(t, "SELECT count(*) FROM tenant_domain WHERE missing_since IS NOT NULL") != 1 {
		t.Error("the record of another claim was found")
	}
	// Taken away and proven anew: what was missing before does not count.
	no := false
	_, err = store.SaveDomain(ctx, did(audit.DomainUpdated), d, &no)
	must(t, err)
	_, err = store.VerifyDomain(ctx, did(audit.DomainVerified), w.acme, "apex.example")
	must(t, err)
	if miss(d, 8) || !miss(d, 16) || miss(d, 24) {
		t.Error("it lapses a week after it was missing, once")
	}
	if w.count(t, "SELECT count(*) FROM audit_event WHERE action = 'domain.lapsed'") != 1 {
		t.Error("the lapse is not on record once")
	}
}

func TestAProofMovesFromWhatARecordProvedAlone(t *testing.T) {
	t.Parallel()
	w := build(t)
	store, ctx, yes := w.Domains(), t.Context(), true
	vouched := connector.Domain{Tenant: w.acme, Name: "apex.example", Challenge: "one"}
	_, err := store.SaveDomain(ctx, did(audit.DomainClaimed), vouched, &yes)
	must(t, err)
	_, err = store.SaveDomain(ctx, did(audit.DomainClaimed), connector.Domain{Tenant: w.globex, Name: "apex.example", Challenge: "two"}, nil)
	must(t, err)
	_, err = store.FindProof(ctx, "apex.example")
	notFound(t, "vouched for", err)
	_, err = store.MoveProof(ctx, did(audit.DomainVerified), vouched, w.globex)
	names(t, "what was vouched for", err, "verified", errdefs.ErrConflict)
	w.exec(t, "UPDATE tenant_domain SET verified_by = 'dns' WHERE challenge = 'one'")
	former, err := store.FindProof(ctx, "apex.example")
	must(t, err)
	stale := former
	stale.Challenge = "of a claim that was released"
	_, err = store.MoveProof(ctx, did(audit.DomainVerified), stale, w.globex)
	names(t, "another claim than was looked at", err, "verified", errdefs.ErrConflict)
	if got, err := store.MoveProof(ctx, did(audit.DomainVerified), former, w.globex); err != nil || got.Tenant != w.globex || got.VerifiedBy != "dns" {
		t.Errorf("%+v, %v", got, err)
	}
	if was, err := store.FindDomain(ctx, w.acme, "apex.example"); err != nil || !was.VerifiedAt.IsZero() || was.VerifiedBy != "" {
		t.Errorf("the former: %+v, %v", was, err)
	}
}
