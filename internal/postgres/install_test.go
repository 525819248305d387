package postgres_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/internal/secret"
)

const everything = `SELECT (SELECT count(*) FROM tenant) + (SELECT count(*) FROM user_account) + (SELECT count(*) FROM password_credential)
	+ (SELECT count(*) FROM membership) + (SELECT count(*) FROM role) + (SELECT count(*) FROM membership_role) + (SELECT count(*) FROM resource_server)
	+ (SELECT count(*) FROM permission) + (SELECT count(*) FROM role_permission) + (SELECT count(*) FROM client) + (SELECT count(*) FROM client_secret)
	+ (SELECT count(*) FROM client_origin)`

func TestInstallingTwiceChangesNothingButClients(t *testing.T) {
	t.Parallel()
	w := build(t)
	before := w.count(t, everything)
	must(t, w.Directory().SetPassword(t.Context(), w.ada, "hash-2"))
	again := holding()
	again.Users[0].Name = "Somebody"
	again.Tenants[0].Name = "Another"
	again.Clients[0].Name = "New name"
	again.Clients[0].Secrets = again.Clients[0].Secrets[:1]
	must(t, w.Install(t.Context(), again, time.Now()))
	if after := w.count(t, everything); after != before {
		t.Errorf("%d rows before and %d after", before, after)
	}
	if u, err := w.Directory().FindUser(t.Context(), w.ada); err != nil || u.Name != "Ada" {
		t.Errorf("%+v, %v", u, err)
	}
	if p, err := w.Directory().FindPassword(t.Context(), w.ada); err != nil || p.Encoded != "hash-2" {
		t.Errorf("the password was put back: %v, %v", p, err)
	}
	if c, err := w.Clients().FindClient(t.Context(), "web"); err != nil || c.Name != "New name" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestAnInstallationIsStoredWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	w := build(t)
	before := w.count(t, everything)
	in := installation.Installation{
		Tenants: []installation.Tenant{{Slug: "fresh", Name: "Fresh"}},
		Users:   []installation.User{{Email: "new@fresh.example", Name: "N", Memberships: []installation.Membership{{Tenant: "fresh"}}}},
		Clients: []installation.Client{{Client: client.Client{ID: "bad", Name: "a NUL \x00", AuthMethod: client.AuthNone}}},
	}
	if err := w.Install(t.Context(), in, time.Now()); !errors.Is(err, errdefs.ErrInvalid) {
		t.Errorf("what the database refuses last: %v", err)
	}
	in.Clients[0].ID = ""
	if err := w.Install(t.Context(), in, time.Now()); !errors.Is(err, errdefs.ErrInvalid) {
		t.Errorf("what the check refuses: %v", err)
	}
	if after := w.count(t, everything); after != before {
		t.Errorf("%d rows before and %d after", before, after)
	}
}

func TestAClientReadsBackAsItWasStored(t *testing.T) {
	t.Parallel()
	w := build(t)
	got, err := w.Clients().FindClient(t.Context(), "web")
	must(t, err)
	want := holding().Clients[0].Client
	want.Tenant, want.TenantSlug, want.PostLogoutRedirectURIs = w.acme, "acme", []string{}
	if got.Version != 1 || got.CreatedAt.IsZero() || !got.ValidFrom.Equal(got.CreatedAt) || string(got.Claims) != "[]" {
		t.Errorf("kept by the store: %+v", got)
	}
	want.Claims, want.Version, want.CreatedAt, want.UpdatedAt, want.ValidFrom = got.Claims, got.Version, got.CreatedAt, got.UpdatedAt, got.ValidFrom
	secrets := got.Secrets
	got.Secrets, want.Secrets = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	got.Secrets = secrets
	now := time.Now()
	for text, c := range map[string]struct{ now, later bool }{"one": {true, true}, "two": {true, false}, "three": {false, false}} {
		if got.Authenticate(secret.New(text), now) != c.now || got.Authenticate(secret.New(text), now.Add(2*time.Hour)) != c.later {
			t.Errorf("secret %s", text)
		}
	}
	w.exec(t, "UPDATE client_secret SET expires_at = now() WHERE expires_at IS NOT NULL")
	if got, err = w.Clients().FindClient(t.Context(), "web"); err != nil || len(got.Secrets) != 1 || got.Authenticate(secret.New("two"), now.Add(-time.Hour)) {
		t.Errorf("an expired secret is read: %d, %v", len(got.Secrets), err)
	}
	w.exec(t, "UPDATE tenant SET disabled_at = now() WHERE slug = 'acme'")
	if got, err = w.Clients().FindClient(t.Context(), "web"); err != nil || got.Enabled() {
		t.Errorf("a client of a disabled tenant: %v", err)
	}
	_, err = w.Clients().FindClient(t.Context(), "WEB")
	notFound(t, "another case", err)
}

// Two secrets of one transaction have one creation time; each must keep its own expiry.
func TestSecretsStoredTogetherKeepTheirOwnExpiries(t *testing.T) {
	t.Parallel()
	w := build(t)
	in := installation.Installation{}
	for i := range 20 {
		in.Clients = append(in.Clients, installation.Client{Client: client.Client{
			ID: client.ID(rune('a' + i)), Name: "x", AuthMethod: client.AuthBasic,
			Secrets: []client.Secret{{Hash: secret.New("short").Hash(), ExpiresAt: time.Now().Add(time.Hour)}, {Hash: secret.New("long" + string(rune('a'+i))).Hash()}},
		}})
	}
	must(t, w.Install(t.Context(), in, time.Now()))
	for _, c := range in.Clients {
		got, err := w.Clients().FindClient(t.Context(), c.ID)
		if err != nil || got.Authenticate(secret.New("short"), time.Now().Add(2*time.Hour)) || !got.Authenticate(secret.New("short"), time.Now()) {
			t.Errorf("%s: %+v, %v", c.ID, got.Secrets, err)
		}
	}
}

func TestOriginsAreThoseOfTheLastRegistration(t *testing.T) {
	t.Parallel()
	w := build(t)
	ask := func(origin string, want bool) {
		t.Helper()
		if ok, err := w.Clients().OriginRegistered(t.Context(), origin); err != nil || ok != want {
			t.Errorf("%s: %v, %v", origin, ok, err)
		}
	}
	ask("https://app.example", true)
	ask("https://app.example:443", false)
	in := holding()
	in.Clients[0].Origins = []string{"https://b.example"}
	must(t, w.Install(t.Context(), in, time.Now()))
	ask("https://app.example", false)
	ask("https://b.example", true)
}

func TestATenantSeesNothingOfAnother(t *testing.T) {
	t.Parallel()
	w := build(t)
	d := w.Directory()
	if s, err := d.FindSubject(t.Context(), w.acme, w.linus); err != nil || s.Member || len(s.Roles)+len(s.Permissions) != 0 || s.Active() == nil {
		t.Errorf("Linus in acme: %+v, %v", s, err)
	}
	if s, err := d.FindSubject(t.Context(), w.globex, w.ada); err != nil || !s.Member || !slices.Equal(s.Roles, []string{"viewer"}) || len(s.Permissions) != 1 {
		t.Errorf("Ada in globex: %+v, %v", s, err)
	}
	_, err := d.FindSubject(t.Context(), id.NewTenant(time.Now()), w.ada)
	notFound(t, "an unknown tenant", err)
	_, err = d.FindSubject(t.Context(), w.acme, id.NewUser(time.Now()))
	notFound(t, "an unknown person", err)

	m, err := d.ListMemberships(t.Context(), w.linus, directory.Among{})
	if err != nil || len(m) != 1 || m[0].Tenant.ID != w.globex || len(m[0].Roles) != 0 {
		t.Errorf("Linus: %+v, %v", m, err)
	}
	for name, among := range map[string]directory.Among{
		"by slug": {Reference: "acme"}, "by identifier": {Reference: w.acme.String()}, "by tenant": {Tenant: w.acme},
		"by tenant and slug": {Tenant: w.acme, Reference: "acme"},
	} {
		if m, err := d.ListMemberships(t.Context(), w.ada, among); err != nil || len(m) != 1 || m[0].Tenant.ID != w.acme {
			t.Errorf("Ada %s: %+v, %v", name, m, err)
		}
	}
	if m, err := d.ListMemberships(t.Context(), w.ada, directory.Among{Tenant: w.globex, Reference: "acme"}); err != nil || len(m) != 0 {
		t.Errorf("Ada in one tenant by the name of another: %+v, %v", m, err)
	}
	w.exec(t, "UPDATE tenant SET disabled_at = now() WHERE slug = 'acme'")
	if m, err = d.ListMemberships(t.Context(), w.ada, directory.Among{}); err != nil || len(m) != 1 || m[0].Tenant.ID != w.globex {
		t.Errorf("Ada, acme disabled: %+v, %v", m, err)
	}
}

func TestATenantIsFoundBySlugOrIdentifier(t *testing.T) {
	t.Parallel()
	w := build(t)
	for _, reference := range []string{"acme", w.acme.String()} {
		if got, err := w.Directory().FindTenant(t.Context(), reference); err != nil || got.ID != w.acme || got.Name != "Acme" {
			t.Errorf("%s: %+v, %v", reference, got, err)
		}
	}
	for _, reference := range []string{"", "Acme", "acme ", w.ada.String(), "ten_00000000000000000000000000", id.NewTenant(time.Now()).String()} {
		_, err := w.Directory().FindTenant(t.Context(), reference)
		notFound(t, reference, err)
	}
}

func TestAPasswordIsUpgradedUnlessItChangedMeanwhile(t *testing.T) {
	t.Parallel()
	w := build(t)
	d := w.Directory()
	_, err := d.FindPassword(t.Context(), w.linus)
	notFound(t, "no password", err)
	must(t, d.UpgradePassword(t.Context(), w.ada, "hash-1", "hash-1b"))
	must(t, d.SetPassword(t.Context(), w.ada, "hash-2"))
	must(t, d.UpgradePassword(t.Context(), w.ada, "hash-1b", "hash-1c")) // too late
	if got, err := d.FindPassword(t.Context(), w.ada); err != nil || got.Encoded != "hash-2" {
		t.Errorf("%s, %v", got, err)
	}
}
