package interaction

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/formdata"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/session"
	"github.com/signet-id/signet/internal/ui"
)

// callback takes whoever comes back from a provider (GET /upstream/{connector}/callback). What the
// browser brings is looked at only once its state is spent, and before that nothing is asked of
// anybody.
func (i *Interaction) callback(w http.ResponseWriter, r *http.Request) error {
	query, err := formdata.Query(r, maxQueryValue)
	if err == nil {
		err = formdata.Single(query)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), upstreamTimeout)
	defer cancel()
	c, err := i.findConnector(ctx, r.PathValue("connector"))
	if err != nil {
		return err
	}
	a, err := i.take(ctx, r, c, query.Get("state"))
	y := wayOf(a)
	switch {
	case errors.Is(err, errdefs.ErrConflict): // reloaded, or gone back to
		return i.comeAgain(w, c, y)
	case err != nil:
		return i.upstreamFailed(w, r, c, y, err, i.strayed(ctx, c, query.Get("state"), err))
	case !c.Enabled():
		return i.upstreamFailed(w, r, c, y, switchedOff(), true)
	}
	proof, err := i.proofOf(ctx, c, a, query)
	switch {
	case err != nil && errors.Is(r.Context().Err(), context.Canceled): // the browser has gone
		return err
	case err != nil && connector.ReasonOf(err) == connector.Cancelled:
		return i.cancelled(w, r, c, y, err)
	case err != nil:
		return i.upstreamFailed(w, r, c, y, err, true)
	}
	// The code is spent: from here on nothing stops when the browser goes away.
	kept, release := context.WithTimeout(context.WithoutCancel(r.Context()), arrivalTimeout)
	defer release()
	if err := i.arrive(w, r.WithContext(kept), c, a, proof); err != nil {
		return i.upstreamFailed(w, r, c, y, err, true)
	}
	return nil
}

// take spends the attempt that the browser brings the state of. What cannot be one of ours never
// reaches the database.
func (i *Interaction) take(ctx context.Context, r *http.Request, c connector.Connector, state string) (connector.Attempt, error) {
	browser := i.cookies.upstreamToken(r)
	if !isToken(state) || browser.Empty() {
		return connector.Attempt{}, connector.Fail(connector.Expired, nil, "the browser brought no state, or not its cookie")
	}
	a, err := i.Attempts.Take(ctx, c.ID, secret.New(state).Hash(), browser.Hash(), i.Now())
	if errors.Is(err, errdefs.ErrNotFound) {
		err = connector.Fail(connector.Expired, nil, "the state is too old, of another browser or of nobody")
	}
	return a, err
}

// strayed reports whether what take refused is to go on record: a state of ours that another browser
// brings, or comes too late. Each does once, since whoever has one can bring it without end.
func (i *Interaction) strayed(ctx context.Context, c connector.Connector, state string, err error) bool {
	if connector.ReasonOf(err) != connector.Expired || !isToken(state) {
		return false
	}
	first, err := i.Attempts.NoteStray(ctx, c.ID, secret.New(state).Hash(), i.Now())
	if err != nil {
		i.Log.ErrorContext(ctx, "a state that came back elsewhere could not be noted", "error", err)
	}
	return first
}

// proofOf has the provider prove who came back.
func (i *Interaction) proofOf(ctx context.Context, c connector.Connector, a connector.Attempt, query url.Values) (connector.Proof, error) {
	// Who answered comes first: not even an error is believed from somebody else (RFC 9207 §2.4).
	if err := i.Upstreams.CheckIssuer(ctx, c, query.Get("iss")); err != nil {
		return connector.Proof{}, err
	}
	if query.Has("error") {
		return connector.Proof{}, refusal(query)
	}
	if query.Get("code") == "" {
		return connector.Proof{}, connector.Fail(connector.BadAnswer, nil, "the provider sent the browser back with neither a code nor an error")
	}
	return i.Upstreams.Exchange(ctx, c, connector.Return{
		Code: query.Get("code"), Issuer: query.Get("iss"), RedirectURI: i.URL + c.CallbackPath(), Nonce: a.Secrets.Nonce,
		Verifier: a.Secrets.Verifier, Fresh: a.Secrets.Fresh, MaxAge: a.Secrets.MaxAge, StartedAt: a.CreatedAt,
	})
}

// maxTold is how much of a provider's own words goes on record, in bytes.
const maxTold = 300

// refusal is an error answer of an authorization endpoint (RFC 6749 §4.1.2.1).
func refusal(query url.Values) error {
	code := query.Get("error")
	reason := connector.Refused
	switch code {
	case "access_denied":
		reason = connector.Cancelled
	case "temporarily_unavailable", "server_error":
		reason = connector.Unavailable
	}
	return connector.Fail(reason, nil, "the authorization endpoint answered %q: %q", clip(code, maxTold), clip(query.Get("error_description"), maxTold))
}

// cancelled leads back to the sign-in page somebody who changed their mind at the provider.
func (i *Interaction) cancelled(w http.ResponseWriter, r *http.Request, c connector.Connector, y way, err error) error {
	i.recordFailure(r, c, y, err, true)
	if !y.user.IsZero() {
		return redirect(w, pathAccount)
	}
	return redirect(w, y.signInURL(url.Values{fieldVia: {c.Reference}, fieldCancelled: {"1"}}))
}

// comeAgain leads on whoever brings a state that is spent already, by the back button or by
// reloading: to whatever is due by now.
func (i *Interaction) comeAgain(w http.ResponseWriter, c connector.Connector, y way) error {
	if !y.user.IsZero() {
		return redirect(w, pathAccount)
	}
	return redirect(w, y.otherWays(c))
}

// arrive does what is due of somebody whom the provider has proven. An error has not been answered.
func (i *Interaction) arrive(w http.ResponseWriter, r *http.Request, c connector.Connector, a connector.Attempt, p connector.Proof) error {
	v, err := i.visit(r)
	if err != nil {
		return err
	}
	y := wayOf(a)
	arrival := i.arrival(r, c, p, i.clientOf(y))
	if !a.User.IsZero() {
		return i.linkOwn(w, r, v, a, arrival)
	}
	out, err := i.Identities.Arrive(r.Context(), arrival)
	if errors.Is(err, errdefs.ErrNotFound) { // meanwhile
		return switchedOff()
	}
	if err != nil {
		return err
	}
	switch out.Verdict {
	case connector.Enter, connector.Create, connector.Adopt:
	case connector.Prove:
		return i.askToLink(w, r, c, a, p, out.User.ID)
	default:
		return turnedAway(out.Verdict, c, p.Profile)
	}
	_, err = i.beginSession(w, r, v, proof{
		user: out.User.ID, at: authenticatedAt(a, p.Profile, arrival.Now), connector: c.Reference,
		through: session.Upstream{Connector: c.ID, Identity: out.Identity, SID: p.Profile.SessionID},
	}, arrival.Event.Client)
	if err != nil {
		return err
	}
	i.cameThrough(r.Context(), r, c)
	return y.goOn(w, c, url.Values{fieldCookie: {"1"}})
}

// arrival is what the store needs to know of somebody who comes back.
func (i *Interaction) arrival(r *http.Request, c connector.Connector, p connector.Proof, clientID string) connector.Arrival {
	now := i.Now()
	e := audit.Event{At: now, Client: clientID}
	e.Address, e.RequestID = i.Caller(r.Context())
	return connector.Arrival{Connector: c, Proof: p, NewUser: id.NewUser(now), Identity: id.NewIdentity(now), Now: now, Event: e}
}

// clientOf is the client that somebody is on the way to; "" for none.
func (i *Interaction) clientOf(y way) string {
	req, err := authorization.Open(y.flow, i.FlowMAC, i.Now())
	if err != nil {
		return ""
	}
	return string(req.Client)
}

// grace is for somebody who has signed in nearly too long ago for a request, to get to the end of it, and
// for clocks that differ.
const grace = time.Minute

// authenticatedAt is when the person proved who they are: now, when they were to do it anew and the
// provider was held to it; else when the provider says, as far as that can be. A max_age that the provider
// was held to says how long ago that is at most, and makes it no later.
func authenticatedAt(a connector.Attempt, p connector.Profile, now time.Time) time.Time {
	if a.Secrets.Fresh || p.AuthTime.IsZero() || p.AuthTime.After(now) {
		return now
	}
	if maxAge := a.Secrets.MaxAge; maxAge >= 0 {
		oldest := now.Add(-max(0, time.Duration(maxAge)*time.Second-grace))
		if p.AuthTime.Before(oldest) {
			return oldest
		}
	}
	return p.AuthTime
}

// turnedAway is the failure of a verdict that lets nobody in.
func turnedAway(v connector.Verdict, c connector.Connector, p connector.Profile) error {
	reason, text := connector.Internal, "verdict without a meaning"
	switch v {
	case connector.Unknown:
		reason, text = connector.NotLinked, "nobody here is linked to the identity, and the connector takes in nobody new"
	case connector.Unvouched:
		if p.Email == "" {
			reason, text = connector.NoAddress, "somebody new, of whom the provider says no address that they have verified"
			break
		}
		reason, text = connector.NotVouched, "somebody new, without an address that the connector may vouch for: it has to be verified, and of a tenant's connector in one of its verified domains"
	case connector.Disabled:
		reason, text = connector.AccountOff, "the account is disabled"
	}
	return &failed{Failure: connector.Failure{Reason: reason, Text: text}, email: p.Email}
}

// linkOwn links an identity to the account of somebody who left to do that, as long as they are
// signed in to it here.
func (i *Interaction) linkOwn(w http.ResponseWriter, r *http.Request, v visit, a connector.Attempt, arrival connector.Arrival) error {
	if !v.signedIn() || v.session.User != a.User || v.confined() {
		return errSignedOut()
	}
	arrival.Event.Session = v.session.ID
	u, err := i.People.FindUser(r.Context(), a.User)
	if err != nil {
		return err
	}
	letter := i.identityNotice(r.Context(), mail.IdentityLinked, u, arrival.Connector.Name)
	_, err = i.Identities.Link(r.Context(), arrival, u.ID, secret.Hash{}, letter)
	if errors.Is(err, errdefs.ErrConflict) {
		return linkedElse(arrival.Proof.Profile)
	}
	if err != nil {
		return err
	}
	i.cameThrough(r.Context(), r, arrival.Connector)
	return redirect(w, afterLinking(next{}))
}

// errSignedOut says that the account to link to is no longer signed in in this browser.
func errSignedOut() error {
	return &failed{
		Failure: connector.Failure{Reason: connector.Expired, Text: "the account to link to is no longer signed in in this browser"},
		page:    ui.UpstreamSignedOut,
	}
}
