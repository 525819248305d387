package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/importer"
	"github.com/signet-id/signet/internal/postgres/pgtest"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/secret"
)

// statements is a tracer that keeps what is sent to the database.
type statements struct{ sent []string }

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	s.sent = append(s.sent, d.SQL)
	return ctx
}

func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// A second statement would be a second moment, at which another racer can have won.
func TestRedeemingAndRotatingAreOneStatementEach(t *testing.T) {
	t.Parallel()
	c, err := pgxpool.ParseConfig(pgtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	trace := &statements{}
	c.ConnConfig.Tracer, c.MaxConns = trace, 1
	pool, err := pgxpool.NewWithConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	grants := (&DB{pool: pool, q: sqlcgen.New(pool)}).Grants()
	for what, do := range map[string]func() error{
		"redeem": func() error {
			_, err := grants.Redeem(t.Context(), grant.Redemption{Code: secret.Generate().Hash(), Client: "c", Idle: time.Hour, Absolute: time.Hour})
			return err
		},
		"rotate": func() error {
			_, err := grants.Rotate(t.Context(), grant.Rotation{Token: grant.RefreshToken{Family: id.NewGrant(time.Now())}, Client: "c", Idle: time.Hour})
			return err
		},
	} {
		trace.sent = nil
		if err := do(); !errors.Is(err, errdefs.ErrNotFound) {
			t.Fatalf("%s: %v", what, err)
		}
		sent := slices.DeleteFunc(trace.sent, func(sql string) bool { return sql == "-- ping" })
		if len(sent) != 1 {
			t.Errorf("%s sends %d statements: %q", what, len(sent), sent)
		}
	}
}

// Otherwise the time that an import takes would be that of its round trips.
func TestABatchOfAnyoneTakesTheSameStatements(t *testing.T) {
	t.Parallel()
	c, err := pgxpool.ParseConfig(pgtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	trace := &statements{}
	c.ConnConfig.Tracer, c.MaxConns = trace, 1
	pool, err := pgxpool.NewWithConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := pool.Exec(t.Context(), `INSERT INTO tenant (id, slug, name) VALUES (gen_random_uuid(), 'acme', 'Acme')`); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `INSERT INTO role (tenant_id, name) SELECT id, 'clerk' FROM tenant WHERE slug = 'acme'`); err != nil {
		t.Fatal(err)
	}
	imports := (&DB{pool: pool, q: sqlcgen.New(pool)}).Imports()
	act := admin.Act{Actor: admin.Actor{Client: "importer", Installation: true, Permissions: []string{admin.InstallationManage}}, Event: audit.Event{At: time.Now(), Action: audit.UsersImported}}
	taken := map[int]int{}
	for _, n := range []int{2, importer.MaxBatch} {
		rows := make([]importer.Row, n)
		for i := range rows {
			rows[i] = importer.Row{
				Email: fmt.Sprintf("p%d-%d@example.com", n, i), PasswordHash: "$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.",
				Memberships: []importer.Membership{{Tenant: "acme", Roles: []string{"clerk"}}},
			}
		}
		rows[1].Email = fmt.Sprintf("P%d-0@example.com", n)
		for range 2 { // the second time, of people who exist
			trace.sent = nil
			out, err := imports.ImportUsers(t.Context(), act, rows, false)
			if err != nil || out[n-1].Status == importer.Rejected {
				t.Fatalf("%+v, %v", out, err)
			}
			taken[n] += len(slices.DeleteFunc(trace.sent, func(sql string) bool { return sql == "-- ping" }))
		}
	}
	if taken[2] != taken[importer.MaxBatch] || taken[2] > 28 {
		t.Errorf("statements by rows: %v", taken)
	}
	if _, err := imports.ImportUsers(t.Context(), act, make([]importer.Row, importer.MaxBatch+1), false); !errors.Is(err, errdefs.ErrInvalid) {
		t.Errorf("more than a batch: %v", err)
	}
}

func TestAnActOnEverybodyTakesTimeForItselfAlone(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), Config{URL: pgtest.New(t), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	limit := func(from sqlcgen.DBTX) (s string) {
		t.Helper()
		if err := from.QueryRow(t.Context(), "SHOW statement_timeout").Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	err = pgx.BeginFunc(t.Context(), db.pool, func(tx pgx.Tx) error {
		if err := db.q.WithTx(tx).TakeTime(t.Context()); err != nil {
			return err
		}
		if got := limit(tx); got != "2min" {
			t.Errorf("within: %s", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := limit(db.pool); got != "10s" {
		t.Errorf("afterwards: %s", got)
	}
}

// The rest of a sign-in is as for any other: what it costs to come through a provider is this.
func TestWhoeverComesAgainThroughAProviderTakesOneStatement(t *testing.T) {
	t.Parallel()
	c, err := pgxpool.ParseConfig(pgtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	trace := &statements{}
	c.ConnConfig.Tracer, c.MaxConns = trace, 1
	pool, err := pgxpool.NewWithConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	db := &DB{pool: pool, q: sqlcgen.New(pool)}
	now := time.Now().UTC()
	for _, sql := range []string{
		`INSERT INTO tenant (id, slug, name) VALUES (gen_random_uuid(), 'acme', 'Acme')`,
		`INSERT INTO role (tenant_id, name) SELECT id, 'clerk' FROM tenant WHERE slug = 'acme'`,
		`INSERT INTO tenant_domain (tenant_id, domain, challenge, verified_at, created_by) SELECT id, 'acme.example', '', now(), 'x' FROM tenant WHERE slug = 'acme'`,
		`INSERT INTO connector (id, reference, slug, tenant_id, kind, name, issuer, client_id, provision, groups_claim, role_mappings, created_by)
		 SELECT gen_random_uuid(), 'acme.okta', 'okta', id, 'oidc', 'Okta', 'https://idp.example', 'signet', true, 'groups', '[{"group": "clerks", "role": "clerk"}, {"group": "clerks", "role": "gone"}]', 'x' FROM tenant WHERE slug = 'acme'`,
	} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	okta, err := db.Providers().FindConnector(t.Context(), "acme.okta")
	if err != nil {
		t.Fatal(err)
	}
	verified := true
	a := connector.Arrival{
		Connector: okta, NewUser: id.NewUser(now), Identity: id.NewIdentity(now), Now: now, Event: audit.Event{At: now},
		Proof: connector.Proof{Profile: connector.Profile{
			Issuer: okta.Issuer, Subject: "1", Email: "grace@acme.example", EmailVerified: &verified, Groups: []string{"clerks"},
			Names: connector.Names{Name: "Grace", Picture: "https://p.example"},
		}},
	}
	for step, most := range []int{20, 1, 1} {
		trace.sent = nil
		out, err := db.Identities(nil).Arrive(t.Context(), a)
		if err != nil || out.User.ID != a.NewUser {
			t.Fatalf("%+v, %v", out, err)
		}
		sent := slices.DeleteFunc(trace.sent, func(sql string) bool { return sql == "-- ping" })
		if len(sent) > most {
			t.Errorf("time %d: %d statements: %q", step, len(sent), sent)
		}
	}
}
