package postgres

import (
	"context"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/revocation"
	"github.com/signet-id/signet/internal/session"
)

// GivenGrants stores grants for administrators: those with a refresh family, since an access token
// alone is stored nowhere.
type GivenGrants struct{ db *DB }

// GivenGrants returns the store of grants.
func (db *DB) GivenGrants() GivenGrants { return GivenGrants{db} }

// idKey is where a list ordered by identifiers goes on.
type idKey struct {
	ID [16]byte `json:"i"`
}

func afterID(p admin.Page) ([16]byte, error) {
	var k idKey
	if p.After == "" {
		return k.ID, nil
	}
	err := parseCursor(p.After, &k)
	return k.ID, err
}

// List returns the grants within reach in the order of their identifiers, oldest first; those that
// ended too, until they are cleaned away. The filter narrows it.
func (s GivenGrants) List(ctx context.Context, reach admin.Reach, f grant.Filter, p admin.Page) (admin.List[grant.Family], error) {
	var none admin.List[grant.Family]
	after, err := afterID(p)
	if err != nil {
		return none, err
	}
	if !reach.All {
		if reach.Tenant.IsZero() || !f.Tenant.IsZero() && f.Tenant != reach.Tenant {
			return none, nil
		}
		f.Tenant = reach.Tenant
	}
	out, err := s.list(ctx, f, after, int32(p.Limit+1))
	if err != nil {
		return none, wrap("list grants", err)
	}
	return limited(out, p.Limit, func(f grant.Family) any { return idKey{f.ID.UUID()} }), nil
}

// list reads along the index that narrows the most: a person has few grants, a tenant fewer than
// a client that all tenants share.
func (s GivenGrants) list(ctx context.Context, f grant.Filter, after [16]byte, n int32) (out []grant.Family, err error) {
	switch {
	case !f.User.IsZero():
		var rows []sqlcgen.ListUserGrantsRow
		rows, err = s.db.q.ListUserGrants(ctx, sqlcgen.ListUserGrantsParams{
			UserID: f.User.UUID(), TenantID: nullUUID(f.Tenant.UUID()), ClientID: string(f.Client), After: after, Page: n,
		})
		for _, r := range rows {
			out = append(out, toGiven(r.RefreshFamily, r.Recalled))
		}
	case !f.Tenant.IsZero():
		var rows []sqlcgen.ListTenantGrantsRow
		rows, err = s.db.q.ListTenantGrants(ctx, sqlcgen.ListTenantGrantsParams{
			TenantID: f.Tenant.UUID(), ClientID: string(f.Client), After: after, Page: n,
		})
		for _, r := range rows {
			out = append(out, toGiven(r.RefreshFamily, r.Recalled))
		}
	case f.Client != "":
		var rows []sqlcgen.ListClientGrantsRow
		rows, err = s.db.q.ListClientGrants(ctx, sqlcgen.ListClientGrantsParams{ClientID: string(f.Client), After: after, Page: n})
		for _, r := range rows {
			out = append(out, toGiven(r.RefreshFamily, r.Recalled))
		}
	default:
		var rows []sqlcgen.ListGrantsRow
		rows, err = s.db.q.ListGrants(ctx, sqlcgen.ListGrantsParams{After: after, Page: n})
		for _, r := range rows {
			out = append(out, toGiven(r.RefreshFamily, r.Recalled))
		}
	}
	return out, err
}

func toGiven(r sqlcgen.RefreshFamily, recalled bool) grant.Family {
	f := toFamily(r)
	f.Recalled = recalled
	return f
}

// Find returns a grant; errdefs.ErrNotFound if there is none within reach.
func (s GivenGrants) Find(ctx context.Context, reach admin.Reach, g id.Grant) (grant.Family, error) {
	r, err := s.db.q.ReadGrant(ctx, sqlcgen.ReadGrantParams{ReachAll: reach.All, Reach: reach.Tenant.UUID(), ID: g.UUID()})
	return toGiven(r.RefreshFamily, r.Recalled), wrap("find grant", err)
}

// Revoke ends a grant that the actor may change, and makes every access token of it void for keep,
// the longest that one can still live. One that ended is ended again.
func (s GivenGrants) Revoke(ctx context.Context, a admin.Act, g id.Grant, keep time.Duration) error {
	_, _, err := s.db.act(ctx, "revoke grant", a, func(q *sqlcgen.Queries) (string, error) {
		reach := a.Actor.ManageReach()
		if _, err := q.LockGrant(ctx, sqlcgen.LockGrantParams{ReachAll: reach.All, Reach: reach.Tenant.UUID(), ID: g.UUID()}); err != nil {
			return "", err
		}
		return g.String(), q.RevokeGrant(ctx, sqlcgen.RevokeGrantParams{ID: g.UUID(), Subject: g.String(), Keep: interval(keep)})
	})
	if err == nil {
		s.db.stored(s.db.cutoff(revocation.Grant, g.String(), keep))
	}
	return err
}

// BegunSessions stores browser sessions for administrators.
type BegunSessions struct{ db *DB }

// BegunSessions returns the store of browser sessions.
func (db *DB) BegunSessions() BegunSessions { return BegunSessions{db} }

// List returns the live sessions of a person, oldest first. A tenant sees those of its members that
// one of its grants hangs on.
func (s BegunSessions) List(ctx context.Context, reach admin.Reach, user id.User, p admin.Page) (admin.List[session.Session], error) {
	after, err := afterID(p)
	if err != nil {
		return admin.List[session.Session]{}, err
	}
	rows, err := s.db.q.ListUserSessions(ctx, sqlcgen.ListUserSessionsParams{
		ReachAll: reach.All, Reach: reach.Tenant.UUID(), UserID: user.UUID(), After: after, Page: int32(p.Limit + 1),
	})
	if err != nil {
		return admin.List[session.Session]{}, wrap("list sessions", err)
	}
	return listOf(limited(rows, p.Limit, func(r sqlcgen.BrowserSession) any { return idKey{r.ID} }), toSession), nil
}

// Find returns a live session; errdefs.ErrNotFound if there is none within reach.
func (s BegunSessions) Find(ctx context.Context, reach admin.Reach, b id.Session) (session.Session, error) {
	r, err := s.db.q.ReadSession(ctx, sqlcgen.ReadSessionParams{ReachAll: reach.All, Reach: reach.Tenant.UUID(), ID: b.UUID()})
	return toSession(r), wrap("find session", err)
}

// End ends a session together with the refresh families and access tokens that live only as long
// as it does, for an actor who manages everything: a session belongs to no tenant.
func (s BegunSessions) End(ctx context.Context, a admin.Act, b id.Session, keep time.Duration) error {
	if !a.Actor.ManagesAll() {
		return errNothing
	}
	_, _, err := s.db.act(ctx, "end session", a, func(q *sqlcgen.Queries) (string, error) {
		n, err := q.EndSession(ctx, b.UUID())
		if err == nil {
			err = changed(n)
		}
		if err == nil {
			_, err = endGrants(ctx, q, b, keep)
		}
		return b.String(), err
	})
	if err == nil {
		s.db.stored(s.db.cutoff(revocation.Session, b.String(), keep))
	}
	return err
}
