package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/keys"
)

// ResourceServers stores resource servers and their permissions for administrators.
type ResourceServers struct{ db *DB }

// ResourceServers returns the store of resource servers.
func (db *DB) ResourceServers() ResourceServers { return ResourceServers{db} }

// textKey is where a list ordered by a name goes on.
type textKey struct {
	After string `json:"a"`
}

func afterText(p admin.Page) (string, error) {
	var k textKey
	if p.After == "" {
		return "", nil
	}
	err := parseCursor(p.After, &k)
	return k.After, err
}

func toResourceServer(r sqlcgen.ResourceServer) directory.ResourceServer {
	out := directory.ResourceServer{
		ID: id.ResourceServerFromUUID(r.ID), Audience: r.Audience, Name: r.Name, Claims: r.Claims,
		SigningAlgorithm: keys.Algorithm(r.SigningAlgorithm),
		Version:          r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
	if r.TenantID != nil {
		out.Tenant = id.TenantFromUUID(*r.TenantID)
	}
	return out
}

// List returns the resource servers within reach, by audience. Tenants see the installation's and
// their own; the tenant, unless it is zero, narrows it to that tenant's.
func (s ResourceServers) List(ctx context.Context, reach admin.Reach, tenant id.Tenant, prefix string, p admin.Page) (admin.List[directory.ResourceServer], error) {
	after, err := afterText(p)
	if err != nil || reach == (admin.Reach{}) {
		return admin.List[directory.ResourceServer]{}, err
	}
	n, beyond := int32(p.Limit+1), beyond(prefix)
	var rows []sqlcgen.ResourceServer
	own := func(of id.Tenant) ([]sqlcgen.ResourceServer, error) {
		return s.db.q.ListOwnResourceServers(ctx, sqlcgen.ListOwnResourceServersParams{
			TenantID: nullUUID(of.UUID()), After: after, Prefix: prefix, Beyond: beyond, Page: n,
		})
	}
	switch {
	case !tenant.IsZero() && reach.Sees(tenant):
		rows, err = own(tenant)
	case !tenant.IsZero():
	case reach.All:
		rows, err = s.db.q.ListResourceServers(ctx, sqlcgen.ListResourceServersParams{After: after, Prefix: prefix, Beyond: beyond, Page: n})
	default:
		if rows, err = own(reach.Tenant); err != nil {
			break
		}
		var shared []sqlcgen.ResourceServer
		shared, err = s.db.q.ListInstallationResourceServers(ctx, sqlcgen.ListInstallationResourceServersParams{After: after, Prefix: prefix, Beyond: beyond, Page: n})
		rows = append(rows, shared...)
		slices.SortFunc(rows, func(a, b sqlcgen.ResourceServer) int { return strings.Compare(a.Audience, b.Audience) })
		rows = rows[:min(len(rows), int(n))]
	}
	if err != nil {
		return admin.List[directory.ResourceServer]{}, wrap("list resource servers", err)
	}
	return listOf(limited(rows, p.Limit, func(r sqlcgen.ResourceServer) any { return textKey{r.Audience} }), toResourceServer), nil
}

// Find returns a resource server; errdefs.ErrNotFound if there is none within reach.
func (s ResourceServers) Find(ctx context.Context, reach admin.Reach, r id.ResourceServer) (directory.ResourceServer, error) {
	if reach == (admin.Reach{}) {
		return directory.ResourceServer{}, errNothing
	}
	row, err := s.db.q.ReadResourceServer(ctx, sqlcgen.ReadResourceServerParams{ReachAll: reach.All, Reach: nullUUID(reach.Tenant.UUID()), ID: r.UUID()})
	return toResourceServer(row), wrap("find resource server", err)
}

var errNothing = fmt.Errorf("nothing is within reach: %w", errdefs.ErrNotFound)

// Create stores a resource server.
func (s ResourceServers) Create(ctx context.Context, a admin.Act, r directory.ResourceServer) (created directory.ResourceServer, replayed bool, err error) {
	if !a.Actor.ManagesAll() {
		return directory.ResourceServer{}, false, errNothing
	}
	reference, replayed, err := s.db.act(ctx, "create resource server", a, func(q *sqlcgen.Queries) (string, error) {
		row, err := q.CreateResourceServer(ctx, sqlcgen.CreateResourceServerParams{
			ID: r.ID.UUID(), Audience: r.Audience, Name: r.Name, TenantID: nullUUID(r.Tenant.UUID()), Claims: array(r.Claims),
			SigningAlgorithm: string(r.SigningAlgorithm),
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return "", admin.Conflict("audience", "another resource server has it; tokens tell them apart by it")
		}
		created = toResourceServer(row)
		return created.ID.String(), err
	})
	if err == nil && replayed {
		var made id.ResourceServer
		if made, err = id.ParseResourceServer(reference); err == nil {
			created, err = s.Find(ctx, admin.Reach{All: true}, made)
		}
	}
	return created, replayed, err
}

// array keeps absent declarations from becoming NULL.
func array(raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return []byte("[]")
	}
	return raw
}

// locked returns the resource server under a lock, if the actor may change it.
func (s ResourceServers) locked(ctx context.Context, q *sqlcgen.Queries, a admin.Act, r id.ResourceServer) (directory.ResourceServer, error) {
	reach := a.Actor.ManageReach()
	row, err := q.LockResourceServer(ctx, sqlcgen.LockResourceServerParams{ReachAll: reach.All, Reach: nullUUID(reach.Tenant.UUID()), ID: r.UUID()})
	out := toResourceServer(row)
	switch {
	case err != nil:
		return out, err
	case out.BuiltIn():
		return out, errdefs.Say(errdefs.ErrConflict, nil, "This resource server is part of Signet and cannot be changed.")
	case a.IfVersion != 0 && a.IfVersion != out.Version:
		return out, admin.ErrVersion
	}
	return out, nil
}

// Update edits the name, the declared claims and the algorithm.
func (s ResourceServers) Update(ctx context.Context, a admin.Act, r id.ResourceServer, edit func(*directory.ResourceServer) error) (directory.ResourceServer, error) {
	var out directory.ResourceServer
	_, _, err := s.db.act(ctx, "update resource server", a, func(q *sqlcgen.Queries) (string, error) {
		now, err := s.locked(ctx, q, a, r)
		if err == nil {
			err = edit(&now)
		}
		if err != nil {
			return "", err
		}
		row, err := q.UpdateResourceServer(ctx, sqlcgen.UpdateResourceServerParams{
			ID: r.UUID(), Name: now.Name, Claims: array(now.Claims), SigningAlgorithm: string(now.SigningAlgorithm),
		})
		out = toResourceServer(row)
		return r.String(), err
	})
	return out, err
}

// Delete removes a resource server with its permissions. One that roles or clients use is
// errdefs.ErrConflict, unless force takes it from them; the clients that lost it are returned.
func (s ResourceServers) Delete(ctx context.Context, a admin.Act, r id.ResourceServer, force bool) (lost []client.ID, err error) {
	_, _, err = s.db.act(ctx, "delete resource server", a, func(q *sqlcgen.Queries) (string, error) {
		was, err := s.locked(ctx, q, a, r)
		if err != nil {
			return "", err
		}
		used, err := inUse(ctx, q, was.Audience, "")
		if err != nil {
			return "", err
		}
		clients, err := q.LockClientsOfAudience(ctx, was.Audience)
		switch {
		case err != nil:
			return "", err
		case !force && used:
			return "", errdefs.Say(errdefs.ErrConflict, nil, "Roles hold permissions of this resource server. Take them out first, or delete with force=true.")
		case !force && len(clients) > 0:
			return "", errdefs.Say(errdefs.ErrConflict, nil, "Clients use the audience of this resource server. Take it out first, or delete with force=true.")
		}
		for _, c := range clients {
			lost = append(lost, client.ID(c))
		}
		return r.String(), q.DeleteResourceServer(ctx, r.UUID())
	})
	return lost, err
}

// inUse reports whether a role holds the permission, or any of the audience when the slug is "".
func inUse(ctx context.Context, q *sqlcgen.Queries, audience, slug string) (bool, error) {
	if err := q.LockPermissions(ctx, sqlcgen.LockPermissionsParams{Audience: audience, Slug: slug}); err != nil {
		return false, err
	}
	return q.PermissionInUse(ctx, sqlcgen.PermissionInUseParams{Audience: audience, Slug: slug})
}

// ListPermissions returns the permissions of a resource server within reach, by slug.
func (s ResourceServers) ListPermissions(ctx context.Context, reach admin.Reach, r id.ResourceServer, p admin.Page) (admin.List[directory.PermissionDefinition], error) {
	var none admin.List[directory.PermissionDefinition]
	of, err := s.Find(ctx, reach, r)
	if err != nil {
		return none, err
	}
	after, err := afterText(p)
	if err != nil {
		return none, err
	}
	rows, err := s.db.q.ListPermissions(ctx, sqlcgen.ListPermissionsParams{Audience: of.Audience, After: after, Page: int32(p.Limit + 1)})
	if err != nil {
		return none, wrap("list permissions", err)
	}
	page := limited(rows, p.Limit, func(r sqlcgen.Permission) any { return textKey{r.Slug} })
	return listOf(page, func(r sqlcgen.Permission) directory.PermissionDefinition {
		return directory.PermissionDefinition{Slug: r.Slug, Description: r.Description}
	}), nil
}

// SavePermission declares a permission, or describes one that is declared already, and returns the
// resource server as it then is.
func (s ResourceServers) SavePermission(ctx context.Context, a admin.Act, r id.ResourceServer, p directory.PermissionDefinition) (of directory.ResourceServer, fresh bool, err error) {
	_, _, err = s.db.act(ctx, "save permission", a, func(q *sqlcgen.Queries) (string, error) {
		was, err := s.locked(ctx, q, a, r)
		if err != nil {
			return "", err
		}
		fresh, err = q.SavePermission(ctx, sqlcgen.SavePermissionParams{Audience: was.Audience, Slug: p.Slug, Description: p.Description})
		if err == nil && !fresh && a.Unread {
			err = admin.ErrUnread
		}
		if err != nil {
			return "", err
		}
		n, err := q.CountPermissions(ctx, was.Audience)
		if err != nil {
			return "", err
		}
		if n > directory.MaxPermissions {
			return "", admin.Conflict("slug", "a resource server declares at most %d permissions", directory.MaxPermissions)
		}
		row, err := q.TouchResourceServer(ctx, r.UUID())
		of = toResourceServer(row)
		return r.String(), err
	})
	return of, fresh, err
}

// DeletePermission removes a permission. One that roles hold is errdefs.ErrConflict, unless force
// takes it from them.
func (s ResourceServers) DeletePermission(ctx context.Context, a admin.Act, r id.ResourceServer, slug string, force bool) error {
	_, _, err := s.db.act(ctx, "delete permission", a, func(q *sqlcgen.Queries) (string, error) {
		was, err := s.locked(ctx, q, a, r)
		if err != nil {
			return "", err
		}
		if slug == "" {
			return "", errNothing
		}
		used, err := inUse(ctx, q, was.Audience, slug)
		if err != nil {
			return "", err
		}
		if used && !force {
			return "", errdefs.Say(errdefs.ErrConflict, nil, "Roles hold this permission. Take it out first, or delete with force=true.")
		}
		n, err := q.DeletePermission(ctx, sqlcgen.DeletePermissionParams{Audience: was.Audience, Slug: slug})
		if err == nil {
			err = changed(n)
		}
		if err == nil {
			_, err = q.TouchResourceServer(ctx, r.UUID())
		}
		return r.String(), err
	})
	return err
}
