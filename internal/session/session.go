// Package session owns a person's sign-in in one browser: how it is proven, how long it
// lasts and when the person has to sign in again.
//
// It knows neither HTTP nor SQL. "Session" in this project always means the browser session;
// what a client holds is a grant.
package session

import (
	"time"

	"github.com/signet-id/signet/internal/id"
)

// Session is one person signed in in one browser. The browser holds a random token; the
// database holds its digest.
type Session struct {
	ID              id.Session
	User            id.User
	CreatedAt       time.Time
	AuthenticatedAt time.Time // when the person last proved who they are: auth_time
	ExpiresAt       time.Time // at most AbsoluteExpiresAt
	AbsoluteExpiry  time.Time
	ACR             string
	AMR             []string // RFC 8176
	UserAgent       string
	Address         string
	// Through is how the person proved themselves last, when not by a password.
	Through Upstream
	// ProvenBy is when the password was set that this sign-in was proven with; it is not kept.
	// Zero for a session that rests on no password.
	ProvenBy time.Time
}

// Upstream is the sign-in at another provider that a session rests on.
type Upstream struct {
	Connector id.Connector // zero: none
	Identity  id.Identity
	SID       string // the provider's name of its own session; "" if it has none
	// Tenant is the one that people of the connector belong to. It is read with the session, never
	// stored: a connector that is gone or disabled stands for no tenant.
	Tenant id.Tenant
	// Confined says that the session opens nothing of the account but memberships of Tenant: whoever
	// runs the connector may have its provider say whose sign-in it likes. It is read with the session
	// too; a connector that is gone confines to nothing at all.
	Confined bool
}

// Authentication context classes and methods that this server reports.
const (
	// ACRPassword is reached by a password alone.
	ACRPassword = "urn:signet:acr:password"
	// ACRUpstream is reached by a sign-in at another provider, whatever that asked for.
	ACRUpstream = "urn:signet:acr:upstream"
	// AMRPassword is the RFC 8176 §2 method for a password.
	AMRPassword = "pwd"
	// AMRUpstream stands for a sign-in at another provider. RFC 8176 has no word for it, and what
	// the provider says of its methods is not repeated: others rely on what we say.
	AMRUpstream = "fed"
)

// ACRValues lists every acr the server can reach. A voluntary claim, none is better than another.
func ACRValues() []string { return []string{ACRPassword, ACRUpstream} }

// Lifetimes bounds sessions.
type Lifetimes struct {
	Idle     time.Duration // since the last use
	Absolute time.Duration // since sign-in
}

// New returns the session that begins when the person proves who they are at now, by a password.
func New(user id.User, now time.Time, l Lifetimes) Session {
	s := Session{ID: id.NewSession(now), User: user, CreatedAt: now}
	return s.Reauthenticated(now, l)
}

// Reauthenticated returns s after the same person proved themselves again at now, by a password:
// the lifetimes start anew; the session, and so what its clients hold, stays the same.
func (s Session) Reauthenticated(now time.Time, l Lifetimes) Session {
	s.ACR, s.AMR, s.Through = ACRPassword, []string{AMRPassword}, Upstream{}
	s.AuthenticatedAt = now
	s.AbsoluteExpiry = now.Add(l.Absolute)
	return s.Used(now, l)
}

// Via returns s when what has just proven the person was not a password but a sign-in at another
// provider, at a time that may be before the session's.
func (s Session) Via(u Upstream, at time.Time) Session {
	s.ACR, s.AMR, s.Through = ACRUpstream, []string{AMRUpstream}, u
	s.AuthenticatedAt, s.ProvenBy = at, time.Time{}
	return s
}

// Used returns s with its idle expiry counted from now.
func (s Session) Used(now time.Time, l Lifetimes) Session {
	s.ExpiresAt = now.Add(l.Idle)
	if s.ExpiresAt.After(s.AbsoluteExpiry) {
		s.ExpiresAt = s.AbsoluteExpiry
	}
	return s
}

// Valid reports whether the session can still be used at now.
func (s Session) Valid(now time.Time) bool { return now.Before(s.ExpiresAt) }

// Demand is what an authorization request asks of the session (OpenID Connect Core 1.0
// §3.1.2.1).
type Demand struct {
	MaxAge    time.Duration // negative: no demand; zero: authenticate now
	Login     bool          // prompt=login
	Since     time.Time     // when the request arrived
	ACRValues []string      // voluntary, in order of preference
}

// Satisfies reports whether the person need not authenticate again at now. A sign-in that
// came after the request always satisfies prompt=login and max_age=0.
func (s Session) Satisfies(d Demand, now time.Time) bool {
	if !s.Valid(now) {
		return false
	}
	fresh := !s.AuthenticatedAt.Before(d.Since)
	if d.Login && !fresh {
		return false
	}
	if d.MaxAge >= 0 && !fresh && now.Sub(s.AuthenticatedAt) > d.MaxAge {
		return false
	}
	if d.MaxAge == 0 && !fresh {
		return false
	}
	return true
}
