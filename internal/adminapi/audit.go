package adminapi

import (
	"context"
	"net/http"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/id"
)

// History reads the audit log.
type History interface {
	List(ctx context.Context, reach admin.Reach, q audit.Query, p admin.Page) (admin.List[audit.Event], error)
	ListAccess(ctx context.Context, tenant id.Tenant, user id.User, w audit.Window, p admin.Page) (admin.List[audit.Access], error)
}

// AuditEvent is one thing that happened.
type AuditEvent struct {
	At        time.Time         `json:"at"`
	Action    string            `json:"action" example:"role.updated" doc:"What happened, as noun.verb."`
	Actor     string            `json:"actor,omitempty" doc:"Who did it: a person's identifier or a client id."`
	Target    string            `json:"target,omitempty" doc:"What it was done to."`
	TenantID  string            `json:"tenant_id,omitempty"`
	UserID    string            `json:"user_id,omitempty" doc:"The person concerned."`
	ClientID  string            `json:"client_id,omitempty"`
	SessionID string            `json:"session_id,omitempty"`
	GrantID   string            `json:"grant_id,omitempty"`
	TokenID   string            `json:"token_id,omitempty" doc:"The jti of a token; never the token."`
	Address   string            `json:"address,omitempty" doc:"Where the request came from."`
	RequestID string            `json:"request_id,omitempty"`
	Detail    map[string]string `json:"detail,omitempty"`
}

func auditEventOf(e audit.Event) AuditEvent {
	out := AuditEvent{
		At: e.At, Action: string(e.Action), Actor: e.Actor, Target: e.Target, TenantID: e.Tenant.String(), UserID: e.User.String(),
		ClientID: e.Client, SessionID: e.Session.String(), GrantID: e.Grant.String(), TokenID: e.TokenID, Address: e.Address,
		RequestID: e.RequestID, Detail: e.Detail,
	}
	switch {
	case out.Actor != "":
	case out.UserID != "": // people's own doings name them once
		out.Actor = out.UserID
	default:
		out.Actor = out.ClientID
	}
	return out
}

// Access is one way in which a person had access to something.
type Access struct {
	UserID     string    `json:"user_id"`
	Email      string    `json:"email,omitempty" doc:"As of now; absent when the person is no member any more."`
	Role       string    `json:"role" doc:"The role that the person held."`
	Through    string    `json:"through,omitempty" doc:"The role that it included and that bundles the permission, when that is another one."`
	GrantedBy  string    `json:"granted_by" doc:"Who gave the role."`
	Audience   string    `json:"audience,omitempty" doc:"The resource server; absent for a role that bundled nothing."`
	Permission string    `json:"permission,omitempty"`
	Since      time.Time `json:"since" doc:"From when on within the time asked for, inclusive."`
	Until      time.Time `json:"until" doc:"Until when within the time asked for, exclusive."`
}

func accessOf(x audit.Access) Access {
	out := Access{
		UserID: x.User.String(), Email: x.Email, Role: x.Role, Through: x.Through, GrantedBy: x.GrantedBy, Audience: x.Audience,
		Permission: x.Permission, Since: x.Since, Until: x.Until,
	}
	if out.Through == out.Role {
		out.Through = ""
	}
	return out
}

func (a *API) history() {
	const tag = "Audit"
	register(a, operation{
		ID: "list-audit-events", Method: http.MethodGet, Path: "/audit", Tag: tag, Summary: "List what happened, newest first.",
		Description: "Needs audit:read, and shows the events of the caller's tenant; installation administrators see all.",
	}, a.listAuditEvents)
	register(a, operation{
		ID: "list-access", Method: http.MethodGet, Path: "/audit/access", Tag: tag,
		Summary:     "List who had access to what in a tenant on a day.",
		Description: "Each entry is a person, a role they held, and a permission that it gave them, with the part of the day in which all of it stood. Give on, or since and until.",
	}, a.listAccess)
}

type auditQuery struct {
	Paging
	Tenant string    `query:"tenant" maxLength:"63" doc:"Slug or identifier: only events of this tenant."`
	User   string    `query:"user" maxLength:"64" doc:"Only events about this person."`
	Client string    `query:"client" maxLength:"255" doc:"Only events of this client."`
	Actor  string    `query:"actor" maxLength:"255" doc:"Only what this person or client did to others."`
	Action string    `query:"action" maxLength:"64" doc:"Only this action, or, without a dot, all actions on this noun." example:"role"`
	Since  time.Time `query:"since" doc:"From then on, inclusive."`
	Until  time.Time `query:"until" doc:"Before then."`
}

func (a *API) listAuditEvents(ctx context.Context, actor admin.Actor, in *auditQuery) (*listing[AuditEvent], error) {
	reach := admin.Reach{Tenant: actor.Tenant}
	if actor.ReadsAll() {
		reach = admin.Reach{All: true}
	} else if err := may(actor.ReadsAudit(actor.Tenant)); err != nil {
		return nil, err
	}
	q := audit.Query{Client: in.Client, Actor: in.Actor, Action: audit.Action(in.Action), Since: in.Since, Until: in.Until}
	if in.Tenant != "" {
		t, err := a.Tenants.Find(ctx, reach, in.Tenant)
		if err != nil {
			return nil, err
		}
		q.Tenant = t.ID
	}
	var err error
	if q.User, err = userFilter(in.User); err != nil {
		return nil, err
	}
	l, err := a.History.List(ctx, reach, q, in.page())
	return &listing[AuditEvent]{pageOf(l, auditEventOf)}, err
}

// userFilter reads a person's identifier from a query; "" is nobody in particular.
func userFilter(s string) (id.User, error) {
	if s == "" {
		return id.User{}, nil
	}
	u, err := id.ParseUser(s)
	if err != nil {
		return u, inQuery("user", "use a person's identifier, as in usr_…")
	}
	return u, nil
}

// inQuery refuses a parameter.
func inQuery(name, text string) error {
	return &Problem{Status: http.StatusUnprocessableEntity, Detail: "A parameter is not what it should be.", Errors: []Fault{{"query." + name, text}}}
}

type accessQuery struct {
	Paging
	Tenant string    `query:"tenant" required:"true" maxLength:"63" doc:"Slug or identifier of the tenant."`
	User   string    `query:"user" maxLength:"64" doc:"Only this person."`
	On     string    `query:"on" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" example:"2026-11-21" doc:"The day, in UTC."`
	Since  time.Time `query:"since" doc:"Instead of a day: from then on, inclusive."`
	Until  time.Time `query:"until" doc:"Instead of a day: before then."`
}

// longestWindow bounds what one question about access may be about.
const longestWindow = 366 * 24 * time.Hour

func (in accessQuery) window() (audit.Window, error) {
	if in.On != "" {
		if !in.Since.IsZero() || !in.Until.IsZero() {
			return audit.Window{}, inQuery("on", "give the day, or since and until, not both")
		}
		day, err := time.Parse(time.DateOnly, in.On)
		if err != nil {
			return audit.Window{}, inQuery("on", "use a day of the calendar, as in 2026-11-21")
		}
		return audit.Day(day), nil
	}
	if !in.Since.Before(in.Until) || in.Since.IsZero() {
		return audit.Window{}, inQuery("on", "give the day, or since and a later until")
	}
	if in.Until.Sub(in.Since) > longestWindow {
		return audit.Window{}, inQuery("until", "ask for at most 366 days at once")
	}
	return audit.Window{Since: in.Since, Until: in.Until}, nil
}

func (a *API) listAccess(ctx context.Context, actor admin.Actor, in *accessQuery) (*listing[Access], error) {
	reach := actor.Reach()
	if !reach.All { // audit:read without tenant:read is enough for one's own tenant
		reach.Tenant = actor.Tenant
	}
	t, err := a.Tenants.Find(ctx, reach, in.Tenant)
	if err == nil {
		err = may(actor.ReadsAudit(t.ID))
	}
	if err != nil {
		return nil, err
	}
	w, err := in.window()
	if err != nil {
		return nil, err
	}
	user, err := userFilter(in.User)
	if err != nil {
		return nil, err
	}
	l, err := a.History.ListAccess(ctx, t.ID, user, w, in.page())
	return &listing[Access]{pageOf(l, accessOf)}, err
}
