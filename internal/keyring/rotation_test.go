package keyring_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

func privateParts(t testing.TB, private any) [][]byte {
	t.Helper()
	switch p := private.(type) {
	case *ecdsa.PrivateKey:
		b, err := p.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return [][]byte{b}
	case *rsa.PrivateKey:
		return [][]byte{p.D.Bytes(), p.Primes[0].Bytes(), p.Primes[1].Bytes()}
	case ed25519.PrivateKey:
		return [][]byte{p.Seed()}
	default:
		t.Fatalf("no private key: %T", private)
		return nil
	}
}

// TestRotation announces a whole rotation beforehand and lets time pass without another load.
func TestRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open(t, keys.ES256)
	start := w.Now()
	var first, second string
	w.change(func(m *memory) {
		from, to := m.row(t, keys.ES256, true), m.row(t, keys.ES256, false)
		first, second = from.KID, to.KID
		to.ActivatedAt = start.Add(time.Hour)
		from.RetiredAt = start.Add(time.Hour)
		from.RemovedAt = start.Add(3 * time.Hour)
	})
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := sign(t, r, keys.ES256, start.Add(2*time.Hour))
	_, etag := r.Document()
	for _, step := range []struct {
		name     string
		at       time.Duration
		signs    string
		accepts  bool
		document int
	}{
		{"before", time.Hour - 1, first, true, 2},
		{"at the activation", time.Hour, second, true, 2},
		{"before the removal", 3*time.Hour - 1, second, true, 2},
		{"at the removal", 3 * time.Hour, second, false, 1},
	} {
		w.advance(start.Add(step.at).Sub(w.Now()))
		if kid := kidOf(t, sign(t, r, keys.ES256, w.Now().Add(time.Hour))); kid != step.signs {
			t.Errorf("%s: %s signs, not %s", step.name, kid, step.signs)
		}
		if _, err := r.Verify(old, typ); (err == nil) != step.accepts {
			t.Errorf("%s: the old token: %v", step.name, err)
		}
		if got := published(t, r); len(got) != step.document || !slices.Contains(got, second) {
			t.Errorf("%s: published %v", step.name, got)
		}
		if _, tag := r.Document(); (tag == etag) != (step.document == 2) {
			t.Errorf("%s: entity tag %s", step.name, tag)
		}
	}
}

// TestStaleReplicaStopsSigning: the successor never arrives, since the store is down.
func TestStaleReplicaStopsSigning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open(t, keys.ES256)
	retired := w.Now().Add(30 * time.Minute)
	w.change(func(m *memory) { m.row(t, keys.ES256, true).RetiredAt = retired })
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	down := errors.New("the store is down")
	w.change(func(m *memory) { m.fail = func(string) error { return down } })

	w.advance(30*time.Minute + 30*time.Second - 1)
	token := sign(t, r, keys.ES256, w.Now().Add(time.Hour))
	w.advance(1)
	if err := r.Reload(t.Context()); !errors.Is(err, down) {
		t.Errorf("Reload: %v", err)
	}
	if _, err := r.Sign(t.Context(), keys.ES256, typ, nil, w.Now().Add(time.Hour)); !errors.Is(err, errdefs.ErrUnavailable) {
		t.Errorf("Sign past the lag: %v", err)
	}
	if got := r.Algorithms(); len(got) != 0 {
		t.Errorf("Algorithms = %v", got)
	}
	if _, err := r.Verify(token, typ); err != nil {
		t.Errorf("Verify: %v", err)
	}
	if got := published(t, r); len(got) != 2 {
		t.Errorf("published %v", got)
	}
}

// TestWhichKeySigns: replicas must agree, and an active key goes before a retired one whatever
// came later.
func TestWhichKeySigns(t *testing.T) {
	t.Parallel()
	hour := time.Hour
	for _, c := range []struct {
		name             string
		activeA, retireA time.Duration
		activeB, retireB time.Duration
		wantB            bool
	}{
		{"of two active keys the one activated last", -2 * hour, 0, -1 * hour, 0, true},
		{"of two active keys the one activated last, in the other order", -1 * hour, 0, -2 * hour, 0, false},
		{"an active key before one just retired", -1 * hour, -time.Second, -2 * hour, 0, true},
		{"an active key before one just retired, in the other order", -2 * hour, 0, -1 * hour, -time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.open(t, keys.ES256)
			now := w.advance(24 * hour)
			var want string
			w.change(func(m *memory) {
				set := func(k *keyring.SealedKey, active, retire time.Duration) {
					k.ActivatedAt = now.Add(active)
					if retire != 0 {
						k.RetiredAt = now.Add(retire)
					}
				}
				set(&m.keys[0], c.activeA, c.retireA)
				set(&m.keys[1], c.activeB, c.retireB)
				if want = m.keys[0].KID; c.wantB {
					want = m.keys[1].KID
				}
			})
			if err := r.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			if kid := kidOf(t, sign(t, r, keys.ES256, now.Add(hour))); kid != want {
				t.Errorf("%s signs, not %s", kid, want)
			}
		})
	}
}

func TestClockThatGoesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open(t, keys.ES256)
	w.change(func(m *memory) { m.row(t, keys.ES256, true).RemovedAt = w.Now().Add(time.Hour) })
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := published(t, r); len(got) != 2 {
			t.Errorf("before: %v", got)
		}
		w.advance(time.Hour)
		if got := published(t, r); len(got) != 1 {
			t.Errorf("after: %v", got)
		}
		w.advance(-time.Hour)
	}
}

// TestAddedAlgorithm: an installation that is in use publishes a new algorithm's key for the
// whole lead before it signs.
func TestAddedAlgorithm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.open(t, keys.ES256)
	sign(t, first, keys.ES256, w.Now().Add(time.Hour))
	w.change(func(m *memory) {
		m.row(t, keys.ES256, true).MaxExpiry = w.clock.now.Add(time.Hour)
	})
	w.advance(time.Hour)

	r := w.open(t, keys.ES256, keys.EdDSA)
	if got := r.Algorithms(); !slices.Equal(got, []keys.Algorithm{keys.ES256}) {
		t.Errorf("Algorithms = %v", got)
	}
	if got := published(t, r); len(got) != 4 {
		t.Errorf("published %v", got)
	}
	lead := keys.DefaultSchedule().Lead
	w.advance(lead - 1)
	if _, err := r.Sign(t.Context(), keys.EdDSA, typ, nil, w.Now().Add(time.Hour)); !errors.Is(err, errdefs.ErrUnavailable) {
		t.Errorf("before the lead is over: %v", err)
	}
	w.advance(1)
	sign(t, r, keys.EdDSA, w.Now().Add(time.Hour))
	if got := r.Algorithms(); !slices.Equal(got, []keys.Algorithm{keys.ES256, keys.EdDSA}) {
		t.Errorf("Algorithms = %v", got)
	}
}

// TestAddedSlowAlgorithm: what Run has yet to create is no promise in an installation in use.
func TestAddedSlowAlgorithm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(t, keys.ES256)
	w.change(func(m *memory) { m.row(t, keys.ES256, true).MaxExpiry = w.clock.now.Add(time.Hour) })
	w.advance(time.Hour)
	if got := w.open(t, keys.ES256, keys.RS256).Algorithms(); !slices.Equal(got, []keys.Algorithm{keys.ES256}) {
		t.Errorf("Algorithms = %v", got)
	}
}

// TestUnusedInstallation: as long as nothing was signed an algorithm can be used at once, so a
// first start that was interrupted is as good as none.
func TestUnusedInstallation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(t, keys.ES256)
	w.advance(24 * time.Hour)
	sign(t, w.open(t, quick...), keys.EdDSA, w.Now().Add(time.Hour))
}

func TestMAC(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open(t, quick...)
	data := []byte("family.7")
	refresh, pending := r.MAC("refresh-token"), r.MAC("pending-authorization")
	sum := refresh.Sum(data)
	if !refresh.Check(data, sum[:]) || sum != refresh.Sum(data) {
		t.Error("a code does not check, or differs when made again")
	}
	tampered := sum
	tampered[31] ^= 1
	for name, bad := range map[string]bool{
		"another purpose": pending.Check(data, sum[:]),
		"other data":      refresh.Check([]byte("family.8"), sum[:]),
		"a changed code":  refresh.Check(data, tampered[:]),
		"a cut code":      refresh.Check(data, sum[:31]),
		"no code":         refresh.Check(data, nil),
		"another issuer":  newWorld(t).open(t, quick...).MAC("refresh-token").Check(data, sum[:]),
	} {
		if bad {
			t.Errorf("%s checks", name)
		}
	}
	if !w.open(t, quick...).MAC("refresh-token").Check(data, sum[:]) {
		t.Error("does not check after a restart")
	}
}

// TestRootRotation: every replica accepts a new version before any makes codes with it.
func TestRootRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open(t, quick...)
	mac, data := r.MAC("p"), []byte("x")
	before := mac.Sum(data)
	w.advance(24 * time.Hour)

	second, err := keyring.SealRoot(w.envelope, 2, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	w.change(func(m *memory) { m.secrets = append(m.secrets, second) })
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.advance(2*time.Minute - 1)
	if mac.Sum(data) != before {
		t.Error("the new version is used before every replica has it")
	}
	w.advance(1)
	after := mac.Sum(data)
	if after == before {
		t.Error("the new version is not used")
	}
	if !mac.Check(data, before[:]) || !mac.Check(data, after[:]) {
		t.Error("a version does not check")
	}
	w.change(func(m *memory) { m.secrets = m.secrets[1:] })
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mac.Check(data, before[:]) || !mac.Check(data, after[:]) {
		t.Error("a version that was deleted still checks, or the other does not")
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open(t, quick...)
	var stop atomic.Bool
	var reloads, users sync.WaitGroup
	reloads.Go(func() {
		for !stop.Load() {
			if err := r.Reload(context.Background()); err != nil {
				t.Error(err)
			}
			w.advance(time.Second)
		}
	})
	for range 4 {
		users.Go(func() {
			for range 50 {
				token, err := r.Sign(context.Background(), keys.ES256, typ, nil, w.Now().Add(time.Hour))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := r.Verify(token, typ); err != nil {
					t.Error(err)
				}
				mac := r.MAC("p")
				if sum := mac.Sum(nil); !mac.Check(nil, sum[:]) {
					t.Error("MAC")
				}
				r.Document()
				r.Algorithms()
				r.Keys()
			}
		})
	}
	users.Wait()
	stop.Store(true)
	reloads.Wait()
}

func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.config(keys.ES256)
		c.Now, c.Log = time.Now, slog.New(slog.DiscardHandler)
		r, err := keyring.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		synctest.Wait()

		expires := time.Now().Add(time.Hour)
		sign(t, r, keys.ES256, expires)
		sign(t, r, keys.ES256, expires.Add(-time.Minute))
		recorded := func() (mark time.Time) {
			w.change(func(m *memory) { mark = m.row(t, keys.ES256, true).MaxExpiry })
			return mark
		}

		_, loads := w.count()
		r.Poke()
		r.Poke()
		synctest.Wait()
		if _, now := w.count(); now == loads {
			t.Error("a poke does not reload")
		}
		if !recorded().IsZero() {
			t.Error("the watermark was stored before its time")
		}
		_, loads = w.count()
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, now := w.count(); now == loads || time.Since(r.LoadedAt()) > time.Second {
			t.Error("a minute does not reload")
		}
		if got := recorded(); !got.Equal(expires) {
			t.Errorf("watermark = %v, want %v", got, expires)
		}

		time.Sleep(5 * time.Minute)
		w.change(func(m *memory) {
			if m.marks != 1 {
				t.Errorf("one change of the watermark was stored %d times", m.marks)
			}
		})

		w.change(func(m *memory) { m.fail = func(string) error { return errors.New("down") } })
		sign(t, r, keys.ES256, expires.Add(time.Minute))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		sign(t, r, keys.ES256, expires)
		if got := recorded(); !got.Equal(expires) {
			t.Errorf("watermark with the store down = %v", got)
		}
		w.change(func(m *memory) { m.fail = nil })
		cancel()
		<-done
		if got := recorded(); !got.Equal(expires.Add(time.Minute)) {
			t.Errorf("watermark after the end = %v", got)
		}
	})
}

// TestRunCreatesSlowKeys: what Open leaves out is there once Run has begun, also when the store
// fails at first.
func TestRunCreatesSlowKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.config(keys.ES256, keys.RS256)
		c.Now = time.Now
		r, err := keyring.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		w.change(func(m *memory) { m.fail = func(string) error { return errors.New("down") } })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		synctest.Wait()
		if n, _ := w.count(); n != 2 {
			t.Errorf("%d keys in a store that is down", n)
		}
		if _, err := r.Sign(t.Context(), keys.RS256, typ, nil, time.Now().Add(time.Hour)); !errors.Is(err, errdefs.ErrUnavailable) {
			t.Errorf("Sign with the store down: %v", err)
		}
		w.change(func(m *memory) { m.fail = nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		if n, _ := w.count(); n != 4 || len(published(t, r)) != 4 {
			t.Errorf("%d keys stored, %d published", n, len(published(t, r)))
		}
		cancel()
		<-done
	})
}

// TestKeysCarryNoPrivateHalf pins what Keys hands out.
func TestKeysCarryNoPrivateHalf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open(t, quick...)
	sign(t, r, keys.ES256, w.Now().Add(time.Hour))
	for _, k := range r.Keys() {
		if _, ok := k.Public.(crypto.Signer); ok {
			t.Errorf("key %s can sign", k.ID)
		}
		signed := k.Algorithm == keys.ES256 && k.CanSign(w.Now())
		if signed != k.MaxExpiry.Equal(w.Now().Add(time.Hour)) {
			t.Errorf("key %s: MaxExpiry = %v", k.ID, k.MaxExpiry)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	w := newWorld(b)
	r := w.open(b, quick...)
	payload := make([]byte, 600)
	expires := w.Now().Add(time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Sign(b.Context(), keys.ES256, typ, payload, expires); err != nil {
			b.Fatal(err)
		}
	}
}
