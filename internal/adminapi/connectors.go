package adminapi

import (
	"context"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// Connectors stores connectors. A reach of one tenant sees those of the tenant, and of the
// installation's those whose people join it.
type Connectors interface {
	// List returns connectors, oldest first; the tenant, unless it is zero, narrows it to those whose
	// people belong to it (Connector.Joins).
	List(ctx context.Context, reach admin.Reach, tenant id.Tenant, p admin.Page) (admin.List[connector.Connector], error)
	// Find finds by reference or identifier.
	Find(ctx context.Context, reach admin.Reach, reference string) (connector.Connector, error)
	// Create sets Reference, from the slug that the tenant has now, and times. A slug that is taken is
	// admin.Conflict("slug", …), a role that does not exist in Joins admin.Invalid("default_roles[i]"
	// or "role_mappings[i].role", …).
	Create(ctx context.Context, a admin.Act, c connector.Connector) (created connector.Connector, replayed bool, err error)
	// Update edits what is no part of its reference; what the environment manages is
	// errdefs.ErrConflict.
	Update(ctx context.Context, a admin.Act, c id.Connector, edit func(*connector.Connector) error) (connector.Connector, error)
	// Delete removes a connector with its identities and the roles that they gave, and ends the
	// sessions that rest on it. While it has identities, or domains lead to it, it is
	// errdefs.ErrConflict without force.
	Delete(ctx context.Context, a admin.Act, c id.Connector, keep time.Duration, force bool) error
}

// Domains stores the domains that tenants claim.
type Domains interface {
	// ListDomains returns those of a tenant by name.
	ListDomains(ctx context.Context, tenant id.Tenant, p admin.Page) (admin.List[connector.Domain], error)
	FindDomain(ctx context.Context, tenant id.Tenant, domain string) (connector.Domain, error)
	// SaveDomain claims a domain, with all that d says, or edits one that the tenant has claimed: then
	// Challenge and CreatedAt stay, and so does its verification unless verified says otherwise. A
	// domain that another tenant has proven is admin.Conflict("verified", …) when it is to be verified.
	// Replacing a claim with a.Unread is admin.ErrUnread.
	SaveDomain(ctx context.Context, a admin.Act, d connector.Domain, verified *bool) (connector.Domain, error)
	// VerifyDomain marks a claim as proven by its TXT record; errdefs.ErrConflict when another tenant
	// has proven the domain. One that is verified stays as it is.
	VerifyDomain(ctx context.Context, a admin.Act, tenant id.Tenant, domain string) (connector.Domain, error)
	DeleteDomain(ctx context.Context, a admin.Act, tenant id.Tenant, domain string) error
}

// Identities stores who is who. A reach of one tenant sees the identities at the connectors of that
// tenant, not those at the installation's.
type Identities interface {
	ListIdentitiesOf(ctx context.Context, reach admin.Reach, user id.User, p admin.Page) (admin.List[connector.LinkedIdentity], error)
	ListIdentitiesAt(ctx context.Context, reach admin.Reach, c id.Connector, p admin.Page) (admin.List[connector.LinkedIdentity], error)
	FindIdentity(ctx context.Context, reach admin.Reach, user id.User, i id.Identity) (connector.LinkedIdentity, error)
	// DeleteIdentity unlinks an identity, even the last way to sign in, takes the roles that it gave,
	// and ends the sessions that rest on it.
	DeleteIdentity(ctx context.Context, a admin.Act, user id.User, i id.Identity, keep time.Duration) error
	// ReadTokens returns the sealed tokens of an identity; nil when none are kept, of which nothing is
	// recorded.
	ReadTokens(ctx context.Context, a admin.Act, user id.User, i id.Identity) (sealed []byte, err error)
}

// ConnectorTester speaks with a provider as a sign-in would; package upstream implements it.
type ConnectorTester interface {
	Test(ctx context.Context, c connector.Connector, s secret.Text) []connector.Finding
}

// Resolver looks up names; *net.Resolver implements it.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}
