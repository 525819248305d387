package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/revocation"
)

// Connectors stores connectors for administrators. Those of a tenant see what its people come
// through, and change what is the tenant's own.
type Connectors struct{ db *DB }

// Connectors returns the store of connectors.
func (db *DB) Connectors() Connectors { return Connectors{db} }

// List returns connectors within reach, oldest first; the tenant, unless it is zero, narrows it to
// those whose people belong to it.
func (s Connectors) List(ctx context.Context, reach admin.Reach, tenant id.Tenant, p admin.Page) (admin.List[connector.Connector], error) {
	k, err := after(p)
	if err != nil || reach == (admin.Reach{}) {
		return admin.List[connector.Connector]{}, err
	}
	rows, err := s.db.q.ListConnectors(ctx, sqlcgen.ListConnectorsParams{
		ReachAll: reach.All, Reach: nullUUID(reach.Tenant.UUID()), TenantID: nullUUID(tenant.UUID()),
		AfterTime: k.Time, AfterID: k.ID, Page: int32(p.Limit + 1),
	})
	l := limited(rows, p.Limit, func(r sqlcgen.Connector) any { return pageKey{r.CreatedAt, r.ID} })
	return listOf(l, toConnector), wrap("list connectors", err)
}

// Find finds by reference or identifier; errdefs.ErrNotFound if there is none within reach.
func (s Connectors) Find(ctx context.Context, reach admin.Reach, reference string) (connector.Connector, error) {
	if reach == (admin.Reach{}) {
		return connector.Connector{}, errNothing
	}
	p := sqlcgen.ReadConnectorParams{ReachAll: reach.All, Reach: nullUUID(reach.Tenant.UUID()), Reference: reference}
	if c, err := id.ParseConnector(reference); err == nil {
		p.ID = c.UUID()
	}
	row, err := s.db.q.ReadConnector(ctx, p)
	return toConnector(row), wrap("find connector", err)
}

// Create stores a connector and sets its reference, from the slug that the tenant has now. Faults name
// the fields of connector.Check, slug, joins_tenant_id, default_roles[i] and role_mappings[i].role.
func (s Connectors) Create(ctx context.Context, a admin.Act, c connector.Connector) (created connector.Connector, replayed bool, err error) {
	if !a.Actor.Manages(c.Tenant) {
		return connector.Connector{}, false, errNothing
	}
	if !c.Tenant.IsZero() {
		c.Joins = c.Tenant
	}
	if err := c.Check(); err != nil {
		return connector.Connector{}, false, err
	}
	reference, replayed, err := s.db.act(ctx, "create connector", a, func(q *sqlcgen.Queries) (string, error) {
		if c.Reference, err = place(ctx, q, c); err != nil {
			return "", err
		}
		if err := mapped(ctx, q, connector.Connector{}, c); err != nil {
			return "", err
		}
		mappings, err := mappingsOf(c)
		if err != nil {
			return "", err
		}
		row, err := q.CreateConnector(ctx, sqlcgen.CreateConnectorParams{
			ID: c.ID.UUID(), Reference: c.Reference, Slug: c.Slug, TenantID: nullUUID(c.Tenant.UUID()), JoinsTenantID: joinsOf(c),
			Kind: string(c.Kind), Name: c.Name, Issuer: c.Issuer, ClientID: c.ClientID, SealedSecret: c.Secret, Scopes: list(c.Scopes),
			HostedDomains: list(c.HostedDomains), AssumeVerified: c.AssumeVerified, Authoritative: c.Authoritative, Provision: c.Provision,
			DefaultRoles: list(c.DefaultRoles), GroupsClaim: c.GroupsClaim, RoleMappings: mappings, KeepTokens: c.KeepTokens,
			Hidden: c.Hidden, DisabledAt: nullTime(c.DisabledAt),
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return "", admin.Conflict("slug", "another connector has it; choose another one")
		}
		created = toConnector(row)
		return created.ID.String(), err
	})
	if err == nil && replayed {
		created, err = s.Find(ctx, admin.Reach{All: true}, reference)
	}
	return created, replayed, err
}

// place locks the tenant that people of the connector belong to and returns the connector's reference.
func place(ctx context.Context, q *sqlcgen.Queries, c connector.Connector) (string, error) {
	var slug string
	if !c.Joins.IsZero() {
		t, err := q.LockTenant(ctx, c.Joins.UUID())
		if errors.Is(err, pgx.ErrNoRows) && c.Tenant.IsZero() {
			return "", admin.Invalid("joins_tenant_id", "there is no such tenant")
		}
		if err != nil {
			return "", err
		}
		slug = t.Slug
	}
	if c.Tenant.IsZero() {
		return connector.ReferenceFor("", c.Slug), nil
	}
	n, err := q.CountConnectors(ctx, c.Tenant.UUID())
	if err == nil && n >= connector.MaxConnectors {
		err = errdefs.Say(errdefs.ErrConflict, nil, "The tenant has %d connectors, which is the most; delete one first.", connector.MaxConnectors)
	}
	return connector.ReferenceFor(slug, c.Slug), err
}

// mapped refuses roles that the tenant of the people does not have. Those that were named before may
// have gone since.
func mapped(ctx context.Context, q *sqlcgen.Queries, was, now connector.Connector) error {
	before := make(map[string]bool)
	if was.Joins == now.Joins {
		for _, r := range was.DefaultRoles {
			before[r] = true
		}
		for _, m := range was.RoleMappings {
			before[m.Role] = true
		}
	}
	wanted := slices.Clone(now.DefaultRoles)
	for _, m := range now.RoleMappings {
		wanted = append(wanted, m.Role)
	}
	wanted = slices.DeleteFunc(wanted, func(r string) bool { return before[r] })
	if len(wanted) == 0 {
		return nil
	}
	missing, err := q.MissingRoles(ctx, sqlcgen.MissingRolesParams{TenantID: now.Joins.UUID(), Names: wanted})
	if err != nil {
		return err
	}
	var faults []error
	refuse := func(field, role string) {
		if slices.Contains(missing, role) {
			faults = append(faults, admin.Invalid(field, "the tenant has no such role"))
		}
	}
	for i, r := range now.DefaultRoles {
		refuse(fmt.Sprintf("default_roles[%d]", i), r)
	}
	for i, m := range now.RoleMappings {
		refuse(fmt.Sprintf("role_mappings[%d].role", i), m.Role)
	}
	return errors.Join(faults...)
}

// joinsOf is the column: of a tenant's connector it is empty, for its people join that tenant.
func joinsOf(c connector.Connector) *[16]byte {
	if !c.Tenant.IsZero() {
		return nil
	}
	return nullUUID(c.Joins.UUID())
}

func mappingsOf(c connector.Connector) ([]byte, error) {
	if len(c.RoleMappings) == 0 {
		return array(nil), nil
	}
	return json.Marshal(c.RoleMappings)
}

// locked returns a connector that the actor may change, under its lock and that of the tenant that its
// people belong to.
func (s Connectors) locked(ctx context.Context, q *sqlcgen.Queries, a admin.Act, c id.Connector) (connector.Connector, error) {
	reach := a.Actor.ManageReach()
	seen, err := q.ReadConnector(ctx, sqlcgen.ReadConnectorParams{ReachAll: reach.All, Reach: nullUUID(reach.Tenant.UUID()), ID: c.UUID()})
	if err != nil {
		return connector.Connector{}, err
	}
	if joins := toConnector(seen).Joins; !joins.IsZero() {
		if _, err := q.LockTenant(ctx, joins.UUID()); err != nil {
			return connector.Connector{}, err
		}
	}
	row, err := q.LockConnector(ctx, sqlcgen.LockConnectorParams{ReachAll: reach.All, Reach: nullUUID(reach.Tenant.UUID()), ID: c.UUID()})
	out := toConnector(row)
	switch {
	case err != nil:
		return out, err
	case out.ManagedBy == connector.FromEnvironment:
		return out, errdefs.Say(errdefs.ErrConflict, nil, "The settings of the server declare this connector. Change it there.")
	case a.IfVersion != 0 && a.IfVersion != out.Version:
		return out, admin.ErrVersion
	}
	return out, nil
}

// Update edits what is no part of a connector's reference. edit changes what it is given, which is read
// under a lock; it may refuse. When people join another tenant from now on, or their groups are no
// longer heeded, the roles that their groups gave are taken; tokens that are not kept any more are
// forgotten.
func (s Connectors) Update(ctx context.Context, a admin.Act, c id.Connector, edit func(*connector.Connector) error) (connector.Connector, error) {
	var out connector.Connector
	_, _, err := s.db.act(ctx, "update connector", a, func(q *sqlcgen.Queries) (string, error) {
		was, err := s.locked(ctx, q, a, c)
		if err != nil {
			return "", err
		}
		now := was
		now.Scopes, now.HostedDomains, now.DefaultRoles = slices.Clone(was.Scopes), slices.Clone(was.HostedDomains), slices.Clone(was.DefaultRoles)
		now.RoleMappings = slices.Clone(was.RoleMappings)
		if err := edit(&now); err != nil {
			return "", err
		}
		now.ID, now.Reference, now.Slug, now.Tenant = was.ID, was.Reference, was.Slug, was.Tenant
		if !now.Tenant.IsZero() {
			now.Joins = now.Tenant
		}
		if err := now.CheckEdit(was); err != nil {
			return "", err
		}
		if out, err = updateConnector(ctx, q, was, now); err != nil {
			return "", err
		}
		return c.String(), stillEntered(ctx, q, was.Joins)
	})
	return out, err
}

func updateConnector(ctx context.Context, q *sqlcgen.Queries, was, now connector.Connector) (connector.Connector, error) {
	var none connector.Connector
	if now.Joins != was.Joins && !now.Joins.IsZero() {
		if _, err := q.LockTenant(ctx, now.Joins.UUID()); errors.Is(err, pgx.ErrNoRows) {
			return none, admin.Invalid("joins_tenant_id", "there is no such tenant")
		} else if err != nil {
			return none, err
		}
	}
	if err := mapped(ctx, q, was, now); err != nil {
		return none, err
	}
	mappings, err := mappingsOf(now)
	if err != nil {
		return none, err
	}
	if err := withdraw(ctx, q, was, now); err != nil {
		return none, err
	}
	row, err := q.UpdateConnector(ctx, sqlcgen.UpdateConnectorParams{
		ID: now.ID.UUID(), JoinsTenantID: joinsOf(now), Kind: string(now.Kind), Name: now.Name, Issuer: now.Issuer, ClientID: now.ClientID,
		SealedSecret: now.Secret, Scopes: list(now.Scopes), HostedDomains: list(now.HostedDomains), AssumeVerified: now.AssumeVerified,
		Authoritative: now.Authoritative, Provision: now.Provision, DefaultRoles: list(now.DefaultRoles), GroupsClaim: now.GroupsClaim,
		RoleMappings: mappings, KeepTokens: now.KeepTokens, Hidden: now.Hidden, DisabledAt: nullTime(now.DisabledAt),
	})
	return toConnector(row), err
}

// withdraw takes what a connector gave and, as it is now, gives no more: roles when people join another
// tenant or their groups are not heeded, domains of a tenant that people do not join, tokens that are
// not kept.
func withdraw(ctx context.Context, q *sqlcgen.Queries, was, now connector.Connector) error {
	c := now.ID.UUID()
	elsewhere := now.Joins != was.Joins
	roles, tokens := elsewhere || now.GroupsClaim == "" && was.GroupsClaim != "", was.KeepTokens && !now.KeepTokens
	if roles || tokens {
		if err := q.TakeTime(ctx); err != nil { // everybody may have them
			return err
		}
	}
	if roles {
		if err := q.TakeConnectorRoles(ctx, c); err != nil {
			return err
		}
	}
	if tokens {
		if err := q.ForgetTokens(ctx, c); err != nil {
			return err
		}
	}
	if !elsewhere {
		return nil
	}
	return q.LeadElsewhere(ctx, sqlcgen.LeadElsewhereParams{ConnectorID: &c, Joins: now.Joins.UUID()})
}

// stillEntered refuses a change after which nobody could enter a tenant.
func stillEntered(ctx context.Context, q *sqlcgen.Queries, tenant id.Tenant) error {
	if tenant.IsZero() {
		return nil
	}
	can, err := q.CanEnter(ctx, tenant.UUID())
	if err == nil && !can {
		err = errdefs.Say(errdefs.ErrConflict, nil, "The tenant is entered through its connectors alone, and no other one is enabled. Let passwords in first.")
	}
	return err
}

// Delete removes a connector with its identities and the roles that they gave, and ends the sessions
// that rest on it; keep is the longest that one of their access tokens can still live. While it has
// identities, or domains lead to it, it is errdefs.ErrConflict without force.
func (s Connectors) Delete(ctx context.Context, a admin.Act, c id.Connector, keep time.Duration, force bool) error {
	var cut []revocation.Cutoff
	_, _, err := s.db.act(ctx, "delete connector", a, func(q *sqlcgen.Queries) (string, error) {
		was, err := s.locked(ctx, q, a, c)
		if err != nil {
			return "", err
		}
		used, err := q.ConnectorInUse(ctx, c.UUID())
		switch {
		case err != nil:
			return "", err
		case !force && used.Linked:
			return "", errdefs.Say(errdefs.ErrConflict, nil, "People sign in through this connector. Disable it, or delete with force=true: they keep their accounts.")
		case !force && used.LedTo:
			return "", errdefs.Say(errdefs.ErrConflict, nil, "Domains lead to this connector. Have them lead elsewhere first, or delete with force=true.")
		}
		if err := q.TakeTime(ctx); err != nil {
			return "", err
		}
		if err := q.TakeConnectorRoles(ctx, c.UUID()); err != nil {
			return "", err
		}
		if err := q.DeleteConnector(ctx, c.UUID()); err != nil {
			return "", err
		}
		u := c.UUID()
		sessions, err := q.ListSessionsOfConnector(ctx, &u)
		if err != nil {
			return "", err
		}
		if cut, err = s.db.endEach(ctx, q, sessions, keep); err != nil {
			return "", err
		}
		if len(sessions) > 0 {
			note(a, "sessions_ended", strconv.Itoa(len(sessions)))
		}
		return c.String(), stillEntered(ctx, q, was.Joins)
	})
	if err == nil {
		s.db.stored(cut...)
	}
	return err
}
