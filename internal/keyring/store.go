// Package keyring holds the live keys of this replica: it signs and verifies the tokens of the
// issuer, publishes its JWKS document, rotates the keys and derives the symmetric keys of the other
// rooms.
//
// Everything is answered from memory, from an immutable snapshot that Reload replaces, so it
// goes on while the database is down. The rules of key life are package keys'; how the private
// halves are encrypted is package envelope's; SQL is behind Store.
//
// Read ring.go for what the others see, snapshot.go for what a time means, load.go for how a replica
// keeps up, rotate.go for how keys come and go.
package keyring

import (
	"context"
	"strconv"
	"time"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/keys"
)

// Store is where sealed keys and secrets live. Its errors are passed on wrapped.
type Store interface {
	// Load returns everything as of one moment.
	Load(ctx context.Context) (Stored, error)
	// Change lets turn decide what to change, in one transaction under a lock that all replicas
	// share, and records it in the audit log. When another replica holds the lock it waits for it if
	// wait is true, and otherwise does nothing and returns busy. What turn returns as an error undoes
	// everything and is returned, wrapped.
	Change(ctx context.Context, wait bool, turn Turn) (busy bool, err error)
	// RecordMaxExpiry raises the key's MaxExpiry to exp and never lowers it.
	RecordMaxExpiry(ctx context.Context, kid string, exp time.Time) error
	// ChosenAlgorithms returns those that a client or a resource server chose.
	ChosenAlgorithms(ctx context.Context) ([]keys.Algorithm, error)
}

// Stored is what a store holds.
type Stored struct {
	// Now is the time by the store's clock, which is the one that all replicas go by.
	Now time.Time
	// Keys are all keys, in any order, those removed within the last 400 days included.
	Keys []SealedKey
	// Secrets are all versions of all secrets, in any order.
	Secrets []SealedSecret
}

// Turn decides what to do about what is stored.
type Turn func(Stored) (Edit, error)

// Edit is what one turn changes; the zero value changes nothing.
type Edit struct {
	Step      keys.Step
	Algorithm keys.Algorithm
	Added     []SealedKey
	// Changed have other times; what is sealed stays as it is stored.
	Changed []SealedKey
	// Erased have other times and something else sealed.
	Erased  []SealedKey
	Secrets []SealedSecret // added unless they exist
}

// SealedKey is a signing key as it is stored. Zero times are unset; see keys.Key for their
// meaning.
type SealedKey struct {
	KID       string
	Algorithm string
	// PublicJWK is the public half as a JWK, for people and tools that look at the table. The
	// ring trusts it only if what is sealed agrees.
	PublicJWK []byte
	// Custodian keeps the private half; "" if it is sealed here.
	Custodian string
	// Sealed is bound to KID: the private half in PKCS #8, or where the custodian has it, or, once
	// it is erased, the public half.
	Sealed envelope.Sealed

	CreatedAt     time.Time
	PublishedAt   time.Time
	ActivatedAt   time.Time
	RetiredAt     time.Time
	RemovedAt     time.Time
	CompromisedAt time.Time
	ErasedAt      time.Time
	MaxExpiry     time.Time
}

// SealedSecret is one version of a symmetric secret as it is stored, bound to Purpose and
// Version.
type SealedSecret struct {
	Purpose   string
	Version   int
	Sealed    envelope.Sealed
	CreatedAt time.Time
}

// Identity is the associated data with which Sealed opens: see envelope.Identity.
func (row SealedKey) Identity() []byte {
	switch {
	case !row.ErasedAt.IsZero():
		return erasedIdentity(row.KID)
	case row.Custodian != "":
		return referenceIdentity(row.KID)
	default:
		return keyIdentity(row.KID)
	}
}

// Identity is the associated data with which Sealed opens: see envelope.Identity.
func (row SealedSecret) Identity() []byte {
	return envelope.Identity("secret", row.Purpose, strconv.Itoa(row.Version))
}

func keyIdentity(kid string) []byte       { return envelope.Identity("signing-key", kid) }
func referenceIdentity(kid string) []byte { return envelope.Identity("signing-key-reference", kid) }
func erasedIdentity(kid string) []byte    { return envelope.Identity("erased-signing-key", kid) }
