//go:build pkcs11

package hsm_test

import (
	"crypto"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/hsm"
	"github.com/signet-id/signet/keys"
)

// These tests take away from the whole process what others of this package use, so none of them
// runs in parallel: go test finishes them before the parallel ones go on.

type pair struct {
	alg       keys.Algorithm
	private   crypto.Signer
	reference []byte
}

func generate(t *testing.T, c *hsm.Custodian) []pair {
	t.Helper()
	var made []pair
	for _, alg := range algorithms() {
		private, reference, err := c.Generate(t.Context(), alg)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, pair{alg, private, reference})
	}
	return made
}

func TestWhatTheTokenLostIsFoundAgain(t *testing.T) {
	label := newToken(t)
	p := officer(t)
	for _, loss := range []struct {
		name   string
		happen func() error
	}{
		{"somebody ends all sessions", func() error { return p.CloseAllSessions(slotOf(t, p, label)) }},
		{"somebody logs out", func() error {
			session, err := p.OpenSession(slotOf(t, p, label), pkcs11.CKF_SERIAL_SESSION)
			return errors.Join(err, p.Logout(session), p.CloseSession(session))
		}},
		{"the module is finalized", p.Finalize},
		{"the module is finalized and another took its place", func() error { return errors.Join(p.Finalize(), p.Initialize()) }},
	} {
		t.Run(loss.name, func(t *testing.T) {
			c := open(t, settings(t, label))
			made := generate(t, c)
			for _, k := range made {
				lose(t, loss.happen)
				if _, err := checkSigning(k.alg, k.private); err != nil {
					t.Errorf("%s: sign: %v", k.alg, err)
				}
				lose(t, loss.happen)
				if opened, err := c.Open(t.Context(), k.reference); err != nil {
					t.Errorf("%s: open: %v", k.alg, err)
				} else if _, err := checkSigning(k.alg, opened); err != nil {
					t.Errorf("%s: sign: %v", k.alg, err)
				}
				lose(t, loss.happen)
				if _, _, err := c.Generate(t.Context(), k.alg); err != nil {
					t.Errorf("%s: generate: %v", k.alg, err)
				}
				lose(t, loss.happen)
				if err := c.Destroy(t.Context(), k.reference); err != nil {
					t.Errorf("%s: destroy: %v", k.alg, err)
				}
				if _, err := c.Open(t.Context(), k.reference); !errors.Is(err, errdefs.ErrNotFound) {
					t.Errorf("%s: destroyed, and still there: %v", k.alg, err)
				}
			}
			lose(t, loss.happen)
			fresh := generate(t, c)
			for range 5 {
				lose(t, loss.happen)
				var wg sync.WaitGroup
				for i := range 30 { // all of them find out at the same time
					k := fresh[i%len(fresh)]
					wg.Go(func() {
						if _, err := checkSigning(k.alg, k.private); err != nil {
							t.Errorf("%s: sign, beside others: %v", k.alg, err)
						}
					})
				}
				wg.Wait()
			}
		})
	}
}

func lose(t *testing.T, happen func() error) {
	t.Helper()
	if err := happen(); err != nil {
		t.Fatal(err)
	}
}

func TestATokenThatIsAwayIsReportedAndSignsAgainWhenItIsBack(t *testing.T) {
	dir := filepath.Dir(os.Getenv("SOFTHSM2_CONF"))
	before := directories(t, dir)
	label := newToken(t)
	after := slices.DeleteFunc(directories(t, dir), func(name string) bool { return slices.Contains(before, name) })
	if len(after) != 1 {
		t.Fatalf("a new token is %q", after)
	}
	var now atomic.Int64
	s := settings(t, label)
	s.Now = func() time.Time { return time.Unix(now.Load(), 0) }
	c := open(t, s)
	made := generate(t, c)

	p := officer(t)
	lose(t, p.Finalize)
	pocket := filepath.Join(t.TempDir(), "token")
	lose(t, func() error { return os.Rename(filepath.Join(dir, after[0]), pocket) })
	for _, k := range made {
		_, err := checkSigning(k.alg, k.private)
		if !errors.Is(err, errdefs.ErrUnavailable) || !strings.Contains(err.Error(), `no token is labelled "`+label+`"`) || strings.Contains(err.Error(), pin) {
			t.Errorf("%s: %v", k.alg, err)
		}
		if _, _, err := c.Generate(t.Context(), k.alg); !errors.Is(err, errdefs.ErrUnavailable) {
			t.Errorf("%s: generate: %v", k.alg, err)
		}
		if _, err := c.Open(t.Context(), k.reference); !errors.Is(err, errdefs.ErrUnavailable) || errors.Is(err, errdefs.ErrNotFound) {
			t.Errorf("%s: open: %v", k.alg, err)
		}
	}
	lose(t, func() error { return os.Rename(pocket, filepath.Join(dir, after[0])) })
	if _, err := checkSigning(made[0].alg, made[0].private); !errors.Is(err, errdefs.ErrUnavailable) {
		t.Errorf("the token was looked for again at once, as every request would: %v", err)
	}
	now.Add(3)
	for _, k := range made {
		if _, err := checkSigning(k.alg, k.private); err != nil {
			t.Errorf("%s: back again: %v", k.alg, err)
		}
	}
}

func directories(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestARefusedPINIsNotTriedAgain(t *testing.T) {
	label := newToken(t)
	var now atomic.Int64
	s := settings(t, label)
	s.Now = func() time.Time { return time.Unix(now.Load(), 0) }
	c := open(t, s)
	made := generate(t, c)

	const changed = "5555-changed-pin"
	p := officer(t)
	setPIN := func(from, to string) {
		session := must(p.OpenSession(slotOf(t, p, label), pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION))(t)
		lose(t, func() error { return errors.Join(p.SetPIN(session, from, to), p.CloseSession(session)) })
	}
	setPIN(pin, changed)
	if _, err := checkSigning(keys.ES256, made[0].private); err != nil {
		t.Errorf("while the log-in lasts: %v", err)
	}
	lose(t, func() error { return p.CloseAllSessions(slotOf(t, p, label)) })
	refused := func() {
		t.Helper()
		_, err := checkSigning(keys.ES256, made[0].private)
		if !errors.Is(err, errdefs.ErrUnavailable) || !strings.Contains(err.Error(), "keys.pkcs11_pin") || strings.Contains(err.Error(), pin) {
			t.Errorf("signed, or said something else: %v", err)
		}
		now.Add(3600)
	}
	refused()
	setPIN(changed, pin)
	refused() // although it would be taken now: nothing tried
	again := open(t, s)
	if _, err := again.Open(t.Context(), made[0].reference); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestWhatWasClosedDoesNotLogInAgain(t *testing.T) {
	label := newToken(t)
	c := open(t, settings(t, label))
	made := generate(t, c)
	c.Close()
	if _, err := checkSigning(keys.ES256, made[0].private); !errors.Is(err, errdefs.ErrUnavailable) {
		t.Errorf("signed after Close: %v", err)
	}
	if labels := labelsOf(t, label); strings.Count(labels, "signet ") != len(made) {
		// Public halves are all that those who are not logged in see.
		t.Errorf("somebody is still logged in and sees %s", labels)
	}
}
