package adminapi

import (
	"context"
	"net/http"

	"github.com/signet-id/signet/internal/admin"
)

// Me is who calls, and what they may administer.
type Me struct {
	User         *User    `json:"user,omitempty" doc:"The person; absent for a machine."`
	ClientID     string   `json:"client_id" doc:"The application that the token was issued to."`
	Tenant       *Tenant  `json:"tenant,omitempty" doc:"The tenant of the token; absent for a machine of the installation."`
	Installation bool     `json:"installation" doc:"Whether permissions of the installation count for this caller."`
	Permissions  []string `json:"permissions" nullable:"false" doc:"On the administration, as of now."`
}

func (a *API) me() {
	register(a, operation{ID: "get-me", Method: http.MethodGet, Path: "/me", Tag: "Caller", Summary: "Say who calls, and what they may administer."}, a.getMe)
}

func (a *API) getMe(ctx context.Context, actor admin.Actor, _ *struct{}) (*struct{ Body Me }, error) {
	own := admin.Reach{Tenant: actor.Tenant}
	out := Me{ClientID: string(actor.Client), Installation: actor.Installation, Permissions: append([]string{}, actor.Permissions...)}
	if !actor.Tenant.IsZero() {
		t, err := a.Tenants.Find(ctx, own, actor.Tenant.String())
		if err != nil {
			return nil, err
		}
		shown := tenantOf(t)
		out.Tenant = &shown
	}
	if !actor.User.IsZero() {
		u, err := a.Users.Find(ctx, own, actor.User)
		if err != nil {
			return nil, err
		}
		shown := userOf(u)
		out.User = &shown
	}
	return &struct{ Body Me }{out}, nil
}
