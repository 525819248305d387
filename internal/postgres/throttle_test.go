package postgres_test

import (
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
