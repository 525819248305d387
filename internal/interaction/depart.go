package interaction

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/ratelimit"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/ui"
)

// departure is somebody who leaves for a provider.
type departure struct {
	req  *authorization.Request // in the middle of which they are; nil: of none
	next next                   // where they go on without one
	user id.User                // to link: to whose account; zero: to sign in
	hint string                 // whom the provider may suggest; "" for nobody
	// other asks the provider for another account than the one it would take by itself.
	other bool
}

// way is where somebody who left for a provider goes on, whatever became of it.
type way struct {
	flow string // the sealed request; "" for none
	next next
	user id.User
}

// The bounds of one leg: speaking with the provider, and storing what came of it. Together they
// stay within the time of a request.
const (
	upstreamTimeout = 10 * time.Second
	arrivalTimeout  = 5 * time.Second
)

// upstreamPath is the path that the buttons of a connector post to.
func upstreamPath(reference string) string { return "/upstream/" + reference }

// findConnector finds the connector that a path or form names.
func (i *Interaction) findConnector(ctx context.Context, reference string) (connector.Connector, error) {
	unknown := &pageError{status: http.StatusNotFound, code: "not_found", description: "there is no such connector"}
	if !connector.IsReference(reference) {
		return connector.Connector{}, unknown
	}
	c, err := i.Connectors.FindConnector(ctx, reference)
	if errors.Is(err, errdefs.ErrNotFound) {
		return c, unknown
	}
	return c, err
}

// startUpstream sends somebody who pressed a provider's button there (POST /upstream/{connector}).
func (i *Interaction) startUpstream(w http.ResponseWriter, r *http.Request) error {
	form, err := i.postForm(w, r)
	if err != nil {
		return err
	}
	c, err := i.findConnector(r.Context(), r.PathValue("connector"))
	if err != nil {
		return err
	}
	d := departure{next: nextAfter(form), other: form.Has(fieldSwitch)}
	if form.Has(fieldFlow) {
		req, err := i.open(form)
		if err != nil {
			return err
		}
		s, err := i.next(r, req)
		if err != nil {
			return err
		}
		if s.Step != authorization.SignIn { // another tab was faster
			return i.proceed(w, r, req, "")
		}
		d.req, d.hint = &s.req, hint(s.req)
	}
	return i.depart(w, r, c, d)
}

// connect sends somebody who is signed in to a provider, to link who they are there to their
// account (POST /account/identities/connect).
func (i *Interaction) connect(w http.ResponseWriter, r *http.Request) error {
	form, err := i.postForm(w, r)
	if err != nil {
		return err
	}
	v, err := i.visit(r)
	if err != nil {
		return err
	}
	if !v.signedIn() {
		return redirect(w, pathLogin)
	}
	c, err := i.findConnector(r.Context(), form.Get(ui.FieldConnector))
	if err != nil {
		return err
	}
	if !i.recent(v) {
		return signInAgain(w)
	}
	return i.depart(w, r, c, departure{user: v.session.User, other: form.Has(fieldSwitch)})
}

// depart sends the browser to the provider. What it takes to go on afterwards is stored under a
// state that only this browser can bring back. It must not be called for prompt=none.
func (i *Interaction) depart(w http.ResponseWriter, r *http.Request, c connector.Connector, d departure) error {
	ctx, cancel := context.WithTimeout(r.Context(), upstreamTimeout)
	defer cancel()
	y := way{next: d.next, user: d.user}
	browser := i.cookies.upstreamToken(r)
	if browser.Empty() {
		browser = secret.Generate()
	}
	a := connector.NewAttempt(c.ID, browser.Hash(), i.Now())
	if a.User = d.user; !d.user.IsZero() { // what is asked for is a sign-in of late
		a.ExpiresAt = a.CreatedAt.Add(connector.LinkLifetime)
	}
	s := connector.Start{
		RedirectURI: i.URL + c.CallbackPath(), State: a.State.Reveal(), Nonce: a.Secrets.Nonce, Challenge: a.Secrets.Challenge(),
		LoginHint: d.hint,
	}
	// Who was asked to sign in again has to prove it; another account is merely asked for.
	a.Secrets.Fresh = d.next.again
	if d.req != nil {
		sealed, err := d.req.Seal(i.FlowMAC)
		if errors.Is(err, errdefs.ErrInvalid) {
			return i.tooLong(w, r, *d.req)
		}
		if err != nil {
			return err
		}
		y = way{flow: sealed}
		a.Secrets.Flow, a.Secrets.Fresh, a.Secrets.MaxAge = sealed, d.req.Prompts(authorization.PromptLogin), d.req.MaxAge
		s.Fresh = d.req.Prompts(authorization.PromptSelectAccount)
	} else if d.user.IsZero() {
		a.Secrets.After = d.next.signInURL(false)
	}
	s.Fresh, s.MaxAge = s.Fresh || a.Secrets.Fresh || d.other, a.Secrets.MaxAge
	if !c.Enabled() {
		return i.upstreamFailed(w, r, c, y, switchedOff(), false)
	}
	target, err := i.Upstreams.AuthorizationURL(ctx, c, s)
	if err == nil {
		err = i.mayDepart(ctx, r, c)
	}
	if err == nil {
		err = i.Attempts.Begin(ctx, a)
	}
	if reason := connector.ReasonOf(err); err != nil {
		return i.upstreamFailed(w, r, c, y, err, i.outages.due(outage{c.ID, reason}, i.Now()))
	}
	i.cookies.set(w, i.cookies.upstream, browser.Reveal(), connector.AttemptLifetime)
	return redirect(w, target)
}

// What departures are counted by: the address, and the address together with the connector.
const (
	byNetwork   ratelimit.Kind = "departure"
	byConnector ratelimit.Kind = "departure to"
)

// departures bounds how many leave for providers from one address and do not come back proven: anybody
// can leave, each departure is kept for an hour, and what becomes of it is on record. An office or a
// carrier's gateway shares one, with all who are on their way at the time; a provider that lets nobody
// through does not use up what there is for the others.
func (i *Interaction) departures(r *http.Request, c connector.Connector) []ratelimit.Budget {
	network := ratelimit.Network(i.address(r))
	policy := ratelimit.Policy{Free: 300, Base: time.Minute, Max: 15 * time.Minute, Window: 15 * time.Minute}
	most := policy
	most.Free = 10 * policy.Free
	return []ratelimit.Budget{
		{Kind: byConnector, Name: network + " " + c.Reference, Policy: policy},
		{Kind: byNetwork, Name: network, Policy: most},
	}
}

// mayDepart counts a departure, or fails as connector.Throttled.
func (i *Interaction) mayDepart(ctx context.Context, r *http.Request, c connector.Connector) error {
	d, err := i.Limiter.Spend(ctx, i.departures(r, c), i.Now())
	if err != nil || d.Allowed {
		return err
	}
	return &failed{
		Failure:    connector.Failure{Reason: connector.Throttled, Text: "too many have left for providers from this address and not come back"},
		retryAfter: d.RetryAfter,
	}
}

// cameThrough counts somebody who has come through c, and takes their departure back.
func (i *Interaction) cameThrough(ctx context.Context, r *http.Request, c connector.Connector) {
	i.Observer.UpstreamSignIn(c.Reference, "success")
	if err := i.Limiter.Return(ctx, i.departures(r, c), i.Now()); err != nil {
		i.Log.WarnContext(ctx, "departure could not be taken back", "connector", c.Reference, "error", err)
	}
}

func switchedOff() error {
	return connector.Fail(connector.SwitchedOff, nil, "the connector is disabled")
}

// wayOf is where an attempt goes on.
func wayOf(a connector.Attempt) way {
	y := way{flow: a.Secrets.Flow, user: a.User}
	if u, err := url.Parse(a.Secrets.After); err == nil {
		y.next = nextAfter(u.Query())
	}
	return y
}

// signInURL leads to the sign-in page, which shows words.
func (y way) signInURL(words url.Values) string {
	query := url.Values{}
	for _, h := range y.form("").Hidden {
		query.Set(h.Name, h.Value)
	}
	for name, values := range words {
		query[name] = values
	}
	if len(query) == 0 {
		return pathLogin
	}
	return pathLogin + "?" + query.Encode()
}

// otherWays is the sign-in page for whoever has been at c, and is not sent there again unasked.
func (y way) otherWays(c connector.Connector) string {
	return y.signInURL(url.Values{fieldVia: {c.Reference}})
}

// form carries it on.
func (y way) form(action string) ui.Form {
	f := y.next.form()
	if y.flow != "" {
		f = ui.Form{Hidden: []ui.Hidden{{Name: fieldFlow, Value: y.flow}}}
	}
	f.Action = action
	return f
}

// goOn leads on after a sign-in through c. What came of it is worked out anew there; fieldVia says
// that the person has just been at the provider, so that nobody is sent to and fro without end.
func (y way) goOn(w http.ResponseWriter, c connector.Connector, words url.Values) error {
	if y.flow != "" {
		words.Set(fieldVia, c.Reference)
		return redirect(w, y.signInURL(words))
	}
	return redirect(w, y.next.afterSignIn())
}

// frameOf allows a form that leads to a provider to be redirected there, to wherever that sends the
// browser next, and in the end to the client of the request.
func (i *Interaction) frameOf(y way) ui.Frame {
	f := ui.Frame{FormTargets: i.abroad()}
	if req, err := authorization.Open(y.flow, i.FlowMAC, i.Now()); err == nil {
		f.FormTargets = append(frameTo(req.RedirectURI).FormTargets, f.FormTargets...)
	}
	return f
}

// abroad is where a form that leads to a provider may be redirected. A provider sends people to
// hosts of its own choice before it shows them anything, and Chromium applies form-action to all of
// them.
func (i *Interaction) abroad() []string {
	if i.cookies.secure {
		return []string{"https:"}
	}
	return []string{"https:", "http:"} // on loopback
}

// offer puts the buttons of providers on the sign-in page of s, or of no request at all.
func (i *Interaction) offer(r *http.Request, s *step, p *ui.SignIn) {
	query := r.URL.Query()
	if p.Step != ui.SignInThrough {
		p.Providers = i.providers(r.Context(), s, query.Get(fieldVia))
	}
	if len(p.Providers) > 0 || p.Step == ui.SignInEmail {
		p.FormTargets = append(p.FormTargets, i.abroad()...)
	}
	if !query.Has(fieldCancelled) {
		return
	}
	p.Notice, p.Problem = ui.NoticeNone, ui.ProblemUpstream
	for _, o := range p.Providers { // a name that is on the page anyway
		if o.Action == upstreamPath(query.Get(fieldVia)) {
			p.Notice, p.Problem, p.From = ui.NoticeCancelled, ui.ProblemNone, o.Label
		}
	}
}

// providers are the buttons of the sign-in page: the installation's connectors, and those of the
// tenant that the request is for. via names one more, that the person has just come back from. Anybody
// can write it into an address: it has no tenant's connector, whose name and provider are that tenant's
// choice, on the page of those who have nothing to do with the tenant.
func (i *Interaction) providers(ctx context.Context, s *step, via string) []ui.Provider {
	var tenant directory.Tenant
	listed, err := i.Connectors.ListConnectors(ctx, id.Tenant{})
	if err == nil && s != nil {
		if tenant, err = i.tenantOf(ctx, s); err == nil && !tenant.ID.IsZero() {
			var own []connector.Connector
			own, err = i.Connectors.ListConnectors(ctx, tenant.ID)
			listed = append(slices.Clone(listed), own...)
		}
	}
	if err != nil { // there is the password
		i.Log.ErrorContext(ctx, "connectors could not be listed", "error", err)
		return nil
	}
	var out []ui.Provider
	shown := map[id.Connector]bool{}
	for _, c := range listed {
		if shown[c.ID] || c.Hidden {
			continue
		}
		shown[c.ID] = true
		out = append(out, i.provider(c))
	}
	c, err := i.findConnector(ctx, via)
	named := c.Tenant == tenant.ID || c.Tenant.IsZero() || s != nil && s.req.Connector == via
	if err == nil && named && c.Enabled() && !shown[c.ID] {
		out = append(out, i.provider(c))
	}
	return out
}

func (i *Interaction) provider(c connector.Connector) ui.Provider {
	return ui.Provider{Label: c.Name, Action: upstreamPath(c.Reference), Icon: i.Pages.ProviderIcon(string(c.Kind))}
}

// tenantOf is the tenant that a request names, or whose own client sent it; zero for none. It is
// looked up once for a step.
func (i *Interaction) tenantOf(ctx context.Context, s *step) (directory.Tenant, error) {
	if s.tenant != nil {
		return *s.tenant, nil
	}
	reference := asked(s.req.Organization)
	if !s.client.Tenant.IsZero() {
		reference = s.client.Tenant.String()
	}
	if reference == "" {
		return directory.Tenant{}, nil
	}
	t, err := i.People.FindTenant(ctx, reference)
	if errors.Is(err, errdefs.ErrNotFound) {
		t, err = directory.Tenant{}, nil
	}
	if err == nil {
		s.tenant = &t
	}
	return t, err
}
