package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
)

// eventKey is where the list of events goes on, towards the past.
type eventKey struct {
	At time.Time `json:"t"`
	ID int64     `json:"i"`
}

// endOfTime is later than any event.
func endOfTime() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }

// List returns the events within reach, newest first.
func (s Audit) List(ctx context.Context, reach admin.Reach, query audit.Query, p admin.Page) (admin.List[audit.Event], error) {
	before := eventKey{At: endOfTime()}
	if !query.Until.IsZero() {
		before.At = query.Until // ids are positive: an event of that moment is not before (Until, 0)
	}
	if p.After != "" {
		if err := parseCursor(p.After, &before); err != nil {
			return admin.List[audit.Event]{}, err
		}
	}
	var rows []sqlcgen.AuditEvent
	err := s.db.inTx(ctx, "list audit events", func(q *sqlcgen.Queries) error {
		err := q.PlanForParameters(ctx)
		if err != nil {
			return err
		}
		rows, err = q.ListAuditEvents(ctx, sqlcgen.ListAuditEventsParams{
			ReachAll: reach.All, Reach: reach.Tenant.UUID(),
			TenantID: nullUUID(query.Tenant.UUID()), UserID: nullUUID(query.User.UUID()), ClientID: query.Client,
			Actor: query.Actor, Action: string(query.Action), Since: query.Since,
			BeforeTime: before.At, BeforeID: before.ID, Page: int32(p.Limit + 1),
		})
		return err
	})
	if err != nil {
		return admin.List[audit.Event]{}, err
	}
	out := limited(rows, p.Limit, func(r sqlcgen.AuditEvent) any { return eventKey{r.At, r.ID} })
	events := admin.List[audit.Event]{Items: make([]audit.Event, len(out.Items)), Next: out.Next}
	for i, r := range out.Items {
		if events.Items[i], err = toEvent(r); err != nil {
			return admin.List[audit.Event]{}, err
		}
	}
	return events, nil
}

func toEvent(r sqlcgen.AuditEvent) (audit.Event, error) {
	e := audit.Event{
		At: r.At, Action: audit.Action(r.Action), Client: r.ClientID, TokenID: r.TokenID, Actor: r.Actor, Target: r.Target,
		Address: r.Address, RequestID: r.RequestID,
	}
	if r.TenantID != nil {
		e.Tenant = id.TenantFromUUID(*r.TenantID)
	}
	if r.UserID != nil {
		e.User = id.UserFromUUID(*r.UserID)
	}
	if r.SessionID != nil {
		e.Session = id.SessionFromUUID(*r.SessionID)
	}
	if r.GrantID != nil {
		e.Grant = id.GrantFromUUID(*r.GrantID)
	}
	if len(r.Detail) > 0 {
		if err := json.Unmarshal(r.Detail, &e.Detail); err != nil {
			return e, fmt.Errorf("audit event %d: decode detail: %w", r.ID, err)
		}
	}
	return e, nil
}

// accessKey is where the list of who had access goes on.
type accessKey struct {
	User       [16]byte  `json:"u"`
	Role       string    `json:"r"`
	Through    string    `json:"g"`
	Audience   string    `json:"a"`
	Permission string    `json:"p"`
	Since      time.Time `json:"s"`
}

// ListAccess returns who had access to what in the tenant at some time of the window: in one
// statement, by person. user narrows it, zero for everybody.
func (s Audit) ListAccess(ctx context.Context, tenant id.Tenant, user id.User, w audit.Window, p admin.Page) (admin.List[audit.Access], error) {
	var k accessKey
	if p.After != "" {
		if err := parseCursor(p.After, &k); err != nil {
			return admin.List[audit.Access]{}, err
		}
	}
	rows, err := s.db.q.ListAccess(ctx, sqlcgen.ListAccessParams{
		TenantID: tenant.UUID(), UserID: nullUUID(user.UUID()), Since: w.Since, Until: w.Until,
		AfterUser: k.User, AfterRole: k.Role, AfterEffective: k.Through, AfterAudience: k.Audience, AfterPermission: k.Permission, AfterSince: k.Since,
		Page: int32(p.Limit + 1),
	})
	if err != nil {
		return admin.List[audit.Access]{}, wrap("list access", err)
	}
	out := limited(rows, p.Limit, func(r sqlcgen.ListAccessRow) any {
		return accessKey{r.UserID, r.Role, r.Effective, r.Audience, r.Permission, r.Since}
	})
	return listOf(out, func(r sqlcgen.ListAccessRow) audit.Access {
		return audit.Access{
			User: id.UserFromUUID(r.UserID), Email: r.Email, Role: r.Role, Through: r.Effective, GrantedBy: r.GrantedBy,
			Audience: r.Audience, Permission: r.Permission, Since: r.Since, Until: r.Until,
		}
	}), nil
}
