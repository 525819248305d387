//go:build pkcs11

package hsm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/signet-id/signet/internal/hsm"
	"github.com/signet-id/signet/internal/secret"
)

const (
	pin   = "4921-user-pin"
	soPIN = "7730-officer-pin"
	// childToken makes the test binary open a key of that token and sign with it, as a second
	// process; see TestASecondProcessSignsWithTheSameKey.
	childToken = "SIGNET_TEST_HSM_TOKEN"
)

// TestMain gives SoftHSM a directory of its own, which it reads when it is initialized.
func TestMain(m *testing.M) {
	if os.Getenv(childToken) != "" {
		os.Exit(child())
	}
	dir, err := os.MkdirTemp("", "signet-hsm")
	if err != nil {
		panic(err)
	}
	conf := filepath.Join(dir, "softhsm2.conf")
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		panic(err)
	}
	if err := os.Setenv("SOFTHSM2_CONF", conf); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// module returns where Debian, and others, put SoftHSM. That it is missing is a failure: these
// tests run where somebody asked for them, with the build tag.
func module(t testing.TB) string {
	t.Helper()
	path, err := findModule()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func findModule() (string, error) {
	for _, path := range []string{
		"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so",
		"/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so",
	} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("SoftHSM is not installed; on Debian: apt-get install softhsm2")
}

// officer is another user of the same module: what it does to sessions and log-ins happens to
// everybody in this process.
func officer(t testing.TB) *pkcs11.Ctx {
	t.Helper()
	p := pkcs11.New(module(t))
	if p == nil {
		t.Fatal("SoftHSM does not load")
	}
	if err := p.Initialize(); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		t.Fatal(err)
	}
	return p
}

var (
	tokens       atomic.Int32
	initializing sync.Mutex // one after the other: each looks for the free token
)

// newToken initializes a token of its own for a test, and returns its label.
func newToken(t testing.TB) string {
	t.Helper()
	initializing.Lock()
	defer initializing.Unlock()
	p := officer(t)
	label := fmt.Sprintf("signet test %d", tokens.Add(1))
	initToken(t, p, label)
	return label
}

// newTwins initializes two tokens with one label, and returns it.
func newTwins(t testing.TB) string {
	t.Helper()
	initializing.Lock()
	defer initializing.Unlock()
	p := officer(t)
	label := fmt.Sprintf("signet twins %d", tokens.Add(1))
	initToken(t, p, label)
	initToken(t, p, label)
	return label
}

func initToken(t testing.TB, p *pkcs11.Ctx, label string) {
	t.Helper()
	slots, err := p.GetSlotList(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range slots { // SoftHSM always shows one token that is not initialized
		if info, err := p.GetTokenInfo(slot); err != nil || info.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 {
			continue
		}
		if err := p.InitToken(slot, soPIN, label); err != nil {
			t.Fatal(err)
		}
		session := must(p.OpenSession(slotWith(t, p, label, pkcs11.CKF_USER_PIN_INITIALIZED, 0), pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION))(t)
		for _, err := range []error{p.Login(session, pkcs11.CKU_SO, soPIN), p.InitPIN(session, pin), p.Logout(session), p.CloseSession(session)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	t.Fatal("SoftHSM shows no free token")
}

func slotOf(t testing.TB, p *pkcs11.Ctx, label string) uint {
	t.Helper()
	return slotWith(t, p, label, 0, 0)
}

// slotWith returns the slot of a token with that label, of whose flags those in mask are want.
func slotWith(t testing.TB, p *pkcs11.Ctx, label string, mask, want uint) uint {
	t.Helper()
	slots, err := p.GetSlotList(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range slots {
		if info, err := p.GetTokenInfo(slot); err == nil && info.Label == label && info.Flags&mask == want {
			return slot
		}
	}
	t.Fatalf("no token is labelled %q", label)
	return 0
}

// writing opens a session that may change the token, for the rest of the test.
func writing(t testing.TB, p *pkcs11.Ctx, label string) pkcs11.SessionHandle {
	t.Helper()
	session := must(p.OpenSession(slotOf(t, p, label), pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION))(t)
	t.Cleanup(func() {
		if err := p.CloseSession(session); err != nil {
			t.Error(err)
		}
	})
	return session
}

// idOf returns the CKA_ID in a reference.
func idOf(t testing.TB, reference []byte) []byte {
	t.Helper()
	var r struct{ ID []byte }
	if err := json.Unmarshal(reference, &r); err != nil || len(r.ID) == 0 {
		t.Fatalf("%s: %v", reference, err)
	}
	return r.ID
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func settings(t testing.TB, label string) hsm.Config {
	return hsm.Config{Module: module(t), Token: label, PIN: secret.New(pin), Now: time.Now}
}

func open(t testing.TB, c hsm.Config) *hsm.Custodian {
	t.Helper()
	custodian, err := hsm.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(custodian.Close)
	return custodian
}
