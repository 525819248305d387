package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/importer"
	"github.com/signet-id/signet/internal/invitation"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/maillink"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/secret"
)

// foreign is a world in which globex has one of everything, and an administrator of acme who tries
// to get at it.
type foreign struct {
	*world
	ctx     context.Context
	reach   admin.Reach // acme
	page    admin.Page
	server  id.ResourceServer
	client  client.ID
	secret  id.ClientSecret
	grant   id.Grant
	session id.Session
	invited id.Invitation
	greta   id.User // of globex alone

	// The connector of globex, and one of the installation whose people join globex; who greta is there.
	own, shared       id.Connector
	ownly, sharedly   id.Identity
	ownRef, sharedRef string
}

// act is an act of the administrator of acme.
func (f *foreign) act(action audit.Action) admin.Act {
	actor := admin.Actor{
		User: f.ada, Client: "signet-cli", Tenant: f.acme,
		Permissions: []string{admin.TenantRead, admin.TenantManage, admin.AuditRead, admin.InstallationManage}, // the last does not count there
	}
	return admin.Act{Actor: actor, Event: audit.Event{At: time.Now(), Action: action, Tenant: f.acme, Actor: actor.String(), Detail: map[string]string{}}}
}

func buildForeign(t *testing.T) *foreign {
	t.Helper()
	f := &foreign{world: build(t), ctx: t.Context(), page: admin.Page{Limit: 50}}
	f.reach = admin.Reach{Tenant: f.acme}
	f.greta = f.joined(t, "greta@globex.example", f.globex, "admin", "viewer")
	server, _, err := f.ResourceServers().Create(f.ctx, did("test.attempt"), directory.ResourceServer{
		ID: id.NewResourceServer(time.Now()), Tenant: f.globex, Audience: "https://globex.example", Name: "Globex",
	})
	must(t, err)
	f.server = server.ID
	_, _, err = f.ResourceServers().SavePermission(f.ctx, did("test.attempt"), f.server, directory.PermissionDefinition{Slug: "globex:read"})
	must(t, err)
	c, _, err := f.RegisteredClients().Create(f.ctx, did("test.attempt"), client.Client{
		ID: "globex-web", Tenant: f.globex, Name: "Globex", AuthMethod: client.AuthBasic, GrantTypes: []string{client.GrantAuthorizationCode},
		RedirectURIs: []string{"https://app.example/cb"}, Scopes: []string{"openid"}, Secrets: []client.Secret{{ID: id.NewClientSecret(time.Now()), Hash: secret.New("g").Hash()}},
	})
	must(t, err)
	f.client, f.secret = c.ID, c.Secrets[0].ID
	f.session = f.begin(t, f.greta, secret.New("greta's browser")).ID
	f.grant = f.family(t, func(a *grant.Authorization) { a.Tenant, a.User, a.Session = f.globex, f.greta, f.session })
	must(t, f.Grants().SaveConsent(f.ctx, f.globex, f.greta, "web", []string{"openid"}))
	i, token, err := invitation.New(f.globex, "new@globex.example", []string{"viewer"}, time.Now(), time.Hour)
	must(t, err)
	i, _, err = f.Invitations().Create(f.ctx, did(audit.InvitationCreated), i, token.Hash(), letter())
	must(t, err)
	f.invited = i.ID
	link := func(c connector.Connector) (connector.Connector, id.Identity) {
		c.ID, c.Kind, c.Name, c.Issuer, c.ClientID = id.NewConnector(time.Now()), connector.OIDC, "Globex", idp, "signet"
		made, _, err := f.Connectors().Create(f.ctx, did("test.attempt"), c)
		must(t, err)
		linked, err := f.Identities(keeper(t)).Link(f.ctx, comes(made, "greta", "greta@globex.example"), f.greta, secret.Hash{}, mail.Sealed{})
		must(t, err)
		f.exec(t, `UPDATE identity SET sealed_tokens = 'sealed' WHERE id = $1`, linked.UUID())
		return made, linked
	}
	own, ownly := link(connector.Connector{Slug: "okta", Tenant: f.globex})
	shared, sharedly := link(connector.Connector{Slug: "shared", Joins: f.globex})
	f.own, f.shared, f.ownly, f.sharedly, f.ownRef, f.sharedRef = own.ID, shared.ID, ownly, sharedly, own.Reference, shared.Reference
	proven := true
	_, err = f.Domains().SaveDomain(f.ctx, did("test.attempt"), connector.Domain{Tenant: f.globex, Name: "globex.example", Connector: f.own, Challenge: "x"}, &proven)
	must(t, err)
	return f
}

// attempts calls every method of a store that is told a tenant, a reach or an actor, for something
// of globex and as acme. It says how much it got.
func attempts() map[string]func(f *foreign) (got int, err error) {
	return map[string]func(f *foreign) (got int, err error){
		"Tenants.List": func(f *foreign) (int, error) {
			l, err := f.Tenants().List(f.ctx, f.reach, "globex", f.page)
			return len(l.Items), err
		},
		"Tenants.Find": func(f *foreign) (int, error) {
			_, err := f.Tenants().Find(f.ctx, f.reach, "globex")
			return 1, err
		},
		"Tenants.Create": func(f *foreign) (int, error) {
			_, _, err := f.Tenants().Create(f.ctx, f.act(audit.TenantCreated), directory.Tenant{ID: id.NewTenant(time.Now()), Slug: "mine", Name: "Mine"})
			return 1, err
		},
		"Tenants.Update": func(f *foreign) (int, error) {
			_, err := f.Tenants().Update(f.ctx, f.act(audit.TenantUpdated), f.globex, func(t *directory.Tenant) error { t.Name = "Mine"; return nil }, keep)
			return 1, err
		},
		"Tenants.Delete": func(f *foreign) (int, error) {
			return 1, f.Tenants().Delete(f.ctx, f.act(audit.TenantDeleted), f.globex, keep)
		},
		"Users.List": func(f *foreign) (int, error) {
			n := 0
			for _, filter := range []directory.UserFilter{
				{Tenant: f.globex}, {Email: "greta@globex.example"}, {AddressPrefix: "greta"}, {Tenant: f.globex, Email: "greta@globex.example"}, {Tenant: f.globex, AddressPrefix: "greta"},
			} {
				l, err := f.Users().List(f.ctx, f.reach, filter, f.page)
				if n += len(l.Items); err != nil {
					return n, err
				}
			}
			return n, nil
		},
		"Users.Find": func(f *foreign) (int, error) {
			_, err := f.Users().Find(f.ctx, f.reach, f.greta)
			return 1, err
		},
		"Users.ListMemberships": func(f *foreign) (int, error) {
			l, err := f.Users().ListMemberships(f.ctx, f.reach, f.greta, f.page)
			return len(l.Items), err
		},
		"Users.Create": func(f *foreign) (int, error) {
			_, _, err := f.Users().Create(f.ctx, f.act(audit.UserCreated), directory.NewUser{User: directory.User{ID: id.NewUser(time.Now()), Email: "mine@acme.example"}})
			return 1, err
		},
		"Users.Update": func(f *foreign) (int, error) {
			_, err := f.Users().Update(f.ctx, f.act(audit.UserUpdated), f.greta, directory.UserEdit{Apply: func(u *directory.User) error { u.Name = "Mine"; return nil }}, keep)
			return 1, err
		},
		"Users.Delete": func(f *foreign) (int, error) {
			return 1, f.Users().Delete(f.ctx, f.act(audit.UserDeleted), f.greta, keep)
		},
		"Members.List": func(f *foreign) (int, error) {
			n := 0
			for _, filter := range []directory.MemberFilter{{}, {Role: "viewer"}, {AddressPrefix: "greta"}} {
				l, err := f.Members().List(f.ctx, f.reach, f.globex, filter, f.page)
				if n += len(l.Items); err != nil {
					return n, err
				}
			}
			return n, nil
		},
		"Members.Find": func(f *foreign) (int, error) {
			_, err1 := f.Members().Find(f.ctx, f.reach, f.globex, f.greta)
			_, err2 := f.Members().Find(f.ctx, f.reach, f.acme, f.greta)
			return 1, both(err1, err2)
		},
		"Members.Add": func(f *foreign) (int, error) {
			_, _, err := f.Members().Add(f.ctx, f.act(audit.MemberAdded), directory.Member{Tenant: f.globex, User: directory.User{ID: f.ada}, Roles: []string{"admin"}})
			return 1, err
		},
		"Members.Update": func(f *foreign) (int, error) {
			mine := func(m *directory.Member) error { m.Roles = nil; return nil }
			_, err1 := f.Members().Update(f.ctx, f.act(audit.MemberUpdated), f.globex, f.greta, mine, keep)
			_, err2 := f.Members().Update(f.ctx, f.act(audit.MemberUpdated), f.acme, f.greta, mine, keep)
			return 1, both(err1, err2)
		},
		"Members.Remove": func(f *foreign) (int, error) {
			return 1, both(f.Members().Remove(f.ctx, f.act(audit.MemberRemoved), f.globex, f.greta, keep), f.Members().Remove(f.ctx, f.act(audit.MemberRemoved), f.acme, f.greta, keep))
		},
		"Roles.List": func(f *foreign) (int, error) {
			l, err := f.Roles().List(f.ctx, f.reach, f.globex, f.page)
			return len(l.Items), err
		},
		"Roles.Find": func(f *foreign) (int, error) {
			_, err1 := f.Roles().Find(f.ctx, f.reach, f.globex, "viewer")
			_, err2 := f.Roles().Find(f.ctx, f.reach, f.acme, "viewer")
			return 1, both(err1, err2)
		},
		"Roles.Create": func(f *foreign) (int, error) {
			_, _, err := f.Roles().Create(f.ctx, f.act(audit.RoleCreated), directory.Role{Tenant: f.globex, Name: "mine"})
			return 1, err
		},
		"Roles.Update": func(f *foreign) (int, error) {
			mine := func(r *directory.Role) error { r.Description = "Mine"; return nil }
			_, err1 := f.Roles().Update(f.ctx, f.act(audit.RoleUpdated), f.globex, "viewer", mine)
			_, err2 := f.Roles().Update(f.ctx, f.act(audit.RoleUpdated), f.acme, "viewer", mine)
			return 1, both(err1, err2)
		},
		"Roles.Delete": func(f *foreign) (int, error) {
			return 1, both(f.Roles().Delete(f.ctx, f.act(audit.RoleDeleted), f.globex, "viewer"), f.Roles().Delete(f.ctx, f.act(audit.RoleDeleted), f.acme, "viewer"))
		},
		"Templates.Create": func(f *foreign) (int, error) {
			_, _, err := f.Templates().Create(f.ctx, f.act(audit.RoleTemplateCreated), directory.Template{Name: "mine"})
			return 1, err
		},
		"Templates.Update": func(f *foreign) (int, error) {
			_, err := f.Templates().Update(f.ctx, f.act(audit.RoleTemplateUpdated), "member", func(t *directory.Template) error { t.Description = "Mine"; return nil })
			return 1, err
		},
		"Templates.Delete": func(f *foreign) (int, error) {
			return 1, f.Templates().Delete(f.ctx, f.act(audit.RoleTemplateDeleted), "member")
		},
		"ResourceServers.List": func(f *foreign) (int, error) {
			l, err := f.ResourceServers().List(f.ctx, f.reach, f.globex, "", f.page)
			if err != nil {
				return len(l.Items), err
			}
			all, err := f.ResourceServers().List(f.ctx, f.reach, id.Tenant{}, "https://globex", f.page)
			return len(l.Items) + len(all.Items), err
		},
		"ResourceServers.Find": func(f *foreign) (int, error) {
			_, err := f.ResourceServers().Find(f.ctx, f.reach, f.server)
			return 1, err
		},
		"ResourceServers.Create": func(f *foreign) (int, error) {
			_, _, err := f.ResourceServers().Create(f.ctx, f.act("test.attempt"), directory.ResourceServer{
				ID: id.NewResourceServer(time.Now()), Tenant: f.globex, Audience: "https://mine.example", Name: "Mine",
			})
			return 1, err
		},
		"ResourceServers.Update": func(f *foreign) (int, error) {
			_, err := f.ResourceServers().Update(f.ctx, f.act("test.attempt"), f.server, func(r *directory.ResourceServer) error { r.Name = "Mine"; return nil })
			return 1, err
		},
		"ResourceServers.Delete": func(f *foreign) (int, error) {
			_, err := f.ResourceServers().Delete(f.ctx, f.act("test.attempt"), f.server, true)
			return 1, err
		},
		"ResourceServers.ListPermissions": func(f *foreign) (int, error) {
			l, err := f.ResourceServers().ListPermissions(f.ctx, f.reach, f.server, f.page)
			return len(l.Items), err
		},
		"ResourceServers.SavePermission": func(f *foreign) (int, error) {
			_, _, err := f.ResourceServers().SavePermission(f.ctx, f.act("test.attempt"), f.server, directory.PermissionDefinition{Slug: "mine:all"})
			return 1, err
		},
		"ResourceServers.DeletePermission": func(f *foreign) (int, error) {
			return 1, f.ResourceServers().DeletePermission(f.ctx, f.act("test.attempt"), f.server, "globex:read", true)
		},
		"RegisteredClients.List": func(f *foreign) (int, error) {
			n := 0
			for _, filter := range []client.Filter{{Tenant: f.globex}, {Prefix: "globex"}, {Installation: true}} {
				l, err := f.RegisteredClients().List(f.ctx, f.reach, filter, f.page)
				if n += len(l.Items); err != nil {
					return n, err
				}
			}
			return n, nil
		},
		"Provenances.Explain": func(f *foreign) (int, error) {
			_, err1 := f.Provenances().Explain(f.ctx, f.reach, f.globex, f.greta)
			_, err2 := f.Provenances().Explain(f.ctx, f.reach, f.acme, f.greta)
			return 1, both(err1, err2)
		},
		"Provenances.Holding": func(f *foreign) (int, error) {
			_, err1 := f.Provenances().Holding(f.ctx, f.reach, f.globex, "viewer")
			_, err2 := f.Provenances().Holding(f.ctx, f.reach, f.acme, "viewer")
			return 1, both(err1, err2)
		},
		"RegisteredClients.Find": func(f *foreign) (int, error) {
			_, err1 := f.RegisteredClients().Find(f.ctx, f.reach, f.client)
			_, err2 := f.RegisteredClients().Find(f.ctx, f.reach, admin.CLIClient)
			return 1, both(err1, err2)
		},
		"RegisteredClients.Create": func(f *foreign) (int, error) {
			made := func(of id.Tenant) error {
				_, _, err := f.RegisteredClients().Create(f.ctx, f.act("test.attempt"), client.Client{ID: "mine", Tenant: of, Name: "Mine", AuthMethod: client.AuthNone})
				return err
			}
			return 1, both(made(f.globex), made(id.Tenant{}))
		},
		"RegisteredClients.Update": func(f *foreign) (int, error) {
			mine := func(c *client.Client) error { c.Name = "Mine"; return nil }
			_, err1 := f.RegisteredClients().Update(f.ctx, f.act("test.attempt"), f.client, mine)
			_, err2 := f.RegisteredClients().Update(f.ctx, f.act("test.attempt"), admin.CLIClient, mine)
			return 1, both(err1, err2)
		},
		"RegisteredClients.Delete": func(f *foreign) (int, error) {
			return 1, both(f.RegisteredClients().Delete(f.ctx, f.act("test.attempt"), f.client), f.RegisteredClients().Delete(f.ctx, f.act("test.attempt"), admin.CLIClient))
		},
		"RegisteredClients.AddSecret": func(f *foreign) (int, error) {
			_, _, err := f.RegisteredClients().AddSecret(f.ctx, f.act("test.attempt"), f.client, client.Secret{ID: id.NewClientSecret(time.Now()), Hash: secret.New("mine").Hash()}, time.Now().Add(time.Hour))
			return 1, err
		},
		"RegisteredClients.DeleteSecret": func(f *foreign) (int, error) {
			return 1, both(f.RegisteredClients().DeleteSecret(f.ctx, f.act("test.attempt"), f.client, f.secret), f.RegisteredClients().DeleteSecret(f.ctx, f.act("test.attempt"), "web", f.secret))
		},
		"GivenGrants.List": func(f *foreign) (int, error) {
			n := 0
			for _, filter := range []grant.Filter{{Tenant: f.globex}, {User: f.greta}, {Tenant: f.globex, User: f.greta}, {Client: "web", User: f.greta}} {
				l, err := f.GivenGrants().List(f.ctx, f.reach, filter, f.page)
				if n += len(l.Items); err != nil && !errors.Is(err, errdefs.ErrNotFound) {
					return n, err
				}
			}
			return n, nil
		},
		"GivenGrants.Find": func(f *foreign) (int, error) {
			_, err := f.GivenGrants().Find(f.ctx, f.reach, f.grant)
			return 1, err
		},
		"GivenGrants.Revoke": func(f *foreign) (int, error) {
			return 1, f.GivenGrants().Revoke(f.ctx, f.act("test.attempt"), f.grant, keep)
		},
		"BegunSessions.List": func(f *foreign) (int, error) {
			l, err := f.BegunSessions().List(f.ctx, f.reach, f.greta, f.page)
			return len(l.Items), err
		},
		"BegunSessions.Find": func(f *foreign) (int, error) {
			_, err := f.BegunSessions().Find(f.ctx, f.reach, f.session)
			return 1, err
		},
		"BegunSessions.End": func(f *foreign) (int, error) {
			return 1, f.BegunSessions().End(f.ctx, f.act("test.attempt"), f.session, keep)
		},
		"Invitations.List": func(f *foreign) (int, error) { // of acme, when an invitation of globex is pending
			l, err := f.Invitations().List(f.ctx, f.acme, "", time.Now(), f.page)
			return len(l.Items), err
		},
		"Invitations.Find": func(f *foreign) (int, error) {
			_, err := f.Invitations().Find(f.ctx, f.acme, f.invited)
			return 1, err
		},
		"Invitations.Create": func(f *foreign) (int, error) {
			i, token, err := invitation.New(f.globex, "mine@acme.example", nil, time.Now(), time.Hour)
			if err == nil {
				_, _, err = f.Invitations().Create(f.ctx, f.act(audit.InvitationCreated), i, token.Hash(), letter())
			}
			return 1, err
		},
		"Invitations.Resend": func(f *foreign) (int, error) {
			resend := func(of id.Tenant) error {
				_, err := f.Invitations().Resend(f.ctx, f.act(audit.InvitationCreated), of, f.invited, secret.Generate().Hash(), time.Now().Add(time.Hour), letter())
				return err
			}
			return 1, both(resend(f.globex), resend(f.acme))
		},
		"Invitations.Revoke": func(f *foreign) (int, error) {
			return 1, both(f.Invitations().Revoke(f.ctx, f.act(audit.InvitationRevoked), f.globex, f.invited), f.Invitations().Revoke(f.ctx, f.act(audit.InvitationRevoked), f.acme, f.invited))
		},
		"MailLinks.IssueAs": func(f *foreign) (int, error) {
			return 1, f.MailLinks().IssueAs(f.ctx, f.act(audit.UserUpdated), maillink.Link{
				Purpose: maillink.ResetPassword, User: f.greta, Email: "greta@globex.example", CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
			}, secret.Generate().Hash(), letter())
		},
		"Imports.ImportUsers": func(f *foreign) (int, error) {
			out, err := f.Imports().ImportUsers(f.ctx, f.act(audit.UsersImported), []importer.Row{{Email: "mine@acme.example"}}, false)
			return len(out), err
		},
		"Audit.List": func(f *foreign) (int, error) {
			n := 0
			for _, q := range []audit.Query{{Tenant: f.globex}, {User: f.greta}, {Tenant: f.globex, User: f.greta}, {Action: "test.attempt"}} {
				l, err := f.Audit().List(f.ctx, f.reach, q, f.page)
				if n += len(l.Items); err != nil {
					return n, err
				}
			}
			return n, nil
		},
		"Audit.ListAccess": func(f *foreign) (int, error) { // of acme, for somebody of globex
			l, err := f.Audit().ListAccess(f.ctx, f.acme, f.greta, audit.Day(time.Now().UTC()), f.page)
			return len(l.Items), err
		},
		"Connectors.List": func(f *foreign) (int, error) {
			all, err1 := f.Connectors().List(f.ctx, f.reach, id.Tenant{}, f.page)
			of, err2 := f.Connectors().List(f.ctx, f.reach, f.globex, f.page)
			nothing, err3 := f.Connectors().List(f.ctx, admin.Reach{}, id.Tenant{}, f.page)
			return len(all.Items) + len(of.Items) + len(nothing.Items), errors.Join(err1, err2, err3)
		},
		"Connectors.Find": func(f *foreign) (int, error) {
			return tried(f.ownRef, f.sharedRef, f.own.String(), f.shared.String())(func(reference string) error {
				_, err := f.Connectors().Find(f.ctx, f.reach, reference)
				return err
			})
		},
		"Connectors.Create": func(f *foreign) (int, error) {
			return tried(f.globex, id.Tenant{})(func(of id.Tenant) error {
				_, _, err := f.Connectors().Create(f.ctx, f.act("test.attempt"), connector.Connector{
					ID: id.NewConnector(time.Now()), Slug: "mine", Tenant: of, Kind: connector.OIDC, Name: "Mine", Issuer: idp, ClientID: "mine",
				})
				return err
			})
		},
		"Connectors.Update": func(f *foreign) (int, error) {
			return tried(f.own, f.shared)(func(c id.Connector) error {
				_, err := f.Connectors().Update(f.ctx, f.act("test.attempt"), c, func(c *connector.Connector) error { c.Name = "Mine"; return nil })
				return err
			})
		},
		"Connectors.Delete": func(f *foreign) (int, error) {
			return tried(f.own, f.shared)(func(c id.Connector) error { return f.Connectors().Delete(f.ctx, f.act("test.attempt"), c, keep, true) })
		},
		"Keys.Act": func(f *foreign) (int, error) {
			_, err := f.Keys().Act(f.ctx, f.act("test.attempt"), func(keyring.Stored) (keyring.Edit, error) {
				return keyring.Edit{}, errors.New("a tenant's administrator got to the keys")
			})
			return 1, err
		},
		"Providers.ListConnectors": func(f *foreign) (int, error) {
			l, err := f.Providers().ListConnectors(f.ctx, f.acme)
			return len(l), err
		},
		"Domains.ListDomains": func(f *foreign) (int, error) { // of acme, when globex claims one
			l, err := f.Domains().ListDomains(f.ctx, f.acme, f.page)
			return len(l.Items), err
		},
		"Domains.FindDomain": func(f *foreign) (int, error) {
			_, err := f.Domains().FindDomain(f.ctx, f.acme, "globex.example")
			return 1, err
		},
		"Domains.SaveDomain": func(f *foreign) (int, error) {
			return tried("globex.example", "mine.example")(func(name string) error {
				_, err := f.Domains().SaveDomain(f.ctx, f.act("test.attempt"), connector.Domain{Tenant: f.globex, Name: name, Challenge: "mine"}, nil)
				return err
			})
		},
		"Domains.VerifyDomain": func(f *foreign) (int, error) {
			return tried(f.globex, f.acme)(func(of id.Tenant) error {
				_, err := f.Domains().VerifyDomain(f.ctx, f.act("test.attempt"), of, "globex.example")
				return err
			})
		},
		"Domains.MoveProof": func(f *foreign) (int, error) {
			former, err := f.Domains().FindDomain(f.ctx, f.globex, "globex.example")
			if err != nil {
				return 1, fmt.Errorf("the claim of globex: %w", err)
			}
			return tried(f.globex, f.acme)(func(of id.Tenant) error {
				_, err := f.Domains().MoveProof(f.ctx, f.act("test.attempt"), former, of)
				return err
			})
		},
		"Domains.DeleteDomain": func(f *foreign) (int, error) {
			return tried(f.globex, f.acme)(func(of id.Tenant) error {
				return f.Domains().DeleteDomain(f.ctx, f.act("test.attempt"), of, "globex.example")
			})
		},
		"LinkedIdentities.ListIdentitiesOf": func(f *foreign) (int, error) {
			l, err := f.LinkedIdentities().ListIdentitiesOf(f.ctx, f.reach, f.greta, f.page)
			return len(l.Items), err
		},
		"LinkedIdentities.ListIdentitiesAt": func(f *foreign) (int, error) {
			one, err1 := f.LinkedIdentities().ListIdentitiesAt(f.ctx, f.reach, f.own, f.page)
			other, err2 := f.LinkedIdentities().ListIdentitiesAt(f.ctx, f.reach, f.shared, f.page)
			return len(one.Items) + len(other.Items), errors.Join(err1, err2)
		},
		"LinkedIdentities.FindIdentity": func(f *foreign) (int, error) {
			return tried(f.ownly, f.sharedly)(func(i id.Identity) error {
				_, err := f.LinkedIdentities().FindIdentity(f.ctx, f.reach, f.greta, i)
				return err
			})
		},
		"LinkedIdentities.DeleteIdentity": func(f *foreign) (int, error) {
			return tried(f.ownly, f.sharedly)(func(i id.Identity) error {
				return f.LinkedIdentities().DeleteIdentity(f.ctx, f.act("test.attempt"), f.greta, i, keep)
			})
		},
		"LinkedIdentities.ReadTokens": func(f *foreign) (int, error) {
			return tried(f.ownly, f.sharedly)(func(i id.Identity) error {
				_, err := f.LinkedIdentities().ReadTokens(f.ctx, f.act("test.attempt"), f.greta, i)
				return err
			})
		},
		"Directory.ListMemberships": func(f *foreign) (int, error) {
			l, err := f.Directory().ListMemberships(f.ctx, f.greta, directory.Among{Tenant: f.acme})
			return len(l), err
		},
		"Directory.FindSubject": func(f *foreign) (int, error) {
			s, err := f.Directory().FindSubject(f.ctx, f.acme, f.greta)
			if !s.Member && s.Active() != nil {
				return len(s.Roles) + len(s.Permissions), err
			}
			return 1, err
		},
		"Grants.FindConsent": func(f *foreign) (int, error) {
			scopes, err := f.Grants().FindConsent(f.ctx, f.acme, f.greta, "web")
			return len(scopes), err
		},
	}
}

// ours writes for whom it is told, and is told by the protocol, which has proven it.
func ours() map[string]string {
	return map[string]string{
		"Grants.SaveConsent": "what a person allowed on a page of ours, for the tenant of the request",
		"Grants.Authorize":   "a code for what the pages have worked out",
		"Grants.Switch":      "checks membership and client itself; see switch_test.go",
		"Domains.Found":      "what the server itself saw of the record of a domain",
		"Domains.Miss":       "the same; it takes away only what a record proved, a week after that is gone",
	}
}

// tried does something with each of things; the error is that of the first that is not refused as if it
// did not exist.
func tried[T any](things ...T) func(do func(T) error) (int, error) {
	return func(do func(T) error) (int, error) {
		var refused error
		for _, thing := range things {
			if refused = do(thing); !errors.Is(refused, errdefs.ErrNotFound) {
				return 1, refused
			}
		}
		return 1, refused
	}
}

func both(a, b error) error {
	if a == nil || b == nil {
		return nil
	}
	if errors.Is(a, errdefs.ErrNotFound) {
		return b
	}
	return a
}

func TestAsAnotherTenantEveryStoreHasNothingAndChangesNothing(t *testing.T) {
	t.Parallel()
	f := buildForeign(t)
	before := f.dump(t)
	for name, attempt := range attempts() {
		switch got, err := attempt(f); {
		case errors.Is(err, errdefs.ErrNotFound):
		case err != nil:
			t.Errorf("%s: %v, want not found", name, err)
		case got != 0:
			t.Errorf("%s: got %d", name, got)
		}
		if after := f.dump(t); !reflect.DeepEqual(after, before) {
			for table, rows := range before {
				if after[table] != rows {
					t.Errorf("%s changed %s:\n%s\n%s", name, table, rows, after[table])
				}
			}
			before = after
		}
	}
}

// dump is every row of every table.
func (w *world) dump(t *testing.T) map[string]string {
	t.Helper()
	rows, err := w.conn.Query(t.Context(), `SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r'`)
	must(t, err)
	var tables []string
	for rows.Next() {
		var name string
		must(t, rows.Scan(&name))
		tables = append(tables, name)
	}
	must(t, rows.Err())
	out := map[string]string{}
	for _, table := range tables {
		var all json.RawMessage
		must(t, w.conn.QueryRow(t.Context(), `SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY x::text), '[]') FROM "`+table+`" x`).Scan(&all))
		out[table] = string(all)
	}
	return out
}

// A store method that is told whose something is, and is not tried above, is a hole in the wall
// that nobody has looked at.
func TestEveryStoreMethodThatIsToldATenantIsTriedAsAnother(t *testing.T) {
	t.Parallel()
	told := []reflect.Type{reflect.TypeFor[id.Tenant](), reflect.TypeFor[admin.Reach](), reflect.TypeFor[admin.Act]()}
	tells := func(p reflect.Type) bool {
		if slices.Contains(told, p) {
			return true
		}
		if p.Kind() != reflect.Struct || p == reflect.TypeFor[audit.Event]() { // which only says what happened
			return false
		}
		for _, field := range reflect.VisibleFields(p) { // of what is embedded too
			if field.Type == told[0] {
				return true
			}
		}
		return false
	}
	found := map[string]bool{}
	db := reflect.TypeFor[*postgres.DB]()
	for i := range db.NumMethod() {
		m := db.Method(i)
		if m.Type.NumIn() != 1 || m.Type.NumOut() != 1 || m.Type.Out(0).Kind() != reflect.Struct || !strings.HasSuffix(m.Type.Out(0).PkgPath(), "internal/postgres") {
			continue
		}
		store := m.Type.Out(0)
		for j := range store.NumMethod() {
			method := store.Method(j)
			for k := 1; k < method.Type.NumIn(); k++ {
				if tells(method.Type.In(k)) {
					found[store.Name()+"."+method.Name] = true
				}
			}
		}
	}
	if len(found) < 40 {
		t.Errorf("only %d methods were found", len(found))
	}
	for name := range found {
		if _, tried := attempts()[name]; !tried && ours()[name] == "" {
			t.Errorf("%s is not tried as another tenant: add it to attempts", name)
		}
	}
	for name := range attempts() {
		if !found[name] {
			t.Errorf("%s is in attempts and does not exist, or is not told a tenant", name)
		}
	}
	for name := range ours() {
		if !found[name] {
			t.Errorf("%s is excused and does not exist, or is not told a tenant", name)
		}
	}
}
