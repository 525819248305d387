package keys

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Step is what one Change does. The names are for logs and audits.
type Step string

// The steps.
const (
	// StepBegin makes the first two keys of an algorithm.
	StepBegin Step = "begin"
	// StepPublish makes and publishes the key that is to sign after those there are.
	StepPublish Step = "publish"
	// StepPlan says when the next key takes over, or moves that time.
	StepPlan Step = "plan"
	// StepTakeOver lets the next key sign at once, because no key may sign.
	StepTakeOver Step = "take_over"
	// StepPlanRemoval says when a key that has retired is removed, or puts it off.
	StepPlanRemoval Step = "plan_removal"
	// StepErase destroys the private half of a removed key.
	StepErase Step = "erase"
	// StepClose ends an algorithm that is no longer in use.
	StepClose Step = "close"
	// StepRotate lets the next key sign as soon as nobody notices; people ask for it.
	StepRotate Step = "rotate"
	// StepRevoke removes a stolen key at once; people ask for it.
	StepRevoke Step = "revoke"
)

// Change is one step of a rotation. It is to be made as a whole.
type Change struct {
	Step Step
	// Keys are those of the ring that change, as they shall be.
	Keys []Key
	// New are the lives of keys that are to be made: times without ID, Algorithm and Public.
	New []Key
}

// Made returns a key that has the times of a life in Change.New.
func (k Key) Made(life Key) Key {
	life.ID, life.Algorithm, life.Public = k.ID, k.Algorithm, k.Public
	return life
}

// ErrNoNextKey says that there is no key that could sign next.
var ErrNoNextKey = errors.New("keys: there is no next key yet")

// Begin returns the first two keys of an algorithm: both are published now, and the first signs
// from activate on, which is Lead later if verifiers may hold a document already.
func (s Schedule) Begin(now, activate time.Time) Change {
	next := activate.Add(s.Period)
	return Change{Step: StepBegin, New: []Key{
		{CreatedAt: now, PublishedAt: now, ActivatedAt: activate, RetiredAt: next},
		{CreatedAt: now, PublishedAt: now, ActivatedAt: next},
	}}
}

// Step returns the one thing that is to be done at now with the keys of one algorithm, and whether
// there is any. ring holds all of them, those removed and not yet erased included, in any order.
// A ring without keys is for Begin.
//
// Every time is decided one period ahead: when a key starts to sign, its successor is published
// already, and when that one takes over is part of both. So all signers change at the same instant,
// whether or not they hear of anything meanwhile.
func (s Schedule) Step(ring []Key, now time.Time) (Change, bool) {
	signing, waiting := sort(ring, now)
	switch {
	case len(signing) == 0 && len(waiting) > 0:
		// A ring that has not begun yet waits for its first activation.
		if begun(ring, now) || waiting[0].RetiredAt.IsZero() {
			first := waiting[0]
			first.PublishedAt, first.ActivatedAt, first.RetiredAt = earliest(first.PublishedAt, now), now, time.Time{}
			return Change{Step: StepTakeOver, Keys: []Key{first}}, true
		}
	case len(signing) > 0:
		if c, ok := s.succeed(signing, waiting, now); ok {
			return c, true
		}
	}
	if len(signing) == 0 && len(waiting) > 0 {
		if c, ok := s.succeed(waiting[:1], waiting[1:], now); ok {
			return c, true
		}
	}
	for _, k := range ring {
		// While replicas may still sign with it, a token that lives longer than MaxLifetime may come:
		// a removal planned before that would come too early if no rotator is there to put it off.
		final := reached(k.RetiredAt.Add(s.SignerLag), now)
		if want := s.Removes(k); final && k.State(now) == Retiring && k.RemovedAt.Before(want) {
			k.RemovedAt = want
			return Change{Step: StepPlanRemoval, Keys: []Key{k}}, true
		}
	}
	for _, k := range ring {
		if s.erasable(k, now) {
			k.ErasedAt = now
			return Change{Step: StepErase, Keys: []Key{k}}, true
		}
	}
	return Change{}, false
}

// succeed sees to it that the key which signs, the last of signing, has a published successor, that
// both know when it takes over, and that the one after it is published before it does.
func (s Schedule) succeed(signing, waiting []Key, now time.Time) (Change, bool) {
	for _, stray := range signing[:len(signing)-1] {
		if stray.RetiredAt.IsZero() { // somebody activated two
			stray.RetiredAt = now
			return Change{Step: StepPlan, Keys: []Key{stray}}, true
		}
	}
	last := signing[len(signing)-1]
	for i, next := range waiting {
		if next.PublishedAt.IsZero() {
			next.PublishedAt = now
			next.ActivatedAt = time.Time{}
			return s.plan(StepPlan, last, next, s.due(last, next, now)), true
		}
		if next.ActivatedAt.IsZero() || !last.RetiredAt.Equal(next.ActivatedAt) {
			return s.plan(StepPlan, last, next, s.due(last, next, now)), true
		}
		if least := next.PublishedAt.Add(s.Lead); next.ActivatedAt.Before(least) { // planned with a shorter lead
			return s.move(StepPlan, last, waiting[i:], least, now), true
		}
		last = next
	}
	if len(waiting) > 0 && last.ActivatedAt.Sub(now) > s.Propagation {
		return Change{}, false
	}
	if len(waiting) > 1 {
		return Change{}, false
	}
	// There is no next key, or the only one is about to sign and then is none.
	fresh := Key{CreatedAt: now, PublishedAt: now}
	fresh.ActivatedAt = s.due(last, fresh, now)
	last.RetiredAt = fresh.ActivatedAt
	return Change{Step: StepPublish, Keys: []Key{last}, New: []Key{fresh}}, true
}

// due returns when next takes over from last: a period after last did, but not before next was
// published for the lead, nor in the past.
func (s Schedule) due(last, next Key, now time.Time) time.Time {
	return latest(last.ActivatedAt.Add(s.Period), next.PublishedAt.Add(s.Lead), now)
}

func (s Schedule) plan(step Step, last, next Key, at time.Time) Change {
	last.RetiredAt, next.ActivatedAt = at, at
	return Change{Step: step, Keys: []Key{last, next}}
}

// move plans that the first of waiting takes over from last at that time, and the one after it when
// it is due then.
func (s Schedule) move(step Step, last Key, waiting []Key, at, now time.Time) Change {
	c := s.plan(step, last, waiting[0], at)
	if len(waiting) > 1 {
		after := waiting[1]
		after.ActivatedAt = s.due(c.Keys[1], after, now)
		c.Keys[1].RetiredAt = after.ActivatedAt
		c.Keys = append(c.Keys, after)
	}
	return c
}

// Align returns the change that a planned activation needs because it was planned by another
// schedule: it comes earlier if it is due earlier. (Step puts off what would come too early.)
// Call it once after a start, not again and again: replicas whose settings differ for the time of
// an upgrade would take turns.
func (s Schedule) Align(ring []Key, now time.Time) (Change, bool) {
	signing, waiting := sort(ring, now)
	if len(signing) == 0 || len(waiting) == 0 {
		return Change{}, false
	}
	last, next := signing[len(signing)-1], waiting[0]
	if due := s.due(last, next, now); !next.PublishedAt.IsZero() && next.ActivatedAt.After(due) {
		return s.move(StepPlan, last, waiting, due, now), true
	}
	return Change{}, false
}

// Rotate returns the change by which the next key takes over as soon as no verifier can notice: at
// once, if it has been published for Lead, else when it has. It reports when that is; without a
// change if it is planned for then or earlier already. The error is ErrNoNextKey.
func (s Schedule) Rotate(ring []Key, now time.Time) (c Change, at time.Time, err error) {
	signing, waiting := sort(ring, now)
	if len(signing) == 0 || len(waiting) == 0 || waiting[0].PublishedAt.IsZero() {
		return Change{}, time.Time{}, ErrNoNextKey
	}
	last, next := signing[len(signing)-1], waiting[0]
	at = latest(next.PublishedAt.Add(s.Lead), now)
	if !next.ActivatedAt.IsZero() && !next.ActivatedAt.After(at) {
		return Change{}, next.ActivatedAt, nil
	}
	c = s.move(StepRotate, last, waiting, at, now)
	if len(waiting) == 1 && at.Sub(now) <= s.Propagation {
		s.follow(&c, now)
	}
	return c, at, nil
}

// follow adds a fresh key that is to sign after the last one of c.
func (s Schedule) follow(c *Change, now time.Time) {
	fresh, last := Key{CreatedAt: now, PublishedAt: now}, &c.Keys[len(c.Keys)-1]
	fresh.ActivatedAt = s.due(*last, fresh, now)
	last.RetiredAt = fresh.ActivatedAt
	c.New = append(c.New, fresh)
}

// Postpone returns the change by which the next key takes over at until and not before, for as long
// as verifiers are known not to hold it.
func (s Schedule) Postpone(ring []Key, now, until time.Time) (Change, bool) {
	signing, waiting := sort(ring, now)
	if len(signing) == 0 || len(waiting) == 0 || !waiting[0].ActivatedAt.Before(until) {
		return Change{}, false
	}
	return s.move(StepPlan, signing[len(signing)-1], waiting, until, now), true
}

// Revoke returns the change by which nothing that the key of kid signed, or will sign, counts any
// more: it is removed at once, the next key signs at once if it was the one that signs, and there is
// a fresh next key. A key revoked already yields no step. The error is ErrUnknownKey.
func (s Schedule) Revoke(ring []Key, kid string, now time.Time) (Change, error) {
	i := slices.IndexFunc(ring, func(k Key) bool { return k.ID == kid })
	if i < 0 {
		return Change{}, fmt.Errorf("%w: %.64q", ErrUnknownKey, kid)
	}
	stolen := ring[i]
	if !stolen.CompromisedAt.IsZero() {
		return Change{}, nil
	}
	signing, waiting := sort(ring, now)
	is := func(k Key) bool { return k.ID == kid }
	signed, waited := slices.ContainsFunc(signing, is), slices.ContainsFunc(waiting, is)
	planned := "" // the key that was to sign next
	if len(waiting) > 0 {
		planned = waiting[0].ID
	}
	signing, waiting = slices.DeleteFunc(signing, is), slices.DeleteFunc(waiting, is)

	stolen.CompromisedAt, stolen.RemovedAt = now, earliest(stolen.RemovedAt, now)
	if signed {
		stolen.RetiredAt = earliest(stolen.RetiredAt, now)
	}
	c := Change{Step: StepRevoke, Keys: []Key{stolen}}
	if !signed && !waited {
		return c, nil
	}
	switch {
	case len(signing) > 0: // it waited
		c.Keys = append(c.Keys, signing[len(signing)-1])
	case len(waiting) > 0: // it signed, or was to be the first to sign
		first := waiting[0]
		first.PublishedAt = earliest(first.PublishedAt, now)
		if first.ActivatedAt = now; !signed {
			first.ActivatedAt = latest(first.PublishedAt.Add(s.Lead), now)
		}
		c.Keys, waiting = append(c.Keys, first), waiting[1:]
	default: // the last one there was
		begin := s.Begin(now, now)
		c.New = begin.New
		return c, nil
	}
	if len(waiting) == 0 {
		s.follow(&c, now)
		return c, nil
	}
	last, next := &c.Keys[len(c.Keys)-1], waiting[0]
	next.PublishedAt = earliest(next.PublishedAt, now)
	if signed || next.ID != planned || next.ActivatedAt.IsZero() {
		next.ActivatedAt = s.due(*last, next, now)
	}
	last.RetiredAt, next.RetiredAt = next.ActivatedAt, time.Time{}
	c.Keys = append(c.Keys, next)
	return c, nil
}

// Close returns the change that ends an algorithm which nobody uses any more: what signs retires
// and what waits is removed.
func (s Schedule) Close(ring []Key, now time.Time) (Change, bool) {
	signing, waiting := sort(ring, now)
	c := Change{Step: StepClose}
	for _, k := range signing {
		k.RetiredAt = now
		c.Keys = append(c.Keys, k)
	}
	for _, k := range waiting {
		k.RemovedAt = now
		c.Keys = append(c.Keys, k)
	}
	return c, len(c.Keys) > 0
}

// Event is something that is planned.
type Event struct {
	At    time.Time
	KID   string
	State State // which the key enters
}

// Upcoming returns what is planned after now for the keys of one algorithm, soonest first.
func Upcoming(ring []Key, now time.Time) []Event {
	var events []Event
	for _, k := range ring {
		if k.State(now) == Removed {
			continue
		}
		for state, at := range map[State]time.Time{Next: k.PublishedAt, Active: k.ActivatedAt, Retiring: k.RetiredAt, Removed: k.RemovedAt} {
			if at.After(now) {
				events = append(events, Event{at, k.ID, state})
			}
		}
	}
	slices.SortFunc(events, func(a, b Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.State, b.State), cmp.Compare(a.KID, b.KID))
	})
	return events
}

// sort returns copies of the keys that may sign at now, the one that does last, and of those that
// are to, in the order in which they will.
func sort(ring []Key, now time.Time) (signing, waiting []Key) {
	for _, k := range ring {
		switch k.State(now) {
		case Active:
			signing = append(signing, k)
		case Next, Pending:
			waiting = append(waiting, k)
		case Retiring, Removed:
		}
	}
	slices.SortFunc(signing, func(a, b Key) int {
		return cmp.Or(a.ActivatedAt.Compare(b.ActivatedAt), cmp.Compare(a.ID, b.ID))
	})
	unset := func(t time.Time) int {
		if t.IsZero() {
			return 1
		}
		return 0
	}
	slices.SortFunc(waiting, func(a, b Key) int {
		return cmp.Or(
			cmp.Compare(unset(a.ActivatedAt), unset(b.ActivatedAt)), a.ActivatedAt.Compare(b.ActivatedAt),
			cmp.Compare(unset(a.PublishedAt), unset(b.PublishedAt)), a.PublishedAt.Compare(b.PublishedAt),
			cmp.Compare(a.ID, b.ID))
	})
	return signing, waiting
}

// begun reports whether a key of the ring has ever signed.
func begun(ring []Key, now time.Time) bool {
	return slices.ContainsFunc(ring, func(k Key) bool { return reached(k.ActivatedAt, now) })
}

// erasable reports whether the private half of k is of no use any more. What was not stolen waits a
// little: a replica whose clock is behind may not have noticed.
func (s Schedule) erasable(k Key, now time.Time) bool {
	if !k.ErasedAt.IsZero() || k.State(now) != Removed {
		return false
	}
	return !k.CompromisedAt.IsZero() || reached(k.RemovedAt.Add(s.Propagation+s.Leeway), now)
}

func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}

// earliest returns the earlier of two times; the zero time is later than any other.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
