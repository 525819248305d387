package keys

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Schedule holds the parameters of a rotation that no verifier notices, as long as it honours
// cache headers. The letters are those of the bounds that Validate checks.
type Schedule struct {
	// MaxAge (M) is how long a cache may serve the JWKS without asking. Whole seconds.
	MaxAge time.Duration
	// StaleWhileRevalidate (W) is how much longer while it asks (RFC 5861 §3). Whole seconds.
	StaleWhileRevalidate time.Duration
	// StaleIfError (E) is how much longer while the issuer does not answer (RFC 5861 §4).
	// Whole seconds.
	StaleIfError time.Duration
	// Propagation (D) is the time until every replica serves a changed JWKS.
	Propagation time.Duration
	// Refetch (R) is a verifier's fetch timeout and its retry, and what whole seconds round off.
	Refetch time.Duration
	// SignerLag (L) is the time until every replica signs with a newly activated key.
	SignerLag time.Duration
	// Leeway (S) is what verifiers tolerate past an expiry, and the error of their clocks.
	Leeway time.Duration
	// MaxLifetime (T) is the longest lifetime of any JWT signed with these keys.
	MaxLifetime time.Duration
	// Floor (F) is how long verifiers that ignore cache headers may keep a JWKS.
	Floor time.Duration
	// Caches (N) is one, for the verifier itself, plus the caches before it that drop the Age
	// header. For verifiers that ignore headers those that tell it count as well.
	Caches int

	// Lead is the time between a key's publication and its activation.
	Lead time.Duration
	// Removal is the time between the activation of a key's successor and its own removal.
	Removal time.Duration
	// Period (K) is the time between two activations.
	Period time.Duration
}

// DefaultSchedule returns the defaults: a new key every 30 days, published 48 hours before it
// signs and for 2 hours after its successor took over.
func DefaultSchedule() Schedule {
	return Schedule{
		MaxAge:               300 * time.Second,
		StaleWhileRevalidate: 60 * time.Second,
		StaleIfError:         24 * time.Hour,
		Propagation:          60 * time.Second,
		Refetch:              30 * time.Second,
		SignerLag:            30 * time.Second,
		Leeway:               60 * time.Second,
		MaxLifetime:          time.Hour,
		Floor:                24 * time.Hour,
		Caches:               1,
		Lead:                 48 * time.Hour,
		Removal:              2 * time.Hour,
		Period:               30 * 24 * time.Hour,
	}
}

// MinLead returns the least Lead that is safe: D + (N-1)·(H+R) + max(H, F) + R + L, where H = M+W+E
// is how long one cache keeps a document.
//
// A replica may still serve the old document until D is over. Each cache on the way may receive it R
// later, count its age from then on (RFC 9111 §4.2.3 would have it count from the request, which
// nginx, for one, does not) and give it to the next one, as if it were new, when H is almost over. The
// last of them is the verifier: it keeps the document for H, or for F if it ignores headers. It
// must not meet a token before that, and the first is signed up to L before the activation, by a replica
// whose clock is ahead.
//
// RFC 5861 lets W and E begin together, so H could be M+max(W,E); but there are caches to which a
// failed revalidation at the end of W is the beginning of E.
func (s Schedule) MinLead() time.Duration {
	kept := s.MaxAge + s.StaleWhileRevalidate + s.StaleIfError
	return s.Propagation + time.Duration(s.Caches-1)*(kept+s.Refetch) + max(kept, s.Floor) + s.Refetch + s.SignerLag
}

// Forgotten returns for how long after a key is no longer published verifiers that honour the headers
// may go on with it: those that reach the issuer, D + N·(h+R) with h = M+W, and those that do
// not, with h = M+W+E. There is no bound for verifiers that ignore headers.
func (s Schedule) Forgotten() (reached, unreached time.Duration) {
	after := func(kept time.Duration) time.Duration {
		return s.Propagation + time.Duration(s.Caches)*(kept+s.Refetch)
	}
	h := s.MaxAge + s.StaleWhileRevalidate
	return after(h), after(h + s.StaleIfError)
}

// MinRemoval returns the least Removal that is safe without knowing what was signed: L + T + S.
func (s Schedule) MinRemoval() time.Duration { return s.SignerLag + s.MaxLifetime + s.Leeway }

// Lease returns how long a signer may go on that hears nothing of its key: whatever happened to
// the key meanwhile, what it signs within that time expires before the key is removed. It is
// Removal - T - S, at least L.
func (s Schedule) Lease() time.Duration { return s.Removal - s.MaxLifetime - s.Leeway }

// Removes returns when a key that has retired is removed at the earliest: Removal later, or later
// still if something that it signed lives longer than MaxLifetime. It is zero for one that has no
// time of retirement.
func (s Schedule) Removes(k Key) time.Time {
	if k.RetiredAt.IsZero() {
		return time.Time{}
	}
	return latest(k.RetiredAt.Add(s.Removal), k.RetiredAt.Add(s.SignerLag+s.Leeway), k.MaxExpiry.Add(s.Leeway))
}

// emergencyMaxAge bounds max-age after a key was stolen.
const emergencyMaxAge = time.Minute

// Emergency is for how long caches are asked to come back sooner after a key was stolen.
const Emergency = 24 * time.Hour

// Hurried returns the schedule as its headers are after a key was stolen: caches ask at least every
// minute, because what is published next may have to reach them soon.
func (s Schedule) Hurried() Schedule {
	s.MaxAge = min(s.MaxAge, emergencyMaxAge)
	s.StaleWhileRevalidate = min(s.StaleWhileRevalidate, emergencyMaxAge)
	return s
}

// CacheControl returns the Cache-Control header of the JWKS response, for instance
// "public, max-age=300, stale-while-revalidate=60, stale-if-error=86400".
func (s Schedule) CacheControl() string {
	var b strings.Builder
	b.WriteString("public")
	for _, d := range s.directives() {
		b.WriteString(", " + d.name + "=" + strconv.FormatInt(int64(d.value/time.Second), 10))
	}
	return b.String()
}

type directive struct {
	field, name string
	value       time.Duration
}

func (s Schedule) directives() []directive {
	return []directive{
		{"MaxAge", "max-age", s.MaxAge},
		{"StaleWhileRevalidate", "stale-while-revalidate", s.StaleWhileRevalidate},
		{"StaleIfError", "stale-if-error", s.StaleIfError},
	}
}

// BoundError says which field of a Schedule breaks a bound.
type BoundError struct {
	Field string // by its name in Schedule
	Text  string // what it is and what would do: "is 1m0s: it must be at least …"
}

func (e *BoundError) Error() string { return e.Field + " " + e.Text }

// Validate reports every bound that s breaks, each as a BoundError with the least value that would do.
func (s Schedule) Validate() error {
	var faults []error
	fault := func(field, format string, args ...any) {
		faults = append(faults, &BoundError{field, fmt.Sprintf(format, args...)})
	}
	for _, d := range s.directives() {
		if d.value < 0 || d.value%time.Second != 0 {
			fault(d.field, "is %v: it must be a whole number of seconds", d.value)
		}
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"Propagation", s.Propagation}, {"Refetch", s.Refetch}, {"SignerLag", s.SignerLag},
		{"Leeway", s.Leeway}, {"Floor", s.Floor},
	} {
		if d.value < 0 {
			fault(d.field, "is %v: it must not be negative", d.value)
		}
	}
	if s.MaxAge <= 0 {
		fault("MaxAge", "is %v: it must be positive, or every verification asks the issuer", s.MaxAge)
	}
	if s.MaxLifetime <= 0 {
		fault("MaxLifetime", "is %v: it must be the longest lifetime of any token", s.MaxLifetime)
	}
	if s.Caches < 1 {
		fault("Caches", "is %d: the verifier itself counts as one", s.Caches)
	}
	if least := s.MinLead(); s.Lead < least {
		fault("Lead", "is %v: it must be at least %v, or verifiers meet tokens of a key they do not hold", s.Lead, least)
	}
	if least := s.MinRemoval(); s.Removal < least {
		fault("Removal", "is %v: it must be at least %v, or valid tokens outlive their key", s.Removal, least)
	}
	if s.Period <= 0 || s.Period < s.Lead {
		fault("Period", "is %v: it must be positive and at least the lead of %v, or there is not always a next key", s.Period, s.Lead)
	}
	return errors.Join(faults...)
}
