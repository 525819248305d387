package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/keys"
)

// Keys stores sealed signing keys and secrets.
type Keys struct{ db *DB }

var _ keyring.Store = Keys{}

// Keys returns the store of sealed keys.
func (db *DB) Keys() Keys { return Keys{db} }

// LoadKeys returns every key, those removed within the last 30 days included.
func (s Keys) LoadKeys(ctx context.Context) ([]keyring.SealedKey, error) {
	rows, err := s.db.q.LoadKeys(ctx)
	if err != nil {
		return nil, wrap("load keys", err)
	}
	out := make([]keyring.SealedKey, len(rows))
	for i, r := range rows {
		out[i] = keyring.SealedKey{
			KID:         r.Kid,
			Algorithm:   r.Algorithm,
			PublicJWK:   r.PublicJwk,
			CreatedAt:   r.CreatedAt,
			PublishedAt: zeroTime(r.PublishedAt),
			ActivatedAt: zeroTime(r.ActivatedAt),
			RetiredAt:   zeroTime(r.RetiredAt),
			RemovedAt:   zeroTime(r.RemovedAt),
			MaxExpiry:   zeroTime(r.MaxExpiry),
		}
		if err := out[i].Sealed.UnmarshalBinary(r.Sealed); err != nil {
			return nil, fmt.Errorf("signing key %s: %w", r.Kid, err)
		}
	}
	return out, nil
}

// LoadSecrets returns every version of every secret.
func (s Keys) LoadSecrets(ctx context.Context) ([]keyring.SealedSecret, error) {
	rows, err := s.db.q.LoadSecrets(ctx)
	if err != nil {
		return nil, wrap("load secrets", err)
	}
	out := make([]keyring.SealedSecret, len(rows))
	for i, r := range rows {
		out[i] = keyring.SealedSecret{Purpose: r.Purpose, Version: int(r.Version), CreatedAt: r.CreatedAt}
		if err := out[i].Sealed.UnmarshalBinary(r.Sealed); err != nil {
			return nil, fmt.Errorf("secret %s: %w", r.Purpose, err)
		}
	}
	return out, nil
}

// CreateInitial stores the first keys and secrets. Replicas that start together take turns;
// those that come second store nothing.
func (s Keys) CreateInitial(ctx context.Context, keys []keyring.SealedKey, secrets []keyring.SealedSecret) error {
	return s.db.inTx(ctx, "create keys", func(q *sqlcgen.Queries) error {
		if err := q.LockKeys(ctx); err != nil {
			return err
		}
		exists := map[string]bool{}
		for _, k := range keys {
			if _, asked := exists[k.Algorithm]; !asked {
				n, err := q.CountKeys(ctx, k.Algorithm)
				if err != nil {
					return err
				}
				exists[k.Algorithm] = n > 0
			}
			if exists[k.Algorithm] {
				continue
			}
			sealed, err := k.Sealed.MarshalBinary()
			if err != nil {
				return err
			}
			err = q.InsertKey(ctx, sqlcgen.InsertKeyParams{
				Kid:         k.KID,
				Algorithm:   k.Algorithm,
				PublicJwk:   k.PublicJWK,
				Sealed:      sealed,
				CreatedAt:   k.CreatedAt,
				PublishedAt: nullTime(k.PublishedAt),
				ActivatedAt: nullTime(k.ActivatedAt),
				RetiredAt:   nullTime(k.RetiredAt),
				RemovedAt:   nullTime(k.RemovedAt),
				MaxExpiry:   nullTime(k.MaxExpiry),
			})
			if err != nil {
				return err
			}
		}
		for _, x := range secrets {
			sealed, err := x.Sealed.MarshalBinary()
			if err != nil {
				return err
			}
			err = q.InsertSecret(ctx, sqlcgen.InsertSecretParams{
				Purpose: x.Purpose, Version: int32(x.Version), Sealed: sealed, CreatedAt: x.CreatedAt,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// RecordMaxExpiry raises the latest expiry that the key ever signed.
func (s Keys) RecordMaxExpiry(ctx context.Context, kid string, exp time.Time) error {
	return wrap("record expiry", s.db.q.RecordMaxExpiry(ctx, sqlcgen.RecordMaxExpiryParams{Kid: kid, MaxExpiry: &exp}))
}

// ChosenAlgorithms returns what clients chose for their ID tokens and resource servers for their access
// tokens, whoever chose it: a key of each has to go on signing.
func (s Keys) ChosenAlgorithms(ctx context.Context) ([]keys.Algorithm, error) {
	rows, err := s.db.q.ChosenAlgorithms(ctx)
	if err != nil {
		return nil, wrap("list chosen algorithms", err)
	}
	out := make([]keys.Algorithm, len(rows))
	for i, name := range rows {
		out[i] = keys.Algorithm(name)
	}
	return out, nil
}
