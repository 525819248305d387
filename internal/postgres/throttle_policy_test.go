package postgres_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/ratelimit"
)

// take counts one attempt on one key.
func take(t *testing.T, w *world, key byte, p ratelimit.Policy, now time.Time) ratelimit.State {
	t.Helper()
	got, err := w.Throttles().Take(t.Context(), []ratelimit.Claim{{Key: ratelimit.Key{key}, Policy: p}}, now)
	must(t, err)
	if len(got) != 1 || got[0].Key != (ratelimit.Key{key}) {
		t.Fatalf("%+v", got)
	}
	return got[0]
}

func TestThePausesInTheDatabaseAreThoseOfThePolicy(t *testing.T) {
	t.Parallel()
	w := build(t)
	d := ratelimit.DefaultPolicies()
	for i, p := range []ratelimit.Policy{
		d.Account, d.Address,
		{Free: 1, Base: time.Second, Max: time.Hour, Window: 365 * 24 * time.Hour, Sliding: true},
		{Free: 3, Base: time.Second, Max: ratelimit.Never, Window: ratelimit.Never, Limit: 90, Rest: ratelimit.Never},
		{Free: 1, Base: time.Second, Max: time.Second, Window: 365 * 24 * time.Hour, Limit: 1, Rest: time.Minute, Sliding: true},
	} {
		begin := time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)
		now := begin
		for failures := 1; failures <= 110; failures++ {
			got := take(t, w, byte(i), p, now)
			want := p.Pause(failures)
			if !got.Taken || got.Failures != failures || want > 0 && !got.BlockedUntil.Equal(now.Add(want)) || want == 0 && got.BlockedUntil.After(now) {
				t.Fatalf("policy %d, failure %d: %+v, want a pause of %v", i, failures, got, want)
			}
			if want >= ratelimit.Never {
				break
			}
			if want > 0 {
				if early := take(t, w, byte(i), p, now.Add(want-time.Microsecond)); early.Taken || early.Failures != failures {
					t.Fatalf("policy %d: taken during the pause: %+v", i, early)
				}
			}
			now = now.Add(want)
			if !p.Sliding && now.Sub(begin) >= p.Window {
				break // counting starts afresh
			}
		}
	}
}

func TestAWindowThatHasPassedStartsAfresh(t *testing.T) {
	t.Parallel()
	w := build(t)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	fixed := ratelimit.Policy{Free: 10, Base: time.Second, Max: time.Minute, Window: time.Minute}
	sliding := fixed
	sliding.Sliding = true
	for _, step := range []struct {
		after          time.Duration
		fixed, sliding int
	}{{0, 1, 1}, {59 * time.Second, 2, 2}, {time.Minute, 1, 3}, {118 * time.Second, 2, 4}, {178 * time.Second, 1, 1}} {
		if got := take(t, w, 1, fixed, now.Add(step.after)); got.Failures != step.fixed {
			t.Errorf("fixed, after %v: %d, want %d", step.after, got.Failures, step.fixed)
		}
		if got := take(t, w, 2, sliding, now.Add(step.after)); got.Failures != step.sliding {
			t.Errorf("sliding, after %v: %d, want %d", step.after, got.Failures, step.sliding)
		}
	}
}

func TestParallelGuessesCannotSlipPastThePause(t *testing.T) {
	t.Parallel()
	w := build(t)
	p := ratelimit.Policy{Free: 5, Base: time.Minute, Max: time.Hour, Window: time.Hour}
	now := time.Now()
	var taken atomic.Int32
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			got, err := w.Throttles().Take(t.Context(), []ratelimit.Claim{{Key: ratelimit.Key{2}, Policy: p}, {Key: ratelimit.Key{1}, Policy: ratelimit.DefaultPolicies().Address}}, now)
			if err != nil {
				t.Error(err)
				return
			}
			for _, s := range got {
				if s.Key == (ratelimit.Key{2}) && s.Taken {
					taken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := taken.Load(); n != 5 {
		t.Errorf("%d of 40 guesses were taken, 5 are free", n)
	}
}

func TestABlockedKeyLeavesTheOthersUncounted(t *testing.T) {
	t.Parallel()
	w := build(t)
	now := time.Now().Truncate(time.Microsecond)
	strict := ratelimit.Policy{Free: 1, Base: time.Minute, Max: time.Hour, Window: time.Hour}
	take(t, w, 1, strict, now)
	got, err := w.Throttles().Take(t.Context(), []ratelimit.Claim{{Key: ratelimit.Key{1}, Policy: strict}, {Key: ratelimit.Key{2}, Policy: strict}}, now)
	if err != nil || len(got) != 2 || got[0].Taken || got[1].Taken {
		t.Fatalf("%+v, %v", got, err)
	}
	if s := take(t, w, 2, strict, now); s.Failures != 1 {
		t.Errorf("the other key: %+v", s)
	}
}

func TestSettlingForgetsAndGivesBack(t *testing.T) {
	t.Parallel()
	w := build(t)
	now := time.Now().Truncate(time.Microsecond)
	p := ratelimit.Policy{Free: 2, Base: time.Minute, Max: time.Hour, Window: time.Hour}
	for _, key := range []byte{1, 1, 2, 2, 3} {
		take(t, w, key, p, now)
	}
	must(t, w.Throttles().Settle(t.Context(), []ratelimit.Key{{1}}, []ratelimit.Key{{2}, {3}, {9}}, now))
	must(t, w.Throttles().Settle(t.Context(), nil, []ratelimit.Key{{3}}, now)) // never below none
	must(t, w.Throttles().Settle(t.Context(), nil, nil, now))
	for key, want := range map[byte]int{1: 1, 2: 2, 3: 1} {
		if got := take(t, w, key, p, now); !got.Taken || got.Failures != want {
			t.Errorf("key %d: %+v, want failure %d", key, got, want)
		}
	}
}
