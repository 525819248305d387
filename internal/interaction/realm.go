package interaction

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/invitation"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/ui"
)

// realmOf finds where the domain of an address leads; found is false for one that leads nowhere and
// for what is no address. Whether there is an account plays no part in it.
func (i *Interaction) realmOf(ctx context.Context, email string) (realm connector.Realm, found bool, err error) {
	domain, err := connector.DomainOf(email)
	if err == nil {
		realm, err = i.Connectors.FindRealm(ctx, domain)
	}
	if errors.Is(err, errdefs.ErrInvalid) || errors.Is(err, errdefs.ErrNotFound) {
		return connector.Realm{}, false, nil
	}
	return realm, err == nil, err
}

// closedRealm finds the realm of an address whose tenant takes no passwords.
func (i *Interaction) closedRealm(ctx context.Context, email string) (realm connector.Realm, closed bool, err error) {
	realm, found, err := i.realmOf(ctx, email)
	return realm, found && realm.OnlyConnectors, err
}

// closedTenant returns the tenant that a request is for when only its connectors lead into it: the
// one of the decision, or before anybody is known the one that the request names. Zero: none.
func (i *Interaction) closedTenant(ctx context.Context, s *step) (directory.Tenant, error) {
	if !s.Through.ID.IsZero() {
		return s.Through, nil
	}
	t, err := i.tenantOf(ctx, s)
	if err != nil || !t.OnlyConnectors || !t.DisabledAt.IsZero() {
		return directory.Tenant{}, err
	}
	return t, nil
}

// leavesUnasked reports whether somebody may be sent to a provider who has not pressed a button: not
// whoever has just come back from one, or wants to be somebody else. Only a page whose address says
// nothing but the request is shown for the first time.
func leavesUnasked(s step, query url.Values) bool {
	through := !s.Through.ID.IsZero()
	if !through && s.req.Prompts(authorization.PromptSelectAccount) {
		return false // the provider would take the account that it took before
	}
	for word := range query {
		switch {
		case word == fieldFlow:
		case word == fieldCookie && through && s.visit.session.Through.Connector.IsZero():
			// Whoever has signed in with a password learns of the tenant's own sign-in only now.
		default:
			return false
		}
	}
	return true
}

// wentThrough reports whether c is of the tenant whose connector the person came through, which opens
// nothing of what they want: it would lead to the same again.
func (s step) wentThrough(c connector.Connector) bool {
	return s.Confined && !c.Tenant.IsZero() && c.Tenant == s.visit.session.Through.Tenant
}

// destination is the connector that a request leads to by itself: of the tenant that it is for, if
// only that one's will do; else the one that it names, or that of the address it hints at.
func (i *Interaction) destination(ctx context.Context, s step, closed directory.Tenant) (c connector.Connector, found bool, err error) {
	if !closed.ID.IsZero() {
		own, err := i.Connectors.ListConnectors(ctx, closed.ID)
		if err != nil {
			return connector.Connector{}, false, err
		}
		for _, c := range own {
			if c.Reference == s.req.Connector {
				return c, true, nil
			}
		}
		c, found = single(own)
		return c, found, nil
	}
	if s.req.Connector != "" {
		c, err := i.Connectors.FindConnector(ctx, s.req.Connector)
		if err == nil && c.Enabled() {
			return c, true, nil
		}
		if err != nil && !errors.Is(err, errdefs.ErrNotFound) {
			return connector.Connector{}, false, err
		}
	}
	realm, _, err := i.realmOf(ctx, hint(s.req))
	c, found = single(realm.Connectors)
	return c, found && err == nil, err
}

// single returns the only one.
func single(all []connector.Connector) (connector.Connector, bool) {
	if len(all) != 1 {
		return connector.Connector{}, false
	}
	return all[0], true
}

// beginSignIn shows the sign-in page of a request, or sends the person to the provider that it leads
// to.
func (i *Interaction) beginSignIn(w http.ResponseWriter, r *http.Request, s step, query url.Values) error {
	ctx := r.Context()
	closed, err := i.closedTenant(ctx, &s)
	if err != nil {
		return err
	}
	if leavesUnasked(s, query) {
		c, found, err := i.destination(ctx, s, closed)
		if err != nil {
			return err
		}
		if found && !s.wentThrough(c) {
			return i.depart(w, r, c, departure{req: &s.req, hint: hint(s.req)})
		}
	}
	y, err := i.wayOn(&s, next{})
	if err != nil {
		return err
	}
	p := ui.SignIn{Email: hint(s.req), Notice: signInNotice(s, query)}
	if closed.ID.IsZero() {
		err = i.firstStep(ctx, &p, y, query)
	} else {
		err = i.onlyThrough(ctx, &p, s, closed)
	}
	if err != nil {
		return err
	}
	return i.showSignIn(w, r, http.StatusOK, &s, p)
}

// wayOn is where the links of a sign-in page go on.
func (i *Interaction) wayOn(s *step, n next) (way, error) {
	if s == nil {
		return way{next: n}, nil
	}
	flow, err := s.req.Seal(i.FlowMAC)
	return way{flow: flow}, err
}

// withWord is the sign-in page with a word in its address.
func (y way) withWord(word string) string { return y.signInURL(url.Values{word: {"1"}}) }

// firstStep decides what the sign-in page asks for first. As long as no domain leads anywhere that
// is address and password; then it is the address, unless it is known already.
func (i *Interaction) firstStep(ctx context.Context, p *ui.SignIn, y way, query url.Values) error {
	there, err := i.Connectors.HasRealms(ctx)
	if err != nil || !there || query.Has(fieldLocal) {
		return err
	}
	if p.Email == "" || query.Has(fieldSwitch) {
		p.Step, p.PasswordURL = ui.SignInEmail, y.withWord(fieldLocal)
		return nil
	}
	return i.nextStep(ctx, p, y)
}

// nextStep decides what the page asks for once p.Email is known: the password, unless the domain
// leads elsewhere. Of an account that an identity is about to be linked to it always is the
// password; what may be done with it, signIn decides.
func (i *Interaction) nextStep(ctx context.Context, p *ui.SignIn, y way) error {
	p.Step, p.OtherURL = ui.SignInPassword, y.withWord(fieldSwitch)
	realm, found, err := i.realmOf(ctx, p.Email)
	if found && y.next.link == "" && (realm.OnlyConnectors || len(realm.Connectors) > 0) {
		i.throughRealm(p, y, realm)
	}
	return err
}

// throughRealm has the page lead to the providers of a realm.
func (i *Interaction) throughRealm(p *ui.SignIn, y way, realm connector.Realm) {
	p.Step, p.Closed, p.Organization = ui.SignInThrough, realm.OnlyConnectors, realm.TenantName
	p.OtherURL = y.withWord(fieldSwitch)
	if !p.Closed {
		p.PasswordURL = y.withWord(fieldLocal)
	}
	for _, c := range realm.Connectors { // hidden ones as well: this is whom they are for
		p.Providers = append(p.Providers, i.provider(c))
	}
}

// onlyThrough has the page lead to the connectors of the tenant that a request is for. Whoever is
// signed in can go elsewhere: to another tenant, if they picked this one, or as somebody else.
func (i *Interaction) onlyThrough(ctx context.Context, p *ui.SignIn, s step, closed directory.Tenant) error {
	if !s.Through.ID.IsZero() {
		other, err := i.wayOn(&step{req: i.asOther(s.req)}, next{})
		if err != nil {
			return err
		}
		p.OtherURL = other.withWord(fieldSwitch)
		if s.req.Settled.Tenant == closed.ID {
			unsettled := s.req
			unsettled.Settled.Tenant = id.Tenant{}
			pick, err := i.wayOn(&step{req: unsettled}, next{})
			if err != nil {
				return err
			}
			p.PickURL = pick.signInURL(nil)
		}
	}
	return i.through(ctx, p, closed)
}

// through has the page lead to the connectors of tenants that let nobody in otherwise.
func (i *Interaction) through(ctx context.Context, p *ui.SignIn, tenants ...directory.Tenant) error {
	p.Step, p.Closed = ui.SignInThrough, true
	if len(tenants) == 1 {
		p.Organization = tenants[0].Name
	}
	shown := map[id.Connector]bool{}
	for _, t := range tenants {
		own, err := i.Connectors.ListConnectors(ctx, t.ID)
		if err != nil {
			return err
		}
		for _, c := range own {
			if !shown[c.ID] {
				shown[c.ID] = true
				p.Providers = append(p.Providers, i.provider(c))
			}
		}
	}
	return nil
}

// identify takes the address of somebody who signs in (POST /login/address): its domain leads to a
// provider, or else the password is asked for. All that is looked at is the domain, so that nobody
// learns who has an account.
func (i *Interaction) identify(w http.ResponseWriter, r *http.Request) error {
	form, err := i.postForm(w, r)
	if err != nil {
		return err
	}
	a, due, err := i.signingIn(w, r, form)
	if err != nil || !due {
		return err
	}
	email := clip(strings.TrimSpace(form.Get(ui.FieldEmail)), directory.MaxEmail)
	p := ui.SignIn{Email: email, Form: a.next.form()}
	if email == "" {
		p.Problem = ui.ProblemMissing
		y, err := i.wayOn(a.step, a.next)
		if err != nil {
			return err
		}
		if err := i.firstStep(r.Context(), &p, y, nil); err != nil {
			return err
		}
		return i.showSignIn(w, r, http.StatusBadRequest, a.step, p)
	}
	d := departure{next: a.next, hint: email, other: form.Has(fieldSwitch)}
	if a.step != nil { // so that the address is known when they come back
		a.step.req = i.hinting(a.step.req, email)
		d.req = &a.step.req
	}
	realm, _, err := i.realmOf(r.Context(), email)
	if err != nil {
		return err
	}
	if c, found := single(realm.Connectors); found && a.next.link == "" {
		return i.depart(w, r, c, d)
	}
	y, err := i.wayOn(a.step, a.next)
	if err != nil {
		return err
	}
	if err := i.nextStep(r.Context(), &p, y); err != nil {
		return err
	}
	return i.showSignIn(w, r, http.StatusOK, a.step, p)
}

// afterAddress has the page of somebody who has typed an address, and maybe a password, ask for the
// password of that address alone, where addresses come first.
func (i *Interaction) afterAddress(ctx context.Context, p *ui.SignIn, a attempt) error {
	there, err := i.Connectors.HasRealms(ctx)
	if err != nil || !there {
		return err
	}
	y, err := i.wayOn(a.step, a.next)
	p.Step, p.OtherURL = ui.SignInPassword, y.withWord(fieldSwitch)
	return err
}

// refuseAddress answers a password for an address that belongs to a tenant which takes none. It is
// not tested, and the answer is the same for everybody.
func (i *Interaction) refuseAddress(w http.ResponseWriter, r *http.Request, a attempt, p ui.SignIn, realm connector.Realm) error {
	i.Observer.SignIn("refused")
	y, err := i.wayOn(a.step, a.next)
	if err != nil {
		return err
	}
	i.throughRealm(&p, y, realm)
	return i.showSignIn(w, r, http.StatusForbidden, a.step, p)
}

// hinting returns req with the address as its hint, for as long as it then fits into a URL.
func (i *Interaction) hinting(req authorization.Request, email string) authorization.Request {
	hinted := req
	hinted.LoginHint = email
	if _, err := hinted.Seal(i.FlowMAC); err != nil {
		return req
	}
	return hinted
}

// links reports whether the sign-in is to link an identity of a provider of one of the tenants to the
// account with this address. Whoever brings that proof shows with the password whose account it is.
func (i *Interaction) links(r *http.Request, n next, email string, tenants ...id.Tenant) (bool, error) {
	if n.link == "" {
		return false, nil
	}
	l, err := i.linking(r, url.Values{fieldToken: {n.link}})
	if errors.Is(err, errdefs.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	typed, err := directory.NormalizeEmail(email)
	owner, ownerErr := directory.NormalizeEmail(l.owner.Email)
	return err == nil && ownerErr == nil && typed == owner && slices.Contains(tenants, l.connector.Joins), nil
}

// joinsOpen reports whether u signs in to accept an invitation to a tenant that takes passwords: then
// they are about to belong to more than tenants that take none.
func (i *Interaction) joinsOpen(ctx context.Context, n next, u directory.User) (bool, error) {
	if n.invitation == "" {
		return false, nil
	}
	o, err := i.Invitations.Offer(ctx, secret.New(n.invitation).Hash())
	if errors.Is(err, errdefs.ErrNotFound) {
		return false, nil
	}
	return err == nil && !o.Orphaned && o.State(i.Now()) == invitation.Pending && o.For(u) &&
		!o.Tenant.OnlyConnectors && o.Tenant.DisabledAt.IsZero(), err
}

// shut returns the tenants of somebody whose password was right but is refused: all that they belong to
// are entered through connectors alone, and they are about to do nothing that it is good for all the same.
// None: the password will do.
func (i *Interaction) shut(r *http.Request, n next, u directory.User) ([]directory.Tenant, error) {
	closed, err := i.closedTo(r.Context(), u.ID)
	if err != nil || len(closed) == 0 {
		return nil, err
	}
	if joins, err := i.joinsOpen(r.Context(), n, u); joins || err != nil {
		return nil, err
	}
	ids := make([]id.Tenant, len(closed))
	for k, t := range closed {
		ids[k] = t.ID
	}
	if linking, err := i.links(r, n, u.Email, ids...); linking || err != nil {
		return nil, err
	}
	return closed, nil
}

// closedTo returns the tenants of somebody whose password was right but opens nothing: all that they
// belong to are entered through connectors alone. None: the password will do.
func (i *Interaction) closedTo(ctx context.Context, user id.User) ([]directory.Tenant, error) {
	memberships, err := i.People.ListMemberships(ctx, user, directory.Among{})
	if err != nil {
		return nil, err
	}
	var closed []directory.Tenant
	for _, m := range memberships {
		if !m.Tenant.OnlyConnectors {
			return nil, nil
		}
		closed = append(closed, m.Tenant)
	}
	if len(closed) == 0 {
		return nil, nil
	}
	// A list has an end: there may be a tenant behind it.
	open, err := i.People.ListMemberships(ctx, user, directory.Among{Open: true})
	if err != nil || len(open) > 0 {
		return nil, err
	}
	return closed, nil
}

// refuseMember answers a password that was right and opens nothing.
func (i *Interaction) refuseMember(w http.ResponseWriter, r *http.Request, a attempt, p ui.SignIn, user id.User, closed []directory.Tenant) error {
	ctx := r.Context()
	i.Observer.SignIn("refused")
	err := i.Audit.Write(ctx, audit.Event{
		At: i.Now(), Action: audit.SignInFailed, User: user, Client: a.clientID, Detail: map[string]string{"reason": "connector_required"},
	})
	if err != nil {
		return err
	}
	if err := i.through(ctx, &p, closed...); err != nil {
		return err
	}
	return i.showSignIn(w, r, http.StatusForbidden, a.step, p)
}
