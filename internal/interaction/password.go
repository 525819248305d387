package interaction

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/formdata"
	"github.com/signet-id/signet/internal/password"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/ui"
)

// fieldDone marks the page that follows a change; words only.
const fieldDone = "done"

// passwordForm shows the form (GET /account/password).
func (i *Interaction) passwordForm(w http.ResponseWriter, r *http.Request) error {
	query, err := formdata.Query(r, maxQueryValue)
	if err == nil {
		err = formdata.Single(query)
	}
	if err != nil {
		return err
	}
	v, u, err := i.whoChanges(w, r)
	if err != nil || !v.signedIn() {
		return err
	}
	i.showPassword(w, r, http.StatusOK, ui.ChangePassword{Person: person(u), Done: query.Has(fieldDone)})
	return nil
}

func (i *Interaction) showPassword(w http.ResponseWriter, r *http.Request, status int, p ui.ChangePassword) {
	p.Form, p.MinLength, p.BackURL = ui.Form{Action: pathPassword}, i.MinPassword, pathAccount
	i.render(w, r, status, p)
}

// whoChanges finds the person whose password it is. Somebody who is not signed in, or not
// in a way that opens the account itself, or has no password here, has been sent elsewhere when the visit returned is not signed in.
func (i *Interaction) whoChanges(w http.ResponseWriter, r *http.Request) (visit, directory.User, error) {
	v, u, err := i.owner(w, r)
	if err != nil || !v.signedIn() {
		return visit{}, directory.User{}, err
	}
	_, err = i.Passwords.FindPassword(r.Context(), u.ID)
	if errors.Is(err, errdefs.ErrNotFound) {
		return visit{}, directory.User{}, redirect(w, pathAccount)
	}
	return v, u, err
}

// changePassword replaces the password of somebody who knows the present one (POST
// /account/password). A session alone is not enough: it may have been left open. Guesses at
// the present password count as sign-in attempts.
func (i *Interaction) changePassword(w http.ResponseWriter, r *http.Request) error {
	form, err := i.postForm(w, r)
	if err != nil {
		return err
	}
	v, u, err := i.whoChanges(w, r)
	if err != nil || !v.signedIn() {
		return err
	}
	current, chosen := secret.New(form.Get(ui.FieldCurrentPassword)), secret.New(form.Get(ui.FieldNewPassword))
	p := ui.ChangePassword{Person: person(u)}
	if current.Empty() {
		p.Problems = append(p.Problems, ui.PasswordMissingCurrent)
	}
	if chosen.Empty() {
		p.Problems = append(p.Problems, ui.PasswordMissingNew)
	}
	if len(p.Problems) > 0 {
		i.showPassword(w, r, http.StatusBadRequest, p)
		return nil
	}
	out, err := i.prove(r, i.device(r), u.Email, current, "")
	switch {
	case err != nil:
		return err
	case out.throttled:
		w.Header().Set("Retry-After", wholeSeconds(out.decision.RetryAfter))
		p.Problems = []ui.PasswordProblem{ui.PasswordThrottled}
		i.showPassword(w, r, http.StatusTooManyRequests, p)
		return nil
	case out.busy:
		return &pageError{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", description: errBusy.Error(), retryAfter: busyFor}
	case !out.match || out.user.ID != u.ID:
		p.Problems = []ui.PasswordProblem{ui.PasswordWrongCurrent}
		i.showPassword(w, r, http.StatusBadRequest, p)
		return nil
	}
	problem, err := ui.PasswordSame, error(nil)
	if current.Hash() != chosen.Hash() {
		problem, err = i.judge(r, u, chosen)
	}
	if err != nil {
		return err
	}
	if problem != "" {
		p.Problems = []ui.PasswordProblem{problem}
		i.showPassword(w, r, http.StatusBadRequest, p)
		return nil
	}
	if err := i.setPassword(w, r, v, u, chosen); err != nil {
		return err
	}
	return redirect(w, pathPassword+"?"+fieldDone+"=1")
}

// judge says what is wrong with the chosen password, if anything.
func (i *Interaction) judge(r *http.Request, u directory.User, chosen secret.Text) (ui.PasswordProblem, error) {
	memberships, err := i.People.ListMemberships(r.Context(), u.ID, directory.Among{})
	if err != nil {
		return "", err
	}
	known := password.Context{Email: u.Email, Name: u.DisplayName(), Words: []string{u.GivenName, u.FamilyName}}
	for _, m := range memberships {
		known.Words = append(known.Words, m.Tenant.Name, m.Tenant.Slug)
	}
	return i.obeys(chosen, known)
}

// obeys says which rule a password breaks, if any, knowing whose it is.
func (i *Interaction) obeys(chosen secret.Text, known password.Context) (ui.PasswordProblem, error) {
	err := i.Rules.Check(chosen, known)
	if err == nil {
		return "", nil
	}
	refusal, ok := errors.AsType[*password.Refusal](err)
	if !ok {
		return "", err
	}
	switch refusal.Reason {
	case password.TooShort:
		return ui.PasswordTooShort, nil
	case password.TooLong:
		return ui.PasswordTooLong, nil
	case password.ContextWord:
		return ui.PasswordPersonal, nil
	case password.Repetitive:
		return ui.PasswordRepetitive, nil
	case password.Unusable:
		return ui.PasswordUnusable, nil
	default:
		return ui.PasswordCommon, nil
	}
}

// hash returns what is stored of a password that obeys the rules.
func (i *Interaction) hash(ctx context.Context, chosen secret.Text) (string, error) {
	encoded, err := i.Hasher.Hash(ctx, chosen)
	if errors.Is(err, errdefs.ErrInvalid) {
		return "", badRequest("the new password is too long")
	}
	return encoded, err
}

// changeTimeout bounds a change of password once it has begun.
const changeTimeout = 10 * time.Second

// setPassword stores the chosen password, ends what the person has in other browsers and
// applications, and gives this browser a new token: whoever had got in before is out.
func (i *Interaction) setPassword(w http.ResponseWriter, r *http.Request, v visit, u directory.User, chosen secret.Text) error {
	ctx := r.Context()
	encoded, err := i.hash(ctx, chosen)
	if err != nil {
		return err
	}
	// From here on nothing stops when the browser goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTimeout)
	defer cancel()
	if err := i.Endings.ChangePassword(ctx, u.ID, encoded, v.session.ID, maxAccessToken, i.passwordNotice(ctx, u)); err != nil {
		return err
	}
	now := i.Now()
	i.writeOrLog(ctx, audit.Event{At: now, Action: audit.PasswordChanged, User: u.ID, Session: v.session.ID})
	s := v.session.Reauthenticated(now, i.Lifetimes)
	s.UserAgent = clip(r.UserAgent(), maxUserAgent)
	s.Address, _ = i.Caller(ctx)
	token := secret.Generate()
	if err := i.Sessions.Rotate(ctx, v.token, token.Hash(), s); err != nil {
		if errors.Is(err, errdefs.ErrNotFound) { // ended or rotated meanwhile: they sign in again
			return nil
		}
		return err
	}
	i.setSession(w, token)
	return nil
}
