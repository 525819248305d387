// Package apptest starts the whole application for tests: real listeners on loopback, a real
// PostgreSQL of its own, an installation with two tenants, and clients of every kind. Tests
// talk to it as the world does, over HTTP.
//
// browser.go is a person with a browser, oauth.go a client, provider.go and github.go are providers
// that people sign in through.
package apptest

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/app"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/config"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/internal/password"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/postgres/pgtest"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/telemetry"
)

// App is a running application.
type App struct {
	URL    string // the issuer
	Public string // where this replica listens, as a URL
	OpsURL string
	DSN    string
	DB     *postgres.DB // for looking at what was stored
	Log    *LogBuffer
	// Mailbox gets the application's mail; nil when a test configured another mail server or none.
	Mailbox *Mailbox
	stop    context.CancelFunc
	done    chan error
}

// MasterKey is the master key of every test application.
const MasterKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// Option changes the settings before the start.
type Option func(*options)

type options struct {
	settings map[string]string
	bare     bool
	dsn      string
	now      func() time.Time
	extra    installation.Installation
	mailbox  *Mailbox
	names    Names
}

// With sets an environment variable of the configuration.
func With(name, value string) Option { return func(o *options) { o.settings[name] = value } }

// WithDatabase uses a database that the caller made, already migrated.
func WithDatabase(dsn string) Option { return func(o *options) { o.dsn = dsn } }

// Names are the TXT records that the application finds: none but these, by names without the dot at
// their end.
type Names func(name string) ([]string, error)

// LookupTXT implements connector.Resolver.
func (n Names) LookupTXT(_ context.Context, name string) ([]string, error) {
	return n(strings.TrimSuffix(name, "."))
}

func noNames(name string) ([]string, error) {
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// WithNames answers the look-ups of the application.
func WithNames(n Names) Option { return func(o *options) { o.names = n } }

// WithClock replaces the clock.
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// Bare stores nobody but Opal, who administers the installation, and none of the default clients.
func Bare() Option { return func(o *options) { o.bare = true } }

// WithInstallation stores more than the default installation.
func WithInstallation(i installation.Installation) Option { return func(o *options) { o.extra = i } }

// Start runs an application until the test ends.
func Start(t testing.TB, opts ...Option) *App {
	t.Helper()
	o := options{now: time.Now, names: noNames, settings: map[string]string{
		"SIGNET_KEYS_MASTER":        MasterKey,
		"SIGNET_OPS_LISTEN":         "127.0.0.1:0",
		"SIGNET_DATABASE_MAX_CONNS": "12",
		"SIGNET_LOG_LEVEL":          "info",
		"SIGNET_OUTBOUND_ALLOW":     "127.0.0.0/8,::1/128", // providers of tests
	}}
	for _, opt := range opts {
		opt(&o)
	}
	if o.dsn == "" {
		o.dsn = pgtest.New(t)
	}
	port := freePort(t)
	listen := fmt.Sprintf("127.0.0.1:%d", port)
	if o.settings["SIGNET_ISSUER"] == "" {
		o.settings["SIGNET_ISSUER"] = "http://" + listen
	}
	if o.settings["SIGNET_SERVER_LISTEN"] == "" {
		o.settings["SIGNET_SERVER_LISTEN"] = listen
	}
	o.settings["DATABASE_URL"] = o.dsn
	o.configureMail(t)
	var environ []string
	for k, v := range o.settings {
		environ = append(environ, k+"="+v)
	}
	c, err := config.Load(config.Source{Environ: environ}, config.Serve)
	if err != nil {
		t.Fatal(err)
	}
	a := &App{URL: c.Issuer, DSN: o.dsn, Log: &LogBuffer{}, Mailbox: o.mailbox, done: make(chan error, 1)}
	a.DB, err = postgres.Open(context.Background(), postgres.Config{URL: o.dsn, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	stored := Installation(t)
	if o.bare {
		stored = installation.Installation{Users: slices.DeleteFunc(stored.Users, func(u installation.User) bool { return u.Email != Opal })}
	}
	if err := a.DB.Install(context.Background(), stored, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := a.DB.Install(context.Background(), o.extra, time.Now()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	ready := make(chan app.Addresses, 1)
	go func() {
		a.done <- app.Run(ctx, app.Options{
			Config: c,
			Log:    telemetry.NewLogger(a.Log, slog.LevelInfo, "json"),
			Build:  telemetry.Build{Version: "test"},
			Now:    o.now,
			Ready:  func(at app.Addresses) { ready <- at },

			Resolver: o.names,
		})
	}()
	t.Cleanup(func() {
		a.Stop(t)
		a.DB.Close()
		if t.Failed() {
			t.Logf("log of the application:\n%s", a.Log.String())
		}
	})
	select {
	case at := <-ready:
		a.OpsURL, a.Public = "http://"+at.Ops.String(), "http://"+at.Public.String()
	case err := <-a.done:
		a.done <- nil
		t.Fatalf("application did not start: %v\n%s", err, a.Log.String())
	case <-time.After(30 * time.Second):
		t.Fatalf("application did not start in time\n%s", a.Log.String())
	}
	return a
}

// AwaitKeys waits until keys of both algorithms are published: RSA keys are made after the start.
func (a *App) AwaitKeys(t testing.TB) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		if set, _ := a.Get(t, "/.well-known/jwks.json").JSON["keys"].([]any); len(set) >= 4 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the keys of an algorithm are never published")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Stop shuts the application down and waits for it.
func (a *App) Stop(t testing.TB) {
	t.Helper()
	a.stop()
	select {
	case err := <-a.done:
		a.done <- nil
		if err != nil {
			t.Errorf("application ended with: %v", err)
		}
	case <-time.After(40 * time.Second):
		t.Error("application did not stop")
	}
}

// freePort returns a port that nothing listens on. It is below those that systems give to outgoing
// connections and to listeners that name none, so that none of these takes it before it is used.
func freePort(t testing.TB) int {
	t.Helper()
	const lowest, ports = 20000, 12000
	for range 100 {
		n, err := rand.Int(rand.Reader, big.NewInt(ports))
		if err != nil {
			t.Fatal(err)
		}
		port := lowest + int(n.Int64())
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("no free port")
	return 0
}

// LogBuffer collects what the application logs.
type LogBuffer struct {
	mu  sync.Mutex
	buf []byte
}

// Write appends p.
func (b *LogBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf = append(b.buf, p...)
	return len(p), nil
}

// String returns everything so far.
func (b *LogBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.buf)
}

// The people of the default installation and the password they share.
const (
	Ada      = "ada@acme.example"   // admin in acme, viewer in globex
	Grace    = "grace@acme.example" // clerk in acme
	Linus    = "linus@globex.example"
	Nobody   = "nobody@example.org"   // no member of anything
	Opal     = "opal@signet.example"  // administers the installation
	Greta    = "greta@globex.example" // administers globex
	Password = "a long demo passphrase"
)

// Orders is the audience of the default resource server.
const Orders = "https://orders.example"

// Secret is the secret of every confidential client of the default installation.
var Secret = secret.New("s3cr3t-of-the-default-installation-0123456789")

// Callback is the redirect URI of the default clients; nothing listens there.
const Callback = "https://app.example/callback"

var passwordHash = sync.OnceValues(func() (string, error) {
	h, err := password.New(password.Config{})
	if err != nil {
		return "", err
	}
	return h.Hash(context.Background(), secret.New(Password))
})

// Installation is what every test application holds.
func Installation(t testing.TB) installation.Installation {
	t.Helper()
	hash, err := passwordHash()
	if err != nil {
		t.Fatal(err)
	}
	user := func(email, name string, m ...installation.Membership) installation.User {
		return installation.User{Email: email, EmailVerified: true, Name: name, PasswordHash: hash, Memberships: m}
	}
	read := installation.PermissionRef{Audience: Orders, Slug: "orders:read"}
	write := installation.PermissionRef{Audience: Orders, Slug: "orders:write"}
	other := installation.PermissionRef{Audience: "https://billing.example", Slug: "invoices:read"}
	return installation.Installation{
		ResourceServers: []installation.ResourceServer{
			{Audience: Orders, Name: "Orders", Permissions: []installation.Permission{{Slug: "orders:read"}, {Slug: "orders:write"}}},
			{Audience: "https://billing.example", Name: "Billing", Permissions: []installation.Permission{{Slug: "invoices:read"}}},
		},
		Tenants: []installation.Tenant{
			{Slug: "acme", Name: "Acme", Roles: []installation.Role{
				{Name: "admin", Permissions: []installation.PermissionRef{read, write, other}},
				{Name: "clerk", Permissions: []installation.PermissionRef{read}},
			}},
			{Slug: "globex", Name: "Globex", Roles: []installation.Role{
				{Name: "viewer", Permissions: []installation.PermissionRef{read}},
				{Name: "admin"}, // the template's permissions alone
			}},
		},
		Users: []installation.User{
			user(Ada, "Ada Lovelace", installation.Membership{Tenant: "acme", Roles: []string{"admin"}}, installation.Membership{Tenant: "globex", Roles: []string{"viewer"}}),
			user(Grace, "Grace Hopper", installation.Membership{Tenant: "acme", Roles: []string{"clerk"}}),
			user(Linus, "Linus", installation.Membership{Tenant: "globex", Roles: []string{"viewer"}}),
			user(Nobody, "Nobody"),
			user(Opal, "Opal", installation.Membership{Tenant: "signet", Roles: []string{"admin"}}),
			user(Greta, "Greta", installation.Membership{Tenant: "globex", Roles: []string{"admin"}}),
		},
		Clients: clients(),
	}
}

func clients() []installation.Client {
	code := []string{client.GrantAuthorizationCode, client.GrantRefreshToken}
	scopes := []string{"openid", "profile", "email", "offline_access", "orders:read", "orders:write"}
	base := func(id client.ID, auth client.AuthMethod) client.Client {
		c := client.Client{
			ID: id, Name: "Client " + string(id), AuthMethod: auth, GrantTypes: code, Scopes: scopes,
			RedirectURIs: []string{Callback}, PostLogoutRedirectURIs: []string{"https://app.example/bye"},
			Audiences: []string{Orders, "https://billing.example"}, SkipConsent: true,
		}
		if auth != client.AuthNone {
			c.Secrets = []client.Secret{{Hash: Secret.Hash()}}
		}
		return c
	}
	spa := base("spa", client.AuthNone)
	spa.Origins = []string{"https://app.example"}
	two := base("two", client.AuthNone)
	two.RedirectURIs = []string{Callback, "https://app.example/other"}
	native := base("native", client.AuthNone)
	native.RedirectURIs = []string{"http://127.0.0.1/cb", "https://127.0.0.1/tls", "com.example.app:/cb"}
	third := base("third", client.AuthNone)
	third.SkipConsent = false
	third.PolicyURI = "https://third.example/privacy"
	legacy := base("legacy", client.AuthBasic)
	legacy.PKCEOptional = true
	norefresh := base("norefresh", client.AuthNone)
	norefresh.GrantTypes = []string{client.GrantAuthorizationCode}
	machine := base("machine", client.AuthBasic)
	machine.GrantTypes = []string{client.GrantClientCredentials}
	machine.RedirectURIs, machine.PostLogoutRedirectURIs = nil, nil
	api := base("api", client.AuthBasic)
	api.GrantTypes, api.RedirectURIs, api.PostLogoutRedirectURIs = nil, nil, nil
	api.Audiences, api.ServesAudience = nil, Orders
	billing := api
	billing.ID, billing.Name, billing.ServesAudience = "billing-api", "Billing API", "https://billing.example"
	disabledSecret := base("rotating", client.AuthBasic)
	disabledSecret.Secrets = []client.Secret{
		{Hash: Secret.Hash()},
		{Hash: secret.New("the second secret of rotating").Hash(), ExpiresAt: time.Now().Add(time.Hour)},
	}
	out := []installation.Client{}
	for _, c := range []client.Client{
		spa, two, native, third, legacy, norefresh, machine, api, billing, disabledSecret,
		base("web", client.AuthBasic), base("post", client.AuthPost), base("legacy:id/with+odd chars", client.AuthBasic),
	} {
		out = append(out, installation.Client{Client: c})
	}
	acme := base("acme-spa", client.AuthNone)
	return append(out, installation.Client{Client: acme, OwnerTenant: "acme"})
}
