package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
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
func (s Domains) VerifyDomain(ctx context.Context, a admin.Act, tenant id.Tenant, domain string) (connector.Domain, error) {
	return s.verify(ctx, a, tenant, domain, func(*sqlcgen.Queries) error { return nil })
}

// verify is VerifyDomain after what is done first, in the same transaction.
func (s Domains) verify(ctx context.Context, a admin.Act, tenant id.Tenant, domain string, first func(*sqlcgen.Queries) error) (out connector.Domain, err error) {
	if !a.Actor.Manages(tenant) {
		return connector.Domain{}, errNothing
	}
	_, _, err = s.db.act(ctx, "verify domain", a, func(q *sqlcgen.Queries) (string, error) {
		if _, err := q.LockTenant(ctx, tenant.UUID()); err != nil {
			return "", err
		}
		row, err := q.FindDomain(ctx, sqlcgen.FindDomainParams{TenantID: tenant.UUID(), Domain: domain})
		if err == nil && row.VerifiedAt == nil {
			if err := first(q); err != nil {
				return "", err
			}
			row, err = q.VerifyDomain(ctx, sqlcgen.VerifyDomainParams{TenantID: tenant.UUID(), Domain: domain})
		}
		out = toDomain(row)
		return domain, proven(err)
	})
	return out, err
}

// FindProof returns the claim on a domain that its TXT record has proven, whoever's it is;
// errdefs.ErrNotFound if there is none.
func (s Domains) FindProof(ctx context.Context, domain string) (connector.Domain, error) {
	row, err := s.db.q.FindProvenDomain(ctx, domain)
	return toDomain(row), wrap("find proof", err)
}

// MoveProof verifies the claim of the tenant on the domain of former, whose record is gone: that is no
// longer verified then, which is on record for its tenant. What has changed since former was read
// stays, and the rest is as VerifyDomain.
func (s Domains) MoveProof(ctx context.Context, a admin.Act, former connector.Domain, tenant id.Tenant) (connector.Domain, error) {
	return s.verify(ctx, a, tenant, former.Name, func(q *sqlcgen.Queries) error {
		_, err := lapse(ctx, q, former, a.Event.At, nil)
		return err
	})
}

// lapse takes a verification away, and records it, unless the claim is another one by now; with goneSince
// only when its record has been missing since then.
func lapse(ctx context.Context, q *sqlcgen.Queries, d connector.Domain, now time.Time, goneSince *time.Time) (bool, error) {
	n, err := q.LapseDomain(ctx, sqlcgen.LapseDomainParams{TenantID: d.Tenant.UUID(), Domain: d.Name, Challenge: d.Challenge, GoneSince: goneSince})
	if err != nil || n == 0 {
		return false, err
	}
	return true, appendEvents(ctx, q, []audit.Event{{
		At: now, Action: audit.DomainLapsed, Tenant: d.Tenant, Target: d.Name, Detail: map[string]string{"domain": d.Name},
	}})
}

// TakeDue returns at most limit domains whose record was looked for pause ago or earlier, and gives
// them to nobody else for as long.
func (s Domains) TakeDue(ctx context.Context, now time.Time, pause time.Duration, limit int) ([]connector.Domain, error) {
	rows, err := s.db.q.TakeDueDomains(ctx, sqlcgen.TakeDueDomainsParams{Now: &now, Due: now.Add(-pause), Page: int32(limit)})
	out := make([]connector.Domain, len(rows))
	for i, row := range rows {
		out[i] = toDomain(row)
	}
	return out, wrap("take due domains", err)
}

// Found notes that the record of d is there.
func (s Domains) Found(ctx context.Context, d connector.Domain) error {
	return wrap("domain found", s.db.q.SetDomainFound(ctx, sqlcgen.SetDomainFoundParams{TenantID: d.Tenant.UUID(), Domain: d.Name, Challenge: d.Challenge}))
}

// Miss notes that the record of d is gone. When that was so for connector.LapseAfter, the domain is no
// longer verified, which is recorded.
func (s Domains) Miss(ctx context.Context, d connector.Domain, now time.Time) (lapsed bool, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		q := s.db.q.WithTx(tx)
		err := q.SetDomainMissing(ctx, sqlcgen.SetDomainMissingParams{TenantID: d.Tenant.UUID(), Domain: d.Name, Challenge: d.Challenge, Now: &now})
		if err != nil {
			return err
		}
		since := now.Add(-connector.LapseAfter)
		lapsed, err = lapse(ctx, q, d, now, &since)
		return err
	})
	return lapsed && err == nil, wrap("domain missing", err)
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
