package interaction

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/formdata"
	"github.com/signet-id/signet/internal/maillink"
	"github.com/signet-id/signet/internal/ratelimit"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/ui"
)

// forgotForm asks for an address, or says that a link is on its way (GET /password/forgot).
func (i *Interaction) forgotForm(w http.ResponseWriter, r *http.Request) error {
	query, err := i.query(r)
	if err != nil {
		return err
	}
	i.showForgot(w, r, http.StatusOK, i.flowOf(query), ui.ForgotPassword{Sent: query.Has(fieldSent)})
	return nil
}

// query reads a query that may hold a pending request.
func (i *Interaction) query(r *http.Request) (url.Values, error) {
	query, err := formdata.Query(r, authorization.MaxSealed)
	if err != nil {
		return nil, err
	}
	return query, formdata.Single(query)
}

// flowOf returns the sealed request that somebody is in the middle of, or "" when it is none of
// ours or over: forgetting a password is possible without one.
func (i *Interaction) flowOf(form url.Values) string {
	sealed := form.Get(fieldFlow)
	if sealed == "" {
		return ""
	}
	if _, err := authorization.Open(sealed, i.FlowMAC, i.Now()); err != nil {
		return ""
	}
	return sealed
}

func (i *Interaction) showForgot(w http.ResponseWriter, r *http.Request, status int, flow string, p ui.ForgotPassword) {
	p.Form, p.BackURL, p.Unable = ui.Form{Action: pathForgot}, pathLogin, !i.Letters.Enabled()
	if flow != "" {
		p.Form.Hidden = []ui.Hidden{{Name: fieldFlow, Value: flow}}
		p.BackURL += "?" + fieldFlow + "=" + flow
	}
	i.render(w, r, status, p)
}

// forgot has a link sent to an address if there is an account (POST /password/forgot). The answer
// is the same whether there is one, and given before anybody looks.
func (i *Interaction) forgot(w http.ResponseWriter, r *http.Request) error {
	form, err := i.postForm(w, r)
	if err != nil {
		return err
	}
	flow, email := i.flowOf(form), strings.TrimSpace(form.Get(ui.FieldEmail))
	if email == "" || !i.Letters.Enabled() {
		i.showForgot(w, r, http.StatusBadRequest, flow, ui.ForgotPassword{Missing: true})
		return nil
	}
	ctx := r.Context()
	realm, closed, err := i.closedRealm(ctx, email)
	if err != nil {
		return err
	}
	if closed {
		i.showNoneToForget(w, r, http.StatusOK, realm, flow, email)
		return nil
	}
	decision, err := i.Requests.Check(ctx, ratelimit.Attempt{Account: "reset " + clip(email, directory.MaxEmail), Address: i.address(r)}, i.Now())
	if err != nil {
		return err
	}
	switch {
	case decision.Allowed:
		if err := i.errands.run(ctx, func(ctx context.Context) { i.sendReset(ctx, email, flow) }); err != nil {
			return err
		}
	case decision.By == ratelimit.Address:
		return &pageError{status: http.StatusTooManyRequests, code: "slow_down", description: "too many requests from this address", retryAfter: decision.RetryAfter}
	default:
		// Messages were sent a moment ago, if there is an account, and their links are still good.
		i.Log.WarnContext(ctx, "request to reset a password held off", "by", decision.By, "retry_after", decision.RetryAfter)
	}
	target := pathForgot + "?" + fieldSent + "=1"
	if flow != "" {
		target += "&" + fieldFlow + "=" + flow
	}
	return redirect(w, target)
}

// showNoneToForget leads somebody whose address belongs to a tenant that takes no passwords to its own
// sign-in. The domain alone decides, whether or not there is an account.
func (i *Interaction) showNoneToForget(w http.ResponseWriter, r *http.Request, status int, realm connector.Realm, flow, email string) {
	y := way{}
	if req, err := authorization.Open(flow, i.FlowMAC, i.Now()); err == nil {
		y.flow, _ = i.hinting(req, email).Seal(i.FlowMAC) // it has fitted before
	}
	i.render(w, r, status, ui.ForgotPassword{Organization: realm.TenantName, BackURL: y.signInURL(nil)})
}

// sendReset mails a link to whoever has the address, if anybody.
func (i *Interaction) sendReset(ctx context.Context, email, flow string) {
	event := audit.Event{At: i.Now(), Action: audit.PasswordResetRequested}
	_, u, err := i.findAccount(ctx, email)
	if err == nil && (u.ID.IsZero() || !u.DisabledAt.IsZero()) {
		event.User, event.Detail = u.ID, map[string]string{"reason": "unknown_account"}
		if !u.ID.IsZero() {
			event.Detail["reason"] = "account_disabled"
		}
		i.Audit.Record(ctx, event)
		return
	}
	if err == nil {
		err = i.send(ctx, maillink.ResetPassword, u, flow, event)
	}
	if err != nil {
		i.Log.ErrorContext(ctx, "link to reset a password could not be sent", "user", u.ID.String(), "error", err)
	}
}

// resetForm asks for the new password of somebody who followed a link (GET /password/reset).
// Opening it uses nothing up: programs that look for bad links open every one.
func (i *Interaction) resetForm(w http.ResponseWriter, r *http.Request) error {
	query, err := i.query(r)
	if err != nil {
		return err
	}
	token, l, u, err := i.link(r, maillink.ResetPassword, query)
	if err != nil {
		return i.askAgain(err)
	}
	if done, err := i.refuseReset(w, r, l, u); done || err != nil {
		return err
	}
	i.showReset(w, r, http.StatusOK, token, l, ui.ResetPassword{Person: person(u)})
	return nil
}

// refuseReset answers a link to reset the password of somebody whose tenant has taken none since it
// was sent.
func (i *Interaction) refuseReset(w http.ResponseWriter, r *http.Request, l maillink.Link, u directory.User) (done bool, err error) {
	realm, closed, err := i.closedRealm(r.Context(), u.Email)
	if err != nil || !closed {
		return false, err
	}
	i.showNoneToForget(w, r, http.StatusForbidden, realm, l.Flow, u.Email)
	return true, nil
}

// link finds the link whose secret was sent.
func (i *Interaction) link(r *http.Request, p maillink.Purpose, form url.Values) (secret.Text, maillink.Link, directory.User, error) {
	token, ok := presented(form)
	if !ok {
		return secret.Text{}, maillink.Link{}, directory.User{}, errVoid()
	}
	l, u, err := i.Links.Find(r.Context(), p, token.Hash(), i.Now())
	if errors.Is(err, errdefs.ErrNotFound) {
		err = errVoid()
	}
	return token, l, u, err
}

// askAgain shows where another link is to be had.
func (i *Interaction) askAgain(err error) error {
	if e, ok := errors.AsType[*pageError](err); ok && e.reason == ui.ReasonLinkVoid && i.Letters.Enabled() {
		e.forgotURL = pathForgot
	}
	return err
}

func (i *Interaction) showReset(w http.ResponseWriter, r *http.Request, status int, token secret.Text, l maillink.Link, p ui.ResetPassword) {
	p.Form, p.MinLength = carrying(pathReset, token), i.MinPassword
	// Somebody else may be signed in here, and the request be done with them: then the form's
	// redirects lead to the client.
	if req, err := authorization.Open(l.Flow, i.FlowMAC, i.Now()); err == nil {
		p.Frame = frameTo(req.RedirectURI)
	}
	i.render(w, r, status, p)
}

// reset gives somebody who followed a link the password they chose (POST /password/reset), and
// ends all that was had by the old one. They sign in with it next, for what they were about to do.
func (i *Interaction) reset(w http.ResponseWriter, r *http.Request) error {
	form, err := i.postForm(w, r)
	if err != nil {
		return err
	}
	token, l, u, err := i.link(r, maillink.ResetPassword, form)
	if err != nil {
		return i.askAgain(err)
	}
	if done, err := i.refuseReset(w, r, l, u); done || err != nil {
		return err
	}
	chosen, problem := secret.New(form.Get(ui.FieldNewPassword)), ui.PasswordMissingNew
	if !chosen.Empty() {
		if problem, err = i.judge(r, u, chosen); err != nil {
			return err
		}
	}
	if problem != "" {
		i.showReset(w, r, http.StatusBadRequest, token, l, ui.ResetPassword{Person: person(u), Problems: []ui.PasswordProblem{problem}})
		return nil
	}
	encoded, err := i.hash(r.Context(), chosen)
	if err != nil {
		return err
	}
	// From here on nothing stops when the browser goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), changeTimeout)
	defer cancel()
	now := i.Now()
	event := audit.Event{At: now, Action: audit.PasswordReset}
	event.Address, event.RequestID = i.Caller(ctx)
	err = i.Links.ResetPassword(ctx, token.Hash(), encoded, now, maxAccessToken, i.passwordNotice(ctx, u), event)
	if errors.Is(err, errdefs.ErrNotFound) { // another tab was faster
		return i.askAgain(errVoid())
	}
	if err != nil {
		return err
	}
	// Whoever guessed at the old password has nothing to do with its owner any more.
	if err := i.Limiter.Forgive(ctx, l.Email, now); err != nil {
		i.Log.WarnContext(ctx, "sign-in attempts could not be forgotten", "user", u.ID.String(), "error", err)
	}
	target := pathLogin + "?" + fieldReset + "=1"
	if flow := i.flowOf(url.Values{fieldFlow: {l.Flow}}); flow != "" {
		target += "&" + fieldFlow + "=" + flow
	}
	return redirect(w, target)
}
