// Package interaction is the hosted steps: everything that a person sees of Signet in a
// browser. It signs people in, lets them choose account and tenant, asks for consent, signs
// them out and shows them their account.
//
// It owns the handlers, the cookies and the order in which a sign-in is checked. It does not
// own the pages (package ui), the decision which step is due (authorization.Request.Next), the
// rules about passwords and throttling, or the protocol's answers: those are given through
// Issuer.
//
// The pending request travels sealed through the browser. Every handler opens it, asks Next
// afresh and acts only on the step that is really due; what the browser says merely fills that
// step in. A POST never ends in a page save to show a mistake, or to ask for the password of an
// address that no URL shall hold: it redirects to GET /login, where the next step is worked out anew.
//
//	flow.go      from a validated request to its answer, step by step
//	signin.go    e-mail and password; realm.go who is sent elsewhere instead
//	session.go   the session and its cookie; device.go the known-device cookie
//	logout.go, account.go, profile.go, password.go
//	identities.go  how somebody can sign in, as they see and change it
//	invitation.go, forgot.go, verification.go: what mailed links lead to; letter.go
//	upstream.go  what is needed to sign in through other providers; depart.go the way there,
//	callback.go the way back, link.go two accounts that are one person's, failed.go why it did not
//	work, backchannel.go the end of a session there
//	errands.go   what an answer does not wait for
//	denial.go    what is on record already
//	errors.go    the one writer of errors
package interaction

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/invitation"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/maillink"
	"github.com/signet-id/signet/internal/password"
	"github.com/signet-id/signet/internal/ratelimit"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/session"
	"github.com/signet-id/signet/internal/ui"
)

// Issuer answers the client.
type Issuer interface {
	// Complete answers with a code. When it returns an error nothing has been answered.
	Complete(w http.ResponseWriter, r *http.Request, req authorization.Request, s session.Session, tenant directory.Tenant) error
	// Fail answers with an error.
	Fail(w http.ResponseWriter, r *http.Request, req authorization.Request, f authorization.Failure)
}

// Clients finds registrations.
type Clients interface {
	FindClient(ctx context.Context, clientID client.ID) (client.Client, error)
}

// Sessions stores browser sessions.
type Sessions interface {
	// Begin is errdefs.ErrConflict when the password of s.ProvenBy has been changed since.
	Begin(ctx context.Context, token secret.Hash, s session.Session) error
	Find(ctx context.Context, token secret.Hash) (session.Session, error)
	Touch(ctx context.Context, s session.Session) error
	Rotate(ctx context.Context, old, token secret.Hash, s session.Session) error
}

// Endings ends sessions with all that hangs on them.
type Endings interface {
	End(ctx context.Context, s id.Session, keep time.Duration) error
	// EndLapsed ends what hangs on a session that is itself over already.
	EndLapsed(ctx context.Context, s id.Session, keep time.Duration) (ended bool, err error)
	// ChangePassword replaces the password and ends all that was had by the old one, save in the
	// session except. letter tells the person.
	ChangePassword(ctx context.Context, user id.User, encoded string, except id.Session, keep time.Duration, letter mail.Sealed) error
}

// People finds people and where they belong.
type People interface {
	FindUserByEmail(ctx context.Context, normalized string) (directory.User, error)
	FindUser(ctx context.Context, user id.User) (directory.User, error)
	ListMemberships(ctx context.Context, user id.User, among directory.Among) ([]directory.Membership, error)
	// FindTenant finds by slug or identifier.
	FindTenant(ctx context.Context, reference string) (directory.Tenant, error)
}

// Profiles stores what people say of themselves.
type Profiles interface {
	// UpdateProfile stores p and e, or nothing when p says what was said before. Faults of fields are
	// errdefs.FieldErrors; the error is errdefs.ErrNotFound for an account that is gone or disabled.
	UpdateProfile(ctx context.Context, user id.User, p directory.Profile, e audit.Event) error
}

// Passwords stores password hashes.
type Passwords interface {
	FindPassword(ctx context.Context, user id.User) (directory.Credential, error)
	UpgradePassword(ctx context.Context, user id.User, old, encoded string) error
}

// Consents remembers what people allowed.
type Consents interface {
	FindConsent(ctx context.Context, tenant id.Tenant, user id.User, clientID client.ID) ([]string, error)
	SaveConsent(ctx context.Context, tenant id.Tenant, user id.User, clientID client.ID, scopes []string) error
}

// Invitations finds and accepts invitations by the digest of the secret in their link.
type Invitations interface {
	Offer(ctx context.Context, token secret.Hash) (invitation.Offer, error)
	// Accept is errdefs.ErrNotFound when there is nothing to accept for the person, and
	// errdefs.ErrConflict when somebody has the address of a new account already.
	Accept(ctx context.Context, token secret.Hash, a invitation.Acceptance) error
}

// Links stores the links that are mailed to people, under the digest of their secret.
type Links interface {
	Issue(ctx context.Context, l maillink.Link, token secret.Hash, letter mail.Sealed, e audit.Event) error
	// Find is errdefs.ErrNotFound for a link that cannot be used at now. So are the two that use one.
	Find(ctx context.Context, p maillink.Purpose, token secret.Hash, now time.Time) (maillink.Link, directory.User, error)
	Verify(ctx context.Context, token secret.Hash, now time.Time, e audit.Event) (id.User, error)
	ResetPassword(ctx context.Context, token secret.Hash, encoded string, now time.Time, keep time.Duration, letter mail.Sealed, e audit.Event) error
}

// Recorder takes audit events.
type Recorder interface {
	// Record returns at once; what cannot be stored goes to the log.
	Record(ctx context.Context, e audit.Event)
	// Write returns when the event is stored.
	Write(ctx context.Context, e audit.Event) error
}

// Observer counts.
type Observer interface {
	SignIn(result string) // success, failure, refused, throttled or busy
	// UpstreamSignIn counts the end of a sign-in through a connector: success, or a
	// connector.Reason.
	UpstreamSignIn(connector, result string)
}

// Config is everything the interaction needs; all of it is required unless it says otherwise.
type Config struct {
	URL         string // the issuer identifier, without a trailing slash
	Issuer      Issuer
	Pages       *ui.Renderer
	Clients     Clients
	Sessions    Sessions
	Endings     Endings
	People      People
	Profiles    Profiles
	Passwords   Passwords
	Consents    Consents
	Invitations Invitations
	Links       Links
	// Connectors, Upstreams, Attempts and Identities are signing in through providers of others.
	Connectors Connectors
	Upstreams  Upstreams
	Attempts   Attempts
	Identities Identities
	// UpstreamEndings is for providers that say when their sessions end.
	UpstreamEndings UpstreamEndings
	// Letters seals what people are told by e-mail. Without a mail server they are told nothing,
	// and pages that need it say so.
	Letters *mail.Writer
	// Requests holds off those who have messages sent; its counters are not those of Limiter.
	Requests  *ratelimit.Limiter
	LinkLives LinkLives
	Limiter   *ratelimit.Limiter
	Hasher    *password.Hasher
	Rules     *password.Rules
	// FailureTime is how long a failed sign-in takes at least; 0 for as long as it takes.
	FailureTime time.Duration
	// MinPassword is the length that the change-password page announces; 0 leaves it out.
	MinPassword int
	Audit       Recorder
	Observer    Observer
	// The codes that seal what travels through browsers, each of a purpose of its own.
	FlowMAC, LogoutMAC, DeviceMAC authorization.Authenticator
	Lifetimes                     session.Lifetimes
	// Caller names who made the request of a context.
	Caller func(ctx context.Context) (address, requestID string)
	Now    func() time.Time
	Log    *slog.Logger
}

// LinkLives is how long mailed links can be used.
type LinkLives struct{ Verify, Reset time.Duration }

// maxAccessToken is the longest life of an access token that hangs on a session: the cutoff of
// an ended session is kept that long.
const maxAccessToken = 24 * time.Hour

// Interaction serves the hosted steps. It is safe for concurrent use.
type Interaction struct {
	Config
	cookies cookies
	guard   *http.CrossOriginProtection
	errands errands
	denials *seldom[denial]
	outages *seldom[outage]
}

// New returns the interaction of c. The error names what is wrong with the URL.
func New(c Config) (*Interaction, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("interaction: the issuer URL is not an absolute http or https URL")
	}
	i := &Interaction{Config: c, cookies: cookiesFor(u), guard: http.NewCrossOriginProtection(), errands: newErrands(), denials: newSeldom[denial](), outages: newSeldom[outage]()}
	// Behind a proxy that rewrites Host the issuer's own origin would look foreign.
	if err := i.guard.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
		return nil, errors.New("interaction: the issuer URL has no usable origin")
	}
	i.guard.SetDenyHandler(i.handle(func(http.ResponseWriter, *http.Request) error {
		return &pageError{status: http.StatusForbidden, reason: ui.ReasonCrossSite, code: "access_denied", description: "the form was posted from another site"}
	}))
	return i, nil
}

// The paths of the hosted pages.
const (
	pathHome          = "/"
	pathLogin         = "/login"
	pathLoginAddress  = "/login/address"
	pathLoginAccount  = "/login/account"
	pathLoginTenant   = "/login/tenant"
	pathNotMember     = "/login/membership"
	pathConsent       = "/consent"
	pathLink          = "/login/link" // below /upstream it could be the path of a connector
	pathUpstream      = "/upstream/{connector}"
	pathAccount       = "/account"
	pathPassword      = "/account/password"
	pathProfile       = "/account/profile"
	pathUnlink        = "/account/identities/remove"
	pathConnect       = "/account/identities/connect"
	pathVerification  = "/account/verification"
	pathForgot        = "/password/forgot"
	pathReset         = "/password/reset"
	pathVerify        = "/email/verify"
	pathInvitation    = "/invitation"
	pathLogoutConfirm = "/logout/confirm"
	pathLogoutDone    = "/logout/done"
	pathAuthorize     = "/authorize"
	pathDiscovery     = "/.well-known/openid-configuration"
)

// Route is one endpoint. GET serves HEAD too.
type Route struct {
	Method, Pattern string
	Handler         http.Handler
}

// Routes lists every endpoint of the package. Those that change anything refuse requests from
// other sites; /authorize and /logout, which other sites must be able to post to, are the
// issuer's.
func (i *Interaction) Routes() []Route {
	get := func(pattern string, h handler) Route { return Route{http.MethodGet, pattern, i.handle(h)} }
	post := func(pattern string, h handler) Route {
		return Route{http.MethodPost, pattern, i.guard.Handler(i.handle(h))}
	}
	return []Route{
		get("/{$}", i.home),
		get(pathLogin, i.login),
		post(pathLogin, i.signIn),
		post(pathLoginAddress, i.identify),
		post(pathLoginAccount, i.chooseAccount),
		post(pathLoginTenant, i.chooseTenant),
		post(pathNotMember, i.leaveOrSwitch),
		post(pathConsent, i.consent),
		post(pathUpstream, i.startUpstream),
		get(pathUpstream+"/callback", i.callback),
		{http.MethodPost, pathUpstream + "/logout", http.HandlerFunc(i.backChannelLogout)}, // by the provider itself
		post(pathConnect, i.connect),
		get(pathLink, i.linkForm),
		post(pathLink, i.confirmLink),
		get(pathLogoutConfirm, i.resumeLogout),
		post(pathLogoutConfirm, i.confirmLogout),
		get(pathLogoutDone, i.signedOut),
		get(pathAccount, i.account),
		get(pathProfile, i.profileForm),
		post(pathProfile, i.changeProfile),
		get(pathUnlink, i.unlinkForm),
		post(pathUnlink, i.unlink),
		get(pathPassword, i.passwordForm),
		post(pathPassword, i.changePassword),
		post(pathVerification, i.sendVerification),
		get(pathForgot, i.forgotForm),
		post(pathForgot, i.forgot),
		get(pathReset, i.resetForm),
		post(pathReset, i.reset),
		get(pathVerify, i.verifyForm),
		post(pathVerify, i.verifyEmail),
		get(pathInvitation, i.invitation),
		post(pathInvitation, i.acceptInvitation),
		get("/.well-known/change-password", redirectTo(pathPassword)), // W3C well-known URL
		{http.MethodGet, ui.StaticPrefix, i.Pages.Static()},
	}
}

// redirect answers with 303, so that nothing that was posted is sent on (RFC 9700 §4.12).
func redirect(w http.ResponseWriter, target string) error {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

func redirectTo(target string) handler {
	return func(w http.ResponseWriter, _ *http.Request) error { return redirect(w, target) }
}

// person is how a page names somebody.
func person(u directory.User) ui.Person { return ui.Person{Name: u.Name, Email: u.Email} }
