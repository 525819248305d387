package keys_test

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/signet-id/signet/keys"
)

// instant is a moment of simulated time: what has passed since t0, by the database's clock.
type instant = time.Duration

func moment(at instant) time.Time { return t0.Add(at) }

// since is the instant of a time; -1 for one that is not decided.
func since(t time.Time) instant {
	if t.IsZero() {
		return -1
	}
	return t.Sub(t0)
}

// keySet is a set of the keys of one issuer, by their places in its ring.
type keySet uint64

func (s keySet) has(key int) bool { return s&(1<<key) != 0 }

// maxKeys is how many keys one simulated issuer may have in its life.
const maxKeys = bits.UintSize

// span is a time during which something does not work.
type span struct{ from, until instant }

func (s span) covers(at instant) bool { return s.from <= at && at < s.until }

func covered(spans []span, at instant) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.covers(at) })
}

// version is what the database holds from one commit to the next one.
type version struct {
	at   instant
	took time.Duration // from the decision to the commit, which is a part of D
	ring []keys.Key    // in the order in which they were made; its places do not change
	rule keys.Schedule
}

// token is one that lives longer than T and whose expiry was stored before it was signed.
type token struct {
	key    int
	signed instant
	expiry instant // what exp says
}

// life is what happens to an issuer besides the rotation.
type life struct {
	end       instant
	outages   []span // of all rotators
	rotations []instant
	thefts    []instant
	long      []instant     // when a token that lives longer than T is signed
	beyond    time.Duration // how much longer than T these live, their expiry not stored against the rule; 0 for a random time, and stored
	change    instant       // when the settings change, 0 for never
	to        keys.Schedule
	pace      pace
}

// pace is how soon the rotator acts when there is something to do.
type pace int

const (
	varying pace = iota // within D/2, as random has it
	prompt              // at once
	slow                // D later
)

// issuer is the database and its rotators: from keys.Schedule.Begin on, every change of the ring is one
// that the planner of package keys asked for.
type issuer struct {
	rng      *rand.Rand
	life     life
	rule     keys.Schedule // in force
	wake     instant       // when the rotator acts next
	errors   errorsOfClocks
	versions []version
	long     []token
	// early are the keys that an emergency let sign before they were published for Lead, and until
	// when verifiers may not know them.
	early map[int]instant
	// steps counts what the planner asked for.
	steps  map[keys.Step]int
	hands  []instant // when something else was done than rotating
	faults []string
}

// errorsOfClocks are the shares of S: what verifiers tolerate, and how much every clock is off.
type errorsOfClocks struct{ leeway, verifier, signer, publisher time.Duration }

// share divides S at random; none of the parts is needed.
func share(rng *rand.Rand, s keys.Schedule) errorsOfClocks {
	var part [4]time.Duration
	left := s.Leeway
	for _, i := range rng.Perm(4) {
		part[i] = upTo(rng, left)
		left -= part[i]
	}
	// A replica whose clock is behind publishes late, which is a part of D.
	late := max(0, part[3]-s.Propagation)
	part[3] -= late
	part[rng.IntN(3)] += left + late
	return errorsOfClocks{part[0], part[1], part[2], part[3]}
}

// upTo returns a random duration of 0 to d inclusive.
func upTo(rng *rand.Rand, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(rng.Int64N(int64(d) + 1))
}

// live runs an issuer to the end of a life.
func live(rng *rand.Rand, s keys.Schedule, l life) *issuer {
	i := &issuer{rng: rng, life: l, rule: s, errors: share(rng, s), early: map[int]instant{}, steps: map[keys.Step]int{}}
	i.commit(s.Begin(t0, t0), 0)
	i.wake = i.due(0)
	for n := 0; ; n++ {
		at, act := i.next()
		if n > 1000 {
			i.fault(at, "there is no end of changes")
			break
		}
		if at >= l.end || len(i.ring()) > maxKeys-4 {
			break
		}
		act(at)
		i.wake = min(i.wake, i.due(at)+i.late())
	}
	i.life.end = min(i.life.end, i.last().at)
	i.checkStates()
	return i
}

func (i *issuer) last() version    { return i.versions[len(i.versions)-1] }
func (i *issuer) ring() []keys.Key { return i.last().ring }

// late is how long the rotator takes to notice that there is something to do.
func (i *issuer) late() time.Duration {
	switch i.life.pace {
	case prompt:
		return 0
	case slow:
		return i.rule.Propagation
	case varying:
	}
	return upTo(i.rng, i.rule.Propagation/2)
}

// next returns what happens next and when: the rotator acts, or somebody else does.
func (i *issuer) next() (instant, func(instant)) {
	at, act := i.wake, i.rotate
	for _, o := range i.life.outages {
		if o.covers(at) {
			at = o.until + i.late()
		}
	}
	sooner := func(events *[]instant, do func(instant)) {
		if len(*events) > 0 && (*events)[0] < at {
			at, act = (*events)[0], func(now instant) {
				*events = (*events)[1:]
				i.hands = append(i.hands, now)
				do(now)
			}
		}
	}
	sooner(&i.life.rotations, i.rotateByHand)
	sooner(&i.life.thefts, i.revoke)
	sooner(&i.life.long, i.signLong)
	if c := i.life.change; c > 0 && c < at {
		at, act = c, i.restart
	}
	// PostgreSQL counts microseconds, and one transaction follows the other.
	return max(at+time.Microsecond-1, i.last().at+time.Microsecond).Truncate(time.Microsecond), act
}

// due returns when the rotator may have something to do again: at once after somebody else changed
// something, and when the time of a key comes, or of what the planner counts from it.
func (i *issuer) due(now instant) instant {
	if _, ok := i.rule.Step(i.ring(), moment(now)); ok {
		return now
	}
	soonest := i.life.end
	for _, k := range i.ring() {
		for _, t := range []time.Time{
			k.PublishedAt, k.ActivatedAt, k.ActivatedAt.Add(-i.rule.Propagation), k.RetiredAt,
			k.RetiredAt.Add(i.rule.SignerLag), k.RemovedAt, k.RemovedAt.Add(i.rule.Propagation + i.rule.Leeway),
		} {
			if at := since(t); at > now && at < soonest {
				soonest = at
			}
		}
	}
	return soonest
}

// rotate is what one rotator does when it wakes. Others wake at the same time and find nothing to do.
func (i *issuer) rotate(now instant) {
	i.wake = i.life.end
	for n := 0; ; n++ {
		c, ok := i.rule.Step(i.ring(), moment(now))
		if !ok {
			return
		}
		if n > 32 {
			i.fault(now, "the planner never comes to an end: %+v", c)
			return
		}
		i.commit(c, now)
		now = max(now, i.last().at+time.Microsecond).Truncate(time.Microsecond)
	}
}

func (i *issuer) rotateByHand(now instant) {
	c, at, err := i.rule.Rotate(i.ring(), moment(now))
	if err != nil {
		if !i.disturbed(now) {
			i.fault(now, "rotate: %v", err)
		}
		return
	}
	if len(c.Keys) > 0 {
		i.commit(c, now)
	}
	if at.Before(moment(now)) {
		i.fault(now, "a rotation was promised for %v", at)
	}
}

// revoke says that a key was stolen, whichever that is.
func (i *issuer) revoke(now instant) {
	var alive []keys.Key
	for _, k := range i.ring() {
		if k.Publishable(moment(now)) {
			alive = append(alive, k)
		}
	}
	if len(alive) == 0 {
		i.fault(now, "no key is published")
		return
	}
	c, err := i.rule.Revoke(i.ring(), alive[i.rng.IntN(len(alive))].ID, moment(now))
	if err != nil {
		i.fault(now, "revoke: %v", err)
		return
	}
	i.commit(c, now)
}

// restart starts all replicas with other settings.
func (i *issuer) restart(now instant) {
	i.life.change, i.rule = 0, i.life.to
	c, ok := i.rule.Align(i.ring(), moment(now))
	if !ok {
		c = keys.Change{Step: "settings"}
	}
	i.commit(c, now)
}

// signLong signs a token that lives longer than T, as late as replicas may, and stores its expiry first.
func (i *issuer) signLong(now instant) {
	lag := i.rule.SignerLag
	if i.life.beyond == 0 {
		lag = upTo(i.rng, lag)
	}
	key, ok := i.signer(now, now-lag)
	if !ok {
		return
	}
	expiry := now + i.errors.signer + i.rule.MaxLifetime + i.life.beyond
	if i.life.beyond == 0 {
		expiry += time.Microsecond + upTo(i.rng, 3*i.rule.Removal)
		k := i.ring()[key]
		if moment(expiry).After(k.MaxExpiry) {
			k.MaxExpiry = moment(expiry)
			i.commit(keys.Change{Step: "watermark", Keys: []keys.Key{k}}, now)
		}
	}
	i.long = append(i.long, token{key, max(now, i.last().at), expiry})
}

// commit makes a change, looks whether it was one that may be made, and which it was.
func (i *issuer) commit(c keys.Change, now instant) {
	i.steps[c.Step]++
	var ring []keys.Key
	if len(i.versions) > 0 {
		ring = slices.Clone(i.ring())
	}
	for _, k := range c.Keys {
		place := slices.IndexFunc(ring, func(o keys.Key) bool { return o.ID == k.ID })
		if place < 0 {
			i.fault(now, "%s changes the key %s, which there is not", c.Step, k.ID)
			return
		}
		i.checkChange(c.Step, ring[place], k, now)
		ring[place] = k
	}
	for _, made := range c.New {
		k := keys.Key{ID: fmt.Sprintf("k%d", len(ring)), Algorithm: keys.ES256}.Made(made)
		i.checkChange(c.Step, keys.Key{ID: k.ID}, k, now)
		ring = append(ring, k)
	}
	for place, k := range ring {
		known := since(k.PublishedAt) + i.rule.Lead
		switch {
		case place == 0 || k.ActivatedAt.IsZero() || since(k.ActivatedAt) >= known || since(k.RemovedAt) >= 0:
		case c.Step == keys.StepRevoke || c.Step == keys.StepTakeOver:
			i.early[place] = known
		case i.early[place] == 0 && c.Step != "settings":
			i.fault(now, "%s lets the key %s sign %v after its publication", c.Step, k.ID, k.ActivatedAt.Sub(k.PublishedAt))
		}
	}
	took := time.Duration(0)
	if len(i.versions) > 0 && i.life.pace == varying {
		took = upTo(i.rng, i.rule.Propagation/4)
	}
	i.versions = append(i.versions, version{now + took, took, ring, i.rule})
}

// replica is one that publishes.
type replica struct {
	// late is how late it hears of what was committed: 0 at once, 1 as late as D allows, and less
	// than 0 at random.
	late float64
	seed uint64
	off  time.Duration // how much its clock is ahead
}

func (r replica) delay(n int, v version) time.Duration {
	part := r.late
	if part < 0 {
		part = rand.New(rand.NewPCG(r.seed, uint64(n))).Float64()
	}
	return time.Duration(part * float64(v.rule.Propagation-v.took))
}

// published returns the document that a replica serves at an instant: the latest version that has come to
// it, by its clock.
func (i *issuer) published(at instant, r replica) (keySet, keys.Schedule) {
	for n := i.before(at); n >= 0; n-- {
		v := i.versions[n]
		if n > 0 && v.at+r.delay(n, v) > at {
			continue
		}
		var set keySet
		rule := v.rule
		now := moment(at + r.off)
		for place, k := range v.ring {
			if k.Publishable(now) {
				set |= 1 << place
			}
			if !k.CompromisedAt.IsZero() && now.Before(k.CompromisedAt.Add(keys.Emergency)) {
				rule = v.rule.Hurried()
			}
		}
		return set, rule
	}
	return 0, i.rule
}

// before returns which version was the last one committed at an instant, -1 for none.
func (i *issuer) before(at instant) int {
	n, _ := slices.BinarySearchFunc(i.versions, at, func(v version, at instant) int {
		if v.at <= at {
			return -1
		}
		return 1
	})
	return n - 1
}

// signer returns the key with which a replica signs that last heard of the ring at heard and whose
// clock shows now.
func (i *issuer) signer(heard, now instant) (int, bool) {
	n := i.before(heard)
	if n < 0 {
		return 0, false
	}
	place := slices.IndexFunc(i.versions[n].ring, func(k keys.Key) bool { return k.CanSign(moment(now)) })
	return place, place >= 0
}

// key returns what became of a key.
func (i *issuer) key(place int) keys.Key { return i.ring()[place] }

func (i *issuer) fault(at instant, format string, args ...any) {
	if len(i.faults) < 8 {
		i.faults = append(i.faults, fmt.Sprintf("%v: ", at)+fmt.Sprintf(format, args...))
	}
}
