package adminapi

import (
	"context"
	"net/http"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/maillink"
	"github.com/signet-id/signet/internal/secret"
)

// MailLinks stores links that are mailed to people, each with the message that carries it.
type MailLinks interface {
	IssueAs(ctx context.Context, a admin.Act, l maillink.Link, token secret.Hash, letter mail.Sealed) error
}

func (a *API) letters() {
	const tag, installation = "Users", "Installation administrators only. The link is in the message alone."
	register(a, operation{
		ID: "send-password-reset", Method: http.MethodPost, Path: "/users/{user}/password-reset", Tag: tag, Status: http.StatusNoContent,
		Summary: "Mail a person a link to choose a new password.", Description: installation + " Until they do, nothing changes.",
	}, a.sendPasswordReset)
	register(a, operation{
		ID: "send-verification", Method: http.MethodPost, Path: "/users/{user}/verification", Tag: tag, Status: http.StatusNoContent,
		Summary: "Mail a person a link to verify their address.", Description: installation,
	}, a.sendVerification)
}

func (a *API) sendPasswordReset(ctx context.Context, actor admin.Actor, in *OfUser) (*none, error) {
	u, err := a.editableUser(ctx, actor, *in)
	if err != nil {
		return nil, err
	}
	return &none{}, a.mailLink(ctx, actor, u, maillink.ResetPassword, mail.ResetPassword, audit.PasswordResetRequested, a.Links.ResetLife)
}

func (a *API) sendVerification(ctx context.Context, actor admin.Actor, in *OfUser) (*none, error) {
	u, err := a.editableUser(ctx, actor, *in)
	if err != nil {
		return nil, err
	}
	if u.EmailVerified {
		return nil, errdefs.Say(errdefs.ErrConflict, nil, "The address is verified already.")
	}
	return &none{}, a.mailLink(ctx, actor, u, maillink.VerifyEmail, mail.VerifyEmail, audit.VerificationSent, a.Links.VerifyLife)
}

// mailLink issues a link and mails it to the person.
func (a *API) mailLink(ctx context.Context, actor admin.Actor, u directory.User, p maillink.Purpose, kind mail.Kind, action audit.Action, life time.Duration) error {
	if !u.DisabledAt.IsZero() {
		return errdefs.Say(errdefs.ErrConflict, nil, "The account is disabled: enable it first.")
	}
	l, token, err := maillink.New(p, u, a.Now(), life)
	if err != nil {
		return err
	}
	letter, err := a.seal(mail.Message{
		Kind: kind, To: u.Email, Locale: u.Locale, Name: u.Name, Link: a.Links.ToPerson(p, token), LinkExpires: l.ExpiresAt,
		User: u.ID, Target: u.ID.String(),
	})
	if err != nil {
		return err
	}
	act := a.act(ctx, actor, action, id.Tenant{}, u.ID.String(), map[string]string{})
	act.Event.User = u.ID
	return a.MailLinks.IssueAs(ctx, act, l, token.Hash(), letter)
}
