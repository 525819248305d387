package keys_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/signet-id/signet/keys"
)

// trial is one verifier with the caches before it, in the life of one issuer.
type trial struct {
	rng    *rand.Rand
	issuer *issuer
	// worst is how probable it is that a choice is the worst one there is: 1 for always.
	worst   float64
	replica replica // that answers in the worst case
	quick   bool    // nobody takes long
	caches  [][]*cache
	*verifier

	count *tally
	trace []string
}

func (c *tally) String() string {
	return fmt.Sprintf("%d schedules, %d verifications, %d refused; besides %d of stolen and hurried keys, %d without any keys; steps: %v",
		c.schedules, c.verified, c.refused, c.exempt, c.unavailable, c.steps)
}

// tally is what came of the trials of a run.
type tally struct {
	schedules, verified, refused int
	// unavailable is how often a verifier had no document that it may use, because nobody could be
	// asked for longer than any cache keeps one; exempt how often a token was of a key that was
	// stolen, or that an emergency let sign before everybody knew it.
	unavailable, exempt int
	failures            []string // the first ones, with all that led to them
	steps               map[keys.Step]int
}

func (t *trial) bad() bool { return t.rng.Float64() < t.worst }

// choose returns a time of from to until inclusive; the worst one is until.
func (t *trial) choose(from, until instant) instant {
	if until <= from || t.bad() {
		return max(from, until)
	}
	switch d := until - from; t.rng.IntN(4) {
	case 0:
		return until - upTo(t.rng, time.Duration(1)<<t.rng.IntN(62)%(d+1))
	case 1:
		return from
	default:
		return from + upTo(t.rng, d)
	}
}

// newTrial builds a path. The caches that drop Age are as many as the schedule says; some that tell it
// may stand between them.
func newTrial(rng *rand.Rand, i *issuer, worst float64, count *tally) *trial {
	t := &trial{rng: rng, issuer: i, worst: worst, count: count}
	var up source = &origin{i, func() replica {
		if t.worst == 1 {
			return t.replica
		}
		return replica{late: -1, seed: rng.Uint64(), off: upTo(rng, 2*i.errors.publisher) - i.errors.publisher}
	}}
	m := manner(rng.IntN(int(manners)))
	if i.rule.Floor == 0 && m == ignores {
		m = lazy
	}
	refetch := i.rule.Refetch
	add := func(k habits, width int) {
		var layer []*cache
		for range width {
			layer = append(layer, t.newCache(up, refetch, k))
		}
		t.caches = append(t.caches, layer)
		up, refetch = anyOf{rng, layer}, i.rule.Refetch
	}
	for range i.rule.Caches - 1 {
		add(t.habits(), 1+t.luck(2))
	}
	// What Age rounds off, and a verifier that does not look at it, are not in N.
	if m != ignores && i.rule.Refetch > time.Second && t.luck(3) == 1 {
		add(habits{fromRequest: true, tellsAge: true, revalidates: true}, 1)
		refetch -= time.Second
	}
	t.verifier = &verifier{cache: t.newCache(up, refetch, t.habits()), rng: rng, manner: m, floor: i.rule.Floor}
	return t
}

// luck returns a random number below n, and 0 in the worst case.
func (t *trial) luck(n int) int {
	if t.bad() {
		return 0
	}
	return t.rng.IntN(n)
}

func (t *trial) habits() habits {
	return habits{fromRequest: t.luck(2) == 1, adds: t.luck(2) == 0, revalidates: t.luck(2) == 1}
}

func (t *trial) newCache(up source, refetch time.Duration, k habits) *cache {
	return &cache{up: up, refetch: refetch, kind: k, trip: func() (there, back time.Duration) {
		if t.quick && t.worst == 1 {
			return 0, 0
		}
		if t.quick || !t.bad() && t.rng.IntN(2) == 0 {
			refetch /= 16 // leaves time for those before it
		}
		all := t.choose(0, refetch)
		there = all - t.choose(0, all)
		return there, all - there
	}}
}

// path returns the caches from the issuer to the verifier, one of those that stand beside each other.
func (t *trial) path() []*cache {
	var all []*cache
	for _, layer := range t.caches {
		all = append(all, layer[t.rng.IntN(len(layer))])
	}
	return append(all, t.cache)
}

// activation looks for a verifier that does not know a key when it begins to sign: the first cache asks
// just before it could have heard of it, each one after that when the one before is about to give up its
// document, and nobody reaches the issuer then.
func (t *trial) activation(k keys.Key) {
	s := t.issuer.rule
	t.replica = replica{late: 1, off: -t.issuer.errors.publisher}
	at := since(k.PublishedAt) + s.Propagation - 1
	if !t.bad() {
		at -= upTo(t.rng, s.MinLead())
	}
	for _, c := range t.path() {
		own := c == t.cache
		if own {
			t.next = at
		}
		t.note("asks at %v", at)
		if own && t.manner == prefetches {
			t.work(at)
		} else {
			c.ask(at)
		}
		have, ok := c.latest(at + s.Refetch)
		if !ok {
			return
		}
		t.note("has a document that was served at %v, of age %v, at %v; kept for %v", have.served, have.at-have.base, have.at, c.kind.keep(have.rule))
		until := have.base + c.kind.keep(have.rule) - 1
		if own {
			until = t.limit(have.at) - 1
		}
		at = t.choose(have.at, until)
		if at-have.base >= have.rule.MaxAge {
			after := time.Duration(1)
			if t.rng.IntN(4) == 0 {
				after += upTo(t.rng, s.StaleIfError)
			}
			c.down = append(c.down, span{have.at + 1, at + after})
		}
	}
	t.try(at, at)
	t.quick = true
	for range 4 {
		at += upTo(t.rng, time.Duration(1)<<t.rng.IntN(40))
		t.try(at, at)
	}
	t.try(max(at, since(k.ActivatedAt)), since(k.ActivatedAt))
}

// removal looks for a token that is still good when a verifier has heard that its key is gone: a replica
// that is late signed it, and one that is early does not publish its key.
func (t *trial) removal(k keys.Key) {
	i, s := t.issuer, t.issuer.rule
	signed := t.choose(since(k.ActivatedAt), since(k.RetiredAt)+s.SignerLag-1)
	key, ok := i.signer(signed, signed-t.choose(0, s.SignerLag))
	if !ok {
		return
	}
	expiry := signed + t.choose(-i.errors.signer, i.errors.signer) + t.choose(1, s.MaxLifetime)
	t.note("a token is signed at %v, until %v", signed, expiry)
	t.judge(key, signed, expiry, since(k.RemovedAt))
}

// judge looks at a token at the end of its time, with a verifier that asked after its key was removed, if
// that was before.
func (t *trial) judge(key int, signed, expiry, removed instant) {
	e := t.issuer.errors
	at := t.choose(signed, expiry+e.leeway+e.verifier-1)
	t.quick, t.replica = true, replica{off: e.publisher}
	first := min(max(removed-e.publisher, signed), at)
	if !t.bad() {
		first = signed + upTo(t.rng, at-signed)
	}
	if t.manner == prefetches {
		t.next = first
	}
	t.known(first)
	t.verify(key, expiry, at)
	t.verify(key, expiry, t.choose(at, expiry+e.leeway+e.verifier-1))
}

// anything lets time pass around an instant: others ask the caches, links break, and tokens of all
// replicas come.
func (t *trial) anything(around instant) {
	s := t.issuer.rule
	width := 1 + upTo(t.rng, time.Duration(1)<<t.rng.IntN(62)%(4*s.MinLead()))
	from := max(0, around-width/2)
	var times []instant
	for range 24 {
		times = append(times, from+upTo(t.rng, width))
	}
	slices.Sort(times)
	path := t.path()
	for _, c := range path {
		for range t.rng.IntN(3) {
			at := from + upTo(t.rng, width)
			c.down = append(c.down, span{at, at + upTo(t.rng, s.StaleIfError)})
		}
	}
	t.next = from
	for _, at := range times {
		if t.rng.IntN(3) == 0 {
			path[t.rng.IntN(len(path))].ask(at)
			continue
		}
		t.try(at, max(0, at-upTo(t.rng, s.MaxLifetime)))
	}
}

// try has a token signed and judged, each at an instant.
func (t *trial) try(at, signed instant) {
	i, s := t.issuer, t.issuer.rule
	now := t.choose(signed-s.SignerLag, signed+s.SignerLag)
	heard := min(signed, now)
	if !t.bad() { // a replica that the database is out of reach for goes on as long as its lease
		heard = signed - upTo(t.rng, s.Lease())
	}
	key, ok := i.signer(heard, now)
	if !ok || at < signed {
		return
	}
	t.note("a replica signs at %v with the key %d", signed, key)
	t.verify(key, signed+t.choose(-i.errors.signer, i.errors.signer)+t.choose(1, s.MaxLifetime), at)
}

// verify judges a token as a verifier does that honours the headers and asks for no key that it does not
// know.
func (t *trial) verify(key int, expiry, at instant) {
	e := t.issuer.errors
	if at >= expiry+e.leeway+e.verifier || at < 0 || at >= t.issuer.life.end {
		return
	}
	if k := t.issuer.key(key); !k.CompromisedAt.IsZero() || at < t.issuer.early[key] {
		t.count.exempt++
		return
	}
	known, ok := t.known(at)
	if !ok {
		t.count.unavailable++
		return
	}
	// Whoever had to wait for a document looks at the time when it is there.
	if max(at, known.at) >= expiry+e.leeway+e.verifier {
		return
	}
	t.count.verified++
	if !known.set.has(key) {
		t.note("at %v a token of the key %d, good until %v, is refused: its document was served at %v", at, key, expiry, known.served)
		t.fail()
	}
}

func (t *trial) note(format string, args ...any) {
	t.trace = append(t.trace, fmt.Sprintf(format, args...))
}

func (t *trial) fail() {
	t.count.refused++
	if len(t.count.failures) > 3 {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "schedule %+v\nclocks %+v, manner %d\n", t.issuer.rule, t.issuer.errors, t.manner)
	for n, k := range t.issuer.ring() {
		fmt.Fprintf(&b, "  key %d: published %v, active %v, retired %v, removed %v, stolen %v, signed until %v\n", n,
			since(k.PublishedAt), since(k.ActivatedAt), since(k.RetiredAt), since(k.RemovedAt), since(k.CompromisedAt), since(k.MaxExpiry))
	}
	for _, line := range t.trace {
		b.WriteString("  " + line + "\n")
	}
	t.count.failures = append(t.count.failures, b.String())
}
