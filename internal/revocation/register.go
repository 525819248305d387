package revocation

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/signet-id/signet/internal/replica"
)

// Store keeps cutoffs for all replicas; package postgres implements it.
type Store interface {
	// Void reports whether a stored cutoff concerns a token with these claims; "" matches
	// nothing.
	Void(ctx context.Context, grantID, sessionID, tokenID string) (bool, error)
	// Live calls each with every cutoff that has not expired.
	Live(ctx context.Context, each func(Cutoff)) error
}

// Register is what one replica knows of the live cutoffs, so that asking about a token costs
// no round trip. It is told of new ones as they are stored. While announcements are not current,
// it asks the store: a recalled token is refused everywhere within replica.Freshness.
//
// A cutoff is never taken back, so what the register holds is always true; all that can be
// wrong is that something is missing.
type Register struct {
	store Store
	heard *replica.Announcements
	now   func() time.Time

	seeds   seeds
	mu      sync.RWMutex
	cutoffs map[digest]int64 // expiry in Unix seconds
}

// digest stands for a kind and a subject: 24 bytes a cutoff instead of a hundred. It is made
// with random seeds of this process, so that nobody can choose two subjects that share one.
type digest [2]uint64

type seeds [2]maphash.Seed

func (s *seeds) digest(k Kind, subject string) (d digest) {
	var buf [96]byte // holds every subject of ours without an allocation
	b := append(append(append(buf[:0], k...), 0), subject...)
	for i := range d {
		d[i] = maphash.Bytes(s[i], b)
	}
	return d
}

// NewRegister returns an empty register, which asks the store until heard is current. heard may
// be confirmed once everything was loaded, and announced cutoffs noted.
func NewRegister(store Store, heard *replica.Announcements, now func() time.Time) *Register {
	return &Register{store: store, heard: heard, now: now, seeds: seeds{maphash.MakeSeed(), maphash.MakeSeed()}, cutoffs: make(map[digest]int64)}
}

// Void reports whether a token with these claims was recalled; "" matches nothing. The error
// is the store's, when it had to be asked.
func (r *Register) Void(ctx context.Context, grantID, sessionID, tokenID string) (bool, error) {
	// Asked first: what is confirmed after the look into memory may have been noted after it.
	current := r.heard.Current(r.now())
	if r.holds(Grant, grantID) || r.holds(Session, sessionID) || r.holds(Token, tokenID) {
		return true, nil
	}
	if current {
		return false, nil
	}
	return r.store.Void(ctx, grantID, sessionID, tokenID)
}

func (r *Register) holds(k Kind, subject string) bool {
	if subject == "" {
		return false
	}
	d := r.seeds.digest(k, subject)
	r.mu.RLock()
	_, ok := r.cutoffs[d]
	r.mu.RUnlock()
	return ok
}

// Note adds a cutoff that was stored.
func (r *Register) Note(c Cutoff) {
	d, expires := r.seeds.digest(c.Kind, c.Subject), c.ExpiresAt.Unix()
	r.mu.Lock()
	r.cutoffs[d] = max(r.cutoffs[d], expires)
	r.mu.Unlock()
}

// Load adds every live cutoff of the store. Call it when announcements begin to arrive, and
// whenever some may have been lost.
func (r *Register) Load(ctx context.Context) error {
	return r.store.Live(ctx, r.Note)
}

// Purge drops what expired some time before now, so that replicas whose clocks differ never
// miss a cutoff that still concerns a token.
func (r *Register) Purge(now time.Time) {
	const margin = time.Hour
	before := now.Add(-margin).Unix()
	r.mu.Lock()
	defer r.mu.Unlock()
	for d, expires := range r.cutoffs {
		if expires < before {
			delete(r.cutoffs, d)
		}
	}
}

// Len returns how many cutoffs the register holds, for the metrics.
func (r *Register) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.cutoffs)
}
