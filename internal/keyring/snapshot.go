package keyring

import (
	"cmp"
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
}

// snapshot is what one load yielded. It never changes; what it means at a given time is a view.
type snapshot struct {
	keys     []held
	roots    []root
	lag      time.Duration // L of keys.Schedule
	loadedAt time.Time
	view     atomic.Pointer[view]
}

// view is a snapshot as seen at any time in [from, until).
type view struct {
	from, until time.Time
	signers     map[keys.Algorithm]held
	accepted    map[string]keys.Key
	document    []byte
	etag        string
	roots       []root // the one that makes MACs first
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
	all := make([]keys.Key, 0, len(s.keys))
	for _, h := range s.keys {
		k := h.key
		all = append(all, k)
		for _, t := range []time.Time{k.PublishedAt, k.ActivatedAt, k.RetiredAt, k.RemovedAt} {
			next(t)
		}
		if !k.RetiredAt.IsZero() {
			next(k.RetiredAt.Add(s.lag))
		}
		if k.Publishable(now) {
			v.accepted[k.ID] = k
		}
		if best, ok := v.signers[k.Algorithm]; maySign(k, now, s.lag) && (!ok || prefer(k, best.key, now)) {
			v.signers[k.Algorithm] = h
		}
	}
	var err error
	if v.document, v.etag, err = keys.Document(all, now); err != nil {
		return nil, err
	}
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

// assemble opens the rows, taking what it can from the snapshot before. Removed keys are left
// out: their private halves need not be opened ever again.
func assemble(e *envelope.Envelope, before *snapshot, rows []SealedKey, secrets []SealedSecret, lag time.Duration, now time.Time) (*snapshot, error) {
	known := make(map[string]*live)
	if before != nil {
		for _, h := range before.keys {
			known[h.row.KID] = h.live
		}
	}
	s := &snapshot{lag: lag, loadedAt: now}
	for _, row := range rows {
		if row.key(nil).State(now) == keys.Removed {
			continue
		}
		l := known[row.KID]
		if l == nil || !sameSealed(l.row, row) {
			signer, err := openKey(e, row)
			if err != nil {
				return nil, err
			}
			fresh := &live{row: row, signer: signer, mark: new(watermark)}
			if l != nil { // rewrapped under another master key
				fresh.mark = l.mark
			}
			l = fresh
		}
		raise(&l.mark.seen, ceilSeconds(row.MaxExpiry))
		raise(&l.mark.stored, ceilSeconds(row.MaxExpiry))
		s.keys = append(s.keys, held{live: l, key: row.key(l.signer.Key().Public)})
	}
	var err error
	if s.roots, err = openRoots(e, before, secrets); err != nil {
		return nil, err
	}
	slices.SortFunc(s.keys, func(a, b held) int { return cmp.Compare(a.key.ID, b.key.ID) })
	return s, nil
}
