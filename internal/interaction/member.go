package interaction

import (
	"context"
	"net/http"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/ui"
)

// showNotMember tells somebody who is signed in that they belong to nothing that the request
// allows. The client hears of it when they go back.
func (i *Interaction) showNotMember(w http.ResponseWriter, r *http.Request, s step, form ui.Form, who ui.Person) error {
	form.Action = pathNotMember
	i.recordNotMember(r.Context(), s)
	_, requestID := i.Caller(r.Context())
	i.render(w, r, http.StatusForbidden, ui.NotMember{
		Frame: frame(s), Form: form, Client: ui.Client{Name: s.client.Name}, Person: who,
		Organization: asked(s.req.Organization),
		CanSwitch:    s.req.HintedUser.IsZero(), // else nobody but the person hinted at could go on
		RequestID:    requestID,
	})
	return nil
}

// asked is what a page may repeat of the organization parameter: what can be a slug or an
// identifier. Anything else would let whoever wrote the link speak in our name.
func asked(organization string) string {
	if !directory.IsReference(organization) {
		return ""
	}
	return organization
}

// leaveOrSwitch takes somebody who is no member back to the client, or lets them sign in as
// somebody else (POST /login/membership).
func (i *Interaction) leaveOrSwitch(w http.ResponseWriter, r *http.Request) error {
	s, form, due, err := i.due(w, r, authorization.NotMember)
	if err != nil || !due {
		return err
	}
	switch form.Get(ui.FieldDecision) {
	case ui.DecisionDeny:
		i.Issuer.Fail(w, r, s.req, s.Failure)
		return nil
	case ui.DecisionSwitch:
		return i.switchAccount(w, r, s.req)
	}
	return badRequest("no decision was made")
}

// recordNotMember says on record who was not let into an application that they do not belong to.
// Whatever shows or answers it again within a while is not told apart from a reload.
func (i *Interaction) recordNotMember(ctx context.Context, s step) {
	d := denial{s.visit.session.ID, s.client.ID, s.Tenant.ID, asked(s.req.Organization)}
	if i.denials.due(d, i.Now()) {
		i.recordDenied(ctx, s, "membership")
	}
}

// recordDenied says on record who was not let into an application, and why. What was asked for is
// on record as far as it may be a slug.
func (i *Interaction) recordDenied(ctx context.Context, s step, why string) {
	e := audit.Event{
		At: i.Now(), Action: audit.AuthorizeDenied, Client: string(s.client.ID), Tenant: s.Tenant.ID,
		User: s.visit.session.User, Session: s.visit.session.ID,
		Detail: map[string]string{"error": "access_denied", "reason": why},
	}
	if o := asked(s.req.Organization); o != "" {
		e.Detail["organization"] = o
	}
	i.Audit.Record(ctx, e)
}
