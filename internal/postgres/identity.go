package postgres

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/revocation"
)

// Identities stores who is who at providers. What becomes of somebody who comes back from one is in
// arrival.go.
type Identities struct {
	db     *DB
	keeper *connector.Keeper
}

// Identities returns the store of identities; keeper seals the tokens that are kept.
func (db *DB) Identities(keeper *connector.Keeper) Identities { return Identities{db, keeper} }

// Ways returns how somebody can sign in, the identities in the order in which they were linked.
func (s Identities) Ways(ctx context.Context, user id.User) (connector.Ways, error) {
	u, err := s.db.q.FindUser(ctx, user.UUID())
	if err != nil {
		return connector.Ways{}, wrap("find ways", err)
	}
	w, err := waysOf(ctx, s.db.q, u)
	return w, wrap("find ways", err)
}

func waysOf(ctx context.Context, q *sqlcgen.Queries, u sqlcgen.UserAccount) (w connector.Ways, err error) {
	domain, _ := connector.DomainOf(u.Email) // of an address that has none, no tenant has proven it
	if w.Password, err = q.PasswordWorks(ctx, sqlcgen.PasswordWorksParams{UserID: u.ID, Domain: domain}); err != nil {
		return w, err
	}
	rows, err := q.ListWays(ctx, u.ID)
	for _, r := range rows {
		w.Identities = append(w.Identities, toLinked(r.Identity, r.Name, r.Kind, r.Enabled))
	}
	return w, err
}

func toLinked(i sqlcgen.Identity, name, kind string, enabled bool) connector.LinkedIdentity {
	return connector.LinkedIdentity{
		Identity: connector.Identity{
			ID: id.IdentityFromUUID(i.ID), Connector: id.ConnectorFromUUID(i.ConnectorID), Issuer: i.Issuer, Subject: i.Subject,
			User: id.UserFromUUID(i.UserID), Email: i.Email, Label: i.Label, LinkedAt: i.LinkedAt, LastUsedAt: i.LastUsedAt,
			HasTokens: len(i.SealedTokens) > 0,
		},
		Name: name, Kind: connector.Kind(kind), Enabled: enabled,
	}
}

// Unlink removes an identity with the roles that it gave, and ends the sessions that rest on it, save
// except, with what hangs on them; keep is the longest that one of their access tokens can still live.
// letter tells the person. It is errdefs.ErrConflict for the last way to sign in, of two that are
// removed at once for the second.
func (s Identities) Unlink(ctx context.Context, user id.User, i id.Identity, except id.Session, keep time.Duration, letter mail.Sealed, e audit.Event) error {
	var cut []revocation.Cutoff
	err := s.db.inTx(ctx, "unlink identity", func(q *sqlcgen.Queries) error {
		if err := q.SetActor(ctx, user.String()); err != nil {
			return err
		}
		row, err := q.LockUser(ctx, user.UUID())
		if err != nil {
			return err
		}
		ways, err := waysOf(ctx, q, row)
		if err != nil {
			return err
		}
		was, err := s.db.unlink(ctx, q, user, i, except, keep)
		if err != nil {
			return err
		}
		if !ways.CanUnlink(i) {
			return fmt.Errorf("the last way to sign in: %w", errdefs.ErrConflict)
		}
		cut = was.cut
		e.User, e.Tenant, e.Target = user, was.joins, i.String()
		e.Detail = map[string]string{"connector": was.reference}
		if err := appendEvents(ctx, q, []audit.Event{e}); err != nil {
			return err
		}
		return queue(ctx, q, letter)
	})
	if err == nil {
		s.db.stored(cut...)
	}
	return err
}

// unlinked is what was removed with an identity.
type unlinked struct {
	reference string    // of the connector
	joins     id.Tenant // of the connector's people
	cut       []revocation.Cutoff
}

// unlink removes an identity of the person, whose lock the caller holds. The cutoffs are to be told to
// this replica once the transaction is through.
func (db *DB) unlink(ctx context.Context, q *sqlcgen.Queries, user id.User, i id.Identity, except id.Session, keep time.Duration) (was unlinked, err error) {
	// Of no tenant, so all of them; first, because what it gave is forgotten with it.
	if err := q.TakeIdentityRoles(ctx, sqlcgen.TakeIdentityRolesParams{IdentityID: i.UUID()}); err != nil {
		return was, err
	}
	row, err := q.DeleteIdentity(ctx, sqlcgen.DeleteIdentityParams{ID: i.UUID(), UserID: user.UUID()})
	if err != nil {
		return was, err
	}
	was.reference = row.Reference
	if row.Joins != nil {
		was.joins = id.TenantFromUUID(*row.Joins)
	}
	u := i.UUID()
	sessions, err := q.ListSessionsOfIdentity(ctx, sqlcgen.ListSessionsOfIdentityParams{IdentityID: &u, ExceptID: except.UUID()})
	if err != nil {
		return was, err
	}
	was.cut, err = db.endEach(ctx, q, sessions, keep)
	return was, err
}

// endEach ends sessions with what hangs on them. What it returns is to be told to this replica once
// the transaction is through.
func (db *DB) endEach(ctx context.Context, q *sqlcgen.Queries, sessions [][16]byte, keep time.Duration) ([]revocation.Cutoff, error) {
	if len(sessions) == 0 {
		return nil, nil
	}
	subjects, cut := make([]string, len(sessions)), make([]revocation.Cutoff, len(sessions))
	for n, b := range sessions {
		subjects[n] = id.SessionFromUUID(b).String()
		cut[n] = db.cutoff(revocation.Session, subjects[n], keep)
	}
	if err := q.EndSessions(ctx, sessions); err != nil {
		return nil, err
	}
	// A statement of its own, so that it sees the families of the redemptions waited for.
	return cut, q.EndGrantsOfSessions(ctx, sqlcgen.EndGrantsOfSessionsParams{Ids: sessions, Subjects: subjects, Keep: interval(keep)})
}

// EndUpstream ends the sessions that a verified logout token is about, with what hangs on them, records
// each, and counts them: those that rest on the provider's session, if it names that, and else all that
// the person began through the connector (OpenID Connect Back-Channel Logout 1.0 §2.7). A token that
// was heeded before is errdefs.ErrConflict.
func (s Identities) EndUpstream(ctx context.Context, c id.Connector, l connector.Logout, keep time.Duration, e audit.Event) (ended int, err error) {
	var cut []revocation.Cutoff
	err = s.db.inTx(ctx, "end upstream sessions", func(q *sqlcgen.Queries) error {
		jti, of := sha256.Sum256([]byte(l.TokenID)), c.UUID()
		n, err := q.KeepLogout(ctx, sqlcgen.KeepLogoutParams{ConnectorID: of, JtiHash: jti[:], ExpiresAt: l.Expiry})
		if err == nil && n == 0 {
			err = fmt.Errorf("logout token was heeded before: %w", errdefs.ErrConflict)
		}
		if err != nil {
			return err
		}
		rows, err := q.ListUpstreamSessions(ctx, sqlcgen.ListUpstreamSessionsParams{ConnectorID: &of, Sid: l.SessionID, Subject: l.Subject, Issuer: l.Issuer})
		if err != nil {
			return err
		}
		sessions, records := make([][16]byte, len(rows)), make([]audit.Event, len(rows))
		for n, r := range rows {
			sessions[n], records[n] = r.ID, e
			records[n].User, records[n].Session = id.UserFromUUID(r.UserID), id.SessionFromUUID(r.ID)
		}
		if cut, err = s.db.endEach(ctx, q, sessions, keep); err != nil {
			return err
		}
		return appendEvents(ctx, q, records)
	})
	if err != nil {
		return 0, err
	}
	s.db.stored(cut...)
	return len(cut), nil
}
