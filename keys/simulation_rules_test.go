package keys_test

import (
	"slices"
	"time"

	"github.com/signet-id/signet/keys"
)

// order is that in which a key passes through its states.
func order(s keys.State) int {
	for n, state := range []keys.State{keys.Pending, keys.Next, keys.Active, keys.Retiring, keys.Removed} {
		if s == state {
			return n
		}
	}
	return -1
}

// checkChange looks whether a key may change so at an instant: what happened stays as it is, no state
// is left for an earlier one, and what was removed never comes back.
func (i *issuer) checkChange(step keys.Step, before, after keys.Key, at instant) {
	now := moment(at)
	if was, is := before.State(now), after.State(now); order(is) < order(was) {
		i.fault(at, "%s: the key %s was %s and is %s", step, after.ID, was, is)
	}
	for name, t := range map[string][2]time.Time{
		"publication": {before.PublishedAt, after.PublishedAt}, "activation": {before.ActivatedAt, after.ActivatedAt},
		"retirement": {before.RetiredAt, after.RetiredAt}, "removal": {before.RemovedAt, after.RemovedAt},
		"theft": {before.CompromisedAt, after.CompromisedAt}, "erasure": {before.ErasedAt, after.ErasedAt},
		"making": {before.CreatedAt, after.CreatedAt},
	} {
		if !t[0].IsZero() && !t[0].After(now) && !t[0].Equal(t[1]) {
			i.fault(at, "%s: the %s of the key %s was %v and is %v", step, name, after.ID, since(t[0]), since(t[1]))
		}
	}
	if after.State(now) != keys.Removed && !after.ErasedAt.IsZero() {
		i.fault(at, "%s: the key %s is erased and %s", step, after.ID, after.State(now))
	}
	if after.MaxExpiry.Before(before.MaxExpiry) {
		i.fault(at, "%s: the key %s forgets what it signed", step, after.ID)
	}
}

// checkStates looks at every instant at which a state changes: one key signs and no more, another one is
// published for what comes, and what was stolen is not published. While no rotator acts, and shortly
// after, there may be no other one.
func (i *issuer) checkStates() {
	for n, v := range i.versions {
		until := i.life.end
		if n+1 < len(i.versions) {
			until = i.versions[n+1].at
		}
		i.checkState(v, v.at)
		for _, k := range v.ring {
			for _, t := range []time.Time{k.PublishedAt, k.ActivatedAt, k.RetiredAt, k.RemovedAt} {
				for _, at := range []instant{since(t) - 1, since(t)} {
					if at > v.at && at < until {
						i.checkState(v, at)
					}
				}
			}
		}
	}
}

func (i *issuer) checkState(v version, at instant) {
	var signing, next int
	for _, k := range v.ring {
		switch k.State(moment(at)) {
		case keys.Active:
			signing++
		case keys.Next:
			next++
		case keys.Pending, keys.Retiring, keys.Removed:
		}
		if !k.CompromisedAt.IsZero() && k.Publishable(moment(at)) && at >= since(k.CompromisedAt) {
			i.fault(at, "the stolen key %s is published", k.ID)
		}
	}
	if signing != 1 {
		i.fault(at, "%d keys sign", signing)
	}
	if next == 0 && !i.disturbed(at) {
		i.fault(at, "there is no next key")
	}
}

// disturbed reports whether the rotator was away just now, or has not seen yet what somebody did.
func (i *issuer) disturbed(at instant) bool {
	return slices.ContainsFunc(i.life.outages, func(o span) bool { return o.from <= at && at < o.until+i.rule.Propagation }) ||
		slices.ContainsFunc(i.hands, func(h instant) bool { return h <= at && at <= h+i.rule.Propagation })
}

// checkPeriods looks whether keys followed each other as the schedule promises: for a life in which
// nothing else happened.
func (i *issuer) checkPeriods() {
	for n := 1; n < len(i.ring()); n++ {
		a, b := i.key(n-1), i.key(n)
		if got := b.ActivatedAt.Sub(a.ActivatedAt); got != i.rule.Period {
			i.fault(since(b.ActivatedAt), "the key %s signs for %v, and the period is %v", a.ID, got, i.rule.Period)
		}
	}
}
