package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/keys"
)

// Keys stores sealed signing keys and secrets.
type Keys struct{ db *DB }

var _ keyring.Store = Keys{}

// Keys returns the store of sealed keys.
func (db *DB) Keys() Keys { return Keys{db} }

// Load returns every key, save those removed more than 400 days ago, and every version of every
// secret, as of one moment.
func (s Keys) Load(ctx context.Context) (keyring.Stored, error) {
	var out keyring.Stored
	err := s.db.inSnapshot(ctx, "load keys", func(q *sqlcgen.Queries) (err error) {
		out, err = loadKeys(ctx, q)
		return err
	})
	return out, err
}

func loadKeys(ctx context.Context, q *sqlcgen.Queries) (keyring.Stored, error) {
	rows, err := q.LoadKeys(ctx)
	if err != nil {
		return keyring.Stored{}, err
	}
	out := keyring.Stored{Keys: make([]keyring.SealedKey, len(rows))}
	for i, r := range rows {
		out.Keys[i] = keyring.SealedKey{
			KID:           r.Kid,
			Algorithm:     r.Algorithm,
			PublicJWK:     r.PublicJwk,
			Custodian:     r.Custodian,
			CreatedAt:     r.CreatedAt,
			PublishedAt:   zeroTime(r.PublishedAt),
			ActivatedAt:   zeroTime(r.ActivatedAt),
			RetiredAt:     zeroTime(r.RetiredAt),
			RemovedAt:     zeroTime(r.RemovedAt),
			CompromisedAt: zeroTime(r.CompromisedAt),
			ErasedAt:      zeroTime(r.ErasedAt),
			MaxExpiry:     zeroTime(r.MaxExpiry),
		}
		// What is no sealed value at all is one that does not open: the ring sets it aside.
		if err := out.Keys[i].Sealed.UnmarshalBinary(r.Sealed); err != nil {
			out.Keys[i].Sealed = envelope.Sealed{}
		}
	}
	secrets, err := q.LoadSecrets(ctx)
	if err != nil {
		return keyring.Stored{}, err
	}
	out.Secrets = make([]keyring.SealedSecret, len(secrets))
	for i, r := range secrets {
		out.Secrets[i] = keyring.SealedSecret{Purpose: r.Purpose, Version: int(r.Version), CreatedAt: r.CreatedAt}
		if err := out.Secrets[i].Sealed.UnmarshalBinary(r.Sealed); err != nil {
			out.Secrets[i].Sealed = envelope.Sealed{}
		}
	}
	// Last, so that the time is not before anything that was read.
	out.Now, err = q.Clock(ctx)
	return out, err
}

// Change lets turn decide what to change, while no other replica does. The rotator has nobody who
// acts: the audit event has the key as its target.
func (s Keys) Change(ctx context.Context, wait bool, turn keyring.Turn) (busy bool, err error) {
	var refused error
	err = s.db.inTx(ctx, "change keys", func(q *sqlcgen.Queries) error {
		if !wait {
			free, err := q.TryLockKeys(ctx)
			if busy = !free; err != nil || busy {
				return err
			}
		}
		e, now, err := s.turn(ctx, q, turn)
		if err != nil {
			refused = err
			return err
		}
		return appendEvents(ctx, q, keyEvents(e, now))
	})
	if refused != nil {
		return false, refused
	}
	return busy, err
}

// Act is Change for an administrator, who is recorded with what the rotator would record.
func (s Keys) Act(ctx context.Context, a admin.Act, turn keyring.Turn) (replayed bool, err error) {
	if !a.Actor.ManagesAll() {
		return false, errNothing
	}
	var refused error
	_, replayed, err = s.db.act(ctx, "change keys", a, func(q *sqlcgen.Queries) (string, error) {
		e, now, err := s.turn(ctx, q, turn)
		if err != nil {
			refused = err
			return "", err
		}
		events := keyEvents(e, now)
		for i := range events {
			events[i].Actor = a.Actor.String()
		}
		return a.Event.Target, appendEvents(ctx, q, events)
	})
	if refused != nil {
		return false, refused
	}
	return replayed, err
}

// turn makes the change that turn decides on, under the lock.
func (s Keys) turn(ctx context.Context, q *sqlcgen.Queries, turn keyring.Turn) (e keyring.Edit, now time.Time, err error) {
	if err := q.LockKeys(ctx); err != nil {
		return e, now, wrap("lock keys", err)
	}
	stored, err := loadKeys(ctx, q)
	if err != nil {
		return e, now, wrap("load keys", err)
	}
	if e, err = turn(stored); err != nil {
		return e, now, err
	}
	return e, stored.Now, wrap("store keys", storeEdit(ctx, q, e))
}

func storeEdit(ctx context.Context, q *sqlcgen.Queries, e keyring.Edit) error {
	for _, x := range e.Secrets {
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
	for _, k := range e.Added {
		sealed, err := k.Sealed.MarshalBinary()
		if err != nil {
			return err
		}
		err = q.InsertKey(ctx, sqlcgen.InsertKeyParams{
			Kid:         k.KID,
			Algorithm:   k.Algorithm,
			PublicJwk:   k.PublicJWK,
			Custodian:   k.Custodian,
			Sealed:      sealed,
			CreatedAt:   k.CreatedAt,
			PublishedAt: nullTime(k.PublishedAt),
			ActivatedAt: nullTime(k.ActivatedAt),
			RetiredAt:   nullTime(k.RetiredAt),
			RemovedAt:   nullTime(k.RemovedAt),
		})
		if err != nil {
			return err
		}
	}
	for _, k := range e.Changed {
		n, err := q.UpdateKey(ctx, sqlcgen.UpdateKeyParams{
			Kid:           k.KID,
			PublishedAt:   nullTime(k.PublishedAt),
			ActivatedAt:   nullTime(k.ActivatedAt),
			RetiredAt:     nullTime(k.RetiredAt),
			RemovedAt:     nullTime(k.RemovedAt),
			CompromisedAt: nullTime(k.CompromisedAt),
		})
		if err != nil || n == 0 {
			return errors.Join(err, changed(n))
		}
	}
	for _, k := range e.Erased {
		sealed, err := k.Sealed.MarshalBinary()
		if err != nil {
			return err
		}
		n, err := q.EraseKey(ctx, sqlcgen.EraseKeyParams{
			Kid: k.KID, ErasedAt: nullTime(k.ErasedAt), Custodian: k.Custodian, Sealed: sealed,
		})
		if err != nil || n == 0 {
			return errors.Join(err, changed(n))
		}
	}
	return nil
}

// keyEvents says what became of each key.
func keyEvents(e keyring.Edit, now time.Time) []audit.Event {
	var events []audit.Event
	note := func(action audit.Action, rows []keyring.SealedKey) {
		for _, k := range rows {
			detail := map[string]string{"step": string(e.Step), "alg": k.Algorithm}
			for name, at := range map[string]time.Time{"signs_at": k.ActivatedAt, "retires_at": k.RetiredAt, "removed_at": k.RemovedAt} {
				if !at.IsZero() {
					detail[name] = at.UTC().Format(time.RFC3339)
				}
			}
			events = append(events, audit.Event{At: now, Action: action, Target: k.KID, Detail: detail})
		}
	}
	note(audit.KeyPublished, e.Added)
	note(audit.KeyPlanned, e.Changed)
	note(audit.KeyErased, e.Erased)
	return events
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

// Chosen counts who chose which algorithm, in the order of their names.
func (s Keys) Chosen(ctx context.Context) ([]keyring.Chosen, error) {
	rows, err := s.db.q.CountChosenAlgorithms(ctx)
	if err != nil {
		return nil, wrap("count chosen algorithms", err)
	}
	var out []keyring.Chosen
	for _, r := range rows {
		if n := len(out); n == 0 || out[n-1].Algorithm != keys.Algorithm(r.Algorithm) {
			out = append(out, keyring.Chosen{Algorithm: keys.Algorithm(r.Algorithm)})
		}
		last := &out[len(out)-1]
		last.Clients += int(r.Clients)
		last.ResourceServers += int(r.ResourceServers)
	}
	return out, nil
}
