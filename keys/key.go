package keys

import (
	"crypto"
	"time"
)

// State is the place of a key in its life.
type State string

// The states in the order in which a key passes through them.
const (
	// Pending keys exist but nobody outside has seen them.
	Pending State = "pending"
	// Next keys are published and do not sign yet.
	Next State = "next"
	// Active keys are published and sign.
	Active State = "active"
	// Retiring keys are published, for the tokens they signed, and sign no more.
	Retiring State = "retiring"
	// Removed keys are no longer published; what they signed is no longer accepted.
	Removed State = "removed"
)

// Key is the public half of a signing key and the record of its life.
//
// A timestamp says when the key enters that state; it may lie in the future, which is how a
// step is announced to every replica beforehand. The zero time means "not decided".
type Key struct {
	// ID is the kid: the RFC 7638 thumbprint of Public, never reused.
	ID        string
	Algorithm Algorithm // the only one that the key is used with (RFC 8725 §3.1)
	// Public is an *ecdsa.PublicKey, *rsa.PublicKey or ed25519.PublicKey.
	Public crypto.PublicKey

	CreatedAt   time.Time // Pending
	PublishedAt time.Time // Next
	ActivatedAt time.Time // Active
	RetiredAt   time.Time // Retiring
	RemovedAt   time.Time // Removed

	// CompromisedAt says when the key was found to be stolen: nothing that it signed counts from
	// then on, whatever its state.
	CompromisedAt time.Time
	// ErasedAt says when the private half was destroyed, some time after the removal.
	ErasedAt time.Time

	// MaxExpiry is the latest expiry of anything the key is known to have signed.
	MaxExpiry time.Time
}

// NewKey returns the key of public for alg with its ID and no timestamps. The error is
// ErrAlgorithm, or ErrKey when the two do not fit or public is too weak.
func NewKey(alg Algorithm, public crypto.PublicKey) (Key, error) {
	if err := check(alg, public); err != nil {
		return Key{}, err
	}
	kid, err := Thumbprint(public)
	if err != nil {
		return Key{}, err
	}
	return Key{ID: kid, Algorithm: alg, Public: public}, nil
}

// State returns the state at now. The latest state whose time has come wins, so a key that is
// removed in a hurry need not have been retired.
func (k Key) State(now time.Time) State {
	switch {
	case reached(k.RemovedAt, now), reached(k.CompromisedAt, now):
		return Removed
	case reached(k.RetiredAt, now):
		return Retiring
	case reached(k.ActivatedAt, now):
		return Active
	case reached(k.PublishedAt, now):
		return Next
	default:
		return Pending
	}
}

// Publishable reports whether the key belongs into the JWKS document at now, which is the same
// as whether what it signed is accepted.
func (k Key) Publishable(now time.Time) bool {
	switch k.State(now) {
	case Next, Active, Retiring:
		return true
	default:
		return false
	}
}

// CanSign reports whether the key is to sign at now.
func (k Key) CanSign(now time.Time) bool { return k.State(now) == Active }

func reached(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }
