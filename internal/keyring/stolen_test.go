package keyring_test

import (
	"slices"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

// forget takes the mark of a stolen key away, as whoever writes to the store can.
func (w *world) forget(kid string) {
	w.change(func(m *memory) {
		for i := range m.keys {
			if k := &m.keys[i]; k.KID == kid {
				k.CompromisedAt = time.Time{}
			}
		}
	})
}

func TestAStolenKeyIsErasedWithBothHalves(t *testing.T) {
	for name, after := range map[string]time.Duration{"while it signs": 0, "when its private half was destroyed long ago": 40 * day} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				r := w.start(t, 0)
				stolen := sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))
				pass(after)
				if _, err := r.VerifyOld(stolen, typ); err != nil {
					t.Fatal(err)
				}
				if err := r.Revoke(t.Context(), kidOf(t, stolen), apply(w)); err != nil {
					t.Fatal(err)
				}
				pass(time.Hour)
				r.stop()
				w.change(func(m *memory) {
					row := m.keys[slices.IndexFunc(m.keys, func(k keyring.SealedKey) bool { return k.KID == kidOf(t, stolen) })]
					if row.ErasedAt.IsZero() {
						t.Fatal("it is not erased")
					}
					if left, err := w.envelope.Open(row.Sealed, row.Identity()); err != nil || len(left) > 0 {
						t.Errorf("%d bytes of it are still stored, %v", len(left), err)
					}
				})
				w.forget(kidOf(t, stolen))
				again := w.start(t, 0)
				if _, err := again.VerifyOld(stolen, typ); err == nil {
					t.Error("it counts again once its mark is gone")
				}
			})
		})
	}
}

func TestADatabaseThatForgotAStolenKeyIsToldAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		r := w.start(t, 0)
		stolen := sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))
		var backup []keyring.SealedKey
		w.change(func(m *memory) { backup = slices.Clone(m.keys) })
		if err := r.Revoke(t.Context(), kidOf(t, stolen), apply(w)); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		w.change(func(m *memory) { m.keys = backup })
		r.Poke()
		pass(time.Second)
		check := func() {
			t.Helper()
			for _, verify := range []func(string, ...string) ([]byte, error){r.Verify, r.VerifyOld} {
				if _, err := verify(stolen, typ); err == nil {
					t.Error("a token of the stolen key is accepted")
				}
			}
			if slices.Contains(published(t, r.Ring), kidOf(t, stolen)) {
				t.Error("the stolen key is published")
			}
		}
		check()
		if d := r.Damaged(); !slices.ContainsFunc(d, func(d keyring.Damage) bool { return d.KID == kidOf(t, stolen) }) {
			t.Errorf("nobody is told: %v", d)
		}
		pass(time.Minute)
		check()
		if kid := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))); kid == kidOf(t, stolen) {
			t.Error("the stolen key signs")
		}
		r.stop()
		r = w.start(t, 0) // which knows what is stored, and nothing else
		check()
	})
}

func TestTheHeadersAfterATheftFollowAClockThatGoesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open(t, quick...)
	stolen := kidOf(t, sign(t, r, keys.ES256, w.Now().Add(time.Hour)))
	w.change(func(m *memory) { // so that nothing but its theft happens today
		k := m.row(t, keys.ES256, true)
		k.RetiredAt, k.RemovedAt = w.Now().Add(-time.Hour), w.Now().Add(-time.Hour)
		m.keys[slices.IndexFunc(m.keys, func(k keyring.SealedKey) bool { return k.KID != stolen && k.Algorithm == string(keys.ES256) })].PublishedAt = w.Now().Add(-2 * time.Hour)
	})
	w.advance(time.Hour)
	if err := r.Revoke(t.Context(), stolen, apply(w)); err != nil {
		t.Fatal(err)
	}
	calm := keys.DefaultSchedule()
	hurried := calm.Hurried()
	for _, c := range []struct {
		by   time.Duration
		want string
	}{
		{0, hurried.CacheControl()},
		{-time.Minute, calm.CacheControl()},
		{time.Minute, hurried.CacheControl()},
		{keys.Emergency, calm.CacheControl()},
		{-time.Minute, hurried.CacheControl()},
	} {
		w.advance(c.by)
		if got := r.CacheControl(); got != c.want {
			t.Errorf("after %v: %s", c.by, got)
		}
	}
}
