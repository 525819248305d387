package interaction

import (
	"errors"
	"net/http"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/maillink"
	"github.com/signet-id/signet/internal/ratelimit"
	"github.com/signet-id/signet/internal/ui"
)

// sendVerification mails the person who is signed in a link that verifies their address (POST
// /account/verification).
func (i *Interaction) sendVerification(w http.ResponseWriter, r *http.Request) error {
	if _, err := i.postForm(w, r); err != nil {
		return err
	}
	v, err := i.visit(r)
	if err != nil {
		return err
	}
	if !v.signedIn() {
		return redirect(w, pathLogin)
	}
	ctx := r.Context()
	u, err := i.People.FindUser(ctx, v.session.User)
	if err != nil {
		return err
	}
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

// verifyForm asks somebody who followed a link to confirm (GET /email/verify). Opening it uses
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
	token, _, u, err := i.link(r, maillink.VerifyEmail, query)
	if err != nil {
		return err
	}
	i.render(w, r, http.StatusOK, ui.VerifyEmail{Form: carrying(pathVerify, token), Person: person(u)})
	return nil
}

// verifyEmail verifies the address that a link was sent to (POST /email/verify).
func (i *Interaction) verifyEmail(w http.ResponseWriter, r *http.Request) error {
	form, err := i.postForm(w, r)
	if err != nil {
		return err
	}
	token, ok := presented(form)
	if !ok {
		return errVoid()
	}
	now := i.Now()
	event := audit.Event{At: now, Action: audit.EmailVerified}
	event.Address, event.RequestID = i.Caller(r.Context())
	_, err = i.Links.Verify(r.Context(), token.Hash(), now, event)
	if errors.Is(err, errdefs.ErrNotFound) {
		return errVoid()
	}
	if err != nil {
		return err
	}
	return redirect(w, pathVerify+"?"+fieldDone+"=1")
}
