package postgres

import (
	"context"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
)

// Mail keeps the outbox. Messages get there with the change that they tell of: stores call
// enqueueMail in their own transaction.
type Mail struct{ db *DB }

// Mail returns the outbox.
func (db *DB) Mail() Mail { return Mail{db} }

// enqueueMail puts a message into the outbox within the transaction of q. All replicas are told
// when it commits.
func enqueueMail(ctx context.Context, q *sqlcgen.Queries, m mail.Sealed) error {
	return q.EnqueueMail(ctx, sqlcgen.EnqueueMailParams{ID: m.ID, Sealed: m.Body})
}

// Enqueue puts a message into the outbox by itself, for what changes nothing else.
func (s Mail) Enqueue(ctx context.Context, m mail.Sealed) error {
	return wrap("enqueue mail", enqueueMail(ctx, s.db.q, m))
}

// Claim takes up to most messages that are due, for as long as lease; nobody else gets them
// meanwhile. The attempt counts as made.
func (s Mail) Claim(ctx context.Context, most int, lease time.Duration) ([]mail.Claimed, error) {
	rows, err := s.db.q.ClaimMail(ctx, sqlcgen.ClaimMailParams{Most: int32(most), Lease: interval(lease)})
	if err != nil {
		return nil, wrap("claim mail", err)
	}
	out := make([]mail.Claimed, len(rows))
	for i, r := range rows {
		out[i] = mail.Claimed{Sealed: mail.Sealed{ID: r.ID, Body: r.Sealed}, QueuedAt: r.CreatedAt, Attempt: int(r.Attempts)}
	}
	return out, nil
}

// Sent forgets a message that a mail server took, or that nobody needs any more.
func (s Mail) Sent(ctx context.Context, m mail.Claimed) error {
	_, err := s.db.q.DeleteMail(ctx, m.ID)
	return wrap("forget mail", err)
}

// Postpone makes a message due again after pause; reason is kept beside it for the operator.
func (s Mail) Postpone(ctx context.Context, m mail.Claimed, pause time.Duration, reason string) error {
	return wrap("postpone mail", s.db.q.PostponeMail(ctx, sqlcgen.PostponeMailParams{
		ID: m.ID, Attempts: int32(m.Attempt), Pause: interval(pause), LastError: reason,
	}))
}

// Release gives a claimed message back at once, as if it had never been claimed.
func (s Mail) Release(ctx context.Context, m mail.Claimed) error {
	return wrap("release mail", s.db.q.ReleaseMail(ctx, sqlcgen.ReleaseMailParams{ID: m.ID, Attempts: int32(m.Attempt)}))
}

// GiveUp forgets a message that cannot be delivered, and records that, in one transaction.
func (s Mail) GiveUp(ctx context.Context, m mail.Claimed, e audit.Event) error {
	return s.db.inTx(ctx, "give up mail", func(q *sqlcgen.Queries) error {
		if n, err := q.DeleteMail(ctx, m.ID); err != nil || n == 0 {
			return err // another replica was faster
		}
		return appendEvents(ctx, q, []audit.Event{e})
	})
}

// Queue says how many messages wait, and since when the oldest does.
func (s Mail) Queue(ctx context.Context) (waiting int, oldest time.Duration, err error) {
	r, err := s.db.q.MailQueue(ctx)
	return int(r.Waiting), time.Duration(r.OldestSeconds * float64(time.Second)), wrap("count mail", err)
}
