package interaction

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/formdata"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/session"
	"github.com/signet-id/signet/internal/ui"
)

// fieldLogout carries a validated request to sign out.
const fieldLogout = "request"

// Logout takes over a validated request to sign out (OpenID Connect RP-Initiated Logout 1.0
// §2). It ends the session without asking only when the hint names it.
func (i *Interaction) Logout(w http.ResponseWriter, r *http.Request, l authorization.Logout) {
	i.handle(func(w http.ResponseWriter, r *http.Request) error {
		if r.Method == http.MethodPost {
			// A post from the client's site brings no SameSite=Lax cookie: without this détour
			// the person would be told to be signed out while the session lives.
			sealed, err := i.sealLogout(l)
			if err != nil {
				return err
			}
			return redirect(w, pathLogoutConfirm+"?"+fieldLogout+"="+sealed)
		}
		return i.logout(w, r, l)
	}).ServeHTTP(w, r)
}

// resumeLogout goes on with a request that was posted (GET /logout/confirm).
func (i *Interaction) resumeLogout(w http.ResponseWriter, r *http.Request) error {
	query, err := formdata.Query(r, authorization.MaxSealed)
	if err == nil {
		err = formdata.Single(query)
	}
	if err != nil {
		return err
	}
	var l authorization.Logout
	if query.Has(fieldLogout) {
		if l, err = i.openLogout(query.Get(fieldLogout)); err != nil {
			return err
		}
	}
	return i.logout(w, r, l)
}

func (i *Interaction) logout(w http.ResponseWriter, r *http.Request, l authorization.Logout) error {
	v, err := i.visit(r)
	if err != nil {
		return err
	}
	if !v.signedIn() || names(l, *v.session) {
		return i.signOut(w, r, v, l)
	}
	u, err := i.People.FindUser(r.Context(), v.session.User)
	if err != nil {
		return err
	}
	sealed, err := i.sealLogout(l)
	if err != nil {
		return err
	}
	page := ui.SignOut{
		Form:   ui.Form{Action: pathLogoutConfirm, Hidden: []ui.Hidden{{Name: fieldLogout, Value: sealed}}},
		Person: person(u),
	}
	if l.RedirectURI != "" {
		page.Frame = frameTo(l.RedirectURI)
	}
	if l.Client != "" {
		c, err := i.Clients.FindClient(r.Context(), l.Client)
		switch {
		case err == nil && c.Enabled():
			page.Client = ui.Client{Name: c.Name}
		case err != nil && !errors.Is(err, errdefs.ErrNotFound) && !errors.Is(err, errdefs.ErrInvalid):
			return err
		}
	}
	i.render(w, r, http.StatusOK, page)
	return nil
}

// names reports whether the hint of l is about this very session: then nobody else can have
// sent the request.
func names(l authorization.Logout, s session.Session) bool {
	if !l.Session.IsZero() {
		return l.Session == s.ID
	}
	return !l.User.IsZero() && l.User == s.User
}

// confirmLogout carries out what the person decided (POST /logout/confirm). The account page
// posts here too, without a request of a client.
func (i *Interaction) confirmLogout(w http.ResponseWriter, r *http.Request) error {
	form, err := i.postForm(w, r)
	if err != nil {
		return err
	}
	var l authorization.Logout
	if form.Has(fieldLogout) {
		if l, err = i.openLogout(form.Get(fieldLogout)); err != nil {
			return err
		}
	}
	switch form.Get(ui.FieldDecision) {
	case ui.DecisionStay:
		return redirect(w, pathAccount)
	case ui.DecisionSignOut:
	default:
		return badRequest("no decision was made")
	}
	v, err := i.visit(r)
	if err != nil {
		return err
	}
	return i.signOut(w, r, v, l)
}

// signOut ends the session of v, if there is one, and sends the browser on. What a client holds
// outlives a session that merely ran out: when the hint names such a session, it ends now. A
// hint is proof enough for that, for it is signed and was given to a client of the session.
func (i *Interaction) signOut(w http.ResponseWriter, r *http.Request, v visit, l authorization.Logout) error {
	if v.signedIn() {
		if err := i.endSession(r.Context(), *v.session, string(l.Client)); err != nil {
			return err
		}
	}
	if !l.Session.IsZero() && (!v.signedIn() || v.session.ID != l.Session) {
		ended, err := i.Endings.EndLapsed(r.Context(), l.Session, maxAccessToken)
		if err != nil {
			return err
		}
		if ended {
			i.writeOrLog(r.Context(), audit.Event{At: i.Now(), Action: audit.SignedOut, User: l.User, Session: l.Session, Client: string(l.Client)})
		}
	}
	i.cookies.clear(w, i.cookies.session)
	return i.leave(w, l)
}

// leave sends the browser back to the client, or to the page that says it is done.
func (i *Interaction) leave(w http.ResponseWriter, l authorization.Logout) error {
	if l.RedirectURI == "" {
		return redirect(w, pathLogoutDone)
	}
	target := l.RedirectURI
	if l.State != "" {
		separator := "?"
		if strings.Contains(target, "?") {
			separator = "&"
		}
		target += separator + url.Values{"state": {l.State}}.Encode()
	}
	return redirect(w, target)
}

// signedOut says that it is done (GET /logout/done).
func (i *Interaction) signedOut(w http.ResponseWriter, r *http.Request) error {
	i.render(w, r, http.StatusOK, ui.SignedOut{SignInURL: pathLogin})
	return nil
}

// logoutLife bounds the time in which a request to sign out can be confirmed.
const logoutLife = time.Hour

type sealedLogout struct {
	Client      client.ID  `json:"c,omitempty"`
	User        id.User    `json:"u,omitzero"`
	Session     id.Session `json:"s,omitzero"`
	RedirectURI string     `json:"r,omitempty"`
	State       string     `json:"st,omitempty"`
	At          time.Time  `json:"t"`
}

// sealLogout is authorization.Request.Seal for requests to sign out.
func (i *Interaction) sealLogout(l authorization.Logout) (string, error) {
	body, err := json.Marshal(sealedLogout{l.Client, l.User, l.Session, l.RedirectURI, l.State, i.Now()})
	if err != nil {
		return "", err
	}
	mac := i.LogoutMAC.Sum(body)
	b64 := base64.RawURLEncoding
	s := b64.EncodeToString(body) + "." + b64.EncodeToString(mac[:])
	if len(s) > authorization.MaxSealed {
		return "", badRequest("the request to sign out is too long")
	}
	return s, nil
}

func (i *Interaction) openLogout(sealed string) (authorization.Logout, error) {
	b64 := base64.RawURLEncoding.Strict()
	head, tail, _ := strings.Cut(sealed, ".")
	body, err := b64.DecodeString(head)
	if err != nil {
		return authorization.Logout{}, errExpired()
	}
	mac, err := b64.DecodeString(tail)
	if err != nil || !i.LogoutMAC.Check(body, mac) {
		return authorization.Logout{}, errExpired()
	}
	var s sealedLogout
	if err := json.Unmarshal(body, &s); err != nil || i.Now().Sub(s.At) > logoutLife {
		return authorization.Logout{}, errExpired()
	}
	return authorization.Logout{Client: s.Client, User: s.User, Session: s.Session, RedirectURI: s.RedirectURI, State: s.State}, nil
}
