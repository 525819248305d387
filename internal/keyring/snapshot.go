package keyring

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/keys"
)

// live is a key that this replica holds. It survives reloads as long as its row keeps its
// sealed bytes.
type live struct {
	row    SealedKey
	signer *keys.Signer
	mark   *watermark
}

// watermark is the latest expiry signed with a key, in Unix seconds, here and in the store. It
// survives every reload.
type watermark struct{ seen, stored atomic.Int64 }

func raise(mark *atomic.Int64, to int64) {
	for {
		seen := mark.Load()
		if to <= seen || mark.CompareAndSwap(seen, to) {
			return
		}
	}
}

// ceilSeconds rounds up: a watermark may be late, never early.
func ceilSeconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return s
}

// held is a key together with its timestamps as of one load.
type held struct {
	*live
	key keys.Key
	// signs is false for one that was loaded once and is no longer stored.
	signs bool
}

// snapshot is what one load yielded. It never changes; what it means at a given time is a view.
type snapshot struct {
	keys []held
	// past are keys that are removed and were not stolen, by kid.
	past map[string]past
	// stolen says since when this replica has known that keys are stolen, by kid. It is never taken
	// back: a database that was restored, or failed over to a standby, may have forgotten it.
	stolen  map[string]time.Time
	damaged []Damage
	roots   []root
	rows    []SealedKey // all that were loaded
	// lacking says that an algorithm of the settings has no keys yet, or lost all of them: those that
	// are made then sign at once.
	lacking bool
	// schedule gives the signer lag and the headers.
	schedule keys.Schedule
	// askedAt is when it was asked for, by this replica's own clock.
	askedAt time.Time
	view    atomic.Pointer[view]
}

// past is a key that nothing is signed with any more, together with the row it came from.
type past struct {
	row SealedKey
	key keys.Key
}

// Damage is a key that is stored but cannot be used, or a version of the root secret, without an
// algorithm.
type Damage struct {
	KID       string
	Algorithm string
	Err       error
	// Held says that this replica goes on with the copy in its memory.
	Held bool
}

// view is a snapshot as seen at any time in [from, until).
type view struct {
	from, until time.Time
	signers     map[keys.Algorithm]held
	accepted    map[string]keys.Key
	document    []byte
	etag        string
	// cacheControl is the header that belongs to document.
	cacheControl string
	roots        []root // the one that makes MACs first
}

func (v *view) lookup(kid string) (keys.Key, bool) {
	k, ok := v.accepted[kid]
	return k, ok
}

// at returns the view at now, without a lock. When a timestamp has been passed it is made
// anew; several goroutines may do so at once, with the same result.
func (s *snapshot) at(now time.Time) (*view, error) {
	if v := s.view.Load(); v != nil && !now.Before(v.from) && (v.until.IsZero() || now.Before(v.until)) {
		return v, nil
	}
	v, err := s.look(now)
	if err != nil {
		return nil, err
	}
	s.view.Store(v)
	return v, nil
}

func (s *snapshot) look(now time.Time) (*view, error) {
	v := &view{
		signers:  make(map[keys.Algorithm]held),
		accepted: make(map[string]keys.Key, len(s.keys)),
	}
	next := func(t time.Time) {
		switch {
		case t.After(now) && (v.until.IsZero() || t.Before(v.until)):
			v.until = t
		case !t.After(now) && t.After(v.from):
			v.from = t
		}
	}
	lag := s.schedule.SignerLag
	all := make([]keys.Key, 0, len(s.keys))
	for _, h := range s.keys {
		k := h.key
		all = append(all, k)
		for _, t := range []time.Time{k.PublishedAt, k.ActivatedAt, k.RetiredAt, k.RemovedAt, k.CompromisedAt} {
			next(t)
		}
		if !k.RetiredAt.IsZero() {
			next(k.RetiredAt.Add(lag))
		}
		if k.Publishable(now) {
			v.accepted[k.ID] = k
		}
		if best, ok := v.signers[k.Algorithm]; h.signs && maySign(k, now, lag) && (!ok || prefer(k, best.key, now)) {
			v.signers[k.Algorithm] = h
		}
	}
	var err error
	if v.document, v.etag, err = keys.Document(all, now); err != nil {
		return nil, err
	}
	headers := s.schedule
	for _, row := range s.rows {
		over := row.CompromisedAt.Add(keys.Emergency)
		if row.CompromisedAt.IsZero() {
			continue
		}
		next(row.CompromisedAt)
		next(over)
		if !now.Before(row.CompromisedAt) && now.Before(over) {
			headers = s.schedule.Hurried()
		}
	}
	if s.lacking {
		headers.MaxAge, headers.StaleWhileRevalidate = 0, 0 // who keeps this document would not have those keys
	}
	v.cacheControl = headers.CacheControl()
	v.roots = orderRoots(s.roots, now, next)
	return v, nil
}

// maySign allows a key that has retired to sign until the signer lag is over, in case its
// successor is not known here yet. Past that the key could be removed before its tokens expire.
func maySign(k keys.Key, now time.Time, lag time.Duration) bool {
	return k.CanSign(now) ||
		k.State(now) == keys.Retiring && !k.ActivatedAt.IsZero() && now.Before(k.RetiredAt.Add(lag))
}

// prefer reports whether a signs rather than b: active before retired, then the one activated
// last, then by kid so that replicas agree.
func prefer(a, b keys.Key, now time.Time) bool {
	if aActive, bActive := a.CanSign(now), b.CanSign(now); aActive != bActive {
		return aActive
	}
	return cmp.Or(a.ActivatedAt.Compare(b.ActivatedAt), cmp.Compare(a.ID, b.ID)) > 0
}

// assemble opens the rows, taking what it can from the snapshot before.
//
// A key that cannot be opened is set aside, or kept as it is if it was opened before: whatever
// happened to its row, tokens that it signed are good. So is a key whose row vanished, but it
// signs no more and is removed in the usual time. A master key that is not configured is an error
// only of the first load: it says that the configuration is wrong.
func (r *Ring) assemble(before *snapshot, stored Stored, askedAt time.Time) (*snapshot, error) {
	known := make(map[string]held)
	gone := make(map[string]past)
	if before != nil {
		gone = before.past
		for _, h := range before.keys {
			known[h.key.ID] = h
		}
	}
	s := &snapshot{schedule: r.schedule, askedAt: askedAt, rows: stored.Keys, past: make(map[string]past), stolen: make(map[string]time.Time)}
	if before != nil {
		maps.Copy(s.stolen, before.stolen)
	}
	for _, row := range stored.Keys {
		if !row.CompromisedAt.IsZero() {
			s.stolen[row.KID] = row.CompromisedAt
		} else if at, ok := s.stolen[row.KID]; ok {
			row.CompromisedAt = at
			s.damaged = append(s.damaged, Damage{KID: row.KID, Algorithm: row.Algorithm, Err: ErrForgotten})
		}
		was, held := known[row.KID]
		delete(known, row.KID)
		if row.key(nil).State(stored.Now) == keys.Removed || !row.ErasedAt.IsZero() {
			s.pass(r, gone, row)
			continue
		}
		h, err := r.hold(was, held, row)
		switch {
		case err == nil:
			s.keys = append(s.keys, h)
			continue
		case before == nil && errors.Is(err, envelope.ErrUnknownMaster):
			return nil, err
		case held:
			h = was
			h.key = row.key(was.key.Public)
			h.key.Algorithm = was.key.Algorithm
			s.keys = append(s.keys, h)
		}
		s.damaged = append(s.damaged, Damage{KID: row.KID, Algorithm: row.Algorithm, Err: err, Held: held})
	}
	for _, h := range known { // what vanished
		if h.signs {
			h.signs = false
			h.key.RetiredAt = sooner(h.key.RetiredAt, stored.Now)
			h.key.RemovedAt = sooner(h.key.RemovedAt, r.schedule.Removes(h.key))
		}
		if h.key.State(stored.Now) != keys.Removed {
			s.keys = append(s.keys, h)
			s.damaged = append(s.damaged, Damage{KID: h.key.ID, Algorithm: string(h.key.Algorithm), Err: ErrVanished, Held: true})
		}
	}
	s.lacking = slices.ContainsFunc(r.algorithms, func(alg keys.Algorithm) bool {
		return !slices.ContainsFunc(s.keys, func(h held) bool { return h.signs && h.key.Algorithm == alg })
	})
	var err error
	if s.roots, err = openRoots(r.envelope, before, stored.Secrets); err != nil {
		return nil, err
	}
	for _, root := range s.roots {
		if d, lost := root.damage(); lost {
			s.damaged = append(s.damaged, d)
		}
	}
	slices.SortFunc(s.keys, func(a, b held) int { return cmp.Compare(a.key.ID, b.key.ID) })
	return s, nil
}

// ErrForgotten is the Err of a Damage of a key that was revoked, and is not any more as it is stored.
var ErrForgotten = errors.New("the key was revoked as stolen, and its row in signing_key no longer says so")

// ErrVanished is the Err of a Damage of a key that is no longer stored.
var ErrVanished = errors.New("the row is gone from signing_key")

// hold returns the key of a row, from memory if it holds the same.
func (r *Ring) hold(was held, known bool, row SealedKey) (held, error) {
	l := was.live
	if !known || !sameSealed(l.row, row) {
		o, err := openKey(r.envelope, r.custodian, row)
		if err != nil {
			return held{}, err
		}
		l = &live{row: row, signer: o.signer, mark: new(watermark)}
		if known { // rewrapped under another master key
			l.mark = was.mark
		}
	}
	raise(&l.mark.seen, ceilSeconds(row.MaxExpiry))
	raise(&l.mark.stored, ceilSeconds(row.MaxExpiry))
	return held{live: l, key: row.key(l.signer.Key().Public), signs: true}, nil
}

// pass keeps a removed key for what it signed long ago, unless it was stolen.
func (s *snapshot) pass(r *Ring, before map[string]past, row SealedKey) {
	if !row.CompromisedAt.IsZero() {
		return
	}
	if p, ok := before[row.KID]; ok && sameSealed(p.row, row) {
		s.past[row.KID] = p
		return
	}
	if o, err := openKey(r.envelope, nil, row); err == nil {
		s.past[row.KID] = past{row, row.key(o.key.Public)}
	}
}

// sooner returns the earlier of two times; the zero time is later than any other.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
