// Package issuer is the OAuth 2 and OpenID Connect protocol: every endpoint that a client or a
// resource server talks to.
//
// It parses and validates, decides by the rule packages, and writes the protocol's own answers
// and errors. It does not sign people in: once an authorization request is valid it hands it to
// Config.Interaction, which comes back through Complete or Fail.
//
// It is our own from the form to the signature; docs/decisions says why. One writer answers
// with errors (errors.go), one place makes tokens (token.go).
//
//	authorize.go   request → authorization.Request; its answer
//	token.go       token endpoint; grants in code.go, refresh.go, machine.go
//	claims.go      what tokens say; declared.go what they say besides
//	introspect.go, revoke.go, userinfo.go, logout.go, discovery.go
package issuer

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/revocation"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/keys"
)

// Signing knows what is signed with.
type Signing interface {
	Algorithms() []keys.Algorithm // those that Sign accepts now
	Default() keys.Algorithm      // of whatever nobody chose one for
}

// Keys signs and verifies; package keyring implements it.
type Keys interface {
	Sign(ctx context.Context, alg keys.Algorithm, typ string, payload []byte, expires time.Time) (string, error)
	Verify(token string, typ ...string) (payload []byte, err error)
	VerifyOld(token string, typ ...string) (payload []byte, err error)
	Document() (body []byte, etag string)
	CacheControl() string
	Signing
}

// Holders notes who holds which key set; package holder implements it.
type Holders interface {
	// Current takes the tag of the set that is published, Former any other that a client named.
	Current(ctx context.Context, agent, tag string)
	Former(ctx context.Context, agent, tag string)
}

// Clients finds registrations.
type Clients interface {
	FindClient(ctx context.Context, clientID client.ID) (client.Client, error)
	OriginRegistered(ctx context.Context, origin string) (bool, error)
}

// Codes stores and spends authorization codes.
type Codes interface {
	Authorize(ctx context.Context, code secret.Hash, a grant.Authorization, lifetime time.Duration) error
	Redeem(ctx context.Context, r grant.Redemption) (grant.Redeemed, error)
	FindCode(ctx context.Context, code secret.Hash, clientID client.ID) (grant.Code, error)
}

// Families rotates refresh tokens.
type Families interface {
	Rotate(ctx context.Context, r grant.Rotation) (grant.Rotated, error)
	// Switch opens a grant in another tenant and stores event with it.
	Switch(ctx context.Context, s grant.Switch, event audit.Event) (grant.Switched, error)
	FindFamily(ctx context.Context, g id.Grant) (grant.Family, error)
	RevokeGrant(ctx context.Context, g id.Grant, keep time.Duration) error
	// RevokeLine ends the grant and those that were switched to from it.
	RevokeLine(ctx context.Context, g id.Grant, keep time.Duration) error
}

// Cutoffs makes tokens void before they expire.
type Cutoffs interface {
	Cut(ctx context.Context, c revocation.Cutoff) error
}

// Recalled knows which tokens were made void; revocation.Register implements it.
type Recalled interface {
	Void(ctx context.Context, grantID, sessionID, tokenID string) (bool, error)
}

// Subjects reads what tokens say about a person.
type Subjects interface {
	FindSubject(ctx context.Context, tenant id.Tenant, user id.User) (directory.Subject, error)
}

// Interaction talks with the person; package interaction implements it.
type Interaction interface {
	// Authorize takes over a validated request and ends by calling Complete or Fail.
	Authorize(w http.ResponseWriter, r *http.Request, req authorization.Request)
	// Logout takes over a validated request to sign out.
	Logout(w http.ResponseWriter, r *http.Request, l authorization.Logout)
	// Refuse shows a page for a request that has nowhere to be sent back to.
	Refuse(w http.ResponseWriter, r *http.Request, status int, f authorization.Failure)
	// FormPost shows the page that posts params to a validated action (response_mode=form_post).
	FormPost(w http.ResponseWriter, r *http.Request, action string, params url.Values)
}

// Recorder takes audit events without waiting for them to be stored.
type Recorder interface {
	Record(ctx context.Context, e audit.Event)
}

// Observer counts; package telemetry implements it.
type Observer interface {
	TokenIssued(grantType, kind string) // kind: access, id or refresh
	Refresh(result string)              // rotated, switched, retried, reused or rejected
	Authorization(result string)        // granted, refused, or the error code
	PermissionsOmitted()
	ClaimsOmitted(reason string) // budget or failed
}

// Lifetimes of what is issued.
type Lifetimes struct {
	Code            time.Duration // at most grant.MaxCodeLifetime
	AccessToken     time.Duration
	IDToken         time.Duration
	RefreshIdle     time.Duration // since the last rotation
	RefreshAbsolute time.Duration // since the sign-in
	RefreshRetry    time.Duration // how long a spent refresh token is still answered
}

// Config is everything the issuer needs; all of it is required. Interaction may be set after New
// and before the first request, because it needs the issuer itself.
type Config struct {
	URL         string // the issuer identifier, without a trailing slash
	Keys        Keys
	Holders     Holders
	RefreshMAC  grant.Authenticator
	Clients     Clients
	Codes       Codes
	Families    Families
	Cutoffs     Cutoffs
	Recalled    Recalled
	Subjects    Subjects
	Interaction Interaction
	Audit       Recorder
	Observer    Observer
	Lifetimes   Lifetimes
	// Caller names who made the request of a context.
	Caller      func(ctx context.Context) (address, requestID string)
	TokenBudget int // bytes of an access token before permissions are left out
	Now         func() time.Time
	Log         *slog.Logger
}

// DefaultTokenBudget keeps tokens well below the header limits of common proxies.
const DefaultTokenBudget = 4096

// maxAccessToken is the longest access-token lifetime that a client may be registered with;
// cutoffs of whole grants are kept that long.
const maxAccessToken = client.MaxAccessTokenLifetime

// Issuer serves the protocol endpoints.
type Issuer struct {
	Config
	metadata metadataCache
	seen     seenCache
	rights   *directory.Rights
	keySet   atomic.Pointer[keySet]
}

// New returns the issuer of c.
func New(c Config) *Issuer {
	return &Issuer{Config: c, seen: newSeenCache(), rights: directory.NewRights()}
}

// record adds what every event carries and hands e to the audit log.
func (i *Issuer) record(ctx context.Context, e audit.Event) {
	e.At = i.Now()
	i.Audit.Record(ctx, e)
}
