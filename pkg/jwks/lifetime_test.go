package jwks

import (
	"net/http"
	"testing"
	"time"
)

func TestLifetimesFollowTheHeadersWithinBounds(t *testing.T) {
	t.Parallel()
	const date = "Sat, 21 Nov 2026 12:00:00 GMT"
	tests := []struct {
		name          string
		header        http.Header
		fresh, usable time.Duration
	}{
		{"Signet's own headers", http.Header{"Cache-Control": {signetCaching}}, 5 * time.Minute, 5*time.Minute + 24*time.Hour},
		{"Age is subtracted", http.Header{"Cache-Control": {"max-age=300"}, "Age": {"100"}}, 200 * time.Second, 200*time.Second + DefaultStaleIfError},
		{"an Age of several caches counts once", http.Header{"Cache-Control": {"max-age=300"}, "Age": {"100, 7"}}, 200 * time.Second, 200*time.Second + DefaultStaleIfError},
		{"an Age that is no number is ignored", http.Header{"Cache-Control": {"max-age=300"}, "Age": {"-100"}}, 300 * time.Second, 300*time.Second + DefaultStaleIfError},
		{"an Age beyond max-age leaves the least lifetime", http.Header{"Cache-Control": {"max-age=300"}, "Age": {"1300"}}, MinTTL, MinTTL + DefaultStaleIfError - 1000*time.Second},
		{"a short max-age is a minute", http.Header{"Cache-Control": {"max-age=1"}}, MinTTL, MinTTL + DefaultStaleIfError},
		{"a long max-age is a day", http.Header{"Cache-Control": {"max-age=31536000"}}, MaxTTL, MaxTTL + DefaultStaleIfError},
		{"a max-age beyond all numbers is a day", http.Header{"Cache-Control": {"max-age=99999999999999999999"}}, MaxTTL, MaxTTL + DefaultStaleIfError},
		{"an Age beyond all numbers leaves the least lifetime", http.Header{"Cache-Control": {"max-age=300"}, "Age": {"99999999999999999999"}}, MinTTL, MinTTL},
		{"a long stale-if-error is a day", http.Header{"Cache-Control": {"max-age=300, stale-if-error=31536000"}}, 5 * time.Minute, 5*time.Minute + MaxStaleIfError},
		{"a stale-if-error of 0 is respected", http.Header{"Cache-Control": {"max-age=300, stale-if-error=0"}}, 5 * time.Minute, 5 * time.Minute},
		{"no headers", http.Header{}, DefaultTTL, DefaultTTL + DefaultStaleIfError},
		{"names in capitals, quotes and spaces", http.Header{"Cache-Control": {` Public ,, Max-Age="120" `}}, 2 * time.Minute, 2*time.Minute + DefaultStaleIfError},
		{"two header lines are one list", http.Header{"Cache-Control": {"public", "max-age=120"}}, 2 * time.Minute, 2*time.Minute + DefaultStaleIfError},
		{"of two the lesser counts", http.Header{"Cache-Control": {"max-age=600, max-age=120"}}, 2 * time.Minute, 2*time.Minute + DefaultStaleIfError},
		{"a max-age that is no number is stale", http.Header{"Cache-Control": {"max-age=-5"}}, MinTTL, MinTTL + DefaultStaleIfError},
		{"no-cache is a max-age of 0", http.Header{"Cache-Control": {"no-cache, max-age=600"}}, MinTTL, MinTTL + DefaultStaleIfError},
		{"no-store is a max-age of 0", http.Header{"Cache-Control": {"no-store"}}, MinTTL, MinTTL + DefaultStaleIfError},
		{"must-revalidate does not end the use during an outage", http.Header{"Cache-Control": {"max-age=600, must-revalidate"}}, 10 * time.Minute, 10*time.Minute + DefaultStaleIfError},
		{"s-maxage is for others", http.Header{"Cache-Control": {"s-maxage=9000, max-age=120"}}, 2 * time.Minute, 2*time.Minute + DefaultStaleIfError},
		{"Expires counts from Date", http.Header{"Date": {date}, "Expires": {"Sat, 21 Nov 2026 12:10:00 GMT"}}, 10 * time.Minute, 10*time.Minute + DefaultStaleIfError},
		{"max-age is stronger than Expires", http.Header{"Cache-Control": {"max-age=120"}, "Date": {date}, "Expires": {"Sat, 21 Nov 2026 12:10:00 GMT"}}, 2 * time.Minute, 2*time.Minute + DefaultStaleIfError},
		{"an Expires of long ago has passed, with an Age too", http.Header{"Date": {date}, "Expires": {"Mon, 01 Jan 1601 00:00:00 GMT"}, "Age": {"1"}}, MinTTL, MinTTL + DefaultStaleIfError - time.Second},
		{"an Expires of 0 has passed", http.Header{"Date": {date}, "Expires": {"0"}}, MinTTL, MinTTL + DefaultStaleIfError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, age := readLifetime(tt.header), readAge(tt.header)
			if got := l.fresh(age, MinTTL); got != tt.fresh {
				t.Errorf("fresh for %v, want %v", got, tt.fresh)
			}
			if got := l.usable(age, MinTTL); got != tt.usable {
				t.Errorf("usable for %v, want %v", got, tt.usable)
			}
		})
	}
}

func FuzzLifetime(f *testing.F) {
	f.Add(signetCaching, "12", "0")
	f.Add("max-age=99999999999999999999, stale-if-error=-1", "a, b", "Sat, 21 Nov 2026 12:10:00 GMT")
	f.Fuzz(func(t *testing.T, cacheControl, age, expires string) {
		h := http.Header{"Cache-Control": {cacheControl}, "Age": {age}, "Expires": {expires}, "Date": {"Sat, 21 Nov 2026 12:00:00 GMT"}}
		l, a := readLifetime(h), readAge(h)
		if fresh := l.fresh(a, MinTTL); fresh < MinTTL || fresh > MaxTTL {
			t.Errorf("fresh for %v", fresh)
		}
		if usable := l.usable(a, MinTTL); usable < l.fresh(a, MinTTL) || usable > l.fresh(a, MinTTL)+MaxStaleIfError {
			t.Errorf("usable for %v", usable)
		}
	})
}
