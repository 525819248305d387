package keys_test

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/signet-id/signet/keys"
)

// answer is what comes of a request for the document.
type answer struct {
	ok     bool
	set    keySet
	rule   keys.Schedule // of which the headers are
	age    time.Duration // that the header Age tells
	at     instant       // when it is there, or the failure is
	served instant       // when the issuer served it; for traces
}

// source is where a document can be asked for.
type source interface{ ask(at instant) answer }

// origin is the issuer behind its load balancer: one replica or another answers.
type origin struct {
	issuer  *issuer
	replica func() replica
}

func (o *origin) ask(at instant) answer {
	set, rule := o.issuer.published(at, o.replica())
	return answer{ok: set != 0, set: set, rule: rule, at: at, served: at}
}

// anyOf are caches beside each other, of which one is asked each time.
type anyOf struct {
	rng *rand.Rand
	of  []*cache
}

func (a anyOf) ask(at instant) answer { return a.of[a.rng.IntN(len(a.of))].ask(at) }

// cache keeps documents as their headers say. A verifier has one of its own.
type cache struct {
	up   source
	down []span // when the way to up, or up itself, does not work
	// trip is how long a request takes to get to up, and the answer back; refetch bounds all of it.
	trip    func() (there, back time.Duration)
	refetch time.Duration
	kind    habits
	held    []stored
}

// habits are what caches do differently.
type habits struct {
	// fromRequest counts the age of a document from its request, as RFC 9111 §4.2.3 says, and not
	// from its arrival.
	fromRequest bool
	// tellsAge sends the header Age, in whole seconds (RFC 9111 §5.1).
	tellsAge bool
	// adds lets stale-if-error begin when stale-while-revalidate is over; RFC 5861 §4 lets both begin
	// when the document becomes stale.
	adds bool
	// revalidates serves what is stale while it asks (RFC 5861 §3).
	revalidates bool
}

// stored is a document in a cache.
type stored struct {
	answer
	base instant // from when its age counts
}

// keep is how long a document may be used, from its base on.
func (h habits) keep(s keys.Schedule) time.Duration {
	if h.adds {
		return s.MaxAge + s.StaleWhileRevalidate + s.StaleIfError
	}
	return s.MaxAge + max(s.StaleWhileRevalidate, s.StaleIfError)
}

// latest returns what arrived last.
func (c *cache) latest(at instant) (stored, bool) {
	var found stored
	for _, s := range c.held {
		if s.at <= at && (!found.ok || s.at >= found.at) {
			found = s
		}
	}
	return found, found.ok
}

func (c *cache) ask(at instant) answer {
	have, ok := c.latest(at)
	age := at - have.base
	switch {
	case ok && age < have.rule.MaxAge:
		return c.serve(have, at)
	case ok && c.kind.revalidates && age < have.rule.MaxAge+have.rule.StaleWhileRevalidate:
		c.fetch(at)
		return c.serve(have, at)
	}
	got, done, fetched := c.fetch(at)
	switch {
	case fetched:
		return c.serve(got, done)
	case ok && age < c.kind.keep(have.rule):
		return c.serve(have, done)
	}
	return answer{at: done}
}

func (c *cache) serve(s stored, at instant) answer {
	a := s.answer
	a.age = 0
	if c.kind.tellsAge {
		a.age = (at - s.base).Truncate(time.Second)
	}
	a.at = at
	return a
}

// fetch asks and stores the answer.
func (c *cache) fetch(at instant) (s stored, done instant, ok bool) {
	there, back := c.trip()
	if covered(c.down, at) {
		return stored{}, at + there, false
	}
	a := c.up.ask(at + there)
	a.at += back
	if a.at-at > c.refetch {
		return stored{}, at + c.refetch, false
	}
	if !a.ok {
		return stored{}, a.at, false
	}
	s = stored{answer: a, base: a.at - a.age}
	if c.kind.fromRequest {
		s.base = at - a.age
	}
	if len(c.held) > 24 {
		c.held = slices.Delete(c.held, 0, 8)
	}
	c.held = append(c.held, s)
	return s, a.at, true
}

// manner is how a verifier looks after its document.
type manner int

const (
	lazy       manner = iota // it asks when a token comes and the document is stale, like any cache
	prefetches               // it asks in the background at 80 % of max-age, and again and again on errors
	ignores                  // it asks every F and does not look at headers
	manners
)

// verifier is the last cache of the path.
type verifier struct {
	*cache
	rng    *rand.Rand
	manner manner
	floor  time.Duration
	next   instant // prefetches: when it asks again
}

// work does what a verifier does by itself until an instant.
func (v *verifier) work(until instant) {
	for n := 0; v.manner == prefetches && v.next <= until && n < 500; n++ {
		s, done, ok := v.fetch(v.next)
		wait := time.Second + upTo(v.rng, time.Minute)
		if ok {
			wait = max(s.base+s.rule.MaxAge*8/10-done, time.Second)
		}
		v.next = done + wait
	}
}

// known returns the set that the verifier may use for a token that comes at an instant; none if it has
// none because the issuer has been out of reach for too long.
func (v *verifier) known(at instant) (answer, bool) {
	v.work(at)
	have, ok := v.latest(at)
	switch v.manner {
	case prefetches:
		if ok && at-have.base < v.kind.keep(have.rule) {
			return have.answer, true
		}
	case ignores:
		if ok && at-have.at < v.floor {
			return have.answer, true
		}
	default:
		a := v.ask(at)
		return a, a.ok
	}
	s, _, ok := v.fetch(at)
	return s.answer, ok
}

// limit returns when what the verifier holds at an instant may no longer be used.
func (v *verifier) limit(at instant) instant {
	have, ok := v.latest(at)
	switch {
	case !ok:
		return at
	case v.manner == ignores:
		return have.at + v.floor
	}
	return have.base + v.kind.keep(have.rule)
}
