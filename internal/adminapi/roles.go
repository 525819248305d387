package adminapi

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
)

// Roles stores the roles of tenants.
type Roles interface {
	List(ctx context.Context, reach admin.Reach, tenant id.Tenant, p admin.Page) (admin.List[directory.Role], error)
	Find(ctx context.Context, reach admin.Reach, tenant id.Tenant, name string) (directory.Role, error)
	Create(ctx context.Context, a admin.Act, r directory.Role) (created directory.Role, replayed bool, err error)
	Update(ctx context.Context, a admin.Act, tenant id.Tenant, name string, edit func(*directory.Role) error) (directory.Role, error)
	Delete(ctx context.Context, a admin.Act, tenant id.Tenant, name string) error
}

// RolePermission is a permission that a role holds.
type RolePermission struct {
	Audience string `json:"audience" minLength:"1" maxLength:"2048" example:"https://orders.example" doc:"The resource server that declares it."`
	Slug     string `json:"slug" minLength:"1" maxLength:"128" example:"orders:read"`
}

func rolePermissionsOf(permissions []directory.Permission) []RolePermission {
	out := make([]RolePermission, len(permissions))
	for i, p := range permissions {
		out[i] = RolePermission{Audience: p.Audience, Slug: p.Slug}
	}
	return out
}

func rolePermissions(sent []RolePermission) []directory.Permission {
	var out []directory.Permission
	for _, p := range sent {
		out = append(out, directory.Permission{Audience: p.Audience, Slug: p.Slug})
	}
	return out
}

// Role bundles permissions under a name that means something in one tenant.
type Role struct {
	Name        string           `json:"name" example:"clerk" doc:"In the roles claim of tokens. Never changes."`
	Description string           `json:"description,omitempty"`
	Permissions []RolePermission `json:"permissions" nullable:"false" doc:"Those of its own."`
	Includes    []string         `json:"includes" nullable:"false" doc:"Roles of the tenant; who holds this one may do what they let people do."`
	Template    string           `json:"template,omitempty" doc:"The role template that it was made from."`
	Forecast    []TokenForecast  `json:"token_forecast,omitempty" doc:"How large access tokens get of somebody who holds this role and no other. Not in lists."`
	CreatedAt   time.Time        `json:"created_at"`
	UpdatedAt   time.Time        `json:"updated_at"`
}

func roleOf(r directory.Role) Role {
	return Role{
		Name: r.Name, Description: r.Description, Permissions: rolePermissionsOf(r.Permissions), Includes: append([]string{}, r.Includes...),
		Template: r.Template, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// OfRole is the path of a role.
type OfRole struct {
	InTenant
	Role string `path:"role" maxLength:"64" doc:"Name of the role."`
}

// role finds the tenant and the role of a path. What the caller does not see is not there.
func (a *API) role(ctx context.Context, actor admin.Actor, in OfRole) (directory.Role, error) {
	t, err := a.tenant(ctx, actor, in.InTenant)
	if err != nil {
		return directory.Role{}, err
	}
	return a.Roles.Find(ctx, actor.Reach(), t.ID, in.Role)
}

func (a *API) managedRole(ctx context.Context, actor admin.Actor, in OfRole) (directory.Role, error) {
	r, err := a.role(ctx, actor, in)
	if err != nil {
		return r, err
	}
	return r, may(actor.Manages(r.Tenant))
}

type createRole struct {
	InTenant
	Creation
	Body struct {
		Name        string           `json:"name" minLength:"1" maxLength:"64" doc:"Of a-z, A-Z, 0-9 and inner . _ - and :"`
		Description string           `json:"description,omitempty" maxLength:"500"`
		Permissions []RolePermission `json:"permissions,omitempty" maxItems:"1000" doc:"Of resource servers of the installation and of this tenant."`
		Includes    []string         `json:"includes,omitempty" maxItems:"100"`
	}
}

type updateRole struct {
	OfRole
	Conditional
	Body struct {
		Description *string           `json:"description,omitempty" maxLength:"500"`
		Permissions *[]RolePermission `json:"permissions,omitempty" maxItems:"1000" doc:"Replaces all."`
		Includes    *[]string         `json:"includes,omitempty" maxItems:"100" doc:"Replaces all."`
	}
}

func (a *API) roles() {
	const tag = "Roles"
	register(a, operation{ID: "list-roles", Method: http.MethodGet, Path: "/tenants/{tenant}/roles", Tag: tag, Summary: "List the roles of a tenant, by name."}, a.listRoles)
	register(a, operation{ID: "create-role", MaxBody: 1 << 20, Method: http.MethodPost, Path: "/tenants/{tenant}/roles", Tag: tag, Status: http.StatusCreated, Summary: "Create a role."}, a.createRole)
	register(a, operation{ID: "get-role", Method: http.MethodGet, Path: "/tenants/{tenant}/roles/{role}", Tag: tag, Summary: "Read a role."}, a.getRole)
	register(a, operation{
		ID: "update-role", MaxBody: 1 << 20, Method: http.MethodPatch, Path: "/tenants/{tenant}/roles/{role}", Tag: tag, Summary: "Edit a role: absent fields stay.",
		Description: "Tokens follow when they are refreshed.",
	}, a.updateRole)
	register(a, operation{
		ID: "delete-role", Timeout: longest, Method: http.MethodDelete, Path: "/tenants/{tenant}/roles/{role}", Tag: tag, Status: http.StatusNoContent,
		Summary: "Delete a role: who holds it loses it, and roles that include it do so no longer.",
	}, a.deleteRole)
}

func (a *API) listRoles(ctx context.Context, actor admin.Actor, in *struct {
	InTenant
	Paging
},
) (*listing[Role], error) {
	t, err := a.tenant(ctx, actor, in.InTenant)
	if err != nil {
		return nil, err
	}
	l, err := a.Roles.List(ctx, actor.Reach(), t.ID, in.page())
	return &listing[Role]{pageOf(l, roleOf)}, err
}

func (a *API) getRole(ctx context.Context, actor admin.Actor, in *OfRole) (*single[Role], error) {
	r, err := a.role(ctx, actor, *in)
	return one(r.Version, a.forecastRole(ctx, actor, r)), err
}

func (a *API) createRole(ctx context.Context, actor admin.Actor, in *createRole) (*created[Role], error) {
	t, err := a.managedTenant(ctx, actor, in.InTenant)
	if err != nil {
		return nil, err
	}
	b := in.Body
	r := directory.Role{Tenant: t.ID, Name: b.Name, Description: b.Description, Permissions: rolePermissions(b.Permissions), Includes: b.Includes}
	act := a.act(ctx, actor, audit.RoleCreated, t.ID, r.Name, map[string]string{})
	act.Once = in.once("create-role", t.ID, b)
	r, replayed, err := a.Roles.Create(ctx, act, r)
	return made("/tenants/"+t.ID.String()+"/roles/"+url.PathEscape(r.Name), r.Version, replayed, a.forecastRole(ctx, actor, r)), err
}

func (a *API) updateRole(ctx context.Context, actor admin.Actor, in *updateRole) (*single[Role], error) {
	r, err := a.managedRole(ctx, actor, in.OfRole)
	if err != nil {
		return nil, err
	}
	b := in.Body
	act := a.act(ctx, actor, audit.RoleUpdated, r.Tenant, r.Name, map[string]string{"fields": fields(b)})
	if act.IfVersion, err = in.version(); err != nil {
		return nil, err
	}
	r, err = a.Roles.Update(ctx, act, r.Tenant, r.Name, func(r *directory.Role) error {
		set(&r.Description, b.Description)
		if b.Permissions != nil {
			r.Permissions = rolePermissions(*b.Permissions)
		}
		set(&r.Includes, b.Includes)
		return nil
	})
	a.ForgetEverybody()
	return one(r.Version, a.forecastRole(ctx, actor, r)), err
}

func (a *API) deleteRole(ctx context.Context, actor admin.Actor, in *struct {
	OfRole
	Conditional
},
) (*none, error) {
	r, err := a.managedRole(ctx, actor, in.OfRole)
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.RoleDeleted, r.Tenant, r.Name, map[string]string{})
	if act.IfVersion, err = in.optional(); err != nil {
		return nil, err
	}
	err = a.Roles.Delete(ctx, act, r.Tenant, r.Name)
	a.ForgetEverybody()
	return &none{}, err
}
