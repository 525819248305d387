package interaction

import (
	"context"
	"net/http"
	"net/url"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/maillink"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/ui"
)

// LinkURL is the address that a message leads to. It holds the secret of the link.
func LinkURL(issuer string, p maillink.Purpose, token secret.Text) secret.Text {
	path := pathVerify
	if p == maillink.ResetPassword {
		path = pathReset
	}
	return secret.New(issuer + path + "?" + fieldToken + "=" + token.Reveal())
}

// InvitationURL is LinkURL for an invitation.
func InvitationURL(issuer string, token secret.Text) secret.Text {
	return secret.New(issuer + pathInvitation + "?" + fieldToken + "=" + token.Reveal())
}

// letterOf seals the message that carries a link to its reader.
func (i *Interaction) letterOf(u directory.User, l maillink.Link, token secret.Text) (mail.Sealed, error) {
	kind := mail.VerifyEmail
	if l.Purpose == maillink.ResetPassword {
		kind = mail.ResetPassword
	}
	return i.Letters.Seal(mail.Message{
		Kind: kind, To: u.Email, Locale: u.Locale, Name: u.Name, Link: LinkURL(i.URL, l.Purpose, token), LinkExpires: l.ExpiresAt,
		User: u.ID, Target: u.ID.String(),
	})
}

// passwordNotice tells a person that their password was changed, so that they notice when it was
// not they who did it. No message is no reason to refuse the change.
func (i *Interaction) passwordNotice(ctx context.Context, u directory.User) mail.Sealed {
	return i.notice(ctx, u, mail.Message{Kind: mail.PasswordChanged, Link: secret.New(i.URL + pathForgot)})
}

// identityNotice is passwordNotice for an identity that is linked or unlinked: kind says which,
// connector is the name of the provider.
func (i *Interaction) identityNotice(ctx context.Context, kind mail.Kind, u directory.User, connector string) mail.Sealed {
	return i.notice(ctx, u, mail.Message{Kind: kind, Connector: connector, Link: secret.New(i.URL + pathAccount)})
}

// notice seals a message to u about what happens now; the zero one when none can be sent.
func (i *Interaction) notice(ctx context.Context, u directory.User, m mail.Message) mail.Sealed {
	if !i.Letters.Enabled() {
		return mail.Sealed{}
	}
	m.To, m.Locale, m.Name, m.At, m.User, m.Target = u.Email, u.Locale, u.Name, i.Now(), u.ID, u.ID.String()
	letter, err := i.Letters.Seal(m)
	if err != nil {
		i.Log.WarnContext(ctx, "notice could not be written", "about", string(m.Kind), "user", u.ID.String(), "error", err)
		return mail.Sealed{}
	}
	return letter
}

// send issues a link and mails it.
func (i *Interaction) send(ctx context.Context, p maillink.Purpose, u directory.User, flow string, e audit.Event) error {
	life := i.LinkLives.Verify
	if p == maillink.ResetPassword {
		life = i.LinkLives.Reset
	}
	l, token, err := maillink.New(p, u, i.Now(), life)
	if err != nil {
		return err
	}
	l.Flow = flow
	letter, err := i.letterOf(u, l, token)
	if err != nil {
		return err
	}
	e.At, e.User = i.Now(), u.ID
	e.Address, e.RequestID = i.Caller(ctx)
	return i.Links.Issue(ctx, l, token.Hash(), letter, e)
}

// presented returns the secret of the link that a query or form holds. What cannot be one never
// reaches the database.
func presented(form url.Values) (secret.Text, bool) {
	token := form.Get(fieldToken)
	if !isToken(token) {
		return secret.Text{}, false
	}
	return secret.New(token), true
}

// carrying is a form to action that holds the secret on.
func carrying(action string, token secret.Text) ui.Form {
	return ui.Form{Action: action, Hidden: []ui.Hidden{{Name: fieldToken, Value: token.Reveal()}}}
}

// errVoid answers a link that cannot be used: whether it ever could is not told.
func errVoid() error {
	return &pageError{status: http.StatusGone, reason: ui.ReasonLinkVoid, code: "invalid_request", description: "the link is used, expired or incomplete"}
}
