package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres"
)

// run is a connector to be made for a tenant.
func run(slug string, of id.Tenant) connector.Connector {
	return connector.Connector{
		ID: id.NewConnector(time.Now()), Slug: slug, Tenant: of, Kind: connector.OIDC, Name: "Okta", Issuer: idp, ClientID: "signet",
		DefaultRoles: []string{"clerk"}, GroupsClaim: "groups", RoleMappings: []connector.RoleMapping{{Group: "bosses", Role: "admin"}}, Provision: true,
	}
}

// tends is an act of the administrator of acme.
func (w *world) tends(action audit.Action) admin.Act {
	actor := admin.Actor{User: w.ada, Client: "console", Tenant: w.acme, Permissions: []string{admin.TenantRead, admin.TenantManage}}
	return admin.Act{Actor: actor, Event: audit.Event{At: time.Now(), Action: action, Tenant: w.acme, Actor: actor.String(), Detail: map[string]string{}}}
}

func TestAConnectorIsMadeReadEditedAndListed(t *testing.T) {
	t.Parallel()
	w := build(t)
	store, ctx, page := w.Connectors(), t.Context(), admin.Page{Limit: 10}
	made, _, err := store.Create(ctx, w.tends(audit.ConnectorCreated), run("okta", w.acme))
	must(t, err)
	if made.Reference != "acme.okta" || made.Joins != w.acme || made.Tenant != w.acme || made.Version != 1 || !made.Enabled() || made.RoleMappings[0].Role != "admin" {
		t.Errorf("%+v", made)
	}
	_, _, err = store.Create(ctx, w.tends(audit.ConnectorCreated), run("okta", w.acme))
	names(t, "the same again", err, "slug", errdefs.ErrConflict)
	bad := run("other", w.acme)
	bad.DefaultRoles = append(bad.DefaultRoles, "ghost")
	_, _, err = store.Create(ctx, w.tends(audit.ConnectorCreated), bad)
	names(t, "a role that does not exist", err, "default_roles[1]", errdefs.ErrInvalid)
	bad = run("other", w.acme)
	bad.RoleMappings = append(bad.RoleMappings, connector.RoleMapping{Group: "x", Role: "viewer"}) // of globex
	_, _, err = store.Create(ctx, w.tends(audit.ConnectorCreated), bad)
	names(t, "a role of another tenant", err, "role_mappings[1].role", errdefs.ErrInvalid)

	// The reference stays when the tenant gets another slug, and is nobody else's then.
	_, err = w.Tenants().Update(ctx, did(audit.TenantUpdated), w.acme, func(t *directory.Tenant) error { t.Slug = "apex"; return nil }, keep)
	must(t, err)
	thief, _, err := w.Tenants().Create(ctx, did(audit.TenantCreated), directory.Tenant{ID: id.NewTenant(time.Now()), Slug: "acme", Name: "Not Acme"})
	must(t, err)
	stolen := run("okta", thief.ID)
	stolen.DefaultRoles, stolen.RoleMappings = nil, nil
	_, _, err = store.Create(ctx, did(audit.ConnectorCreated), stolen)
	names(t, "a reference of somebody else", err, "slug", errdefs.ErrConflict)

	shared := run("shared", id.Tenant{})
	shared.Joins = w.acme
	shared, _, err = store.Create(ctx, did(audit.ConnectorCreated), shared)
	must(t, err)
	_, _, err = store.Create(ctx, did(audit.ConnectorCreated), connector.Connector{ID: id.NewConnector(time.Now()), Slug: "lost", Joins: id.NewTenant(time.Now()), Kind: connector.OIDC, Name: "x", Issuer: idp, ClientID: "x"})
	names(t, "for a tenant that does not exist", err, "joins_tenant_id", errdefs.ErrInvalid)
	nowhere := run("nowhere", id.Tenant{})
	nowhere.DefaultRoles, nowhere.RoleMappings, nowhere.GroupsClaim = nil, nil, ""
	_, _, err = store.Create(ctx, did(audit.ConnectorCreated), nowhere)
	must(t, err)

	mine := admin.Reach{Tenant: w.acme}
	for reach, want := range map[admin.Reach]int{mine: 2, {All: true}: 3, {Tenant: w.globex}: 0} {
		l, err := store.List(ctx, reach, id.Tenant{}, page)
		must(t, err)
		if len(l.Items) != want {
			t.Errorf("%+v: %d, want %d", reach, len(l.Items), want)
		}
	}
	if l, err := store.List(ctx, admin.Reach{All: true}, w.acme, admin.Page{Limit: 1}); err != nil || len(l.Items) != 1 || l.Items[0].ID != made.ID || l.Next == "" {
		t.Errorf("%+v, %v", l, err)
	} else if l, err = store.List(ctx, admin.Reach{All: true}, w.acme, admin.Page{Limit: 1, After: l.Next}); err != nil || len(l.Items) != 1 || l.Items[0].ID != shared.ID || l.Next != "" {
		t.Errorf("%+v, %v", l, err)
	}
	for _, reference := range []string{"acme.okta", made.ID.String(), "shared"} {
		if _, err := store.Find(ctx, mine, reference); err != nil {
			t.Errorf("%s: %v", reference, err)
		}
	}
	_, err = store.Update(ctx, w.tends(audit.ConnectorUpdated), shared.ID, func(c *connector.Connector) error { c.Name = "Mine"; return nil })
	notFound(t, "an edit of the installation's by a tenant that it serves", err)

	edited, err := store.Update(ctx, w.tends(audit.ConnectorUpdated), made.ID, func(c *connector.Connector) error {
		c.Name, c.Slug, c.Reference, c.Joins, c.Tenant = "New", "new", "new", w.globex, w.globex
		c.RoleMappings[0].Group = "chiefs"
		return nil
	})
	if err != nil || edited.Name != "New" || edited.Reference != "acme.okta" || edited.Slug != "okta" || edited.Joins != w.acme || edited.Version != 2 || edited.RoleMappings[0].Group != "chiefs" {
		t.Errorf("%+v, %v", edited, err)
	}
	stale := w.tends(audit.ConnectorUpdated)
	stale.IfVersion = 1
	if _, err = store.Update(ctx, stale, made.ID, func(*connector.Connector) error { return nil }); !errors.Is(err, admin.ErrVersion) {
		t.Errorf("stale: %v", err)
	}
	w.exec(t, `DELETE FROM role WHERE name = 'clerk'`)
	if _, err = store.Update(ctx, w.tends(audit.ConnectorUpdated), made.ID, func(c *connector.Connector) error { c.Name = "Newer"; return nil }); err != nil {
		t.Errorf("an edit after a role has gone: %v", err)
	}
	_, err = store.Update(ctx, w.tends(audit.ConnectorUpdated), made.ID, func(c *connector.Connector) error { c.Issuer = "ftp://x"; return nil })
	names(t, "nonsense", err, "issuer", errdefs.ErrInvalid)
	w.exec(t, `UPDATE connector SET managed_by = 'environment' WHERE id = $1`, made.ID.UUID())
	if _, err = store.Update(ctx, w.tends(audit.ConnectorUpdated), made.ID, func(*connector.Connector) error { return nil }); !errors.Is(err, errdefs.ErrConflict) {
		t.Errorf("of the settings: %v", err)
	}
	if err = store.Delete(ctx, w.tends(audit.ConnectorDeleted), made.ID, keep, true); !errors.Is(err, errdefs.ErrConflict) {
		t.Errorf("of the settings: %v", err)
	}
}

func TestADeletedConnectorTakesItsRolesAndSessionsAndLeavesTheAccounts(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	out := l.arrive(t, comes(l.okta, "1", "grace@acme.example", "bosses"), connector.Create)
	both := l.arrive(t, comes(l.okta, "2", "hedy@acme.example", "bosses"), connector.Create)
	_, err := l.identities().Link(t.Context(), comes(l.entra, "2", "", "bosses"), both.User.ID, [32]byte{}, letter())
	must(t, err)
	s := l.enters(t, out, l.okta, "a", "")
	family := l.family(t, func(a *grant.Authorization) { a.User, a.Session = out.User.ID, s.ID })
	remove := func(force bool) error {
		return l.Connectors().Delete(t.Context(), l.tends(audit.ConnectorDeleted), l.okta.ID, keep, force)
	}
	if err := remove(false); !errors.Is(err, errdefs.ErrConflict) {
		t.Errorf("in use: %v", err)
	}
	must(t, remove(true))
	if l.lives(t, "a") {
		t.Error("a session lives on")
	}
	if f, err := l.Grants().FindFamily(t.Context(), family); err != nil || f.RevokedAt.IsZero() {
		t.Errorf("a grant lives on: %v", err)
	}
	if a, b := l.roles(t, out.User.ID), l.roles(t, both.User.ID); a != "clerk" || b != "admin clerk" {
		t.Errorf("roles: %q, and of whoever has another identity %q", a, b)
	}
	notFound(t, "again", remove(true))
	_, err = l.identities().Arrive(t.Context(), comes(l.okta, "1", "grace@acme.example"))
	notFound(t, "through it", err)
}

func TestRolesGoWhenPeopleJoinAnotherTenantOrGroupsAreNotHeededAnyMore(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	grace := l.arrive(t, comes(l.okta, "1", "grace@acme.example", "bosses"), connector.Create).User.ID
	_, err := l.Connectors().Update(t.Context(), l.tends(audit.ConnectorUpdated), l.okta.ID, func(c *connector.Connector) error {
		c.GroupsClaim, c.RoleMappings = "", nil
		return nil
	})
	must(t, err)
	if got := l.roles(t, grace); got != "clerk" {
		t.Errorf("groups are not heeded: %q", got)
	}
	serve := func(tenant id.Tenant) {
		t.Helper()
		_, err := l.Connectors().Update(t.Context(), did(audit.ConnectorUpdated), l.google.ID, func(c *connector.Connector) error {
			c.Joins, c.GroupsClaim, c.RoleMappings = tenant, "groups", nil
			if tenant == l.acme {
				c.RoleMappings = []connector.RoleMapping{{Group: "bosses", Role: "admin"}}
			}
			return nil
		})
		must(t, err)
	}
	serve(l.acme)
	_, err = l.Domains().SaveDomain(t.Context(), l.tends(audit.DomainClaimed), connector.Domain{Tenant: l.acme, Name: "other.example", Connector: l.google.ID, Challenge: "x"}, nil)
	must(t, err)
	hedy := l.arrive(t, comes(l.google, "2", "hedy@example.com", "bosses"), connector.Create).User.ID
	if got := l.roles(t, hedy); got != "admin" {
		t.Errorf("before: %q", got)
	}
	serve(l.globex)
	if got := l.roles(t, hedy); got != "" {
		t.Errorf("people join another tenant: %q", got)
	}
	if d, err := l.Domains().FindDomain(t.Context(), l.acme, "other.example"); err != nil || !d.Connector.IsZero() {
		t.Errorf("a domain leads to what does not serve its tenant: %+v, %v", d, err)
	}
}

func TestWhatAConnectorGaveGoesWhenTheSettingsDeclareItOtherwise(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	l.exec(t, `UPDATE connector SET joins_tenant_id = $2, groups_claim = 'groups', keep_tokens = true, role_mappings = '[{"group": "bosses", "role": "admin"}]' WHERE id = $1`, l.google.ID.UUID(), l.acme.UUID())
	_, err := l.Domains().SaveDomain(t.Context(), l.tends(audit.DomainClaimed), connector.Domain{Tenant: l.acme, Name: "other.example", Connector: l.google.ID, Challenge: "x"}, nil)
	must(t, err)
	found, err := l.Providers().FindConnector(t.Context(), "google")
	must(t, err)
	hedy := l.arrive(t, comes(found, "2", "hedy@example.com", "bosses"), connector.Create).User.ID
	if got := l.roles(t, hedy); got != "admin" {
		t.Fatalf("before: %q", got)
	}
	declared := func(slug string) connector.Declaration {
		return connector.Declaration{Connector: connector.Connector{
			Reference: slug, Slug: slug, Kind: connector.OIDC, Name: slug, Issuer: idp, ClientID: "signet", ManagedBy: connector.FromEnvironment,
		}}
	}
	_, err = l.Declare(t.Context(), []connector.Declaration{declared("google"), declared("hub")}, l.keeper, time.Now())
	must(t, err)
	if got := l.roles(t, hedy); got != "" {
		t.Errorf("people join no tenant: %q", got)
	}
	if d, err := l.Domains().FindDomain(t.Context(), l.acme, "other.example"); err != nil || !d.Connector.IsZero() {
		t.Errorf("a domain leads to what does not serve its tenant: %+v, %v", d, err)
	}
	var kept int
	must(t, l.conn.QueryRow(t.Context(), `SELECT count(*) FROM identity WHERE sealed_tokens IS NOT NULL`).Scan(&kept))
	if kept != 0 {
		t.Errorf("%d identities have tokens", kept)
	}

	// Some of what is declared says nothing about the rest.
	again, err := l.DeclareAgain(t.Context(), []connector.Declaration{declared("late")}, l.keeper, time.Now())
	must(t, err)
	hub, err := l.Providers().FindConnector(t.Context(), "hub")
	if err != nil || !hub.Enabled() || hub.ManagedBy != connector.FromEnvironment || len(again) != 1 || again[0].Result != connector.Created {
		t.Errorf("%+v, %v, %+v", hub, err, again)
	}
}

func TestATenantIsNeverEnteredThroughNothingAlone(t *testing.T) {
	t.Parallel()
	w := build(t)
	only := func(on bool) error {
		_, err := w.Tenants().Update(t.Context(), w.tends(audit.TenantUpdated), w.acme, func(t *directory.Tenant) error { t.OnlyConnectors = on; return nil }, keep)
		return err
	}
	names(t, "without a connector", only(true), "only_connectors", errdefs.ErrConflict)
	c, _, err := w.Connectors().Create(t.Context(), w.tends(audit.ConnectorCreated), run("okta", w.acme))
	must(t, err)
	able := func(on bool) error {
		_, err := w.Connectors().Update(t.Context(), w.tends(audit.ConnectorUpdated), c.ID, func(c *connector.Connector) error {
			c.DisabledAt = given(on, time.Time{}, time.Now())
			return nil
		})
		return err
	}
	must(t, able(false))
	names(t, "with one that is disabled", only(true), "only_connectors", errdefs.ErrConflict)
	must(t, able(true))
	must(t, only(true))
	if err := able(false); !errors.Is(err, errdefs.ErrConflict) {
		t.Errorf("the last one is disabled: %v", err)
	}
	if err := w.Connectors().Delete(t.Context(), w.tends(audit.ConnectorDeleted), c.ID, keep, true); !errors.Is(err, errdefs.ErrConflict) {
		t.Errorf("the last one is deleted: %v", err)
	}
	must(t, only(false))
	must(t, able(false))
	must(t, w.Connectors().Delete(t.Context(), w.tends(audit.ConnectorDeleted), c.ID, keep, false))
}

func TestAdministratorsReadAndRemoveIdentities(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	out := l.arrive(t, comes(l.okta, "1", "grace@acme.example", "bosses"), connector.Create)
	grace, store, ctx := out.User.ID, l.LinkedIdentities(), t.Context()
	other, err := l.identities().Link(ctx, comes(l.google, "1", ""), grace, [32]byte{}, letter())
	must(t, err)
	l.enters(t, out, l.okta, "a", "")
	mine, page := admin.Reach{Tenant: l.acme}, admin.Page{Limit: 1}
	if got, err := store.ListIdentitiesOf(ctx, mine, grace, page); err != nil || len(got.Items) != 1 || got.Items[0].ID != out.Identity || got.Next != "" {
		t.Errorf("the tenant's: %+v, %v", got, err)
	}
	first, err := store.ListIdentitiesOf(ctx, anywhere, grace, page)
	must(t, err)
	second, err := store.ListIdentitiesOf(ctx, anywhere, grace, admin.Page{Limit: 1, After: first.Next})
	must(t, err)
	if first.Items[0].ID != out.Identity || second.Items[0].ID != other || second.Next != "" {
		t.Errorf("all: %+v, %+v", first, second)
	}
	if got, err := store.ListIdentitiesAt(ctx, mine, l.okta.ID, page); err != nil || len(got.Items) != 1 || got.Items[0].User != grace || got.Items[0].Name != "Okta" {
		t.Errorf("at the connector: %+v, %v", got, err)
	}
	read := l.tends(audit.IdentityTokensRead)
	if sealed, err := store.ReadTokens(ctx, read, grace, out.Identity); err != nil || sealed != nil || l.count(t, `SELECT count(*) FROM audit_event WHERE action = $1`, string(audit.IdentityTokensRead)) != 0 {
		t.Errorf("no tokens: %v, %v", sealed, err)
	}
	l.exec(t, `UPDATE identity SET sealed_tokens = 'x'`)
	if sealed, err := store.ReadTokens(ctx, read, grace, out.Identity); err != nil || string(sealed) != "x" || l.count(t, `SELECT count(*) FROM audit_event WHERE action = $1`, string(audit.IdentityTokensRead)) != 1 {
		t.Errorf("tokens: %v, %v", sealed, err)
	}
	_, err = store.ReadTokens(ctx, read, grace, other)
	notFound(t, "tokens of another's", err)
	notFound(t, "another's", store.DeleteIdentity(ctx, l.tends(audit.IdentityUnlinked), grace, other, keep))
	must(t, store.DeleteIdentity(ctx, did(audit.IdentityUnlinked), grace, other, keep))
	must(t, store.DeleteIdentity(ctx, l.tends(audit.IdentityUnlinked), grace, out.Identity, keep)) // the last way
	if l.lives(t, "a") || l.roles(t, grace) != "clerk" {
		t.Errorf("the session lives or the role is kept: %q", l.roles(t, grace))
	}
	notFound(t, "again", store.DeleteIdentity(ctx, did(audit.IdentityUnlinked), grace, out.Identity, keep))
}

func TestWhatIsKeptOfConnectorsIsForgottenOnceItChanges(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	cache := connector.NewCache(l.Providers())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		reach(t, l.dsn).Listen(ctx, postgres.Listener{
			Handle: func(channel, _ string) error {
				if channel == postgres.ChannelConnector {
					cache.ForgetAll()
				}
				return nil
			},
			Resync: func(context.Context) error { cache.ForgetAll(); return nil },
			Alive: func(time.Time) {
				select {
				case ready <- struct{}{}:
				default:
				}
			},
			Lost: func() {}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
	}()
	<-ready
	name := func() string {
		r, err := cache.FindRealm(t.Context(), "acme.example")
		if errors.Is(err, errdefs.ErrNotFound) {
			return "nowhere"
		}
		must(t, err)
		s := given(r.OnlyConnectors, "only ", "")
		for _, c := range r.Connectors {
			s += c.Slug + " "
		}
		return s
	}
	for _, step := range []struct{ sql, want string }{
		{`SELECT 1`, "okta entra "},
		{`UPDATE tenant_domain SET connector_id = (SELECT id FROM connector WHERE slug = 'entra')`, "entra "},
		{`UPDATE connector SET disabled_at = now() WHERE slug = 'entra'`, "okta "},
		{`UPDATE tenant SET only_connectors = true WHERE slug = 'acme'`, "only okta "},
		{`INSERT INTO connector (id, reference, slug, joins_tenant_id, kind, name, issuer, client_id) SELECT gen_random_uuid(), 'x', 'x', id, 'oidc', 'X', 'x', 'x' FROM tenant WHERE slug = 'acme'`, "only okta x "},
		{`UPDATE tenant SET disabled_at = now() WHERE slug = 'acme'`, "nowhere"},
		{`UPDATE tenant SET disabled_at = NULL WHERE slug = 'acme'`, "only okta x "},
		{`DELETE FROM connector`, "only "},
		{`UPDATE tenant_domain SET verified_at = NULL`, "nowhere"},
	} {
		l.exec(t, step.sql)
		eventually(t, step.sql+" leads "+step.want, func() bool { return name() == step.want })
	}
	cancel()
	<-done
	if c, err := l.Providers().FindConnector(t.Context(), "acme.okta"); !errors.Is(err, errdefs.ErrNotFound) {
		t.Errorf("%+v, %v", c, err)
	}
}
