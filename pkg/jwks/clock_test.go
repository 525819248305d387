package jwks

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

func clientOf(t http.RoundTripper) *http.Client { return &http.Client{Transport: t} }

// stepped returns a reading of a clock of which somebody moved the wall time by d (whole seconds):
// the monotonic part stays, as it does when NTP steps or a machine slept. No exported function makes
// such a time, so this relies on how package time stores it, and checks that it did.
func stepped(t testing.TB, now time.Time, d time.Duration) time.Time {
	t.Helper()
	moved := now
	raw := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&moved))
	raw.wall += uint64(int64(d/time.Second)) << 30
	if moved.Sub(now) != 0 || moved.Round(0).Sub(now.Round(0)) != d {
		t.Fatal("package time stores clock readings in another way")
	}
	return moved
}

// unsteady is a clock that is moved by whole seconds. In a bubble of synctest time has no monotonic
// part, so that of a real reading goes along.
type unsteady struct {
	t     testing.TB
	real  time.Time // taken outside the bubble
	off   atomic.Int64
	plain bool // no monotonic part
}

func (u *unsteady) now() time.Time {
	off := time.Duration(u.off.Load())
	bubble := time.Since(time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC))
	if u.plain {
		return u.real.Round(0).Add(bubble + off)
	}
	return stepped(u.t, u.real.Add(bubble), off)
}

func (u *unsteady) step(d time.Duration) { u.off.Add(int64(d)) }

func TestElapsedIsWhatEitherClockSays(t *testing.T) {
	t.Parallel()
	from := time.Now()
	for _, tt := range []struct {
		name       string
		mono, wall time.Duration
		want       time.Duration
	}{
		{"both clocks agree", time.Minute, 0, time.Minute},
		{"the machine slept", time.Minute, time.Hour, time.Minute + time.Hour},
		{"the wall clock was set back", time.Minute, -time.Hour, time.Minute},
	} {
		now := stepped(t, from.Add(tt.mono), tt.wall)
		if got := elapsed(from, now); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	plain := from.Round(0)
	if got := elapsed(plain, plain.Add(-time.Hour)); got != -time.Hour {
		t.Errorf("without monotonic clock: %v", got)
	}
	if !passed(plain, plain.Add(-time.Hour), time.Minute) || passed(plain, plain.Add(time.Second), time.Minute) {
		t.Error("passed: a clock set back must count, a second must not")
	}
}

// unsteadily runs a test with a set that lives by a clock that can be moved.
func unsteadily(t *testing.T, plain bool, i *issuer, test func(*testing.T, *Set, *unsteady)) {
	clock := &unsteady{t: t, real: time.Now(), plain: plain}
	still(t, i, func(c *Config) { c.Now = clock.now }, func(t *testing.T, s *Set) {
		settled(s)
		test(t, s, clock)
	})
}

func TestAClockSetBackDoesNotProlongTheLifeOfKeys(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), "max-age=300, stale-if-error=600")
	unsteadily(t, false, i, func(t *testing.T, s *Set, clock *unsteady) {
		i.change(func(i *issuer) { i.down = errors.New("refused") })
		clock.step(-24 * time.Hour)
		if _, ok := s.Lookup("a"); !ok {
			t.Error("the key is gone")
		}
		time.Sleep(899 * time.Second)
		if h := settled(s); h.State != Stale {
			t.Errorf("after 899 s: %v", h)
		}
		time.Sleep(time.Second)
		if h := settled(s); h.State != Expired {
			t.Errorf("after 900 s: %v", h)
		}
		if _, ok := s.Lookup("a"); ok {
			t.Error("the key is still found")
		}
	})
}

func TestAMachineThatSleptDoesNotUseOldKeys(t *testing.T) {
	t.Parallel()
	a, b := newKey(t, "a"), newKey(t, "b")
	i := newIssuer(documentOf(t, a), "max-age=300, stale-if-error=600")
	unsteadily(t, false, i, func(t *testing.T, s *Set, clock *unsteady) {
		i.change(func(i *issuer) { i.body = documentOf(t, b) }) // a was withdrawn meanwhile
		clock.step(8 * time.Hour)
		if _, ok := s.Lookup("a"); ok {
			t.Error("Lookup finds a key of before the sleep")
		}
		if _, err := s.Key(t.Context(), "a"); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("the withdrawn key: %v", err)
		}
		if _, err := s.Key(t.Context(), "b"); err != nil {
			t.Errorf("the new key: %v", err)
		}
		if n := len(i.seen()); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}

		i.change(func(i *issuer) { i.down = errors.New("refused") })
		clock.step(8 * time.Hour)
		if _, err := s.Key(t.Context(), "b"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("woken without a network: %v", err)
		}
	})
}

func TestAMachineThatSleptAShortWhileRenewsWhatItUses(t *testing.T) {
	t.Parallel()
	for name, used := range map[string]bool{"at the next lookup": true, "within a minute without one": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(jwkSet(jwk(t, "a", nil)), "max-age=3600, stale-if-error=86400")
			unsteadily(t, false, i, func(t *testing.T, s *Set, clock *unsteady) {
				clock.step(2 * time.Hour)
				if used {
					if _, ok := s.Lookup("a"); !ok {
						t.Error("a stale key is not found")
					}
				} else {
					time.Sleep(time.Minute)
				}
				if h := settled(s); h.State != Fresh || len(i.seen()) != 2 {
					t.Errorf("%d requests, %v", len(i.seen()), h)
				}
			})
		})
	}
}

func TestAClockSetForwardCostsOneFetch(t *testing.T) {
	t.Parallel()
	for _, plain := range []bool{false, true} {
		i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
		unsteadily(t, plain, i, func(t *testing.T, s *Set, clock *unsteady) {
			clock.step(20 * 365 * 24 * time.Hour)
			for range 100 {
				if _, err := s.Key(t.Context(), "a"); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(i.seen()); n != 2 {
				t.Errorf("%d requests, want 2", n)
			}
			clock.step(-20 * 365 * 24 * time.Hour) // and corrected
			if _, err := s.Key(t.Context(), "a"); err != nil {
				t.Error(err)
			}
			time.Sleep(2 * time.Minute)
			if n := len(i.seen()); n > 3 || settled(s).State != Fresh {
				t.Errorf("%d requests, %v", n, s.Health())
			}
			if _, err := s.Key(t.Context(), "b"); !errors.Is(err, ErrUnknownKey) {
				t.Error(err)
			}
		})
	}
}

func TestAClockWithoutMonotonicPartThatIsSetBackCausesAFetch(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
	unsteadily(t, true, i, func(t *testing.T, s *Set, clock *unsteady) {
		clock.step(-time.Hour)
		if _, ok := s.Lookup("a"); !ok {
			t.Error("the key is gone")
		}
		if h := settled(s); len(i.seen()) != 2 || !h.LoadedAt.Equal(clock.now()) {
			t.Errorf("%d requests, %v", len(i.seen()), h)
		}
		for range 1000 {
			s.Lookup("a")
		}
		synctest.Wait()
		if n := len(i.seen()); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})
}

func TestAClockThatStandsStillDoesNotStopRenewalsAndRetries(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		fixed := time.Now()
		s, err := New(ctx, Config{URL: testURL, Client: clientOf(i), Now: func() time.Time { return fixed }})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if n := len(i.seen()); n < 12 || n > 18 {
			t.Errorf("%d requests in an hour, want one every four minutes", n)
		}
		i.change(func(i *issuer) { i.down = errors.New("refused") })
		if err := s.Refresh(ctx); err == nil {
			t.Fatal("no error")
		}
		i.change(func(i *issuer) { i.down = nil })
		time.Sleep(2 * time.Second)
		if h := settled(s); h.Err != nil {
			t.Errorf("not tried again: %v", h)
		}
	})
}

func TestSpreadStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	for range 10_000 {
		if d := spread(time.Hour, 0.9, 1.1); d < 54*time.Minute || d >= 66*time.Minute {
			t.Fatal(d)
		}
	}
}
