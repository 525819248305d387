package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
)

// Domains stores the domains that tenants claim, for their administrators.
type Domains struct{ db *DB }

// Domains returns the store of domains.
func (db *DB) Domains() Domains { return Domains{db} }

// ListDomains returns those of a tenant by name.
func (s Domains) ListDomains(ctx context.Context, tenant id.Tenant, p admin.Page) (admin.List[connector.Domain], error) {
	after, err := afterText(p)
	if err != nil {
		return admin.List[connector.Domain]{}, err
	}
	rows, err := s.db.q.ListDomains(ctx, sqlcgen.ListDomainsParams{TenantID: tenant.UUID(), After: after, Page: int32(p.Limit + 1)})
	l := limited(rows, p.Limit, func(r sqlcgen.TenantDomain) any { return textKey{r.Domain} })
	return listOf(l, toDomain), wrap("list domains", err)
}

// FindDomain returns the claim of a tenant on a normalized domain; errdefs.ErrNotFound if there is none.
func (s Domains) FindDomain(ctx context.Context, tenant id.Tenant, domain string) (connector.Domain, error) {
	row, err := s.db.q.FindDomain(ctx, sqlcgen.FindDomainParams{TenantID: tenant.UUID(), Domain: domain})
	return toDomain(row), wrap("find domain", err)
}

// SaveDomain claims a domain for the tenant of d, or edits the claim that it has: where the domain
// leads, and, for an actor who manages everything, whether it is verified; nil leaves that as it is,
// and so do other edits. Faults name the fields domain, connector_id and verified.
func (s Domains) SaveDomain(ctx context.Context, a admin.Act, d connector.Domain, verified *bool) (saved connector.Domain, err error) {
	if !a.Actor.Manages(d.Tenant) {
		return connector.Domain{}, errNothing
	}
	if verified != nil && *verified && !a.Actor.ManagesAll() {
		return connector.Domain{}, admin.Denied("verified", "administrators of the installation alone vouch for a domain; prove it by its TXT record")
	}
	if n, err := connector.NormalizeDomain(d.Name); err != nil || n != d.Name {
		return connector.Domain{}, admin.Invalid("domain", "use a domain such as example.com, in lower case")
	}
	_, _, err = s.db.act(ctx, "save domain", a, func(q *sqlcgen.Queries) (string, error) {
		if err := claimable(ctx, q, a, d); err != nil {
			return "", err
		}
		row, err := q.SaveDomain(ctx, sqlcgen.SaveDomainParams{
			TenantID: d.Tenant.UUID(), Domain: d.Name, ConnectorID: nullUUID(d.Connector.UUID()), Challenge: d.Challenge, Verified: verified,
		})
		saved = toDomain(row)
		return d.Name, proven(err)
	})
	return saved, err
}

// claimable locks the tenant and refuses what it cannot have.
func claimable(ctx context.Context, q *sqlcgen.Queries, a admin.Act, d connector.Domain) error {
	if _, err := q.LockTenant(ctx, d.Tenant.UUID()); err != nil {
		return err
	}
	was, err := q.FindDomain(ctx, sqlcgen.FindDomainParams{TenantID: d.Tenant.UUID(), Domain: d.Name})
	switch {
	case errors.Is(err, pgx.ErrNoRows) && a.IfVersion != 0:
		return admin.ErrVersion
	case errors.Is(err, pgx.ErrNoRows):
		n, err := q.CountDomains(ctx, d.Tenant.UUID())
		if err == nil && n >= connector.MaxDomains {
			err = admin.Conflict("domain", "the tenant claims %d domains, which is the most; release one first", connector.MaxDomains)
		}
		if err != nil {
			return err
		}
	case err != nil:
		return err
	case a.Unread:
		return admin.ErrUnread
	case a.IfVersion != 0 && a.IfVersion != was.Version:
		return admin.ErrVersion
	}
	if d.Connector.IsZero() {
		return nil
	}
	serves, err := q.Serves(ctx, sqlcgen.ServesParams{ID: d.Connector.UUID(), TenantID: d.Tenant.UUID()})
	if err == nil && !serves {
		err = admin.Invalid("connector_id", "the tenant has no such connector")
	}
	return err
}

// proven words the refusal of a domain that counts for another tenant, without saying which.
func proven(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.ConstraintName == "tenant_domain_verified" {
		return admin.Conflict("verified", "the domain has been proven elsewhere; whoever administers the installation can sort it out")
	}
	return err
}

// VerifyDomain marks a claim as proven by its TXT record; errdefs.ErrConflict when it has been proven
// elsewhere. One that is verified stays as it is.
func (s Domains) VerifyDomain(ctx context.Context, a admin.Act, tenant id.Tenant, domain string) (out connector.Domain, err error) {
	if !a.Actor.Manages(tenant) {
		return connector.Domain{}, errNothing
	}
	_, _, err = s.db.act(ctx, "verify domain", a, func(q *sqlcgen.Queries) (string, error) {
		if _, err := q.LockTenant(ctx, tenant.UUID()); err != nil {
			return "", err
		}
		row, err := q.FindDomain(ctx, sqlcgen.FindDomainParams{TenantID: tenant.UUID(), Domain: domain})
		if err == nil && row.VerifiedAt == nil {
			row, err = q.VerifyDomain(ctx, sqlcgen.VerifyDomainParams{TenantID: tenant.UUID(), Domain: domain})
		}
		out = toDomain(row)
		return domain, proven(err)
	})
	return out, err
}

// DeleteDomain releases a domain.
func (s Domains) DeleteDomain(ctx context.Context, a admin.Act, tenant id.Tenant, domain string) error {
	if !a.Actor.Manages(tenant) {
		return errNothing
	}
	_, _, err := s.db.act(ctx, "release domain", a, func(q *sqlcgen.Queries) (string, error) {
		if _, err := q.LockTenant(ctx, tenant.UUID()); err != nil {
			return "", err
		}
		row, err := q.FindDomain(ctx, sqlcgen.FindDomainParams{TenantID: tenant.UUID(), Domain: domain})
		if err == nil && a.IfVersion != 0 && a.IfVersion != row.Version {
			err = admin.ErrVersion
		}
		if err == nil {
			_, err = q.DeleteDomain(ctx, sqlcgen.DeleteDomainParams{TenantID: tenant.UUID(), Domain: domain})
		}
		return domain, err
	})
	return err
}

func toDomain(r sqlcgen.TenantDomain) connector.Domain {
	d := connector.Domain{
		Tenant: id.TenantFromUUID(r.TenantID), Name: r.Domain, Challenge: r.Challenge, VerifiedAt: zeroTime(r.VerifiedAt), VerifiedBy: r.VerifiedBy,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Version: r.Version,
	}
	if r.ConnectorID != nil {
		d.Connector = id.ConnectorFromUUID(*r.ConnectorID)
	}
	return d
}
