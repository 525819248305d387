package adminapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
)

// Tenants stores tenants.
type Tenants interface {
	List(ctx context.Context, reach admin.Reach, slugPrefix string, p admin.Page) (admin.List[directory.Tenant], error)
	Find(ctx context.Context, reach admin.Reach, reference string) (directory.Tenant, error)
	Create(ctx context.Context, a admin.Act, t directory.Tenant) (created directory.Tenant, replayed bool, err error)
	Update(ctx context.Context, a admin.Act, t id.Tenant, edit func(*directory.Tenant) error, keep time.Duration) (directory.Tenant, error)
	Delete(ctx context.Context, a admin.Act, t id.Tenant, keep time.Duration) error
}

// Tenant is a customer's organization.
type Tenant struct {
	ID             string         `json:"id" example:"ten_01h2xcejqtf2nbrexx3vqjhp41" doc:"Never changes."`
	Slug           string         `json:"slug" example:"acme" doc:"The short name, unique, in the tenant claim of tokens."`
	Name           string         `json:"name" example:"Acme Corporation" doc:"For people."`
	Attributes     map[string]any `json:"attributes" doc:"Values for declared claims."`
	OnlyConnectors bool           `json:"only_connectors" doc:"It is entered through its connectors alone: passwords are refused to its people, and to addresses in its verified domains."`
	DisabledAt     *time.Time     `json:"disabled_at,omitempty" doc:"Since when nobody gets tokens for it; absent while it is enabled."`
	CreatedAt      time.Time      `json:"created_at"`
	UpdatedAt      time.Time      `json:"updated_at"`
}

func tenantOf(t directory.Tenant) Tenant {
	return Tenant{
		ID: t.ID.String(), Slug: t.Slug, Name: t.Name, Attributes: attributesOf(t.Attributes), OnlyConnectors: t.OnlyConnectors,
		DisabledAt: moment(t.DisabledAt), CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
	}
}

// attributesOf reads stored attributes, which are a JSON object.
func attributesOf(raw json.RawMessage) map[string]any {
	out := map[string]any{}
	_ = json.Unmarshal(raw, &out) // checked when it was stored
	return out
}

// attributes writes attributes; nil for none.
func attributes(m map[string]any) json.RawMessage {
	if len(m) == 0 {
		return nil
	}
	b, err := json.Marshal(m)
	if err != nil { // of what came out of JSON
		return nil
	}
	return b
}

// moment is a time that may not have come.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// InTenant is the path of everything below a tenant.
type InTenant struct {
	Tenant string `path:"tenant" maxLength:"63" doc:"Slug or identifier of the tenant." example:"acme"`
}

// tenant finds the tenant of a path. One that the caller does not see is not there.
func (a *API) tenant(ctx context.Context, actor admin.Actor, in InTenant) (directory.Tenant, error) {
	return a.Tenants.Find(ctx, actor.Reach(), in.Tenant)
}

// managedTenant is tenant for those who change it.
func (a *API) managedTenant(ctx context.Context, actor admin.Actor, in InTenant) (directory.Tenant, error) {
	t, err := a.tenant(ctx, actor, in)
	if err != nil {
		return t, err
	}
	return t, may(actor.Manages(t.ID))
}

type createTenant struct {
	Creation
	Body struct {
		Slug       string         `json:"slug" minLength:"1" maxLength:"63"`
		Name       string         `json:"name" minLength:"1" maxLength:"200"`
		Attributes map[string]any `json:"attributes,omitempty"`
	}
}

type updateTenant struct {
	InTenant
	Conditional
	Body struct {
		Slug           *string         `json:"slug,omitempty" minLength:"1" maxLength:"63" doc:"Installation administrators only: it is in tokens and links."`
		Name           *string         `json:"name,omitempty" minLength:"1" maxLength:"200"`
		Attributes     *map[string]any `json:"attributes,omitempty" doc:"Installation administrators only. Replaces all."`
		OnlyConnectors *bool           `json:"only_connectors,omitempty" doc:"Let people in through the connectors of the tenant alone. It needs one that is enabled."`
		Disabled       *bool           `json:"disabled,omitempty" doc:"Installation administrators only. Disabling recalls every token of the tenant."`
	}
}

func (a *API) tenants() {
	const tag = "Tenants"
	register(a, operation{ID: "list-tenants", Method: http.MethodGet, Path: "/tenants", Tag: tag, Summary: "List tenants, oldest first."}, a.listTenants)
	register(a, operation{
		ID: "create-tenant", Method: http.MethodPost, Path: "/tenants", Tag: tag, Status: http.StatusCreated,
		Summary: "Create a tenant with the roles of the templates.", Description: "Installation administrators only.",
	}, a.createTenant)
	register(a, operation{ID: "get-tenant", Method: http.MethodGet, Path: "/tenants/{tenant}", Tag: tag, Summary: "Read a tenant."}, a.getTenant)
	register(a, operation{ID: "update-tenant", Timeout: longest, Method: http.MethodPatch, Path: "/tenants/{tenant}", Tag: tag, Summary: "Edit a tenant: absent fields stay."}, a.updateTenant)
	register(a, operation{
		ID: "delete-tenant", Timeout: longest, Method: http.MethodDelete, Path: "/tenants/{tenant}", Tag: tag, Status: http.StatusNoContent,
		Summary: "Delete a disabled tenant and everything in it.", Description: "Installation administrators only. Its people keep their accounts.",
	}, a.deleteTenant)
}

func (a *API) listTenants(ctx context.Context, actor admin.Actor, in *struct {
	Paging
	Slug string `query:"slug_prefix" maxLength:"63" doc:"Only those whose slug begins like this."`
},
) (*listing[Tenant], error) {
	l, err := a.Tenants.List(ctx, actor.Reach(), in.Slug, in.page())
	return &listing[Tenant]{pageOf(l, tenantOf)}, err
}

func (a *API) getTenant(ctx context.Context, actor admin.Actor, in *InTenant) (*single[Tenant], error) {
	t, err := a.tenant(ctx, actor, *in)
	return one(t.Version, tenantOf(t)), err
}

func (a *API) createTenant(ctx context.Context, actor admin.Actor, in *createTenant) (*created[Tenant], error) {
	if err := may(actor.ManagesAll()); err != nil {
		return nil, err
	}
	t := directory.Tenant{ID: id.NewTenant(a.Now()), Slug: in.Body.Slug, Name: in.Body.Name, Attributes: attributes(in.Body.Attributes)}
	if err := directory.CheckTenant(t); err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.TenantCreated, t.ID, t.ID.String(), map[string]string{"slug": t.Slug})
	act.Once = in.once("create-tenant", in.Body)
	t, replayed, err := a.Tenants.Create(ctx, act, t)
	return made("/tenants/"+t.ID.String(), t.Version, replayed, tenantOf(t)), err
}

func (a *API) updateTenant(ctx context.Context, actor admin.Actor, in *updateTenant) (*single[Tenant], error) {
	t, err := a.managedTenant(ctx, actor, in.InTenant)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if b.Slug != nil || b.Attributes != nil || b.Disabled != nil {
		if err := may(actor.ManagesAll()); err != nil {
			return nil, err
		}
	}
	act := a.act(ctx, actor, audit.TenantUpdated, t.ID, t.ID.String(), map[string]string{"fields": fields(b)})
	if act.IfVersion, err = in.version(); err != nil {
		return nil, err
	}
	t, err = a.Tenants.Update(ctx, act, t.ID, func(t *directory.Tenant) error {
		was := *t
		set(&t.Slug, b.Slug)
		set(&t.Name, b.Name)
		if b.Attributes != nil {
			t.Attributes = attributes(*b.Attributes)
		}
		set(&t.OnlyConnectors, b.OnlyConnectors)
		disable(&t.DisabledAt, b.Disabled, a.Now())
		return t.CheckEdit(was)
	}, maxAccessToken)
	a.ForgetEverybody()
	a.ForgetConnectors()
	return one(t.Version, tenantOf(t)), err
}

func (a *API) deleteTenant(ctx context.Context, actor admin.Actor, in *struct {
	InTenant
	Conditional
},
) (*none, error) {
	t, err := a.tenant(ctx, actor, in.InTenant)
	if err == nil {
		err = may(actor.ManagesAll())
	}
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.TenantDeleted, t.ID, t.ID.String(), map[string]string{"slug": t.Slug})
	if act.IfVersion, err = in.optional(); err != nil {
		return nil, err
	}
	err = a.Tenants.Delete(ctx, act, t.ID, maxAccessToken)
	a.ForgetEverybody()
	a.ForgetConnectors()
	return &none{}, err
}
