// Code generated from docs/openapi/admin.json by internal/adminapi/gen. DO NOT EDIT.

package adminclient

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// ListAuditEventsParams narrows ListAuditEvents; the zero value asks for everything.
type ListAuditEventsParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
	// Slug or identifier: only events of this tenant.
	Tenant string
	// Only events about this person.
	User string
	// Only events of this client.
	Client string
	// Only what this person or client did to others.
	Actor string
	// Only this action, or, without a dot, all actions on this noun.
	Action string
	// From then on, inclusive.
	Since time.Time
	// Before then.
	Until time.Time
}

func (p ListAuditEventsParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	q.text("tenant", p.Tenant)
	q.text("user", p.User)
	q.text("client", p.Client)
	q.text("actor", p.Actor)
	q.text("action", p.Action)
	q.instant("since", p.Since)
	q.instant("until", p.Until)
	return url.Values(q)
}

// ListAuditEvents: List what happened, newest first.
//
// Needs audit:read, and shows the events of the caller's tenant; installation administrators see
// all.
func (c *Client) ListAuditEvents(ctx context.Context, params ListAuditEventsParams, opts ...Option) (value Page[AuditEvent], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/audit", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllAuditEvents goes through all pages of ListAuditEvents. It ends after the first error, which it yields.
func (c *Client) AllAuditEvents(ctx context.Context, params ListAuditEventsParams, opts ...Option) iter.Seq2[AuditEvent, error] {
	return pages(func(cursor string) (Page[AuditEvent], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		return c.ListAuditEvents(ctx, params, opts...)
	})
}

// ListAccessParams narrows ListAccess; the zero value asks for everything.
type ListAccessParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
	// Slug or identifier of the tenant.
	Tenant string
	// Only this person.
	User string
	// The day, in UTC.
	On string
	// Instead of a day: from then on, inclusive.
	Since time.Time
	// Instead of a day: before then.
	Until time.Time
}

func (p ListAccessParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	q.text("tenant", p.Tenant)
	q.text("user", p.User)
	q.text("on", p.On)
	q.instant("since", p.Since)
	q.instant("until", p.Until)
	return url.Values(q)
}

// ListAccess: List who had access to what in a tenant on a day.
//
// Each entry is a person, a role they held, and a permission that it gave them, with the part of
// the day in which all of it stood. Give on, or since and until.
func (c *Client) ListAccess(ctx context.Context, params ListAccessParams, opts ...Option) (value Page[Access], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/audit/access", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllAccess goes through all pages of ListAccess. It ends after the first error, which it yields.
func (c *Client) AllAccess(ctx context.Context, params ListAccessParams, opts ...Option) iter.Seq2[Access, error] {
	return pages(func(cursor string) (Page[Access], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		return c.ListAccess(ctx, params, opts...)
	})
}

// ImportUsers: Import people with their password hashes, up to 1000 at once.
//
// Installation administrators only. Rows that cannot be stored do not hold up the others. Sending a
// batch again changes nothing the second time: nothing that exists is replaced or taken away.
func (c *Client) ImportUsers(ctx context.Context, body ImportUsersBody, opts ...Option) (value ImportedUsersBody, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/imports/users", body: body, opts: opts}, &value)
	return value, err
}

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

// Access is in the answer of ListAccess.
type Access struct {
	// The resource server; absent for a role that bundled nothing.
	Audience string `json:"audience,omitzero"`
	// As of now; absent when the account is gone.
	Email string `json:"email,omitzero"`
	// Who gave the role.
	GrantedBy  string `json:"granted_by"`
	Permission string `json:"permission,omitzero"`
	// The role that the person held.
	Role string `json:"role"`
	// From when on within the time asked for, inclusive.
	Since time.Time `json:"since"`
	// The role that it included and that bundles the permission, when that is another one.
	Through string `json:"through,omitzero"`
	// Until when within the time asked for, exclusive.
	Until  time.Time `json:"until"`
	UserID string    `json:"user_id"`
}

// AuditEvent is in the answer of ListAuditEvents.
type AuditEvent struct {
	// What happened, as noun.verb.
	Action string `json:"action"`
	// Who did it: a person's identifier or a client id.
	Actor string `json:"actor,omitzero"`
	// Where the request came from.
	Address   string            `json:"address,omitzero"`
	At        time.Time         `json:"at"`
	ClientID  string            `json:"client_id,omitzero"`
	Detail    map[string]string `json:"detail,omitzero"`
	GrantID   string            `json:"grant_id,omitzero"`
	RequestID string            `json:"request_id,omitzero"`
	SessionID string            `json:"session_id,omitzero"`
	// What it was done to.
	Target   string `json:"target,omitzero"`
	TenantID string `json:"tenant_id,omitzero"`
	// The jti of a token; never the token.
	TokenID string `json:"token_id,omitzero"`
	// The person concerned.
	UserID string `json:"user_id,omitzero"`
}

// CreateTenantBody is sent by CreateTenant.
type CreateTenantBody struct {
	Slug       string         `json:"slug"`
	Name       string         `json:"name"`
	Attributes map[string]any `json:"attributes,omitzero"`
}

// ImportMembership is sent by ImportUsers.
type ImportMembership struct {
	// Names of roles that exist in the tenant.
	Roles []string `json:"roles,omitzero"`
	// The slug of a tenant that exists.
	Tenant string `json:"tenant"`
}

// ImportOutcome is in the answer of ImportUsers.
type ImportOutcome struct {
	// Why the row was rejected, in one sentence.
	Reason string `json:"reason,omitzero"`
	// created: a new account. joined: the account existed and got a membership or a role. exists:
	// nothing was missing. rejected: nothing was stored, for the reason. One of "created", "joined",
	// "exists", "rejected".
	Status string `json:"status"`
	// The identifier of the account.
	User string `json:"user,omitzero"`
}

// ImportRow is sent by ImportUsers.
type ImportRow struct {
	// Unique without regard to case. Who exists already keeps their account as it is.
	Email         string `json:"email"`
	Name          string `json:"name,omitzero"`
	Disabled      bool   `json:"disabled,omitzero"`
	EmailVerified bool   `json:"email_verified,omitzero"`
	FamilyName    string `json:"family_name,omitzero"`
	GivenName     string `json:"given_name,omitzero"`
	// A language tag (BCP 47).
	Locale      string             `json:"locale,omitzero"`
	Memberships []ImportMembership `json:"memberships,omitzero"`
	// In one of the accepted forms. It is checked for its form and its cost, and stored as it is.
	PasswordHash string `json:"password_hash,omitzero"`
	// An https URL.
	Picture string `json:"picture,omitzero"`
}

// ImportUsersBody is sent by ImportUsers.
type ImportUsersBody struct {
	// Say what would become of each row, and store nothing.
	DryRun bool        `json:"dry_run,omitzero"`
	Rows   []ImportRow `json:"rows,omitzero"`
}

// ImportedUsersBody is in the answer of ImportUsers.
type ImportedUsersBody struct {
	// Of each row, in their order.
	Outcomes []ImportOutcome `json:"outcomes"`
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
