package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

// ResourceServers stores resource servers.
type ResourceServers interface {
	List(ctx context.Context, reach admin.Reach, tenant id.Tenant, audiencePrefix string, p admin.Page) (admin.List[directory.ResourceServer], error)
	Find(ctx context.Context, reach admin.Reach, r id.ResourceServer) (directory.ResourceServer, error)
	Create(ctx context.Context, a admin.Act, r directory.ResourceServer) (created directory.ResourceServer, replayed bool, err error)
	Update(ctx context.Context, a admin.Act, r id.ResourceServer, edit func(*directory.ResourceServer) error) (directory.ResourceServer, error)
	Delete(ctx context.Context, a admin.Act, r id.ResourceServer, force bool) (lost []client.ID, err error)
}

// Permissions stores what resource servers let people do.
type Permissions interface {
	ListPermissions(ctx context.Context, reach admin.Reach, r id.ResourceServer, p admin.Page) (admin.List[directory.PermissionDefinition], error)
	SavePermission(ctx context.Context, a admin.Act, r id.ResourceServer, p directory.PermissionDefinition) (of directory.ResourceServer, fresh bool, err error)
	DeletePermission(ctx context.Context, a admin.Act, r id.ResourceServer, slug string, force bool) error
}

// ResourceServer is an API that tokens are meant for.
type ResourceServer struct {
	ID               string          `json:"id" example:"rsv_01h2xcejqtf2nbrexx3vqjhp41" doc:"Identifier of the resource server."`
	Audience         string          `json:"audience" example:"https://orders.example" doc:"What the aud claim of its tokens says. Never changes."`
	Name             string          `json:"name" example:"Orders" doc:"For people."`
	TenantID         string          `json:"tenant_id,omitempty" doc:"The tenant that it belongs to; absent when it is the installation's, which every tenant can use."`
	Claims           []DeclaredClaim `json:"claims" nullable:"false" doc:"Claims that it declares for its tokens."`
	SigningAlgorithm string          `json:"signing_algorithm,omitempty" example:"EdDSA" doc:"Of the signature of access tokens for it; absent for the server's default."`
	Forecast         []TokenForecast `json:"token_forecast,omitempty" doc:"How large access tokens for it get by its claims, of somebody without roles. Absent without claims, and in lists."`
	BuiltIn          bool            `json:"built_in,omitempty" doc:"It is part of Signet and cannot be changed."`
	CreatedAt        time.Time       `json:"created_at"`
	UpdatedAt        time.Time       `json:"updated_at"`
}

func resourceServerOf(r directory.ResourceServer) ResourceServer {
	return ResourceServer{
		ID: r.ID.String(), Audience: r.Audience, Name: r.Name, TenantID: r.Tenant.String(), Claims: declared(r.Claims),
		SigningAlgorithm: string(r.SigningAlgorithm),
		BuiltIn:          r.BuiltIn(), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// DeclaredClaim is a claim that tokens carry besides those that Signet defines.
type DeclaredClaim struct {
	Name   string          `json:"name" example:"https://hasura.io/jwt/claims"`
	Value  json.RawMessage `json:"value" doc:"A template: JSON in which ${…} holds an expression over the facts of the issuance."`
	Tokens []string        `json:"tokens,omitempty" doc:"access_token, id_token. Absent: access tokens."`
}

// declared reads stored declarations, which are a JSON array.
func declared(raw json.RawMessage) []DeclaredClaim {
	out := []DeclaredClaim{}
	_ = json.Unmarshal(raw, &out) // checked when it was stored
	return out
}

// declarations writes declarations; nil for none.
func declarations(list []DeclaredClaim) json.RawMessage {
	if len(list) == 0 {
		return nil
	}
	b, err := json.Marshal(list)
	if err != nil { // of what came out of JSON
		return nil
	}
	return b
}

// Permission is something that a resource server lets people do.
type Permission struct {
	Slug        string `json:"slug" example:"orders:read" doc:"What the permissions claim says."`
	Description string `json:"description" example:"See orders"`
}

func permissionOf(p directory.PermissionDefinition) Permission { return Permission(p) }

// OfResourceServer is the path of everything below a resource server.
type OfResourceServer struct {
	ResourceServer string `path:"resource_server" maxLength:"100" example:"rsv_01h2xcejqtf2nbrexx3vqjhp41" doc:"Identifier of the resource server."`
}

// resourceServer finds the resource server of a path. One that the caller does not see is not
// there.
func (a *API) resourceServer(ctx context.Context, actor admin.Actor, in OfResourceServer) (directory.ResourceServer, error) {
	r, err := id.ParseResourceServer(in.ResourceServer)
	if err != nil {
		return directory.ResourceServer{}, errNoSuch
	}
	return a.ResourceServers.Find(ctx, actor.Reach(), r)
}

type createResourceServer struct {
	Creation
	Body struct {
		Audience         string          `json:"audience" maxLength:"255" example:"https://orders.example" doc:"An absolute URI without fragment (RFC 8707)."`
		Name             string          `json:"name" maxLength:"200"`
		TenantID         string          `json:"tenant_id,omitempty" maxLength:"63" doc:"Slug or identifier of the tenant that it belongs to; absent for the installation."`
		Claims           []DeclaredClaim `json:"claims,omitempty" doc:"Claims to declare."`
		SigningAlgorithm string          `json:"signing_algorithm,omitempty" doc:"ES256, RS256 or EdDSA, of those in use here; absent for the server's default. A token for several resource servers that expect different ones cannot be had."`
	}
}

type updateResourceServer struct {
	OfResourceServer
	Conditional
	Body struct {
		Name             *string          `json:"name,omitempty" maxLength:"200"`
		Claims           *[]DeclaredClaim `json:"claims,omitempty" doc:"Replaces all."`
		SigningAlgorithm *string          `json:"signing_algorithm,omitempty" doc:"Empty for the server's default. Tokens that were issued before keep theirs: the service has to accept both for a while."`
	}
}

// Forced is the query of deletions that others may depend on.
type Forced struct {
	Force bool `query:"force" doc:"Take it from whoever uses it, too."`
}

// OfPermission is the path of a permission.
type OfPermission struct {
	OfResourceServer
	Slug string `path:"permission" maxLength:"64" example:"orders:read" doc:"The slug of the permission."`
}

type savePermission struct {
	OfPermission
	Conditional
	Body struct {
		Description string `json:"description,omitempty" maxLength:"500"`
	}
}

func (a *API) resourceServers() {
	const tag = "Resource servers"
	register(a, operation{ID: "list-resource-servers", Method: http.MethodGet, Path: "/resource-servers", Tag: tag, Summary: "List resource servers by their audience."}, a.listResourceServers)
	register(a, operation{
		ID: "create-resource-server", MaxBody: maxRegistration, Method: http.MethodPost, Path: "/resource-servers", Tag: tag, Status: http.StatusCreated,
		Summary: "Register a resource server.", Description: "Installation administrators only.",
	}, a.createResourceServer)
	register(a, operation{ID: "get-resource-server", Method: http.MethodGet, Path: "/resource-servers/{resource_server}", Tag: tag, Summary: "Read a resource server."}, a.getResourceServer)
	register(a, operation{
		ID: "update-resource-server", MaxBody: maxRegistration, Method: http.MethodPatch, Path: "/resource-servers/{resource_server}", Tag: tag,
		Summary: "Edit a resource server: absent fields stay.", Description: "Installation administrators only.",
	}, a.updateResourceServer)
	register(a, operation{
		ID: "delete-resource-server", Method: http.MethodDelete, Path: "/resource-servers/{resource_server}", Tag: tag, Status: http.StatusNoContent,
		Summary:     "Delete a resource server and its permissions.",
		Description: "Installation administrators only. While roles hold its permissions or clients use its audience, only with force=true, which takes them away.",
	}, a.deleteResourceServer)
	register(a, operation{ID: "list-permissions", Method: http.MethodGet, Path: "/resource-servers/{resource_server}/permissions", Tag: tag, Summary: "List the permissions of a resource server."}, a.listPermissions)
	register(a, operation{
		ID: "save-permission", Method: http.MethodPut, Path: "/resource-servers/{resource_server}/permissions/{permission}", Tag: tag,
		Summary: "Declare a permission, or describe it anew.", Description: "The entity tag is that of the resource server. What is declared already is replaced with If-Match alone.",
	}, a.savePermission)
	register(a, operation{
		ID: "delete-permission", Method: http.MethodDelete, Path: "/resource-servers/{resource_server}/permissions/{permission}", Tag: tag, Status: http.StatusNoContent,
		Summary: "Delete a permission.", Description: "While roles hold it, only with force=true, which takes it from them.",
	}, a.deletePermission)
}

func (a *API) listResourceServers(ctx context.Context, actor admin.Actor, in *struct {
	Paging
	Tenant   string `query:"tenant" maxLength:"63" doc:"Only those of the tenant with this slug or identifier."`
	Audience string `query:"audience_prefix" maxLength:"255" doc:"Only those whose audience begins like this."`
},
) (*listing[ResourceServer], error) {
	tenant, err := a.filterTenant(ctx, actor, in.Tenant)
	if err != nil {
		return nil, err
	}
	l, err := a.ResourceServers.List(ctx, actor.Reach(), tenant, in.Audience, in.page())
	return &listing[ResourceServer]{pageOf(l, resourceServerOf)}, err
}

// filterTenant is the tenant that a list is narrowed to; zero for none.
func (a *API) filterTenant(ctx context.Context, actor admin.Actor, reference string) (id.Tenant, error) {
	if reference == "" {
		return id.Tenant{}, nil
	}
	t, err := a.Tenants.Find(ctx, actor.Reach(), reference)
	return t.ID, err
}

// owner is the tenant that a new thing belongs to by its tenant_id; zero for the installation.
func (a *API) owner(ctx context.Context, actor admin.Actor, reference string) (id.Tenant, error) {
	if reference == "" {
		return id.Tenant{}, nil
	}
	t, err := a.Tenants.Find(ctx, actor.Reach(), reference)
	if errors.Is(err, errdefs.ErrNotFound) {
		err = admin.Invalid("tenant_id", "there is no such tenant, or not for you")
	}
	return t.ID, err
}

func (a *API) getResourceServer(ctx context.Context, actor admin.Actor, in *OfResourceServer) (*single[ResourceServer], error) {
	r, err := a.resourceServer(ctx, actor, *in)
	return one(r.Version, a.forecastResourceServer(ctx, r)), err
}

func (a *API) createResourceServer(ctx context.Context, actor admin.Actor, in *createResourceServer) (*created[ResourceServer], error) {
	if err := may(actor.ManagesAll()); err != nil {
		return nil, err
	}
	b := in.Body
	tenant, err := a.owner(ctx, actor, b.TenantID)
	if err != nil {
		return nil, err
	}
	r := directory.ResourceServer{ID: id.NewResourceServer(a.Now()), Audience: b.Audience, Name: b.Name, Tenant: tenant, Claims: declarations(b.Claims)}
	if err := errors.Join(a.choose("signing_algorithm", &r.SigningAlgorithm, &b.SigningAlgorithm), r.Check(a.Issuer)); err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.ResourceServerCreated, tenant, r.ID.String(), map[string]string{"audience": r.Audience})
	act.Once = in.once("create-resource-server", b)
	r, replayed, err := a.ResourceServers.Create(ctx, act, r)
	return made("/resource-servers/"+r.ID.String(), r.Version, replayed, a.forecastResourceServer(ctx, r)), err
}

func (a *API) updateResourceServer(ctx context.Context, actor admin.Actor, in *updateResourceServer) (*single[ResourceServer], error) {
	r, err := a.resourceServer(ctx, actor, in.OfResourceServer)
	if err == nil {
		err = may(actor.ManagesAll())
	}
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.ResourceServerUpdated, r.Tenant, r.ID.String(), map[string]string{"fields": fields(in.Body), "audience": r.Audience})
	if act.IfVersion, err = in.version(); err != nil {
		return nil, err
	}
	r, err = a.ResourceServers.Update(ctx, act, r.ID, func(r *directory.ResourceServer) error {
		set(&r.Name, in.Body.Name)
		if in.Body.Claims != nil {
			r.Claims = declarations(*in.Body.Claims)
		}
		return errors.Join(a.choose("signing_algorithm", &r.SigningAlgorithm, in.Body.SigningAlgorithm), r.Check(a.Issuer))
	})
	a.ForgetClients()
	return one(r.Version, a.forecastResourceServer(ctx, r)), err
}

func (a *API) deleteResourceServer(ctx context.Context, actor admin.Actor, in *struct {
	OfResourceServer
	Conditional
	Forced
},
) (*none, error) {
	r, err := a.resourceServer(ctx, actor, in.OfResourceServer)
	if err == nil {
		err = may(actor.ManagesAll())
	}
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.ResourceServerDeleted, r.Tenant, r.ID.String(), map[string]string{"audience": r.Audience})
	if in.Force {
		act.Event.Detail["force"] = "true"
	}
	if act.IfVersion, err = in.optional(); err != nil {
		return nil, err
	}
	_, err = a.ResourceServers.Delete(ctx, act, r.ID, in.Force)
	a.ForgetClients()
	a.ForgetEverybody()
	return &none{}, err
}

func (a *API) listPermissions(ctx context.Context, actor admin.Actor, in *struct {
	OfResourceServer
	Paging
},
) (*listing[Permission], error) {
	r, err := a.resourceServer(ctx, actor, in.OfResourceServer)
	if err != nil {
		return nil, err
	}
	l, err := a.Permissions.ListPermissions(ctx, actor.Reach(), r.ID, in.page())
	return &listing[Permission]{pageOf(l, permissionOf)}, err
}

// declares finds the resource server of a permission for those who may change it: administrators
// of the tenant that it belongs to, too.
func (a *API) declares(ctx context.Context, actor admin.Actor, action audit.Action, in OfPermission, m Conditional) (directory.ResourceServer, admin.Act, error) {
	r, err := a.resourceServer(ctx, actor, in.OfResourceServer)
	if err == nil {
		err = may(actor.Manages(r.Tenant))
	}
	if err != nil {
		return r, admin.Act{}, err
	}
	act := a.act(ctx, actor, action, r.Tenant, r.ID.String(), map[string]string{"audience": r.Audience, "permission": in.Slug})
	act.IfVersion, err = m.optional()
	return r, act, err
}

func (a *API) savePermission(ctx context.Context, actor admin.Actor, in *savePermission) (*single[Permission], error) {
	r, act, err := a.declares(ctx, actor, audit.PermissionSaved, in.OfPermission, in.Conditional)
	if err != nil {
		return nil, err
	}
	act.Unread = in.IfMatch == ""
	p := directory.PermissionDefinition{Slug: in.Slug, Description: in.Body.Description}
	if err := directory.CheckPermission(p); err != nil {
		return nil, err
	}
	r, _, err = a.Permissions.SavePermission(ctx, act, r.ID, p)
	return one(r.Version, permissionOf(p)), err
}

func (a *API) deletePermission(ctx context.Context, actor admin.Actor, in *struct {
	OfPermission
	Conditional
	Forced
},
) (*none, error) {
	r, act, err := a.declares(ctx, actor, audit.PermissionDeleted, in.OfPermission, in.Conditional)
	if err != nil {
		return nil, err
	}
	if in.Force {
		act.Event.Detail["force"] = "true"
	}
	err = a.Permissions.DeletePermission(ctx, act, r.ID, in.Slug, in.Force)
	a.ForgetEverybody()
	return &none{}, err
}
