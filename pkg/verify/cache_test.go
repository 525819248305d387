package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
	"time"
)

var t0 = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// number returns a digest that lies in shard 0.
func number(n int) digest {
	var d digest
	binary.BigEndian.PutUint64(d[8:], uint64(n))
	return d
}

func until(d time.Duration) *entry { return &entry{until: t0.Add(d)} }

func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 16, 100, 4096} {
		c := newCache(size)
		for n := range 3*size + 1000 {
			c.put(sha256.Sum256(fmt.Append(nil, n)), until(time.Hour), t0)
		}
		if n := c.len(); n > size+shards || n < size/2 {
			t.Errorf("a cache of %d holds %d", size, n)
		}
		for i := range c.shards {
			s := &c.shards[i]
			if len(s.index) != len(s.ring) {
				t.Fatalf("shard %d: %d in the index, %d in the ring", i, len(s.index), len(s.ring))
			}
			for at, slot := range s.ring {
				if slot.at != at || s.index[slot.id] != slot {
					t.Fatalf("shard %d: the slot at %d says %d", i, at, slot.at)
				}
			}
		}
	}
}

func TestWhatIsAskedForStays(t *testing.T) {
	t.Parallel()
	c := newCache(16 * 8) // eight in shard 0
	hot := until(time.Hour)
	c.put(number(0), hot, t0)
	for n := 1; n < 1000; n++ {
		c.put(number(n), until(time.Hour), t0)
		if c.get("", number(0)) != hot {
			t.Fatalf("the token in use was forgotten after %d others", n)
		}
	}
	if c.get("", number(1)) != nil {
		t.Error("a token that nobody asked for is still there")
	}
}

func TestExpiredTokensGoFirst(t *testing.T) {
	t.Parallel()
	c := newCache(16 * 8)
	for n := range 7 {
		c.put(number(n), until(time.Minute), t0)
		c.get("", number(n)) // in use, and of no use later
	}
	good := until(time.Hour)
	c.put(number(100), good, t0)
	later := t0.Add(2 * time.Minute)
	for n := 200; n < 204; n++ {
		c.put(number(n), until(time.Hour), later)
	}
	if c.get("", number(100)) != good {
		t.Error("a good token was forgotten while expired ones were there")
	}
	for n := 200; n < 204; n++ {
		if c.get("", number(n)) == nil {
			t.Errorf("the newcomer %d was forgotten while expired ones were there", n)
		}
	}
}

func TestExpiredTokensGoFirstWhereverTheyAre(t *testing.T) {
	t.Parallel()
	for at := range 8 {
		c := newCache(16 * 8)
		for n := range 8 {
			life := time.Hour
			if n == at {
				life = time.Minute
			}
			c.put(number(n), until(life), t0)
			c.get("", number(n))
		}
		c.put(number(100), until(time.Hour), t0.Add(2*time.Minute))
		for n := range 8 {
			if found := c.get("", number(n)) != nil; found == (n == at) {
				t.Errorf("with the expired one at %d: %d is there: %v", at, n, found)
			}
		}
	}
}

// Personal data must not lie about for as long as there happens to be room.
func TestExpiredTokensGoThoughThereIsRoom(t *testing.T) {
	t.Parallel()
	c := newCache(16 * 1000)
	for n := range 100 {
		c.put(number(n), until(time.Minute), t0)
	}
	later := t0.Add(2 * time.Minute)
	for n := 1000; n < 1200; n++ {
		c.put(number(n), until(time.Hour), later)
	}
	for n := range 100 {
		if c.get("", number(n)) != nil {
			t.Fatalf("the expired token %d is still there", n)
		}
	}
	for n := 1000; n < 1200; n++ {
		if c.get("", number(n)) == nil {
			t.Fatalf("the good token %d is gone", n)
		}
	}
}

// A good signature vouches for the bytes it was found under and for no others.
func TestASignatureFindsOnlyWhatItSigned(t *testing.T) {
	t.Parallel()
	c := newCache(16)
	input, id := split("header.payload.signature")
	e := &entry{input: input, until: t0.Add(time.Hour)}
	c.put(id, e, t0)
	for token, want := range map[string]*entry{
		"header.payload.signature": e, "header.payloae.signature": nil, ".signature": nil, "signature": nil, "": nil,
		"header.payload.signaturf": nil, "header.payload": nil, "header.payload.": nil, "x.header.payload.signature": nil,
	} {
		if c.get(split(token)) != want {
			t.Errorf("%q: found = %v", token, want == nil)
		}
	}
}

func TestPutReplaces(t *testing.T) {
	t.Parallel()
	c := newCache(16)
	a, b := until(time.Hour), until(time.Hour)
	c.put(number(1), a, t0)
	c.put(number(1), b, t0)
	if c.get("", number(1)) != b || c.len() != 1 {
		t.Errorf("%d entries", c.len())
	}
}
