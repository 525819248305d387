package postgres

import (
	"context"
	"encoding/json"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
)

// Providers finds connectors, and where addresses lead, for people who sign in: connector.Cache is
// before it. Administrators use Connectors and Domains.
type Providers struct{ db *DB }

// Providers returns the connectors as people who sign in see them.
func (db *DB) Providers() Providers { return Providers{db} }

// FindConnector finds by reference, enabled or not; the connector of a disabled tenant is disabled.
func (s Providers) FindConnector(ctx context.Context, reference string) (connector.Connector, error) {
	row, err := s.db.q.FindConnector(ctx, reference)
	if err != nil {
		return connector.Connector{}, wrap("find connector", err)
	}
	c := toConnector(row.Connector)
	if c.Enabled() {
		c.DisabledAt = zeroTime(row.TenantDisabledAt)
	}
	return c, nil
}

// ListConnectors returns the enabled connectors whose people belong to the tenant, the tenant's own
// first; for the zero tenant the enabled ones of the installation.
func (s Providers) ListConnectors(ctx context.Context, tenant id.Tenant) ([]connector.Connector, error) {
	var rows []sqlcgen.Connector
	var err error
	if tenant.IsZero() {
		rows, err = s.db.q.ListInstallationConnectors(ctx)
	} else {
		rows, err = s.db.q.ListConnectorsOfTenant(ctx, tenant.UUID())
	}
	out := make([]connector.Connector, len(rows))
	for i, r := range rows {
		out[i] = toConnector(r)
	}
	return out, wrap("list connectors", err)
}

// FindRealm returns where the addresses of a normalized domain lead; errdefs.ErrNotFound for one that
// no enabled tenant has proven.
func (s Providers) FindRealm(ctx context.Context, domain string) (connector.Realm, error) {
	row, err := s.db.q.FindRealm(ctx, domain)
	if err != nil {
		return connector.Realm{}, wrap("find realm", err)
	}
	r := connector.Realm{
		Domain: row.TenantDomain.Domain, Tenant: id.TenantFromUUID(row.TenantDomain.TenantID), TenantName: row.Name, OnlyConnectors: row.OnlyConnectors,
	}
	r.Connectors, err = s.ListConnectors(ctx, r.Tenant)
	if own := row.TenantDomain.ConnectorID; own != nil {
		for _, c := range r.Connectors {
			if c.ID.UUID() == *own {
				r.Connectors = []connector.Connector{c}
				break
			}
		}
	}
	return r, err
}

// HasRealms reports whether any domain was proven.
func (s Providers) HasRealms(ctx context.Context) (bool, error) {
	any, err := s.db.q.HasRealms(ctx)
	return any, wrap("find realms", err)
}

func toConnector(r sqlcgen.Connector) connector.Connector {
	c := connector.Connector{
		ID: id.ConnectorFromUUID(r.ID), Reference: r.Reference, Slug: r.Slug, Kind: connector.Kind(r.Kind), Name: r.Name,
		Issuer: r.Issuer, ClientID: r.ClientID, Secret: r.SealedSecret, Scopes: r.Scopes, HostedDomains: r.HostedDomains,
		AssumeVerified: r.AssumeVerified, Authoritative: r.Authoritative, Provision: r.Provision, DefaultRoles: r.DefaultRoles,
		GroupsClaim: r.GroupsClaim, KeepTokens: r.KeepTokens, Hidden: r.Hidden, ManagedBy: r.ManagedBy,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, DisabledAt: zeroTime(r.DisabledAt), Version: r.Version,
	}
	if r.TenantID != nil {
		c.Tenant = id.TenantFromUUID(*r.TenantID)
		c.Joins = c.Tenant
	} else if r.JoinsTenantID != nil {
		c.Joins = id.TenantFromUUID(*r.JoinsTenantID)
	}
	if json.Unmarshal(r.RoleMappings, &c.RoleMappings) != nil {
		c.GroupsClaim = "" // what cannot be read neither gives roles nor takes them
	}
	return c
}
