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

// Templates stores what the roles of new tenants are made from.
type Templates interface {
	List(ctx context.Context, p admin.Page) (admin.List[directory.Template], error)
	Find(ctx context.Context, name string) (directory.Template, error)
	Create(ctx context.Context, a admin.Act, t directory.Template) (created directory.Template, replayed bool, err error)
	Update(ctx context.Context, a admin.Act, name string, edit func(*directory.Template) error) (directory.Template, error)
	Delete(ctx context.Context, a admin.Act, name string) error
}

// RoleTemplate is what a role of every new tenant is made from.
type RoleTemplate struct {
	Name        string           `json:"name" example:"member"`
	Description string           `json:"description,omitempty"`
	Permissions []RolePermission `json:"permissions" nullable:"false"`
	BuiltIn     bool             `json:"built_in" doc:"Cannot be deleted."`
	CreatedAt   time.Time        `json:"created_at"`
	UpdatedAt   time.Time        `json:"updated_at"`
}

func roleTemplateOf(t directory.Template) RoleTemplate {
	return RoleTemplate{
		Name: t.Name, Description: t.Description, Permissions: rolePermissionsOf(t.Permissions), BuiltIn: t.BuiltIn,
		CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
	}
}

// OfTemplate is the path of a role template.
type OfTemplate struct {
	Template string `path:"template" maxLength:"64" doc:"Name of the template."`
}

type createTemplate struct {
	Creation
	Body struct {
		Name        string           `json:"name" minLength:"1" maxLength:"64" doc:"Of a-z, A-Z, 0-9 and inner . _ - and :"`
		Description string           `json:"description,omitempty" maxLength:"500"`
		Permissions []RolePermission `json:"permissions,omitempty" maxItems:"1000" doc:"Of resource servers of the installation."`
	}
}

type updateTemplate struct {
	OfTemplate
	Conditional
	Body struct {
		Description *string           `json:"description,omitempty" maxLength:"500"`
		Permissions *[]RolePermission `json:"permissions,omitempty" maxItems:"1000" doc:"Replaces all."`
	}
}

func (a *API) templates() {
	const tag, installation = "Role templates", "Installation administrators only."
	register(a, operation{
		ID: "list-role-templates", Method: http.MethodGet, Path: "/role-templates", Tag: tag,
		Summary: "List what the roles of new tenants are made from, by name.", Description: installation,
	}, a.listTemplates)
	register(a, operation{
		ID: "create-role-template", MaxBody: 1 << 20, Method: http.MethodPost, Path: "/role-templates", Tag: tag, Status: http.StatusCreated,
		Summary: "Create a role template: tenants made from now on have a role like it.", Description: installation,
	}, a.createTemplate)
	register(a, operation{ID: "get-role-template", Method: http.MethodGet, Path: "/role-templates/{template}", Tag: tag, Summary: "Read a role template.", Description: installation}, a.getTemplate)
	register(a, operation{
		ID: "update-role-template", MaxBody: 1 << 20, Method: http.MethodPatch, Path: "/role-templates/{template}", Tag: tag,
		Summary: "Edit a role template: roles that exist stay as they are.", Description: installation,
	}, a.updateTemplate)
	register(a, operation{
		ID: "delete-role-template", Method: http.MethodDelete, Path: "/role-templates/{template}", Tag: tag, Status: http.StatusNoContent,
		Summary: "Delete a role template that is not built in: roles that were made from it stay.", Description: installation,
	}, a.deleteTemplate)
}

func (a *API) listTemplates(ctx context.Context, actor admin.Actor, in *Paging) (*listing[RoleTemplate], error) {
	if err := may(actor.ReadsAll()); err != nil {
		return nil, err
	}
	l, err := a.Templates.List(ctx, in.page())
	return &listing[RoleTemplate]{pageOf(l, roleTemplateOf)}, err
}

func (a *API) getTemplate(ctx context.Context, actor admin.Actor, in *OfTemplate) (*single[RoleTemplate], error) {
	if err := may(actor.ReadsAll()); err != nil {
		return nil, err
	}
	t, err := a.Templates.Find(ctx, in.Template)
	return one(t.Version, roleTemplateOf(t)), err
}

func (a *API) createTemplate(ctx context.Context, actor admin.Actor, in *createTemplate) (*created[RoleTemplate], error) {
	if err := may(actor.ManagesAll()); err != nil {
		return nil, err
	}
	b := in.Body
	t := directory.Template{Name: b.Name, Description: b.Description, Permissions: rolePermissions(b.Permissions)}
	act := a.act(ctx, actor, audit.RoleTemplateCreated, id.Tenant{}, t.Name, map[string]string{})
	act.Once = in.once("create-role-template", b)
	t, replayed, err := a.Templates.Create(ctx, act, t)
	return made("/role-templates/"+url.PathEscape(t.Name), t.Version, replayed, roleTemplateOf(t)), err
}

func (a *API) updateTemplate(ctx context.Context, actor admin.Actor, in *updateTemplate) (*single[RoleTemplate], error) {
	if err := may(actor.ManagesAll()); err != nil {
		return nil, err
	}
	b := in.Body
	act := a.act(ctx, actor, audit.RoleTemplateUpdated, id.Tenant{}, in.Template, map[string]string{"fields": fields(b)})
	var err error
	if act.IfVersion, err = in.version(); err != nil {
		return nil, err
	}
	t, err := a.Templates.Update(ctx, act, in.Template, func(t *directory.Template) error {
		set(&t.Description, b.Description)
		if b.Permissions != nil {
			t.Permissions = rolePermissions(*b.Permissions)
		}
		return nil
	})
	return one(t.Version, roleTemplateOf(t)), err
}

func (a *API) deleteTemplate(ctx context.Context, actor admin.Actor, in *struct {
	OfTemplate
	Conditional
},
) (*none, error) {
	if err := may(actor.ManagesAll()); err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.RoleTemplateDeleted, id.Tenant{}, in.Template, map[string]string{})
	var err error
	if act.IfVersion, err = in.optional(); err != nil {
		return nil, err
	}
	return &none{}, a.Templates.Delete(ctx, act, in.Template)
}
