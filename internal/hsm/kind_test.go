//go:build pkcs11

package hsm

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"
	"golang.org/x/sync/semaphore"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

func TestPublicHalvesAreReadInEverySpelling(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for name, spelled := range map[string][]byte{
		"bare":         point,
		"octet string": slices.Concat([]byte{0x04, 0x41}, point),
		"bit string":   slices.Concat([]byte{0x03, 0x42, 0x00}, point),
	} {
		if got, err := p256(spelled); err != nil || !private.PublicKey.Equal(got) {
			t.Errorf("P-256, %s: %v, %v", name, got, err)
		}
	}
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, spelled := range map[string][]byte{
		"bare":         public,
		"octet string": slices.Concat([]byte{0x04, 0x20}, public),
		"bit string":   slices.Concat([]byte{0x03, 0x21, 0x00}, public),
	} {
		if got, err := edwards25519(spelled); err != nil || !public.Equal(got) {
			t.Errorf("Ed25519, %s: %v, %v", name, got, err)
		}
	}
	offCurve := slices.Clone(point)
	offCurve[64] ^= 1
	for name, bad := range map[string][]byte{
		"nothing": nil, "off the curve": offCurve, "short": point[:64], "followed by more": slices.Concat([]byte{0x04, 0x41}, point, []byte{0}),
		"at infinity": make([]byte, 65), "an octet string of nothing": {0x04, 0x00}, "a number": {0x02, 0x01, 0x01},
	} {
		if _, err := p256(bad); err == nil {
			t.Errorf("P-256 %s was taken", name)
		}
		if _, err := edwards25519(bad); err == nil {
			t.Errorf("Ed25519 %s was taken", name)
		}
	}
	if _, err := rsaKey([]byte{0xff}, bytes.Repeat([]byte{0xff}, 8)); err == nil {
		t.Error("an exponent of 64 bits was taken")
	}
}

func TestSignaturesOfEveryLengthBecomeASN1(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leading := false
	for i := 0; i < 2000 && !(leading && i > 100); i++ {
		digest := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		leading = leading || r.BitLen() <= 248 || s.BitLen() <= 248
		der, err := derSignature(slices.Concat(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))))
		if err != nil || !ecdsa.VerifyASN1(&private.PublicKey, digest[:], der) {
			t.Fatalf("%x: %v", der, err)
		}
	}
	if !leading {
		t.Error("no number began with a zero byte")
	}
	for _, n := range []int{0, 1, 63} {
		if _, err := derSignature(make([]byte, n)); err == nil {
			t.Errorf("%d bytes were taken for a signature", n)
		}
	}
}

// SoftHSM never locks a PIN, so what a token says about its own is made up here. No module is
// loaded: whatever tried the PIN would fail otherwise.
func TestThePINIsNotTriedWhereThatCouldLockTheToken(t *testing.T) {
	t.Parallel()
	ready := uint(pkcs11.CKF_TOKEN_INITIALIZED | pkcs11.CKF_USER_PIN_INITIALIZED)
	for why, flags := range map[string]uint{
		"has no user PIN yet":                           pkcs11.CKF_TOKEN_INITIALIZED,
		"has locked its user PIN":                       ready | pkcs11.CKF_USER_PIN_LOCKED,
		"locks its user PIN when the next try fails":    ready | pkcs11.CKF_USER_PIN_FINAL_TRY,
		"has locked its user PIN: unlock it as the sec": ready | pkcs11.CKF_USER_PIN_LOCKED | pkcs11.CKF_USER_PIN_FINAL_TRY,
	} {
		x := &token{label: "signet", pin: secret.New("1234-secret")}
		_, err := x.connect(0, pkcs11.TokenInfo{Flags: flags})
		if !errors.Is(err, errdefs.ErrUnavailable) || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "1234") {
			t.Errorf("%s: %v", why, err)
		}
		if x.refused != nil {
			t.Errorf("%s: never looked at again, although nothing was tried", why)
		}
	}
}

func TestWhoeverGetsNoSessionIsToldToTryAgain(t *testing.T) {
	t.Parallel()
	x := &token{calls: semaphore.NewWeighted(1), limit: 1, link: &link{}}
	if err := x.calls.Acquire(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := x.read(ctx, func(*link, pkcs11.SessionHandle) error {
		t.Error("ran beyond the limit")
		return nil
	})
	if !errors.Is(err, errdefs.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
