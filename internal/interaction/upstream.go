package interaction

import (
	"context"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/secret"
)

// Connectors finds connectors and realms; connector.Cache implements it.
type Connectors interface {
	// FindConnector finds by reference, enabled or not.
	FindConnector(ctx context.Context, reference string) (connector.Connector, error)
	// ListConnectors returns the enabled connectors whose people belong to the tenant; for the zero
	// tenant the enabled ones of the installation.
	ListConnectors(ctx context.Context, tenant id.Tenant) ([]connector.Connector, error)
	// FindRealm is errdefs.ErrNotFound for a domain that nobody has proven.
	FindRealm(ctx context.Context, domain string) (connector.Realm, error)
	// HasRealms reports whether there is any.
	HasRealms(ctx context.Context) (bool, error)
}

// Upstreams speaks with providers; package upstream implements it. Its errors are
// *connector.Failure.
type Upstreams interface {
	AuthorizationURL(ctx context.Context, c connector.Connector, s connector.Start) (string, error)
	// CheckIssuer says whether the parameter iss of an answer, "" for none, is the provider's (RFC
	// 9207 §2.4).
	CheckIssuer(ctx context.Context, c connector.Connector, issuer string) error
	Exchange(ctx context.Context, c connector.Connector, r connector.Return) (connector.Proof, error)
	VerifyLogout(ctx context.Context, c connector.Connector, token string) (connector.Logout, error)
}

// Attempts stores what is under way.
type Attempts interface {
	Begin(ctx context.Context, a connector.Attempt) error
	// Take spends an attempt. It is errdefs.ErrNotFound for one that there is not, of another
	// connector or browser, or expired; with errdefs.ErrConflict, one that was spent before is
	// returned, for its Flow and After.
	Take(ctx context.Context, c id.Connector, state, browser secret.Hash, now time.Time) (connector.Attempt, error)
	// NoteStray reports whether the state, for which Take found nothing, is that of an attempt all
	// the same and came back so for the first time.
	NoteStray(ctx context.Context, c id.Connector, state secret.Hash, now time.Time) (first bool, err error)
	KeepLink(ctx context.Context, l connector.PendingLink) error
	// FindLink is errdefs.ErrNotFound for one that cannot be used at now.
	FindLink(ctx context.Context, token, browser secret.Hash, now time.Time) (connector.PendingLink, error)
}

// Identities stores who is who.
type Identities interface {
	// Arrive does what Decide says of an arrival, in one transaction: account, membership,
	// identity, names and roles.
	Arrive(ctx context.Context, a connector.Arrival) (connector.Outcome, error)
	// Link links an identity to the account of somebody who has proven both, and makes them a member
	// as Arrive does. pending, unless it is zero, is spent with it. The error is errdefs.ErrConflict
	// when the identity belongs to somebody else, and errdefs.ErrNotFound when pending is spent.
	Link(ctx context.Context, a connector.Arrival, user id.User, pending secret.Hash, letter mail.Sealed) (id.Identity, error)
	Ways(ctx context.Context, user id.User) (connector.Ways, error)
	// Unlink removes an identity with the roles that it gave, and ends the sessions that rest on it,
	// save except. It is errdefs.ErrConflict for the last way to sign in.
	Unlink(ctx context.Context, user id.User, i id.Identity, except id.Session, keep time.Duration, letter mail.Sealed, e audit.Event) error
}

// UpstreamEndings ends the sessions that a logout token is about, and counts them; a token that was
// heeded before is errdefs.ErrConflict.
type UpstreamEndings interface {
	EndUpstream(ctx context.Context, c id.Connector, l connector.Logout, keep time.Duration, e audit.Event) (ended int, err error)
}
