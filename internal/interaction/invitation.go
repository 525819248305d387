package interaction

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/invitation"
	"github.com/signet-id/signet/internal/password"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/ui"
)

// invited is an invitation together with who looks at it.
type invited struct {
	invitation.Offer
	token secret.Text
	visit visit
	user  directory.User // zero: nobody is signed in
	step  ui.InvitationStep
}

// invitation shows an invitation and what is still to be done (GET /invitation). Opening it
// accepts nothing: programs that look for bad links open every one.
func (i *Interaction) invitation(w http.ResponseWriter, r *http.Request) error {
	query, err := i.query(r)
	if err != nil {
		return err
	}
	o, err := i.offered(r, query)
	if err != nil {
		return err
	}
	if query.Has(fieldCookie) && !o.visit.presented {
		return errNoCookie()
	}
	return i.showInvitation(w, r, http.StatusOK, o, ui.Invitation{})
}

// offered finds the invitation whose secret was sent and works out what is due. One that cannot be
// accepted is an error with its page: whoever has the secret may know what became of it.
func (i *Interaction) offered(r *http.Request, form url.Values) (invited, error) {
	token, ok := presented(form)
	if !ok {
		return invited{}, errInvitation(http.StatusNotFound, ui.ReasonInvitationVoid)
	}
	o := invited{token: token}
	var err error
	o.Offer, err = i.Invitations.Offer(r.Context(), token.Hash())
	if errors.Is(err, errdefs.ErrNotFound) {
		return invited{}, errInvitation(http.StatusNotFound, ui.ReasonInvitationVoid)
	}
	if err != nil {
		return invited{}, err
	}
	if o.visit, err = i.visit(r); err != nil {
		return invited{}, err
	}
	if o.visit.signedIn() {
		if o.user, err = i.People.FindUser(r.Context(), o.visit.session.User); err != nil {
			return invited{}, err
		}
	}
	switch state := o.State(i.Now()); {
	case state == invitation.Accepted:
		return invited{}, errInvitation(http.StatusGone, ui.ReasonInvitationUsed)
	case state == invitation.Revoked, o.Orphaned && state == invitation.Pending, !o.Offer.Tenant.DisabledAt.IsZero():
		return invited{}, errInvitation(http.StatusGone, ui.ReasonInvitationRevoked)
	case state == invitation.Expired:
		return invited{}, errInvitation(http.StatusGone, ui.ReasonInvitationExpired)
	case o.visit.signedIn() && o.For(o.user) && (!o.visit.confined() || o.visit.session.Through.Tenant == o.Offer.Tenant.ID):
		o.step = ui.InvitationJoin
	case o.Known:
		o.step = ui.InvitationSignIn
	default:
		o.step = ui.InvitationRegister
	}
	if o.step == ui.InvitationJoin {
		return o, nil
	}
	_, closed, err := i.closedRealm(r.Context(), o.Email)
	if closed { // a password would open nothing
		o.step = ui.InvitationThrough
	}
	return o, err
}

func errInvitation(status int, reason ui.ErrorReason) error {
	return &pageError{status: status, reason: reason, code: "invalid_request", description: "the invitation cannot be accepted"}
}

func (i *Interaction) showInvitation(w http.ResponseWriter, r *http.Request, status int, o invited, p ui.Invitation) error {
	p.Form, p.Step, p.MinLength = carrying(pathInvitation, o.token), o.step, i.MinPassword
	p.Tenant, p.Roles, p.Email = o.Offer.Tenant.Name, o.Standing, o.Email
	p.Inviter = ui.Person{Name: o.Inviter.DisplayName()}
	if o.visit.signedIn() {
		p.Person = person(o.user)
		p.Confined = o.visit.confined() && o.For(o.user) && o.step != ui.InvitationJoin
	}
	p.SignInURL = next{invitation: o.token.Reveal()}.signInURL(o.visit.signedIn())
	i.render(w, r, status, p)
	return nil
}

// invitedAddress is what the sign-in page starts with for somebody who was invited.
func (i *Interaction) invitedAddress(r *http.Request, token string) string {
	o, err := i.Invitations.Offer(r.Context(), secret.New(token).Hash())
	if err != nil || o.Orphaned || o.State(i.Now()) != invitation.Pending {
		return "" // the sign-in goes on without
	}
	return o.Email
}

// acceptInvitation makes the person a member (POST /invitation): the one who is signed in, if the
// invitation is for them, or somebody new, who gets an account.
func (i *Interaction) acceptInvitation(w http.ResponseWriter, r *http.Request) error {
	form, err := i.postForm(w, r)
	if err != nil {
		return err
	}
	o, err := i.offered(r, form)
	if err != nil {
		return err
	}
	switch joins := form.Get(ui.FieldDecision) == ui.DecisionJoin; {
	case o.step == ui.InvitationJoin && joins:
		return i.join(w, r, o)
	case o.step == ui.InvitationRegister && !joins:
		return i.openAccount(w, r, o, form)
	}
	// Somebody has signed in or out since the page was shown: it is shown anew.
	return redirect(w, next{invitation: o.token.Reveal()}.url())
}

func (i *Interaction) join(w http.ResponseWriter, r *http.Request, o invited) error {
	err := i.accept(r, o, i.acceptance(r, o.user.ID))
	if errors.Is(err, errdefs.ErrNotFound) { // another tab was faster, or it has just been revoked
		return redirect(w, next{invitation: o.token.Reveal()}.url())
	}
	if err != nil {
		return err
	}
	return redirect(w, pathAccount+"?"+fieldJoined+"=1")
}

// acceptance is who accepts, and the record of it.
func (i *Interaction) acceptance(r *http.Request, user id.User) invitation.Acceptance {
	now := i.Now()
	e := audit.Event{At: now, Action: audit.InvitationAccepted}
	e.Address, e.RequestID = i.Caller(r.Context())
	return invitation.Acceptance{User: user, Now: now, Event: e}
}

// accept goes on when the browser goes away: the person is a member, or is not.
func (i *Interaction) accept(r *http.Request, o invited, a invitation.Acceptance) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), changeTimeout)
	defer cancel()
	return i.Invitations.Accept(ctx, o.token.Hash(), a)
}

// maxName is the longest name of a person, in bytes.
const maxName = 200

// openAccount makes an account for somebody new and signs them in. The link has proven the
// address.
func (i *Interaction) openAccount(w http.ResponseWriter, r *http.Request, o invited, form url.Values) error {
	name, chosen := strings.TrimSpace(clip(form.Get(ui.FieldName), maxName)), secret.New(form.Get(ui.FieldNewPassword))
	p := ui.Invitation{Name: name}
	if name == "" {
		p.Problems = append(p.Problems, ui.NameMissing)
	}
	problem := ui.PasswordMissingNew
	if !chosen.Empty() {
		var err error
		known := password.Context{Email: o.Email, Name: name, Words: []string{o.Offer.Tenant.Name, o.Offer.Tenant.Slug}}
		if problem, err = i.obeys(chosen, known); err != nil {
			return err
		}
	}
	if problem != "" {
		p.Problems = append(p.Problems, problem)
	}
	if len(p.Problems) > 0 {
		return i.showInvitation(w, r, http.StatusBadRequest, o, p)
	}
	encoded, err := i.hash(r.Context(), chosen)
	if err != nil {
		return err
	}
	a := i.acceptance(r, id.NewUser(i.Now()))
	a.Account = &invitation.Account{Name: name, PasswordHash: encoded}
	a.Event.Detail = map[string]string{"account": "created"}
	err = i.accept(r, o, a)
	if errors.Is(err, errdefs.ErrNotFound) || errors.Is(err, errdefs.ErrConflict) {
		return redirect(w, next{invitation: o.token.Reveal()}.url())
	}
	if err != nil {
		return err
	}
	if _, err := i.beginSession(w, r, o.visit, proof{user: a.User}, ""); err != nil {
		return err // they have their account, and can sign in
	}
	i.Observer.SignIn("success")
	i.remember(w, i.device(r), a.User)
	return redirect(w, pathAccount+"?"+fieldJoined+"=1&"+fieldCookie+"=1")
}
