package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

func (w *world) role(t *testing.T, name string, includes ...string) directory.Role {
	t.Helper()
	r, _, err := w.Roles().Create(t.Context(), did(audit.RoleCreated), directory.Role{Tenant: w.acme, Name: name, Includes: includes})
	must(t, err)
	return r
}

func (w *world) including(t *testing.T, name string, includes ...string) error {
	t.Helper()
	_, err := w.Roles().Update(t.Context(), did(audit.RoleUpdated), w.acme, name, func(r *directory.Role) error { r.Includes = includes; return nil })
	return err
}

func TestWhatARoleKeepsKeepsWhoGrantedItAndWhen(t *testing.T) {
	t.Parallel()
	w := build(t)
	read, write := directory.Permission{Audience: orders, Slug: "orders:read"}, directory.Permission{Audience: orders, Slug: "orders:write"}
	a := did(audit.RoleUpdated)
	got, err := w.Roles().Update(t.Context(), a, w.acme, "clerk", func(r *directory.Role) error {
		r.Permissions, r.Description = []directory.Permission{write, read}, "Clerks"
		return nil
	})
	must(t, err)
	if !slices.Equal(got.Permissions, []directory.Permission{read, write}) || got.Description != "Clerks" || got.Version != 2 || got.Name != "clerk" {
		t.Errorf("%+v", got)
	}
	if a.Event.Detail["permissions_added"] != write.String() || a.Event.Detail["permissions_removed"] != "" {
		t.Errorf("recorded %v", a.Event.Detail)
	}
	for slug, by := range map[string]string{"orders:read": "installation", "orders:write": "signet-cli"} {
		if n := w.count(t, "SELECT count(*) FROM role_permission WHERE tenant_id = $1 AND role = 'clerk' AND permission = $2 AND granted_by = $3", w.acme.UUID(), slug, by); n != 1 {
			t.Errorf("%s was not granted by %s", slug, by)
		}
	}
	_, err = w.Roles().Update(t.Context(), did(audit.RoleUpdated), w.acme, "clerk", func(r *directory.Role) error { r.Name = "other"; r.Tenant = w.globex; return nil })
	must(t, err)
	if _, err := w.Roles().Find(t.Context(), anywhere, w.acme, "clerk"); err != nil {
		t.Errorf("a role changed its name: %v", err)
	}
}

func TestNoRoleIncludesItselfHoweverFar(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.role(t, "a")
	w.role(t, "b", "a")
	w.role(t, "c", "b")
	names(t, "through two others", w.including(t, "a", "clerk", "c"), "includes[1]", errdefs.ErrInvalid)
	names(t, "itself", w.including(t, "a", "a"), "includes[0]", errdefs.ErrInvalid)
	names(t, "of another tenant", w.including(t, "a", "viewer"), "includes[0]", errdefs.ErrInvalid)
	must(t, w.including(t, "b"))
	must(t, w.including(t, "a", "c"))
	must(t, w.Roles().Delete(t.Context(), did(audit.RoleDeleted), w.acme, "c")) // which drops the inclusion
	if r, err := w.Roles().Find(t.Context(), anywhere, w.acme, "a"); err != nil || len(r.Includes) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// Each of them is harmless alone.
func TestRolesThatIncludeEachOtherAreReadInBoundedTime(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.exec(t, "SET statement_timeout = '10s'")
	chain := func(prefix string, n int) error {
		t.Helper()
		w.exec(t, "INSERT INTO role (tenant_id, name) SELECT $1, $2 || g FROM generate_series(1, $3::integer) g", w.acme.UUID(), prefix, n)
		_, err := w.conn.Exec(t.Context(), "INSERT INTO role_inclusion (tenant_id, role, includes) SELECT $1, $2 || g, $2 || (g + 1) FROM generate_series(1, $3::integer - 1) g", w.acme.UUID(), prefix, n)
		return err
	}
	must(t, chain("fits", 140)) // 9730 pairs
	must(t, w.including(t, "fits70"))
	if n := w.count(t, "SELECT count(*) FROM role_reach WHERE role LIKE 'fits%'"); n != 69*70/2+70*69/2 {
		t.Errorf("cut in two: %d pairs", n)
	}
	must(t, w.including(t, "fits70", "fits71"))
	err := chain("more", 60) // 1770
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.ConstraintName != "role_reach_most" {
		t.Errorf("too much: %v", err)
	}
	w.role(t, "above")
	w.role(t, "above2", "fits1") // 140
	if err := w.including(t, "above", "above2", "fits2"); !errors.Is(err, errdefs.ErrConflict) || !strings.Contains(err.Error(), "includes") {
		t.Errorf("a role too much: %v", err)
	}
}

func TestConcurrentInclusionsMakeNoCycle(t *testing.T) {
	t.Parallel()
	w := build(t)
	const n = 6
	for i := range n {
		w.role(t, fmt.Sprint("r", i))
	}
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = w.including(t, fmt.Sprint("r", i), fmt.Sprint("r", (i+1)%n)) })
	}
	wg.Wait()
	refused := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(refused) != 1 {
		t.Fatalf("%v", refused)
	}
	names(t, "the last of the circle", refused[0], "includes[0]", errdefs.ErrInvalid)
}

func TestConcurrentEditsOfARoleConflictInsteadOfOverwriting(t *testing.T) {
	t.Parallel()
	w := build(t)
	errs := make([]error, 6)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			a := did(audit.RoleUpdated)
			a.IfVersion = 1
			_, errs[i] = w.Roles().Update(t.Context(), a, w.acme, "clerk", func(r *directory.Role) error { r.Description = fmt.Sprint(i); return nil })
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, admin.ErrVersion) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d won", won)
	}
}

func TestATenantHasOnlySoManyRoles(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.exec(t, "INSERT INTO role (tenant_id, name) SELECT $1, 'r' || n FROM generate_series((SELECT count(*) FROM role WHERE tenant_id = $1) + 1, $2) n", w.acme.UUID(), directory.MaxRoles)
	_, _, err := w.Roles().Create(t.Context(), did(audit.RoleCreated), directory.Role{Tenant: w.acme, Name: "more"})
	names(t, "one more", err, "name", errdefs.ErrConflict)
	if _, _, err := w.Roles().Create(t.Context(), did(audit.RoleCreated), directory.Role{Tenant: w.globex, Name: "more"}); err != nil {
		t.Errorf("in another tenant: %v", err)
	}
}

// What a program would have to forget for that, the database refuses.
func TestTheDatabaseItselfKeepsPermissionsWhereTheyBelong(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.exec(t, "INSERT INTO resource_server (audience, name, tenant_id) VALUES ('https://globex.example', 'Globex', $1)", w.globex.UUID())
	w.exec(t, "INSERT INTO permission (audience, slug) VALUES ('https://globex.example', 'globex:read')")
	role := func(tenant id.Tenant, role, audience, slug string) (string, []any) {
		return "INSERT INTO role_permission (tenant_id, role, audience, permission) VALUES ($1, $2, $3, $4)", []any{tenant.UUID(), role, audience, slug}
	}
	template := func(audience, slug string) (string, []any) {
		return "INSERT INTO role_template_permission (template, audience, permission) VALUES ('member', $1, $2)", []any{audience, slug}
	}
	for constraint, statement := range map[string]func() (string, []any){
		"role_permission_installation": func() (string, []any) { return role(w.acme, "clerk", admin.Audience, admin.InstallationManage) },
		"role_permission_foreign":      func() (string, []any) { return role(w.acme, "clerk", "https://globex.example", "globex:read") },
		"role_template_installation":   func() (string, []any) { return template(admin.Audience, admin.InstallationRead) },
		"role_template_foreign":        func() (string, []any) { return template("https://globex.example", "globex:read") },
	} {
		sql, args := statement()
		_, err := w.conn.Exec(t.Context(), sql, args...)
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.ConstraintName != constraint {
			t.Errorf("%s: %v", constraint, err)
		}
	}
	_, err := w.conn.Exec(t.Context(), "UPDATE role_permission SET audience = 'https://globex.example', permission = 'globex:read' WHERE tenant_id = $1 AND role = 'clerk'", w.acme.UUID())
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.ConstraintName != "role_permission_foreign" {
		t.Errorf("an update: %v", err)
	}
	sql, args := role(w.globex, "viewer", "https://globex.example", "globex:read")
	w.exec(t, sql, args...)
	names(t, "by the store", func() error {
		_, err := w.Roles().Update(t.Context(), did(audit.RoleUpdated), w.acme, "clerk", func(r *directory.Role) error {
			r.Permissions = append(r.Permissions, directory.Permission{Audience: "https://globex.example", Slug: "globex:read"})
			return nil
		})
		return err
	}(), "permissions[1]", errdefs.ErrInvalid)
}

func TestTemplatesAreForNewTenants(t *testing.T) {
	t.Parallel()
	w := build(t)
	read := directory.Permission{Audience: orders, Slug: "orders:read"}
	made, _, err := w.Templates().Create(t.Context(), did(audit.RoleTemplateCreated), directory.Template{Name: "reader", Description: "Reads", Permissions: []directory.Permission{read}})
	must(t, err)
	if made.BuiltIn || made.Version != 1 || !slices.Equal(made.Permissions, []directory.Permission{read}) {
		t.Errorf("%+v", made)
	}
	tenant, _, err := w.Tenants().Create(t.Context(), did(audit.TenantCreated), directory.Tenant{ID: id.NewTenant(time.Now()), Slug: "initech", Name: "Initech"})
	must(t, err)
	r, err := w.Roles().Find(t.Context(), anywhere, tenant.ID, "reader")
	if err != nil || r.Template != "reader" || !slices.Equal(r.Permissions, made.Permissions) {
		t.Errorf("%+v, %v", r, err)
	}
	_, err = w.Roles().Find(t.Context(), anywhere, w.acme, "reader")
	notFound(t, "in a tenant that was there", err)
	must(t, w.Templates().Delete(t.Context(), did(audit.RoleTemplateDeleted), "reader"))
	if _, err := w.Roles().Find(t.Context(), anywhere, tenant.ID, "reader"); err != nil {
		t.Errorf("a role went with its template: %v", err)
	}
	names(t, "one that is built in", w.Templates().Delete(t.Context(), did(audit.RoleTemplateDeleted), "member"), "name", errdefs.ErrConflict)
	notFound(t, "none", w.Templates().Delete(t.Context(), did(audit.RoleTemplateDeleted), "none"))
}

// A page must cost the same with a million accounts as with ten.
func TestListsAreReadAlongAnIndex(t *testing.T) {
	t.Parallel()
	w := build(t)
	for what, c := range map[string]struct{ sql, index string }{
		"accounts":                {"SELECT * FROM user_account WHERE (created_at, id) > (now(), '00000000-0000-0000-0000-000000000000') ORDER BY created_at, id LIMIT 51", "user_account_page"},
		"accounts by address":     {`SELECT * FROM user_account WHERE email_normalized COLLATE "C" >= 'a' AND email_normalized COLLATE "C" < 'b' AND email_normalized COLLATE "C" > 'ab' ORDER BY email_normalized COLLATE "C" LIMIT 51`, "user_account_address"},
		"members":                 {"SELECT * FROM membership WHERE tenant_id = '00000000-0000-7000-8000-000000000001' AND (created_at, user_id) > (now(), '00000000-0000-0000-0000-000000000000') ORDER BY created_at, user_id LIMIT 51", "membership_page"},
		"members by address":      {`SELECT * FROM membership WHERE tenant_id = '00000000-0000-7000-8000-000000000001' AND email_normalized COLLATE "C" >= 'a' AND email_normalized COLLATE "C" > 'ab' ORDER BY email_normalized COLLATE "C" LIMIT 51`, "membership_address"},
		"members who hold a role": {"SELECT user_id FROM membership_role WHERE tenant_id = '00000000-0000-7000-8000-000000000001' AND role = 'a' AND user_id > '00000000-0000-0000-0000-000000000000' ORDER BY user_id LIMIT 51", "membership_role_holder"},
		"codes of a person":       {"SELECT grant_id FROM authorization_code WHERE tenant_id = '00000000-0000-7000-8000-000000000001' AND user_id = '00000000-0000-7000-8000-000000000001'", "authorization_code_user"},
	} {
		w.exec(t, "SET enable_seqscan = off")
		w.exec(t, "SET enable_bitmapscan = off")
		rows, err := w.conn.Query(t.Context(), "EXPLAIN "+c.sql)
		must(t, err)
		var plan strings.Builder
		for rows.Next() {
			var line string
			must(t, rows.Scan(&line))
			plan.WriteString(line + "\n")
		}
		must(t, rows.Err())
		if !strings.Contains(plan.String(), c.index) || strings.Contains(plan.String(), "Sort") {
			t.Errorf("%s:\n%s", what, plan.String())
		}
	}
}
