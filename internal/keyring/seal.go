package keyring

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/keys"
)

// rootPurpose is the one stored secret; MACs of every purpose are derived from it.
const rootPurpose = "root"

// SealKey returns the stored form of k, whose private half is private.
func SealKey(e *envelope.Envelope, k keys.Key, private crypto.Signer) (SealedKey, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return SealedKey{}, fmt.Errorf("key %s: %w", k.ID, err)
	}
	defer clear(der)
	return seal(e, k, "", der)
}

// reference is what is sealed of a key that a custodian keeps.
type reference struct {
	Public    json.RawMessage `json:"public"` // a JWK
	Reference []byte          `json:"reference"`
}

// sealReference returns the stored form of k, which a custodian keeps.
func sealReference(e *envelope.Envelope, k keys.Key, custodian string, where []byte) (SealedKey, error) {
	jwk, err := keys.MarshalJWK(k)
	if err != nil {
		return SealedKey{}, err
	}
	b, err := json.Marshal(reference{jwk, where})
	if err != nil {
		return SealedKey{}, err
	}
	return seal(e, k, custodian, b)
}

func seal(e *envelope.Envelope, k keys.Key, custodian string, plaintext []byte) (SealedKey, error) {
	jwk, err := keys.MarshalJWK(k)
	if err != nil {
		return SealedKey{}, err
	}
	row := SealedKey{KID: k.ID, Algorithm: string(k.Algorithm), PublicJWK: jwk, Custodian: custodian}.with(k)
	row.Sealed, err = e.Seal(plaintext, row.Identity())
	if err != nil {
		return SealedKey{}, fmt.Errorf("key %s: %w", k.ID, err)
	}
	return row, nil
}

// erase returns the row without its private half: what is sealed is the public one, or nothing if the
// row is damaged or its key was stolen, which is never to verify anything again. where is where a
// custodian has the private half. The error is envelope.ErrUnknownMaster if only others can tell.
func erase(e *envelope.Envelope, row SealedKey, at time.Time) (erased SealedKey, where *remote, err error) {
	var jwk []byte
	switch before, err := openKey(e, nil, row); {
	case errors.Is(err, envelope.ErrUnknownMaster):
		return SealedKey{}, nil, err
	case err == nil:
		where = before.where
		if !row.CompromisedAt.IsZero() {
			break
		}
		if jwk, err = keys.MarshalJWK(before.key); err != nil {
			return SealedKey{}, nil, err
		}
	}
	row.ErasedAt, row.Custodian = at, ""
	row.Sealed, err = e.Seal(jwk, row.Identity())
	return row, where, err
}

// opened is what a row holds.
type opened struct {
	key    keys.Key     // without times
	signer *keys.Signer // nil once it is erased
	where  *remote      // nil unless a custodian keeps it
}

// openKey opens what is sealed in a row. The public half always comes from there, so whoever can
// write to the database, but has no master key, cannot add a key that Signet would accept.
//
// The error wraps envelope.ErrUnknownMaster, or says that the row is damaged.
func openKey(e *envelope.Envelope, custodian Custodian, row SealedKey) (opened, error) {
	o, err := open(e, custodian, row)
	if err != nil {
		return opened{}, fmt.Errorf("signing key %s: %w", row.KID, err)
	}
	return o, nil
}

func open(e *envelope.Envelope, custodian Custodian, row SealedKey) (o opened, err error) {
	alg, err := keys.ParseAlgorithm(row.Algorithm)
	if err != nil {
		return o, err
	}
	if row.Sealed.MasterID == "" {
		return o, fmt.Errorf("what is stored is no sealed value: %w", envelope.ErrDamaged)
	}
	plaintext, err := e.Open(row.Sealed, row.Identity())
	if err != nil {
		return o, err
	}
	defer clear(plaintext)
	var private crypto.Signer
	var public crypto.PublicKey
	switch {
	case !row.ErasedAt.IsZero():
		public, err = parsePublic(plaintext)
	case row.Custodian != "":
		o.where, err = parseReference(custodian, row.Custodian, plaintext)
		if err == nil {
			private, public = o.where, o.where.public
		}
	default:
		if private, err = parsePrivate(plaintext); err == nil {
			public = private.Public()
		}
	}
	if err != nil {
		return o, err
	}
	if o.key, err = keys.NewKey(alg, public); err != nil {
		return o, err
	}
	stored, err := parsePublic(row.PublicJWK)
	if err != nil {
		return o, fmt.Errorf("stored public key: %w", err)
	}
	if kid, err := keys.Thumbprint(stored); err != nil || kid != o.key.ID || o.key.ID != row.KID {
		return o, fmt.Errorf("its public and private halves differ: %w", keys.ErrKey)
	}
	if private != nil {
		o.signer, err = keys.NewSigner(o.key, private)
	}
	return o, err
}

func parsePublic(jwk []byte) (crypto.PublicKey, error) {
	k, err := keys.ParseJWK(jwk)
	return k.Public, err
}

func parsePrivate(der []byte) (crypto.Signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", keys.ErrKey, err)
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T does not sign: %w", parsed, keys.ErrKey)
	}
	return private, nil
}

func parseReference(custodian Custodian, name string, plaintext []byte) (*remote, error) {
	var ref reference
	if err := json.Unmarshal(plaintext, &ref); err != nil {
		return nil, fmt.Errorf("%w: %w", keys.ErrKey, err)
	}
	public, err := parsePublic(ref.Public)
	if err != nil {
		return nil, err
	}
	return &remote{custodian: custodian, name: name, reference: bytes.Clone(ref.Reference), public: public}, nil
}

// key returns the key of the row, with its times.
func (row SealedKey) key(public crypto.PublicKey) keys.Key {
	return keys.Key{
		ID: row.KID, Algorithm: keys.Algorithm(row.Algorithm), Public: public,
		CreatedAt: row.CreatedAt, PublishedAt: row.PublishedAt, ActivatedAt: row.ActivatedAt,
		RetiredAt: row.RetiredAt, RemovedAt: row.RemovedAt,
		CompromisedAt: row.CompromisedAt, ErasedAt: row.ErasedAt, MaxExpiry: row.MaxExpiry,
	}
}

// with returns the row with the times of k.
func (row SealedKey) with(k keys.Key) SealedKey {
	row.CreatedAt, row.PublishedAt, row.ActivatedAt = k.CreatedAt, k.PublishedAt, k.ActivatedAt
	row.RetiredAt, row.RemovedAt = k.RetiredAt, k.RemovedAt
	row.CompromisedAt, row.ErasedAt, row.MaxExpiry = k.CompromisedAt, k.ErasedAt, k.MaxExpiry
	return row
}

// SealRoot returns the stored form of a fresh version of the root secret. Replicas accept it once
// loaded and make codes with it two minutes after now.
func SealRoot(e *envelope.Envelope, version int, now time.Time) (SealedSecret, error) {
	root := make([]byte, rootSize)
	defer clear(root)
	_, _ = rand.Read(root) // documented never to fail
	row := SealedSecret{Purpose: rootPurpose, Version: version, CreatedAt: now}
	var err error
	row.Sealed, err = e.Seal(root, row.Identity())
	return row, err
}

// sameSealed reports whether two stored values are the same bytes, so that the private half
// need not be opened again.
func sameSealed(a, b SealedKey) bool {
	return a.KID == b.KID && a.Algorithm == b.Algorithm && a.Custodian == b.Custodian &&
		a.ErasedAt.IsZero() == b.ErasedAt.IsZero() && bytes.Equal(a.PublicJWK, b.PublicJWK) &&
		a.Sealed.MasterID == b.Sealed.MasterID &&
		bytes.Equal(a.Sealed.WrappedKey, b.Sealed.WrappedKey) &&
		bytes.Equal(a.Sealed.Ciphertext, b.Sealed.Ciphertext)
}

// damaged reports whether err says that a row can never be opened, by anyone.
func damaged(err error) bool { return err != nil && !errors.Is(err, envelope.ErrUnknownMaster) }
