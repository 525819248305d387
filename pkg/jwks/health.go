package jwks

import (
	"fmt"
	"time"
)

// State says whether the keys may be used.
type State int

// The states.
const (
	// Never means that no keys were ever loaded; every token must be refused.
	Never State = iota
	// Fresh means that the keys are as current as the issuer wants them to be.
	Fresh
	// Stale means that the keys are used past their freshness because they could not be renewed
	// (stale-if-error, RFC 5861 §4).
	Stale
	// Expired means that the keys are too old to be used; every token must be refused.
	Expired
)

// String returns the state as one lower-case word, such as for a label of a metric.
func (s State) String() string {
	switch s {
	case Never:
		return "never loaded"
	case Fresh:
		return "fresh"
	case Stale:
		return "stale"
	case Expired:
		return "expired"
	default:
		return fmt.Sprintf("State(%d)", int(s))
	}
}

// Health is how a Set stands at one moment.
type Health struct {
	// State says whether the keys may be used, and if not, why.
	State State
	// URL is that of the document.
	URL string
	// Keys are the ids of the keys that were loaded last, sorted, whether they may be used or not.
	Keys []string
	// LoadedAt is when the issuer last sent or confirmed the keys. It is zero, as are the two below,
	// when no keys were ever loaded.
	LoadedAt time.Time
	// FreshUntil is when the keys should have been renewed.
	FreshUntil time.Time
	// UsableUntil is when the keys are refused if they could not be renewed.
	UsableUntil time.Time
	// FromDisk says that the keys are those of the CacheFile and were not confirmed since.
	FromDisk bool
	// Err says why the latest fetch failed; nil if it succeeded, or if none has ended yet.
	Err error
}

// OK reports whether there are keys that may be used: whether the service can judge tokens.
func (h Health) OK() bool { return h.State == Fresh || h.State == Stale }

// String says it in a sentence, for a health page or a log.
func (h Health) String() string {
	count := fmt.Sprintf("%d keys", len(h.Keys))
	if len(h.Keys) == 1 {
		count = "1 key"
	}
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	why := "no fetch has ended yet"
	if h.Err != nil {
		why = h.Err.Error()
	}
	var disk string
	if h.FromDisk {
		disk = " from the copy on disk"
	}
	switch h.State {
	case Never:
		return fmt.Sprintf("no keys were ever loaded from %s, so no token can be accepted: %s", h.URL, why)
	case Fresh:
		s := fmt.Sprintf("%s%s, fresh until %s", count, disk, at(h.FreshUntil))
		if h.Err != nil {
			s += "; the latest fetch failed: " + why
		}
		return s
	case Stale:
		s := fmt.Sprintf("%s%s of %s, stale, still used until %s", count, disk, at(h.LoadedAt), at(h.UsableUntil))
		if h.Err != nil {
			s += " because they cannot be renewed: " + why
		}
		return s
	case Expired:
		s := fmt.Sprintf("%s%s of %s, too old since %s, so no token can be accepted", count, disk, at(h.LoadedAt), at(h.UsableUntil))
		if h.Err != nil {
			s += ": " + why
		}
		return s
	default:
		return h.State.String()
	}
}

// Health returns how the set stands now. It reads memory only.
func (s *Set) Health() Health {
	st := s.state.Load()
	h := Health{URL: s.cfg.URL, Err: st.err}
	d := st.doc
	if d == nil {
		return h
	}
	age := elapsed(d.asked, s.now())
	switch {
	case age >= d.usable:
		h.State = Expired
	case age >= d.fresh:
		h.State = Stale
	default:
		h.State = Fresh
	}
	h.Keys = append([]string(nil), d.kids...)
	h.FromDisk = d.fromDisk
	h.LoadedAt = d.asked.Round(0)
	h.FreshUntil = h.LoadedAt.Add(d.fresh)
	h.UsableUntil = h.LoadedAt.Add(d.usable)
	return h
}
