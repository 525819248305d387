package interaction

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/formdata"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/ui"
)

// Names of the fields that the pages carry along.
const (
	fieldFlow    = "flow"
	fieldSwitch  = "switch"  // words only: another account was asked for
	fieldAgain   = "again"   // whoever is signed in proves it anew
	fieldCookie  = "cookie"  // words only: a cookie was set in the answer before
	fieldLocal   = "local"   // words only: with a password, although addresses lead elsewhere
	fieldReset   = "reset"   // words only: the password was reset
	fieldSent    = "sent"    // words only: a message is on its way
	fieldJoined  = "joined"  // words only: an invitation was accepted
	fieldLinked  = "linked"  // words only: an identity was linked
	fieldRemoved = "removed" // words only: an identity was unlinked
	fieldSaved   = "saved"   // words only: the profile was changed

	// fieldVia names the connector that the person has just come back from: nobody is sent there
	// again without having asked. With fieldCancelled they came back of their own will.
	fieldVia       = "via"
	fieldCancelled = "cancelled"

	fieldToken        = "token"        // the secret of a mailed link
	fieldInvitation   = "invitation"   // that of the invitation to go on with
	fieldVerification = "verification" // that of the link to go on with
	fieldLink         = "link"         // that of the identity to link
)

// step is a pending request together with what is due now.
type step struct {
	authorization.Decision
	req    authorization.Request
	client client.Client
	visit  visit
	tenant *directory.Tenant // of tenantOf; nil: not looked up yet
}

// next works out what is due, from the request and the database alone.
func (i *Interaction) next(r *http.Request, req authorization.Request) (step, error) {
	ctx := r.Context()
	c, err := i.Clients.FindClient(ctx, req.Client)
	if errors.Is(err, errdefs.ErrNotFound) || err == nil && !c.Enabled() {
		return step{}, &pageError{status: http.StatusBadRequest, reason: ui.ReasonUnknownClient, code: "invalid_client", description: "the application is no longer registered"}
	}
	if err != nil {
		return step{}, err
	}
	s := step{req: req, client: c}
	if s.visit, err = i.visit(r); err != nil {
		return step{}, err
	}
	facts := authorization.Facts{Now: i.Now(), Client: c, Session: s.visit.session}
	if s.visit.signedIn() {
		user := s.visit.session.User
		// Narrowed by the store as well as by Next: a person may belong to more tenants than one
		// list holds.
		among := directory.Among{Tenant: c.Tenant, Reference: req.Organization}
		if facts.Memberships, err = i.People.ListMemberships(ctx, user, among); err != nil {
			return step{}, err
		}
		if facts.Memberships, err = i.withConfining(ctx, s.visit, facts.Memberships, among); err != nil {
			return step{}, err
		}
		facts.Consented = func(t id.Tenant) ([]string, error) { return i.Consents.FindConsent(ctx, t, user, c.ID) }
	}
	s.Decision, err = req.Next(facts)
	return s, err
}

// withConfining adds the membership of the tenant that a session is confined to: a list has an end, and
// it may be behind it.
func (i *Interaction) withConfining(ctx context.Context, v visit, listed []directory.Membership, among directory.Among) ([]directory.Membership, error) {
	there := v.session.Through.Tenant
	if !v.confined() || there.IsZero() || !among.Tenant.IsZero() ||
		slices.ContainsFunc(listed, func(m directory.Membership) bool { return m.Tenant.ID == there }) {
		return listed, nil
	}
	among.Tenant = there
	more, err := i.People.ListMemberships(ctx, v.session.User, among)
	return append(listed, more...), err
}

// Authorize takes over a validated request and ends by calling Issuer.Complete or Fail.
func (i *Interaction) Authorize(w http.ResponseWriter, r *http.Request, req authorization.Request) {
	i.handle(func(w http.ResponseWriter, r *http.Request) error {
		// A browser sends no SameSite=Lax cookie along with a post from another site: answer
		// once the session can be seen.
		if r.Method == http.MethodPost {
			return i.proceed(w, r, req, "")
		}
		s, err := i.next(r, req)
		if err != nil {
			return err
		}
		if s.Step == authorization.Done || s.Step == authorization.Fail {
			return i.answer(w, r, s)
		}
		return i.proceed(w, r, req, "")
	}).ServeHTTP(w, r)
}

// proceed sends the browser to GET /login, where the next step of req is shown.
func (i *Interaction) proceed(w http.ResponseWriter, r *http.Request, req authorization.Request, words string) error {
	sealed, err := req.Seal(i.FlowMAC)
	if errors.Is(err, errdefs.ErrInvalid) {
		return i.tooLong(w, r, req)
	}
	if err != nil {
		return err
	}
	target := pathLogin + "?" + fieldFlow + "=" + sealed
	if words != "" {
		target += "&" + words + "=1"
	}
	return redirect(w, target)
}

// tooLong answers a request that does not fit into a URL.
func (i *Interaction) tooLong(w http.ResponseWriter, r *http.Request, req authorization.Request) error {
	i.Issuer.Fail(w, r, req, authorization.Failure{Code: "invalid_request", Description: "the request is too long"})
	return nil
}

// answer ends a request that is Done or Fail.
func (i *Interaction) answer(w http.ResponseWriter, r *http.Request, s step) error {
	if s.Step == authorization.Fail {
		if s.Failure.Code == "access_denied" { // prompt=none: there was no page to record it
			i.recordNotMember(r.Context(), s)
		}
		i.Issuer.Fail(w, r, s.req, s.Failure)
		return nil
	}
	err := i.Issuer.Complete(w, r, s.req, *s.visit.session, s.Tenant)
	if errors.Is(err, errdefs.ErrDenied) || errors.Is(err, errdefs.ErrNotFound) {
		// The registration changed while the person was busy: the redirect URI is no longer
		// to be trusted.
		return &pageError{status: http.StatusBadRequest, reason: ui.ReasonUnknownClient, code: "invalid_client", description: "the application's registration has changed"}
	}
	return err
}

// login shows whatever is due (GET /login).
func (i *Interaction) login(w http.ResponseWriter, r *http.Request) error {
	query, err := formdata.Query(r, authorization.MaxSealed)
	if err != nil {
		return err
	}
	if !query.Has(fieldFlow) && query.Has("client_id") {
		// For frontends that know /login alone; /authorize checks every parameter.
		return redirect(w, pathAuthorize+"?"+r.URL.RawQuery)
	}
	if err := formdata.Single(query); err != nil {
		return err
	}
	if !query.Has(fieldFlow) {
		return i.plainLogin(w, r, query)
	}
	req, err := i.open(query)
	if err != nil {
		return err
	}
	s, err := i.next(r, req)
	if err != nil {
		return err
	}
	if query.Has(fieldCookie) && len(r.CookiesNamed(i.cookies.session)) == 0 && len(r.CookiesNamed(i.cookies.device)) == 0 {
		return errNoCookie()
	}
	return i.show(w, r, s, query)
}

func errNoCookie() error {
	return &pageError{status: http.StatusBadRequest, reason: ui.ReasonNoCookie, code: "invalid_request", description: "the browser did not keep the cookie"}
}

// open reads the sealed request of a query or form.
func (i *Interaction) open(form url.Values) (authorization.Request, error) {
	req, err := authorization.Open(form.Get(fieldFlow), i.FlowMAC, i.Now())
	if err != nil {
		return authorization.Request{}, errExpired()
	}
	return req, nil
}

// show renders the page of the step that is due, or answers.
func (i *Interaction) show(w http.ResponseWriter, r *http.Request, s step, query url.Values) error {
	switch s.Step {
	case authorization.Done, authorization.Fail:
		return i.answer(w, r, s)
	case authorization.SignIn:
		return i.beginSignIn(w, r, s, query)
	}
	u, err := i.People.FindUser(r.Context(), s.visit.session.User)
	if err != nil {
		return err
	}
	// What the page shows is tied to who sees it: a form filled in for one person must not
	// count for another who signs in meanwhile.
	req := s.req
	if s.Step == authorization.Consent {
		req = req.WithTenant(s.visit.session.ID, s.Tenant.ID)
	}
	form, err := i.form(req, "")
	if errors.Is(err, errdefs.ErrInvalid) { // what was settled has made it too long
		return i.tooLong(w, r, req)
	}
	if err != nil {
		return err
	}
	var page ui.Page
	switch s.Step {
	case authorization.SelectAccount:
		form.Action = pathLoginAccount
		page = ui.ChooseAccount{Frame: frame(s), Form: form, Client: ui.Client{Name: s.client.Name}, Accounts: []ui.AccountChoice{{Value: u.ID.String(), Person: person(u)}}}
	case authorization.NotMember:
		return i.showNotMember(w, r, s, form, person(u))
	case authorization.PickTenant:
		choices := make([]ui.TenantChoice, len(s.Choices))
		for n, m := range s.Choices {
			choices[n] = ui.TenantChoice{Value: m.Tenant.ID.String(), Name: m.Tenant.Name, Roles: m.Roles}
		}
		form.Action = pathLoginTenant
		page = ui.ChooseTenant{Frame: frame(s), Form: form, Client: ui.Client{Name: s.client.Name}, Person: person(u), Tenants: choices}
	case authorization.Consent:
		form.Action = pathConsent
		page = consentPage(s, form, person(u))
	default:
		return errors.New("interaction: a step without a page")
	}
	i.render(w, r, http.StatusOK, page)
	return nil
}

func consentPage(s step, form ui.Form, who ui.Person) ui.Consent {
	scopes := s.Scopes
	if len(scopes) == 0 { // prompt=consent: everything is asked again
		scopes = s.req.Scopes
	}
	p := ui.Consent{
		Frame: frame(s), Form: form, Client: ui.Client{Name: s.client.Name}, Person: who, Tenant: s.Tenant.Name,
		RedirectURI: s.req.RedirectURI, PolicyURL: s.client.PolicyURI, TermsURL: s.client.TermsURI,
	}
	for _, name := range scopes {
		p.Scopes = append(p.Scopes, ui.Scope{Name: name})
	}
	return p
}

// form is a form to action that carries req.
func (i *Interaction) form(req authorization.Request, action string) (ui.Form, error) {
	sealed, err := req.Seal(i.FlowMAC)
	if err != nil {
		return ui.Form{}, err
	}
	return ui.Form{Action: action, Hidden: []ui.Hidden{{Name: fieldFlow, Value: sealed}}}, nil
}

// frame allows the form's redirects to lead to the client: to its redirect URI and, since
// Chromium applies form-action to the whole chain and a callback may send the browser on to
// another host of the application, to any https URL when the redirect URI is one. A form of
// ours cannot be given another action: the pages hold no markup from outside.
func frame(s step) ui.Frame { return frameTo(s.req.RedirectURI) }

func frameTo(redirectURI string) ui.Frame {
	targets := []string{redirectURI}
	if strings.HasPrefix(redirectURI, "https:") {
		targets = append(targets, "https:")
	}
	return ui.Frame{FormTargets: targets}
}

// due opens the pending request of a posted form and reports whether want is really the step
// that is due. When it is not, as when another tab was faster, the browser has been sent to the
// one that is.
func (i *Interaction) due(w http.ResponseWriter, r *http.Request, want authorization.Step) (s step, form url.Values, due bool, err error) {
	if form, err = i.postForm(w, r); err != nil {
		return step{}, nil, false, err
	}
	req, err := i.open(form)
	if err != nil {
		return step{}, nil, false, err
	}
	if s, err = i.next(r, req); err != nil {
		return step{}, nil, false, err
	}
	if s.Step != want {
		return step{}, nil, false, i.proceed(w, r, req, "")
	}
	return s, form, true, nil
}

func (i *Interaction) postForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	form, err := formdata.Post(w, r, authorization.MaxSealed)
	if err != nil {
		return nil, err
	}
	return form, formdata.Single(form)
}

// chooseAccount goes on with the account that is signed in, or with another (POST
// /login/account).
func (i *Interaction) chooseAccount(w http.ResponseWriter, r *http.Request) error {
	s, form, due, err := i.due(w, r, authorization.SelectAccount)
	if err != nil || !due {
		return err
	}
	switch form.Get(ui.FieldAccount) {
	case s.visit.session.User.String():
		return i.proceed(w, r, s.req.WithAccount(s.visit.session.ID), "")
	case ui.AccountOther:
		return i.switchAccount(w, r, s.req)
	case "":
		return badRequest("no account was chosen")
	}
	return i.proceed(w, r, s.req, "") // somebody else has signed in meanwhile: ask again
}

// switchAccount makes signing in the next step. Nobody is signed out until somebody else has signed
// in.
func (i *Interaction) switchAccount(w http.ResponseWriter, r *http.Request, req authorization.Request) error {
	return i.proceed(w, r, i.asOther(req), fieldSwitch)
}

// asOther returns req as if it came now and with prompt=login, for whoever comes.
func (i *Interaction) asOther(req authorization.Request) authorization.Request {
	if !req.Prompts(authorization.PromptLogin) {
		req.Prompt = append(slices.Clone(req.Prompt), authorization.PromptLogin)
	}
	req.ArrivedAt = i.Now()
	req.LoginHint = "" // it named the account that is not wanted
	req.Settled = authorization.Settled{}
	return req
}

// chooseTenant records the pick (POST /login/tenant). Only what Next offers can be picked.
func (i *Interaction) chooseTenant(w http.ResponseWriter, r *http.Request) error {
	s, form, due, err := i.due(w, r, authorization.PickTenant)
	if err != nil || !due {
		return err
	}
	picked, err := id.ParseTenant(form.Get(ui.FieldTenant))
	if err != nil {
		return badRequest("no tenant was chosen")
	}
	for _, m := range s.Choices {
		if m.Tenant.ID == picked {
			return i.proceed(w, r, s.req.WithTenant(s.visit.session.ID, picked), "")
		}
	}
	return &pageError{status: http.StatusForbidden, code: "access_denied", description: "the tenant is not among those offered"}
}

// consent records the decision (POST /consent).
func (i *Interaction) consent(w http.ResponseWriter, r *http.Request) error {
	s, form, due, err := i.due(w, r, authorization.Consent)
	if err != nil || !due {
		return err
	}
	if s.req.Settled.Session != s.visit.session.ID || s.req.Settled.Tenant != s.Tenant.ID {
		return i.proceed(w, r, s.req, "") // the page was shown to somebody else: ask again
	}
	switch form.Get(ui.FieldDecision) {
	case ui.DecisionAllow:
		if err := i.saveConsent(r.Context(), s); err != nil {
			return err
		}
		return i.proceed(w, r, s.req.WithConsent(s.visit.session.ID), "")
	case ui.DecisionDeny:
		i.recordDenied(r.Context(), s, "consent")
		i.Issuer.Fail(w, r, s.req, authorization.Failure{Code: "access_denied", Description: "the person did not allow it"})
		return nil
	case ui.DecisionSwitch:
		return i.switchAccount(w, r, s.req)
	}
	return badRequest("no decision was made")
}

func (i *Interaction) saveConsent(ctx context.Context, s step) error {
	return i.Consents.SaveConsent(ctx, s.Tenant.ID, s.visit.session.User, s.client.ID, s.req.Scopes)
}
