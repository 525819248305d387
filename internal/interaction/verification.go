package interaction

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/maillink"
	"github.com/signet-id/signet/internal/ratelimit"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/ui"
)

// sendVerification mails the person who is signed in a link that verifies their address (POST
// /account/verification).
func (i *Interaction) sendVerification(w http.ResponseWriter, r *http.Request) error {
	if _, err := i.postForm(w, r); err != nil {
		return err
	}
	v, u, err := i.owner(w, r)
	if err != nil || !v.signedIn() {
		return err
	}
	ctx := r.Context()
	if u.EmailVerified || !i.Letters.Enabled() {
		return redirect(w, pathAccount)
	}
	decision, err := i.Requests.Check(ctx, ratelimit.Attempt{Account: "verify " + u.ID.String(), Address: i.address(r)}, i.Now())
	if err != nil {
		return err
	}
	if !decision.Allowed {
		return &pageError{status: http.StatusTooManyRequests, code: "slow_down", description: "links were sent a moment ago", retryAfter: decision.RetryAfter}
	}
	if err := i.send(ctx, maillink.VerifyEmail, u, "", audit.Event{Action: audit.VerificationSent, Session: v.session.ID}); err != nil {
		return err
	}
	return redirect(w, pathAccount+"?"+fieldSent+"=1")
}

// verifyForm asks somebody who followed a link to sign in and to confirm (GET /email/verify). Opening it uses
// nothing up: programs that look for bad links open every one.
func (i *Interaction) verifyForm(w http.ResponseWriter, r *http.Request) error {
	query, err := i.query(r)
	if err != nil {
		return err
	}
	if query.Has(fieldDone) {
		i.render(w, r, http.StatusOK, ui.VerifyEmail{Done: true, NextURL: pathAccount})
		return nil
	}
	toVerify, err := i.verifiable(r, query)
	if err != nil {
		return err
	}
	if query.Has(fieldCookie) && !toVerify.visit.presented {
		return errNoCookie()
	}
	p := ui.VerifyEmail{Form: carrying(pathVerify, toVerify.token), Person: person(toVerify.user)}
	if !toVerify.byOwner() {
		p = ui.VerifyEmail{Email: toVerify.user.Email, SignInURL: toVerify.next().signInURL(toVerify.visit.signedIn())}
		if toVerify.visit.signedIn() {
			other, err := i.People.FindUser(r.Context(), toVerify.visit.session.User)
			if err != nil {
				return err
			}
			p.Person, p.Confined = person(other), other.ID == toVerify.user.ID
		}
	}
	i.render(w, r, http.StatusOK, p)
	return nil
}

// verifiable is a link that verifies an address, together with who looks at it.
type verifiable struct {
	token secret.Text
	user  directory.User // whose address it is
	visit visit
}

// byOwner reports whether the person whose account it is has signed in. The link proves that its
// reader has the mailbox, and not that the account is theirs: somebody else may have opened one
// with their address, and knows its password; or sign them in as they like (visit.confined).
func (v verifiable) byOwner() bool {
	return v.visit.signedIn() && v.visit.session.User == v.user.ID && !v.visit.confined()
}

func (v verifiable) next() next { return next{verification: v.token.Reveal()} }

// verifiable finds the link whose secret was sent.
func (i *Interaction) verifiable(r *http.Request, form url.Values) (verifiable, error) {
	token, _, u, err := i.link(r, maillink.VerifyEmail, form)
	if err != nil {
		return verifiable{}, err
	}
	v, err := i.visit(r)
	return verifiable{token: token, user: u, visit: v}, err
}

// addressToVerify is what the sign-in page starts with for somebody who followed a link.
func (i *Interaction) addressToVerify(r *http.Request, token string) string {
	_, u, err := i.Links.Find(r.Context(), maillink.VerifyEmail, secret.New(token).Hash(), i.Now())
	if err != nil {
		return "" // the sign-in goes on without
	}
	return u.Email
}

// verifyEmail verifies the address that a link was sent to (POST /email/verify), for the person
// whose account it is and nobody else.
func (i *Interaction) verifyEmail(w http.ResponseWriter, r *http.Request) error {
	form, err := i.postForm(w, r)
	if err != nil {
		return err
	}
	toVerify, err := i.verifiable(r, form)
	if err != nil {
		return err
	}
	if !toVerify.byOwner() { // the page says what to do
		return redirect(w, toVerify.next().url())
	}
	now := i.Now()
	event := audit.Event{At: now, Action: audit.EmailVerified, Session: toVerify.visit.session.ID}
	event.Address, event.RequestID = i.Caller(r.Context())
	_, err = i.Links.Verify(r.Context(), toVerify.token.Hash(), now, event)
	if errors.Is(err, errdefs.ErrNotFound) { // another tab was faster
		return errVoid()
	}
	if err != nil {
		return err
	}
	return redirect(w, pathVerify+"?"+fieldDone+"=1")
}
