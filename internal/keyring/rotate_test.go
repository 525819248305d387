package keyring_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

// day is one of the thirty for which a key signs by the schedule of these tests. Simulated time is
// not free of charge.
const day = time.Hour

func brisk() keys.Schedule {
	s := keys.DefaultSchedule()
	s.StaleIfError, s.Floor, s.Lead, s.Period = 10*time.Minute, time.Hour, 2*time.Hour, 30*day
	return s
}

// line is one replica's way to the store, which can be cut.
type line struct {
	*memory
	cut atomic.Bool
}

var errCut = errors.New("the line is cut")

func (l *line) Load(ctx context.Context) (keyring.Stored, error) {
	if l.cut.Load() {
		return keyring.Stored{}, errCut
	}
	return l.memory.Load(ctx)
}

func (l *line) Change(ctx context.Context, wait bool, turn keyring.Turn) (bool, error) {
	if l.cut.Load() {
		return false, errCut
	}
	return l.memory.Change(ctx, wait, turn)
}

func (l *line) RecordMaxExpiry(ctx context.Context, kid string, exp time.Time) error {
	if l.cut.Load() {
		return errCut
	}
	return l.memory.RecordMaxExpiry(ctx, kid, exp)
}

func (l *line) ChosenAlgorithms(ctx context.Context) ([]keys.Algorithm, error) {
	if l.cut.Load() {
		return nil, errCut
	}
	return l.memory.ChosenAlgorithms(ctx)
}

// replica is a ring that runs.
type replica struct {
	*keyring.Ring
	*line
	stop func()
}

// start runs a replica in the bubble of a synctest, where time passes by itself. Its clock is wrong by
// skew.
func (w *world) start(t *testing.T, skew time.Duration, change ...func(*keyring.Config)) *replica {
	t.Helper()
	w.change(func(m *memory) { m.now = time.Now })
	l := &line{memory: w.memory}
	c := w.config(keys.ES256)
	c.Schedule = brisk()
	c.Store, c.Now = l, func() time.Time { return time.Now().Add(skew) }
	for _, f := range change {
		f(&c)
	}
	r, err := keyring.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	stop := sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	synctest.Wait()
	return &replica{r, l, stop}
}

// pass lets time go by.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// bubble runs a test in which time is simulated.
func bubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t)) })
}

// made returns how many keys are stored.
func (w *world) made() int {
	stored, _ := w.count()
	return stored
}

func TestReplicasWithSkewedClocksRotateTogether(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		fleet := []*replica{w.start(t, 0), w.start(t, -7*time.Minute), w.start(t, 2*time.Hour)}
		signed := map[string]bool{}
		type issued struct {
			token   string
			expires time.Time
		}
		var outstanding []issued
		const days = 100
		for range days * 2 {
			kid := ""
			for i, r := range fleet {
				expires := time.Now().Add(time.Hour)
				token := sign(t, r.Ring, keys.ES256, expires)
				switch now := kidOf(t, token); {
				case kid == "":
					kid = now
				case kid != now:
					t.Fatalf("%s: replica %d signs with %s, not %s", time.Now(), i, now, kid)
				}
				outstanding = append(outstanding, issued{token, expires})
				if got := published(t, r.Ring); !slices.Contains(got, kid) || len(got) < 2 {
					t.Fatalf("%s: replica %d publishes %v", time.Now(), i, got)
				}
			}
			signed[kid] = true
			outstanding = slices.DeleteFunc(outstanding, func(i issued) bool { return time.Since(i.expires) > 0 })
			for _, i := range outstanding {
				for _, r := range fleet {
					if _, err := r.Verify(i.token, typ); err != nil {
						t.Fatalf("%s: %v", time.Now(), err)
					}
				}
			}
			pass(30 * time.Minute)
		}
		if len(signed) != 4 || w.made() != 5 {
			t.Errorf("%d keys signed and %d were made in %d days", len(signed), w.made(), days)
		}
		for _, r := range fleet[1:] {
			if r.ClockOffset() == 0 {
				t.Error("the clocks agree, so nothing was shown")
			}
		}
	})
}

func TestAReplicaThatIsCutOffRotatesByThePlanAndStopsSigningInTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		well, cut := w.start(t, 0), w.start(t, time.Minute)
		s := brisk()
		pass(s.Period - 20*time.Minute)
		before := kidOf(t, sign(t, cut.Ring, keys.ES256, time.Now().Add(time.Hour)))
		cut.cut.Store(true)
		pass(20 * time.Minute)
		after := kidOf(t, sign(t, cut.Ring, keys.ES256, time.Now().Add(time.Hour)))
		if want := kidOf(t, sign(t, well.Ring, keys.ES256, time.Now().Add(time.Hour))); after == before || after != want {
			t.Errorf("%s signs after %s; it is %s elsewhere", after, before, want)
		}
		pass(s.Lease() - 20*time.Minute - 20*time.Second)
		last := sign(t, cut.Ring, keys.ES256, time.Now().Add(time.Hour))
		pass(time.Minute)
		if _, err := cut.Sign(t.Context(), keys.ES256, typ, nil, time.Now().Add(time.Hour)); !errors.Is(err, errdefs.ErrUnavailable) || !errors.Is(err, errCut) {
			t.Errorf("past the lease: %v", err)
		}
		if _, err := cut.Verify(last, typ); err != nil || len(published(t, cut.Ring)) < 2 {
			t.Errorf("it stopped verifying or publishing: %v", err)
		}
		cut.cut.Store(false)
		sign(t, cut.Ring, keys.ES256, time.Now().Add(time.Hour)) // at once, not after the next poll
	})
}

func TestWhatACutOffReplicaSignsIsGoodAlthoughItsKeyWasRotatedWithoutIt(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		well, cut := w.start(t, 0), w.start(t, 0)
		s := brisk()
		pass(10 * day)
		cut.cut.Store(true)
		at, err := well.Rotate(t.Context(), keys.ES256, apply(w))
		if err != nil || !at.Equal(time.Now()) {
			t.Fatalf("Rotate: %s, %v", at, err)
		}
		pass(s.Lease() - time.Minute)
		expires := time.Now().Add(s.MaxLifetime)
		token := sign(t, cut.Ring, keys.ES256, expires)
		if kidOf(t, token) == kidOf(t, sign(t, well.Ring, keys.ES256, expires)) {
			t.Error("it heard of the rotation, so nothing was shown")
		}
		pass(time.Until(expires) + s.Leeway - time.Second)
		if _, err := well.Verify(token, typ); err != nil {
			t.Errorf("just before it expires everywhere: %v", err)
		}
	})
}

// apply makes a turn's change as an administrator's.
func apply(w *world) func(context.Context, keyring.Turn) error {
	return func(ctx context.Context, turn keyring.Turn) error {
		_, err := w.memory.Change(ctx, true, turn)
		return err
	}
}

func TestATokenThatLivesLongerThanAnyShouldIsRecordedBeforeItIsSigned(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		r := w.start(t, 0)
		expires := time.Now().Add(40 * day)
		token := sign(t, r.Ring, keys.ES256, expires)
		w.change(func(m *memory) {
			if mark := m.row(t, keys.ES256, true).MaxExpiry; mark.Before(expires) || m.marks != 1 {
				t.Errorf("recorded %s, %d times", mark, m.marks)
			}
		})
		sign(t, r.Ring, keys.ES256, expires.Add(time.Minute))
		if w.change(func(m *memory) {
			if m.marks != 1 {
				t.Errorf("%d records of what is as good as recorded", m.marks)
			}
		}); t.Failed() {
			return
		}
		r.cut.Store(true)
		if _, err := r.Sign(t.Context(), keys.ES256, typ, nil, expires.Add(day)); !errors.Is(err, errdefs.ErrUnavailable) {
			t.Errorf("a token that could not be recorded: %v", err)
		}
		sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour)) // the others need no record
		r.cut.Store(false)
		pass(time.Until(expires))
		if _, err := r.Verify(token, typ); err != nil {
			t.Errorf("at its expiry: %v", err)
		}
		pass(day)
		if _, err := r.Verify(token, typ); err == nil {
			t.Error("the key is never removed")
		}
	})
}

func TestADamagedKeyIsReplacedWhileThoseWhoHoldItGoOn(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		old := w.start(t, 0)
		pass(5 * day)
		token := sign(t, old.Ring, keys.ES256, time.Now().Add(time.Hour))
		w.change(func(m *memory) {
			row := m.row(t, keys.ES256, true)
			row.Sealed.Ciphertext = bytes.Clone(row.Sealed.Ciphertext)
			row.Sealed.Ciphertext[20] ^= 1
		})
		fresh := w.start(t, 0)
		pass(time.Minute)
		for name, r := range map[string]*replica{"old": old, "fresh": fresh} {
			after := sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))
			if kidOf(t, after) == kidOf(t, token) {
				t.Errorf("the %s replica signs with the damaged key", name)
			}
			if _, err := old.Verify(after, typ); err != nil {
				t.Errorf("the %s replica: %v", name, err)
			}
			if d := r.Damaged(); len(d) != 1 || d[0].KID != kidOf(t, token) || d[0].Held != (name == "old") {
				t.Errorf("the %s replica says %+v", name, d)
			}
		}
		if _, err := old.Verify(token, typ); err != nil || !slices.Contains(published(t, old.Ring), kidOf(t, token)) {
			t.Errorf("the replica that holds the key dropped it: %v", err)
		}
		if _, err := fresh.Verify(token, typ); err == nil {
			t.Error("the fresh replica believes a row that it cannot open")
		}
		pass(3 * time.Hour)
		if slices.Contains(published(t, old.Ring), kidOf(t, token)) {
			t.Error("the damaged key is never removed")
		}
	})
}

func TestADamagedNextKeyIsReplacedBeforeItsTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.start(t, 0).stop()
		var next string
		w.change(func(m *memory) {
			row := m.row(t, keys.ES256, false)
			next, row.Sealed = row.KID, envelope.Sealed{}
		})
		r := w.start(t, 0)
		pass(time.Minute)
		if got := published(t, r.Ring); len(got) != 2 || slices.Contains(got, next) {
			t.Errorf("published %v; %s is damaged", got, next)
		}
		pass(40 * day)
		if kid := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))); kid == next {
			t.Error("a damaged key signs")
		}
	})
}

func TestAKeyWhoseRowVanishedIsPublishedAsLongAsItsTokensLive(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		r := w.start(t, 0)
		pass(5 * day)
		token := sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))
		w.change(func(m *memory) {
			m.keys = slices.DeleteFunc(m.keys, func(k keyring.SealedKey) bool { return k.KID == kidOf(t, token) })
		})
		pass(time.Minute)
		if kid := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))); kid == kidOf(t, token) {
			t.Error("a key signs that is not stored")
		}
		pass(50 * time.Minute)
		if _, err := r.Verify(token, typ); err != nil {
			t.Errorf("a good token: %v", err)
		}
		if got := published(t, r.Ring); len(got) != 3 {
			t.Errorf("published %v", got)
		}
		pass(3 * time.Hour)
		if _, err := r.Verify(token, typ); err == nil || len(published(t, r.Ring)) != 2 || len(r.Damaged()) != 0 {
			t.Error("it is never forgotten")
		}
	})
}

func TestAKeyWhoseRowVanishedSignsNoMoreAlthoughNoOtherDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open(t, keys.ES256)
	kid := kidOf(t, sign(t, r, keys.ES256, w.Now().Add(time.Hour)))
	w.change(func(m *memory) {
		m.keys = slices.DeleteFunc(m.keys, func(k keyring.SealedKey) bool { return k.KID == kid })
	})
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Somebody may have deleted it for a reason.
	if token, err := r.Sign(t.Context(), keys.ES256, typ, nil, w.Now().Add(time.Hour)); !errors.Is(err, errdefs.ErrUnavailable) {
		t.Errorf("Sign: %q, %v", token, err)
	}
	if !slices.Contains(published(t, r), kid) {
		t.Error("it is no longer published")
	}
}

func TestWhenEveryRowVanishedNewKeysSignAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		r := w.start(t, 0)
		pass(5 * day)
		token := sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))
		w.change(func(m *memory) { m.keys = nil })
		pass(time.Minute)
		fresh := sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))
		for _, token := range []string{token, fresh} {
			if _, err := r.Verify(token, typ); err != nil {
				t.Error(err)
			}
		}
		if got := published(t, r.Ring); len(got) != 4 { // the two lost and the two new
			t.Errorf("published %v", got)
		}
	})
}

func TestAnInstallationWithoutItsRootSecretDoesNotStart(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		r := w.start(t, 0)
		sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))
		r.stop()
		w.change(func(m *memory) { m.secrets = nil })
		_, err := keyring.Open(t.Context(), w.config(keys.ES256))
		if err == nil || !strings.Contains(err.Error(), "restore its row from a backup") {
			t.Errorf("%v", err)
		}
	})
}

func TestThePrivateHalfOfARemovedKeyIsDestroyedAndItsOldTokensAreKnown(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		r := w.start(t, 0)
		token := sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))
		row := func() (k keyring.SealedKey) {
			w.change(func(m *memory) {
				k = m.keys[slices.IndexFunc(m.keys, func(k keyring.SealedKey) bool { return k.KID == kidOf(t, token) })]
			})
			return k
		}
		pass(30*day + time.Hour)
		if _, err := w.envelope.Open(row().Sealed, envelope.Identity("signing-key", kidOf(t, token))); err != nil {
			t.Errorf("the key before its removal: %v", err)
		}
		pass(2 * time.Hour)
		erased := row()
		if _, err := w.envelope.Open(erased.Sealed, envelope.Identity("signing-key", kidOf(t, token))); err == nil || erased.ErasedAt.IsZero() {
			t.Errorf("the private half is still there: %+v", erased)
		}
		again := w.start(t, 0)
		for name, r := range map[string]*replica{"the replica that held it": r, "one started since": again} {
			if _, err := r.VerifyOld(token, typ); err != nil {
				t.Errorf("%s: an old token: %v", name, err)
			}
			if _, err := r.VerifyOld(token, "other"); err == nil {
				t.Errorf("%s: the type counts for nothing", name)
			}
			if _, err := r.Verify(token, typ); !errors.Is(err, keys.ErrUnknownKey) {
				t.Errorf("%s: Verify: %v", name, err)
			}
		}

		// An old key cannot be put into the table by somebody without the master key.
		other := newWorld(t)
		forged := other.start(t, 0)
		theirs := sign(t, forged.Ring, keys.ES256, time.Now().Add(time.Hour))
		var k keyring.SealedKey
		other.change(func(m *memory) { k = *m.row(t, keys.ES256, true) })
		w.change(func(m *memory) {
			k.RetiredAt, k.RemovedAt, k.ErasedAt = time.Now(), time.Now(), time.Now()
			m.keys = append(m.keys, k)
			k = erased // and a removed one does not come back
			k.KID, k.RemovedAt, k.RetiredAt, k.ErasedAt = kidOf(t, token), time.Time{}, time.Time{}, time.Time{}
			m.keys = append(slices.DeleteFunc(m.keys, func(k keyring.SealedKey) bool { return k.KID == kidOf(t, token) }), k)
		})
		pass(time.Minute)
		for _, r := range []*replica{r, again} {
			if _, err := r.VerifyOld(theirs, typ); err == nil {
				t.Error("a forged old key is believed")
			}
			if _, err := r.Verify(token, typ); err == nil || slices.Contains(published(t, r.Ring), kidOf(t, token)) {
				t.Error("an erased key came back")
			}
		}
	})
}

func TestRevoke(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		r, other := w.start(t, 0), w.start(t, 0)
		s := brisk()
		pass(5 * day)
		stolen := sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))
		next := slices.DeleteFunc(published(t, r.Ring), func(kid string) bool { return kid == kidOf(t, stolen) })[0]
		if err := r.Revoke(t.Context(), kidOf(t, stolen), apply(w)); err != nil {
			t.Fatal(err)
		}
		pass(s.SignerLag)
		for name, r := range map[string]*replica{"its replica": r, "another": other} {
			if kid := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))); kid != next {
				t.Errorf("%s: %s signs, not the next key %s", name, kid, next)
			}
			if got := published(t, r.Ring); len(got) != 2 || slices.Contains(got, kidOf(t, stolen)) || !slices.Contains(got, next) {
				t.Errorf("%s: published %v", name, got)
			}
			for _, verify := range []func(string, ...string) ([]byte, error){r.Verify, r.VerifyOld} {
				if _, err := verify(stolen, typ); !errors.Is(err, keys.ErrUnknownKey) {
					t.Errorf("%s: a token of the stolen key: %v", name, err)
				}
			}
			if got := r.CacheControl(); got != "public, max-age=60, stale-while-revalidate=60, stale-if-error=600" {
				t.Errorf("%s: Cache-Control: %s", name, got)
			}
		}
		w.change(func(m *memory) {
			i := slices.IndexFunc(m.keys, func(k keyring.SealedKey) bool { return k.KID == kidOf(t, stolen) })
			if m.keys[i].ErasedAt.IsZero() {
				t.Error("the stolen key is still stored")
			}
		})
		before := w.made()
		if err := other.Revoke(t.Context(), kidOf(t, stolen), apply(w)); err != nil || w.made() != before {
			t.Errorf("once more: %v, %d keys", err, w.made())
		}
		if err := other.Revoke(t.Context(), "nobody", apply(w)); !errors.Is(err, keys.ErrUnknownKey) {
			t.Errorf("a key that does not exist: %v", err)
		}
		pass(keys.Emergency)
		if got := r.CacheControl(); got != s.CacheControl() {
			t.Errorf("a day later: %s", got)
		}
		pass(s.Period)
		if kid := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))); kid == next {
			t.Error("keys rotate no more")
		}
	})
}

func TestRotateWaitsUntilTheNextKeyWasPublishedForTheLead(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		r := w.start(t, 0)
		s := brisk()
		start := time.Now()
		first := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour)))
		pass(time.Hour)
		for range 2 { // asking twice changes nothing
			if at, err := r.Rotate(t.Context(), keys.ES256, apply(w)); err != nil || !at.Equal(start.Add(s.Lead)) {
				t.Fatalf("%s, %v", at, err)
			}
		}
		pass(s.Lead - time.Hour - time.Second)
		if kid := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))); kid != first {
			t.Error("too early")
		}
		pass(time.Second)
		if kid := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))); kid == first {
			t.Error("not yet")
		}
		if _, err := r.Rotate(t.Context(), keys.EdDSA, apply(w)); !errors.Is(err, keys.ErrNoNextKey) {
			t.Errorf("an algorithm without keys: %v", err)
		}
	})
}

func TestAnAlgorithmThatNobodyUsesEndsAndOneThatIsChosenGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		both := func(c *keyring.Config) { c.Algorithms = []keys.Algorithm{keys.ES256, keys.EdDSA} }
		w.start(t, 0, both).stop()
		w.change(func(m *memory) { m.chosen = []keys.Algorithm{keys.EdDSA} })
		r := w.start(t, 0)
		pass(70 * day)
		sign(t, r.Ring, keys.EdDSA, time.Now().Add(time.Hour))
		if got := published(t, r.Ring); len(got) != 4 || !slices.Equal(r.Algorithms(), []keys.Algorithm{keys.ES256, keys.EdDSA}) {
			t.Errorf("published %v, in use %v", got, r.Algorithms())
		}
		w.change(func(m *memory) { m.chosen = nil })
		pass(brisk().Lead - time.Hour)
		sign(t, r.Ring, keys.EdDSA, time.Now().Add(time.Hour))
		pass(2 * time.Hour)
		if _, err := r.Sign(t.Context(), keys.EdDSA, typ, nil, time.Now().Add(time.Hour)); err == nil {
			t.Error("it still signs")
		}
		pass(3 * time.Hour)
		if got := published(t, r.Ring); len(got) != 2 {
			t.Errorf("published %v", got)
		}
	})
}

func TestAnotherScheduleIsHeededAfterAStart(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		r := w.start(t, 0)
		first := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour)))
		pass(5 * day)
		r.stop()
		r = w.start(t, 0, func(c *keyring.Config) {
			c.Schedule.Period = 7 * day
		})
		pass(2*day - time.Minute)
		if kid := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))); kid != first {
			t.Error("too early")
		}
		pass(2 * time.Minute)
		if kid := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))); kid == first {
			t.Error("the plan is that of the former schedule")
		}
	})
}

// gate says no until it is opened.
type gate struct {
	open, asked atomic.Bool
	err         error
}

func (g *gate) Ready(context.Context, string) (bool, error) {
	g.asked.Store(true)
	return g.open.Load(), g.err
}

func TestTheGateHoldsARotationOffAndNotForEver(t *testing.T) {
	for name, c := range map[string]struct {
		open  time.Duration // after the planned activation
		err   error
		after time.Duration // when it has happened
	}{
		"until verifiers hold the key":  {open: 5 * time.Hour, after: 7 * time.Hour},
		"for a week at most":            {open: 1000 * time.Hour, after: 7*24*time.Hour + 2*time.Hour},
		"not at all if it does not say": {open: 1000 * time.Hour, err: errors.New("down"), after: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				g := &gate{err: c.err}
				r := w.start(t, 0, func(conf *keyring.Config) { conf.Gate = g })
				first := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour)))
				pass(30*day - time.Minute)
				if c.err == nil {
					pass(min(c.open, 6*24*time.Hour))
					if kid := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))); kid != first {
						t.Fatal("the gate held nothing off")
					}
					g.open.Store(c.open < 1000*time.Hour)
					pass(c.after - min(c.open, 6*24*time.Hour))
				} else {
					pass(c.after + time.Minute)
				}
				if kid := kidOf(t, sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))); kid == first || !g.asked.Load() {
					t.Error("the next key does not sign")
				}
			})
		})
	}
}

// vault is a custodian in memory.
type vault struct {
	mu   sync.Mutex
	keys map[string]crypto.Signer
	down bool
	// lacks are algorithms of which it makes no keys, stuck that it destroys none.
	lacks []keys.Algorithm
	stuck bool
	hang  chan struct{} // what Generate and Destroy wait for, whatever their context says; nil: nothing
}

type kept struct {
	crypto.Signer
	v *vault
}

var errVault = errors.New("the vault is shut")

func (k kept) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.v.mu.Lock()
	defer k.v.mu.Unlock()
	if k.v.down {
		return nil, errVault
	}
	return k.Signer.Sign(random, digest, opts)
}

func (v *vault) Name() string { return "vault" }

// wait hangs as a module of an HSM may.
func (v *vault) wait() {
	v.mu.Lock()
	hang := v.hang
	v.mu.Unlock()
	if hang != nil {
		<-hang
	}
}

func (v *vault) Generate(_ context.Context, alg keys.Algorithm) (crypto.Signer, []byte, error) {
	v.wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.down || slices.Contains(v.lacks, alg) {
		return nil, nil, errVault
	}
	k, private, err := keys.Generate(alg, nil)
	if err == nil {
		v.keys["at "+k.ID] = private
	}
	return kept{private, v}, []byte("at " + k.ID), err
}

func (v *vault) Open(_ context.Context, reference []byte) (crypto.Signer, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if private, ok := v.keys[string(reference)]; ok && !v.down {
		return kept{private, v}, nil
	}
	return nil, errVault
}

func (v *vault) Destroy(_ context.Context, reference []byte) error {
	v.wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stuck {
		return errVault
	}
	delete(v.keys, string(reference))
	return nil
}

func (v *vault) set(down bool) (keys int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.down = down
	return len(v.keys)
}

func TestKeysOfACustodian(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.start(t, 0).stop() // with keys of its own
		v := &vault{keys: map[string]crypto.Signer{}}
		with := func(c *keyring.Config) { c.Custodian = v }
		r := w.start(t, 0, with)
		local := sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))
		pass(65 * day) // past the next one, which was local as well
		token := sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))
		if n := v.set(false); n < 2 {
			t.Fatalf("%d keys in the vault", n)
		}
		again := w.start(t, 0, with)
		if _, err := again.Verify(token, typ); err != nil {
			t.Error(err)
		}
		if _, err := again.VerifyOld(local, typ); err != nil {
			t.Errorf("a token of a local key: %v", err)
		}

		v.set(true)
		shut, without := w.start(t, 0, with), w.start(t, 0)
		for name, r := range map[string]*replica{"a replica that cannot reach it": shut, "one that knows of none": without} {
			if _, err := r.Verify(token, typ); err != nil || !slices.Contains(published(t, r.Ring), kidOf(t, token)) {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := r.Sign(t.Context(), keys.ES256, typ, nil, time.Now().Add(time.Hour)); err == nil {
				t.Errorf("%s signs", name)
			}
		}
		v.set(false)
		pass(2 * time.Second)
		sign(t, shut.Ring, keys.ES256, time.Now().Add(time.Hour))
		without.stop()

		pass(100 * day)
		if n := v.set(false); n > 3 {
			t.Errorf("%d keys in the vault: removed ones are not destroyed", n)
		}
		if _, err := r.VerifyOld(token, typ); err != nil {
			t.Errorf("an old token of the vault's: %v", err)
		}
	})
}
