package jwks

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeysAreRenewedAtFourFifthsOfTheirLifetime(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
	i.header.Set("ETag", etagOf(1))
	still(t, i, nil, func(t *testing.T, s *Set) {
		for range 50 {
			time.Sleep(5 * time.Minute)
			if h := settled(s); h.State != Fresh {
				t.Fatalf("health %v: renewed too late", h)
			}
		}
		seen := i.seen()
		if len(seen) < 50 {
			t.Fatalf("%d requests", len(seen))
		}
		least, most := time.Hour, time.Duration(0)
		for n := 1; n < len(seen); n++ {
			wait := seen[n].at.Sub(seen[n-1].at)
			least, most = min(least, wait), max(most, wait)
			if wait < 216*time.Second || wait > 264*time.Second {
				t.Errorf("renewed after %v, want 240 s ± 10 %%", wait)
			}
			if seen[n].header.Get("If-None-Match") != etagOf(1) || seen[n].status != http.StatusNotModified {
				t.Errorf("request %d was not conditional: %v", n, seen[n])
			}
		}
		if most-least < 20*time.Second { // all of 50 that close: 1 in 10^15
			t.Errorf("the waits lie between %v and %v: replicas would not drift apart", least, most)
		}
	})
}

func TestAnIssuerWhoseKeysChangeWithinSecondsIsFollowed(t *testing.T) {
	t.Parallel()
	a, b := newKey(t, "a"), newKey(t, "b")
	for _, tt := range []struct {
		least   time.Duration
		carried bool // the withdrawn key is still good after a second
	}{{0, true}, {time.Second, false}} {
		i := newIssuer(documentOf(t, a), "max-age=1, stale-if-error=1")
		still(t, i, func(c *Config) { c.MinTTL = tt.least }, func(t *testing.T, s *Set) {
			settled(s)
			i.change(func(i *issuer) { i.body = documentOf(t, b) })
			time.Sleep(time.Second)
			settled(s)
			if _, ok := s.Lookup("a"); ok != tt.carried {
				t.Errorf("MinTTL %v: the withdrawn key is found: %v", tt.least, ok)
			}
			if _, ok := s.Lookup("b"); ok == tt.carried {
				t.Errorf("MinTTL %v: the new key is found: %v", tt.least, ok)
			}
			i.change(func(i *issuer) { i.down = errors.New("refused") })
			time.Sleep(2 * time.Second)
			if h := settled(s); h.OK() != tt.carried {
				t.Errorf("MinTTL %v: two seconds after the issuer went: %v", tt.least, h)
			}
		})
	}
}

func TestManyReplicasSpreadTheirRequests(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
	still(t, i, nil, func(t *testing.T, s *Set) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		const replicas = 200
		for range replicas - 1 {
			if _, err := New(ctx, s.cfg); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(265 * time.Second)
		perSecond := map[time.Time]int{}
		second := i.seen()[replicas:]
		for _, r := range second {
			perSecond[r.at.Truncate(time.Second)]++
		}
		if len(second) < replicas {
			t.Errorf("%d renewals, want %d", len(second), replicas)
		}
		for at, n := range perSecond {
			if n > replicas/8 { // some 4 are expected
				t.Errorf("%d of %d replicas renewed in one second (%v)", n, replicas, at)
			}
		}
	})
}

func TestA304RenewsWhatIsThere(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
	i.header.Set("ETag", etagOf(1))
	still(t, i, nil, func(t *testing.T, s *Set) {
		before := settled(s)
		old, _ := s.Lookup("a")

		time.Sleep(100 * time.Second)
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		after := s.Health()
		if got := after.UsableUntil.Sub(before.UsableUntil); got != 100*time.Second {
			t.Errorf("usable for %v longer, want 100 s", got)
		}
		if k, _ := s.Lookup("a"); k.Public != old.Public {
			t.Error("the key is another value")
		}

		i.change(func(i *issuer) { i.header.Set("Cache-Control", "max-age=600, stale-if-error=0") })
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if h := s.Health(); h.FreshUntil.Sub(h.LoadedAt) != 10*time.Minute || !h.UsableUntil.Equal(h.FreshUntil) {
			t.Errorf("the headers of the 304 are ignored: %+v", h)
		}

		i.change(func(i *issuer) { i.header.Del("Cache-Control"); i.header.Set("Age", "60") })
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if h := s.Health(); h.FreshUntil.Sub(h.LoadedAt) != 9*time.Minute {
			t.Errorf("headers that the 304 does not carry are forgotten: %+v", h)
		}
		if last := i.seen()[3]; last.status != http.StatusNotModified {
			t.Errorf("status %d", last.status)
		}
	})
}

func TestA304ToARequestWithoutConditionRenewsNothing(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching) // without ETag
	still(t, i, nil, func(t *testing.T, s *Set) {
		before := settled(s)
		time.Sleep(time.Minute)
		i.change(func(i *issuer) { i.status = http.StatusNotModified })
		if err := s.Refresh(t.Context()); !errors.Is(err, ErrStatus) {
			t.Errorf("error %v, want ErrStatus", err)
		}
		if h := s.Health(); !h.UsableUntil.Equal(before.UsableUntil) {
			t.Errorf("usable until %v, was %v", h.UsableUntil, before.UsableUntil)
		}
	})
}

func TestA200ReplacesTheWholeSet(t *testing.T) {
	t.Parallel()
	a, b, c := newKey(t, "a"), newKey(t, "b"), newKey(t, "c")
	i := newIssuer(documentOf(t, a, b), signetCaching)
	i.header.Set("ETag", etagOf(1))
	log := &journal{}
	still(t, i, func(c *Config) { c.Log = log.logger() }, func(t *testing.T, s *Set) {
		settled(s)
		oldB, _ := s.Lookup("b")
		i.change(func(i *issuer) { i.body = documentOf(t, b, c); i.header.Set("ETag", etagOf(2)) })
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.Lookup("a"); ok {
			t.Error("a withdrawn key is still there")
		}
		if _, ok := s.Lookup("c"); !ok {
			t.Error("a new key is not there")
		}
		if k, ok := s.Lookup("b"); !ok || k.Public != oldB.Public {
			t.Error("a key that stayed is another value")
		}
		if h := s.Health(); !slices.Equal(h.Keys, []string{"b", "c"}) {
			t.Errorf("kids %q", h.Keys)
		}

		// Not what is foreseen, but the issuer's to do.
		other := newKey(t, "b")
		i.change(func(i *issuer) { i.body = documentOf(t, other); i.header.Set("ETag", etagOf(3)) })
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if k, _ := s.Lookup("b"); !same(&k, &other) {
			t.Error("the old key is used under the id of the new one")
		}
		if got := log.String(); !containsAll(got, "another key under an id") {
			t.Errorf("log %s", got)
		}
	})
}

func TestABadDocumentLeavesTheKeysBeforeIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body string
		want error
	}{
		"empty":        {`{"keys":[]}`, ErrEmpty},
		"private":      {jwkSet(jwk(t, "b", map[string]any{"d": "AA"})), ErrPrivateKey},
		"duplicate":    {jwkSet(jwk(t, "b", nil), jwk(t, "b", nil)), ErrDuplicateKey},
		"not JSON":     {"oops", ErrMalformed},
		"much too big": {string(make([]byte, MaxDocumentSize+1)), ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
			still(t, i, nil, func(t *testing.T, s *Set) {
				settled(s)
				i.change(func(i *issuer) { i.body = tt.body })
				if err := s.Refresh(t.Context()); !errors.Is(err, tt.want) {
					t.Errorf("Refresh: %v, want %v", err, tt.want)
				}
				if _, ok := s.Lookup("a"); !ok {
					t.Error("the key before is gone")
				}
				if h := s.Health(); h.State != Fresh || !errors.Is(h.Err, tt.want) {
					t.Errorf("health %v", h)
				}
			})
		})
	}
}

func TestKeysServeThroughAnOutageAndThenFailClosed(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	i := newIssuer(jwkSet(jwk(t, "a", nil)), "max-age=300, stale-if-error=3600")
	log := &journal{}
	still(t, i, func(c *Config) { c.Log = log.logger() }, func(t *testing.T, s *Set) {
		settled(s)
		i.change(func(i *issuer) { i.down = down })

		time.Sleep(299 * time.Second)
		if h := settled(s); h.State != Fresh || !errors.Is(h.Err, down) {
			t.Errorf("after 299 s: %v", h)
		}
		time.Sleep(time.Second)
		if h := settled(s); h.State != Stale || !h.OK() {
			t.Errorf("after 300 s: %v", h)
		}
		time.Sleep(time.Hour - time.Millisecond)
		if _, err := s.Key(t.Context(), "a"); err != nil {
			t.Errorf("just before the end of stale-if-error: %v", err)
		}
		outage := len(i.seen())
		if outage < 40 || outage > 200 {
			t.Errorf("%d requests in an hour, want about one a minute", outage)
		}

		time.Sleep(time.Millisecond)
		if _, ok := s.Lookup("a"); ok {
			t.Error("Lookup finds a key past stale-if-error")
		}
		_, err := s.Key(t.Context(), "a")
		if !errors.Is(err, ErrUnavailable) || !errors.Is(err, down) || errors.Is(err, ErrUnknownKey) {
			t.Errorf("past stale-if-error: %v, want ErrUnavailable with the reason", err)
		}
		if h := settled(s); h.State != Expired || h.OK() {
			t.Errorf("past stale-if-error: %v", h)
		}

		time.Sleep(2 * time.Minute)
		if urgent := len(i.seen()) - outage; urgent < 10 || urgent > 26 {
			t.Errorf("%d requests in two minutes without keys, want about one every ten seconds", urgent)
		}
		if got := log.String(); !containsAll(got, "level=WARN", "cannot be renewed", "level=ERROR", "no token can be accepted") {
			t.Errorf("log %s", got)
		}

		i.change(func(i *issuer) { i.down = nil })
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if h := s.Health(); h.State != Fresh || h.Err != nil {
			t.Errorf("after the outage: %v", h)
		}
		if _, err := s.Key(t.Context(), "a"); err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutKeysALookupDoesNotWaitForEveryRetry(t *testing.T) {
	t.Parallel()
	i := newIssuer("", "")
	i.down = errors.New("connection refused")
	still(t, i, nil, func(t *testing.T, s *Set) {
		settled(s)
		start, before := time.Now(), len(i.seen())
		for range 1000 {
			if _, err := s.Key(t.Context(), "a"); !errors.Is(err, ErrUnavailable) {
				t.Fatal(err)
			}
		}
		if took, more := time.Since(start), len(i.seen())-before; took != 0 || more != 0 {
			t.Errorf("1000 lookups took %v and caused %d requests, want none", took, more)
		}
	})
}

func TestRefreshDoesNotSettleForAFetchThatBeganBefore(t *testing.T) {
	t.Parallel()
	a, b := newKey(t, "a"), newKey(t, "b")
	i := newIssuer(documentOf(t, a), signetCaching)
	// The response is made at the start of the request and arrives five seconds later.
	slow := transportFunc(func(r *http.Request) (*http.Response, error) {
		i.mu.Lock()
		i.delay = 0
		i.mu.Unlock()
		res, err := i.RoundTrip(r)
		time.Sleep(5 * time.Second)
		return res, err
	})
	still(t, i, func(c *Config) { c.Client = &http.Client{Transport: slow} }, func(t *testing.T, s *Set) {
		time.Sleep(time.Second) // the first fetch is under way
		i.change(func(i *issuer) { i.body = documentOf(t, a, b) })
		done := make(chan error, 10)
		for range cap(done) {
			go func() { done <- s.Refresh(t.Context()) }()
		}
		for range cap(done) {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if _, ok := s.Lookup("b"); !ok {
			t.Error("Refresh returned and the key published before it is not there")
		}
		if n := len(i.seen()); n != 2 {
			t.Errorf("%d requests, want 2: those who call together share one", n)
		}
	})
}

func TestNothingRunsAfterTheContextEnds(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{0, time.Hour} {
		i := newIssuer(jwkSet(jwk(t, "a", nil)), "max-age=300, stale-if-error=600")
		synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
			ctx, cancel := context.WithCancel(t.Context())
			s, err := New(ctx, Config{URL: testURL, Client: &http.Client{Transport: i}, CacheFile: folder(t) + "/jwks"})
			if err != nil {
				t.Fatal(err)
			}
			settled(s)
			i.change(func(i *issuer) { i.delay = delay })
			refreshed := make(chan error)
			go func() { refreshed <- s.Refresh(context.WithoutCancel(ctx)) }()
			synctest.Wait()
			cancel()
			if err := <-refreshed; errors.Is(err, context.Canceled) != (delay > 0) {
				t.Errorf("Refresh under way: %v", err)
			}
			requests := len(i.seen())
			if h := settled(s); h.State != Fresh || h.Err != nil {
				t.Errorf("health %v: the end of the set is no failure of the issuer", h)
			}
			if _, err := s.Key(t.Context(), "a"); err != nil {
				t.Errorf("the keys at hand: %v", err)
			}
			if _, err := s.Key(t.Context(), "b"); !errors.Is(err, ErrUnknownKey) {
				t.Errorf("an unknown kid: %v", err)
			}
			if err := s.Refresh(t.Context()); !errors.Is(err, context.Canceled) {
				t.Errorf("Refresh: %v", err)
			}
			time.Sleep(time.Hour)
			if _, err := s.Key(t.Context(), "a"); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
				t.Errorf("an hour later: %v", err)
			}
			if err := s.Ready(t.Context()); !errors.Is(err, ErrUnavailable) {
				t.Errorf("Ready: %v", err)
			}
			if n := len(i.seen()); n != requests {
				t.Errorf("%d requests after the end", n-requests)
			}
		})
	}
}
