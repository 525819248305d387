package verify

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-id/signet/keys"
)

// digest is that of a token's signature segment. With the rest of the token, which its entry holds
// byte for byte, it identifies the token as written and only that: a token written differently is
// verified by itself and has an entry of its own. So nothing in memory is a token that could be
// used, and one that is seen again costs the digest of some hundred bytes.
type digest [sha256.Size]byte

// split returns what is signed and the digest of the signature. What is no token yields something
// that no entry has.
func split(token string) (input string, id digest) {
	dot := strings.LastIndexByte(token, '.')
	if dot < 0 {
		return token, digest{}
	}
	var buffer [344]byte // RS256 with 2048 bits has 342, ES256 86; the stack saves an allocation
	return token[:dot], sha256.Sum256(append(buffer[:0], token[dot+1:]...))
}

// entry is a token whose signature was good. It is not changed once it is in the cache.
type entry struct {
	input  string // a copy: a part of the token would keep all of it in memory
	claims *Claims
	key    keys.Key  // ID is the token's kid
	until  time.Time // when the token is of no more use
}

const (
	shardBits = 4
	shards    = 1 << shardBits
)

// cache remembers entries up to a fixed number, in shards so that cores do not wait for each
// other. It drops expired entries first, then those not asked for lately (second chance).
type cache struct {
	shards [shards]shard
}

type shard struct {
	mu    sync.RWMutex
	limit int
	index map[digest]*slot
	ring  []*slot // in no particular order; hand goes round
	hand  int
}

type slot struct {
	id   digest
	at   int // in ring
	e    *entry
	used atomic.Bool // since the hand last passed
}

func newCache(size int) *cache {
	c := &cache{}
	for i := range c.shards {
		c.shards[i].limit = (size + shards - 1) / shards
		c.shards[i].index = map[digest]*slot{}
	}
	return c
}

func (c *cache) shard(id digest) *shard { return &c.shards[id[0]>>(8-shardBits)] }

// get returns the entry of a token, nil if there is none. Whether it is still good is the caller's
// to say.
func (c *cache) get(input string, id digest) *entry {
	s := c.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := s.index[id]
	if found == nil || found.e.input != input {
		return nil
	}
	if !found.used.Load() { // readers of one token do not fight for its cache line
		found.used.Store(true)
	}
	return found.e
}

// put remembers e, and forgets another if there is no room. Two tokens with one signature would
// need a forger, or an issuer that is one: the later replaces the earlier.
func (c *cache) put(id digest, e *entry, now time.Time) {
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.index[id]; old != nil {
		old.e = e
		return
	}
	// Two steps for each newcomer: expired tokens go in time even if there is room.
	for range 2 {
		if next := s.next(); next != nil && !now.Before(next.e.until) {
			s.drop(next)
		}
	}
	for len(s.ring) >= s.limit {
		if next := s.next(); !next.used.Swap(false) || !now.Before(next.e.until) {
			s.drop(next)
		}
	}
	n := &slot{id: id, at: len(s.ring), e: e}
	s.index[id] = n
	s.ring = append(s.ring, n)
}

// next moves the hand by one, nil if there is nothing.
func (s *shard) next() *slot {
	if len(s.ring) == 0 {
		return nil
	}
	s.hand = (s.hand + 1) % len(s.ring)
	return s.ring[s.hand]
}

// drop forgets n; the last one takes its place.
func (s *shard) drop(n *slot) {
	last := len(s.ring) - 1
	s.ring[n.at] = s.ring[last]
	s.ring[n.at].at = n.at
	s.ring[last] = nil
	s.ring = s.ring[:last]
	delete(s.index, n.id)
}

// len returns the number of entries.
func (c *cache) len() (n int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.ring)
		s.mu.RUnlock()
	}
	return n
}

// sameKey reports whether two keys accept the same signatures. A jwks.Set hands out the same
// pointer for as long as a key is published; other sources may parse their keys anew.
func sameKey(a, b keys.Key) bool {
	if a.Algorithm != b.Algorithm {
		return false
	}
	switch p := a.Public.(type) {
	case *ecdsa.PublicKey:
		q, ok := b.Public.(*ecdsa.PublicKey)
		return ok && (p == q || p.Equal(q))
	case *rsa.PublicKey:
		q, ok := b.Public.(*rsa.PublicKey)
		return ok && (p == q || p.Equal(q))
	case ed25519.PublicKey:
		return p.Equal(b.Public)
	default:
		return false
	}
}
