package replica_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/replica"
)

// seat is a key of two parts, of which the first is the group.
type seat struct{ row, number uint64 }

type hall = replica.Kept[seat, string]

// newHall returns a cache whose values come from load.
func newHall(load func(context.Context, seat) (string, bool, error), change ...func(*replica.Keeping[seat, string])) *hall {
	k := replica.Keeping[seat, string]{Weight: 1000, TTL: time.Hour, Group: func(s seat) uint64 { return s.row }, Load: load}
	for _, f := range change {
		f(&k)
	}
	return replica.NewKept(k)
}

func ask(t *testing.T, h *hall, s seat) string {
	t.Helper()
	got, err := h.Get(t.Context(), s)
	if err != nil {
		t.Errorf("%v: %v", s, err)
	}
	return got
}

func TestForgettingAGroupForgetsAllOfItAndOfNoOtherGroup(t *testing.T) {
	t.Parallel()
	loads := map[seat]int{}
	h := newHall(func(_ context.Context, s seat) (string, bool, error) { loads[s]++; return "x", true, nil })
	seats := []seat{{1, 1}, {1, 2}, {2, 1}}
	for _, step := range []struct {
		what string
		do   func()
		want [3]int
	}{
		{"at first", func() {}, [3]int{1, 1, 1}},
		{"again", func() {}, [3]int{1, 1, 1}},
		{"row 1 forgotten", func() { h.ForgetGroup(1) }, [3]int{2, 2, 1}},
		{"again", func() {}, [3]int{2, 2, 1}},
		{"one seat forgotten", func() { h.Forget(seat{1, 2}) }, [3]int{2, 3, 1}},
		{"all forgotten", h.ForgetAll, [3]int{3, 4, 2}},
	} {
		step.do()
		for i, s := range seats {
			ask(t, h, s)
			if loads[s] != step.want[i] {
				t.Errorf("%s: %v was loaded %d times, want %d", step.what, s, loads[s], step.want[i])
			}
		}
	}
}

func TestErrorsAndWhatShallNotBeKeptAreAnsweredButNotKept(t *testing.T) {
	t.Parallel()
	type answer struct {
		v    string
		keep bool
		err  error
	}
	down := errors.New("down")
	var next answer
	loads := 0
	h := newHall(func(context.Context, seat) (string, bool, error) {
		loads++
		return next.v, next.keep, next.err
	})
	for i, a := range []answer{{"", true, down}, {"half", true, down}, {"free", false, nil}, {"taken", true, nil}} {
		next = a
		got, err := h.Get(t.Context(), seat{1, 1})
		if got != a.v || !errors.Is(err, a.err) || loads != i+1 {
			t.Errorf("%+v: %q, %v after %d loads", a, got, err, loads)
		}
	}
	next = answer{"somebody else's", true, nil}
	if got := ask(t, h, seat{1, 1}); got != "taken" || loads != 4 {
		t.Errorf("%q after %d loads", got, loads)
	}
}

// Whoever asks after something was forgotten never gets what was read before, not even by
// joining a load that began before.
func TestWhatWasReadBeforeItWasForgottenIsNoAnswerAfterwards(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	for load, old := range map[string]struct {
		keep bool
		err  error
	}{"kept": {true, nil}, "not kept": {false, nil}, "failed": {false, gone}} {
		for forgot, forget := range map[string]func(*hall){
			"the group": func(h *hall) { h.ForgetGroup(1) },
			"all":       (*hall).ForgetAll,
		} {
			t.Run(load+", "+forgot, func(t *testing.T) {
				t.Parallel()
				entered, open := make(chan struct{}), make(chan struct{})
				var calls atomic.Int32
				h := newHall(func(context.Context, seat) (string, bool, error) {
					if calls.Add(1) == 1 {
						close(entered)
						<-open
						return "old", old.keep, old.err
					}
					return "new", true, nil
				})
				var wg sync.WaitGroup
				wg.Go(func() { _, _ = h.Get(t.Context(), seat{1, 1}) })
				<-entered
				forget(h)
				for range 8 {
					wg.Go(func() {
						if got := ask(t, h, seat{1, 1}); got != "new" {
							t.Errorf("meanwhile: %q", got)
						}
					})
				}
				close(open)
				wg.Wait()
				if got := ask(t, h, seat{1, 1}); got != "new" {
					t.Errorf("afterwards: %q", got)
				}
			})
		}
	}
}

func TestNothingStaleIsServedHoweverChangesAndQuestionsMeet(t *testing.T) {
	t.Parallel()
	const rounds = 2000
	var stored atomic.Int64 // the version in the store; told of after it changed
	h := replica.NewKept(replica.Keeping[seat, int64]{
		Weight: 100, TTL: time.Hour, Group: func(s seat) uint64 { return s.row },
		Load: func(_ context.Context, s seat) (int64, bool, error) { v := stored.Load(); return v, v%3 != 0, nil },
	})
	var told atomic.Int64
	var wg sync.WaitGroup
	for reader := range 4 {
		wg.Go(func() {
			for told.Load() < rounds {
				least := told.Load()
				if got, err := h.Get(t.Context(), seat{1, uint64(reader % 2)}); err != nil || got < least {
					t.Errorf("%d, %v; %d was told of before", got, err, least)
					return
				}
			}
		})
	}
	for v := int64(1); v <= rounds; v++ {
		stored.Store(v)
		if v%5 == 0 {
			h.ForgetAll()
		} else {
			h.ForgetGroup(1)
		}
		told.Store(v)
	}
	wg.Wait()
}

func TestMemoryIsBoundedByWeight(t *testing.T) {
	t.Parallel()
	const all = 300
	var loads atomic.Int32
	h := newHall(func(context.Context, seat) (string, bool, error) { loads.Add(1); return "heavy", true, nil },
		func(k *replica.Keeping[seat, string]) {
			k.Weight, k.Weigh = 100, func(v string) uint32 { return uint32(2 * len(v)) }
		})
	for end := time.Now().Add(20 * time.Second); ; {
		before := loads.Load()
		for n := range all {
			ask(t, h, seat{uint64(n), uint64(n)})
		}
		if again := loads.Load() - before; again >= all-100/10 { // ten fit; what is too much goes a moment later
			return
		} else if time.Now().After(end) {
			t.Fatalf("only %d of %d were loaded again", again, all)
		}
	}
}

func TestWhatNobodyToldOfIsSeenOnceItsTimeIsOver(t *testing.T) {
	t.Parallel()
	var loads atomic.Int32
	h := newHall(func(context.Context, seat) (string, bool, error) { loads.Add(1); return "x", true, nil },
		func(k *replica.Keeping[seat, string]) { k.TTL = time.Millisecond })
	for end := time.Now().Add(20 * time.Second); loads.Load() < 3; {
		ask(t, h, seat{1, 1})
		if time.Now().After(end) {
			t.Fatalf("%d loads", loads.Load())
		}
	}
}
