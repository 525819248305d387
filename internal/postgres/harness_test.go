package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/postgres/pgtest"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/session"
)

// world is a database with two tenants, two people and one session.
type world struct {
	*postgres.DB
	dsn          string
	conn         *pgx.Conn // for looking and meddling
	acme, globex id.Tenant
	ada, linus   id.User // of acme and globex, and of globex alone
	session      session.Session
}

const orders = "https://orders.example"

func holding() installation.Installation {
	read := installation.PermissionRef{Audience: orders, Slug: "orders:read"}
	return installation.Installation{
		ResourceServers: []installation.ResourceServer{{Audience: orders, Name: "Orders", Permissions: []installation.Permission{{Slug: "orders:read"}, {Slug: "orders:write"}}}},
		Tenants: []installation.Tenant{
			{Slug: "acme", Name: "Acme", Roles: []installation.Role{
				{Name: "admin", Permissions: []installation.PermissionRef{read, {Audience: orders, Slug: "orders:write"}}}, {Name: "clerk", Permissions: []installation.PermissionRef{read}},
			}},
			{Slug: "globex", Name: "Globex", Roles: []installation.Role{{Name: "viewer", Permissions: []installation.PermissionRef{read}}}},
		},
		Users: []installation.User{
			{Email: "Ada@acme.example", Name: "Ada", PasswordHash: "hash-1", Memberships: []installation.Membership{
				{Tenant: "acme", Roles: []string{"clerk", "admin"}}, {Tenant: "globex", Roles: []string{"viewer"}},
			}},
			{Email: "linus@globex.example", Name: "Linus", Memberships: []installation.Membership{{Tenant: "globex"}}},
		},
		Clients: []installation.Client{{OwnerTenant: "acme", Client: client.Client{
			ID: "web", Name: "Web", AuthMethod: client.AuthBasic, GrantTypes: []string{client.GrantAuthorizationCode, client.GrantRefreshToken},
			RedirectURIs: []string{"https://app.example/cb"}, Origins: []string{"https://app.example"}, Scopes: []string{"openid"},
			Audiences: []string{orders}, AccessTokenLifetime: 5 * time.Minute,
			Secrets: []client.Secret{{Hash: secret.New("one").Hash()}, {Hash: secret.New("two").Hash(), ExpiresAt: time.Now().Add(time.Hour)}},
		}}},
	}
}

func build(t *testing.T) *world {
	t.Helper()
	w := &world{dsn: pgtest.New(t)}
	w.DB = reach(t, w.dsn)
	w.conn = connect(t, w.dsn)
	must(t, w.Install(t.Context(), holding(), time.Now()))
	for slug, to := range map[string]*id.Tenant{"acme": &w.acme, "globex": &w.globex} {
		tenant, err := w.Directory().FindTenant(t.Context(), slug)
		must(t, err)
		*to = tenant.ID
	}
	for email, to := range map[string]*id.User{"ada@acme.example": &w.ada, "linus@globex.example": &w.linus} {
		user, err := w.Directory().FindUserByEmail(t.Context(), email)
		must(t, err)
		*to = user.ID
	}
	w.session = w.begin(t, w.ada, secret.New("browser"))
	return w
}

func reach(t *testing.T, dsn string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: dsn, MaxConns: 10})
	must(t, err)
	t.Cleanup(db.Close)
	return db
}

func (w *world) begin(t *testing.T, user id.User, token secret.Text) session.Session {
	t.Helper()
	s := session.New(user, time.Now().UTC().Truncate(time.Microsecond), session.Lifetimes{Idle: time.Hour, Absolute: 8 * time.Hour})
	must(t, w.Sessions().Begin(t.Context(), token.Hash(), s))
	return s
}

const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

// code stores a code of Ada for the client web in acme and returns what redeems it.
func (w *world) code(t *testing.T, change func(*grant.Authorization)) (grant.Redemption, grant.Authorization) {
	t.Helper()
	a := grant.Authorization{
		Grant: grant.Grant{
			ID: id.NewGrant(time.Now()), Tenant: w.acme, User: w.ada, Client: "web", Session: w.session.ID, Scopes: []string{"openid"},
			Audiences: []string{orders}, ACR: "acr", AMR: []string{"pwd"}, AuthenticatedAt: w.session.AuthenticatedAt,
		},
		RedirectURI: "https://app.example/cb", CodeChallenge: challenge, Nonce: "n",
	}
	if change != nil {
		change(&a)
	}
	code := secret.Generate().Hash()
	must(t, w.Grants().Authorize(t.Context(), code, a, time.Minute))
	return grant.Redemption{
		Code: code, Client: "web", RedirectURI: a.RedirectURI, CodeChallenge: a.CodeChallenge, OpenFamily: true,
		Idle: time.Hour, Absolute: 24 * time.Hour,
	}, a
}

// family opens a refresh family and returns its grant.
func (w *world) family(t *testing.T, change func(*grant.Authorization)) id.Grant {
	t.Helper()
	r, a := w.code(t, change)
	_, err := w.Grants().Redeem(t.Context(), r)
	must(t, err)
	return a.ID
}

func rotation(g id.Grant, generation uint32, retry time.Duration) grant.Rotation {
	return grant.Rotation{Token: grant.RefreshToken{Family: g, Generation: generation}, Client: "web", Retry: retry, Idle: time.Hour}
}

func (w *world) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := w.conn.Exec(t.Context(), sql, args...)
	must(t, err)
}

func (w *world) count(t *testing.T, sql string, args ...any) (n int) {
	t.Helper()
	must(t, w.conn.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func notFound(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, errdefs.ErrNotFound) {
		t.Errorf("%s: %v, want not found", what, err)
	}
}

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}
