package adminapi

import (
	"context"
	"net/http"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/session"
)

// Grants stores what people allowed clients.
type Grants interface {
	List(ctx context.Context, reach admin.Reach, f grant.Filter, p admin.Page) (admin.List[grant.Family], error)
	Find(ctx context.Context, reach admin.Reach, g id.Grant) (grant.Family, error)
	Revoke(ctx context.Context, a admin.Act, g id.Grant, keep time.Duration) error
}

// Sessions stores people's sign-ins in browsers.
type Sessions interface {
	List(ctx context.Context, reach admin.Reach, user id.User, p admin.Page) (admin.List[session.Session], error)
	Find(ctx context.Context, reach admin.Reach, s id.Session) (session.Session, error)
	End(ctx context.Context, a admin.Act, s id.Session, keep time.Duration) error
}

// Grant is what a person allowed a client in one tenant, as long as the client holds a refresh
// token for it.
type Grant struct {
	ID              string     `json:"id" example:"gra_01h2xcejqtf2nbrexx3vqjhp41" doc:"The grant_id claim."`
	TenantID        string     `json:"tenant_id"`
	UserID          string     `json:"user_id"`
	ClientID        string     `json:"client_id"`
	SessionID       string     `json:"session_id,omitempty" doc:"The sign-in that it hangs on; absent when it outlives it."`
	Offline         bool       `json:"offline" doc:"It outlives the session."`
	Scopes          []string   `json:"scopes" nullable:"false"`
	Audiences       []string   `json:"audiences" nullable:"false"`
	ACR             string     `json:"acr,omitempty"`
	AMR             []string   `json:"amr,omitempty"`
	AuthenticatedAt time.Time  `json:"authenticated_at" doc:"When the person proved who they are."`
	CreatedAt       time.Time  `json:"created_at"`
	RefreshedAt     time.Time  `json:"refreshed_at" doc:"When the client last got tokens for it."`
	ExpiresAt       time.Time  `json:"expires_at" doc:"When it ends unless it is refreshed before."`
	RevokedAt       *time.Time `json:"revoked_at,omitempty"`
	Active          bool       `json:"active" doc:"The client can still get tokens for it."`
}

func (a *API) grantOf(f grant.Family) Grant {
	g := Grant{
		ID: f.ID.String(), TenantID: f.Tenant.String(), UserID: f.User.String(), ClientID: string(f.Client), Offline: f.Offline,
		Scopes: listed(f.Scopes), Audiences: listed(f.Audiences), ACR: f.ACR, AMR: f.AMR, AuthenticatedAt: f.AuthenticatedAt,
		CreatedAt: f.CreatedAt, RefreshedAt: f.RotatedAt, ExpiresAt: f.ExpiresAt, RevokedAt: moment(f.RevokedAt), Active: f.Live(a.Now()),
	}
	if !f.Offline {
		g.SessionID = f.Session.String()
	}
	return g
}

// Session is a person's sign-in in one browser.
type Session struct {
	ID              string    `json:"id" example:"ses_01h2xcejqtf2nbrexx3vqjhp41" doc:"The sid claim."`
	UserID          string    `json:"user_id"`
	UserAgent       string    `json:"user_agent" doc:"What the browser says it is."`
	Address         string    `json:"address" doc:"Where the person signed in from."`
	ACR             string    `json:"acr,omitempty"`
	AMR             []string  `json:"amr,omitempty"`
	CreatedAt       time.Time `json:"created_at"`
	AuthenticatedAt time.Time `json:"authenticated_at" doc:"When the person last proved who they are."`
	ExpiresAt       time.Time `json:"expires_at" doc:"When it ends unless it is used before."`
	EndsAt          time.Time `json:"ends_at" doc:"When it ends in any case."`
}

func sessionOf(s session.Session) Session {
	return Session{
		ID: s.ID.String(), UserID: s.User.String(), UserAgent: s.UserAgent, Address: s.Address, ACR: s.ACR, AMR: s.AMR,
		CreatedAt: s.CreatedAt, AuthenticatedAt: s.AuthenticatedAt, ExpiresAt: s.ExpiresAt, EndsAt: s.AbsoluteExpiry,
	}
}

// plain is the answer that holds one resource which nobody edits.
type plain[T any] struct{ Body T }

// OfGrant and OfSession are paths.
type OfGrant struct {
	Grant string `path:"grant" maxLength:"100" example:"gra_01h2xcejqtf2nbrexx3vqjhp41" doc:"Identifier of the grant."`
}

// OfSession is the path of a session.
type OfSession struct {
	Session string `path:"session" maxLength:"100" example:"ses_01h2xcejqtf2nbrexx3vqjhp41" doc:"Identifier of the session."`
}

func (a *API) grants() {
	const tag = "Grants and sessions"
	register(a, operation{ID: "list-grants", Method: http.MethodGet, Path: "/grants", Tag: tag, Summary: "List what people allowed clients, oldest first."}, a.listGrants)
	register(a, operation{ID: "get-grant", Method: http.MethodGet, Path: "/grants/{grant}", Tag: tag, Summary: "Read a grant."}, a.getGrant)
	register(a, operation{
		ID: "revoke-grant", Method: http.MethodDelete, Path: "/grants/{grant}", Tag: tag, Status: http.StatusNoContent,
		Summary: "Revoke a grant.", Description: "Its refresh token and its access tokens are void.",
	}, a.revokeGrant)
	register(a, operation{
		ID: "list-sessions", Method: http.MethodGet, Path: "/sessions", Tag: tag, Summary: "List where a person is signed in.",
		Description: "Administrators of a tenant see the sessions of its members that a grant in the tenant hangs on.",
	}, a.listSessions)
	register(a, operation{ID: "get-session", Method: http.MethodGet, Path: "/sessions/{session}", Tag: tag, Summary: "Read a session."}, a.getSession)
	register(a, operation{
		ID: "end-session", Method: http.MethodDelete, Path: "/sessions/{session}", Tag: tag, Status: http.StatusNoContent,
		Summary: "Sign a person out of one browser, and of what hangs on it.", Description: "Installation administrators only: a session belongs to no tenant.",
	}, a.endSession)
}

func (a *API) listGrants(ctx context.Context, actor admin.Actor, in *struct {
	Paging
	Tenant string `query:"tenant" maxLength:"63" doc:"Only those in the tenant with this slug or identifier."`
	User   string `query:"user" maxLength:"100" doc:"Only those of the person with this identifier."`
	Client string `query:"client" maxLength:"255" doc:"Only those to the client with this id."`
},
) (*listing[Grant], error) {
	f := grant.Filter{Client: client.ID(in.Client)}
	var err error
	if f.Tenant, err = a.filterTenant(ctx, actor, in.Tenant); err != nil {
		return nil, err
	}
	if in.User != "" {
		if f.User, err = id.ParseUser(in.User); err != nil {
			return nil, errNoUser
		}
	}
	l, err := a.Grants.List(ctx, actor.Reach(), f, in.page())
	return &listing[Grant]{pageOf(l, a.grantOf)}, err
}

var errNoUser = admin.Invalid("query.user", "use an identifier of the form usr_…")

// grant finds the grant of a path. One that the caller does not see is not there.
func (a *API) grant(ctx context.Context, actor admin.Actor, in OfGrant) (grant.Family, error) {
	g, err := id.ParseGrant(in.Grant)
	if err != nil {
		return grant.Family{}, errNoSuch
	}
	return a.Grants.Find(ctx, actor.Reach(), g)
}

func (a *API) getGrant(ctx context.Context, actor admin.Actor, in *OfGrant) (*plain[Grant], error) {
	g, err := a.grant(ctx, actor, *in)
	return &plain[Grant]{a.grantOf(g)}, err
}

func (a *API) revokeGrant(ctx context.Context, actor admin.Actor, in *OfGrant) (*none, error) {
	g, err := a.grant(ctx, actor, *in)
	if err == nil {
		err = may(actor.Manages(g.Tenant))
	}
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.GrantRevoked, g.Tenant, g.ID.String(), map[string]string{"client": string(g.Client)})
	act.Event.User, act.Event.Grant = g.User, g.ID
	return &none{}, a.Grants.Revoke(ctx, act, g.ID, maxAccessToken)
}

func (a *API) listSessions(ctx context.Context, actor admin.Actor, in *struct {
	Paging
	User string `query:"user" required:"true" maxLength:"100" doc:"The identifier of the person."`
},
) (*listing[Session], error) {
	user, err := id.ParseUser(in.User)
	if err != nil {
		return nil, errNoUser
	}
	l, err := a.Sessions.List(ctx, actor.Reach(), user, in.page())
	return &listing[Session]{pageOf(l, sessionOf)}, err
}

// session finds the session of a path. One that the caller does not see is not there.
func (a *API) session(ctx context.Context, actor admin.Actor, in OfSession) (session.Session, error) {
	s, err := id.ParseSession(in.Session)
	if err != nil {
		return session.Session{}, errNoSuch
	}
	return a.Sessions.Find(ctx, actor.Reach(), s)
}

func (a *API) getSession(ctx context.Context, actor admin.Actor, in *OfSession) (*plain[Session], error) {
	s, err := a.session(ctx, actor, *in)
	return &plain[Session]{sessionOf(s)}, err
}

func (a *API) endSession(ctx context.Context, actor admin.Actor, in *OfSession) (*none, error) {
	s, err := a.session(ctx, actor, *in)
	if err == nil {
		err = may(actor.ManagesAll())
	}
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.SessionEnded, id.Tenant{}, s.ID.String(), nil)
	act.Event.User, act.Event.Session = s.User, s.ID
	return &none{}, a.Sessions.End(ctx, act, s.ID, maxAccessToken)
}
