package keyring_test

import (
	"context"
	"errors"
	"testing"
	"time"
	"unsafe"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

// set returns what time.Now yields when the clock is set by d: the wall clock goes on from there, the
// monotonic one as if nothing had happened. A machine that was suspended for d sees the same.
func set(t *testing.T, now time.Time, d time.Duration) time.Time {
	t.Helper()
	// Package time has no other way to tell the two apart.
	type layout struct {
		wall uint64
		mono int64
		loc  *time.Location
	}
	moved := now.Add(d)
	(*layout)(unsafe.Pointer(&moved)).mono -= int64(d) // checked below
	if moved.Sub(now) != 0 || moved.Round(0).Sub(now.Round(0)) != d {
		t.Fatalf("time.Time is made in another way now: %v and %v", moved.Sub(now), moved.Round(0).Sub(now.Round(0)))
	}
	return moved
}

func TestAClockThatIsSetChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here := time.Now()
	c := w.config(quick...)
	c.Now = func() time.Time { return here }
	r, err := keyring.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	before := kidOf(t, sign(t, r, keys.ES256, w.Now().Add(time.Hour)))
	for _, by := range []time.Duration{31 * 24 * time.Hour, -62 * 24 * time.Hour} {
		if here = set(t, here, by); !r.Now().Equal(w.Now()) {
			t.Errorf("set by %v: it is %v by the store's clock, not %v", by, r.Now(), w.Now())
		}
		if kid := kidOf(t, sign(t, r, keys.ES256, w.Now().Add(time.Hour))); kid != before {
			t.Errorf("set by %v: another key signs", by)
		}
	}
}

func TestAMachineThatWasSuspendedSignsOnlyAfterItHasAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here := time.Now()
	l := &line{memory: w.memory}
	c := w.config(quick...)
	c.Now, c.Store = func() time.Time { return here }, l
	r, err := keyring.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	here = set(t, here, 5*time.Hour)
	l.cut.Store(true)
	if _, err := r.Sign(t.Context(), keys.ES256, typ, nil, w.advance(5*time.Hour).Add(time.Minute)); !errors.Is(err, errdefs.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	l.cut.Store(false)
	sign(t, r, keys.ES256, w.Now().Add(time.Hour))
	if !r.Now().Equal(w.Now()) {
		t.Errorf("it is %v, not %v", r.Now(), w.Now())
	}
}

// slow is a store that takes its time before it tells it.
type slow struct {
	*memory
	by time.Duration
}

func (s *slow) Load(ctx context.Context) (keyring.Stored, error) {
	time.Sleep(s.by)
	return s.memory.Load(ctx)
}

func TestAnAnswerThatTakesLongSaysLittleAboutTheTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		s := &slow{memory: w.memory}
		const skew = 3 * time.Minute
		r := w.start(t, skew, func(c *keyring.Config) { c.Store = s })
		r.stop()
		s.by = 20 * time.Second
		if err := r.Reload(t.Context()); err != nil || r.ClockOffset() != -skew || !r.Now().Equal(time.Now()) {
			t.Errorf("%v, the store's clock is ahead by %v", err, r.ClockOffset())
		}
		// What cannot be true is not believed.
		w.change(func(m *memory) { m.now = func() time.Time { return time.Now().Add(time.Hour) } })
		if err := r.Reload(t.Context()); err != nil || r.ClockOffset() != time.Hour-skew {
			t.Errorf("%v, the store's clock is ahead by %v", err, r.ClockOffset())
		}
	})
}
