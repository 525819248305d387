package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/secret"
)

// Attempts stores sign-ins that are under way at providers, and proofs that wait for the owner of an
// account, under the digests of what the browser brings back.
type Attempts struct {
	db     *DB
	keeper *connector.Keeper
}

// Attempts returns the store of what is under way; keeper seals it.
func (db *DB) Attempts(keeper *connector.Keeper) Attempts { return Attempts{db, keeper} }

// Begin stores an attempt.
func (s Attempts) Begin(ctx context.Context, a connector.Attempt) error {
	state := a.State.Hash()
	sealed, err := s.keeper.SealAttempt(state, a.Secrets)
	if err != nil {
		return err
	}
	return wrap("begin attempt", s.db.q.InsertAttempt(ctx, sqlcgen.InsertAttemptParams{
		StateHash: state[:], BrowserHash: a.Browser[:], ConnectorID: a.Connector.UUID(), UserID: nullUUID(a.User.UUID()),
		Sealed: sealed, CreatedAt: a.CreatedAt, ExpiresAt: a.ExpiresAt,
	}))
}

// Take spends an attempt, once however many ask. It is errdefs.ErrNotFound for one that there is
// not, of another connector or browser, or expired at now, which spends nothing; with
// errdefs.ErrConflict, one that was spent before is returned. What is returned is without State.
func (s Attempts) Take(ctx context.Context, c id.Connector, state, browser secret.Hash, now time.Time) (connector.Attempt, error) {
	const what = "take attempt"
	row, err := s.db.q.TakeAttempt(ctx, sqlcgen.TakeAttemptParams{StateHash: state[:], ConnectorID: c.UUID(), BrowserHash: browser[:], Now: now})
	var spent error
	if errors.Is(err, pgx.ErrNoRows) {
		spent = fmt.Errorf("%s: spent before: %w", what, errdefs.ErrConflict)
		row, err = s.db.q.FindTakenAttempt(ctx, sqlcgen.FindTakenAttemptParams{StateHash: state[:], ConnectorID: c.UUID(), BrowserHash: browser[:], Now: now})
	}
	if err != nil {
		return connector.Attempt{}, wrap(what, err)
	}
	a := connector.Attempt{Browser: browser, Connector: c, CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt}
	if row.UserID != nil {
		a.User = id.UserFromUUID(*row.UserID)
	}
	if a.Secrets, err = s.keeper.OpenAttempt(state, row.Sealed); err != nil {
		return connector.Attempt{}, unopened(what, err)
	}
	return a, spent
}

// NoteStray notes that the state of an attempt came back where Take finds none, and reports whether
// it is an attempt of this connector of which that was not noted before. It spends nothing.
func (s Attempts) NoteStray(ctx context.Context, c id.Connector, state secret.Hash, now time.Time) (first bool, err error) {
	n, err := s.db.q.NoteStray(ctx, sqlcgen.NoteStrayParams{Now: now, StateHash: state[:], ConnectorID: c.UUID()})
	return n > 0, wrap("note stray", err)
}

// unopened gives its kind to the error of opening what is under way: what is damaged is as good as gone, and
// whoever it was has to begin again. An unknown master key can be configured again.
func unopened(what string, err error) error {
	if errors.Is(err, envelope.ErrDamaged) || errors.Is(err, errdefs.ErrInvalid) {
		return fmt.Errorf("%s: %w: %w", what, errdefs.ErrNotFound, err)
	}
	return wrap(what, err)
}

// KeepLink stores a proof that waits for the owner of an account.
func (s Attempts) KeepLink(ctx context.Context, l connector.PendingLink) error {
	sealed, err := s.keeper.SealLink(l)
	if err != nil {
		return err
	}
	token := l.Token.Hash()
	return wrap("keep link", s.db.q.InsertPendingLink(ctx, sqlcgen.InsertPendingLinkParams{
		TokenHash: token[:], BrowserHash: l.Browser[:], ConnectorID: l.Connector.UUID(), UserID: l.User.UUID(), Sealed: sealed, ExpiresAt: l.ExpiresAt,
	}))
}

// FindLink returns a proof that waits, without Token. It is errdefs.ErrNotFound for one of another
// browser, or that cannot be used at now: spent, expired, or of an account or a connector that is
// disabled.
func (s Attempts) FindLink(ctx context.Context, token, browser secret.Hash, now time.Time) (connector.PendingLink, error) {
	row, err := s.db.q.FindPendingLink(ctx, sqlcgen.FindPendingLinkParams{TokenHash: token[:], BrowserHash: browser[:], Now: now})
	if err != nil {
		return connector.PendingLink{}, wrap("find link", err)
	}
	l := connector.PendingLink{
		Browser: browser, Connector: id.ConnectorFromUUID(row.ConnectorID), User: id.UserFromUUID(row.UserID), ExpiresAt: row.ExpiresAt,
	}
	if err := s.keeper.OpenLink(token, row.Sealed, &l); err != nil {
		return connector.PendingLink{}, unopened("find link", err)
	}
	return l, nil
}
