package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/id"
)

// lines asks who had access to orders in the tenant on a day, a page of two at a time.
func (w *world) lines(t *testing.T, tenant id.Tenant, day time.Time) []string {
	t.Helper()
	var out []string
	p := admin.Page{Limit: 2}
	for {
		l, err := w.Audit().ListAccess(t.Context(), tenant, id.User{}, audit.Day(day), p)
		must(t, err)
		for _, a := range l.Items {
			if a.Audience == orders {
				out = append(out, fmt.Sprintf("%s %s>%s %s %d-%d", a.Email, a.Role, a.Through, a.Permission, a.Since.UTC().Hour(), a.Until.UTC().Hour()))
			}
		}
		if l.Next == "" {
			break
		}
		p.After = l.Next
	}
	slices.Sort(out)
	return out
}

func TestWhoHadAccessOnADayIsKnownWhateverHappenedSince(t *testing.T) {
	t.Parallel()
	w := build(t)
	day := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	// The past is made by moving what triggers wrote: Linus held a role from eight to ten.
	at := func(what string, hour int, statements ...string) {
		t.Helper()
		w.exec(t, "SELECT set_config('signet.actor', 'usr_test', false)")
		for _, s := range statements {
			w.exec(t, s)
		}
		when := day.Add(time.Duration(hour) * time.Hour)
		w.exec(t, "SET session_replication_role = replica")
		w.exec(t, "UPDATE access_history SET since = $1 WHERE since > now() - interval '1 hour'", when)
		w.exec(t, "UPDATE access_history SET until = $1 WHERE until > now() - interval '1 hour'", when)
		w.exec(t, "SET session_replication_role = DEFAULT")
		if t.Failed() {
			t.Fatal(what)
		}
	}
	at("what stood before", -48)
	acme, linus := w.acme.UUID(), w.linus.UUID()
	member := fmt.Sprintf("'%x', '%x'", acme[:], linus[:])
	at("joined", 8, "INSERT INTO membership (tenant_id, user_id) VALUES ("+member+")",
		"INSERT INTO role (tenant_id, name) SELECT tenant_id, 'night-clerk' FROM membership WHERE user_id = '"+fmt.Sprintf("%x", linus[:])+"' AND tenant_id = '"+fmt.Sprintf("%x", acme[:])+"'",
		"INSERT INTO membership_role (tenant_id, user_id, role) VALUES ("+member+", 'night-clerk')")
	at("the role includes another", 9, "INSERT INTO role_inclusion (tenant_id, role, includes) VALUES ('"+fmt.Sprintf("%x", acme[:])+"', 'night-clerk', 'clerk')")
	at("suspended", 11, "UPDATE membership SET suspended_at = now() WHERE (tenant_id, user_id) = ("+member+")")
	at("let back in", 13, "UPDATE membership SET suspended_at = NULL WHERE (tenant_id, user_id) = ("+member+")")
	at("disabled for an hour", 14, "UPDATE user_account SET disabled_at = now() WHERE id = '"+fmt.Sprintf("%x", linus[:])+"'")
	at("deleted with everything", 20, "DELETE FROM user_account WHERE id = '"+fmt.Sprintf("%x", linus[:])+"'")

	var got []string
	for _, l := range w.lines(t, w.acme, day) {
		if l[0] == ' ' { // whose account is gone
			got = append(got, l[1:])
		}
	}
	want := []string{"night-clerk>clerk orders:read 13-20", "night-clerk>clerk orders:read 9-11"}
	if !slices.Equal(got, want) {
		t.Errorf("on the day:\n%q\nwant\n%q", got, want)
	}
	for _, other := range []time.Time{day.AddDate(0, 0, -1), day.AddDate(0, 0, 1)} {
		for _, l := range w.lines(t, w.acme, other) {
			if l[0] == ' ' {
				t.Errorf("on %s: %s", other.Format(time.DateOnly), l)
			}
		}
	}
	if got := w.lines(t, w.globex, day); slices.ContainsFunc(got, func(l string) bool { return l[0] == ' ' && len(l) > 12 && l[1:6] == "night" }) {
		t.Errorf("in the other tenant: %q", got)
	}
}

func TestWhoIsDisabledAllDayHadNoAccess(t *testing.T) {
	t.Parallel()
	w := build(t)
	if got := w.lines(t, w.acme, time.Now()); len(got) == 0 {
		t.Fatal("nobody had access")
	}
	w.exec(t, "UPDATE tenant SET disabled_at = now() WHERE id = $1", w.acme.UUID())
	w.exec(t, "SET session_replication_role = replica")
	w.exec(t, "UPDATE access_history SET since = now() - interval '3 days'")
	w.exec(t, "SET session_replication_role = DEFAULT")
	if got := w.lines(t, w.acme, time.Now().AddDate(0, 0, -1)); len(got) != 0 {
		t.Errorf("of a disabled tenant: %q", got)
	}
}

func TestTheHistoryOfAccessIsNotRewritten(t *testing.T) {
	t.Parallel()
	w := build(t)
	for _, s := range []string{
		"DELETE FROM access_history", "TRUNCATE access_history", "UPDATE access_history SET role = 'x'",
		"UPDATE access_history SET since = now() - interval '1 year', until = now()",
	} {
		if _, err := w.conn.Exec(t.Context(), s); err == nil {
			t.Errorf("%s passed", s)
		}
	}
}

func TestWhoHasLeftTellsTheTenantNoAddress(t *testing.T) {
	t.Parallel()
	w := build(t)
	if got := w.lines(t, w.acme, time.Now()); len(got) == 0 || got[0][0] == ' ' {
		t.Fatalf("while a member: %q", got)
	}
	w.exec(t, "DELETE FROM membership WHERE tenant_id = $1 AND user_id = $2", w.acme.UUID(), w.ada.UUID())
	w.exec(t, "UPDATE user_account SET email = 'new@elsewhere.example' WHERE id = $1", w.ada.UUID())
	got := w.lines(t, w.acme, time.Now())
	if len(got) == 0 || slices.ContainsFunc(got, func(l string) bool { return l[0] != ' ' }) {
		t.Errorf("afterwards: %q", got)
	}
}
