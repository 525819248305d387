package interaction

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/ui"
)

// waysOf is how somebody can sign in, and what they can add.
func (i *Interaction) waysOf(ctx context.Context, u directory.User, memberships []directory.Membership) (ui.Ways, error) {
	var out ui.Ways
	ways, err := i.Identities.Ways(ctx, u.ID)
	if err != nil {
		return out, err
	}
	switch _, err := i.Passwords.FindPassword(ctx, u.ID); {
	case err == nil:
		out.PasswordURL, out.HasPassword, out.PasswordOff = pathPassword, true, !ways.Password
	case !errors.Is(err, errdefs.ErrNotFound):
		return out, err
	default:
		if out.PasswordURL, err = i.newPasswordURL(ctx, u); err != nil {
			return out, err
		}
	}
	for _, identity := range ways.Identities {
		shown := i.identity(identity)
		if ways.CanUnlink(identity.ID) {
			shown.RemoveURL = pathUnlink + "?" + url.Values{ui.FieldIdentity: {identity.ID.String()}}.Encode()
		}
		out.Identities = append(out.Identities, shown)
	}
	out.Connect, err = i.connectable(ctx, ways, memberships)
	return out, err
}

// newPasswordURL leads to where somebody who has no password sets one; "" when they would get no
// message, or could not sign in with it.
func (i *Interaction) newPasswordURL(ctx context.Context, u directory.User) (string, error) {
	if !i.Letters.Enabled() {
		return "", nil
	}
	if _, closed, err := i.closedRealm(ctx, u.Email); closed || err != nil {
		return "", err
	}
	if closed, err := i.closedTo(ctx, u.ID); len(closed) > 0 || err != nil {
		return "", err
	}
	return pathForgot, nil
}

// identity is how a page shows one.
func (i *Interaction) identity(l connector.LinkedIdentity) ui.Identity {
	return ui.Identity{
		Connector: l.Name, Icon: i.Pages.ProviderIcon(string(l.Kind)), Label: l.Label,
		LinkedAt: l.LinkedAt, LastUsedAt: l.LastUsedAt, Off: !l.Enabled,
	}
}

// connectable are the connectors that somebody can add: those of the installation and of their
// tenants that are not linked yet.
func (i *Interaction) connectable(ctx context.Context, ways connector.Ways, memberships []directory.Membership) (out []ui.Connect, err error) {
	seen := map[id.Connector]bool{}
	for _, identity := range ways.Identities {
		seen[identity.Connector] = true
	}
	tenants := []id.Tenant{{}} // the installation
	for _, m := range memberships {
		tenants = append(tenants, m.Tenant.ID)
	}
	for _, tenant := range tenants {
		listed, err := i.Connectors.ListConnectors(ctx, tenant)
		if err != nil {
			return nil, err
		}
		for _, c := range listed {
			if seen[c.ID] || c.Hidden {
				continue
			}
			seen[c.ID] = true
			out = append(out, ui.Connect{
				Connector: c.Name, Icon: i.Pages.ProviderIcon(string(c.Kind)),
				Form: ui.Form{Action: pathConnect, Hidden: []ui.Hidden{{Name: ui.FieldConnector, Value: c.Reference}}},
			})
		}
	}
	return out, nil
}

// removable is an identity of somebody who may unlink it, and whose it is.
type removable struct {
	connector.LinkedIdentity
	visit visit
	user  directory.User
	only  bool // it is their only way to sign in
}

// unlinkForm asks somebody to confirm that they want to remove an identity (GET
// /account/identities/remove).
func (i *Interaction) unlinkForm(w http.ResponseWriter, r *http.Request) error {
	query, err := i.query(r)
	if err != nil {
		return err
	}
	l, found, err := i.toUnlink(w, r, query)
	if err != nil || !found {
		return err
	}
	return i.showUnlink(w, r, l)
}

func (i *Interaction) showUnlink(w http.ResponseWriter, r *http.Request, l removable) error {
	p := ui.RemoveIdentity{Identity: i.identity(l.LinkedIdentity), Only: l.only, BackURL: pathAccount}
	if !l.only {
		p.Form = ui.Form{Action: pathUnlink, Hidden: []ui.Hidden{{Name: ui.FieldIdentity, Value: l.ID.String()}}}
		i.render(w, r, http.StatusOK, p)
		return nil
	}
	var err error
	if p.PasswordURL, err = i.newPasswordURL(r.Context(), l.user); err != nil {
		return err
	}
	i.render(w, r, http.StatusConflict, p)
	return nil
}

// toUnlink finds the identity that a query or form names, of somebody who has proven a moment ago
// who they are. Whoever has not, or has no such identity, has been sent elsewhere unless it is
// found.
func (i *Interaction) toUnlink(w http.ResponseWriter, r *http.Request, form url.Values) (l removable, found bool, err error) {
	if l.visit, err = i.visit(r); err != nil {
		return l, false, err
	}
	if !l.visit.signedIn() {
		return l, false, redirect(w, pathLogin)
	}
	if !i.recent(l.visit) {
		return l, false, signInAgain(w)
	}
	ctx := r.Context()
	if l.user, err = i.People.FindUser(ctx, l.visit.session.User); err != nil {
		return l, false, err
	}
	ways, err := i.Identities.Ways(ctx, l.user.ID)
	if err != nil {
		return l, false, err
	}
	n := slices.IndexFunc(ways.Identities, func(o connector.LinkedIdentity) bool { return o.ID.String() == form.Get(ui.FieldIdentity) })
	if n < 0 { // removed in another tab, or somebody else's
		return l, false, redirect(w, pathAccount)
	}
	l.LinkedIdentity, l.only = ways.Identities[n], !ways.CanUnlink(ways.Identities[n].ID)
	return l, true, nil
}

// unlink removes an identity (POST /account/identities/remove). The last way to sign in stays.
func (i *Interaction) unlink(w http.ResponseWriter, r *http.Request) error {
	form, err := i.postForm(w, r)
	if err != nil {
		return err
	}
	l, found, err := i.toUnlink(w, r, form)
	if err != nil || !found {
		return err
	}
	// From here on nothing stops when the browser goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), changeTimeout)
	defer cancel()
	e := audit.Event{At: i.Now(), Action: audit.IdentityUnlinked, Session: l.visit.session.ID}
	e.Address, e.RequestID = i.Caller(ctx)
	letter := i.identityNotice(ctx, mail.IdentityUnlinked, l.user, l.Name)
	err = i.Identities.Unlink(ctx, l.user.ID, l.ID, l.visit.session.ID, maxAccessToken, letter, e)
	switch {
	case errors.Is(err, errdefs.ErrConflict): // also when another one is removed at the same time
		l.only = true
		return i.showUnlink(w, r, l)
	case errors.Is(err, errdefs.ErrNotFound):
		return redirect(w, pathAccount)
	case err != nil:
		return err
	}
	return redirect(w, pathAccount+"?"+fieldRemoved+"=1")
}
