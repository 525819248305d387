package keyring

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/keys"
)

// rootPurpose is the one stored secret; MACs of every purpose are derived from it.
const rootPurpose = "root"

// SealKey returns the stored form of k, whose private half is private.
func SealKey(e *envelope.Envelope, k keys.Key, private crypto.Signer) (SealedKey, error) {
	jwk, err := keys.MarshalJWK(k)
	if err != nil {
		return SealedKey{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return SealedKey{}, fmt.Errorf("key %s: %w", k.ID, err)
	}
	defer clear(der)
	sealed, err := e.Seal(der, keyIdentity(k.ID))
	if err != nil {
		return SealedKey{}, fmt.Errorf("key %s: %w", k.ID, err)
	}
	return SealedKey{
		KID: k.ID, Algorithm: string(k.Algorithm), PublicJWK: jwk, Sealed: sealed,
		CreatedAt: k.CreatedAt, PublishedAt: k.PublishedAt, ActivatedAt: k.ActivatedAt,
		RetiredAt: k.RetiredAt, RemovedAt: k.RemovedAt, MaxExpiry: k.MaxExpiry,
	}, nil
}

// openKey returns the key of a stored row and its signer. The public half comes from the
// private one, so whoever can write to the database, but has no master key, cannot add a key
// that Signet would accept.
func openKey(e *envelope.Envelope, row SealedKey) (*keys.Signer, error) {
	alg, err := keys.ParseAlgorithm(row.Algorithm)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", row.KID, err)
	}
	der, err := e.Open(row.Sealed, keyIdentity(row.KID))
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", row.KID, err)
	}
	defer clear(der)
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", row.KID, err)
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("signing key %s: a %T does not sign: %w", row.KID, parsed, keys.ErrKey)
	}
	k, err := keys.NewKey(alg, private.Public())
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", row.KID, err)
	}
	jwk, err := keys.ParseJWK(row.PublicJWK)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: stored public key: %w", row.KID, err)
	}
	stored, err := keys.Thumbprint(jwk.Public)
	if err != nil || stored != k.ID || k.ID != row.KID {
		return nil, fmt.Errorf("signing key %s: its public and private halves differ: %w", row.KID, keys.ErrKey)
	}
	return keys.NewSigner(k, private)
}

func (row SealedKey) key(public crypto.PublicKey) keys.Key {
	return keys.Key{
		ID: row.KID, Algorithm: keys.Algorithm(row.Algorithm), Public: public,
		CreatedAt: row.CreatedAt, PublishedAt: row.PublishedAt, ActivatedAt: row.ActivatedAt,
		RetiredAt: row.RetiredAt, RemovedAt: row.RemovedAt, MaxExpiry: row.MaxExpiry,
	}
}

// newPair returns a key of alg that is active from activate on, and the next one.
func newPair(e *envelope.Envelope, alg keys.Algorithm, now, activate time.Time) ([]SealedKey, error) {
	pair := make([]SealedKey, 0, 2)
	for _, activatedAt := range []time.Time{activate, {}} {
		k, private, err := keys.Generate(alg, nil)
		if err != nil {
			return nil, err
		}
		k.CreatedAt, k.PublishedAt, k.ActivatedAt = now, now, activatedAt
		row, err := SealKey(e, k, private)
		if err != nil {
			return nil, err
		}
		pair = append(pair, row)
	}
	return pair, nil
}

// SealRoot returns the stored form of a fresh version of the root secret. Replicas accept it once
// loaded and make codes with it two minutes after now.
func SealRoot(e *envelope.Envelope, version int, now time.Time) (SealedSecret, error) {
	root := make([]byte, rootSize)
	defer clear(root)
	_, _ = rand.Read(root) // documented never to fail
	sealed, err := e.Seal(root, secretIdentity(rootPurpose, version))
	return SealedSecret{Purpose: rootPurpose, Version: version, Sealed: sealed, CreatedAt: now}, err
}

// sameSealed reports whether two stored values are the same bytes, so that the private half
// need not be opened again.
func sameSealed(a, b SealedKey) bool {
	return a.KID == b.KID && a.Algorithm == b.Algorithm && bytes.Equal(a.PublicJWK, b.PublicJWK) &&
		a.Sealed.MasterID == b.Sealed.MasterID &&
		bytes.Equal(a.Sealed.WrappedKey, b.Sealed.WrappedKey) &&
		bytes.Equal(a.Sealed.Ciphertext, b.Sealed.Ciphertext)
}
