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
