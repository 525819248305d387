package postgres

import (
	"context"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
)

// LinkedIdentities stores who is who at providers, for administrators. A reach of one tenant is about
// the identities at the connectors of that tenant, not about those at the installation's.
type LinkedIdentities struct{ db *DB }

// LinkedIdentities returns the store of identities.
func (db *DB) LinkedIdentities() LinkedIdentities { return LinkedIdentities{db} }

// ListIdentitiesOf returns the identities of a person within reach, oldest first.
func (s LinkedIdentities) ListIdentitiesOf(ctx context.Context, reach admin.Reach, user id.User, p admin.Page) (admin.List[connector.LinkedIdentity], error) {
	k, err := after(p)
	if err != nil {
		return admin.List[connector.LinkedIdentity]{}, err
	}
	rows, err := s.db.q.ListIdentitiesOf(ctx, sqlcgen.ListIdentitiesOfParams{
		ReachAll: reach.All, Reach: nullUUID(reach.Tenant.UUID()), UserID: user.UUID(), AfterTime: k.Time, AfterID: k.ID, Page: int32(p.Limit + 1),
	})
	l := limited(rows, p.Limit, func(r sqlcgen.ListIdentitiesOfRow) any { return pageKey{r.Identity.LinkedAt, r.Identity.ID} })
	return listOf(l, func(r sqlcgen.ListIdentitiesOfRow) connector.LinkedIdentity {
		return toLinked(r.Identity, r.Name, r.Kind, r.Enabled)
	}), wrap("list identities", err)
}

// ListIdentitiesAt returns the identities at a connector within reach, oldest first.
func (s LinkedIdentities) ListIdentitiesAt(ctx context.Context, reach admin.Reach, c id.Connector, p admin.Page) (admin.List[connector.LinkedIdentity], error) {
	k, err := after(p)
	if err != nil {
		return admin.List[connector.LinkedIdentity]{}, err
	}
	rows, err := s.db.q.ListIdentitiesAt(ctx, sqlcgen.ListIdentitiesAtParams{
		ReachAll: reach.All, Reach: nullUUID(reach.Tenant.UUID()), ConnectorID: c.UUID(), AfterTime: k.Time, AfterID: k.ID, Page: int32(p.Limit + 1),
	})
	l := limited(rows, p.Limit, func(r sqlcgen.ListIdentitiesAtRow) any { return pageKey{r.Identity.LinkedAt, r.Identity.ID} })
	return listOf(l, func(r sqlcgen.ListIdentitiesAtRow) connector.LinkedIdentity {
		return toLinked(r.Identity, r.Name, r.Kind, r.Enabled)
	}), wrap("list identities", err)
}

// FindIdentity returns an identity of the person; errdefs.ErrNotFound if there is none within reach.
func (s LinkedIdentities) FindIdentity(ctx context.Context, reach admin.Reach, user id.User, i id.Identity) (connector.LinkedIdentity, error) {
	r, err := readIdentity(ctx, s.db.q, reach, user, i)
	return toLinked(r.Identity, r.Name, r.Kind, r.Enabled), wrap("find identity", err)
}

func readIdentity(ctx context.Context, q *sqlcgen.Queries, reach admin.Reach, user id.User, i id.Identity) (sqlcgen.ReadIdentityRow, error) {
	return q.ReadIdentity(ctx, sqlcgen.ReadIdentityParams{ReachAll: reach.All, Reach: nullUUID(reach.Tenant.UUID()), UserID: user.UUID(), ID: i.UUID()})
}

// DeleteIdentity unlinks an identity, even the last way to sign in, takes the roles that it gave, and
// ends the sessions that rest on it; keep is the longest that one of their access tokens can still live.
func (s LinkedIdentities) DeleteIdentity(ctx context.Context, a admin.Act, user id.User, i id.Identity, keep time.Duration) error {
	var was unlinked
	_, _, err := s.db.act(ctx, "delete identity", a, func(q *sqlcgen.Queries) (string, error) {
		if _, err := readIdentity(ctx, q, a.Actor.ManageReach(), user, i); err != nil {
			return "", err
		}
		if _, err := q.LockUser(ctx, user.UUID()); err != nil {
			return "", err
		}
		var err error
		was, err = s.db.unlink(ctx, q, user, i, id.Session{}, keep)
		return i.String(), err
	})
	if err == nil {
		s.db.stored(was.cut...)
	}
	return err
}

// ReadTokens returns the sealed tokens of an identity that the actor may change; nil when none are kept,
// of which nothing is recorded.
func (s LinkedIdentities) ReadTokens(ctx context.Context, a admin.Act, user id.User, i id.Identity) (sealed []byte, err error) {
	r, err := readIdentity(ctx, s.db.q, a.Actor.ManageReach(), user, i)
	if err != nil || len(r.Identity.SealedTokens) == 0 {
		return nil, wrap("read tokens", err)
	}
	_, _, err = s.db.act(ctx, "read tokens", a, func(q *sqlcgen.Queries) (string, error) {
		r, err := readIdentity(ctx, q, a.Actor.ManageReach(), user, i)
		sealed = r.Identity.SealedTokens
		return i.String(), err
	})
	return sealed, err
}
