package postgres

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
)

// act makes the change of an administrative act and records it, in one transaction. do returns how
// what it made or changed is found again; when the act is a creation that was tried before, do is
// not called and the reference of then is returned with replayed. Nor is it when there is a
// a.Refusal, which is the error then.
//
// Reads and checks inside of do see what the transaction will change; whatever they refuse leaves
// nothing behind.
func (db *DB) act(ctx context.Context, what string, a admin.Act, do func(q *sqlcgen.Queries) (reference string, err error)) (reference string, replayed bool, err error) {
	err = wrap(what, pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		q := db.q.WithTx(tx)
		if err := q.SetActor(ctx, a.Actor.String()); err != nil {
			return err
		}
		if a.Once != nil {
			// Another attempt under the same key waits here until the first one ends.
			n, err := q.ClaimIdempotencyKey(ctx, sqlcgen.ClaimIdempotencyKeyParams{
				Actor: a.Actor.String(), Key: a.Once.Key, Fingerprint: a.Once.Fingerprint[:],
			})
			if err != nil {
				return err
			}
			if n == 0 {
				reference, err = replay(ctx, q, a)
				replayed = err == nil
				return err
			}
		}
		if a.Refusal != nil {
			return a.Refusal
		}
		var err error
		if reference, err = do(q); err != nil {
			return err
		}
		if a.Once != nil {
			err := q.SetIdempotencyReference(ctx, sqlcgen.SetIdempotencyReferenceParams{
				Actor: a.Actor.String(), Key: a.Once.Key, Reference: reference,
			})
			if err != nil {
				return err
			}
		}
		if a.Event.Target == "" {
			a.Event.Target = reference
		}
		return appendEvents(ctx, q, []audit.Event{a.Event})
	}))
	return reference, replayed, err
}

func replay(ctx context.Context, q *sqlcgen.Queries, a admin.Act) (string, error) {
	row, err := q.FindIdempotencyKey(ctx, sqlcgen.FindIdempotencyKeyParams{Actor: a.Actor.String(), Key: a.Once.Key})
	if err != nil {
		return "", err
	}
	if subtle.ConstantTimeCompare(row.Fingerprint, a.Once.Fingerprint[:]) != 1 {
		return "", admin.ErrKeyReused
	}
	return row.Reference, nil
}

// cursor and parseCursor carry the sort key of a list's last entry to its next page, as JSON in
// base64url. Whoever forges one starts somewhere else in what they may see anyway: statements
// apply the reach to every page.
func cursor(key any) string {
	b, err := json.Marshal(key)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseCursor(s string, key any) error {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(b, key) != nil {
		return &admin.FieldError{Field: "query.cursor", Text: "use the next_cursor of the page before, or leave it out", Kind: errdefs.ErrInvalid}
	}
	return nil
}

// limited cuts the one row too many by which a page learns that there is another.
func limited[T any](rows []T, limit int, key func(T) any) admin.List[T] {
	if len(rows) <= limit {
		return admin.List[T]{Items: rows}
	}
	rows = rows[:limit]
	return admin.List[T]{Items: rows, Next: cursor(key(rows[limit-1]))}
}

// changed turns the number of rows that a statement changed into an error.
func changed(n int64) error {
	if n > 0 {
		return nil
	}
	return fmt.Errorf("nothing to change: %w", errdefs.ErrNotFound)
}
