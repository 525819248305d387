package postgres

import (
	"context"
	"time"

	"github.com/signet-id/signet/internal/postgres/sqlcgen"
)

const (
	// cleanBatch keeps each delete short, so that it never stands in the way of a request.
	cleanBatch = 1000
	// cleanLock is the advisory lock under which one replica at a time cleans.
	cleanLock = "signet.clean"
)

// Cleaned counts the expired rows that a call of Clean deleted.
type Cleaned struct {
	Codes, Families, Cutoffs, Sessions, Throttles, Invitations, Links, IdempotencyKeys int64
	Attempts, PendingLinks, Logouts, Holders                                           int64
	// Unpartitioned names the months whose audit events stay in the default partition.
	Unpartitioned []string
}

// Total returns the sum.
func (c Cleaned) Total() int64 {
	return c.Codes + c.Families + c.Cutoffs + c.Sessions + c.Throttles + c.Invitations + c.Links + c.IdempotencyKeys +
		c.Attempts + c.PendingLinks + c.Logouts + c.Holders
}

// Clean deletes expired rows in batches, and makes room in the audit log for the months to
// come. When another replica is at it, it returns at once.
func (db *DB) Clean(ctx context.Context, now time.Time) (Cleaned, error) {
	var c Cleaned
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return c, wrap("clean", err)
	}
	defer conn.Release()
	var mine bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", cleanLock).Scan(&mine); err != nil || !mine {
		return c, wrap("clean", err)
	}
	defer func() {
		_, _ = conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(hashtextextended($1, 0))", cleanLock)
	}()
	q := sqlcgen.New(conn)
	for _, job := range []struct {
		delete func(context.Context, int32) (int64, error)
		count  *int64
	}{
		{q.DeleteExpiredCodes, &c.Codes},
		{q.DeleteExpiredFamilies, &c.Families},
		{q.DeleteExpiredCutoffs, &c.Cutoffs},
		{q.DeleteExpiredSessions, &c.Sessions},
		{q.DeleteExpiredThrottles, &c.Throttles},
		{q.DeleteOldInvitations, &c.Invitations},
		{q.DeleteOldMailLinks, &c.Links},
		{q.DeleteOldIdempotencyKeys, &c.IdempotencyKeys},
		{q.DeleteExpiredAttempts, &c.Attempts},
		{q.DeleteExpiredPendingLinks, &c.PendingLinks},
		{q.DeleteOldLogouts, &c.Logouts},
		{q.DeleteOldHolders, &c.Holders},
	} {
		for {
			n, err := job.delete(ctx, cleanBatch)
			*job.count += n
			if err != nil {
				return c, wrap("clean", err)
			}
			if n < cleanBatch {
				break
			}
		}
	}
	c.Unpartitioned, err = preparePartitions(ctx, conn, now)
	return c, err
}
