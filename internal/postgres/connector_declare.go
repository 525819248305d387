package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/secret"
)

// Declare has the connectors of the installation be as the settings of the server declare them, in
// one transaction, and says what became of each. One that somebody made under the same reference is
// taken over with its identities; one that is no longer declared is disabled and given back. What is
// as declared is not written, so that replicas which start do not have the others forget anything.
func (db *DB) Declare(ctx context.Context, declared []connector.Declaration, keeper *connector.Keeper, now time.Time) ([]connector.Declared, error) {
	return db.declare(ctx, declared, true, keeper, now)
}

// DeclareAgain is Declare for some of the declarations, about which alone it says anything.
func (db *DB) DeclareAgain(ctx context.Context, some []connector.Declaration, keeper *connector.Keeper, now time.Time) ([]connector.Declared, error) {
	return db.declare(ctx, some, false, keeper, now)
}

func (db *DB) declare(ctx context.Context, declared []connector.Declaration, whole bool, keeper *connector.Keeper, now time.Time) (results []connector.Declared, err error) {
	err = db.inTx(ctx, "declare connectors", func(q *sqlcgen.Queries) error {
		results = nil
		if err := q.LockDeclarations(ctx); err != nil {
			return err
		}
		d := declarer{ctx, q, keeper, now, nil}
		references := []string{}
		for _, declaration := range declared {
			references = append(references, declaration.Connector.Reference)
			result, err := d.declare(declaration)
			if err != nil {
				return err
			}
			results = append(results, result)
		}
		if !whole {
			return appendEvents(ctx, q, d.events)
		}
		released, err := q.ReleaseConnectors(ctx, references)
		if err != nil {
			return err
		}
		for _, r := range released {
			d.record(audit.ConnectorUpdated, id.ConnectorFromUUID(r.ID), r.Reference)
			results = append(results, connector.Declared{Reference: r.Reference, Result: connector.Released})
		}
		return appendEvents(ctx, q, d.events)
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

type declarer struct {
	ctx    context.Context
	q      *sqlcgen.Queries
	keeper *connector.Keeper
	now    time.Time
	events []audit.Event
}

// record notes what happened. Nobody is named: whoever writes settings is known to nobody here.
func (d *declarer) record(a audit.Action, c id.Connector, reference string) {
	d.events = append(d.events, audit.Event{
		At: d.now, Action: a, Target: c.String(),
		Detail: map[string]string{"connector": reference, "declared_by": connector.FromEnvironment},
	})
}

// declare stores one whole connector of the installation.
func (d *declarer) declare(declaration connector.Declaration) (connector.Declared, error) {
	c := declaration.Connector
	done := connector.Declared{Reference: c.Reference}
	fault, err := d.join(&c, declaration.Joins)
	if fault != "" || err != nil {
		done.Result, done.Fault = connector.Faulty, fault
		return done, err
	}
	row, err := d.q.FindInstallationConnector(d.ctx, c.Reference)
	known := err == nil
	if !known && !errors.Is(err, pgx.ErrNoRows) {
		return done, err
	}
	c.ID = id.NewConnector(d.now)
	if known {
		c.ID = id.ConnectorFromUUID(row.ID)
	}
	if known && d.sameSecret(c.ID, row.SealedSecret, declaration.Secret) {
		c.Secret = row.SealedSecret
	} else if c.Secret, err = d.keeper.SealSecret(c.ID, declaration.Secret); err != nil {
		return done, err
	}
	wanted, err := connectorColumns(c)
	if err != nil {
		return done, err
	}
	if known && row.DisabledAt == nil {
		if stored, err := connectorColumns(toConnector(row)); err == nil && reflect.DeepEqual(wanted, stored) {
			return done, nil
		}
	}
	action := audit.ConnectorCreated
	done.Result = connector.Created
	if known {
		action, done.Result = audit.ConnectorUpdated, connector.Changed
		if err := withdraw(d.ctx, d.q, toConnector(row), c); err != nil {
			return done, err
		}
	}
	d.record(action, c.ID, c.Reference)
	return done, d.q.DeclareConnector(d.ctx, wanted)
}

// join finds the tenant that people join, and says what is missing.
func (d *declarer) join(c *connector.Connector, slug string) (fault string, err error) {
	if slug == "" {
		return "", nil
	}
	if slug == admin.InstallationTenant {
		return "whoever came would belong to the administrators of the installation: choose another tenant, and add administrators by hand", nil
	}
	tenant, err := d.q.FindTenantByReference(d.ctx, sqlcgen.FindTenantByReferenceParams{Slug: slug})
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Sprintf("there is no tenant %q for people to join: create it, or correct join_tenant", slug), nil
	}
	if err != nil {
		return "", err
	}
	c.Joins = id.TenantFromUUID(tenant.ID)
	missing, err := d.q.MissingRoles(d.ctx, sqlcgen.MissingRolesParams{Names: append([]string{}, c.DefaultRoles...), TenantID: tenant.ID})
	if err != nil || len(missing) == 0 {
		return "", err
	}
	return fmt.Sprintf("the tenant %q has no role %s: create it, or correct join_roles", slug, strings.Join(missing, ", ")), nil
}

// sameSecret reports whether the stored secret is the declared one. One that does not open any more
// is not.
func (d *declarer) sameSecret(c id.Connector, sealed []byte, declared secret.Text) bool {
	stored, err := d.keeper.Secret(connector.Connector{ID: c, Secret: sealed})
	return err == nil && stored.Hash() == declared.Hash()
}

// connectorColumns is a connector as it is written.
func connectorColumns(c connector.Connector) (sqlcgen.DeclareConnectorParams, error) {
	mappings, err := json.Marshal(append([]connector.RoleMapping{}, c.RoleMappings...))
	list := func(l []string) []string { return append([]string{}, l...) }
	return sqlcgen.DeclareConnectorParams{
		ID: c.ID.UUID(), Reference: c.Reference, Slug: c.Slug, JoinsTenantID: nullUUID(c.Joins.UUID()), Kind: string(c.Kind), Name: c.Name,
		Issuer: c.Issuer, ClientID: c.ClientID, SealedSecret: c.Secret, Scopes: list(c.Scopes), HostedDomains: list(c.HostedDomains),
		AssumeVerified: c.AssumeVerified, Authoritative: c.Authoritative, Provision: c.Provision, DefaultRoles: list(c.DefaultRoles),
		GroupsClaim: c.GroupsClaim, RoleMappings: mappings, KeepTokens: c.KeepTokens, Hidden: c.Hidden, ManagedBy: c.ManagedBy,
	}, err
}
