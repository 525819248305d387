package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/maillink"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/revocation"
	"github.com/signet-id/signet/internal/secret"
)

// MailLinks stores the links that verify addresses and reset passwords, under the digest of their
// secret.
type MailLinks struct{ db *DB }

// MailLinks returns the store of links.
func (db *DB) MailLinks() MailLinks { return MailLinks{db} }

// Issue stores a link with the message that carries it and the record of it. Links issued before
// stay good. errdefs.ErrConflict says that the account is disabled or has another address by now.
func (s MailLinks) Issue(ctx context.Context, l maillink.Link, token secret.Hash, letter mail.Sealed, e audit.Event) error {
	return s.db.inTx(ctx, "issue link", func(q *sqlcgen.Queries) error {
		if err := issue(ctx, q, l, token, letter); err != nil {
			return err
		}
		return appendEvents(ctx, q, []audit.Event{e})
	})
}

// IssueAs is Issue as an act of the administration.
func (s MailLinks) IssueAs(ctx context.Context, a admin.Act, l maillink.Link, token secret.Hash, letter mail.Sealed) error {
	if !a.Actor.ManagesAll() {
		return errNothing
	}
	_, _, err := s.db.act(ctx, "issue link", a, func(q *sqlcgen.Queries) (string, error) {
		return l.User.String(), issue(ctx, q, l, token, letter)
	})
	return err
}

func issue(ctx context.Context, q *sqlcgen.Queries, l maillink.Link, token secret.Hash, letter mail.Sealed) error {
	n, err := q.InsertMailLink(ctx, sqlcgen.InsertMailLinkParams{
		TokenHash: token[:], Purpose: string(l.Purpose), UserID: l.User.UUID(), EmailNormalized: l.Email, Flow: l.Flow,
		CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
	})
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("the account is disabled or has another address: %w", errdefs.ErrConflict)
	}
	return queue(ctx, q, letter)
}

// queue puts a message into the outbox; the zero one is none, when no mail server is configured.
func queue(ctx context.Context, q *sqlcgen.Queries, m mail.Sealed) error {
	if len(m.Body) == 0 {
		return nil
	}
	return enqueueMail(ctx, q, m)
}

// Find returns a link that can be used at now, and whose it is, without using it;
// errdefs.ErrNotFound for one that is used, expired, void, of another purpose or nobody's.
func (s MailLinks) Find(ctx context.Context, p maillink.Purpose, token secret.Hash, now time.Time) (maillink.Link, directory.User, error) {
	row, err := s.db.q.FindMailLink(ctx, sqlcgen.FindMailLinkParams{TokenHash: token[:], Purpose: string(p), Now: now})
	if err != nil {
		return maillink.Link{}, directory.User{}, wrap("find link", err)
	}
	return toMailLink(row.MailLink), toUser(row.UserAccount), nil
}

// Verify uses a link of maillink.VerifyEmail: the address is verified from now on, and further
// links that would verify it are void. errdefs.ErrNotFound is that of Find.
func (s MailLinks) Verify(ctx context.Context, token secret.Hash, now time.Time, e audit.Event) (user id.User, err error) {
	err = s.db.inTx(ctx, "verify address", func(q *sqlcgen.Queries) error {
		l, err := use(ctx, q, maillink.VerifyEmail, token, now)
		if err != nil {
			return err
		}
		user = l.User
		if err := verifyEmail(ctx, q, user); err != nil {
			return err
		}
		e.User = user
		return appendEvents(ctx, q, []audit.Event{e})
	})
	return user, err
}

// ResetPassword uses a link of maillink.ResetPassword: the person has the password from now on and
// a verified address, and everything that was had by the old password ends as in
// Sessions.ChangePassword. Other links that would reset it are void. letter tells the person.
// errdefs.ErrNotFound is that of Find.
func (s MailLinks) ResetPassword(ctx context.Context, token secret.Hash, encoded string, now time.Time, keep time.Duration, letter mail.Sealed, e audit.Event) error {
	var cut []revocation.Cutoff
	err := s.db.inTx(ctx, "reset password", func(q *sqlcgen.Queries) error {
		l, err := use(ctx, q, maillink.ResetPassword, token, now)
		if err != nil {
			return err
		}
		if cut, err = s.db.changePassword(ctx, q, l.User, encoded, id.Session{}, keep); err != nil {
			return err
		}
		if err := verifyEmail(ctx, q, l.User); err != nil {
			return err
		}
		if err := queue(ctx, q, letter); err != nil {
			return err
		}
		e.User = l.User
		return appendEvents(ctx, q, []audit.Event{e})
	})
	if err == nil {
		s.db.stored(cut...)
	}
	return err
}

// use spends a link. The person is locked first, so that of two links the second finds what the
// first has voided.
func use(ctx context.Context, q *sqlcgen.Queries, p maillink.Purpose, token secret.Hash, now time.Time) (maillink.Link, error) {
	if _, err := q.LockMailLinkUser(ctx, sqlcgen.LockMailLinkUserParams{TokenHash: token[:], Purpose: string(p)}); err != nil {
		return maillink.Link{}, err
	}
	row, err := q.UseMailLink(ctx, sqlcgen.UseMailLinkParams{TokenHash: token[:], Purpose: string(p), Now: now})
	return toMailLink(row), err
}

func verifyEmail(ctx context.Context, q *sqlcgen.Queries, user id.User) error {
	if _, err := q.VerifyEmail(ctx, user.UUID()); err != nil {
		return err
	}
	return q.VoidMailLinks(ctx, sqlcgen.VoidMailLinksParams{UserID: user.UUID(), Purpose: string(maillink.VerifyEmail)})
}

func toMailLink(r sqlcgen.MailLink) maillink.Link {
	return maillink.Link{
		Purpose: maillink.Purpose(r.Purpose), User: id.UserFromUUID(r.UserID), Email: r.EmailNormalized,
		CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, Flow: r.Flow,
	}
}
