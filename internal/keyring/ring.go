package keyring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/keys"
)

// youngInstallation is the age up to which no verifier is expected to hold a JWKS document that it
// would have to refresh before a new algorithm is used. It is well above the time after which
// watermarks are stored.
const youngInstallation = 10 * time.Minute

// Config says what a Ring needs. Everything is required unless it says otherwise.
type Config struct {
	Store    Store
	Envelope *envelope.Envelope
	Now      func() time.Time
	Log      *slog.Logger
	// Algorithms are those in use, the default one first. Optional: ES256 and RS256.
	Algorithms []keys.Algorithm
	// Schedule is that of the rotation. Optional: keys.DefaultSchedule().
	Schedule keys.Schedule
	// Custodian makes the keys from now on and keeps them. Optional: they are made here and kept
	// sealed in the store.
	Custodian Custodian
	// Gate holds a planned activation off. Optional: nothing does.
	Gate Gate
	// Made is called after this replica made a step. Optional.
	Made func(keys.Step, keys.Algorithm)
}

// Gate knows whether those who verify tokens hold a key yet.
type Gate interface {
	// Ready reports whether the key may start to sign, as far as is known. An error counts as yes:
	// what is not known never keeps keys from rotating.
	Ready(ctx context.Context, kid string) (bool, error)
}

// Ring is the keys of this replica. It is safe for concurrent use and reads take no lock.
type Ring struct {
	store      Store
	envelope   *envelope.Envelope
	clock      func() time.Time // this replica's own
	log        *slog.Logger
	algorithms []keys.Algorithm
	schedule   keys.Schedule
	custodian  Custodian
	gate       Gate
	made       func(keys.Step, keys.Algorithm)
	poll       time.Duration

	held  atomic.Pointer[snapshot]
	read  atomic.Pointer[reading] // the last one of the store's clock; nil before the first
	poke  chan struct{}
	write lock // one load or change at a time

	rotator rotator
}

// Open loads the keys. On an empty store it creates the root secret and, for each algorithm, an
// active and a next key; RSA keys take so long that Run creates them, or the first Sign that
// needs one, whichever comes first.
//
// A wrong master key is an error that wraps envelope.ErrUnknownMaster.
func Open(ctx context.Context, c Config) (*Ring, error) {
	if c.Store == nil || c.Envelope == nil || c.Now == nil || c.Log == nil {
		return nil, errors.New("keyring: Store, Envelope, Now and Log are required")
	}
	if len(c.Algorithms) == 0 {
		c.Algorithms = []keys.Algorithm{keys.ES256, keys.RS256}
	}
	if c.Schedule == (keys.Schedule{}) {
		c.Schedule = keys.DefaultSchedule()
	}
	for _, alg := range c.Algorithms {
		if _, err := keys.ParseAlgorithm(string(alg)); err != nil {
			return nil, err
		}
	}
	if err := c.Schedule.Validate(); err != nil {
		return nil, fmt.Errorf("key rotation schedule: %w", err)
	}
	if c.Made == nil {
		c.Made = func(keys.Step, keys.Algorithm) {}
	}
	r := &Ring{
		store: c.Store, envelope: c.Envelope, clock: c.Now, log: c.Log,
		algorithms: slices.Clone(c.Algorithms), schedule: c.Schedule, custodian: c.Custodian, gate: c.Gate, made: c.Made,
		// Half of what the schedule allows for a change to reach every replica.
		poll: min(max(min(c.Schedule.SignerLag, c.Schedule.Propagation)/2, shortestPoll), longestPoll),
		poke: make(chan struct{}, 1), write: newLock(),
	}
	if err := r.Reload(ctx); err != nil {
		return nil, err
	}
	first := slices.DeleteFunc(slices.Clone(r.algorithms), slow)
	if len(first) == 0 { // something has to sign, and the root secret comes with it
		first = r.algorithms
	}
	if err := r.begin(ctx, first); err != nil {
		return nil, err
	}
	if len(r.held.Load().roots) == 0 {
		return nil, errors.New("keyring: the store kept no root secret")
	}
	return r, nil
}

func slow(alg keys.Algorithm) bool { return alg == keys.RS256 }

// now returns the time by the store's clock, as this replica knows it.
func (r *Ring) now() time.Time { return r.read.Load().now(r.clock()) }

// current returns the view of now.
func (r *Ring) current() *view {
	v, err := r.held.Load().at(r.now())
	if err != nil {
		// Every key passed keys.NewKey when it was opened, so it has a JWK.
		panic("keyring: " + err.Error())
	}
	return v
}

// Sign returns a compact JWS of payload with the active key of alg; typ is required. expires
// is when the token ceases to be valid, also required: the key stays published at least that
// long.
//
// The error is errdefs.ErrInvalid for an algorithm that is not in use and without expires,
// errdefs.ErrUnavailable while there is no key that may sign.
func (r *Ring) Sign(ctx context.Context, alg keys.Algorithm, typ string, payload []byte, expires time.Time) (string, error) {
	if expires.IsZero() {
		return "", fmt.Errorf("a token without expiry would keep its key for ever: %w", errdefs.ErrInvalid)
	}
	if err := r.renew(ctx); err != nil {
		return "", err
	}
	h, ok := r.current().signers[alg]
	if !ok {
		if err := r.await(ctx, alg); err != nil {
			return "", err
		}
		if h, ok = r.current().signers[alg]; !ok {
			return "", fmt.Errorf("no %s key may sign at present (see signet keys status): %w", alg, errdefs.ErrUnavailable)
		}
	}
	if stored, err := r.record(ctx, h, expires); err != nil {
		return "", err
	} else if stored {
		// That took as long as it took: the key may have retired meanwhile.
		return r.Sign(ctx, alg, typ, payload, expires)
	}
	raise(&h.mark.seen, ceilSeconds(expires)) // before the token exists: too late is harmless
	return h.signer.Sign(ctx, typ, payload)
}

// await creates the keys of alg if there are none yet.
func (r *Ring) await(ctx context.Context, alg keys.Algorithm) error {
	if !slices.Contains(r.algorithms, alg) {
		return fmt.Errorf("algorithm %q is not in use: %w", alg, errdefs.ErrInvalid)
	}
	if r.has(alg) {
		return nil
	}
	if err := r.begin(ctx, []keys.Algorithm{alg}); err != nil {
		return fmt.Errorf("create %s keys: %w: %w", alg, errdefs.ErrUnavailable, err)
	}
	return nil
}

// Verify checks the signature, algorithm and type of a token of this issuer, against every
// published key, and returns its payload. It checks no claims, so it serves expired tokens as
// well (id_token_hint). Some typ is required.
//
// The error is errdefs.ErrUnauthenticated and one of package keys.
func (r *Ring) Verify(token string, typ ...string) ([]byte, error) {
	payload, _, err := keys.Verify(token, r.current().lookup, typ...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errdefs.ErrUnauthenticated, err)
	}
	return payload, nil
}

// VerifyOld is Verify for what may have been signed long ago, such as the ID token that a browser shows
// as id_token_hint: keys that were removed meanwhile count as well, those that were stolen do not.
func (r *Ring) VerifyOld(token string, typ ...string) ([]byte, error) {
	v, old := r.current(), r.held.Load().past
	payload, _, err := keys.Verify(token, func(kid string) (keys.Key, bool) {
		if k, ok := v.lookup(kid); ok {
			return k, true
		}
		p, ok := old[kid]
		return p.key, ok
	}, typ...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errdefs.ErrUnauthenticated, err)
	}
	return payload, nil
}

// Document returns the JWKS document and its entity tag. The bytes are shared: do not change
// them.
func (r *Ring) Document() (body []byte, etag string) {
	v := r.current()
	return v.document, v.etag
}

// CacheControl returns the Cache-Control header that belongs to Document: that of the schedule, a
// shorter one for a day after a key was stolen, and one that has caches ask each time while an algorithm
// has no keys, as in the first seconds of an installation.
func (r *Ring) CacheControl() string { return r.current().cacheControl }

// Algorithms returns those that Sign accepts now, in the configured order; after them those that are no
// longer configured and go on, as long as somebody chose them. An algorithm that was added to a running
// installation appears when its key becomes active.
func (r *Ring) Algorithms() []keys.Algorithm {
	v := r.current()
	all := slices.DeleteFunc(slices.Clone(r.algorithms), func(alg keys.Algorithm) bool {
		_, ok := v.signers[alg]
		return !ok && (r.has(alg) || !r.young())
	})
	for _, alg := range slices.Sorted(maps.Keys(v.signers)) {
		if !slices.Contains(r.algorithms, alg) {
			all = append(all, alg)
		}
	}
	return all
}

// Keys returns the public halves and timestamps of all keys that are not removed, ordered by
// kid, with the watermarks this replica knows.
func (r *Ring) Keys() []keys.Key {
	held := r.held.Load().keys
	all := make([]keys.Key, 0, len(held))
	for _, h := range held {
		k := h.key
		if mark := h.mark.seen.Load(); mark > 0 {
			k.MaxExpiry = time.Unix(mark, 0).UTC()
		}
		all = append(all, k)
	}
	return all
}

// Damaged returns the keys that are stored and cannot be used, or are no longer stored and should be.
func (r *Ring) Damaged() []Damage { return slices.Clone(r.held.Load().damaged) }

// Now returns the time by the store's clock, by which keys change their states.
func (r *Ring) Now() time.Time { return r.now() }

// ClockOffset returns how far the store's clock is ahead of this replica's.
func (r *Ring) ClockOffset() time.Duration {
	at := r.read.Load()
	return at.there.Sub(at.here.Round(0))
}

// LoadedAt returns when the keys were last loaded, by this replica's clock; more than a few minutes ago
// means that the store does not answer.
func (r *Ring) LoadedAt() time.Time { return r.held.Load().askedAt }

// has reports whether there is a key of alg that is not removed.
func (r *Ring) has(alg keys.Algorithm) bool {
	return slices.ContainsFunc(r.held.Load().keys, func(h held) bool { return h.signs && h.key.Algorithm == alg })
}

// young reports whether nobody outside relies on the document yet: nothing was signed, or the
// first key is minutes old.
func (r *Ring) young() bool {
	now := r.now()
	for _, h := range r.held.Load().keys {
		if h.mark.seen.Load() > 0 && now.Sub(h.key.CreatedAt) > youngInstallation {
			return false
		}
	}
	return len(r.held.Load().past) == 0
}

// lock is a mutex that one waits for no longer than a context lives.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

func (l lock) lock(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l lock) unlock() { <-l }
