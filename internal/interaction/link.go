package interaction

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/ui"
)

// askToLink keeps what a provider has proven of somebody whose address an account has already, and
// leads to where its owner can link the two.
func (i *Interaction) askToLink(w http.ResponseWriter, r *http.Request, c connector.Connector, a connector.Attempt, p connector.Proof, owner id.User) error {
	l := connector.PendingLink{
		Token: secret.Generate(), Browser: a.Browser, Connector: c.ID, Reference: c.Reference, User: owner, Proof: p,
		Flow: a.Secrets.Flow, After: a.Secrets.After, ExpiresAt: i.Now().Add(connector.LinkLifetime),
	}
	if err := i.Attempts.KeepLink(r.Context(), l); err != nil {
		return err
	}
	return redirect(w, next{link: l.Token.Reveal()}.url())
}

// linking is an identity that waits to be linked, together with who looks at it.
type linking struct {
	connector.PendingLink
	token     secret.Text
	connector connector.Connector
	owner     directory.User // whose account has the address
	user      directory.User // who is signed in; zero: nobody
	visit     visit
	proven    bool // that is the owner, who has proven it of late
	way       way
}

func (l linking) next() next { return next{link: l.token.Reveal()} }

// linkForm asks somebody to sign in to the account that has their address, and then to confirm (GET
// /login/link). Opening it links nothing.
func (i *Interaction) linkForm(w http.ResponseWriter, r *http.Request) error {
	query, err := i.query(r)
	if err != nil {
		return err
	}
	l, err := i.linking(r, query)
	if err != nil {
		return i.linkVoid(w, r, err)
	}
	p := ui.LinkIdentity{
		Frame: i.frameOf(l.way), Form: carrying(pathLink, l.token),
		Identity: ui.Identity{Connector: l.connector.Name, Icon: i.Pages.ProviderIcon(string(l.connector.Kind)), Label: l.Proof.Profile.Label()},
		Email:    l.owner.Email, BackURL: l.way.otherWays(l.connector),
	}
	if l.visit.signedIn() {
		p.Person, p.Confined = person(l.user), l.user.ID == l.owner.ID && l.visit.confined()
	}
	if !l.proven {
		p.SignInURL = l.next().signInURL(l.visit.signedIn())
	}
	if p.Organization, err = i.confining(r.Context(), l.connector, l.owner); err != nil {
		return err
	}
	i.render(w, r, http.StatusOK, p)
	return nil
}

// confining is the name of the organization that a sign-in of u through c opens alone; "" when it
// opens the whole account.
func (i *Interaction) confining(ctx context.Context, c connector.Connector, u directory.User) (string, error) {
	realm, _, err := i.realmOf(ctx, u.Email)
	if err != nil {
		return "", err
	}
	var domains []string
	if realm.Tenant == c.Tenant {
		domains = []string{realm.Domain}
	}
	if !connector.Confined(c.Tenant, u, domains) {
		return "", nil
	}
	t, err := i.People.FindTenant(ctx, c.Tenant.String())
	return t.Name, err
}

// linking finds what waits under the token that was sent, for this browser. The error of one that
// cannot be used is errdefs.ErrNotFound.
func (i *Interaction) linking(r *http.Request, form url.Values) (linking, error) {
	ctx := r.Context()
	token, ok := presented(form)
	browser := i.cookies.upstreamToken(r)
	if !ok || browser.Empty() {
		return linking{}, errdefs.ErrNotFound
	}
	l := linking{token: token}
	var err error
	if l.PendingLink, err = i.Attempts.FindLink(ctx, token.Hash(), browser.Hash(), i.Now()); err != nil {
		return linking{}, err
	}
	l.way = wayOf(connector.Attempt{Secrets: connector.AttemptSecrets{Flow: l.Flow, After: l.After}})
	if l.connector, err = i.Connectors.FindConnector(ctx, l.Reference); err != nil {
		return linking{}, err
	}
	if l.connector.ID != l.PendingLink.Connector || !l.connector.Enabled() {
		return linking{}, errdefs.ErrNotFound
	}
	if l.owner, err = i.People.FindUser(ctx, l.User); err != nil {
		return linking{}, err
	}
	if l.visit, err = i.visit(r); err != nil {
		return linking{}, err
	}
	if l.visit.signedIn() {
		if l.user, err = i.People.FindUser(ctx, l.visit.session.User); err != nil {
			return linking{}, err
		}
		l.proven = l.user.ID == l.owner.ID && i.recent(l.visit) && i.serves(l.visit, l.way)
	}
	return l, nil
}

// serves reports whether the request that somebody is in the middle of asks for no other sign-in
// than that of the visit: whoever has to sign in for it anyway does so before they link.
func (i *Interaction) serves(v visit, y way) bool {
	req, err := authorization.Open(y.flow, i.FlowMAC, i.Now())
	return err != nil || v.session.Satisfies(req.Demand(), i.Now())
}

// linkVoid answers what cannot be linked any more.
func (i *Interaction) linkVoid(w http.ResponseWriter, r *http.Request, err error) error {
	if !errors.Is(err, errdefs.ErrNotFound) {
		return err
	}
	_, requestID := i.Caller(r.Context())
	i.render(w, r, http.StatusGone, ui.UpstreamFailed{Reason: ui.UpstreamLinkIsVoid, BackURL: pathLogin, RequestID: requestID})
	return nil
}

// confirmLink links the identity to the account whose owner has signed in to it and confirms (POST
// /login/link). They go on in the session that they signed in to.
func (i *Interaction) confirmLink(w http.ResponseWriter, r *http.Request) error {
	form, err := i.postForm(w, r)
	if err != nil {
		return err
	}
	l, err := i.linking(r, form)
	if err != nil {
		return i.linkVoid(w, r, err)
	}
	if !l.proven { // the page says what to do
		return redirect(w, l.next().url())
	}
	// From here on nothing stops when the browser goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), arrivalTimeout)
	defer cancel()
	arrival := i.arrival(r.WithContext(ctx), l.connector, l.Proof, i.clientOf(l.way))
	arrival.Event.Session = l.visit.session.ID
	_, err = i.Identities.Link(ctx, arrival, l.owner.ID, l.token.Hash(), i.identityNotice(ctx, mail.IdentityLinked, l.owner, l.connector.Name))
	switch {
	case errors.Is(err, errdefs.ErrNotFound): // another tab was faster
		return i.linkVoid(w, r, err)
	case errors.Is(err, errdefs.ErrConflict):
		return i.upstreamFailed(w, r, l.connector, l.way, linkedElse(l.Proof.Profile), true)
	case err != nil:
		return err
	}
	i.cameThrough(ctx, r, l.connector)
	if l.way.flow != "" {
		return redirect(w, l.way.signInURL(nil))
	}
	return redirect(w, afterLinking(l.way.next))
}

// afterLinking leads on to n after an identity was linked.
func afterLinking(n next) string {
	if n.url() == pathAccount {
		return pathAccount + "?" + fieldLinked + "=1"
	}
	return n.url()
}

func linkedElse(p connector.Profile) error {
	return &failed{Failure: connector.Failure{Reason: connector.LinkedElse, Text: "the identity is linked to another account"}, email: p.Email}
}

// linkedAddress is what the sign-in page starts with for somebody who is to link an identity.
func (i *Interaction) linkedAddress(r *http.Request, token string) string {
	l, err := i.linking(r, url.Values{fieldToken: {token}})
	if err != nil {
		return "" // the sign-in goes on without
	}
	return l.owner.Email
}
