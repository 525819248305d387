package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/secret"
)

// Install stores an installation in one transaction: all of it or nothing. People, tenants,
// roles and permissions that exist stay as they are; clients are brought up to date. The error
// is errdefs.ErrInvalid when the installation does not pass its Check.
func (db *DB) Install(ctx context.Context, in installation.Installation, now time.Time) error {
	if err := in.Check(); err != nil {
		return err
	}
	return db.inTx(ctx, "install", func(q *sqlcgen.Queries) error {
		i := installer{ctx: ctx, q: q, now: now, tenants: map[string]id.Tenant{}}
		for _, step := range []func(installation.Installation) error{i.resourceServers, i.tenantsAndRoles, i.users, i.clients, i.connectors, i.domains} {
			if err := step(in); err != nil {
				return err
			}
		}
		return nil
	})
}

// Administered reports whether somebody who may sign in administers the installation.
func (db *DB) Administered(ctx context.Context) (bool, error) {
	tenant, err := db.q.FindTenantByReference(ctx, sqlcgen.FindTenantByReferenceParams{Slug: admin.InstallationTenant})
	if err != nil {
		return false, wrap("find the tenant of the installation", err)
	}
	administered, err := db.q.HasAdministrator(ctx, tenant.ID)
	return administered, wrap("look for an administrator of the installation", err)
}

type installer struct {
	ctx     context.Context
	q       *sqlcgen.Queries
	now     time.Time
	tenants map[string]id.Tenant
}

func (i installer) resourceServers(in installation.Installation) error {
	for _, r := range in.ResourceServers {
		if err := i.q.InsertResourceServer(i.ctx, sqlcgen.InsertResourceServerParams{Audience: r.Audience, Name: r.Name, SigningAlgorithm: string(r.SigningAlgorithm)}); err != nil {
			return err
		}
		for _, p := range r.Permissions {
			err := i.q.InsertPermission(i.ctx, sqlcgen.InsertPermissionParams{Audience: r.Audience, Slug: p.Slug, Description: p.Description})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (i installer) tenantsAndRoles(in installation.Installation) error {
	for _, t := range in.Tenants {
		fresh := id.NewTenant(i.now)
		made, err := i.q.InsertTenant(i.ctx, sqlcgen.InsertTenantParams{ID: fresh.UUID(), Slug: t.Slug, Name: t.Name})
		if err == nil && made > 0 {
			err = copyTemplates(i.ctx, i.q, fresh)
		}
		if err != nil {
			return err
		}
		row, err := i.q.FindTenantByReference(i.ctx, sqlcgen.FindTenantByReferenceParams{Slug: t.Slug})
		if err != nil {
			return err
		}
		tenant := id.TenantFromUUID(row.ID)
		i.tenants[t.Slug] = tenant
		for _, r := range t.Roles {
			err := i.q.InsertRole(i.ctx, sqlcgen.InsertRoleParams{TenantID: tenant.UUID(), Name: r.Name, Description: r.Description})
			if err != nil {
				return err
			}
			for _, p := range r.Permissions {
				err := i.q.InsertRolePermission(i.ctx, sqlcgen.InsertRolePermissionParams{
					TenantID: tenant.UUID(), Role: r.Name, Audience: p.Audience, Permission: p.Slug,
				})
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (i installer) users(in installation.Installation) error {
	administration, err := i.q.FindTenantByReference(i.ctx, sqlcgen.FindTenantByReferenceParams{Slug: admin.InstallationTenant})
	if err != nil {
		return err
	}
	i.tenants[admin.InstallationTenant] = id.TenantFromUUID(administration.ID)
	for _, u := range in.Users {
		user, err := i.user(u)
		if err != nil {
			return err
		}
		for _, m := range u.Memberships {
			tenant := i.tenants[m.Tenant]
			err := i.q.InsertMembership(i.ctx, sqlcgen.InsertMembershipParams{TenantID: tenant.UUID(), UserID: user.UUID()})
			if err != nil {
				return err
			}
			for _, r := range m.Roles {
				err := i.q.InsertMembershipRole(i.ctx, sqlcgen.InsertMembershipRoleParams{
					TenantID: tenant.UUID(), UserID: user.UUID(), Role: r,
				})
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (i installer) user(u installation.User) (id.User, error) {
	normalized, err := directory.NormalizeEmail(u.Email)
	if err != nil {
		return id.User{}, err
	}
	row, err := i.q.FindUserByEmail(i.ctx, normalized)
	if err == nil {
		return id.UserFromUUID(row.ID), nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return id.User{}, err
	}
	user := id.NewUser(i.now)
	_, err = i.q.InsertUser(i.ctx, sqlcgen.InsertUserParams{
		ID: user.UUID(), Email: u.Email, EmailNormalized: normalized, EmailVerified: u.EmailVerified, Name: u.Name,
		GivenName: u.GivenName, FamilyName: u.FamilyName, Picture: u.Picture, Locale: u.Locale,
	})
	if err == nil && u.PasswordHash != "" {
		err = i.q.SetPassword(i.ctx, sqlcgen.SetPasswordParams{UserID: user.UUID(), Encoded: u.PasswordHash})
	}
	return user, err
}

func (i installer) clients(in installation.Installation) error {
	for _, c := range in.Clients {
		if c.OwnerTenant != "" {
			c.Tenant = i.tenants[c.OwnerTenant]
		}
		if err := saveClient(i.ctx, i.q, c.Client); err != nil {
			return err
		}
	}
	return nil
}

func (i installer) connectors(in installation.Installation) error {
	d := declarer{i.ctx, i.q, in.Keeper, i.now, nil}
	for _, c := range in.Connectors {
		done, err := d.declare(c)
		if err != nil {
			return err
		}
		if done.Result == connector.Faulty {
			return fmt.Errorf("connector %s: %s: %w", done.Reference, done.Fault, errdefs.ErrInvalid)
		}
	}
	return nil
}

func (i installer) domains(in installation.Installation) error {
	for _, d := range in.Domains {
		err := i.q.InstallDomain(i.ctx, sqlcgen.InstallDomainParams{
			TenantID: i.tenants[d.Tenant].UUID(), Domain: d.Name, Connector: d.Connector, Challenge: secret.Generate().Reveal(),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
