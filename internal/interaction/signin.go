package interaction

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/password"
	"github.com/signet-id/signet/internal/ratelimit"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/ui"
)

// plainLogin shows a sign-in that leads to the account page.
func (i *Interaction) plainLogin(w http.ResponseWriter, r *http.Request, query url.Values) error {
	v, err := i.visit(r)
	if err != nil {
		return err
	}
	next := nextAfter(query)
	if v.signedIn() && !query.Has(fieldSwitch) && !next.again {
		return redirect(w, next.url())
	}
	if query.Has(fieldCookie) && len(r.CookiesNamed(i.cookies.device)) == 0 {
		return errNoCookie()
	}
	p := ui.SignIn{Notice: plainNotice(v, query), Form: next.form()}
	if query.Has(fieldSwitch) { // at a provider too
		p.Form.Hidden = append(p.Form.Hidden, ui.Hidden{Name: fieldSwitch, Value: "1"})
	}
	switch {
	case next.invitation != "":
		p.Notice, p.Email = ui.NoticeInvited, i.invitedAddress(r, next.invitation)
	case next.verification != "":
		p.Notice, p.Email = ui.NoticeVerifying, i.addressToVerify(r, next.verification)
	case next.link != "":
		p.Notice, p.Email = ui.NoticeLinking, i.linkedAddress(r, next.link)
	case next.again && v.signedIn():
		u, err := i.People.FindUser(r.Context(), v.session.User)
		if err != nil {
			return err
		}
		p.Notice, p.Email = ui.NoticeSignInAgain, u.Email
		if v.confined() {
			p.Notice = ui.NoticeConfined
		}
	}
	if err := i.firstStep(r.Context(), &p, way{next: next}, query); err != nil {
		return err
	}
	return i.showSignIn(w, r, http.StatusOK, nil, p)
}

// next is where a sign-in without a request leads: to the account page, or back to the mailed link
// that somebody came with. It holds the secret of one at most.
type next struct {
	invitation, verification, link string

	again bool // whoever is signed in has to prove it anew
}

// nextAfter reads it from a query or form. What cannot be a token is none, so that nothing else
// gets into an address.
func nextAfter(form url.Values) next {
	if token := form.Get(fieldInvitation); isToken(token) {
		return next{invitation: token}
	}
	if token := form.Get(fieldVerification); isToken(token) {
		return next{verification: token}
	}
	if token := form.Get(fieldLink); isToken(token) {
		return next{link: token}
	}
	return next{again: form.Has(fieldAgain)}
}

func (n next) url() string {
	switch {
	case n.invitation != "":
		return pathInvitation + "?" + fieldToken + "=" + n.invitation
	case n.verification != "":
		return pathVerify + "?" + fieldToken + "=" + n.verification
	case n.link != "":
		return pathLink + "?" + fieldToken + "=" + n.link
	}
	return pathAccount
}

// signInURL leads to signing in and then there; as somebody else than is signed in, with switching.
func (n next) signInURL(switching bool) string {
	query := url.Values{}
	for _, h := range n.form().Hidden {
		query.Set(h.Name, h.Value)
	}
	if switching {
		query.Set(fieldSwitch, "1")
	}
	return pathLogin + "?" + query.Encode()
}

// afterSignIn is url for somebody whose browser was just given a cookie.
func (n next) afterSignIn() string {
	if n.url() == pathAccount {
		return n.url() + "?" + fieldCookie + "=1"
	}
	return n.url() + "&" + fieldCookie + "=1"
}

// form carries it through the sign-in form.
func (n next) form() ui.Form {
	switch {
	case n.invitation != "":
		return ui.Form{Hidden: []ui.Hidden{{Name: fieldInvitation, Value: n.invitation}}}
	case n.verification != "":
		return ui.Form{Hidden: []ui.Hidden{{Name: fieldVerification, Value: n.verification}}}
	case n.link != "":
		return ui.Form{Hidden: []ui.Hidden{{Name: fieldLink, Value: n.link}}}
	case n.again:
		return ui.Form{Hidden: []ui.Hidden{{Name: fieldAgain, Value: "1"}}}
	}
	return ui.Form{}
}

// showSignIn renders the sign-in page of s, or of no request at all.
func (i *Interaction) showSignIn(w http.ResponseWriter, r *http.Request, status int, s *step, p ui.SignIn) error {
	action := pathLogin
	if p.Step == ui.SignInEmail {
		action = pathLoginAddress
	}
	p.Form.Action = action
	if i.Letters.Enabled() {
		p.ForgotURL = pathForgot
	}
	if s != nil {
		form, err := i.form(s.req, action)
		if err != nil {
			return err
		}
		p.Form, p.Frame, p.Client = form, frame(*s), ui.Client{Name: s.client.Name}
		if p.ForgotURL != "" {
			p.ForgotURL += "?" + fieldFlow + "=" + form.Hidden[0].Value
		}
	}
	i.offer(r, s, &p)
	i.render(w, r, status, p)
	return nil
}

// hint is what the e-mail field starts with; a hint that is no address stays out of it.
func hint(req authorization.Request) string {
	if _, err := directory.NormalizeEmail(req.LoginHint); err != nil {
		return ""
	}
	return strings.TrimSpace(req.LoginHint)
}

func signInNotice(s step, query url.Values) ui.Notice {
	if s.Confined && !query.Has(fieldSwitch) && !query.Has(fieldReset) {
		return ui.NoticeConfined
	}
	if s.visit.signedIn() && !query.Has(fieldSwitch) && !query.Has(fieldReset) {
		return ui.NoticeSignInAgain
	}
	return plainNotice(s.visit, query)
}

func plainNotice(v visit, query url.Values) ui.Notice {
	switch {
	case query.Has(fieldReset):
		return ui.NoticePasswordReset
	case query.Has(fieldSwitch):
		return ui.NoticeAccountSwitched
	case v.presented && !v.signedIn():
		return ui.NoticeSessionEnded
	}
	return ui.NoticeNone
}

// signIn checks e-mail and password (POST /login), for a pending request or for the account
// page.
func (i *Interaction) signIn(w http.ResponseWriter, r *http.Request) error {
	form, err := i.postForm(w, r)
	if err != nil {
		return err
	}
	a, due, err := i.signingIn(w, r, form)
	if err != nil || !due {
		return err
	}
	email, pass := strings.TrimSpace(form.Get(ui.FieldEmail)), secret.New(form.Get(ui.FieldPassword))
	p := ui.SignIn{Email: clip(email, directory.MaxEmail), Form: a.next.form()}
	if p.Email != "" {
		if err := i.afterAddress(r.Context(), &p, a); err != nil {
			return err
		}
	}
	realm, closed, err := i.closedRealm(r.Context(), email)
	if err != nil {
		return err
	}
	linking := false
	if closed {
		if linking, err = i.links(r, a.next, email, realm.Tenant); err != nil {
			return err
		}
	}
	if closed && !linking {
		return i.refuseAddress(w, r, a, p, realm)
	}
	if email == "" || pass.Empty() {
		p.Problem = ui.ProblemMissing
		return i.showSignIn(w, r, http.StatusBadRequest, a.step, p)
	}
	known := i.device(r)
	out, err := i.prove(r, known, email, pass, a.clientID)
	if err != nil {
		return err
	}
	switch {
	case out.throttled:
		p.Problem, p.RetryAfter = ui.ProblemThrottled, out.decision.RetryAfter
		return i.showSignIn(w, r, http.StatusTooManyRequests, a.step, p)
	case out.busy:
		p.Problem, p.RetryAfter = ui.ProblemBusy, busyFor
		return i.showSignIn(w, r, http.StatusServiceUnavailable, a.step, p)
	case !out.match:
		p.Problem = ui.ProblemMismatch
		return i.showSignIn(w, r, http.StatusBadRequest, a.step, p)
	}
	if !linking {
		tenants, err := i.shut(r, a.next, out.user)
		if err != nil {
			return err
		}
		if len(tenants) > 0 {
			return i.refuseMember(w, r, a, p, out.user.ID, tenants)
		}
	}
	_, err = i.beginSession(w, r, a.visit, proof{user: out.user.ID, password: out.provenBy}, a.clientID)
	if errors.Is(err, errdefs.ErrConflict) { // the password was changed while it was tested
		p.Problem = ui.ProblemMismatch
		return i.showSignIn(w, r, http.StatusBadRequest, a.step, p)
	}
	if err != nil {
		return err
	}
	i.Observer.SignIn("success")
	i.remember(w, known, out.user.ID)
	if a.step == nil {
		return redirect(w, a.next.afterSignIn())
	}
	return i.proceed(w, r, a.step.req, fieldCookie)
}

// attempt is somebody who signs in: for a request, or for what comes next without one.
type attempt struct {
	step     *step // nil: without a request
	next     next
	visit    visit
	clientID string
}

// signingIn finds what a posted form signs in for. due is false when that needs no sign-in any more,
// as when another tab was faster: the browser has been sent on.
func (i *Interaction) signingIn(w http.ResponseWriter, r *http.Request, form url.Values) (a attempt, due bool, err error) {
	if !form.Has(fieldFlow) {
		a.next = nextAfter(form)
		a.visit, err = i.visit(r)
		return a, err == nil, err
	}
	req, err := i.open(form)
	if err != nil {
		return attempt{}, false, err
	}
	s, err := i.next(r, req)
	if err != nil {
		return attempt{}, false, err
	}
	if s.Step != authorization.SignIn {
		return attempt{}, false, i.proceed(w, r, req, "")
	}
	return attempt{step: &s, visit: s.visit, clientID: string(s.client.ID)}, true, nil
}

// outcome is what became of a password. None of its ways tells whether the account exists.
type outcome struct {
	user      directory.User
	match     bool
	provenBy  time.Time // with match: when the password was set
	throttled bool
	busy      bool // not tested: no capacity
	decision  ratelimit.Decision
}

// prove checks a password under throttling. An unknown, a disabled and a passwordless account
// take the same steps and the same time as a wrong password (SP 800-63B-4 §3.1.1.2): one
// look-up of the person, one of the hash, one computation, one audit record.
func (i *Interaction) prove(r *http.Request, d device, email string, pass secret.Text, clientID string) (outcome, error) {
	ctx, now := r.Context(), i.Now()
	account, user, err := i.findAccount(ctx, email)
	if err != nil {
		return outcome{}, err
	}
	attempt := ratelimit.Attempt{Account: account, Address: i.address(r), Device: i.knownTo(d, user.ID)}
	decision, err := i.Limiter.Check(ctx, attempt, now)
	if err != nil {
		return outcome{}, err
	}
	event := audit.Event{At: now, User: user.ID, Client: clientID}
	if !decision.Allowed {
		// Logged and counted, not audited: turning an attempt away costs next to nothing, and the
		// log that is kept for good must not be for anyone to fill. The failures that led here
		// are on record.
		i.Log.WarnContext(ctx, "sign-in attempt held off", "by", decision.By, "user", user.ID, "retry_after", decision.RetryAfter)
		i.Observer.SignIn("throttled")
		return outcome{throttled: true, decision: decision}, nil
	}
	out := outcome{user: user}
	var reason string
	out.match, out.provenBy, reason, err = i.verify(ctx, user, pass)
	if err != nil {
		// Not tested, so it must not count; if that fails too, it counts.
		if e := i.Limiter.Withdrawn(ctx, attempt, now); e != nil {
			i.Log.WarnContext(ctx, "sign-in attempt could not be given back", "error", e)
		}
		if errors.Is(err, errBusy) {
			i.Observer.SignIn("busy")
			return outcome{busy: true}, nil
		}
		return outcome{}, err
	}
	if !out.match {
		event.Action, event.Detail = audit.SignInFailed, map[string]string{"reason": reason}
		i.Observer.SignIn("failure")
		err := i.Audit.Write(ctx, event)
		i.pad(ctx, now)
		return outcome{}, err
	}
	return out, i.Limiter.Succeeded(ctx, attempt, now)
}

// pad waits until FailureTime has passed since start. The hash of another system takes its own
// time, which would tell that the account exists.
func (i *Interaction) pad(ctx context.Context, start time.Time) {
	left := i.FailureTime - i.Now().Sub(start)
	if left <= 0 {
		return
	}
	timer := time.NewTimer(min(left, i.FailureTime))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// findAccount returns the name to count attempts by and the person, who is zero when there is
// none.
func (i *Interaction) findAccount(ctx context.Context, email string) (string, directory.User, error) {
	normalized, err := directory.NormalizeEmail(email)
	if err != nil {
		// No account has such a name, and none may be told apart: it is looked for, counted and
		// hashed like any other. The blank, which no address has there, keeps what is left of it
		// from being the address of somebody, whose domain may take no passwords.
		normalized = "? " + clip(strings.ToLower(email), directory.MaxEmail)
	}
	user, err := i.People.FindUserByEmail(ctx, normalized)
	if err != nil && !errors.Is(err, errdefs.ErrNotFound) {
		return "", directory.User{}, err
	}
	if err != nil {
		user = directory.User{}
	}
	return normalized, user, nil
}

// errBusy says that a password was not tested for want of capacity.
var errBusy = errors.New("no capacity to check passwords")

// verify tests the password of user, who may be zero, and returns when it was set. reason is
// for the audit log alone.
func (i *Interaction) verify(ctx context.Context, user directory.User, pass secret.Text) (match bool, set time.Time, reason string, err error) {
	stored, err := i.Passwords.FindPassword(ctx, user.ID)
	switch {
	case err != nil && !errors.Is(err, errdefs.ErrNotFound):
		return false, time.Time{}, "", err
	case user.ID.IsZero():
		reason = "unknown_account"
	case !user.DisabledAt.IsZero():
		reason = "account_disabled"
	case err != nil:
		reason = "no_password"
	}
	if reason != "" {
		return false, time.Time{}, reason, busy(i.Hasher.VerifyNone(ctx, pass))
	}
	result, err := i.Hasher.Verify(ctx, stored.Encoded, pass)
	switch {
	case errors.Is(err, password.ErrStoredHash):
		i.Log.ErrorContext(ctx, "stored password hash cannot be verified: import it again or have the person reset the password", "user", user.ID.String())
		return false, time.Time{}, "stored_hash_unusable", nil
	case err != nil:
		return false, time.Time{}, "", busy(err)
	case !result.Match:
		return false, time.Time{}, "wrong_password", nil
	}
	if result.Rehash {
		i.upgrade(ctx, user, stored.Encoded, pass)
	}
	return true, stored.ChangedAt, "", nil
}

func busy(err error) error {
	if errors.Is(err, errdefs.ErrUnavailable) {
		return errBusy
	}
	return err
}

// upgrade stores the password under today's parameters. It can wait for the next sign-in, so
// nothing fails with it.
func (i *Interaction) upgrade(ctx context.Context, user directory.User, old string, pass secret.Text) {
	encoded, err := i.Hasher.Hash(ctx, pass)
	if err == nil {
		err = i.Passwords.UpgradePassword(ctx, user.ID, old, encoded)
	}
	if err != nil {
		i.Log.WarnContext(ctx, "password hash could not be upgraded", "user", user.ID.String(), "error", err)
	}
}
