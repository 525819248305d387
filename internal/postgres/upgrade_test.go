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
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/postgres/pgtest"
	"github.com/signet-id/signet/internal/secret"
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
