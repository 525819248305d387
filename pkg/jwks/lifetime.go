package jwks

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// lifetime is what the headers of a response say about how long it may be used.
type lifetime struct {
	maxAge time.Duration
	stale  time.Duration // stale-if-error
	stated bool          // false: there are no such headers and the values are the defaults
}

// fresh returns how long a response that is age old is fresh, which is never less than least.
func (l lifetime) fresh(age, least time.Duration) time.Duration {
	return min(max(l.maxAge-age, least), MaxTTL)
}

// usable returns how long it may be used if it cannot be renewed. stale-if-error counts from when it
// became stale (RFC 5861 §4), so one that lay in a cache past its max-age has spent some of it.
func (l lifetime) usable(age, least time.Duration) time.Duration {
	left := l.stale - max(0, age-l.maxAge)
	return l.fresh(age, least) + min(max(left, 0), MaxStaleIfError)
}

// Lifetime returns how long a response with these headers is fresh and how long it may be used if it
// cannot be renewed, both from when it was asked for and within the bounds of this package: for what
// is fetched beside the keys, such as an issuer's discovery document.
func Lifetime(h http.Header) (fresh, usable time.Duration) {
	l, age := readLifetime(h), readAge(h)
	return l.fresh(age, MinTTL), l.usable(age, MinTTL)
}

// readLifetime reads Cache-Control (RFC 9111 §5.2, RFC 5861 §4), or Expires without it (§5.3).
// s-maxage is for shared caches, which this is not.
func readLifetime(h http.Header) lifetime {
	directives := readCacheControl(h)
	l := lifetime{
		maxAge: DefaultTTL,
		stale:  DefaultStaleIfError,
		stated: len(directives) > 0 || h.Get("Expires") != "",
	}
	if maxAge, ok := directives["max-age"]; ok {
		l.maxAge = maxAge
	} else if h.Get("Expires") != "" {
		l.maxAge = 0 // one that cannot be read has passed (RFC 9111 §5.3)
		expires, err1 := http.ParseTime(h.Get("Expires"))
		date, err2 := http.ParseTime(h.Get("Date"))
		if err1 == nil && err2 == nil {
			l.maxAge = max(0, expires.Sub(date)) // centuries less an Age would overflow
		}
	}
	for _, name := range []string{"no-cache", "no-store"} {
		if _, ok := directives[name]; ok {
			l.maxAge = 0
		}
	}
	if stale, ok := directives["stale-if-error"]; ok {
		l.stale = stale
	}
	return l
}

// readAge reads how long the response lay in caches (RFC 9111 §5.1); 0 if it does not say.
func readAge(h http.Header) time.Duration {
	first, _, _ := strings.Cut(h.Get("Age"), ",")
	age, _ := deltaSeconds(strings.TrimSpace(first))
	return age
}

// readCacheControl returns the directives by their names in lower case. Of one that occurs twice
// the least value counts; what is no number of seconds is 0, which is to say stale (RFC 9111
// §4.2.1).
func readCacheControl(h http.Header) map[string]time.Duration {
	directives := map[string]time.Duration{}
	for _, line := range h.Values("Cache-Control") {
		for d := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(d), "=")
			name = strings.ToLower(strings.TrimSpace(name))
			if name == "" {
				continue
			}
			seconds, _ := deltaSeconds(strings.Trim(strings.TrimSpace(value), `"`))
			if before, twice := directives[name]; !twice || seconds < before {
				directives[name] = seconds
			}
		}
	}
	return directives
}

// deltaSeconds reads a number of seconds. One that is too large is as good as the greatest (RFC
// 9111 §1.2.2).
func deltaSeconds(s string) (time.Duration, bool) {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	if s == "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		n = math.MaxInt32
	}
	return time.Duration(n) * time.Second, true
}
