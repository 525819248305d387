package jwks

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-id/signet/keys"
)

func TestAThousandCallersWithUnknownKidsShareOneFetch(t *testing.T) {
	t.Parallel()
	for name, kid := range map[string]func(int) string{
		"the same kid": func(int) string { return "new" },
		"one each":     func(n int) string { return fmt.Sprint("new", n) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
			s, _ := serve(t, i, nil)
			if err := s.Ready(within(t, time.Minute)); err != nil {
				t.Fatal(err)
			}
			ctx := within(t, time.Minute)
			var begin, end sync.WaitGroup
			begin.Add(1)
			var wrong atomic.Int32
			for n := range 1000 {
				end.Go(func() {
					begin.Wait()
					if _, err := s.Key(ctx, kid(n)); !errors.Is(err, ErrUnknownKey) || errors.Is(err, ErrUnavailable) {
						wrong.Add(1)
					}
				})
			}
			begin.Done()
			end.Wait()
			if n := wrong.Load(); n != 0 {
				t.Errorf("%d callers were not told ErrUnknownKey", n)
			}
			if n := len(i.seen()); n != 2 {
				t.Errorf("%d requests, want the first and one more", n)
			}
		})
	}
}

func TestAThousandCallersGetTheKeyThatOneFetchBrings(t *testing.T) {
	t.Parallel()
	a, b := newKey(t, "a"), newKey(t, "b")
	i := newIssuer(documentOf(t, a), signetCaching)
	still(t, i, nil, func(t *testing.T, s *Set) {
		settled(s)
		i.change(func(i *issuer) { i.body = documentOf(t, a, b); i.delay = time.Second })
		var end sync.WaitGroup
		for range 1000 {
			end.Go(func() {
				if _, err := s.Key(t.Context(), "b"); err != nil {
					t.Error(err)
				}
			})
		}
		end.Wait()
		if n := len(i.seen()); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})
}

func TestCallersAtTheStartShareTheFirstFetch(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
	i.delay = time.Second
	still(t, i, nil, func(t *testing.T, s *Set) {
		var end sync.WaitGroup
		for n := range 100 {
			end.Go(func() {
				if _, err := s.Key(t.Context(), "a"); err != nil {
					t.Error(err)
				}
				if _, err := s.Key(t.Context(), ""); !errors.Is(err, ErrUnknownKey) {
					t.Errorf("no kid: %v", err)
				}
			})
			if n == 50 {
				time.Sleep(time.Second / 2)
			}
		}
		end.Wait()
		if n := len(i.seen()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}

func TestAFloodOfUnknownKidsCausesAFetchEveryThirtySeconds(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), "max-age=86400")
	still(t, i, nil, func(t *testing.T, s *Set) {
		settled(s)
		for n := range 10 * 60 * 10 {
			if _, err := s.Key(t.Context(), fmt.Sprint("flood", n)); !errors.Is(err, ErrUnknownKey) {
				t.Fatal(err)
			}
			if _, ok := s.Lookup("a"); !ok {
				t.Fatal("a known key is not found during the flood")
			}
			time.Sleep(100 * time.Millisecond)
		}
		seen := i.seen()
		if n := len(seen) - 1; n < 18 || n > 20 {
			t.Errorf("%d requests in ten minutes, want one every 30 s", n)
		}
		for n := 2; n < len(seen); n++ {
			if wait := seen[n].at.Sub(seen[n-1].at); wait < UnknownKeyPause {
				t.Errorf("two requests within %v", wait)
			}
		}
		if n := len(s.absent); n > 1 {
			t.Errorf("%d kids are remembered as absent, want only what the latest fetch did not bring", n)
		}
	})
}

func TestWhatIsRememberedOfUnknownKidsIsBounded(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
	still(t, i, nil, func(t *testing.T, s *Set) {
		settled(s)
		i.change(func(i *issuer) { i.delay = time.Second })
		var end sync.WaitGroup
		for n := range 3 * maxAbsent {
			end.Go(func() { _, _ = s.Key(t.Context(), fmt.Sprint("flood", n)) })
		}
		end.Wait()
		if n := len(s.absent); n == 0 || n > maxAbsent {
			t.Errorf("%d kids are remembered, want 1 to %d", n, maxAbsent)
		}
		time.Sleep(UnknownKeyPause) // another may cause a request now
		requests := len(i.seen())
		if _, err := s.Key(t.Context(), strings.Repeat("x", maxKeyID+1)); !errors.Is(err, ErrUnknownKey) || len(err.Error()) > 300 {
			t.Errorf("a kid that is too long: %v", err)
		}
		if n := len(i.seen()); n != requests {
			t.Error("a kid that is too long causes a request")
		}
	})
}

func TestAnAbsentKidIsAskedForAgainAfterAMinute(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), "max-age=86400")
	still(t, i, nil, func(t *testing.T, s *Set) {
		settled(s)
		ask := func(kid string) (requests int) {
			t.Helper()
			before := len(i.seen())
			if _, err := s.Key(t.Context(), kid); !errors.Is(err, ErrUnknownKey) {
				t.Error(err)
			}
			return len(i.seen()) - before
		}
		if n := ask("b"); n != 1 {
			t.Errorf("at first: %d requests, want 1", n)
		}
		time.Sleep(AbsentTTL - time.Millisecond)
		if n := ask("b"); n != 0 {
			t.Errorf("just before a minute: %d requests, want none", n)
		}
		time.Sleep(time.Millisecond)
		if n := ask("b"); n != 1 {
			t.Errorf("after a minute: %d requests, want 1", n)
		}
	})
}

func TestEverySuccessfulFetchForgetsAbsentKids(t *testing.T) {
	t.Parallel()
	a, b, c := newKey(t, "a"), newKey(t, "b"), newKey(t, "c")
	for _, tag := range []string{"", etagOf(1)} { // a 200 or a 304
		i := newIssuer(documentOf(t, a), "max-age=86400")
		i.header.Set("ETag", tag)
		still(t, i, nil, func(t *testing.T, s *Set) {
			settled(s)
			if _, err := s.Key(t.Context(), "b"); !errors.Is(err, ErrUnknownKey) {
				t.Fatal(err)
			}
			time.Sleep(UnknownKeyPause)
			i.change(func(i *issuer) { i.down = errors.New("refused") })
			if err := s.Refresh(t.Context()); err == nil {
				t.Fatal("no error")
			}
			if len(s.absent) != 1 {
				t.Error("a failed fetch forgot the absent kid")
			}
			i.change(func(i *issuer) { i.down = nil })
			if err := s.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(s.absent) != 0 {
				t.Error("a successful fetch did not forget the absent kid")
			}
			i.change(func(i *issuer) { i.body = documentOf(t, a, b, c); i.header.Set("ETag", `"new"`) })
			if _, err := s.Key(t.Context(), "b"); err != nil {
				t.Errorf("published meanwhile: %v", err)
			}
		})
	}
}

func TestAnUnknownKidDuringAnOutageIsUnknownAndSaysWhy(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
	still(t, i, nil, func(t *testing.T, s *Set) {
		settled(s)
		down := errors.New("connection refused")
		i.change(func(i *issuer) { i.down = down })
		for range 3 {
			_, err := s.Key(t.Context(), "b")
			if !errors.Is(err, ErrUnknownKey) || errors.Is(err, ErrUnavailable) || !errors.Is(err, down) {
				t.Errorf("error %v, want ErrUnknownKey and the reason", err)
			}
		}
		if len(s.absent) != 0 {
			t.Error("a kid is remembered as absent although the issuer could not be asked")
		}
	})
}

// A fetch may have been answered before the key was published. Joining it must not count as proof.
func TestAFetchThatBeganBeforeProvesNoAbsence(t *testing.T) {
	t.Parallel()
	a, b := newKey(t, "a"), newKey(t, "b")
	i := newIssuer(documentOf(t, a), signetCaching)
	i.delay = time.Second
	still(t, i, nil, func(t *testing.T, s *Set) {
		synctest.Wait() // the first fetch is under way
		if _, err := s.Key(t.Context(), "b"); !errors.Is(err, ErrUnknownKey) {
			t.Fatal(err)
		}
		i.change(func(i *issuer) { i.body = documentOf(t, a, b) })
		if _, err := s.Key(t.Context(), "b"); err != nil {
			t.Errorf("published meanwhile: %v", err)
		}
	})
}

func TestLookupAllocatesNothing(t *testing.T) {
	i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
	s, _ := serve(t, i, nil)
	if err := s.Ready(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	for _, kid := range []string{"a", "unknown"} {
		if n := testing.AllocsPerRun(1000, func() { s.Lookup(kid) }); n != 0 {
			t.Errorf("Lookup(%q) allocates %v times", kid, n)
		}
	}
}

func TestLookupsDuringRefreshesNeverMissAKey(t *testing.T) {
	t.Parallel()
	a, b := newKey(t, "a"), newKey(t, "b")
	i := newIssuer(documentOf(t, a), signetCaching)
	s, _ := serve(t, i, nil)
	ctx := within(t, time.Minute)
	if err := s.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	var end sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		end.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, ok := s.Lookup("a"); !ok {
					t.Error("missed")
					return
				}
				_, _ = s.Key(ctx, "unknown")
				_ = s.Health().String()
			}
		})
	}
	for n := range 30 {
		all := []keys.Key{a, b}[:1+n%2]
		i.change(func(i *issuer) { i.body = documentOf(t, all...); i.header.Set("ETag", etagOf(n)) })
		if err := s.Refresh(ctx); err != nil {
			t.Error(err)
		}
		if _, ok := s.Lookup("b"); ok != (len(all) == 2) {
			t.Errorf("after refresh %d: b is there: %v", n, ok)
		}
	}
	close(stop)
	end.Wait()
}

func BenchmarkLookup(b *testing.B) {
	i := newIssuer(jwkSet(jwk(b, "a", nil)), signetCaching)
	s, err := New(b.Context(), Config{URL: testURL, Client: clientOf(i)})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Ready(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Lookup("a")
	}
}
