package interaction

import (
	"net/http"
	"net/url"

	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/formdata"
	"github.com/signet-id/signet/internal/ui"
)

// owner finds who is signed in, in a session that may change the account. Anybody else has been sent
// to sign in, another way if need be, when the visit returned is not signed in.
func (i *Interaction) owner(w http.ResponseWriter, r *http.Request) (visit, directory.User, error) {
	v, err := i.visit(r)
	if err != nil {
		return visit{}, directory.User{}, err
	}
	if !v.signedIn() {
		return visit{}, directory.User{}, redirect(w, pathLogin)
	}
	if v.confined() {
		return visit{}, directory.User{}, signInAgain(w)
	}
	u, err := i.People.FindUser(r.Context(), v.session.User)
	if err != nil {
		return visit{}, directory.User{}, err
	}
	return v, u, nil
}

// account shows a person what Signet knows of them (GET /account).
func (i *Interaction) account(w http.ResponseWriter, r *http.Request) error {
	query, err := formdata.Query(r, maxQueryValue)
	if err == nil {
		err = formdata.Single(query)
	}
	if err != nil {
		return err
	}
	v, err := i.visit(r)
	if err != nil {
		return err
	}
	if !v.signedIn() {
		if query.Has(fieldCookie) && !v.presented && len(r.CookiesNamed(i.cookies.device)) == 0 {
			return errNoCookie()
		}
		return redirect(w, pathLogin)
	}
	ctx := r.Context()
	u, err := i.People.FindUser(ctx, v.session.User)
	if err != nil {
		return err
	}
	among := directory.Among{}
	if v.confined() {
		among.Tenant = v.session.Through.Tenant
	}
	var memberships []directory.Membership
	if !v.confined() || !among.Tenant.IsZero() {
		if memberships, err = i.People.ListMemberships(ctx, u.ID, among); err != nil {
			return err
		}
	}
	p := ui.Account{
		Frame:  ui.Frame{FormTargets: i.abroad()},
		Person: person(u),
		Notice: accountNotice(query),
		SignOut: ui.Form{
			Action: pathLogoutConfirm,
			Hidden: []ui.Hidden{{Name: ui.FieldDecision, Value: ui.DecisionSignOut}},
		},
	}
	for _, m := range memberships {
		p.Memberships = append(p.Memberships, ui.Membership{Tenant: m.Tenant.Name, Roles: m.Roles})
	}
	if v.confined() { // whoever signed in so is shown no more of the account than they may enter
		p.OpenURL = next{again: true}.signInURL(false)
		i.render(w, r, http.StatusOK, p)
		return nil
	}
	p.ProfileURL = pathProfile
	if !u.EmailVerified && i.Letters.Enabled() {
		p.Verify.Action = pathVerification
	}
	if p.Ways, err = i.waysOf(ctx, u, memberships); err != nil {
		return err
	}
	i.render(w, r, http.StatusOK, p)
	return nil
}

func accountNotice(query url.Values) ui.Notice {
	switch {
	case query.Has(fieldJoined):
		return ui.NoticeJoined
	case query.Has(fieldSent):
		return ui.NoticeVerificationSent
	case query.Has(fieldLinked):
		return ui.NoticeIdentityLinked
	case query.Has(fieldRemoved):
		return ui.NoticeIdentityRemoved
	case query.Has(fieldSaved):
		return ui.NoticeProfileSaved
	}
	return ui.NoticeNone
}

// maxQueryValue bounds the values of queries that carry nothing of their own, in bytes.
const maxQueryValue = 8 << 10

// home says what this address is (GET /).
func (i *Interaction) home(w http.ResponseWriter, r *http.Request) error {
	v, err := i.visit(r)
	if err != nil {
		return err
	}
	p := ui.Home{Issuer: i.URL, SignInURL: pathLogin, AccountURL: pathAccount, DiscoveryURL: pathDiscovery}
	if v.signedIn() {
		var u directory.User
		if u, err = i.People.FindUser(r.Context(), v.session.User); err != nil {
			return err
		}
		p.Person = person(u)
	}
	i.render(w, r, http.StatusOK, p)
	return nil
}
