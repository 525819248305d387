package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/postgres/pgtest"
	"github.com/signet-id/signet/internal/ratelimit"
)

func TestAnAttemptThatBeganEarlierIsNotBlockedByOneThatCountedFirst(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.New(t), MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	now := time.Now()
	policy := ratelimit.Policy{Free: 5, Base: time.Minute, Max: time.Minute, Window: time.Hour}
	claim := []ratelimit.Claim{{Key: ratelimit.Key{1}, Policy: policy}}
	// The clocks of two replicas may differ by more than the microseconds of a race in one.
	for i, at := range []time.Time{now, now.Add(-time.Microsecond), now.Add(-time.Second), now.Add(time.Second), now} {
		states, err := db.Throttles().Take(t.Context(), claim, at)
		if err != nil {
			t.Fatal(err)
		}
		if len(states) != 1 || !states[0].Taken || states[0].Failures != i+1 {
			t.Fatalf("attempt %d: %+v", i+1, states)
		}
	}
	states, err := db.Throttles().Take(t.Context(), claim, now)
	if err != nil {
		t.Fatal(err)
	}
	if states[0].Taken || !states[0].BlockedUntil.Equal(now.Truncate(time.Microsecond).Add(time.Minute)) {
		t.Errorf("the pause after the fifth failure: %+v", states[0])
	}
}

// A sign-in counts on several keys and gives back on the same ones, many at a time from one network.
func TestAttemptsAreCountedAndGivenBackAtOnceWithoutADeadlock(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.New(t), MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	now := time.Now()
	policy := ratelimit.Policy{Free: 1 << 20, Base: time.Minute, Max: time.Minute, Window: time.Hour}
	var claims []ratelimit.Claim
	var keys []ratelimit.Key
	for n := range byte(6) {
		claims = append(claims, ratelimit.Claim{Key: ratelimit.Key{n}, Policy: policy})
		keys = append(keys, ratelimit.Key{5 - n})
	}
	if _, err := db.Throttles().Take(t.Context(), claims, now); err != nil { // there, and in another order than that of keys
		t.Fatal(err)
	}
	for n := range byte(6) {
		if err := db.Throttles().Settle(t.Context(), nil, []ratelimit.Key{{5 - n}}, now); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 60 {
				_, err := db.Throttles().Take(t.Context(), claims, now)
				if err == nil {
					err = db.Throttles().Settle(t.Context(), nil, keys, now)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	states, err := db.Throttles().Take(t.Context(), claims, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range states {
		if s.Failures != 1 {
			t.Errorf("key %d counts %d, want 1", s.Key[0], s.Failures)
		}
	}
}
