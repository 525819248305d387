package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres"
)

// ear hears what is announced on ChannelSubject.
type ear struct{ conn *pgx.Conn }

func (w *world) ear(t *testing.T) ear {
	t.Helper()
	e := ear{connect(t, w.dsn)}
	_, err := e.conn.Exec(t.Context(), "LISTEN "+postgres.ChannelSubject)
	must(t, err)
	return e
}

// heard returns the payloads since the last call, sorted.
func (e ear) heard(t *testing.T) []string {
	t.Helper()
	var out []string
	_, err := e.conn.Exec(t.Context(), "NOTIFY "+postgres.ChannelSubject+", 'end'")
	must(t, err)
	for {
		n, err := e.conn.WaitForNotification(t.Context())
		must(t, err)
		if n.Payload == "end" {
			slices.Sort(out)
			return out
		}
		out = append(out, n.Payload)
	}
}

// everybody is the payload after which nobody is remembered.
const everybody = ""

func uuidOf(u id.User) string { return pgtype.UUID{Bytes: u.UUID(), Valid: true}.String() }

func sorted(s ...string) []string { return slices.Sorted(slices.Values(s)) }

func TestWhatTokensSayAboutAPersonIsAnnouncedWhenItChanges(t *testing.T) {
	t.Parallel()
	w := build(t)
	ada, linus := uuidOf(w.ada), uuidOf(w.linus)
	ear := w.ear(t)
	for _, c := range []struct {
		what, sql string
		want      []string
	}{
		{"a name", "UPDATE user_account SET name = 'Augusta' WHERE name = 'Ada'", []string{ada}},
		{"two people at once", "UPDATE user_account SET email_verified = true", sorted(ada, linus)},
		{"nobody's", "UPDATE user_account SET name = 'x' WHERE name = 'nobody'", nil},
		{"a new person", "INSERT INTO user_account (id, email, email_normalized) VALUES (gen_random_uuid(), 'n@x', 'n@x')", nil},
		{"a new membership", "INSERT INTO membership (tenant_id, user_id) SELECT t.id, u.id FROM tenant t, user_account u WHERE t.slug = 'acme' AND u.name = 'Linus'", nil},
		{"a new role of a member", "INSERT INTO membership_role SELECT id, '" + linus + "', 'clerk' FROM tenant WHERE slug = 'acme'", []string{linus}},
		{"a role again", "INSERT INTO membership_role SELECT id, '" + linus + "', 'clerk' FROM tenant WHERE slug = 'acme' ON CONFLICT DO NOTHING", nil},
		{"another role", "UPDATE membership_role SET role = 'admin' WHERE user_id = '" + linus + "'", []string{linus}},
		{"a role passed on", "UPDATE membership_role SET user_id = '" + linus + "' WHERE role = 'clerk'", sorted(ada, linus)},
		{"a role withdrawn", "DELETE FROM membership_role WHERE role = 'clerk'", []string{linus}},
		{"a membership touched", "UPDATE membership SET created_at = now() WHERE user_id = '" + linus + "'", []string{linus}},
		{"a tenant's name", "UPDATE tenant SET name = 'ACME' WHERE slug = 'acme'", []string{everybody}},
		{"a new tenant", "INSERT INTO tenant (id, slug, name) VALUES (gen_random_uuid(), 'new', 'New')", nil},
		{"a new role", "INSERT INTO role (tenant_id, name) SELECT id, 'guest' FROM tenant WHERE slug = 'acme'", nil},
		{"what a role allows", "INSERT INTO role_permission SELECT id, 'guest', '" + orders + "', 'orders:read' FROM tenant WHERE slug = 'acme'", []string{everybody}},
		{"what a role allows, changed", "UPDATE role_permission SET permission = 'orders:write' WHERE role = 'guest'", []string{everybody}},
		{"what a role allows no more", "DELETE FROM role_permission WHERE role = 'guest'", []string{everybody}},
		{"a password", "UPDATE password_credential SET encoded = 'x'", nil},
	} {
		w.exec(t, c.sql)
		if got := ear.heard(t); !slices.Equal(got, c.want) {
			t.Errorf("%s: announced %q, want %q", c.what, got, c.want)
		}
	}
}

func TestWhatGoesWithSomethingElseIsAnnouncedToo(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		sql  string
		want func(w *world) []string // at least
	}{
		"a person":          {"DELETE FROM user_account WHERE name = 'Ada'", func(w *world) []string { return []string{uuidOf(w.ada)} }},
		"a tenant":          {"DELETE FROM tenant WHERE slug = 'globex'", func(*world) []string { return []string{everybody} }},
		"a membership":      {"DELETE FROM membership WHERE tenant_id = (SELECT id FROM tenant WHERE slug = 'acme')", func(w *world) []string { return []string{uuidOf(w.ada)} }},
		"a role's holders":  {"DELETE FROM role WHERE name = 'viewer'", func(w *world) []string { return []string{uuidOf(w.ada)} }},
		"a role's rights":   {"DELETE FROM role WHERE name = 'admin'", func(*world) []string { return []string{everybody} }},
		"a permission":      {"DELETE FROM permission WHERE slug = 'orders:write'", func(*world) []string { return []string{everybody} }},
		"a resource server": {"DELETE FROM resource_server", func(*world) []string { return []string{everybody} }},
		"all people":        {"TRUNCATE user_account CASCADE", func(*world) []string { return []string{everybody} }},
		"all memberships":   {"TRUNCATE membership CASCADE", func(*world) []string { return []string{everybody} }},
		"all roles of all":  {"TRUNCATE membership_role CASCADE", func(*world) []string { return []string{everybody} }},
		"all rights":        {"TRUNCATE role_permission", func(*world) []string { return []string{everybody} }},
		"all tenants":       {"TRUNCATE tenant CASCADE", func(*world) []string { return []string{everybody} }},
		"all roles":         {"TRUNCATE role CASCADE", func(*world) []string { return []string{everybody} }},
		"all permissions":   {"TRUNCATE permission CASCADE", func(*world) []string { return []string{everybody} }},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := build(t)
			if what == "a role's holders" { // or what the role allows would announce everybody
				w.exec(t, "DELETE FROM role_permission WHERE role = 'viewer'")
			}
			ear := w.ear(t)
			w.exec(t, c.sql)
			got := ear.heard(t)
			for _, want := range c.want(w) {
				if !slices.Contains(got, want) {
					t.Errorf("announced %q, want %q", got, want)
				}
			}
		})
	}
}

func TestOneStatementAboutManyPeopleIsAnnouncedOnce(t *testing.T) {
	t.Parallel()
	const many = 3_000
	w := build(t)
	ear := w.ear(t)
	w.exec(t, `INSERT INTO user_account (id, email, email_normalized) SELECT gen_random_uuid(), n, n FROM (SELECT 'p' || n || '@x' AS n FROM generate_series(1, $1::int) n) s`, many)
	w.exec(t, `INSERT INTO membership (tenant_id, user_id) SELECT t.id, u.id FROM tenant t, user_account u WHERE t.slug = 'acme' AND u.email LIKE 'p%'`)
	if got := ear.heard(t); got != nil {
		t.Errorf("new people: %d announcements, the first is %q", len(got), got[0])
	}
	grant := `INSERT INTO membership_role SELECT m.tenant_id, m.user_id, 'clerk' FROM membership m JOIN user_account u ON u.id = m.user_id WHERE u.email LIKE 'p%' LIMIT `
	for _, c := range []struct {
		what, sql string
		want      int
	}{
		{"roles for 50 people", grant + "50", 50},
		{"taken from them", "DELETE FROM membership_role WHERE user_id IN (SELECT id FROM user_account WHERE email LIKE 'p%')", 50},
		{"roles for 51 people", grant + "51", 1},
		{"taken from them", "DELETE FROM membership_role WHERE user_id IN (SELECT id FROM user_account WHERE email LIKE 'p%')", 1},
		{"roles for all", grant + "ALL", 1},
		{"another name for all", "UPDATE user_account SET name = name || 'x'", 1},
		{"all disabled, one transaction", "UPDATE user_account SET disabled_at = now(); UPDATE membership SET created_at = now(); DELETE FROM membership_role", 1},
		{"all deleted, with what is theirs", "DELETE FROM user_account WHERE email LIKE 'p%'", 1},
	} {
		begun := time.Now()
		_, err := w.conn.Exec(t.Context(), c.sql, pgx.QueryExecModeSimpleProtocol) // several statements are one transaction
		must(t, err)
		got := ear.heard(t)
		t.Logf("%s: %s", c.what, time.Since(begun).Round(time.Millisecond))
		if len(got) != c.want || c.want == 1 && got[0] != everybody {
			t.Errorf("%s: %d announcements, the first is %q; want %d", c.what, len(got), got[0], c.want)
		}
	}
}

func TestAnAnnouncementOfAPersonIsReadAndAnyOtherMeansEverybody(t *testing.T) {
	t.Parallel()
	u := id.NewUser(time.Now())
	if got, ok := postgres.ParseSubject(uuidOf(u)); !ok || got != u {
		t.Errorf("%v, %v", got, ok)
	}
	for _, payload := range []string{"", " ", "x", "usr_1", uuidOf(u) + " more", uuidOf(u)[1:]} {
		if got, ok := postgres.ParseSubject(payload); ok || !got.IsZero() {
			t.Errorf("%q is %v", payload, got)
		}
	}
}
