// Package grant owns what a person allowed a client: the authorization code that carries the
// decision, the refresh family that keeps it alive, and the consent that remembers it.
//
// It knows neither HTTP nor SQL. A grant is pinned to one tenant for its whole life. The text
// form of refresh tokens is in refresh.go; the statements that spend codes and rotate
// families are in package postgres, because being one statement is what makes them safe.
package grant

import (
	"slices"
	"time"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// MaxCodeLifetime bounds how long an authorization code can be redeemed (RFC 6749 §4.1.2
// recommends at most ten minutes; we follow RFC 9700's spirit with one).
const MaxCodeLifetime = 60 * time.Second

// Grant is what one authorization gave one client.
type Grant struct {
	ID              id.Grant
	Tenant          id.Tenant
	User            id.User
	Client          client.ID
	Session         id.Session // the session that was signed in
	Offline         bool       // offline_access: outlives the session
	Scopes          []string
	Audiences       []string // resource servers only, without the issuer itself
	ACR             string
	AMR             []string
	AuthenticatedAt time.Time
}

// Authorization is a grant on its way to the client inside a code.
type Authorization struct {
	Grant
	RedirectURI   string // as the request gave it; "" when it gave none
	CodeChallenge string // S256, unpadded base64url; "" when the client may go without
	Nonce         string
}

// Redemption asks to spend a code. All of it must match in the one statement that spends it.
type Redemption struct {
	Code          secret.Hash
	Client        client.ID
	RedirectURI   string
	CodeChallenge string   // computed from the verifier; "" when there was none
	Audiences     []string // asked for; all of them must have been granted
	OpenFamily    bool     // whether the client gets a refresh token
	Idle          time.Duration
	Absolute      time.Duration
	Known         directory.AccessVersion // what the subject holds as of then is left out of the answer
}

// Code is a code as it stands, for telling why it was not spent.
type Code struct {
	Grant     id.Grant
	Audiences []string
	Spent     bool
}

// Redeemed is what a spent code yields.
type Redeemed struct {
	Authorization
	Subject directory.Subject // read in the same statement
}

// Rotation asks to spend a refresh token.
type Rotation struct {
	Token  RefreshToken
	Client client.ID
	Since  time.Time     // the client honours no older family
	Retry  time.Duration // how long the direct predecessor is still answered
	Idle   time.Duration
	Known  directory.AccessVersion // what the subject holds as of then is left out of the answer
}

// Rotated is what a spent refresh token yields.
type Rotated struct {
	Grant
	Generation uint32 // of the successor
	Retried    bool   // the successor had been handed out before; not said when both fell into one microsecond
	Subject    directory.Subject
}

// Narrow returns the scopes that a refresh asks for, or all that were granted when it asks
// for none. ok is false when it asks for one that was not granted (RFC 6749 §6).
func (g Grant) Narrow(requested []string) (scopes []string, ok bool) {
	return narrow(g.Scopes, requested)
}

// NarrowAudiences is Narrow for resource indicators (RFC 8707 §2.2).
func (g Grant) NarrowAudiences(requested []string) (audiences []string, ok bool) {
	return narrow(g.Audiences, requested)
}

func narrow(granted, requested []string) ([]string, bool) {
	if len(requested) == 0 {
		return granted, true
	}
	for _, r := range requested {
		if !slices.Contains(granted, r) {
			return nil, false
		}
	}
	return requested, true
}

// Family is a refresh family as it stands.
type Family struct {
	Grant
	Generation uint32
	CreatedAt  time.Time
	ExpiresAt  time.Time
	RotatedAt  time.Time // when it was last refreshed
	RevokedAt  time.Time // zero while it lives
	Recalled   bool      // its client was disabled or deleted since: with those that administrators see
}

// Live reports whether the family can still be rotated at now.
func (f Family) Live(now time.Time) bool {
	return f.RevokedAt.IsZero() && now.Before(f.ExpiresAt) && !f.Recalled
}

// Filter narrows a list of grants. The zero value narrows nothing.
type Filter struct {
	Tenant id.Tenant
	User   id.User
	Client client.ID
}
