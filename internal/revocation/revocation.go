// Package revocation owns cutoffs: facts that make tokens void which would otherwise still
// verify by their signature and lifetime.
//
// A cutoff names a subject that never comes back (a grant, a session, a single token), so a
// token that carries the subject is void whenever it was issued. An entry lives only as long
// as the longest token it can concern. It knows neither HTTP nor SQL.
package revocation

import "time"

// Kind says what a cutoff's subject is.
type Kind string

// The kinds, each with the access-token claim it is compared with.
const (
	Grant   Kind = "grant"   // grant_id
	Session Kind = "session" // sid
	Token   Kind = "token"   // jti
)

// Cutoff makes every token of one subject void.
type Cutoff struct {
	Kind      Kind
	Subject   string // in its text form, as the claim carries it
	ExpiresAt time.Time
}
