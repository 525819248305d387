package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
)

// Templates stores what the roles of new tenants are made from. They belong to the installation.
type Templates struct{ db *DB }

// Templates returns the store of role templates.
func (db *DB) Templates() Templates { return Templates{db} }

// List returns the templates by name.
func (s Templates) List(ctx context.Context, p admin.Page) (admin.List[directory.Template], error) {
	k, err := afterKey[nameKey](p)
	if err != nil {
		return admin.List[directory.Template]{}, err
	}
	rows, err := s.db.q.ListTemplates(ctx, sqlcgen.ListTemplatesParams{AfterName: k.Name, Page: int32(p.Limit + 1)})
	l := limited(rows, p.Limit, func(r sqlcgen.ListTemplatesRow) any { return nameKey{r.RoleTemplate.Name} })
	return listOf(l, func(r sqlcgen.ListTemplatesRow) directory.Template { return toTemplate(r.RoleTemplate, r.Permissions) }), wrap("list role templates", err)
}

// Find returns a template; errdefs.ErrNotFound if there is none.
func (s Templates) Find(ctx context.Context, name string) (directory.Template, error) {
	t, err := findTemplate(ctx, s.db.q, name)
	return t, wrap("find role template", err)
}

func findTemplate(ctx context.Context, q *sqlcgen.Queries, name string) (directory.Template, error) {
	r, err := q.FindTemplate(ctx, name)
	if err != nil {
		return directory.Template{}, err
	}
	return toTemplate(r.RoleTemplate, r.Permissions), nil
}

// Create stores a template: tenants made from now on have a role like it.
func (s Templates) Create(ctx context.Context, a admin.Act, t directory.Template) (created directory.Template, replayed bool, err error) {
	if !a.Actor.ManagesAll() {
		return directory.Template{}, false, errNothing
	}
	if err := t.Check(); err != nil {
		return directory.Template{}, false, err
	}
	reference, replayed, err := s.db.act(ctx, "create role template", a, func(q *sqlcgen.Queries) (string, error) {
		n, err := q.CreateTemplate(ctx, sqlcgen.CreateTemplateParams{Name: t.Name, Description: t.Description})
		if err == nil && n == 0 {
			err = admin.Conflict("name", "there is a template of this name; choose another one")
		}
		if err == nil {
			err = changeTemplate(ctx, q, a, directory.Template{Name: t.Name}, t)
		}
		if err == nil {
			created, err = findTemplate(ctx, q, t.Name)
		}
		return t.Name, err
	})
	if err == nil && replayed {
		created, err = s.Find(ctx, reference)
	}
	return created, replayed, err
}

// Update edits a template. edit changes what it is given, which is read under a lock; it may
// refuse.
func (s Templates) Update(ctx context.Context, a admin.Act, name string, edit func(*directory.Template) error) (directory.Template, error) {
	if !a.Actor.ManagesAll() {
		return directory.Template{}, errNothing
	}
	var out directory.Template
	_, _, err := s.db.act(ctx, "update role template", a, func(q *sqlcgen.Queries) (string, error) {
		was, err := lockedTemplate(ctx, q, a, name)
		if err != nil {
			return "", err
		}
		now := was
		now.Permissions = slices.Clone(was.Permissions)
		if err := errors.Join(edit(&now), now.Check()); err != nil {
			return "", err
		}
		now.Name = was.Name
		if err := changeTemplate(ctx, q, a, was, now); err != nil {
			return "", err
		}
		if _, err := q.UpdateTemplate(ctx, sqlcgen.UpdateTemplateParams{Name: name, Description: now.Description}); err != nil {
			return "", err
		}
		out, err = findTemplate(ctx, q, name)
		return name, err
	})
	return out, err
}

func lockedTemplate(ctx context.Context, q *sqlcgen.Queries, a admin.Act, name string) (directory.Template, error) {
	if _, err := q.LockTemplate(ctx, name); err != nil {
		return directory.Template{}, err
	}
	t, err := findTemplate(ctx, q, name)
	if err == nil && a.IfVersion != 0 && a.IfVersion != t.Version {
		err = admin.ErrVersion
	}
	return t, err
}

func changeTemplate(ctx context.Context, q *sqlcgen.Queries, a admin.Act, was, now directory.Template) error {
	given, taken := directory.Difference(was.Permissions, now.Permissions, directory.Permission.Compare)
	note(a, "permissions_added", noted(texts(given)))
	note(a, "permissions_removed", noted(texts(taken)))
	if err := grantable(ctx, q, id.Tenant{}, given, now.Permissions); err != nil {
		return err
	}
	if len(taken) > 0 {
		audiences, slugs := halves(taken)
		if err := q.RemoveTemplatePermissions(ctx, sqlcgen.RemoveTemplatePermissionsParams{Template: now.Name, Audiences: audiences, Slugs: slugs}); err != nil {
			return err
		}
	}
	if len(given) == 0 {
		return nil
	}
	audiences, slugs := halves(given)
	return q.AddTemplatePermissions(ctx, sqlcgen.AddTemplatePermissionsParams{Template: now.Name, Audiences: audiences, Slugs: slugs})
}

// Delete removes a template that is not built in. Roles that were made from it stay.
func (s Templates) Delete(ctx context.Context, a admin.Act, name string) error {
	if !a.Actor.ManagesAll() {
		return errNothing
	}
	_, _, err := s.db.act(ctx, "delete role template", a, func(q *sqlcgen.Queries) (string, error) {
		if _, err := lockedTemplate(ctx, q, a, name); err != nil {
			return "", err
		}
		n, err := q.DeleteTemplate(ctx, name)
		if err == nil && n == 0 {
			err = admin.Conflict("name", "this template is built in and cannot be deleted")
		}
		return name, err
	})
	return err
}

func toTemplate(r sqlcgen.RoleTemplate, permissions []string) directory.Template {
	return directory.Template{
		Name: r.Name, Description: r.Description, Permissions: toPermissions(permissions), BuiltIn: r.BuiltIn,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Version: r.Version,
	}
}
