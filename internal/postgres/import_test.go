package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/importer"
)

const importedHash = "$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo."

func importAct() admin.Act {
	return admin.Act{
		Actor: admin.Actor{Client: "importer", Installation: true, Permissions: []string{admin.InstallationManage}},
		Event: audit.Event{At: time.Now(), Action: audit.UsersImported, Actor: "importer"},
	}
}

func (w *world) importRows(t *testing.T, dry bool, rows ...importer.Row) []importer.Outcome {
	t.Helper()
	out, err := w.Imports().ImportUsers(t.Context(), importAct(), rows, dry)
	must(t, err)
	if len(out) != len(rows) {
		t.Fatalf("%d outcomes of %d rows", len(out), len(rows))
	}
	return out
}

func in(tenant string, roles ...string) []importer.Membership {
	return []importer.Membership{{Tenant: tenant, Roles: roles}}
}

func TestABatchStoresWhatItCanAndSaysWhyItLeavesTheRest(t *testing.T) {
	t.Parallel()
	w := build(t)
	rows := []importer.Row{
		{Email: "New@Example.com", EmailVerified: true, Name: "New One", PasswordHash: importedHash, Memberships: in("acme", "clerk")},
		{Email: "nobody", Memberships: in("acme")},
		{Email: "ADA@acme.example", Name: "Somebody Else", PasswordHash: importedHash, Memberships: in("acme", "clerk")},
		{Email: "linus@globex.example", Memberships: in("acme", "clerk", "admin")},
		{Email: "lost@example.com", Memberships: in("initech")},
		{Email: "wrong@example.com", Memberships: in("globex", "clerk")}, // a role of acme
		{Email: "plain@example.com", PasswordHash: "hunter2", Memberships: in("acme")},
		{Email: "off@example.com", Disabled: true},
		{Email: "new@example.com", Name: "Second row", PasswordHash: importedHash, Memberships: in("globex", "viewer")},
		{Email: "root@example.com", Memberships: in("signet", "admin")},
	}
	want := []struct {
		status importer.Status
		reason string
	}{
		{importer.Created, ""}, {importer.Rejected, "e-mail"}, {importer.Exists, ""}, {importer.Joined, ""},
		{importer.Rejected, `no tenant "initech"`}, {importer.Rejected, `no role "clerk" in tenant globex`},
		{importer.Rejected, "password hash"}, {importer.Created, ""}, {importer.Joined, ""}, {importer.Rejected, "administrators of the installation"},
	}
	check := func(out []importer.Outcome) {
		t.Helper()
		for i, o := range out {
			if o.Status != want[i].status || !strings.Contains(o.Reason, want[i].reason) || (o.Reason == "") != (want[i].reason == "") || strings.Contains(o.Reason, "hunter2") {
				t.Errorf("row %d: got %+v, want %+v", i, o, want[i])
			}
		}
	}
	before := w.count(t, `SELECT count(*) FROM user_account`)
	check(w.importRows(t, true, rows...))
	if n := w.count(t, `SELECT count(*) FROM user_account`); n != before {
		t.Fatalf("a dry run stored %d accounts", n-before)
	}
	out := w.importRows(t, false, rows...)
	check(out)
	if out[0].User != out[8].User || out[2].User != w.ada {
		t.Errorf("one person, two accounts: %v %v %v", out[0], out[8], out[2])
	}
	user, err := w.Directory().FindUser(t.Context(), out[0].User)
	must(t, err)
	if user.Email != "New@Example.com" || user.Name != "New One" || !user.EmailVerified {
		t.Errorf("stored: %+v", user)
	}
	if c, err := w.Directory().FindPassword(t.Context(), out[0].User); err != nil || c.Encoded != importedHash {
		t.Errorf("password: %v", err)
	}
	if c, err := w.Directory().FindPassword(t.Context(), w.ada); err != nil || c.Encoded != "hash-1" {
		t.Errorf("somebody's password was replaced: %v", err)
	}
	if off, err := w.Directory().FindUser(t.Context(), out[7].User); err != nil || off.DisabledAt.IsZero() {
		t.Errorf("disabled: %+v, %v", off, err)
	}
	subject, err := w.Directory().FindSubject(t.Context(), w.acme, w.linus)
	if err != nil || !subject.Member || len(subject.Roles) != 2 {
		t.Errorf("joined: %+v, %v", subject, err)
	}
	for what, c := range map[string]struct {
		query string
		want  int
	}{
		"accounts recorded":       {`SELECT count(*) FROM audit_event WHERE action = 'user.created'`, 2},
		"members recorded":        {`SELECT count(*) FROM audit_event WHERE action = 'member.added' AND tenant_id IS NOT NULL AND actor = 'importer'`, 3},
		"batches recorded":        {`SELECT count(*) FROM audit_event WHERE action = 'user.imported' AND detail->>'created' = '2' AND detail->>'rejected' = '5'`, 1},
		"grants with their giver": {`SELECT count(*) FROM membership WHERE granted_by = 'importer'`, 3},
		"history of access":       {`SELECT count(*) FROM access_history WHERE since_by = 'importer' AND kind = 'role'`, 4},
	} {
		if n := w.count(t, c.query); n != c.want {
			t.Errorf("%s: %d, want %d", what, n, c.want)
		}
	}

	for i, o := range w.importRows(t, false, rows...) { // once more: nothing changes
		if o.Status != importer.Rejected && o.Status != importer.Exists {
			t.Errorf("the second time, row %d: %+v", i, o)
		}
	}
	if n := w.count(t, `SELECT count(*) FROM audit_event WHERE action IN ('user.created', 'member.added', 'member.updated')`); n != 5 {
		t.Errorf("the second time was recorded: %d", n)
	}
}

func TestARoleThatIsMissingIsAddedAndNoneIsTakenAway(t *testing.T) {
	t.Parallel()
	w := build(t)
	out := w.importRows(t, false, importer.Row{Email: "linus@globex.example", Memberships: in("globex", "viewer")})
	if out[0].Status != importer.Joined {
		t.Errorf("got %+v", out[0])
	}
	out = w.importRows(t, false, importer.Row{Email: "linus@globex.example", Memberships: in("globex")})
	if out[0].Status != importer.Exists {
		t.Errorf("got %+v", out[0])
	}
	if s, err := w.Directory().FindSubject(t.Context(), w.globex, w.linus); err != nil || len(s.Roles) != 1 {
		t.Errorf("roles: %+v, %v", s.Roles, err)
	}
	if n := w.count(t, `SELECT count(*) FROM audit_event WHERE action = 'member.updated' AND detail->>'roles_added' = 'viewer'`); n != 1 {
		t.Errorf("recorded: %d", n)
	}
}

func TestBatchesWithTheSamePeopleDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	w := build(t)
	const people, batches = 200, 6
	var work errgroup.Group
	created := make([]int, batches)
	for b := range batches {
		work.Go(func() error {
			rows := make([]importer.Row, people)
			for i := range rows { // each batch in another order
				n := (i*7 + b*31) % people
				rows[i] = importer.Row{Email: fmt.Sprintf("p%d@example.com", n), PasswordHash: importedHash, Memberships: in("acme", "clerk")}
			}
			out, err := w.Imports().ImportUsers(t.Context(), importAct(), rows, false)
			for _, o := range out {
				if o.Status == importer.Created {
					created[b]++
				}
			}
			return err
		})
	}
	must(t, work.Wait())
	total := 0
	for _, n := range created {
		total += n
	}
	if total != people || w.count(t, `SELECT count(*) FROM membership_role WHERE role = 'clerk' AND granted_by = 'importer'`) != people {
		t.Errorf("%d accounts of %d people", total, people)
	}
}
