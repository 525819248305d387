package keyring_test

import (
	"context"
	"crypto"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

// change runs f while the vault stands still.
func (v *vault) change(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
}

func (v *vault) has(kid string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.keys["at "+kid] != nil
}

func newVault() (*vault, func(*keyring.Config)) {
	v := &vault{keys: map[string]crypto.Signer{}}
	return v, func(c *keyring.Config) { c.Custodian = v }
}

func TestAKeyWhoseCommitWasNotAnsweredIsNotDestroyed(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		v, with := newVault()
		r := w.start(t, 0, with)
		first := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour)))
		lost := errors.New("the connection was lost")
		err := r.Revoke(t.Context(), first, func(ctx context.Context, turn keyring.Turn) error {
			_, err := w.memory.Change(ctx, true, turn)
			return errors.Join(err, lost) // after the commit, once the turn had its keys
		})
		if !errors.Is(err, lost) {
			t.Fatal(err)
		}
		w.change(func(m *memory) {
			for _, row := range m.keys {
				if kept := v.has(row.KID); !kept && row.KID != first {
					t.Errorf("key %s is stored and was destroyed", row.KID)
				}
			}
		})
		pass(40 * day)
		sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))
	})
}

func TestAKeyThatWasMadeForNothingIsDestroyed(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		v, with := newVault()
		r := w.start(t, 0, with)
		first := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour)))
		before := v.set(false)
		refused := errors.New("refused")
		err := r.Revoke(t.Context(), first, func(ctx context.Context, turn keyring.Turn) error {
			_, err := w.memory.Change(ctx, true, func(s keyring.Stored) (keyring.Edit, error) {
				if _, err := turn(s); err != nil {
					return keyring.Edit{}, err
				}
				return keyring.Edit{}, refused
			})
			return err
		})
		if n := v.set(false); !errors.Is(err, refused) || n != before {
			t.Errorf("%v; %d keys in the vault, not %d", err, n, before)
		}
	})
}

func TestAKeyIsErasedOnlyOnceItsCustodianDestroyedIt(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		v, with := newVault()
		r := w.start(t, 0, with)
		first := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour)))
		v.change(func() { v.stuck = true })
		pass(33 * day)
		row := func() (row keyring.SealedKey) {
			w.change(func(m *memory) {
				row = m.keys[slices.IndexFunc(m.keys, func(k keyring.SealedKey) bool { return k.KID == first })]
			})
			return row
		}
		if k := row(); !k.ErasedAt.IsZero() || k.Custodian == "" || k.RemovedAt.IsZero() {
			t.Fatalf("the reference to a key that is still there was given up: %+v", k)
		}
		// One without the vault cannot have it destroyed, and leaves it to those that can.
		r.stop()
		other := w.start(t, 0)
		pass(time.Hour)
		other.stop()
		if k := row(); !k.ErasedAt.IsZero() {
			t.Fatal("a replica without the vault erased a key of the vault's")
		}
		v.change(func() { v.stuck = false })
		w.start(t, 0, with)
		pass(time.Hour)
		if k := row(); k.ErasedAt.IsZero() || v.has(first) {
			t.Errorf("%+v is not erased", k)
		}
	})
}

func TestAnAlgorithmThatTheCustodianLacksKeepsNoOtherFromRotating(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		v, with := newVault()
		r := w.start(t, 0, with)
		first := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour)))
		v.change(func() { v.lacks = []keys.Algorithm{keys.EdDSA} })
		w.change(func(m *memory) { m.chosen = []keys.Algorithm{keys.EdDSA} })
		pass(61 * day)
		if n := w.made(); n < 4 || first == kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))) {
			t.Errorf("%d keys: ES256 does not rotate", n)
		}
		v.change(func() { v.lacks = nil })
		pass(time.Hour)
		if len(published(t, r.Ring)) < 4 {
			t.Errorf("published %v: EdDSA has no keys", published(t, r.Ring))
		}
	})
}

func TestAReplicaWithoutTheMasterKeyErasesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		older, newer := newMaster(t), newMaster(t)
		w.envelope = envelope.New(older)
		old := w.start(t, 0)
		token := sign(t, old.Ring, keys.ES256, time.Now().Add(time.Hour))
		pass(31 * day)
		// The master key is replaced, and this replica knows the former one alone.
		w.envelope = envelope.New(newer, older)
		w.change(func(m *memory) {
			for i := range m.keys {
				var err error
				if m.keys[i].Sealed, err = w.envelope.Rewrap(m.keys[i].Sealed, m.keys[i].Identity()); err != nil {
					t.Fatal(err)
				}
			}
		})
		pass(10 * day)
		old.stop()
		again := w.start(t, 0)
		if _, err := again.VerifyOld(token, typ); err != nil {
			t.Errorf("an old ID token: %v", err)
		}
		pass(time.Hour)
		w.change(func(m *memory) {
			if i := slices.IndexFunc(m.keys, func(k keyring.SealedKey) bool { return k.KID == kidOf(t, token) }); m.keys[i].ErasedAt.IsZero() {
				t.Error("nobody erases it")
			}
		})
		if _, err := again.VerifyOld(token, typ); err != nil {
			t.Errorf("an old ID token of an erased key: %v", err)
		}
	})
}

func TestACustodianThatHangsKeepsNobodyFromHearingOfATheft(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		v, with := newVault()
		r := w.start(t, 0, with)
		other := w.start(t, 0)
		stolen := sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))
		v.change(func() { v.hang = make(chan struct{}) })
		before := v.set(false)
		pass(30*day - time.Second) // until a key is to be made
		if err := other.Revoke(t.Context(), kidOf(t, stolen), apply(w)); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		if _, err := r.Verify(stolen, typ); err == nil {
			t.Error("it does not know of the theft an hour later")
		}
		other.stop()
		r.stop()
		close(v.hang)
		pass(time.Minute)
		if n := v.set(false); n > before {
			t.Errorf("%d keys in the vault instead of %d: what was made too late is still there", n, before)
		}
	})
}
