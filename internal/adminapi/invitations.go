package adminapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/invitation"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/maillink"
	"github.com/signet-id/signet/internal/secret"
)

// Invitations stores invitations, each with the message that carries its link.
type Invitations interface {
	List(ctx context.Context, tenant id.Tenant, state invitation.State, now time.Time, p admin.Page) (admin.List[invitation.Invitation], error)
	Find(ctx context.Context, tenant id.Tenant, i id.Invitation) (invitation.Invitation, error)
	Create(ctx context.Context, a admin.Act, i invitation.Invitation, token secret.Hash, letter mail.Sealed) (created invitation.Invitation, replayed bool, err error)
	Resend(ctx context.Context, a admin.Act, tenant id.Tenant, i id.Invitation, token secret.Hash, expires time.Time, letter mail.Sealed) (invitation.Invitation, error)
	Revoke(ctx context.Context, a admin.Act, tenant id.Tenant, i id.Invitation) error
}

// Links is what mailed links are made from: where they lead, and how long.
type Links struct {
	Invitation func(token secret.Text) secret.Text
	ToPerson   func(p maillink.Purpose, token secret.Text) secret.Text

	InvitationLife, VerifyLife, ResetLife time.Duration
}

// Invitation offers a membership to whoever reads a mailbox. The link is in the message alone.
type Invitation struct {
	ID         string     `json:"id" example:"inv_01h2xcejqtf2nbrexx3vqjhp41" doc:"Identifier of the invitation."`
	Email      string     `json:"email" example:"grace@acme.example"`
	Roles      []string   `json:"roles" nullable:"false" doc:"Given on acceptance, as far as they exist then."`
	State      string     `json:"state" enum:"pending,expired,accepted,revoked" doc:"Only a pending invitation can be accepted; an expired one can be sent again."`
	InvitedBy  string     `json:"invited_by" doc:"A person, a client, or installation."`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  time.Time  `json:"expires_at" doc:"Of the link sent last."`
	AcceptedAt *time.Time `json:"accepted_at,omitempty"`
	AcceptedBy string     `json:"accepted_by,omitempty" doc:"The person, who is a member since."`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
}

func (a *API) invitationOf(i invitation.Invitation) Invitation {
	return Invitation{
		ID: i.ID.String(), Email: i.Email, Roles: append([]string{}, i.Roles...), State: string(i.State(a.Now())), InvitedBy: i.InvitedBy,
		CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt, AcceptedAt: moment(i.AcceptedAt), AcceptedBy: i.AcceptedBy.String(),
		RevokedAt: moment(i.RevokedAt),
	}
}

// OfInvitation is the path of an invitation.
type OfInvitation struct {
	InTenant
	Invitation string `path:"invitation" maxLength:"64" example:"inv_01h2xcejqtf2nbrexx3vqjhp41" doc:"Identifier of the invitation."`
}

type createInvitation struct {
	InTenant
	Creation
	Body struct {
		Email string   `json:"email" minLength:"3" maxLength:"254" doc:"Where the invitation is sent. Only the account with this address can accept it."`
		Roles []string `json:"roles,omitempty" maxItems:"50" doc:"Names of roles of the tenant."`
	}
}

// invitationAnswer holds an invitation, which is not edited and so has no entity tag.
type invitationAnswer struct{ Body Invitation }

type invitationMade struct {
	Location string `header:"Location" doc:"Where the resource is."`
	Replayed string `header:"Idempotent-Replayed" doc:"true when the Idempotency-Key had been used for this very request: nothing new was made."`
	Body     Invitation
}

func (a *API) invitations() {
	const tag = "Invitations"
	register(a, operation{
		ID: "list-invitations", Method: http.MethodGet, Path: "/tenants/{tenant}/invitations", Tag: tag, Summary: "List the invitations of a tenant, oldest first.",
		Description: "They are listed until a month after they expired.",
	}, a.listInvitations)
	register(a, operation{
		ID: "create-invitation", Method: http.MethodPost, Path: "/tenants/{tenant}/invitations", Tag: tag, Status: http.StatusCreated,
		Errors:      []int{http.StatusTooManyRequests},
		Summary:     "Invite somebody into a tenant by e-mail.",
		Description: "Whether the address has an account is not told. Inviting an address again renews what is pending: the link sent before is void. Only so many letters go to one address, and from one tenant in a day: beyond that the answer is 429, and Retry-After says when the next one may go.",
	}, a.createInvitation)
	register(a, operation{ID: "get-invitation", Method: http.MethodGet, Path: "/tenants/{tenant}/invitations/{invitation}", Tag: tag, Summary: "Read an invitation."}, a.getInvitation)
	register(a, operation{
		ID: "revoke-invitation", Method: http.MethodDelete, Path: "/tenants/{tenant}/invitations/{invitation}", Tag: tag, Status: http.StatusNoContent,
		Summary: "Withdraw an invitation: its link is void.",
	}, a.revokeInvitation)
	register(a, operation{
		ID: "resend-invitation", Method: http.MethodPost, Path: "/tenants/{tenant}/invitations/{invitation}/resend", Tag: tag,
		Errors:  []int{http.StatusTooManyRequests},
		Summary: "Send an invitation again, with a new link.", Description: "The link sent before is void. It counts as another letter to the address.",
	}, a.resendInvitation)
}

func (a *API) listInvitations(ctx context.Context, actor admin.Actor, in *struct {
	InTenant
	Paging
	State string `query:"state" enum:"pending,expired,accepted,revoked" doc:"Only those in this state."`
},
) (*listing[Invitation], error) {
	t, err := a.tenant(ctx, actor, in.InTenant)
	if err != nil {
		return nil, err
	}
	l, err := a.Invitations.List(ctx, t.ID, invitation.State(in.State), a.Now(), in.page())
	return &listing[Invitation]{pageOf(l, a.invitationOf)}, err
}

// findInvitation finds the tenant and the invitation of a path.
func (a *API) findInvitation(ctx context.Context, actor admin.Actor, in OfInvitation) (directory.Tenant, invitation.Invitation, error) {
	t, err := a.tenant(ctx, actor, in.InTenant)
	if err != nil {
		return t, invitation.Invitation{}, err
	}
	i, err := id.ParseInvitation(in.Invitation)
	if err != nil {
		return t, invitation.Invitation{}, fmt.Errorf("invitation: %w", errdefs.ErrNotFound)
	}
	found, err := a.Invitations.Find(ctx, t.ID, i)
	return t, found, err
}

func (a *API) getInvitation(ctx context.Context, actor admin.Actor, in *OfInvitation) (*invitationAnswer, error) {
	_, i, err := a.findInvitation(ctx, actor, *in)
	return &invitationAnswer{a.invitationOf(i)}, err
}

func (a *API) createInvitation(ctx context.Context, actor admin.Actor, in *createInvitation) (*invitationMade, error) {
	t, err := a.managedTenant(ctx, actor, in.InTenant)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if slices.Contains(b.Roles, "") {
		return nil, admin.Invalid("roles", "name roles of the tenant")
	}
	i, token, err := invitation.New(t.ID, b.Email, b.Roles, a.Now(), a.Links.InvitationLife)
	if err != nil {
		return nil, admin.Invalid("email", "use an e-mail address")
	}
	letter, err := a.invite(ctx, actor, t, i, token, i.ExpiresAt)
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.InvitationCreated, t.ID, "", map[string]string{"email": i.Email, "roles": strings.Join(i.Roles, " ")})
	act.Once = in.once("create-invitation", t.ID, b)
	letters, err := a.toSend(ctx, t.ID, i.Email)
	if err != nil {
		return nil, err
	}
	act.Refusal = letters.refusal
	i, replayed, err := a.Invitations.Create(ctx, act, i, token.Hash(), letter)
	if err != nil || replayed {
		letters.unsent(ctx)
	}
	if err != nil {
		return nil, err
	}
	out := &invitationMade{Location: Prefix + "/tenants/" + t.ID.String() + "/invitations/" + i.ID.String(), Body: a.invitationOf(i)}
	if replayed {
		out.Replayed = "true"
	}
	return out, nil
}

// invite seals the message that carries an invitation.
func (a *API) invite(ctx context.Context, actor admin.Actor, t directory.Tenant, i invitation.Invitation, token secret.Text, expires time.Time) (mail.Sealed, error) {
	m := mail.Message{
		Kind: mail.Invitation, To: i.Email, Organization: t.Name, Link: a.Links.Invitation(token), LinkExpires: expires,
		Tenant: t.ID, Target: i.ID.String(),
	}
	if !actor.User.IsZero() {
		u, err := a.Users.Find(ctx, admin.Reach{All: true}, actor.User)
		if err != nil {
			return mail.Sealed{}, err
		}
		m.Inviter = u.DisplayName()
	}
	return a.seal(m)
}

// seal makes a message ready for the outbox.
func (a *API) seal(m mail.Message) (mail.Sealed, error) {
	if !a.Letters.Enabled() {
		return mail.Sealed{}, errdefs.Say(errdefs.ErrConflict, nil, "This installation sends no e-mail: set mail.host and mail.from.")
	}
	letter, err := a.Letters.Seal(m)
	if errors.Is(err, errdefs.ErrInvalid) {
		err = admin.Invalid("email", "no message can be sent to it")
	}
	return letter, err
}

func (a *API) revokeInvitation(ctx context.Context, actor admin.Actor, in *OfInvitation) (*none, error) {
	t, i, err := a.findInvitation(ctx, actor, *in)
	if err == nil {
		err = may(actor.Manages(t.ID))
	}
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.InvitationRevoked, t.ID, i.ID.String(), map[string]string{"email": i.Email})
	return &none{}, a.Invitations.Revoke(ctx, act, t.ID, i.ID)
}

func (a *API) resendInvitation(ctx context.Context, actor admin.Actor, in *OfInvitation) (*invitationAnswer, error) {
	t, i, err := a.findInvitation(ctx, actor, *in)
	if err == nil {
		err = may(actor.Manages(t.ID))
	}
	if err != nil {
		return nil, err
	}
	token, expires := secret.Generate(), a.Now().Add(a.Links.InvitationLife)
	letter, err := a.invite(ctx, actor, t, i, token, expires)
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.InvitationResent, t.ID, i.ID.String(), map[string]string{"email": i.Email})
	letters, err := a.toSend(ctx, t.ID, i.Email)
	if err != nil {
		return nil, err
	}
	act.Refusal = letters.refusal
	i, err = a.Invitations.Resend(ctx, act, t.ID, i.ID, token.Hash(), expires, letter)
	if err != nil {
		letters.unsent(ctx)
	}
	return &invitationAnswer{a.invitationOf(i)}, err
}
