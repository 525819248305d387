package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/maillink"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/revocation"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/session"
)

// Sessions stores browser sessions under the digest of the token that the browser holds.
type Sessions struct{ db *DB }

// Sessions returns the store of browser sessions.
func (db *DB) Sessions() Sessions { return Sessions{db} }

// Begin stores a new session. errdefs.ErrConflict says that the password which proved the
// person has been changed since, or the identity unlinked.
func (s Sessions) Begin(ctx context.Context, token secret.Hash, b session.Session) error {
	n, err := s.db.q.InsertSession(ctx, sqlcgen.InsertSessionParams{
		ID:              b.ID.UUID(),
		TokenHash:       token[:],
		UserID:          b.User.UUID(),
		CreatedAt:       b.CreatedAt,
		AuthenticatedAt: b.AuthenticatedAt,
		ExpiresAt:       b.ExpiresAt,
		AbsoluteExpiry:  b.AbsoluteExpiry,
		Acr:             b.ACR,
		Amr:             list(b.AMR),
		UserAgent:       b.UserAgent,
		Address:         b.Address,
		ConnectorID:     nullUUID(b.Through.Connector.UUID()),
		IdentityID:      nullUUID(b.Through.Identity.UUID()),
		UpstreamSid:     b.Through.SID,
		ProvenBy:        nullTime(b.ProvenBy),
	})
	if err == nil && n == 0 {
		err = fmt.Errorf("what proved user %s was changed meanwhile: %w", b.User, errdefs.ErrConflict)
	}
	return wrap("begin session", err)
}

// Find returns the live session of the token, of an enabled user; errdefs.ErrNotFound if
// there is none.
func (s Sessions) Find(ctx context.Context, token secret.Hash) (session.Session, error) {
	r, err := s.db.q.FindSession(ctx, token[:])
	if err != nil {
		return session.Session{}, wrap("find session", err)
	}
	out := toSession(r.BrowserSession)
	out.Through.Tenant, out.Through.Confined = beginning{
		connector: r.BrowserSession.ConnectorID, known: r.Known, owner: r.OwnerID, joins: r.JoinsTenantID, disabledAt: r.OffSince,
		user: directory.User{Email: r.EmailNormalized, EmailVerified: r.EmailVerified}, domains: r.Domains,
	}.reach()
	return out, nil
}

// beginning is what decides how far a session goes that began through a connector.
type beginning struct {
	connector    *[16]byte // nil: it began otherwise
	known        bool      // the connector is there; nothing is known of it otherwise
	owner, joins *[16]byte
	disabledAt   *time.Time
	user         directory.User
	domains      []string // the verified ones of the owner
}

// reach returns the tenant that people of the connector belong to, zero if there is none or the
// connector is gone or disabled; and whether nothing else can be entered with the session.
func (b beginning) reach() (through id.Tenant, confined bool) {
	if b.connector == nil {
		return id.Tenant{}, false
	}
	var owner id.Tenant
	if b.owner != nil {
		owner = id.TenantFromUUID(*b.owner)
	}
	confined = !b.known || connector.Confined(owner, b.user, b.domains)
	switch {
	case b.disabledAt != nil:
	case b.owner != nil:
		through = owner
	case b.joins != nil:
		through = id.TenantFromUUID(*b.joins)
	}
	return through, confined
}

// toSession leaves open how far the session goes.
func toSession(r sqlcgen.BrowserSession) session.Session {
	through := session.Upstream{SID: r.UpstreamSid}
	if r.ConnectorID != nil {
		through.Connector = id.ConnectorFromUUID(*r.ConnectorID)
	}
	if r.IdentityID != nil {
		through.Identity = id.IdentityFromUUID(*r.IdentityID)
	}
	return session.Session{
		ID:              id.SessionFromUUID(r.ID),
		User:            id.UserFromUUID(r.UserID),
		CreatedAt:       r.CreatedAt,
		AuthenticatedAt: r.AuthenticatedAt,
		ExpiresAt:       r.ExpiresAt,
		AbsoluteExpiry:  r.AbsoluteExpiry,
		ACR:             r.Acr,
		AMR:             r.Amr,
		UserAgent:       r.UserAgent,
		Address:         r.Address,
		Through:         through,
	}
}

// Touch moves the idle expiry.
func (s Sessions) Touch(ctx context.Context, b session.Session) error {
	return wrap("touch session", s.db.q.TouchSession(ctx, sqlcgen.TouchSessionParams{ID: b.ID.UUID(), ExpiresAt: b.ExpiresAt}))
}

// Rotate gives a session that the person proved anew another token, so that one fixed or
// stolen before is worth nothing. errdefs.ErrNotFound says that the old token is no longer
// the session's, or that the identity which proved the person has been unlinked since.
func (s Sessions) Rotate(ctx context.Context, old, token secret.Hash, b session.Session) error {
	n, err := s.db.q.RotateSession(ctx, sqlcgen.RotateSessionParams{
		ID:              b.ID.UUID(),
		UserID:          b.User.UUID(),
		OldTokenHash:    old[:],
		TokenHash:       token[:],
		AuthenticatedAt: b.AuthenticatedAt,
		ExpiresAt:       b.ExpiresAt,
		AbsoluteExpiry:  b.AbsoluteExpiry,
		Acr:             b.ACR,
		Amr:             list(b.AMR),
		UserAgent:       b.UserAgent,
		Address:         b.Address,
		ConnectorID:     nullUUID(b.Through.Connector.UUID()),
		IdentityID:      nullUUID(b.Through.Identity.UUID()),
		UpstreamSid:     b.Through.SID,
	})
	if err == nil && n == 0 {
		err = fmt.Errorf("session %s: %w", b.ID, errdefs.ErrNotFound)
	}
	return wrap("rotate session", err)
}

// End ends a session together with the refresh families and access tokens that live only as
// long as it does; keep is the longest that one of those access tokens can still live.
func (s Sessions) End(ctx context.Context, b id.Session, keep time.Duration) error {
	ended := false
	err := s.db.inTx(ctx, "end session", func(q *sqlcgen.Queries) error {
		n, err := q.EndSession(ctx, b.UUID())
		if err != nil || n == 0 {
			return err
		}
		ended = true
		_, err = endGrants(ctx, q, b, keep)
		return err
	})
	if err == nil && ended {
		s.db.stored(s.db.cutoff(revocation.Session, b.String(), keep))
	}
	return err
}

// EndLapsed ends what hangs on a session that ran out or is no longer stored, and reports
// whether there was anything. It does nothing to a session that lives, or that was ended before.
func (s Sessions) EndLapsed(ctx context.Context, b id.Session, keep time.Duration) (ended bool, err error) {
	err = s.db.inTx(ctx, "end lapsed session", func(q *sqlcgen.Queries) error {
		lives, err := q.SessionLives(ctx, b.UUID())
		if err != nil || lives {
			return err
		}
		ended, err = end(ctx, q, b, keep)
		return err
	})
	if err == nil && ended {
		s.db.stored(s.db.cutoff(revocation.Session, b.String(), keep))
	}
	return ended, err
}

// ChangePassword replaces the person's password hash and, in the same transaction, ends
// everything that somebody who knew the old one may have: every session but one, with what
// hangs on those that ran out already, codes not yet redeemed, the grants that outlive their
// session, and links that would reset it. keep is the longest that an access token can still live.
// letter tells the person.
func (s Sessions) ChangePassword(ctx context.Context, user id.User, encoded string, except id.Session, keep time.Duration, letter mail.Sealed) error {
	var cut []revocation.Cutoff
	err := s.db.inTx(ctx, "change password", func(q *sqlcgen.Queries) (err error) {
		if _, err = q.LockUser(ctx, user.UUID()); err != nil {
			return err
		}
		if cut, err = s.db.changePassword(ctx, q, user, encoded, except, keep); err != nil {
			return err
		}
		return queue(ctx, q, letter)
	})
	if err == nil {
		s.db.stored(cut...)
	}
	return err
}

// changePassword is ChangePassword within a transaction that holds the lock of LockUser. What it
// returns is to be told to this replica once the transaction is through.
func (db *DB) changePassword(ctx context.Context, q *sqlcgen.Queries, user id.User, encoded string, except id.Session, keep time.Duration) (cut []revocation.Cutoff, err error) {
	// First, because it makes sign-ins that were proven by the old password wait and fail.
	err = q.SetPassword(ctx, sqlcgen.SetPasswordParams{UserID: user.UUID(), Encoded: encoded})
	if err != nil {
		return nil, err
	}
	err = q.VoidMailLinks(ctx, sqlcgen.VoidMailLinksParams{UserID: user.UUID(), Purpose: string(maillink.ResetPassword)})
	if err != nil {
		return nil, err
	}
	return db.endAll(ctx, q, user, except, keep)
}

// endAll ends every session of a person but one, with what hangs on those that ran out already,
// codes not yet redeemed, and the grants that outlive their session. What it returns is to be told
// to this replica once the transaction is through.
func (db *DB) endAll(ctx context.Context, q *sqlcgen.Queries, user id.User, except id.Session, keep time.Duration) (cut []revocation.Cutoff, err error) {
	// Codes first, so that no grant is born of one after grants were listed.
	err = q.SpendOtherCodes(ctx, sqlcgen.SpendOtherCodesParams{UserID: user.UUID(), ExceptID: except.UUID()})
	if err != nil {
		return nil, err
	}
	sessions, err := q.ListOtherSessions(ctx, sqlcgen.ListOtherSessionsParams{UserID: user.UUID(), ExceptID: except.UUID()})
	if err != nil {
		return nil, err
	}
	for _, other := range sessions {
		b := id.SessionFromUUID(other)
		if _, err := end(ctx, q, b, keep); err != nil {
			return nil, err
		}
		cut = append(cut, db.cutoff(revocation.Session, b.String(), keep))
	}
	grants, err := q.ListOtherGrants(ctx, sqlcgen.ListOtherGrantsParams{UserID: user.UUID(), ExceptID: except.UUID()})
	if err != nil {
		return nil, err
	}
	for _, other := range grants {
		g := id.GrantFromUUID(other)
		if err := q.RevokeGrant(ctx, sqlcgen.RevokeGrantParams{ID: other, Subject: g.String(), Keep: interval(keep)}); err != nil {
			return nil, err
		}
		cut = append(cut, db.cutoff(revocation.Grant, g.String(), keep))
	}
	return cut, nil
}

// end ends a session whether or not it is still stored, with what hangs on it, and reports
// whether there was anything to end.
func end(ctx context.Context, q *sqlcgen.Queries, b id.Session, keep time.Duration) (bool, error) {
	sessions, err := q.EndSession(ctx, b.UUID())
	if err != nil {
		return false, err
	}
	families, err := endGrants(ctx, q, b, keep)
	return sessions+families > 0, err
}

func endGrants(ctx context.Context, q *sqlcgen.Queries, b id.Session, keep time.Duration) (families int64, err error) {
	return q.EndSessionGrants(ctx, sqlcgen.EndSessionGrantsParams{ID: b.UUID(), Subject: b.String(), Keep: interval(keep)})
}
