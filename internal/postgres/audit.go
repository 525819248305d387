package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
)

// Audit stores the audit log.
type Audit struct{ db *DB }

// Audit returns the store of audit events.
func (db *DB) Audit() Audit { return Audit{db} }

// Append stores events with one COPY, all or none.
func (s Audit) Append(ctx context.Context, events []audit.Event) error {
	return wrap("append audit events", appendEvents(ctx, s.db.q, events))
}

func appendEvents(ctx context.Context, q *sqlcgen.Queries, events []audit.Event) error {
	rows := make([]sqlcgen.InsertAuditEventsParams, len(events))
	for i, e := range events {
		rows[i] = sqlcgen.InsertAuditEventsParams{
			At:        e.At,
			Action:    string(e.Action),
			TenantID:  nullUUID(e.Tenant.UUID()),
			UserID:    nullUUID(e.User.UUID()),
			ClientID:  e.Client,
			SessionID: nullUUID(e.Session.UUID()),
			GrantID:   nullUUID(e.Grant.UUID()),
			TokenID:   e.TokenID,
			Address:   e.Address,
			RequestID: e.RequestID,
			Actor:     e.Actor,
			Target:    e.Target,
		}
		if len(e.Detail) > 0 {
			detail, err := json.Marshal(e.Detail)
			if err != nil {
				return fmt.Errorf("encode audit detail: %w", err)
			}
			rows[i].Detail = detail
		}
	}
	_, err := q.InsertAuditEvents(ctx, rows)
	return err
}

// checkViolation is PostgreSQL's error code for a row that breaks a constraint, here that of
// the default partition.
const checkViolation = "23514"

// PreparePartitions makes the partitions of the month of now (in UTC) and of the next one. A
// month with events in the default partition already has to stay there, since events cannot be
// moved out of an append-only table: such months are returned, as in "2026_11", and no error.
func (s Audit) PreparePartitions(ctx context.Context, now time.Time) (left []string, err error) {
	return preparePartitions(ctx, s.db.pool, now)
}

func preparePartitions(ctx context.Context, db sqlcgen.DBTX, now time.Time) (left []string, err error) {
	now = now.UTC()
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	for _, from := range []time.Time{first, first.AddDate(0, 1, 0)} {
		month, to := from.Format("2006_01"), from.AddDate(0, 1, 0)
		// Names and bounds are computed from a time alone; a partition cannot be made with
		// parameters.
		_, err := db.Exec(ctx, fmt.Sprintf(
			"CREATE TABLE IF NOT EXISTS audit_event_%s PARTITION OF audit_event FOR VALUES FROM ('%s 00:00:00Z') TO ('%s 00:00:00Z')",
			month, from.Format(time.DateOnly), to.Format(time.DateOnly)))
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == checkViolation {
			left = append(left, month)
			continue
		}
		if err != nil {
			return left, wrap("make audit partition", err)
		}
	}
	return left, nil
}
