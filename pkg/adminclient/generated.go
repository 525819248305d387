// Code generated from docs/openapi/admin.json by internal/adminapi/gen. DO NOT EDIT.

package adminclient

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// ListTenantsParams narrows ListTenants; the zero value asks for everything.
type ListTenantsParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
	// Only those whose slug begins like this.
	SlugPrefix string
}

func (p ListTenantsParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	q.text("slug_prefix", p.SlugPrefix)
	return url.Values(q)
}

// ListTenants: List tenants, oldest first.
func (c *Client) ListTenants(ctx context.Context, params ListTenantsParams, opts ...Option) (value Page[Tenant], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/tenants", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllTenants goes through all pages of ListTenants. It ends after the first error, which it yields.
func (c *Client) AllTenants(ctx context.Context, params ListTenantsParams, opts ...Option) iter.Seq2[Tenant, error] {
	return pages(func(cursor string) (Page[Tenant], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		return c.ListTenants(ctx, params, opts...)
	})
}

// CreateTenant: Create a tenant with the roles of the templates.
//
// Installation administrators only.
func (c *Client) CreateTenant(ctx context.Context, body CreateTenantBody, opts ...Option) (value Tenant, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/tenants", body: body, opts: opts}, &value)
	return value, etag, err
}

// GetTenant: Read a tenant.
func (c *Client) GetTenant(ctx context.Context, tenant string, opts ...Option) (value Tenant, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/tenants/" + segment(tenant), opts: opts}, &value)
	return value, etag, err
}

// UpdateTenant: Edit a tenant: absent fields stay.
func (c *Client) UpdateTenant(ctx context.Context, tenant string, body UpdateTenantBody, opts ...Option) (value Tenant, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPatch, path: "/admin/v1/tenants/" + segment(tenant), body: body, opts: opts}, &value)
	return value, etag, err
}

// DeleteTenant: Delete a disabled tenant and everything in it.
//
// Installation administrators only. Its people keep their accounts.
func (c *Client) DeleteTenant(ctx context.Context, tenant string, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/admin/v1/tenants/" + segment(tenant), opts: opts}, nil)
	return err
}

// CreateTenantBody is sent by CreateTenant.
type CreateTenantBody struct {
	Slug       string         `json:"slug"`
	Name       string         `json:"name"`
	Attributes map[string]any `json:"attributes,omitzero"`
}

// Tenant is in the answer of ListTenants.
type Tenant struct {
	// Never changes.
	ID string `json:"id"`
	// The short name, unique, in the tenant claim of tokens.
	Slug string `json:"slug"`
	// For people.
	Name string `json:"name"`
	// Values for declared claims.
	Attributes map[string]any `json:"attributes"`
	// Since when nobody gets tokens for it; absent while it is enabled.
	DisabledAt time.Time `json:"disabled_at,omitzero"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// UpdateTenantBody is sent by UpdateTenant.
type UpdateTenantBody struct {
	// Installation administrators only: it is in tokens and links.
	Slug *string `json:"slug,omitzero"`
	Name *string `json:"name,omitzero"`
	// Installation administrators only. Replaces all.
	Attributes map[string]any `json:"attributes,omitzero"`
	// Installation administrators only. Disabling recalls every token of the tenant.
	Disabled *bool `json:"disabled,omitzero"`
}
