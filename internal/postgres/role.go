package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
)

// Roles stores the roles of tenants, for their administrators.
type Roles struct{ db *DB }

// Roles returns the store of roles.
func (db *DB) Roles() Roles { return Roles{db} }

// List returns the roles of a tenant within reach, by name.
func (s Roles) List(ctx context.Context, reach admin.Reach, tenant id.Tenant, p admin.Page) (admin.List[directory.Role], error) {
	k, err := afterKey[nameKey](p)
	if err != nil {
		return admin.List[directory.Role]{}, err
	}
	rows, err := s.db.q.ListRoles(ctx, sqlcgen.ListRolesParams{
		ReachAll: reach.All, Reach: reach.Tenant.UUID(), TenantID: tenant.UUID(), AfterName: k.Name, Page: int32(p.Limit + 1),
	})
	l := limited(rows, p.Limit, func(r sqlcgen.ListRolesRow) any { return nameKey{r.Role.Name} })
	return listOf(l, func(r sqlcgen.ListRolesRow) directory.Role { return toRole(r.Role, r.Permissions, r.Includes) }), wrap("list roles", err)
}

// Find returns a role of a tenant within reach; errdefs.ErrNotFound if there is none.
func (s Roles) Find(ctx context.Context, reach admin.Reach, tenant id.Tenant, name string) (directory.Role, error) {
	r, err := findRole(ctx, s.db.q, reach, tenant, name)
	return r, wrap("find role", err)
}

func findRole(ctx context.Context, q *sqlcgen.Queries, reach admin.Reach, tenant id.Tenant, name string) (directory.Role, error) {
	r, err := q.FindRole(ctx, sqlcgen.FindRoleParams{ReachAll: reach.All, Reach: reach.Tenant.UUID(), TenantID: tenant.UUID(), Name: name})
	if err != nil {
		return directory.Role{}, err
	}
	return toRole(r.Role, r.Permissions, r.Includes), nil
}

// Create stores a role of the tenant of r. Faults name the fields name, permissions[i] and
// includes[i].
func (s Roles) Create(ctx context.Context, a admin.Act, r directory.Role) (created directory.Role, replayed bool, err error) {
	if !a.Actor.Manages(r.Tenant) {
		return directory.Role{}, false, errNothing
	}
	if err := r.Check(); err != nil {
		return directory.Role{}, false, err
	}
	reference, replayed, err := s.db.act(ctx, "create role", a, func(q *sqlcgen.Queries) (string, error) {
		if _, err := q.LockTenant(ctx, r.Tenant.UUID()); err != nil {
			return "", err
		}
		n, err := q.CountRoles(ctx, r.Tenant.UUID())
		if err == nil && n >= directory.MaxRoles {
			err = admin.Conflict("name", "the tenant has %d roles, which is the most; delete some first", directory.MaxRoles)
		}
		if err != nil {
			return "", err
		}
		n, err = q.CreateRole(ctx, sqlcgen.CreateRoleParams{TenantID: r.Tenant.UUID(), Name: r.Name, Description: r.Description})
		if err == nil && n == 0 {
			err = admin.Conflict("name", "the tenant has a role of this name; choose another one")
		}
		if err == nil {
			err = changeRole(ctx, q, a, directory.Role{Tenant: r.Tenant, Name: r.Name}, r)
		}
		if err == nil {
			created, err = findRole(ctx, q, admin.Reach{Tenant: r.Tenant}, r.Tenant, r.Name)
		}
		return r.Name, err
	})
	if err == nil && replayed {
		created, err = s.Find(ctx, admin.Reach{Tenant: r.Tenant}, r.Tenant, reference)
	}
	return created, replayed, err
}

// Update edits a role: its description, permissions and inclusions. edit changes what it is given,
// which is read under a lock; it may refuse.
func (s Roles) Update(ctx context.Context, a admin.Act, tenant id.Tenant, name string, edit func(*directory.Role) error) (directory.Role, error) {
	var out directory.Role
	_, _, err := s.db.act(ctx, "update role", a, func(q *sqlcgen.Queries) (string, error) {
		was, err := lockedRole(ctx, q, a, tenant, name)
		if err != nil {
			return "", err
		}
		now := was
		now.Permissions, now.Includes = slices.Clone(was.Permissions), slices.Clone(was.Includes)
		if err := errors.Join(edit(&now), now.Check()); err != nil {
			return "", err
		}
		now.Tenant, now.Name = was.Tenant, was.Name
		err = keepAdministrators(ctx, q, [][16]byte{tenant.UUID()}, func() error {
			if err := changeRole(ctx, q, a, was, now); err != nil {
				return err
			}
			_, err := q.UpdateRole(ctx, sqlcgen.UpdateRoleParams{TenantID: tenant.UUID(), Name: name, Description: now.Description})
			return err
		})
		if err == nil {
			out, err = findRole(ctx, q, admin.Reach{Tenant: tenant}, tenant, name)
		}
		return name, err
	})
	return out, err
}

// lockedRole reads a role that the actor may change and nobody else edits until the transaction
// ends: the lock is on the
// tenant, since what its roles include is one thing.
func lockedRole(ctx context.Context, q *sqlcgen.Queries, a admin.Act, tenant id.Tenant, name string) (directory.Role, error) {
	if !a.Actor.Manages(tenant) {
		return directory.Role{}, errNothing
	}
	if _, err := q.LockTenant(ctx, tenant.UUID()); err != nil {
		return directory.Role{}, err
	}
	r, err := findRole(ctx, q, admin.Reach{Tenant: tenant}, tenant, name)
	if err == nil && a.IfVersion != 0 && a.IfVersion != r.Version {
		err = admin.ErrVersion
	}
	return r, err
}

// changeRole stores what now holds and includes beyond was, and forgets what it no longer does.
// What stays keeps who granted it and when.
func changeRole(ctx context.Context, q *sqlcgen.Queries, a admin.Act, was, now directory.Role) error {
	given, taken := directory.Difference(was.Permissions, now.Permissions, directory.Permission.Compare)
	included, dropped := directory.Difference(was.Includes, now.Includes, strings.Compare)
	note(a, "permissions_added", noted(texts(given)))
	note(a, "permissions_removed", noted(texts(taken)))
	note(a, "includes_added", noted(included))
	note(a, "includes_removed", noted(dropped))
	if err := grantable(ctx, q, now.Tenant, given, now.Permissions); err != nil {
		return err
	}
	if err := includable(ctx, q, now, included); err != nil {
		return err
	}
	tenant := now.Tenant.UUID()
	if len(taken) > 0 {
		audiences, slugs := halves(taken)
		if err := q.RemoveRolePermissions(ctx, sqlcgen.RemoveRolePermissionsParams{TenantID: tenant, Role: now.Name, Audiences: audiences, Slugs: slugs}); err != nil {
			return err
		}
	}
	if len(given) > 0 {
		audiences, slugs := halves(given)
		if err := q.AddRolePermissions(ctx, sqlcgen.AddRolePermissionsParams{TenantID: tenant, Role: now.Name, Audiences: audiences, Slugs: slugs}); err != nil {
			return err
		}
	}
	if len(dropped) > 0 {
		if err := q.RemoveInclusions(ctx, sqlcgen.RemoveInclusionsParams{TenantID: tenant, Role: now.Name, Includes: dropped}); err != nil {
			return err
		}
	}
	if len(included) > 0 {
		err := q.AddInclusions(ctx, sqlcgen.AddInclusionsParams{TenantID: tenant, Role: now.Name, Includes: included})
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
			switch pg.ConstraintName {
			case "role_cycle":
				return admin.Invalid("includes", "one of these roles includes this one")
			case "role_reach_most":
				return admin.Conflict("includes", "the roles of a tenant include each other at most %d times, directly or through others", directory.MaxReach)
			}
		}
		return err
	}
	return nil
}

// grantable refuses those of given that a role of the tenant may not hold; all is the field that
// names them. What belongs to another tenant is refused like what does not exist.
func grantable(ctx context.Context, q *sqlcgen.Queries, tenant id.Tenant, given, all []directory.Permission) error {
	if len(given) == 0 {
		return nil
	}
	audiences, slugs := halves(given)
	rows, err := q.GrantablePermissions(ctx, sqlcgen.GrantablePermissionsParams{TenantID: tenant.UUID(), Audiences: audiences, Slugs: slugs})
	if err != nil {
		return err
	}
	may := make(map[directory.Permission]bool, len(rows))
	for _, r := range rows {
		may[directory.Permission{Audience: r.Audience, Slug: r.Slug}] = true
	}
	var faults []error
	for i, p := range all {
		if slices.Contains(given, p) && !may[p] {
			text := "no resource server of the installation or of this tenant declares this permission"
			if p.Audience == admin.Audience && admin.OfInstallation(p.Slug) {
				text = "only roles of the installation's own tenant hold it"
			}
			faults = append(faults, admin.Invalid(fmt.Sprintf("permissions[%d]", i), "%s", text))
		}
	}
	return errors.Join(faults...)
}

// includable refuses roles that are not there, and those that include r themselves.
func includable(ctx context.Context, q *sqlcgen.Queries, r directory.Role, included []string) error {
	if len(included) == 0 {
		return nil
	}
	if err := rolesExist(ctx, q, r.Tenant, included, r.Includes, "includes"); err != nil {
		return err
	}
	reaching, err := q.RolesReaching(ctx, sqlcgen.RolesReachingParams{TenantID: r.Tenant.UUID(), Names: included, Role: r.Name})
	if err != nil {
		return err
	}
	var faults []error
	for i, name := range r.Includes {
		if slices.Contains(reaching, name) {
			faults = append(faults, admin.Invalid(fmt.Sprintf("includes[%d]", i), "that role includes this one already: neither may include itself through the other"))
		}
	}
	return errors.Join(faults...)
}

// Delete removes a role; whoever holds it, or a role that includes it, may do less.
func (s Roles) Delete(ctx context.Context, a admin.Act, tenant id.Tenant, name string) error {
	_, _, err := s.db.act(ctx, "delete role", a, func(q *sqlcgen.Queries) (string, error) {
		was, err := lockedRole(ctx, q, a, tenant, name)
		if err != nil {
			return "", err
		}
		note(a, "permissions_removed", noted(texts(was.Permissions)))
		if err := q.TakeTime(ctx); err != nil { // everybody may hold it
			return "", err
		}
		return name, keepAdministrators(ctx, q, [][16]byte{tenant.UUID()}, func() error {
			_, err := q.DeleteRole(ctx, sqlcgen.DeleteRoleParams{TenantID: tenant.UUID(), Name: name})
			return err
		})
	})
	return err
}

func toRole(r sqlcgen.Role, permissions, includes []string) directory.Role {
	return directory.Role{
		Tenant:      id.TenantFromUUID(r.TenantID),
		Name:        r.Name,
		Description: r.Description,
		Permissions: toPermissions(permissions),
		Includes:    includes,
		Template:    r.Template,
		CreatedAt:   r.CreatedAt,
		UpdatedAt:   r.UpdatedAt,
		Version:     r.Version,
	}
}

func halves(permissions []directory.Permission) (audiences, slugs []string) {
	for _, p := range permissions {
		audiences, slugs = append(audiences, p.Audience), append(slugs, p.Slug)
	}
	return audiences, slugs
}

func texts(permissions []directory.Permission) []string {
	out := make([]string, len(permissions))
	for i, p := range permissions {
		out[i] = p.String()
	}
	return out
}
