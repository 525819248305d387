package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/revocation"
)

// Tenants stores tenants for their administrators.
type Tenants struct{ db *DB }

// Tenants returns the store of tenants.
func (db *DB) Tenants() Tenants { return Tenants{db} }

// pageKey is where a list ordered by the time of creation goes on.
type pageKey struct {
	Time time.Time `json:"t"`
	ID   [16]byte  `json:"i"`
}

func after(p admin.Page) (pageKey, error) {
	var k pageKey
	if p.After == "" {
		return k, nil
	}
	return k, parseCursor(p.After, &k)
}

// List returns the tenants within reach, oldest first; slugPrefix narrows it.
func (s Tenants) List(ctx context.Context, reach admin.Reach, slugPrefix string, p admin.Page) (admin.List[directory.Tenant], error) {
	k, err := after(p)
	if err != nil {
		return admin.List[directory.Tenant]{}, err
	}
	rows, err := s.db.q.ListTenants(ctx, sqlcgen.ListTenantsParams{
		ReachAll: reach.All, Reach: reach.Tenant.UUID(), SlugPrefix: slugPrefix,
		AfterTime: k.Time, AfterID: k.ID, Page: int32(p.Limit + 1),
	})
	if err != nil {
		return admin.List[directory.Tenant]{}, wrap("list tenants", err)
	}
	out := limited(rows, p.Limit, func(r sqlcgen.Tenant) any { return pageKey{r.CreatedAt, r.ID} })
	return listOf(out, toTenant), nil
}

// listOf turns a page of rows into a page of what they are about.
func listOf[R, T any](l admin.List[R], to func(R) T) admin.List[T] {
	out := admin.List[T]{Items: make([]T, len(l.Items)), Next: l.Next}
	for i, r := range l.Items {
		out.Items[i] = to(r)
	}
	return out
}

// Find returns the tenant with the slug or identifier; errdefs.ErrNotFound if there is none
// within reach.
func (s Tenants) Find(ctx context.Context, reach admin.Reach, reference string) (directory.Tenant, error) {
	p := sqlcgen.FindTenantParams{ReachAll: reach.All, Reach: reach.Tenant.UUID(), Slug: reference}
	if t, err := id.ParseTenant(reference); err == nil {
		p.ID = t.UUID()
	}
	row, err := s.db.q.FindTenant(ctx, p)
	return toTenant(row), wrap("find tenant", err)
}

// Create stores a tenant with the roles of the templates.
func (s Tenants) Create(ctx context.Context, a admin.Act, t directory.Tenant) (created directory.Tenant, replayed bool, err error) {
	if !a.Actor.ManagesAll() {
		return directory.Tenant{}, false, errNothing
	}
	reference, replayed, err := s.db.act(ctx, "create tenant", a, func(q *sqlcgen.Queries) (string, error) {
		row, err := q.CreateTenant(ctx, sqlcgen.CreateTenantParams{ID: t.ID.UUID(), Slug: t.Slug, Name: t.Name, Attributes: object(t.Attributes)})
		if errors.Is(err, pgx.ErrNoRows) {
			return "", slugTaken()
		}
		if err != nil {
			return "", err
		}
		created = toTenant(row)
		return created.ID.String(), copyTemplates(ctx, q, created.ID)
	})
	if err == nil && replayed {
		created, err = s.Find(ctx, admin.Reach{All: true}, reference)
	}
	return created, replayed, err
}

func slugTaken() error { return admin.Conflict("slug", "another tenant has it; choose another one") }

// copyTemplates gives a new tenant the roles that it starts with.
func copyTemplates(ctx context.Context, q *sqlcgen.Queries, t id.Tenant) error {
	if err := q.CopyRoleTemplates(ctx, t.UUID()); err != nil {
		return err
	}
	return q.CopyRoleTemplatePermissions(ctx, t.UUID())
}

// Update edits a tenant. edit changes what it is given, which is read under a lock; it may refuse.
// A tenant that is disabled loses its grants, and tokens issued for it are void; keep is the
// longest that one can still live.
func (s Tenants) Update(ctx context.Context, a admin.Act, t id.Tenant, edit func(*directory.Tenant) error, keep time.Duration) (directory.Tenant, error) {
	if !a.Actor.Manages(t) {
		return directory.Tenant{}, errNothing
	}
	var out directory.Tenant
	var cut []revocation.Cutoff
	_, _, err := s.db.act(ctx, "update tenant", a, func(q *sqlcgen.Queries) (string, error) {
		row, err := q.LockTenant(ctx, t.UUID())
		if err != nil {
			return "", err
		}
		was := toTenant(row)
		if a.IfVersion != 0 && a.IfVersion != was.Version {
			return "", admin.ErrVersion
		}
		now := was
		if err := edit(&now); err != nil {
			return "", err
		}
		taken, err := q.SlugTaken(ctx, sqlcgen.SlugTakenParams{Slug: now.Slug, ID: row.ID})
		if err == nil && taken {
			err = slugTaken()
		}
		if err != nil {
			return "", err
		}
		row, err = q.UpdateTenant(ctx, sqlcgen.UpdateTenantParams{
			ID: row.ID, Slug: now.Slug, Name: now.Name, Attributes: object(now.Attributes), DisabledAt: nullTime(now.DisabledAt),
			OnlyConnectors: now.OnlyConnectors,
		})
		if err == nil && now.OnlyConnectors && !was.OnlyConnectors {
			var can bool
			if can, err = q.CanEnter(ctx, row.ID); err == nil && !can {
				err = admin.Conflict("only_connectors", "nobody could enter: the tenant has no connector that is enabled")
			}
		}
		if err != nil {
			return "", err
		}
		out = toTenant(row)
		if was.DisabledAt.IsZero() && !now.DisabledAt.IsZero() {
			if err = q.TakeTime(ctx); err == nil {
				cut, err = s.db.revokeTenant(ctx, q, t, keep)
			}
		}
		return t.String(), err
	})
	if err == nil {
		s.db.stored(cut...)
	}
	return out, err
}

// Delete removes a tenant that is disabled, with everything in it; its people stay.
func (s Tenants) Delete(ctx context.Context, a admin.Act, t id.Tenant, keep time.Duration) error {
	if !a.Actor.ManagesAll() {
		return errNothing
	}
	var cut []revocation.Cutoff
	_, _, err := s.db.act(ctx, "delete tenant", a, func(q *sqlcgen.Queries) (string, error) {
		row, err := q.LockTenant(ctx, t.UUID())
		switch {
		case err != nil:
			return "", err
		case a.IfVersion != 0 && a.IfVersion != row.Version:
			return "", admin.ErrVersion
		case row.Slug == admin.InstallationTenant:
			return "", errdefs.Say(errdefs.ErrConflict, nil, "The tenant of the installation's administrators cannot be deleted.")
		case row.DisabledAt == nil:
			return "", errdefs.Say(errdefs.ErrConflict, nil, "Disable the tenant first: deleting it cannot be undone.")
		}
		if err := q.TakeTime(ctx); err != nil {
			return "", err
		}
		if cut, err = s.db.revokeTenant(ctx, q, t, keep); err != nil {
			return "", err
		}
		if err := q.DeleteInclusions(ctx, t.UUID()); err != nil {
			return "", err
		}
		_, err = q.DeleteTenant(ctx, t.UUID())
		return t.String(), err
	})
	if err == nil {
		s.db.stored(cut...)
	}
	return err
}

// revokeTenant ends every grant in a tenant. Codes are spent first, so that no grant is born of one
// after grants were listed. What it returns is to be told to this replica once the transaction is
// through.
func (db *DB) revokeTenant(ctx context.Context, q *sqlcgen.Queries, t id.Tenant, keep time.Duration) ([]revocation.Cutoff, error) {
	if err := q.SpendTenantCodes(ctx, t.UUID()); err != nil {
		return nil, err
	}
	grants, err := q.RevokeTenantGrants(ctx, sqlcgen.RevokeTenantGrantsParams{TenantID: t.UUID(), Keep: interval(keep)})
	if err != nil {
		return nil, err
	}
	return db.cutGrants(ctx, q, grants, keep)
}

// cutGrants makes every access token of the grants void.
func (db *DB) cutGrants(ctx context.Context, q *sqlcgen.Queries, grants [][16]byte, keep time.Duration) ([]revocation.Cutoff, error) {
	subjects := make([]string, len(grants))
	cut := make([]revocation.Cutoff, len(grants))
	for i, g := range grants {
		subjects[i] = id.GrantFromUUID(g).String()
		cut[i] = db.cutoff(revocation.Grant, subjects[i], keep)
	}
	if len(subjects) == 0 {
		return nil, nil
	}
	return cut, q.CutGrants(ctx, sqlcgen.CutGrantsParams{Subjects: subjects, Keep: interval(keep)})
}

// object keeps absent attributes from becoming NULL.
func object(raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return []byte("{}")
	}
	return raw
}
