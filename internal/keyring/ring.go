package keyring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/keys"
)

const (
	// pollEvery is how often the keys are loaded when no notification arrives.
	pollEvery = 60 * time.Second
	// youngInstallation is the age up to which no verifier is expected to hold a JWKS document
	// that it would have to refresh before a new algorithm is used. It is well above the time
	// after which watermarks are stored.
	youngInstallation = 10 * time.Minute
	// storeTimeout bounds one conversation with the store that no caller waits for.
	storeTimeout = 30 * time.Second
)

// Config says what a Ring needs. Everything is required unless it says otherwise.
type Config struct {
	Store    Store
	Envelope *envelope.Envelope
	Now      func() time.Time
	Log      *slog.Logger
	// Algorithms are those in use, the default one first. Optional: ES256 and RS256.
	Algorithms []keys.Algorithm
	// Schedule gives the cache headers, the signer lag and the lead of an algorithm that is
	// added to a running installation. Optional: keys.DefaultSchedule().
	Schedule keys.Schedule
}

// Ring is the keys of this replica. It is safe for concurrent use and reads take no lock.
type Ring struct {
	store      Store
	envelope   *envelope.Envelope
	now        func() time.Time
	log        *slog.Logger
	algorithms []keys.Algorithm
	schedule   keys.Schedule
	// cacheControl belongs to schedule, which does not change.
	cacheControl string

	held  atomic.Pointer[snapshot]
	poke  chan struct{}
	write sync.Mutex // one load or creation at a time
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
	r := &Ring{
		store: c.Store, envelope: c.Envelope, now: c.Now, log: c.Log,
		algorithms: slices.Clone(c.Algorithms), schedule: c.Schedule, cacheControl: c.Schedule.CacheControl(),
		poke: make(chan struct{}, 1),
	}
	r.write.Lock()
	defer r.write.Unlock()
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	quick := slices.DeleteFunc(slices.Clone(r.algorithms), slow)
	if err := r.complete(ctx, quick); err != nil {
		return nil, err
	}
	if len(r.held.Load().roots) == 0 {
		return nil, errors.New("keyring: the store kept no root secret")
	}
	return r, nil
}

func slow(alg keys.Algorithm) bool { return alg == keys.RS256 }

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
	h, ok := r.current().signers[alg]
	if !ok {
		if err := r.await(ctx, alg); err != nil {
			return "", err
		}
		if h, ok = r.current().signers[alg]; !ok {
			return "", fmt.Errorf("no %s key may sign at present (their states are in signet_signing_key_info): %w", alg, errdefs.ErrUnavailable)
		}
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
	r.write.Lock()
	defer r.write.Unlock()
	if err := r.complete(ctx, []keys.Algorithm{alg}); err != nil {
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

// Document returns the JWKS document and its entity tag. The bytes are shared: do not change
// them.
func (r *Ring) Document() (body []byte, etag string) {
	v := r.current()
	return v.document, v.etag
}

// CacheControl returns the Cache-Control header that belongs to Document.
func (r *Ring) CacheControl() string { return r.cacheControl }

// Algorithms returns those that Sign accepts now, in the configured order. An algorithm that
// was added to a running installation appears when its key becomes active.
func (r *Ring) Algorithms() []keys.Algorithm {
	v := r.current()
	return slices.DeleteFunc(slices.Clone(r.algorithms), func(alg keys.Algorithm) bool {
		_, ok := v.signers[alg]
		return !ok && (r.has(alg) || !r.young())
	})
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

// LoadedAt returns when the keys were last loaded; more than a few minutes ago means that the
// store does not answer.
func (r *Ring) LoadedAt() time.Time { return r.held.Load().loadedAt }

// has reports whether there is a key of alg in whatever state.
func (r *Ring) has(alg keys.Algorithm) bool {
	return slices.ContainsFunc(r.held.Load().keys, func(h held) bool { return h.key.Algorithm == alg })
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
	return true
}
