package keyring

import (
	"cmp"
	"slices"
	"time"

	"github.com/signet-id/signet/keys"
)

// Status is what this replica knows of the keys, as of one load and one instant.
type Status struct {
	Now      time.Time // by the store's clock, as every time here
	LoadedAt time.Time
	// ClockOffset is how far the store's clock is ahead of this replica's.
	ClockOffset time.Duration
	// Leased says that the keys were loaded lately enough to sign: see keys.Schedule.Lease.
	Leased   bool
	Schedule keys.Schedule
	// CacheControl is that of the JWKS response at present.
	CacheControl string
	// Configured are the algorithms of the settings, Default is what is used where nobody chose one.
	Configured []keys.Algorithm
	Default    keys.Algorithm
	// Keys are all that are stored, those removed within the last 400 days included, and those that are
	// no longer stored and should be; the oldest first.
	Keys []KeyStatus
}

// KeyStatus is a key and what is known of it here.
type KeyStatus struct {
	// Key has a public half that nothing is to be verified with: that of a removed key is read from
	// where everybody may write who writes to the store. It is nil if that is no key.
	keys.Key
	Custodian string  // "" if the private half is sealed in the store
	Damage    *Damage // nil: there is none
}

// Chosen is how many clients and resource servers chose an algorithm.
type Chosen struct {
	Algorithm                keys.Algorithm
	Clients, ResourceServers int
}

// Status returns what this replica knows of the keys.
func (r *Ring) Status() Status {
	now, s, v := r.now(), r.held.Load(), r.current()
	out := Status{
		Now: now, LoadedAt: s.askedAt.Add(r.ClockOffset()), ClockOffset: r.ClockOffset(), Leased: r.leased(), Schedule: r.schedule,
		CacheControl: v.cacheControl, Configured: slices.Clone(r.algorithms), Default: r.Default(),
	}
	known := make(map[string]held, len(s.keys))
	for _, h := range s.keys {
		known[h.key.ID] = h
	}
	for _, row := range s.rows {
		k := KeyStatus{Key: row.key(nil), Custodian: row.Custodian}
		if h, ok := known[row.KID]; ok {
			k.Key = h.marked()
			delete(known, row.KID)
		} else if shown, err := keys.ParseJWK(row.PublicJWK); err == nil && shown.Algorithm == k.Algorithm {
			k.Public = shown.Public
		}
		out.Keys = append(out.Keys, k)
	}
	for _, h := range known { // rows that vanished
		out.Keys = append(out.Keys, KeyStatus{Key: h.marked(), Custodian: h.row.Custodian})
	}
	for i := range out.Keys {
		if at := slices.IndexFunc(s.damaged, func(d Damage) bool { return d.KID == out.Keys[i].ID }); at >= 0 {
			out.Keys[i].Damage = &s.damaged[at]
		}
	}
	slices.SortFunc(out.Keys, func(a, b KeyStatus) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// marked is the key with the latest expiry that is known here.
func (h held) marked() keys.Key {
	k := h.key
	if mark := h.mark.seen.Load(); mark > 0 {
		k.MaxExpiry = time.Unix(mark, 0).UTC()
	}
	return k
}

// Ring returns the keys of one algorithm.
func (s Status) Ring(alg keys.Algorithm) []keys.Key {
	var out []keys.Key
	for _, k := range s.Keys {
		if k.Algorithm == alg {
			out = append(out, k.Key)
		}
	}
	return out
}

// All returns every key, for finding out which sets were published (keys.Documents).
func (s Status) All() []keys.Key {
	out := make([]keys.Key, len(s.Keys))
	for i, k := range s.Keys {
		out[i] = k.Key
	}
	return out
}

// Algorithms returns those that are configured and others that have keys which are not removed.
func (s Status) Algorithms() []keys.Algorithm {
	out := slices.Clone(s.Configured)
	for _, k := range s.Keys {
		if k.State(s.Now) != keys.Removed && !slices.Contains(out, k.Algorithm) {
			out = append(out, k.Algorithm)
		}
	}
	return out
}

// Overdue returns a step that a rotator should have made some time ago with the keys of one algorithm,
// and "" if there is none: that the rotator does not get through to the store, or fails.
func (s Status) Overdue(alg keys.Algorithm) keys.Step {
	// Every replica tries within half of what the schedule allows; making an RSA key takes a while.
	grace := 2 * (s.Schedule.Propagation + s.Schedule.SignerLag)
	ring := s.Ring(alg)
	if slices.ContainsFunc(ring, func(k keys.Key) bool { return k.CreatedAt.After(s.Now.Add(-grace)) }) {
		return "" // somebody is at it
	}
	before, ok := s.Schedule.Step(ring, s.Now.Add(-grace))
	if now, still := s.Schedule.Step(ring, s.Now); !ok || !still || now.Step != before.Step {
		return ""
	}
	return before.Step
}
