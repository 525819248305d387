package interaction

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/ui"
)

// profileForm shows people what is said of them, to change it (GET /account/profile).
func (i *Interaction) profileForm(w http.ResponseWriter, r *http.Request) error {
	v, u, err := i.owner(w, r)
	if err != nil || !v.signedIn() {
		return err
	}
	return i.showProfile(w, r, http.StatusOK, u, u.Profile(), nil)
}

func (i *Interaction) showProfile(w http.ResponseWriter, r *http.Request, status int, u directory.User, p directory.Profile, problems []string) error {
	ways, err := i.Identities.Ways(r.Context(), u.ID)
	if err != nil {
		return err
	}
	i.render(w, r, status, ui.Profile{
		Form: ui.Form{Action: pathProfile}, Name: p.Name, GivenName: p.GivenName, FamilyName: p.FamilyName, Locale: p.Locale,
		Problems: problems, Synced: namesOf(ways), BackURL: pathAccount,
	})
	return nil
}

// namesOf are the names of the providers that somebody can sign in through, each once.
func namesOf(w connector.Ways) (names []string) {
	for _, identity := range w.Identities {
		if identity.Enabled && !slices.Contains(names, identity.Name) {
			names = append(names, identity.Name)
		}
	}
	return names
}

// changeProfile stores what somebody says of themselves (POST /account/profile).
func (i *Interaction) changeProfile(w http.ResponseWriter, r *http.Request) error {
	form, err := i.postForm(w, r)
	if err != nil {
		return err
	}
	v, u, err := i.owner(w, r)
	if err != nil || !v.signedIn() {
		return err
	}
	ctx := r.Context()
	p, e := profileOf(form), audit.Event{At: i.Now(), Action: audit.ProfileChanged, Session: v.session.ID}
	e.Address, e.RequestID = i.Caller(ctx)
	err = i.Profiles.UpdateProfile(ctx, u.ID, p, e)
	switch problems := faultsOf(err); {
	case len(problems) > 0:
		return i.showProfile(w, r, http.StatusBadRequest, u, p, problems)
	case errors.Is(err, errdefs.ErrNotFound): // deleted or disabled meanwhile
		return redirect(w, pathLogin)
	case err != nil:
		return err
	}
	return redirect(w, pathAccount+"?"+fieldSaved+"=1")
}

// profileOf reads the form, without the space around what was typed.
func profileOf(form url.Values) directory.Profile {
	typed := func(field string) string { return strings.TrimSpace(form.Get(field)) }
	return directory.Profile{
		Name: typed(ui.FieldName), GivenName: typed(ui.FieldGivenName), FamilyName: typed(ui.FieldFamilyName), Locale: typed(ui.FieldLocale),
	}
}

// faultsOf names the fields that err is about; none of an error about anything else.
func faultsOf(err error) (fields []string) {
	for _, f := range errdefs.Fields(err) {
		fields = append(fields, f.Field)
	}
	return fields
}
