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
		if params.Limit == 0 {
			params.Limit = 200
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
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListAccess(ctx, params, opts...)
	})
}

// ListClientsParams narrows ListClients; the zero value asks for everything.
type ListClientsParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
	// Only those of the tenant with this slug or identifier.
	Tenant string
	// Only those that no tenant owns.
	Installation *bool
	// Only those whose id begins like this.
	IDPrefix string
}

func (p ListClientsParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	q.text("tenant", p.Tenant)
	q.truth("installation", p.Installation)
	q.text("id_prefix", p.IDPrefix)
	return url.Values(q)
}

// ListClients: List clients by their id.
func (c *Client) ListClients(ctx context.Context, params ListClientsParams, opts ...Option) (value Page[ClientRegistration], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/clients", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllClients goes through all pages of ListClients. It ends after the first error, which it yields.
func (c *Client) AllClients(ctx context.Context, params ListClientsParams, opts ...Option) iter.Seq2[ClientRegistration, error] {
	return pages(func(cursor string) (Page[ClientRegistration], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListClients(ctx, params, opts...)
	})
}

// CreateClient: Register a client.
//
// The answer holds its first secret, which is shown this once.
func (c *Client) CreateClient(ctx context.Context, body CreateClientBody, opts ...Option) (value CreatedClient, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/clients", body: body, opts: opts}, &value)
	return value, etag, err
}

// GetClient: Read a client.
func (c *Client) GetClient(ctx context.Context, client string, opts ...Option) (value ClientRegistration, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/clients/" + segment(client), opts: opts}, &value)
	return value, etag, err
}

// UpdateClient: Edit a client: absent fields stay.
func (c *Client) UpdateClient(ctx context.Context, client string, body UpdateClientBody, opts ...Option) (value ClientRegistration, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPatch, path: "/admin/v1/clients/" + segment(client), body: body, opts: opts}, &value)
	return value, etag, err
}

// DeleteClient: Delete a client.
//
// Everything that was issued to it is void, for good.
func (c *Client) DeleteClient(ctx context.Context, client string, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/admin/v1/clients/" + segment(client), opts: opts}, nil)
	return err
}

// ListClientSecrets: List what is known of a client's secrets.
func (c *Client) ListClientSecrets(ctx context.Context, client string, opts ...Option) (value Page[ClientSecret], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/clients/" + segment(client) + "/secrets", opts: opts}, &value)
	return value, err
}

// CreateClientSecret: Add a secret to a client, for a rotation.
//
// Two secrets can be valid at a time. The answer holds the secret, which is shown this once; the
// same request with the same Idempotency-Key shows it again within a day.
func (c *Client) CreateClientSecret(ctx context.Context, client string, body CreateClientSecretBody, opts ...Option) (value CreatedSecret, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/clients/" + segment(client) + "/secrets", body: body, opts: opts}, &value)
	return value, err
}

// DeleteClientSecret: Delete a secret of a client.
//
// The last one of an enabled client stays.
func (c *Client) DeleteClientSecret(ctx context.Context, client string, secret string, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/admin/v1/clients/" + segment(client) + "/secrets/" + segment(secret), opts: opts}, nil)
	return err
}

// ListConnectorsParams narrows ListConnectors; the zero value asks for everything.
type ListConnectorsParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
	// Only those whose people belong to the tenant with this slug or identifier.
	Tenant string
}

func (p ListConnectorsParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	q.text("tenant", p.Tenant)
	return url.Values(q)
}

// ListConnectors: List connectors, oldest first.
//
// Tenant administrators see those of their tenant, and of the installation's those whose people
// join it.
func (c *Client) ListConnectors(ctx context.Context, params ListConnectorsParams, opts ...Option) (value Page[Connector], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/connectors", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllConnectors goes through all pages of ListConnectors. It ends after the first error, which it yields.
func (c *Client) AllConnectors(ctx context.Context, params ListConnectorsParams, opts ...Option) iter.Seq2[Connector, error] {
	return pages(func(cursor string) (Page[Connector], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListConnectors(ctx, params, opts...)
	})
}

// CreateConnector: Let people sign in through a provider.
//
// kind, client_id and client_secret suffice for Google and GitHub; issuer, client_id and
// client_secret for any OpenID Provider. Register the redirect_uri of the answer at the provider.
// Tenant administrators make connectors of their tenant, which vouch for addresses in its verified
// domains alone.
func (c *Client) CreateConnector(ctx context.Context, body NewConnector, opts ...Option) (value Connector, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/connectors", body: body, opts: opts}, &value)
	return value, etag, err
}

// TestConnectorDraft: Test a connector before it is made.
//
// Nothing is stored. It takes 15 seconds at most, and is held off (429) when one administrator has
// many done.
func (c *Client) TestConnectorDraft(ctx context.Context, body NewConnector, opts ...Option) (value ConnectorTest, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/connectors/test", body: body, opts: opts}, &value)
	return value, err
}

// GetConnector: Read a connector.
func (c *Client) GetConnector(ctx context.Context, connector string, opts ...Option) (value Connector, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/connectors/" + segment(connector), opts: opts}, &value)
	return value, etag, err
}

// UpdateConnector: Edit a connector: absent fields stay.
func (c *Client) UpdateConnector(ctx context.Context, connector string, body UpdateConnectorBody, opts ...Option) (value Connector, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPatch, path: "/admin/v1/connectors/" + segment(connector), body: body, opts: opts}, &value)
	return value, etag, err
}

// DeleteConnectorParams narrows DeleteConnector; the zero value asks for everything.
type DeleteConnectorParams struct {
	// Take it from whoever uses it, too.
	Force *bool
}

func (p DeleteConnectorParams) query() url.Values {
	q := query{}
	q.truth("force", p.Force)
	return url.Values(q)
}

// DeleteConnector: Delete a connector.
//
// While people are linked to it or domains lead to it, only with force=true: they keep their
// accounts, and lose the roles that it gave and the sessions that began through it.
func (c *Client) DeleteConnector(ctx context.Context, connector string, params DeleteConnectorParams, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/admin/v1/connectors/" + segment(connector), query: params.query(), opts: opts}, nil)
	return err
}

// ListConnectorIdentitiesParams narrows ListConnectorIdentities; the zero value asks for everything.
type ListConnectorIdentitiesParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
}

func (p ListConnectorIdentitiesParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	return url.Values(q)
}

// ListConnectorIdentities: List who is linked to a connector, oldest first.
//
// Those at connectors of the installation: installation administrators only.
func (c *Client) ListConnectorIdentities(ctx context.Context, connector string, params ListConnectorIdentitiesParams, opts ...Option) (value Page[Identity], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/connectors/" + segment(connector) + "/identities", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllConnectorIdentities goes through all pages of ListConnectorIdentities. It ends after the first error, which it yields.
func (c *Client) AllConnectorIdentities(ctx context.Context, connector string, params ListConnectorIdentitiesParams, opts ...Option) iter.Seq2[Identity, error] {
	return pages(func(cursor string) (Page[Identity], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListConnectorIdentities(ctx, connector, params, opts...)
	})
}

// TestConnector: Test the connection to a provider.
//
// Whatever can be seen without a person signing in is tried, and what is wrong is said in words. It
// takes 15 seconds at most, and is held off (429) when one administrator has many done.
func (c *Client) TestConnector(ctx context.Context, connector string, opts ...Option) (value ConnectorTest, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/connectors/" + segment(connector) + "/test", opts: opts}, &value)
	return value, err
}

// ListGrantsParams narrows ListGrants; the zero value asks for everything.
type ListGrantsParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
	// Only those in the tenant with this slug or identifier.
	Tenant string
	// Only those of the person with this identifier.
	User string
	// Only those to the client with this id.
	Client string
}

func (p ListGrantsParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	q.text("tenant", p.Tenant)
	q.text("user", p.User)
	q.text("client", p.Client)
	return url.Values(q)
}

// ListGrants: List what people allowed clients, oldest first.
func (c *Client) ListGrants(ctx context.Context, params ListGrantsParams, opts ...Option) (value Page[Grant], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/grants", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllGrants goes through all pages of ListGrants. It ends after the first error, which it yields.
func (c *Client) AllGrants(ctx context.Context, params ListGrantsParams, opts ...Option) iter.Seq2[Grant, error] {
	return pages(func(cursor string) (Page[Grant], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListGrants(ctx, params, opts...)
	})
}

// GetGrant: Read a grant.
func (c *Client) GetGrant(ctx context.Context, grant string, opts ...Option) (value Grant, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/grants/" + segment(grant), opts: opts}, &value)
	return value, err
}

// RevokeGrant: Revoke a grant.
//
// Its refresh token and its access tokens are void.
func (c *Client) RevokeGrant(ctx context.Context, grant string, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/admin/v1/grants/" + segment(grant), opts: opts}, nil)
	return err
}

// ImportUsers: Import people with their password hashes, up to 1000 at once.
//
// Installation administrators only. Rows that cannot be stored do not hold up the others. Sending a
// batch again changes nothing the second time: nothing that exists is replaced or taken away.
func (c *Client) ImportUsers(ctx context.Context, body ImportUsersBody, opts ...Option) (value ImportedUsersBody, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/imports/users", body: body, opts: opts}, &value)
	return value, err
}

// ListKeys: List the keys that tokens are signed with, oldest first.
//
// Installation administrators only. Keys that were removed are listed for 400 days.
func (c *Client) ListKeys(ctx context.Context, opts ...Option) (value Page[SigningKey], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/keys", opts: opts}, &value)
	return value, err
}

// RewrapKeys: Bring what is sealed in the database under the present master key, a piece at a time.
//
// Installation administrators only. Repeat it with next_cursor until there is none. It may be
// interrupted and done again at any time; servers that know both master keys notice nothing.
func (c *Client) RewrapKeys(ctx context.Context, body RewrapKeysBody, opts ...Option) (value Rewrapped, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/keys/rewrap", body: body, opts: opts}, &value)
	return value, err
}

// RotateKeys: Let the next key sign as soon as no verifier notices.
//
// Installation administrators only. It waits until the next key has been published for the lead of
// the schedule, so that no token is refused because of it: that is at once, if it has been. Nothing
// is planned anew if it is planned for then already. Against a stolen key, revoke it.
func (c *Client) RotateKeys(ctx context.Context, body RotateKeysBody, opts ...Option) (value Page[Rotated], err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/keys/rotate", body: body, opts: opts}, &value)
	return value, err
}

// GetKeysStatus: Say how the rotation of keys stands, and what needs attention.
//
// Installation administrators only. It is how things look to the replica that answers.
func (c *Client) GetKeysStatus(ctx context.Context, opts ...Option) (value KeysStatus, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/keys/status", opts: opts}, &value)
	return value, err
}

// GetKey: Read a signing key.
//
// Installation administrators only.
func (c *Client) GetKey(ctx context.Context, kid string, opts ...Option) (value SigningKey, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/keys/" + segment(kid), opts: opts}, &value)
	return value, err
}

// RevokeKey: Revoke a stolen key: nothing that it signed counts any more.
//
// Installation administrators only. The key is no longer published, the next one signs at once, and
// there is a fresh next one. Every replica follows within a second, or its poll interval. People
// stay signed in: applications refresh their tokens. There is no way back.
func (c *Client) RevokeKey(ctx context.Context, kid string, body RevokeKeyBody, opts ...Option) (value RevokedKey, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/keys/" + segment(kid) + "/revoke", body: body, opts: opts}, &value)
	return value, err
}

// GetMe: Say who calls, and what they may administer.
func (c *Client) GetMe(ctx context.Context, opts ...Option) (value Me, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/me", opts: opts}, &value)
	return value, err
}

// ListResourceServersParams narrows ListResourceServers; the zero value asks for everything.
type ListResourceServersParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
	// Only those of the tenant with this slug or identifier.
	Tenant string
	// Only those whose audience begins like this.
	AudiencePrefix string
}

func (p ListResourceServersParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	q.text("tenant", p.Tenant)
	q.text("audience_prefix", p.AudiencePrefix)
	return url.Values(q)
}

// ListResourceServers: List resource servers by their audience.
func (c *Client) ListResourceServers(ctx context.Context, params ListResourceServersParams, opts ...Option) (value Page[ResourceServer], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/resource-servers", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllResourceServers goes through all pages of ListResourceServers. It ends after the first error, which it yields.
func (c *Client) AllResourceServers(ctx context.Context, params ListResourceServersParams, opts ...Option) iter.Seq2[ResourceServer, error] {
	return pages(func(cursor string) (Page[ResourceServer], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListResourceServers(ctx, params, opts...)
	})
}

// CreateResourceServer: Register a resource server.
//
// Installation administrators only.
func (c *Client) CreateResourceServer(ctx context.Context, body CreateResourceServerBody, opts ...Option) (value ResourceServer, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/resource-servers", body: body, opts: opts}, &value)
	return value, etag, err
}

// GetResourceServer: Read a resource server.
func (c *Client) GetResourceServer(ctx context.Context, resourceServer string, opts ...Option) (value ResourceServer, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/resource-servers/" + segment(resourceServer), opts: opts}, &value)
	return value, etag, err
}

// UpdateResourceServer: Edit a resource server: absent fields stay.
//
// Installation administrators only.
func (c *Client) UpdateResourceServer(ctx context.Context, resourceServer string, body UpdateResourceServerBody, opts ...Option) (value ResourceServer, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPatch, path: "/admin/v1/resource-servers/" + segment(resourceServer), body: body, opts: opts}, &value)
	return value, etag, err
}

// DeleteResourceServerParams narrows DeleteResourceServer; the zero value asks for everything.
type DeleteResourceServerParams struct {
	// Take it from whoever uses it, too.
	Force *bool
}

func (p DeleteResourceServerParams) query() url.Values {
	q := query{}
	q.truth("force", p.Force)
	return url.Values(q)
}

// DeleteResourceServer: Delete a resource server and its permissions.
//
// Installation administrators only. While roles hold its permissions or clients use its audience,
// only with force=true, which takes them away.
func (c *Client) DeleteResourceServer(ctx context.Context, resourceServer string, params DeleteResourceServerParams, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/admin/v1/resource-servers/" + segment(resourceServer), query: params.query(), opts: opts}, nil)
	return err
}

// ListPermissionsParams narrows ListPermissions; the zero value asks for everything.
type ListPermissionsParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
}

func (p ListPermissionsParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	return url.Values(q)
}

// ListPermissions: List the permissions of a resource server.
func (c *Client) ListPermissions(ctx context.Context, resourceServer string, params ListPermissionsParams, opts ...Option) (value Page[Permission], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/resource-servers/" + segment(resourceServer) + "/permissions", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllPermissions goes through all pages of ListPermissions. It ends after the first error, which it yields.
func (c *Client) AllPermissions(ctx context.Context, resourceServer string, params ListPermissionsParams, opts ...Option) iter.Seq2[Permission, error] {
	return pages(func(cursor string) (Page[Permission], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListPermissions(ctx, resourceServer, params, opts...)
	})
}

// SavePermission: Declare a permission, or describe it anew.
//
// The entity tag is that of the resource server. What is declared already is replaced with If-Match
// alone.
func (c *Client) SavePermission(ctx context.Context, resourceServer string, permission string, body SavePermissionBody, opts ...Option) (value Permission, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPut, path: "/admin/v1/resource-servers/" + segment(resourceServer) + "/permissions/" + segment(permission), body: body, opts: opts}, &value)
	return value, etag, err
}

// DeletePermissionParams narrows DeletePermission; the zero value asks for everything.
type DeletePermissionParams struct {
	// Take it from whoever uses it, too.
	Force *bool
}

func (p DeletePermissionParams) query() url.Values {
	q := query{}
	q.truth("force", p.Force)
	return url.Values(q)
}

// DeletePermission: Delete a permission.
//
// While roles hold it, only with force=true, which takes it from them.
func (c *Client) DeletePermission(ctx context.Context, resourceServer string, permission string, params DeletePermissionParams, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/admin/v1/resource-servers/" + segment(resourceServer) + "/permissions/" + segment(permission), query: params.query(), opts: opts}, nil)
	return err
}

// ListRoleTemplatesParams narrows ListRoleTemplates; the zero value asks for everything.
type ListRoleTemplatesParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
}

func (p ListRoleTemplatesParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	return url.Values(q)
}

// ListRoleTemplates: List what the roles of new tenants are made from, by name.
//
// Installation administrators only.
func (c *Client) ListRoleTemplates(ctx context.Context, params ListRoleTemplatesParams, opts ...Option) (value Page[RoleTemplate], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/role-templates", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllRoleTemplates goes through all pages of ListRoleTemplates. It ends after the first error, which it yields.
func (c *Client) AllRoleTemplates(ctx context.Context, params ListRoleTemplatesParams, opts ...Option) iter.Seq2[RoleTemplate, error] {
	return pages(func(cursor string) (Page[RoleTemplate], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListRoleTemplates(ctx, params, opts...)
	})
}

// CreateRoleTemplate: Create a role template: tenants made from now on have a role like it.
//
// Installation administrators only.
func (c *Client) CreateRoleTemplate(ctx context.Context, body CreateTemplateBody, opts ...Option) (value RoleTemplate, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/role-templates", body: body, opts: opts}, &value)
	return value, etag, err
}

// GetRoleTemplate: Read a role template.
//
// Installation administrators only.
func (c *Client) GetRoleTemplate(ctx context.Context, template string, opts ...Option) (value RoleTemplate, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/role-templates/" + segment(template), opts: opts}, &value)
	return value, etag, err
}

// UpdateRoleTemplate: Edit a role template: roles that exist stay as they are.
//
// Installation administrators only.
func (c *Client) UpdateRoleTemplate(ctx context.Context, template string, body UpdateTemplateBody, opts ...Option) (value RoleTemplate, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPatch, path: "/admin/v1/role-templates/" + segment(template), body: body, opts: opts}, &value)
	return value, etag, err
}

// DeleteRoleTemplate: Delete a role template that is not built in: roles that were made from it
// stay.
//
// Installation administrators only.
func (c *Client) DeleteRoleTemplate(ctx context.Context, template string, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/admin/v1/role-templates/" + segment(template), opts: opts}, nil)
	return err
}

// ListSessionsParams narrows ListSessions; the zero value asks for everything.
type ListSessionsParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
	// The identifier of the person.
	User string
}

func (p ListSessionsParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	q.text("user", p.User)
	return url.Values(q)
}

// ListSessions: List where a person is signed in.
//
// Administrators of a tenant see the sessions of its members that a grant in the tenant hangs on.
func (c *Client) ListSessions(ctx context.Context, params ListSessionsParams, opts ...Option) (value Page[Session], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/sessions", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllSessions goes through all pages of ListSessions. It ends after the first error, which it yields.
func (c *Client) AllSessions(ctx context.Context, params ListSessionsParams, opts ...Option) iter.Seq2[Session, error] {
	return pages(func(cursor string) (Page[Session], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListSessions(ctx, params, opts...)
	})
}

// GetSession: Read a session.
func (c *Client) GetSession(ctx context.Context, session string, opts ...Option) (value Session, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/sessions/" + segment(session), opts: opts}, &value)
	return value, err
}

// EndSession: Sign a person out of one browser, and of what hangs on it.
//
// Installation administrators only: a session belongs to no tenant.
func (c *Client) EndSession(ctx context.Context, session string, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/admin/v1/sessions/" + segment(session), opts: opts}, nil)
	return err
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
		if params.Limit == 0 {
			params.Limit = 200
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

// ListDomainsParams narrows ListDomains; the zero value asks for everything.
type ListDomainsParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
}

func (p ListDomainsParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	return url.Values(q)
}

// ListDomains: List the domains that a tenant claims.
func (c *Client) ListDomains(ctx context.Context, tenant string, params ListDomainsParams, opts ...Option) (value Page[Domain], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/tenants/" + segment(tenant) + "/domains", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllDomains goes through all pages of ListDomains. It ends after the first error, which it yields.
func (c *Client) AllDomains(ctx context.Context, tenant string, params ListDomainsParams, opts ...Option) iter.Seq2[Domain, error] {
	return pages(func(cursor string) (Page[Domain], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListDomains(ctx, tenant, params, opts...)
	})
}

// GetDomain: Read a claim to a domain.
func (c *Client) GetDomain(ctx context.Context, tenant string, domain string, opts ...Option) (value Domain, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/tenants/" + segment(tenant) + "/domains/" + segment(domain), opts: opts}, &value)
	return value, etag, err
}

// SaveDomain: Claim a domain, or say anew where its people sign in.
//
// A claim counts once it is verified. What is claimed already is replaced with If-Match alone.
func (c *Client) SaveDomain(ctx context.Context, tenant string, domain string, body SaveDomainBody, opts ...Option) (value Domain, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPut, path: "/admin/v1/tenants/" + segment(tenant) + "/domains/" + segment(domain), body: body, opts: opts}, &value)
	return value, etag, err
}

// DeleteDomain: Release a domain: it leads nowhere any more.
func (c *Client) DeleteDomain(ctx context.Context, tenant string, domain string, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/admin/v1/tenants/" + segment(tenant) + "/domains/" + segment(domain), opts: opts}, nil)
	return err
}

// VerifyDomain: Look for the TXT record that proves a domain.
//
// One tenant has a domain: the first that proves it, for as long as the record is there. It is
// looked for about once a day; when it has been gone for a week, or is gone when another tenant
// proves the domain, the domain is no longer verified.
func (c *Client) VerifyDomain(ctx context.Context, tenant string, domain string, opts ...Option) (value DomainVerification, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/tenants/" + segment(tenant) + "/domains/" + segment(domain) + "/verify", opts: opts}, &value)
	return value, err
}

// ListInvitationsParams narrows ListInvitations; the zero value asks for everything.
type ListInvitationsParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
	// Only those in this state. One of "pending", "expired", "accepted", "revoked".
	State string
}

func (p ListInvitationsParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	q.text("state", p.State)
	return url.Values(q)
}

// ListInvitations: List the invitations of a tenant, oldest first.
//
// They are listed until a month after they expired.
func (c *Client) ListInvitations(ctx context.Context, tenant string, params ListInvitationsParams, opts ...Option) (value Page[Invitation], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/tenants/" + segment(tenant) + "/invitations", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllInvitations goes through all pages of ListInvitations. It ends after the first error, which it yields.
func (c *Client) AllInvitations(ctx context.Context, tenant string, params ListInvitationsParams, opts ...Option) iter.Seq2[Invitation, error] {
	return pages(func(cursor string) (Page[Invitation], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListInvitations(ctx, tenant, params, opts...)
	})
}

// CreateInvitation: Invite somebody into a tenant by e-mail.
//
// Whether the address has an account is not told. Inviting an address again renews what is pending:
// the link sent before is void. Only so many letters go to one address, and from one tenant in a
// day: beyond that the answer is 429, and Retry-After says when the next one may go.
func (c *Client) CreateInvitation(ctx context.Context, tenant string, body CreateInvitationBody, opts ...Option) (value Invitation, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/tenants/" + segment(tenant) + "/invitations", body: body, opts: opts}, &value)
	return value, err
}

// GetInvitation: Read an invitation.
func (c *Client) GetInvitation(ctx context.Context, tenant string, invitation string, opts ...Option) (value Invitation, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/tenants/" + segment(tenant) + "/invitations/" + segment(invitation), opts: opts}, &value)
	return value, err
}

// RevokeInvitation: Withdraw an invitation: its link is void.
func (c *Client) RevokeInvitation(ctx context.Context, tenant string, invitation string, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/admin/v1/tenants/" + segment(tenant) + "/invitations/" + segment(invitation), opts: opts}, nil)
	return err
}

// ResendInvitation: Send an invitation again, with a new link.
//
// The link sent before is void. It counts as another letter to the address.
func (c *Client) ResendInvitation(ctx context.Context, tenant string, invitation string, opts ...Option) (value Invitation, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/tenants/" + segment(tenant) + "/invitations/" + segment(invitation) + "/resend", opts: opts}, &value)
	return value, err
}

// ListMembersParams narrows ListMembers; the zero value asks for everything.
type ListMembersParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
	// Only who holds this role, not through another.
	Role string
	// Only those whose address begins like this.
	EmailPrefix string
}

func (p ListMembersParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	q.text("role", p.Role)
	q.text("email_prefix", p.EmailPrefix)
	return url.Values(q)
}

// ListMembers: List the members of a tenant, oldest first.
//
// With role the list is ordered by person, with email_prefix by address.
func (c *Client) ListMembers(ctx context.Context, tenant string, params ListMembersParams, opts ...Option) (value Page[Member], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/tenants/" + segment(tenant) + "/members", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllMembers goes through all pages of ListMembers. It ends after the first error, which it yields.
func (c *Client) AllMembers(ctx context.Context, tenant string, params ListMembersParams, opts ...Option) iter.Seq2[Member, error] {
	return pages(func(cursor string) (Page[Member], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListMembers(ctx, tenant, params, opts...)
	})
}

// AddMember: Make a person who has an account a member of a tenant.
//
// Installation administrators only: those of a tenant invite people.
func (c *Client) AddMember(ctx context.Context, tenant string, body AddMemberBody, opts ...Option) (value Member, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/tenants/" + segment(tenant) + "/members", body: body, opts: opts}, &value)
	return value, etag, err
}

// GetMember: Read a membership.
func (c *Client) GetMember(ctx context.Context, tenant string, user string, opts ...Option) (value Member, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/tenants/" + segment(tenant) + "/members/" + segment(user), opts: opts}, &value)
	return value, etag, err
}

// UpdateMember: Change the roles of a member, or suspend them: absent fields stay.
func (c *Client) UpdateMember(ctx context.Context, tenant string, user string, body UpdateMemberBody, opts ...Option) (value Member, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPatch, path: "/admin/v1/tenants/" + segment(tenant) + "/members/" + segment(user), body: body, opts: opts}, &value)
	return value, etag, err
}

// RemoveMember: Remove a member.
//
// Recalls every token of the person for this tenant. The account stays.
func (c *Client) RemoveMember(ctx context.Context, tenant string, user string, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/admin/v1/tenants/" + segment(tenant) + "/members/" + segment(user), opts: opts}, nil)
	return err
}

// ListRolesParams narrows ListRoles; the zero value asks for everything.
type ListRolesParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
}

func (p ListRolesParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	return url.Values(q)
}

// ListRoles: List the roles of a tenant, by name.
func (c *Client) ListRoles(ctx context.Context, tenant string, params ListRolesParams, opts ...Option) (value Page[Role], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/tenants/" + segment(tenant) + "/roles", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllRoles goes through all pages of ListRoles. It ends after the first error, which it yields.
func (c *Client) AllRoles(ctx context.Context, tenant string, params ListRolesParams, opts ...Option) iter.Seq2[Role, error] {
	return pages(func(cursor string) (Page[Role], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListRoles(ctx, tenant, params, opts...)
	})
}

// CreateRole: Create a role.
func (c *Client) CreateRole(ctx context.Context, tenant string, body CreateRoleBody, opts ...Option) (value Role, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/tenants/" + segment(tenant) + "/roles", body: body, opts: opts}, &value)
	return value, etag, err
}

// GetRole: Read a role.
func (c *Client) GetRole(ctx context.Context, tenant string, role string, opts ...Option) (value Role, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/tenants/" + segment(tenant) + "/roles/" + segment(role), opts: opts}, &value)
	return value, etag, err
}

// UpdateRole: Edit a role: absent fields stay.
//
// Tokens follow when they are refreshed.
func (c *Client) UpdateRole(ctx context.Context, tenant string, role string, body UpdateRoleBody, opts ...Option) (value Role, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPatch, path: "/admin/v1/tenants/" + segment(tenant) + "/roles/" + segment(role), body: body, opts: opts}, &value)
	return value, etag, err
}

// DeleteRole: Delete a role: who holds it loses it, and roles that include it do so no longer.
func (c *Client) DeleteRole(ctx context.Context, tenant string, role string, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/admin/v1/tenants/" + segment(tenant) + "/roles/" + segment(role), opts: opts}, nil)
	return err
}

// PreviewTokenParams narrows PreviewToken; the zero value asks for everything.
type PreviewTokenParams struct {
	// A member; absent for the tokens that the client gets for itself.
	User string
	// The client_id.
	Client string
	// As at the authorization endpoint; absent for the client's default.
	Resource []string
	// As at the authorization endpoint, where nothing is asked for by default.
	Scope string
}

func (p PreviewTokenParams) query() url.Values {
	q := query{}
	q.text("user", p.User)
	q.text("client", p.Client)
	q.each("resource", p.Resource)
	q.text("scope", p.Scope)
	return url.Values(q)
}

// PreviewToken: Say what tokens a person would get with a client, and where each value comes from.
//
// Administrators of a tenant see it for the clients that the tenant owns. Nothing is signed, stored
// or counted.
func (c *Client) PreviewToken(ctx context.Context, tenant string, params PreviewTokenParams, opts ...Option) (value TokenPreview, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/tenants/" + segment(tenant) + "/token-preview", query: params.query(), opts: opts}, &value)
	return value, err
}

// ListUsersParams narrows ListUsers; the zero value asks for everything.
type ListUsersParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
	// Only the account with this address.
	Email string
	// Only those whose address begins like this.
	EmailPrefix string
	// Slug or identifier: only members of this tenant.
	Tenant string
}

func (p ListUsersParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	q.text("email", p.Email)
	q.text("email_prefix", p.EmailPrefix)
	q.text("tenant", p.Tenant)
	return url.Values(q)
}

// ListUsers: List accounts, oldest first.
//
// Tenant administrators see the members of their tenant, in the order in which they joined. With
// email_prefix the list is ordered by address.
func (c *Client) ListUsers(ctx context.Context, params ListUsersParams, opts ...Option) (value Page[User], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/users", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllUsers goes through all pages of ListUsers. It ends after the first error, which it yields.
func (c *Client) AllUsers(ctx context.Context, params ListUsersParams, opts ...Option) iter.Seq2[User, error] {
	return pages(func(cursor string) (Page[User], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListUsers(ctx, params, opts...)
	})
}

// CreateUser: Create an account, with memberships if wanted: all of it or nothing.
//
// Installation administrators only.
func (c *Client) CreateUser(ctx context.Context, body CreateUserBody, opts ...Option) (value User, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/users", body: body, opts: opts}, &value)
	return value, etag, err
}

// GetUser: Read an account.
func (c *Client) GetUser(ctx context.Context, user string, opts ...Option) (value User, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/users/" + segment(user), opts: opts}, &value)
	return value, etag, err
}

// UpdateUser: Edit an account: absent fields stay.
//
// Installation administrators only.
func (c *Client) UpdateUser(ctx context.Context, user string, body UpdateUserBody, opts ...Option) (value User, etag string, err error) {
	etag, err = c.do(ctx, call{method: http.MethodPatch, path: "/admin/v1/users/" + segment(user), body: body, opts: opts}, &value)
	return value, etag, err
}

// DeleteUser: Delete an account with its memberships, sessions and grants.
//
// Installation administrators only. What the audit log says of the person stays.
func (c *Client) DeleteUser(ctx context.Context, user string, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/admin/v1/users/" + segment(user), opts: opts}, nil)
	return err
}

// ListUserIdentitiesParams narrows ListUserIdentities; the zero value asks for everything.
type ListUserIdentitiesParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
}

func (p ListUserIdentitiesParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	return url.Values(q)
}

// ListUserIdentities: List who a person is at providers.
//
// Tenant administrators see what is at the connectors of their tenant.
func (c *Client) ListUserIdentities(ctx context.Context, user string, params ListUserIdentitiesParams, opts ...Option) (value Page[Identity], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/users/" + segment(user) + "/identities", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllUserIdentities goes through all pages of ListUserIdentities. It ends after the first error, which it yields.
func (c *Client) AllUserIdentities(ctx context.Context, user string, params ListUserIdentitiesParams, opts ...Option) iter.Seq2[Identity, error] {
	return pages(func(cursor string) (Page[Identity], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListUserIdentities(ctx, user, params, opts...)
	})
}

// DeleteIdentity: Unlink an identity from an account.
//
// For administrators of its connector. The person loses the roles that it gave and the sessions
// that began through it, and signs in another way: with a password, which a link can set, if there
// is none.
func (c *Client) DeleteIdentity(ctx context.Context, user string, identity string, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/admin/v1/users/" + segment(user) + "/identities/" + segment(identity), opts: opts}, nil)
	return err
}

// ReadIdentityTokens: Hand out the tokens of the provider that are kept.
//
// For administrators of its connector, and recorded in the audit log.
func (c *Client) ReadIdentityTokens(ctx context.Context, user string, identity string, opts ...Option) (value IdentityTokens, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/users/" + segment(user) + "/identities/" + segment(identity) + "/tokens", opts: opts}, &value)
	return value, err
}

// ListUserMembershipsParams narrows ListUserMemberships; the zero value asks for everything.
type ListUserMembershipsParams struct {
	// The next_cursor of the page before; absent for the first page.
	Cursor string
	// Entries a page.
	Limit int
}

func (p ListUserMembershipsParams) query() url.Values {
	q := query{}
	q.text("cursor", p.Cursor)
	q.number("limit", p.Limit)
	return url.Values(q)
}

// ListUserMemberships: List the tenants of a person.
//
// Tenant administrators see their own.
func (c *Client) ListUserMemberships(ctx context.Context, user string, params ListUserMembershipsParams, opts ...Option) (value Page[UserMembership], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/admin/v1/users/" + segment(user) + "/memberships", query: params.query(), opts: opts}, &value)
	return value, err
}

// AllUserMemberships goes through all pages of ListUserMemberships. It ends after the first error, which it yields.
func (c *Client) AllUserMemberships(ctx context.Context, user string, params ListUserMembershipsParams, opts ...Option) iter.Seq2[UserMembership, error] {
	return pages(func(cursor string) (Page[UserMembership], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		if params.Limit == 0 {
			params.Limit = 200
		}
		return c.ListUserMemberships(ctx, user, params, opts...)
	})
}

// SendPasswordReset: Mail a person a link to choose a new password.
//
// Installation administrators only. The link is in the message alone. Until they do, nothing
// changes.
func (c *Client) SendPasswordReset(ctx context.Context, user string, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/users/" + segment(user) + "/password-reset", opts: opts}, nil)
	return err
}

// SendVerification: Mail a person a link to verify their address.
//
// Installation administrators only. The link is in the message alone.
func (c *Client) SendVerification(ctx context.Context, user string, opts ...Option) error {
	_, err := c.do(ctx, call{method: http.MethodPost, path: "/admin/v1/users/" + segment(user) + "/verification", opts: opts}, nil)
	return err
}

// Access is in the answer of ListAccess.
type Access struct {
	// The resource server; absent for a role that bundled nothing.
	Audience string `json:"audience,omitzero"`
	// As of now; absent when the person is no member any more.
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

// ActiveKey is in the answer of GetKeysStatus.
type ActiveKey struct {
	// Since when it signs.
	ActivatedAt time.Time `json:"activated_at,omitzero"`
	// For how many seconds it has signed.
	Age       float64 `json:"age"`
	Algorithm string  `json:"algorithm"`
	// When it was said to be stolen; absent for others.
	CompromisedAt time.Time `json:"compromised_at,omitzero"`
	// What keeps its private half, such as pkcs11; absent when it is encrypted in the database.
	Custodian string `json:"custodian,omitzero"`
	// Why it cannot be opened by this replica; absent for those that can.
	Damage string `json:"damage,omitzero"`
	// When its private half was destroyed.
	ErasedAt time.Time    `json:"erased_at,omitzero"`
	Held     *KeyAdoption `json:"held,omitzero"`
	// The kid in the header of what it signed: its RFC 7638 thumbprint.
	KID string `json:"kid"`
	// When the last token expires that it is known to have signed.
	MaxExpiry time.Time `json:"max_expiry,omitzero"`
	// Since when verifiers can fetch it. This and the times below may lie ahead: then they are
	// planned.
	PublishedAt time.Time `json:"published_at,omitzero"`
	// Since when it is not published and what it signed is refused. Planned once it has retired.
	RemovedAt time.Time `json:"removed_at,omitzero"`
	// Since when it does not sign any more, because another does.
	RetiredAt time.Time `json:"retired_at,omitzero"`
	// next, active and retiring keys are published; active keys sign. One of "pending", "next",
	// "active", "retiring", "removed".
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
}

// AddMemberBody is sent by AddMember.
type AddMemberBody struct {
	Attributes map[string]any `json:"attributes,omitzero"`
	Roles      []string       `json:"roles,omitzero"`
	// Identifier of the person.
	User string `json:"user"`
}

// Attention is in the answer of GetKeysStatus.
type Attention struct {
	// Of the keys that it is about.
	Algorithm string `json:"algorithm,omitzero"`
	// For programs. One of "not_signing", "not_loaded", "no_active_key", "no_next_key", "damaged_key",
	// "missing_row", "forgotten_revocation", "overdue", "clock_offset", "master_key", "unreadable",
	// "not_counted", "laggards", "revoked".
	Code string `json:"code"`
	// What to do about it.
	Do string `json:"do"`
	// The key that it is about.
	KID string `json:"kid,omitzero"`
	// What is the matter, in a sentence or two.
	Text string `json:"text"`
	// Something is wrong. Else it is good to know.
	Urgent bool `json:"urgent"`
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

// Because is in the answer of PreviewToken.
type Because struct {
	// The role that it is by way of, which the one held includes; absent when it is the one held.
	Includes   string           `json:"includes,omitzero"`
	Membership Given            `json:"membership"`
	Permission *GivenPermission `json:"permission,omitzero"`
	// The role that the person holds.
	Role GivenRole `json:"role"`
}

// ClaimSource is in the answer of PreviewToken.
type ClaimSource struct {
	// Of roles and permissions, every way that leads to it; one would do.
	Because []Because `json:"because,omitzero"`
	Claim   string    `json:"claim"`
	// protocol: the request and this server; sign_in: how and when the person signed in; declared: a
	// declared claim. One of "protocol", "sign_in", "user", "tenant", "client", "membership",
	// "declared".
	Kind string `json:"kind"`
	// Of declared claims.
	Mapping *MappingSource `json:"mapping,omitzero"`
	// The element, when the claim is roles or permissions.
	Value string `json:"value,omitzero"`
}

// ClientRegistration is in the answer of ListClients.
type ClientRegistration struct {
	// The client_id. Never changes.
	ID string `json:"id"`
	// For people, on the pages that they sign in on.
	Name string `json:"name"`
	// In seconds; 0 is the server's default.
	AccessTokenLifetime int64 `json:"access_token_lifetime"`
	// Of the resource servers that it may ask tokens for; the first is the default.
	Audiences []string `json:"audiences"`
	// How it proves who it is at the token endpoint; none is a public client, which keeps no secret.
	// One of "none", "client_secret_basic", "client_secret_post".
	AuthMethod string `json:"auth_method"`
	// Claims that it declares for its tokens.
	Claims []DeclaredClaim `json:"claims"`
	// Since when it gets no tokens and its old ones are void; absent while it is enabled.
	DisabledAt time.Time `json:"disabled_at,omitzero"`
	GrantTypes []string  `json:"grant_types"`
	// Of the signature of ID tokens; absent for the server's default.
	IDTokenAlgorithm string `json:"id_token_algorithm,omitzero"`
	// Web origins whose scripts may call the token endpoint.
	Origins []string `json:"origins"`
	// It may go without PKCE. Confidential clients only.
	PKCEOptional           bool     `json:"pkce_optional"`
	PolicyURI              string   `json:"policy_uri,omitzero"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris"`
	RedirectURIs           []string `json:"redirect_uris"`
	// That it may ask for. What a machine may do in the administration is among them.
	Scopes []string `json:"scopes"`
	// What is known of its secrets, which are shown once, when they are made. Absent in lists.
	Secrets []ClientSecret `json:"secrets,omitzero"`
	// The audience of the resource server that this client is, which may introspect its tokens.
	ServesAudience string `json:"serves_audience,omitzero"`
	// People are not asked what it may do.
	SkipConsent bool `json:"skip_consent"`
	// With tenant_id: its slug.
	Tenant string `json:"tenant,omitzero"`
	// The tenant that owns it and whose people alone it signs in; absent when it is the
	// installation's.
	TenantID string `json:"tenant_id,omitzero"`
	TermsURI string `json:"terms_uri,omitzero"`
	// How large access tokens get by its claims, of somebody without roles. Absent without claims, and
	// in lists.
	TokenForecast []TokenForecast `json:"token_forecast,omitzero"`
	CreatedAt     time.Time       `json:"created_at"`
	UpdatedAt     time.Time       `json:"updated_at"`
}

// ClientSecret is in the answer of ListClientSecrets.
type ClientSecret struct {
	// Names the secret; it is none.
	ID string `json:"id"`
	// Who made it: a person, the client_id of a machine, or installation.
	CreatedBy string `json:"created_by"`
	// Until when it is good; absent: until it is deleted.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Who has the secret recognises it by this: the first 12 hexadecimal digits of SHA-256 of SHA-256
	// of the secret.
	Fingerprint string    `json:"fingerprint"`
	CreatedAt   time.Time `json:"created_at"`
}

// Connector is in the answer of ListConnectors.
type Connector struct {
	// Never changes.
	ID   string `json:"id"`
	Slug string `json:"slug"`
	// On the button of the sign-in page.
	Name string `json:"name"`
	// Addresses of which the provider does not say whether they are verified count as such.
	AssumeVerified bool `json:"assume_verified"`
	// It is the authority for the verified domains of its tenant: an account with such an address is
	// linked without asking its owner to sign in to it.
	Authoritative bool `json:"authoritative"`
	// To register at the provider, if it knows back-channel logout: it then ends sessions here, too.
	BackchannelLogoutURI string `json:"backchannel_logout_uri,omitzero"`
	// Who this server is at the provider. Absent when only the installation may know.
	ClientID string `json:"client_id,omitzero"`
	// Given to whoever becomes a member through it.
	DefaultRoles []string `json:"default_roles"`
	// Since when nobody signs in through it; absent while it is enabled.
	DisabledAt time.Time `json:"disabled_at,omitzero"`
	// The claim that names the groups of a person.
	GroupsClaim string `json:"groups_claim,omitzero"`
	// It has no button: only those who are sent there find it.
	Hidden bool `json:"hidden"`
	// Google: only accounts of these Workspace domains are let in. Empty: anybody.
	HostedDomains []string `json:"hosted_domains"`
	// Of the provider; of github: the address of its pages.
	Issuer string `json:"issuer"`
	// Of the installation's: the tenant that its people belong to.
	JoinsTenantID string `json:"joins_tenant_id,omitzero"`
	// The provider's tokens are kept, encrypted.
	KeepTokens bool `json:"keep_tokens"`
	// One of "google", "github", "oidc".
	Kind string `json:"kind"`
	// Where it is declared, and can be changed alone. Absent: here. One of "environment".
	ManagedBy string `json:"managed_by,omitzero"`
	// Whoever is new gets an account, and becomes a member of the tenant.
	Provision bool `json:"provision"`
	// To register at the provider.
	RedirectURI string `json:"redirect_uri,omitzero"`
	// What requests and addresses call it: the slug, and before that, of a tenant's, the slug that the
	// tenant had when it was made. Never changes.
	Reference string `json:"reference"`
	// Roles given to those in a group, and taken again when they leave it.
	RoleMappings []RoleMapping `json:"role_mappings"`
	// Asked for beyond those that a sign-in needs.
	Scopes []string `json:"scopes"`
	// Whether there is a client secret. It is never shown.
	SecretSet bool `json:"secret_set"`
	// The tenant that it belongs to, and whose people come through it; absent when it is the
	// installation's.
	TenantID  string    `json:"tenant_id,omitzero"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// ConnectorTest is in the answer of TestConnectorDraft.
type ConnectorTest struct {
	Findings []Finding `json:"findings"`
	// Nothing is wrong, as far as can be seen without a person signing in.
	OK bool `json:"ok"`
}

// CreateClientBody is sent by CreateClient.
type CreateClientBody struct {
	// The client_id of a system that you migrate from; otherwise absent. Installation administrators
	// only.
	ID   string `json:"id,omitzero"`
	Name string `json:"name"`
	// In seconds; 0 is the server's default.
	AccessTokenLifetime int64    `json:"access_token_lifetime,omitzero"`
	Audiences           []string `json:"audiences,omitzero"`
	// none, client_secret_basic or client_secret_post.
	AuthMethod *string `json:"auth_method,omitzero"`
	// Installation administrators only.
	Claims []DeclaredClaim `json:"claims,omitzero"`
	// authorization_code, refresh_token, client_credentials. Absent: authorization_code.
	GrantTypes []string `json:"grant_types,omitzero"`
	// ES256, RS256 or EdDSA, of those in use here; absent for the server's default.
	IDTokenAlgorithm       string   `json:"id_token_algorithm,omitzero"`
	Origins                []string `json:"origins,omitzero"`
	PKCEOptional           bool     `json:"pkce_optional,omitzero"`
	PolicyURI              string   `json:"policy_uri,omitzero"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitzero"`
	// Compared exactly; only the port of an http loopback URI varies.
	RedirectURIs []string `json:"redirect_uris,omitzero"`
	Scopes       []string `json:"scopes,omitzero"`
	// A random secret of a system that you migrate from; absent: one is made. Confidential clients
	// only.
	Secret         string `json:"secret,omitzero"`
	ServesAudience string `json:"serves_audience,omitzero"`
	SkipConsent    bool   `json:"skip_consent,omitzero"`
	// Slug or identifier of the tenant that owns it. Absent: the installation, or the tenant of its
	// administrator.
	TenantID string `json:"tenant_id,omitzero"`
	TermsURI string `json:"terms_uri,omitzero"`
}

// CreateClientSecretBody is sent by CreateClientSecret.
type CreateClientSecretBody struct {
	// Until when it is good; absent: until it is deleted.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Until when the secret in use stays good, while you roll the new one out; absent: until it is
	// deleted.
	PreviousExpiresAt time.Time `json:"previous_expires_at,omitzero"`
	// A random secret of a system that you migrate from; absent: one is made.
	Secret string `json:"secret,omitzero"`
}

// CreateInvitationBody is sent by CreateInvitation.
type CreateInvitationBody struct {
	// Where the invitation is sent. Only the account with this address can accept it.
	Email string `json:"email"`
	// Names of roles of the tenant.
	Roles []string `json:"roles,omitzero"`
}

// CreateResourceServerBody is sent by CreateResourceServer.
type CreateResourceServerBody struct {
	// An absolute URI without fragment (RFC 8707).
	Audience string `json:"audience"`
	Name     string `json:"name"`
	// Claims to declare.
	Claims []DeclaredClaim `json:"claims,omitzero"`
	// ES256, RS256 or EdDSA, of those in use here; absent for the server's default. A token for
	// several resource servers that expect different ones cannot be had.
	SigningAlgorithm string `json:"signing_algorithm,omitzero"`
	// Slug or identifier of the tenant that it belongs to; absent for the installation.
	TenantID string `json:"tenant_id,omitzero"`
}

// CreateRoleBody is sent by CreateRole.
type CreateRoleBody struct {
	// Of a-z, A-Z, 0-9 and inner . _ - and :
	Name        string   `json:"name"`
	Description string   `json:"description,omitzero"`
	Includes    []string `json:"includes,omitzero"`
	// Of resource servers of the installation and of this tenant.
	Permissions []RolePermission `json:"permissions,omitzero"`
}

// CreateTemplateBody is sent by CreateRoleTemplate.
type CreateTemplateBody struct {
	// Of a-z, A-Z, 0-9 and inner . _ - and :
	Name        string `json:"name"`
	Description string `json:"description,omitzero"`
	// Of resource servers of the installation.
	Permissions []RolePermission `json:"permissions,omitzero"`
}

// CreateTenantBody is sent by CreateTenant.
type CreateTenantBody struct {
	Slug       string         `json:"slug"`
	Name       string         `json:"name"`
	Attributes map[string]any `json:"attributes,omitzero"`
}

// CreateUserBody is sent by CreateUser.
type CreateUserBody struct {
	Email    string `json:"email"`
	Name     string `json:"name,omitzero"`
	Disabled bool   `json:"disabled,omitzero"`
	// That the address is known to be the person's.
	EmailVerified bool   `json:"email_verified,omitzero"`
	FamilyName    string `json:"family_name,omitzero"`
	GivenName     string `json:"given_name,omitzero"`
	// A language tag.
	Locale string `json:"locale,omitzero"`
	// Made together with the account: all of it or nothing.
	Memberships []NewMembership `json:"memberships,omitzero"`
	// Judged by the rules for new passwords. Without one, and without password_hash, the person sets
	// one by a link: see password-reset.
	Password string `json:"password,omitzero"`
	// Instead of a password: its hash, as another system stored it.
	PasswordHash string `json:"password_hash,omitzero"`
	// An https URL.
	Picture string `json:"picture,omitzero"`
}

// CreatedClient is in the answer of CreateClient.
type CreatedClient struct {
	// The client_id. Never changes.
	ID string `json:"id"`
	// For people, on the pages that they sign in on.
	Name string `json:"name"`
	// In seconds; 0 is the server's default.
	AccessTokenLifetime int64 `json:"access_token_lifetime"`
	// Of the resource servers that it may ask tokens for; the first is the default.
	Audiences []string `json:"audiences"`
	// How it proves who it is at the token endpoint; none is a public client, which keeps no secret.
	// One of "none", "client_secret_basic", "client_secret_post".
	AuthMethod string `json:"auth_method"`
	// Claims that it declares for its tokens.
	Claims []DeclaredClaim `json:"claims"`
	// Since when it gets no tokens and its old ones are void; absent while it is enabled.
	DisabledAt time.Time `json:"disabled_at,omitzero"`
	GrantTypes []string  `json:"grant_types"`
	// Of the signature of ID tokens; absent for the server's default.
	IDTokenAlgorithm string `json:"id_token_algorithm,omitzero"`
	// Web origins whose scripts may call the token endpoint.
	Origins []string `json:"origins"`
	// It may go without PKCE. Confidential clients only.
	PKCEOptional           bool     `json:"pkce_optional"`
	PolicyURI              string   `json:"policy_uri,omitzero"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris"`
	RedirectURIs           []string `json:"redirect_uris"`
	// That it may ask for. What a machine may do in the administration is among them.
	Scopes []string `json:"scopes"`
	// The client_secret. It is shown now and never again.
	Secret string `json:"secret,omitzero"`
	// What is known of its secrets, which are shown once, when they are made. Absent in lists.
	Secrets []ClientSecret `json:"secrets,omitzero"`
	// The audience of the resource server that this client is, which may introspect its tokens.
	ServesAudience string `json:"serves_audience,omitzero"`
	// People are not asked what it may do.
	SkipConsent bool `json:"skip_consent"`
	// With tenant_id: its slug.
	Tenant string `json:"tenant,omitzero"`
	// The tenant that owns it and whose people alone it signs in; absent when it is the
	// installation's.
	TenantID string `json:"tenant_id,omitzero"`
	TermsURI string `json:"terms_uri,omitzero"`
	// How large access tokens get by its claims, of somebody without roles. Absent without claims, and
	// in lists.
	TokenForecast []TokenForecast `json:"token_forecast,omitzero"`
	CreatedAt     time.Time       `json:"created_at"`
	UpdatedAt     time.Time       `json:"updated_at"`
}

// CreatedSecret is in the answer of CreateClientSecret.
type CreatedSecret struct {
	// Names the secret; it is none.
	ID string `json:"id"`
	// Who made it: a person, the client_id of a machine, or installation.
	CreatedBy string `json:"created_by"`
	// Until when it is good; absent: until it is deleted.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Who has the secret recognises it by this: the first 12 hexadecimal digits of SHA-256 of SHA-256
	// of the secret.
	Fingerprint string `json:"fingerprint"`
	// The client_secret. It is shown now and never again.
	Secret    string    `json:"secret"`
	CreatedAt time.Time `json:"created_at"`
}

// DamagedSealed is in the answer of RewrapKeys.
type DamagedSealed struct {
	// That it is damaged, or sealed under a master key that is not configured: which one.
	Reason string `json:"reason"`
	// Identifier of the row.
	Row   string `json:"row"`
	Table string `json:"table"`
}

// DeclaredClaim is sent by CreateClient.
type DeclaredClaim struct {
	Name string `json:"name"`
	// access_token, id_token. Absent: access tokens.
	Tokens []string `json:"tokens,omitzero"`
	// A template: JSON in which ${…} holds an expression over the facts of the issuance.
	Value any `json:"value,omitzero"`
}

// Domain is in the answer of ListDomains.
type Domain struct {
	// The name whose TXT record proves the domain.
	ChallengeName string `json:"challenge_name"`
	// What that record has to say.
	ChallengeValue string `json:"challenge_value"`
	// Where people with such an address sign in. Absent: through any connector of the tenant.
	ConnectorID string `json:"connector_id,omitzero"`
	Domain      string `json:"domain"`
	TenantID    string `json:"tenant_id"`
	// Since when the domain is proven; absent: the claim counts for nothing yet.
	VerifiedAt time.Time `json:"verified_at,omitzero"`
	// dns, or the administrator who vouched for it.
	VerifiedBy string    `json:"verified_by,omitzero"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// DomainVerification is in the answer of VerifyDomain.
type DomainVerification struct {
	// What was found; while the domain is not verified, what to do.
	Detail   string `json:"detail"`
	Domain   Domain `json:"domain"`
	Verified bool   `json:"verified"`
}

// Finding is in the answer of TestConnectorDraft.
type Finding struct {
	// What was looked at.
	Check string `json:"check"`
	// What was found; when it is not ok, what to do.
	Detail string `json:"detail"`
	OK     bool   `json:"ok"`
}

// Given is in the answer of PreviewToken.
type Given struct {
	GrantedAt time.Time `json:"granted_at"`
	// A person, a client, or installation.
	GrantedBy string `json:"granted_by"`
}

// GivenPermission is in the answer of PreviewToken.
type GivenPermission struct {
	Slug      string    `json:"slug"`
	Audience  string    `json:"audience"`
	GrantedAt time.Time `json:"granted_at"`
	// A person, a client, or installation.
	GrantedBy string `json:"granted_by"`
}

// GivenRole is in the answer of PreviewToken.
type GivenRole struct {
	Name      string    `json:"name"`
	GrantedAt time.Time `json:"granted_at"`
	// A person, a client, or installation.
	GrantedBy string `json:"granted_by"`
}

// Grant is in the answer of ListGrants.
type Grant struct {
	// The grant_id claim.
	ID  string `json:"id"`
	ACR string `json:"acr,omitzero"`
	// The client can still get tokens for it.
	Active    bool     `json:"active"`
	AMR       []string `json:"amr,omitzero"`
	Audiences []string `json:"audiences"`
	// When the person proved who they are.
	AuthenticatedAt time.Time `json:"authenticated_at"`
	ClientID        string    `json:"client_id"`
	// When it ends unless it is refreshed before.
	ExpiresAt time.Time `json:"expires_at"`
	// It outlives the session.
	Offline bool `json:"offline"`
	// When the client last got tokens for it.
	RefreshedAt time.Time `json:"refreshed_at"`
	RevokedAt   time.Time `json:"revoked_at,omitzero"`
	Scopes      []string  `json:"scopes"`
	// The sign-in that it hangs on; absent when it outlives it.
	SessionID string    `json:"session_id,omitzero"`
	TenantID  string    `json:"tenant_id"`
	UserID    string    `json:"user_id"`
	CreatedAt time.Time `json:"created_at"`
}

// Identity is in the answer of ListConnectorIdentities.
type Identity struct {
	ID string `json:"id"`
	// As the provider said it last. Nobody is recognised by it.
	Email string `json:"email,omitzero"`
	// The name of the connector.
	Connector   string `json:"connector"`
	ConnectorID string `json:"connector_id"`
	// With subject: who it is, for ever.
	Issuer string `json:"issuer"`
	// One of "google", "github", "oidc".
	Kind string `json:"kind"`
	// By which people recognise it.
	Label      string    `json:"label"`
	LastUsedAt time.Time `json:"last_used_at"`
	LinkedAt   time.Time `json:"linked_at"`
	Subject    string    `json:"subject"`
	// The provider's tokens are kept.
	TokensKept bool `json:"tokens_kept"`
	// Whose account it signs in to.
	UserID string `json:"user_id"`
}

// IdentityTokens is in the answer of ReadIdentityTokens.
type IdentityTokens struct {
	AccessToken string `json:"access_token,omitzero"`
	// Of the access token; absent: the provider did not say.
	ExpiresAt    time.Time `json:"expires_at,omitzero"`
	IDToken      string    `json:"id_token,omitzero"`
	RefreshToken string    `json:"refresh_token,omitzero"`
	Scope        string    `json:"scope,omitzero"`
	TokenType    string    `json:"token_type,omitzero"`
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

// Invitation is in the answer of ListInvitations.
type Invitation struct {
	// Identifier of the invitation.
	ID         string    `json:"id"`
	Email      string    `json:"email"`
	AcceptedAt time.Time `json:"accepted_at,omitzero"`
	// The person, who is a member since.
	AcceptedBy string `json:"accepted_by,omitzero"`
	// Of the link sent last.
	ExpiresAt time.Time `json:"expires_at"`
	// A person, a client, or installation.
	InvitedBy string    `json:"invited_by"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	// Given on acceptance, as far as they exist then.
	Roles []string `json:"roles"`
	// Only a pending invitation can be accepted; an expired one can be sent again. One of "pending",
	// "expired", "accepted", "revoked".
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
}

// KeyAdoption is in the answer of GetKeysStatus.
type KeyAdoption struct {
	// Verifiers that have it.
	Holding int64 `json:"holding"`
	// Verifiers that did not have it when they last asked, within a day. They got it with the answer,
	// or got no answer since they asked.
	Lacking int64 `json:"lacking"`
	// Of those, the twenty seen last.
	Laggards []KeyHolder `json:"laggards"`
}

// KeyHolder is in the answer of GetKeysStatus.
type KeyHolder struct {
	Address string `json:"address"`
	// What it calls itself (User-Agent).
	Agent string `json:"agent"`
	// The newest key that it had then; absent when that is not known any more.
	NewestKID string `json:"newest_kid,omitzero"`
	// When it last asked.
	SeenAt time.Time `json:"seen_at"`
}

// KeyRing is in the answer of GetKeysStatus.
type KeyRing struct {
	// The key that signs; absent while none does.
	Active    *ActiveKey `json:"active,omitzero"`
	Algorithm string     `json:"algorithm"`
	// How many clients chose it for their ID tokens.
	Clients int64 `json:"clients"`
	// The settings name it. Others are there because somebody chose them, or until their last token
	// has expired.
	Configured bool `json:"configured"`
	// The key that signs next.
	Next *NextKey `json:"next,omitzero"`
	// What happens next, by itself.
	NextStep *KeyStep `json:"next_step,omitzero"`
	// A step that should have been made some time ago and was not.
	Overdue string `json:"overdue,omitzero"`
	// How many resource servers chose it for their access tokens.
	ResourceServers int64 `json:"resource_servers"`
	// Keys that are published for the tokens they signed.
	Retiring []SigningKey `json:"retiring"`
}

// KeySchedule is in the answer of GetKeysStatus.
type KeySchedule struct {
	// The header of the JWKS at present. For a day after a key was revoked its max-age is a minute at
	// most.
	CacheControl string `json:"cache_control"`
	// For how long a key is published before it signs.
	Lead float64 `json:"lead"`
	// For how long a replica signs that cannot load the keys.
	Lease float64 `json:"lease"`
	// The least that is safe, by the settings of the JWKS.
	MinLead float64 `json:"min_lead"`
	// The least that is safe, by the lifetimes of tokens.
	MinRemoval float64 `json:"min_removal"`
	// Between two keys that sign.
	Period float64 `json:"period"`
	// For how long a key is published after it signed last.
	Removal float64 `json:"removal"`
}

// KeyStep is in the answer of GetKeysStatus.
type KeyStep struct {
	At  time.Time `json:"at"`
	KID string    `json:"kid"`
	// What the key becomes then. One of "pending", "next", "active", "retiring", "removed".
	State string `json:"state"`
}

// KeysStatus is in the answer of GetKeysStatus.
type KeysStatus struct {
	// What somebody should look at, the urgent first. Empty when all is well.
	Attention []Attention `json:"attention"`
	// By how many seconds that clock is ahead of the replica's own.
	ClockOffset float64 `json:"clock_offset"`
	// Of tokens for which nobody chose one.
	DefaultAlgorithm string `json:"default_algorithm"`
	// When the replica last loaded the keys.
	LoadedAt time.Time `json:"loaded_at"`
	// Fingerprint of the present master key.
	MasterKey string `json:"master_key"`
	// It loaded them lately enough to sign with them.
	MaySign bool `json:"may_sign"`
	// By the clock of the database, which all replicas go by.
	Now time.Time `json:"now"`
	// Values that are encrypted under another one. rewrap-keys brings them under the present one.
	// Empty, with not_counted in attention, when they could not be counted within seconds.
	OtherMasterKeys []OtherMaster `json:"other_master_keys"`
	// The keys of each algorithm that is in use.
	Rings    []KeyRing   `json:"rings"`
	Schedule KeySchedule `json:"schedule"`
}

// MappingSource is in the answer of PreviewToken.
type MappingSource struct {
	// the resource server.
	Audience string `json:"audience,omitzero"`
	// The client that declares it, or:
	Client string `json:"client,omitzero"`
	// The facts that its expressions use, as user.email or roles.
	Reads []string `json:"reads"`
	// The template.
	Value any `json:"value"`
}

// Me is in the answer of GetMe.
type Me struct {
	// The application that the token was issued to.
	ClientID string `json:"client_id"`
	// Whether permissions of the installation count for this caller.
	Installation bool `json:"installation"`
	// On the administration, as of now.
	Permissions []string `json:"permissions"`
	// The tenant of the token; absent for a machine of the installation.
	Tenant *Tenant `json:"tenant,omitzero"`
	// The person; absent for a machine.
	User *User `json:"user,omitzero"`
}

// Member is in the answer of ListMembers.
type Member struct {
	// Values for declared claims.
	Attributes map[string]any `json:"attributes"`
	GrantedAt  time.Time      `json:"granted_at"`
	// Who made the person a member: a person, a client, or installation.
	GrantedBy string `json:"granted_by"`
	// Names of roles of the tenant.
	Roles []string `json:"roles"`
	// Since when the membership gives nothing; absent while it does.
	SuspendedAt time.Time `json:"suspended_at,omitzero"`
	User        User      `json:"user"`
}

// NewConnector is sent by CreateConnector.
type NewConnector struct {
	// In addresses. Absent: after the kind or the issuer.
	Slug string `json:"slug,omitzero"`
	// On the button. Absent: after the kind or the issuer.
	Name string `json:"name,omitzero"`
	// Take addresses for verified of which the provider does not say whether they are, as Entra ID
	// does not.
	AssumeVerified bool `json:"assume_verified,omitzero"`
	// Link accounts with an address of a verified domain of the tenant without asking their owner to
	// sign in to them.
	Authoritative bool `json:"authoritative,omitzero"`
	// As the provider issued it.
	ClientID string `json:"client_id"`
	// As the provider issued it. Only providers of kind oidc know clients without one.
	ClientSecret string `json:"client_secret,omitzero"`
	// For whoever becomes a member through it.
	DefaultRoles []string `json:"default_roles,omitzero"`
	Disabled     bool     `json:"disabled,omitzero"`
	// The claim that names the groups of a person; names joined by dots lead into objects.
	GroupsClaim string `json:"groups_claim,omitzero"`
	// No button.
	Hidden bool `json:"hidden,omitzero"`
	// Google: let in only accounts of these Workspace domains.
	HostedDomains []string `json:"hosted_domains,omitzero"`
	// Of an OpenID Provider: exactly what its discovery document says. Of github: the address of a
	// GitHub Enterprise Server.
	Issuer string `json:"issuer,omitzero"`
	// Of the installation's: slug or identifier of the tenant that its people belong to. Installation
	// administrators only.
	JoinsTenantID string `json:"joins_tenant_id,omitzero"`
	// Keep the provider's tokens, encrypted.
	KeepTokens bool `json:"keep_tokens,omitzero"`
	// Absent with an issuer: oidc. One of "google", "github", "oidc".
	Kind string `json:"kind,omitzero"`
	// Give whoever is new an account, and make them a member of the tenant.
	Provision bool `json:"provision,omitzero"`
	// Roles for those in a group.
	RoleMappings []RoleMapping `json:"role_mappings,omitzero"`
	// To ask for beyond those that a sign-in needs.
	Scopes []string `json:"scopes,omitzero"`
	// Slug or identifier of the tenant that it belongs to. Absent: the installation, or the tenant of
	// its administrator.
	TenantID string `json:"tenant_id,omitzero"`
}

// NewMembership is sent by CreateUser.
type NewMembership struct {
	// Values for declared claims.
	Attributes map[string]any `json:"attributes,omitzero"`
	// Names of roles of that tenant.
	Roles []string `json:"roles,omitzero"`
	// Slug or identifier.
	Tenant string `json:"tenant"`
}

// NextKey is in the answer of GetKeysStatus.
type NextKey struct {
	// Since when it signs.
	ActivatedAt time.Time `json:"activated_at,omitzero"`
	Algorithm   string    `json:"algorithm"`
	// When it was said to be stolen; absent for others.
	CompromisedAt time.Time `json:"compromised_at,omitzero"`
	// What keeps its private half, such as pkcs11; absent when it is encrypted in the database.
	Custodian string `json:"custodian,omitzero"`
	// Why it cannot be opened by this replica; absent for those that can.
	Damage string `json:"damage,omitzero"`
	// From when on it could sign without anybody noticing. activated_at says when it will.
	EarliestAt time.Time `json:"earliest_at"`
	// When its private half was destroyed.
	ErasedAt time.Time    `json:"erased_at,omitzero"`
	Held     *KeyAdoption `json:"held,omitzero"`
	// The kid in the header of what it signed: its RFC 7638 thumbprint.
	KID string `json:"kid"`
	// When the last token expires that it is known to have signed.
	MaxExpiry time.Time `json:"max_expiry,omitzero"`
	// Since when verifiers can fetch it. This and the times below may lie ahead: then they are
	// planned.
	PublishedAt time.Time `json:"published_at,omitzero"`
	// Since when it is not published and what it signed is refused. Planned once it has retired.
	RemovedAt time.Time `json:"removed_at,omitzero"`
	// Since when it does not sign any more, because another does.
	RetiredAt time.Time `json:"retired_at,omitzero"`
	// next, active and retiring keys are published; active keys sign. One of "pending", "next",
	// "active", "retiring", "removed".
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
}

// OmittedClaim is in the answer of PreviewToken.
type OmittedClaim struct {
	Claim  string `json:"claim"`
	Reason string `json:"reason"`
}

// OtherMaster is in the answer of GetKeysStatus.
type OtherMaster struct {
	// Its fingerprint; empty for values that cannot be read at all.
	MasterKey string `json:"master_key"`
	Values    int64  `json:"values"`
}

// Permission is in the answer of ListPermissions.
type Permission struct {
	// What the permissions claim says.
	Slug        string `json:"slug"`
	Description string `json:"description"`
}

// PreviewedToken is in the answer of PreviewToken.
type PreviewedToken struct {
	// What it would be signed with.
	Algorithm string `json:"algorithm"`
	// About the size of the token.
	Bytes int64 `json:"bytes"`
	// The claims, exactly, but for those that varying names.
	Claims map[string]any `json:"claims"`
	// What is left out, and why.
	Omitted []OmittedClaim `json:"omitted"`
	// Where each value comes from: one for each claim, and for each element of roles and permissions.
	Sources []ClaimSource `json:"sources"`
	// Claims that are different in each token, as jti; here they are made up.
	Varying []string `json:"varying"`
}

// ResourceServer is in the answer of ListResourceServers.
type ResourceServer struct {
	// Identifier of the resource server.
	ID string `json:"id"`
	// What the aud claim of its tokens says. Never changes.
	Audience string `json:"audience"`
	// For people.
	Name string `json:"name"`
	// It is part of Signet and cannot be changed.
	BuiltIn bool `json:"built_in,omitzero"`
	// Claims that it declares for its tokens.
	Claims []DeclaredClaim `json:"claims"`
	// Of the signature of access tokens for it; absent for the server's default.
	SigningAlgorithm string `json:"signing_algorithm,omitzero"`
	// The tenant that it belongs to; absent when it is the installation's, which every tenant can use.
	TenantID string `json:"tenant_id,omitzero"`
	// How large access tokens for it get by its claims, of somebody without roles. Absent without
	// claims, and in lists.
	TokenForecast []TokenForecast `json:"token_forecast,omitzero"`
	CreatedAt     time.Time       `json:"created_at"`
	UpdatedAt     time.Time       `json:"updated_at"`
}

// RevokeKeyBody is sent by RevokeKey.
type RevokeKeyBody struct {
	// Must be true: somebody else has, or may have, the key.
	Compromised bool `json:"compromised,omitzero"`
}

// RevokedKey is in the answer of RevokeKey.
type RevokedKey struct {
	// Verifiers that honour the headers of the JWKS refuse what the key signed from then on, at the
	// latest.
	FollowersUntil time.Time  `json:"followers_until"`
	Key            SigningKey `json:"key"`
	// The fresh key that is published to sign after that one.
	Next *SigningKey `json:"next,omitzero"`
	// The key of its algorithm that signs now; absent while none does.
	Signs *SigningKey `json:"signs,omitzero"`
	// The same for those that do not reach the issuer since, and go by stale-if-error. Verifiers that
	// follow no headers are not in this.
	UnreachableUntil time.Time `json:"unreachable_until"`
}

// RewrapKeysBody is sent by RewrapKeys.
type RewrapKeysBody struct {
	// The next_cursor of the answer before; absent to begin.
	Cursor string `json:"cursor,omitzero"`
}

// Rewrapped is in the answer of RewrapKeys.
type Rewrapped struct {
	// Values that this request met and that cannot be rewrapped. They are left as they are.
	Damaged []DamagedSealed `json:"damaged"`
	// Fingerprint of the present master key.
	MasterKey string `json:"master_key"`
	// The cursor to go on with; absent at the end.
	NextCursor string `json:"next_cursor,omitzero"`
	// Values that are not under it, those that cannot be rewrapped among them. Counted at the
	// beginning and again at the end.
	Remaining int64 `json:"remaining"`
	// Values that this request brought under it.
	Rewrapped int64 `json:"rewrapped"`
}

// Role is in the answer of ListRoles.
type Role struct {
	// In the roles claim of tokens. Never changes.
	Name        string `json:"name"`
	Description string `json:"description,omitzero"`
	// Roles of the tenant; who holds this one may do what they let people do.
	Includes []string `json:"includes"`
	// Those of its own.
	Permissions []RolePermission `json:"permissions"`
	// The role template that it was made from.
	Template string `json:"template,omitzero"`
	// How large access tokens get of somebody who holds this role and no other. Not in lists.
	TokenForecast []TokenForecast `json:"token_forecast,omitzero"`
	CreatedAt     time.Time       `json:"created_at"`
	UpdatedAt     time.Time       `json:"updated_at"`
}

// RoleMapping is sent by CreateConnector.
type RoleMapping struct {
	// As the provider writes it.
	Group string `json:"group"`
	// A role of the tenant that people join.
	Role string `json:"role"`
}

// RolePermission is sent by CreateRoleTemplate.
type RolePermission struct {
	Slug string `json:"slug"`
	// The resource server that declares it.
	Audience string `json:"audience"`
}

// RoleTemplate is in the answer of ListRoleTemplates.
type RoleTemplate struct {
	Name        string `json:"name"`
	Description string `json:"description,omitzero"`
	// Cannot be deleted.
	BuiltIn     bool             `json:"built_in"`
	Permissions []RolePermission `json:"permissions"`
	CreatedAt   time.Time        `json:"created_at"`
	UpdatedAt   time.Time        `json:"updated_at"`
}

// RotateKeysBody is sent by RotateKeys.
type RotateKeysBody struct {
	// The algorithm whose key is replaced; absent: every one that signs.
	Algorithm string `json:"algorithm,omitzero"`
}

// Rotated is in the answer of RotateKeys.
type Rotated struct {
	Algorithm string `json:"algorithm"`
	// The key that takes over.
	KID string `json:"kid"`
	// That is now.
	Signs bool `json:"signs"`
	// From when on it signs: as soon as no verifier that honours the headers of the JWKS can lack it.
	SignsAt time.Time `json:"signs_at"`
}

// SaveDomainBody is sent by SaveDomain.
type SaveDomainBody struct {
	// Reference or identifier of the connector that people with such an address are sent to: one whose
	// people belong to the tenant. Absent: any of them.
	ConnectorID string `json:"connector_id,omitzero"`
	// Installation administrators only: vouch for the domain without DNS, or take its verification
	// away. Absent: as it is.
	Verified *bool `json:"verified,omitzero"`
}

// SavePermissionBody is sent by SavePermission.
type SavePermissionBody struct {
	Description string `json:"description,omitzero"`
}

// Session is in the answer of ListSessions.
type Session struct {
	// The sid claim.
	ID  string `json:"id"`
	ACR string `json:"acr,omitzero"`
	// Where the person signed in from.
	Address string   `json:"address"`
	AMR     []string `json:"amr,omitzero"`
	// When the person last proved who they are.
	AuthenticatedAt time.Time `json:"authenticated_at"`
	// When it ends in any case.
	EndsAt time.Time `json:"ends_at"`
	// When it ends unless it is used before.
	ExpiresAt time.Time `json:"expires_at"`
	// What the browser says it is.
	UserAgent string    `json:"user_agent"`
	UserID    string    `json:"user_id"`
	CreatedAt time.Time `json:"created_at"`
}

// SigningKey is in the answer of ListKeys.
type SigningKey struct {
	// Since when it signs.
	ActivatedAt time.Time `json:"activated_at,omitzero"`
	Algorithm   string    `json:"algorithm"`
	// When it was said to be stolen; absent for others.
	CompromisedAt time.Time `json:"compromised_at,omitzero"`
	// What keeps its private half, such as pkcs11; absent when it is encrypted in the database.
	Custodian string `json:"custodian,omitzero"`
	// Why it cannot be opened by this replica; absent for those that can.
	Damage string `json:"damage,omitzero"`
	// When its private half was destroyed.
	ErasedAt time.Time `json:"erased_at,omitzero"`
	// The kid in the header of what it signed: its RFC 7638 thumbprint.
	KID string `json:"kid"`
	// When the last token expires that it is known to have signed.
	MaxExpiry time.Time `json:"max_expiry,omitzero"`
	// Since when verifiers can fetch it. This and the times below may lie ahead: then they are
	// planned.
	PublishedAt time.Time `json:"published_at,omitzero"`
	// Since when it is not published and what it signed is refused. Planned once it has retired.
	RemovedAt time.Time `json:"removed_at,omitzero"`
	// Since when it does not sign any more, because another does.
	RetiredAt time.Time `json:"retired_at,omitzero"`
	// next, active and retiring keys are published; active keys sign. One of "pending", "next",
	// "active", "retiring", "removed".
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
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
	// It is entered through its connectors alone: passwords are refused to its people, and to
	// addresses in its verified domains.
	OnlyConnectors bool      `json:"only_connectors"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// TokenForecast is in the answer of ListClients.
type TokenForecast struct {
	// Of tokens for this resource server; absent: for any.
	Audience string `json:"audience,omitzero"`
	// About the size of the token with everything in it.
	Bytes int64 `json:"bytes"`
	// Whether it would leave permissions or declared claims out.
	OverBudget bool `json:"over_budget"`
}

// TokenPreview is in the answer of PreviewToken.
type TokenPreview struct {
	AccessToken PreviewedToken `json:"access_token"`
	// The size beyond which tokens leave out permissions, then declared claims.
	BudgetBytes int64 `json:"budget_bytes"`
	// Absent when there would be none: for machines, and without the scope openid.
	IDToken *PreviewedToken `json:"id_token,omitzero"`
}

// UpdateClientBody is sent by UpdateClient.
type UpdateClientBody struct {
	Name                *string  `json:"name,omitzero"`
	AccessTokenLifetime *int64   `json:"access_token_lifetime,omitzero"`
	Audiences           []string `json:"audiences,omitzero"`
	// A client that becomes public loses its secrets; one that becomes confidential needs one made.
	AuthMethod *string `json:"auth_method,omitzero"`
	// Installation administrators only.
	Claims []DeclaredClaim `json:"claims,omitzero"`
	// Disabling recalls everything that was issued to it, for good.
	Disabled   *bool    `json:"disabled,omitzero"`
	GrantTypes []string `json:"grant_types,omitzero"`
	// Empty for the server's default.
	IDTokenAlgorithm       *string  `json:"id_token_algorithm,omitzero"`
	Origins                []string `json:"origins,omitzero"`
	PKCEOptional           *bool    `json:"pkce_optional,omitzero"`
	PolicyURI              *string  `json:"policy_uri,omitzero"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitzero"`
	RedirectURIs           []string `json:"redirect_uris,omitzero"`
	Scopes                 []string `json:"scopes,omitzero"`
	ServesAudience         *string  `json:"serves_audience,omitzero"`
	SkipConsent            *bool    `json:"skip_consent,omitzero"`
	TermsURI               *string  `json:"terms_uri,omitzero"`
}

// UpdateConnectorBody is sent by UpdateConnector.
type UpdateConnectorBody struct {
	Name           *string `json:"name,omitzero"`
	AssumeVerified *bool   `json:"assume_verified,omitzero"`
	Authoritative  *bool   `json:"authoritative,omitzero"`
	ClientID       *string `json:"client_id,omitzero"`
	// Replaces the one before; empty takes it away.
	ClientSecret *string `json:"client_secret,omitzero"`
	// Replaces all; members keep what they have.
	DefaultRoles []string `json:"default_roles,omitzero"`
	Disabled     *bool    `json:"disabled,omitzero"`
	GroupsClaim  *string  `json:"groups_claim,omitzero"`
	Hidden       *bool    `json:"hidden,omitzero"`
	// Replaces all.
	HostedDomains []string `json:"hosted_domains,omitzero"`
	// People are known by it: with another one they are new. A client secret that is stored is not
	// sent to another one: give it anew.
	Issuer *string `json:"issuer,omitzero"`
	// Installation administrators only. Empty: none.
	JoinsTenantID *string `json:"joins_tenant_id,omitzero"`
	KeepTokens    *bool   `json:"keep_tokens,omitzero"`
	Provision     *bool   `json:"provision,omitzero"`
	// Replaces all, from the next sign-in of each person on.
	RoleMappings []RoleMapping `json:"role_mappings,omitzero"`
	// Replaces all.
	Scopes []string `json:"scopes,omitzero"`
}

// UpdateMemberBody is sent by UpdateMember.
type UpdateMemberBody struct {
	// Installation administrators only. Replaces all.
	Attributes map[string]any `json:"attributes,omitzero"`
	// Replaces all.
	Roles []string `json:"roles,omitzero"`
	// Suspending recalls every token of the person for this tenant.
	Suspended *bool `json:"suspended,omitzero"`
}

// UpdateResourceServerBody is sent by UpdateResourceServer.
type UpdateResourceServerBody struct {
	Name *string `json:"name,omitzero"`
	// Replaces all.
	Claims []DeclaredClaim `json:"claims,omitzero"`
	// Empty for the server's default. Tokens that were issued before keep theirs: the service has to
	// accept both for a while.
	SigningAlgorithm *string `json:"signing_algorithm,omitzero"`
}

// UpdateRoleBody is sent by UpdateRole.
type UpdateRoleBody struct {
	Description *string `json:"description,omitzero"`
	// Replaces all.
	Includes []string `json:"includes,omitzero"`
	// Replaces all.
	Permissions []RolePermission `json:"permissions,omitzero"`
}

// UpdateTemplateBody is sent by UpdateRoleTemplate.
type UpdateTemplateBody struct {
	Description *string `json:"description,omitzero"`
	// Replaces all.
	Permissions []RolePermission `json:"permissions,omitzero"`
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
	// Let people in through the connectors of the tenant alone. It needs one that is enabled.
	OnlyConnectors *bool `json:"only_connectors,omitzero"`
}

// UpdateUserBody is sent by UpdateUser.
type UpdateUserBody struct {
	// Another address is not verified, unless email_verified says so.
	Email *string `json:"email,omitzero"`
	Name  *string `json:"name,omitzero"`
	// Disabling ends every session and recalls every token of the person.
	Disabled      *bool   `json:"disabled,omitzero"`
	EmailVerified *bool   `json:"email_verified,omitzero"`
	FamilyName    *string `json:"family_name,omitzero"`
	GivenName     *string `json:"given_name,omitzero"`
	Locale        *string `json:"locale,omitzero"`
	// Another password ends every session and recalls every token of the person.
	Password     *string `json:"password,omitzero"`
	PasswordHash *string `json:"password_hash,omitzero"`
	Picture      *string `json:"picture,omitzero"`
}

// User is in the answer of ListUsers.
type User struct {
	// Never changes; the sub claim of tokens.
	ID string `json:"id"`
	// As the person writes it; unique without regard to case.
	Email string `json:"email"`
	Name  string `json:"name,omitzero"`
	// Since when the person cannot sign in anywhere; absent while they can.
	DisabledAt    time.Time `json:"disabled_at,omitzero"`
	EmailVerified bool      `json:"email_verified"`
	FamilyName    string    `json:"family_name,omitzero"`
	GivenName     string    `json:"given_name,omitzero"`
	Locale        string    `json:"locale,omitzero"`
	Picture       string    `json:"picture,omitzero"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
}

// UserMembership is in the answer of ListUserMemberships.
type UserMembership struct {
	GrantedAt   time.Time `json:"granted_at"`
	GrantedBy   string    `json:"granted_by"`
	Roles       []string  `json:"roles"`
	SuspendedAt time.Time `json:"suspended_at,omitzero"`
	// The tenant's slug.
	Tenant     string `json:"tenant"`
	TenantID   string `json:"tenant_id"`
	TenantName string `json:"tenant_name"`
}
