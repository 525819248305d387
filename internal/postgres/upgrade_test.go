package postgres_test

import (
	"database/sql"
	"log/slog"
	"slices"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that goose is given
	"github.com/pressly/goose/v3"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/postgres/pgtest"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/session"
	"github.com/signet-id/signet/migrations"
)

// The release before had no administration: version 3.
func TestADatabaseInUseGetsAnAdministration(t *testing.T) {
	t.Parallel()
	w := &world{dsn: pgtest.Empty(t)}
	db, err := sql.Open("pgx", w.dsn)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	old, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS, goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
	must(t, err)
	_, err = old.UpTo(t.Context(), 3)
	must(t, err)
	w.conn = connect(t, w.dsn)
	const tenant, ada, linus = "01900000-0000-7000-8000-00000000000a", "01900000-0000-7000-8000-00000000000b", "01900000-0000-7000-8000-00000000000c"
	before := []string{
		`INSERT INTO tenant (id, slug, name) VALUES ('` + tenant + `', 'acme', 'Acme')`,
		`INSERT INTO resource_server (audience, name) VALUES ('` + orders + `', 'Orders')`,
		`INSERT INTO permission (audience, slug) VALUES ('` + orders + `', 'orders:read')`,
		`INSERT INTO role (tenant_id, name) VALUES ('` + tenant + `', 'clerk')`,
		`INSERT INTO role_permission (tenant_id, role, audience, permission) VALUES ('` + tenant + `', 'clerk', '` + orders + `', 'orders:read')`,
		`INSERT INTO client (id, name, auth_method) VALUES ('web', 'Web', 'none')`,
	}
	// What the binary of that release goes on to write while the new one is rolled out.
	person := func(user, email string) []string {
		return []string{
			`INSERT INTO user_account (id, email, email_normalized) VALUES ('` + user + `', '` + email + `', '` + email + `')`,
			`INSERT INTO membership (tenant_id, user_id) VALUES ('` + tenant + `', '` + user + `')`,
			`INSERT INTO membership_role (tenant_id, user_id, role) VALUES ('` + tenant + `', '` + user + `', 'clerk')`,
		}
	}
	for _, s := range append(before, person(ada, "ada@acme.example")...) {
		w.exec(t, s)
	}
	_, err = postgres.Up(t.Context(), secret.New(w.dsn), slog.New(slog.DiscardHandler))
	must(t, err)
	for _, s := range person(linus, "linus@acme.example") {
		w.exec(t, s)
	}

	w.DB = reach(t, w.dsn)
	acme, err := w.Tenants().Find(t.Context(), anywhere, "acme")
	must(t, err)
	var got []string
	for _, prefix := range []string{"ada", "linus"} {
		l, err := w.Members().List(t.Context(), admin.Reach{Tenant: acme.ID}, acme.ID, directory.MemberFilter{AddressPrefix: prefix}, admin.Page{Limit: 10})
		must(t, err)
		for _, m := range l.Items {
			got = append(got, m.User.Email+" "+m.GrantedBy)
			s, err := w.Directory().FindSubject(t.Context(), acme.ID, m.User.ID)
			if err != nil || s.Active() != nil || !slices.Equal(s.PermissionsFor([]string{orders}), []string{"orders:read"}) {
				t.Errorf("%s may %+v, %v", m.User.Email, s.Permissions, err)
			}
		}
	}
	if !slices.Equal(got, []string{"ada@acme.example installation", "linus@acme.example installation"}) {
		t.Errorf("members: %q", got)
	}
	access, err := w.Audit().ListAccess(t.Context(), acme.ID, id.User{}, audit.Day(time.Now().UTC()), admin.Page{Limit: 10})
	if err != nil || len(access.Items) != 2 {
		t.Errorf("access today: %+v, %v", access.Items, err)
	}
	if c, err := w.Clients().FindClient(t.Context(), "web"); err != nil || c.Name != "Web" {
		t.Errorf("client: %+v, %v", c, err)
	}
	signet, err := w.Tenants().Find(t.Context(), anywhere, admin.InstallationTenant)
	must(t, err)
	if r, err := w.Roles().Find(t.Context(), anywhere, signet.ID, "admin"); err != nil || len(r.Permissions) != 5 {
		t.Errorf("administrators: %+v, %v", r, err)
	}
}

// The release before had no connectors: version 4.
func TestADatabaseInUseGetsConnectors(t *testing.T) {
	t.Parallel()
	l := &lobby{world: &world{dsn: pgtest.Empty(t)}, keeper: keeper(t)}
	db, err := sql.Open("pgx", l.dsn)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	old, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS, goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
	must(t, err)
	_, err = old.UpTo(t.Context(), 4)
	must(t, err)
	l.conn = connect(t, l.dsn)
	const tenant, ada = "01900000-0000-7000-8000-00000000000a", "01900000-0000-7000-8000-00000000000b"
	// What the binary of that release goes on to write while the new one is rolled out.
	begin := func(token string) string {
		return `INSERT INTO browser_session (id, token_hash, user_id, created_at, authenticated_at, expires_at, absolute_expiry, acr, amr, user_agent, address)
			VALUES (gen_random_uuid(), sha256('` + token + `'), '` + ada + `', now(), now(), now() + interval '1 hour', now() + interval '1 hour', '', '{}', '', '')`
	}
	for _, s := range []string{
		`INSERT INTO tenant (id, slug, name) VALUES ('` + tenant + `', 'acme', 'Acme')`,
		`INSERT INTO role (tenant_id, name) VALUES ('` + tenant + `', 'clerk')`,
		`INSERT INTO user_account (id, email, email_normalized, email_verified) VALUES ('` + ada + `', 'ada@acme.example', 'ada@acme.example', true)`,
		`INSERT INTO membership (tenant_id, user_id, granted_by) VALUES ('` + tenant + `', '` + ada + `', 'x')`,
		`INSERT INTO membership_role (tenant_id, user_id, role, granted_by) VALUES ('` + tenant + `', '` + ada + `', 'clerk', 'x')`,
		begin("before"),
	} {
		l.exec(t, s)
	}
	_, err = postgres.Up(t.Context(), secret.New(l.dsn), slog.New(slog.DiscardHandler))
	must(t, err)
	l.exec(t, begin("meanwhile"))
	l.exec(t, `UPDATE tenant SET slug = 'apex', name = 'Apex', attributes = '{}', disabled_at = NULL WHERE slug = 'acme'`)
	l.DB = reach(t, l.dsn)
	apex, err := l.Tenants().Find(t.Context(), anywhere, "apex")
	if err != nil || apex.OnlyConnectors {
		t.Errorf("%+v, %v", apex, err)
	}
	for _, token := range []string{"before", "meanwhile"} {
		if s, err := l.Sessions().Find(t.Context(), secret.New(token).Hash()); err != nil || s.Through != (session.Upstream{}) {
			t.Errorf("%s: %+v, %v", token, s, err)
		}
	}
	c := run("okta", apex.ID)
	c.Authoritative, c.RoleMappings = true, nil
	c, _, err = l.Connectors().Create(t.Context(), did(audit.ConnectorCreated), c)
	must(t, err)
	proven := true
	_, err = l.Domains().SaveDomain(t.Context(), did(audit.DomainClaimed), connector.Domain{Tenant: apex.ID, Name: "acme.example", Challenge: "x"}, &proven)
	must(t, err)
	if out := l.arrive(t, comes(c, "1", "ada@acme.example"), connector.Adopt); out.User.Email != "ada@acme.example" {
		t.Errorf("%+v", out)
	}
}
