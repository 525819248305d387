package password

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

// light is the weakest accepted configuration, to keep tests quick.
func light() Config { return Config{Memory: 7 * 1024, Time: 5} }

func newHasher(t testing.TB, cfg Config) *Hasher {
	t.Helper()
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHashesOfTheDefaultConfigurationArePHCStringsWithTheDocumentedParameters(t *testing.T) {
	t.Parallel()
	encoded, err := newHasher(t, Config{}).Hash(t.Context(), secret.New("correct horse battery"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(encoded, "$argon2id$v=19$m=19456,t=2,p=1$") || len(encoded) != 97 {
		t.Errorf("got %s", encoded)
	}
}

func TestAHashMatchesItsPasswordAlone(t *testing.T) {
	t.Parallel()
	h := newHasher(t, light())
	encoded, err := h.Hash(t.Context(), secret.New("correct horse battery"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.Hash(t.Context(), secret.New("correct horse battery"))
	if err != nil {
		t.Fatal(err)
	}
	if encoded == again {
		t.Error("two hashes of one password are equal: the salt is not random")
	}
	for password, want := range map[string]bool{
		"correct horse battery":  true,
		"correct horse batterz":  false,
		"correct horse battery ": false,
		"":                       false,
		"correct horse battery" + strings.Repeat("x", 2000): false,
	} {
		got, err := h.Verify(t.Context(), encoded, secret.New(password))
		if err != nil || got != (Result{Match: want}) {
			t.Errorf("%q: got %+v, %v; want match %v without rehash", password, got, err, want)
		}
	}
}

func TestDecomposedAndComposedUnicodeAreTheSamePassword(t *testing.T) {
	t.Parallel()
	h := newHasher(t, light())
	encoded, err := h.Hash(t.Context(), secret.New("cre\u0301me bru\u0302le\u0301e please"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Verify(t.Context(), encoded, secret.New("cr\u00e9me br\u00fbl\u00e9e please"))
	if err != nil || got != (Result{Match: true}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestRehashIsAskedForWheneverTheHashIsNotCurrent(t *testing.T) {
	t.Parallel()
	old := newHasher(t, light())
	encoded, err := old.Hash(t.Context(), secret.New("correct horse battery"))
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{
		"more memory": {Memory: 8 * 1024, Time: 5}, "more passes": {Memory: 7 * 1024, Time: 6},
		"more lanes": {Memory: 7 * 1024, Time: 5, Parallelism: 2},
	} {
		h := newHasher(t, cfg)
		if got, err := h.Verify(t.Context(), encoded, secret.New("correct horse battery")); err != nil || got != (Result{true, true}) {
			t.Errorf("%s, right password: got %+v, %v", name, got, err)
		}
		if got, err := h.Verify(t.Context(), encoded, secret.New("wrong")); err != nil || got != (Result{}) {
			t.Errorf("%s, wrong password: got %+v, %v", name, got, err)
		}
	}
}

func TestNewReportsEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Memory: 1024, Time: 1, Parallelism: 200, Concurrency: -1, MaxQueue: -1,
		Observer: Observer{Waited: func(time.Duration) {}}})
	if !errors.Is(err, errdefs.ErrInvalid) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"too weak", "argon2", "concurrency", "queue", "Now"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing from: %v", want, err)
		}
	}
}

func TestWeakParametersAreRefusedAndEquivalentsAccepted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		memory, time uint32
		ok           bool
	}{
		{19 * 1024, 2, true}, {46 * 1024, 1, true}, {12 * 1024, 3, true}, {7 * 1024, 5, true}, {64 * 1024, 3, true},
		{19*1024 - 1, 2, false}, {19 * 1024, 1, false}, {6 * 1024, 50, false}, {1024 * 1024, 2, false},
	} {
		if _, err := New(Config{Memory: c.memory, Time: c.time}); (err == nil) != c.ok {
			t.Errorf("m=%d t=%d: got %v, want accepted %v", c.memory, c.time, err, c.ok)
		}
	}
}

func TestAnUnknownAccountCostsWhatARealVerificationCosts(t *testing.T) {
	t.Parallel()
	h := newHasher(t, light())
	encoded, err := h.Hash(t.Context(), secret.New("correct horse battery"))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := decode(encoded)
	if err != nil {
		t.Fatal(err)
	}
	real, dummy := stored.(*argon2Hash), h.dummy
	if real.variant != dummy.variant || real.memory != dummy.memory || real.time != dummy.time || real.lanes != dummy.lanes ||
		len(real.salt) != len(dummy.salt) || len(real.key) != len(dummy.key) {
		t.Errorf("the hash of nobody %v differs in cost from a real one %v", dummy, real)
	}
	if !h.current(dummy) {
		t.Error("the hash of nobody takes the branch of an outdated one")
	}
	if err := h.VerifyNone(t.Context(), secret.New("correct horse battery")); err != nil {
		t.Error(err)
	}
}

func TestEveryCheckOfAPasswordHashesExactlyOnce(t *testing.T) {
	t.Parallel()
	var hashed []string
	cfg := light()
	cfg.Now = time.Now
	cfg.Observer.Hashed = func(algorithm string, _ time.Duration) { hashed = append(hashed, algorithm) }
	h := newHasher(t, cfg)
	encoded, err := h.Hash(t.Context(), secret.New("correct horse battery"))
	if err != nil {
		t.Fatal(err)
	}
	for name, check := range map[string]func(secret.Text) error{
		"known account":   func(p secret.Text) error { _, err := h.Verify(t.Context(), encoded, p); return err },
		"unknown account": func(p secret.Text) error { return h.VerifyNone(t.Context(), p) },
		"unreadable hash": func(p secret.Text) error {
			_, err := h.Verify(t.Context(), "!", p)
			if !errors.Is(err, ErrStoredHash) {
				t.Errorf("an unreadable hash gives %v", err)
			}
			return nil
		},
	} {
		for _, p := range []string{"right or wrong", "", strings.Repeat("x", 5000)} {
			hashed = nil
			if err := check(secret.New(p)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if len(hashed) != 1 || hashed[0] != "argon2id" {
				t.Errorf("%s with %d bytes: computed %v, want one argon2id", name, len(p), hashed)
			}
		}
	}
}

func TestHashRefusesEmptyAndOversizedPasswords(t *testing.T) {
	t.Parallel()
	h := newHasher(t, light())
	for _, p := range []string{"", strings.Repeat("x", maxInput+1)} {
		if _, err := h.Hash(t.Context(), secret.New(p)); !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("%d bytes: got %v", len(p), err)
		}
	}
}

func TestNoMoreThanTheBoundHashAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size, callers, weight int
		most                  int
	}{
		"light hashes fill every place":           {size: 3, callers: 20, weight: 1, most: 3},
		"heavy hashes take several places":        {size: 4, callers: 9, weight: 2, most: 2},
		"one above the whole gate runs by itself": {size: 4, callers: 5, weight: 99, most: 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(c.size, c.callers)
			var mu sync.Mutex
			var running, most, done int
			for range c.callers {
				go func() {
					leave, _, err := g.enter(t.Context(), int64(c.weight))
					if err != nil {
						t.Error(err)
						return
					}
					defer leave()
					mu.Lock()
					running++
					most = max(most, running)
					mu.Unlock()
					time.Sleep(time.Second) // of the bubble's clock: the "hash"
					mu.Lock()
					running--
					done++
					mu.Unlock()
				}()
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			if most != c.most || done != c.callers || g.waiting.Load() != 0 {
				t.Errorf("%s: %d at once (want %d), %d of %d served, %d left waiting", name, most, c.most, done, c.callers, g.waiting.Load())
			}
		})
	}
}

func TestACallerBeyondTheQueueIsTurnedAwayAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var refused int
		cfg := light()
		cfg.Concurrency, cfg.MaxQueue = 1, 2
		cfg.Observer.Refused = func() { refused++ }
		h := newHasher(t, cfg)
		leave, _, err := h.gate.enter(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 2)
		for range 2 {
			go func() { served <- h.VerifyNone(t.Context(), secret.New("a password")) }()
		}
		synctest.Wait()
		if h.Waiting() != 2 {
			t.Fatalf("%d wait, want 2", h.Waiting())
		}
		if err := h.VerifyNone(t.Context(), secret.New("a password")); !errors.Is(err, errdefs.ErrUnavailable) || refused != 1 {
			t.Errorf("got %v and %d refusals", err, refused)
		}
		leave()
		for range 2 {
			if err := <-served; err != nil {
				t.Errorf("one in the queue was not served: %v", err)
			}
		}
		if h.Waiting() != 0 {
			t.Errorf("%d still wait", h.Waiting())
		}
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := light()
		cfg.Concurrency = 1
		h := newHasher(t, cfg)
		leave, _, err := h.gate.enter(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		_, err = h.Hash(ctx, secret.New("a password"))
		if !errors.Is(err, errdefs.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		leave()
		if _, err := h.Hash(ctx, secret.New("a password")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a finished context: got %v", err)
		}
		if err := h.VerifyNone(t.Context(), secret.New("a password")); err != nil || h.Waiting() != 0 {
			t.Errorf("the abandoned place was not given back: %v, %d waiting", err, h.Waiting())
		}
	})
}

func TestTheObserverSeesTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		waits := make(chan time.Duration, 1)
		cfg := light()
		cfg.Concurrency, cfg.Now = 1, time.Now
		cfg.Observer.Waited = func(d time.Duration) { waits <- d }
		h := newHasher(t, cfg)
		leave, _, err := h.gate.enter(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		go func() { time.Sleep(2 * time.Second); leave() }()
		if err := h.VerifyNone(t.Context(), secret.New("a password")); err != nil {
			t.Fatal(err)
		}
		if got := <-waits; got != 2*time.Second {
			t.Errorf("saw a wait of %v, want 2s", got)
		}
	})
}
