package importjob

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/importer"
	"github.com/signet-id/signet/pkg/adminclient"
)

// missing is what a dry run does not make.
type missing struct {
	tenants map[string]bool
	roles   map[[2]string]bool // tenant, role
}

// prepare makes the tenants and roles of an export that are missing, or says which are. Those that
// exist stay as they are.
func (j Job) prepare(ctx context.Context, x *importer.Export) (missing, error) {
	out := missing{tenants: map[string]bool{}, roles: map[[2]string]bool{}}
	var absent []string
	for _, realm := range x.Realms {
		there, err := j.tenant(ctx, realm, out)
		if err != nil {
			return out, err
		}
		lacking, err := j.rolesOf(ctx, realm, there)
		if err != nil {
			return out, err
		}
		switch {
		case !there && !j.Create:
			absent = append(absent, fmt.Sprintf("tenant %s, for realm %s", realm.Tenant, realm.Name))
		case len(lacking) > 0 && !j.Create:
			absent = append(absent, fmt.Sprintf("in tenant %s the roles %s", realm.Tenant, strings.Join(names(lacking), " ")))
		case j.DryRun:
			for _, r := range lacking {
				out.roles[[2]string{realm.Tenant, r.Name}] = true
			}
		default:
			if err := j.createRoles(ctx, realm, lacking); err != nil {
				return out, err
			}
		}
		j.announce(realm, there, lacking)
	}
	if len(absent) > 0 {
		return out, errdefs.Say(errdefs.ErrNotFound, nil, "there is no\n  - %s\nMake them first, or have them made with --create", strings.Join(absent, "\n  - "))
	}
	return out, nil
}

// tenant reports whether the tenant of a realm is there, after making it when it is to be made.
func (j Job) tenant(ctx context.Context, realm importer.Realm, out missing) (there bool, err error) {
	_, _, err = j.API.GetTenant(ctx, realm.Tenant)
	if err == nil || !adminclient.IsNotFound(err) {
		return err == nil, err
	}
	if !j.Create || j.DryRun {
		out.tenants[realm.Tenant] = j.Create
		return false, nil
	}
	name := realm.DisplayName
	if name == "" {
		name = realm.Name
	}
	_, _, err = j.API.CreateTenant(ctx, adminclient.CreateTenantBody{Slug: realm.Tenant, Name: short(name, realm.Tenant)})
	if err != nil {
		return false, fmt.Errorf("create tenant %s: %w", realm.Tenant, err)
	}
	return false, nil
}

// short is a name that a tenant may have.
func short(name, otherwise string) string {
	const most = 200 // characters
	if r := []rune(strings.TrimSpace(name)); len(r) > 0 {
		return string(r[:min(len(r), most)])
	}
	return otherwise
}

// rolesOf returns the roles of the realm that its tenant does not have.
func (j Job) rolesOf(ctx context.Context, realm importer.Realm, there bool) ([]importer.RealmRole, error) {
	if len(realm.Roles) == 0 {
		return nil, nil
	}
	has := map[string]bool{}
	if there || j.Create && !j.DryRun {
		for role, err := range j.API.AllRoles(ctx, realm.Tenant, adminclient.ListRolesParams{}) {
			if err != nil {
				return nil, err
			}
			has[role.Name] = true
		}
	}
	var lacking []importer.RealmRole
	for _, r := range realm.Roles {
		if !has[r.Name] {
			lacking = append(lacking, r)
		}
	}
	return lacking, nil
}

func (j Job) createRoles(ctx context.Context, realm importer.Realm, roles []importer.RealmRole) error {
	for _, r := range roles {
		body := adminclient.CreateRoleBody{Name: r.Name, Description: r.Description, Includes: r.Includes}
		if _, _, err := j.API.CreateRole(ctx, realm.Tenant, body); err != nil && !adminclient.IsConflict(err) {
			return fmt.Errorf("create role %s in tenant %s: %w", r.Name, realm.Tenant, err)
		}
	}
	return nil
}

// announce says what a realm becomes.
func (j Job) announce(realm importer.Realm, there bool, lacking []importer.RealmRole) {
	verb := "made"
	if j.DryRun {
		verb = "to be made"
	}
	made := ""
	if !there && j.Create {
		made = ", " + verb
	}
	j.Say("realm %s: tenant %s%s, %d people", realm.Name, realm.Tenant, made, realm.Users)
	if len(lacking) > 0 && j.Create {
		j.Say("  roles %s: %s", verb, strings.Join(names(lacking), " "))
	}
	if had := without(realm.Roles, lacking); len(had) > 0 {
		j.Say("  roles that are there already, with what they permit: %s", strings.Join(had, " "))
	}
	for _, r := range realm.Roles {
		if r.Name != r.From && !strings.HasPrefix(r.From, "/") {
			j.Say("  the role %q is called %s here", r.From, r.Name)
		}
	}
	if realm.Clients > 0 {
		j.Say("  %d clients are not imported: register those that you need, with their ids and secrets (see the guide)", realm.Clients)
	}
}

// without names the roles that are not among others.
func without(roles, others []importer.RealmRole) (out []string) {
	for _, name := range names(roles) {
		if !slices.Contains(names(others), name) {
			out = append(out, name)
		}
	}
	return out
}

func names(roles []importer.RealmRole) []string {
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = r.Name
	}
	return out
}
