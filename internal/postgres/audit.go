package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
)

// Audit stores the audit log.
type Audit struct{ db *DB }

// Audit returns the store of audit events.
func (db *DB) Audit() Audit { return Audit{db} }

// Append stores events with one COPY, all or none.
func (s Audit) Append(ctx context.Context, events []audit.Event) error {
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
		}
		if len(e.Detail) > 0 {
			detail, err := json.Marshal(e.Detail)
			if err != nil {
				return fmt.Errorf("encode audit detail: %w", err)
			}
			rows[i].Detail = detail
		}
	}
	_, err := s.db.q.InsertAuditEvents(ctx, rows)
	return wrap("append audit events", err)
}

// PreparePartitions makes the partition of the month of now and of the next one.
func (s Audit) PreparePartitions(ctx context.Context, now time.Time) error {
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	for _, from := range []time.Time{first, first.AddDate(0, 1, 0)} {
		to := from.AddDate(0, 1, 0)
		// Names and bounds are computed from a time alone; a partition cannot be made with
		// parameters. Rows of this month that went to the default partition keep their place:
		// then the statement fails, and the month stays there.
		name := "audit_event_" + from.Format("2006_01")
		_, err := s.db.pool.Exec(ctx, fmt.Sprintf(
			"CREATE TABLE IF NOT EXISTS %s PARTITION OF audit_event FOR VALUES FROM ('%s') TO ('%s')",
			name, from.Format(time.DateOnly), to.Format(time.DateOnly)))
		if err != nil {
			return wrap("make audit partition", err)
		}
	}
	return nil
}
