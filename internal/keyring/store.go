// Package keyring holds the live keys of this replica: it signs and verifies the tokens of the
// issuer, publishes its JWKS document and derives the symmetric keys of the other rooms.
//
// Everything is answered from memory, from an immutable snapshot that Reload replaces, so it
// goes on while the database is down. The rules of key life are package keys'; how the private
// halves are encrypted is package envelope's; SQL is behind Store.
package keyring

import (
	"context"
	"strconv"
	"time"

	"github.com/signet-id/signet/internal/envelope"
)

// Store is where sealed keys and secrets live. Its errors are passed on wrapped.
type Store interface {
	// LoadKeys returns every key that has not been deleted, in any order.
	LoadKeys(ctx context.Context) ([]SealedKey, error)
	// LoadSecrets returns every version of every secret, in any order.
	LoadSecrets(ctx context.Context) ([]SealedSecret, error)
	// CreateInitial stores, in one transaction under an advisory lock, the keys of each
	// algorithm that has none save removed ones, and the secrets of each purpose that has none.
	// An algorithm's keys are stored all or not at all. What exists stays as it is and is no
	// error: the replica that lost the race loads the winner's.
	CreateInitial(ctx context.Context, keys []SealedKey, secrets []SealedSecret) error
	// RecordMaxExpiry raises the key's MaxExpiry to exp and never lowers it.
	RecordMaxExpiry(ctx context.Context, kid string, exp time.Time) error
}

// SealedKey is a signing key as it is stored. Zero times are unset; see keys.Key for their
// meaning.
type SealedKey struct {
	KID       string
	Algorithm string
	// PublicJWK is the public half as a JWK, for people and tools that look at the table. The
	// ring trusts it only if the private half agrees.
	PublicJWK []byte
	// Sealed is the private half in PKCS #8, bound to KID.
	Sealed envelope.Sealed

	CreatedAt   time.Time
	PublishedAt time.Time
	ActivatedAt time.Time
	RetiredAt   time.Time
	RemovedAt   time.Time
	MaxExpiry   time.Time
}

// SealedSecret is one version of a symmetric secret as it is stored, bound to Purpose and
// Version.
type SealedSecret struct {
	Purpose   string
	Version   int
	Sealed    envelope.Sealed
	CreatedAt time.Time
}

func keyIdentity(kid string) []byte { return envelope.Identity("signing-key", kid) }

func secretIdentity(purpose string, version int) []byte {
	return envelope.Identity("secret", purpose, strconv.Itoa(version))
}
