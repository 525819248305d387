//go:build pkcs11

package hsm_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/hsm"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/keys"
)

func algorithms() []keys.Algorithm { return []keys.Algorithm{keys.ES256, keys.RS256, keys.EdDSA} }

// checkSigning signs a token with private and verifies it as any verifier would.
func checkSigning(alg keys.Algorithm, private crypto.Signer) (kid string, err error) {
	k, err := keys.NewKey(alg, private.Public())
	if err != nil {
		return "", err
	}
	s, err := keys.NewSigner(k, private)
	if err != nil {
		return "", err
	}
	token, err := s.Sign(context.Background(), "at+jwt", []byte(`{"sub":"opal"}`))
	if err != nil {
		return "", err
	}
	payload, _, err := keys.Verify(token, func(kid string) (keys.Key, bool) { return k, kid == k.ID }, "at+jwt")
	if err == nil && string(payload) != `{"sub":"opal"}` {
		err = fmt.Errorf("payload %s", payload)
	}
	return k.ID, err
}

func TestKeysAreMadeOpenedUsedAndDestroyed(t *testing.T) {
	t.Parallel()
	label := newToken(t)
	c := open(t, settings(t, label))
	if c.Name() != "pkcs11" {
		t.Errorf("name %q", c.Name())
	}
	var references [][]byte
	for _, alg := range algorithms() {
		made, reference, err := c.Generate(t.Context(), alg)
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		references = append(references, reference)
		kid, err := checkSigning(alg, made)
		if err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		opened, err := c.Open(t.Context(), reference)
		if err != nil {
			t.Fatalf("%s: open: %v", alg, err)
		}
		if again, err := checkSigning(alg, opened); err != nil || again != kid {
			t.Errorf("%s: opened again: %s, %v; made as %s", alg, again, err, kid)
		}
		if labels := labelsOf(t, label); !strings.Contains(labels, "signet "+kid) {
			t.Errorf("%s: nobody finds key %s on the token, which shows %s", alg, kid, labels)
		}
	}
	for i, alg := range algorithms() {
		if err := c.Destroy(t.Context(), references[i]); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		if err := c.Destroy(t.Context(), references[i]); err != nil {
			t.Errorf("%s: destroyed again: %v", alg, err)
		}
		if _, err := c.Open(t.Context(), references[i]); !errors.Is(err, errdefs.ErrNotFound) {
			t.Errorf("%s: open what was destroyed: %v", alg, err)
		}
		for _, left := range references[i+1:] {
			if _, err := c.Open(t.Context(), left); err != nil {
				t.Errorf("destroying %s took another key along: %v", alg, err)
			}
		}
	}
	if labels := labelsOf(t, label); labels != "" {
		t.Errorf("left on the token: %s", labels)
	}
}

// inspect calls f for each object on a token, in a session of its own.
func inspect(t testing.TB, label string, f func(p *pkcs11.Ctx, session pkcs11.SessionHandle, object pkcs11.ObjectHandle)) {
	t.Helper()
	p := officer(t)
	session := writing(t, p, label)
	if err := p.FindObjectsInit(session, nil); err != nil {
		t.Fatal(err)
	}
	all, _, err := p.FindObjects(session, 100)
	if err := errors.Join(err, p.FindObjectsFinal(session)); err != nil {
		t.Fatal(err)
	}
	for _, object := range all {
		f(p, session, object)
	}
}

func labelsOf(t testing.TB, label string) string {
	t.Helper()
	var labels []string
	inspect(t, label, func(p *pkcs11.Ctx, session pkcs11.SessionHandle, object pkcs11.ObjectHandle) {
		got := must(p.GetAttributeValue(session, object, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil)}))(t)
		labels = append(labels, string(got[0].Value))
	})
	return strings.Join(labels, ", ")
}

func TestAPrivateHalfCannotLeaveTheToken(t *testing.T) {
	t.Parallel()
	label := newToken(t)
	c := open(t, settings(t, label))
	for _, alg := range algorithms() {
		if _, _, err := c.Generate(t.Context(), alg); err != nil {
			t.Fatal(err)
		}
	}
	private := 0
	inspect(t, label, func(p *pkcs11.Ctx, session pkcs11.SessionHandle, object pkcs11.ObjectHandle) {
		class := must(p.GetAttributeValue(session, object, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, nil)}))(t)
		if class[0].Value[0] != pkcs11.CKO_PRIVATE_KEY {
			return
		}
		private++
		for name, attribute := range map[string]uint{"value": pkcs11.CKA_VALUE, "exponent": pkcs11.CKA_PRIVATE_EXPONENT, "prime": pkcs11.CKA_PRIME_1} {
			got, err := p.GetAttributeValue(session, object, []*pkcs11.Attribute{pkcs11.NewAttribute(attribute, nil)})
			if err == nil {
				t.Errorf("its %s can be read: %d bytes", name, len(got[0].Value))
			}
		}
		for name, change := range map[string]*pkcs11.Attribute{
			"extractable":   pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true),
			"not sensitive": pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
		} {
			if err := p.SetAttributeValue(session, object, []*pkcs11.Attribute{change}); err == nil {
				t.Errorf("it can be made %s", name)
			}
		}
		aes := must(p.GenerateKey(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32), pkcs11.NewAttribute(pkcs11.CKA_WRAP, true),
		}))(t)
		if wrapped, err := p.WrapKey(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_WRAP_PAD, nil)}, aes, object); !errors.Is(err, pkcs11.Error(pkcs11.CKR_KEY_UNEXTRACTABLE)) {
			t.Errorf("it can be wrapped, or fails for another reason: %d bytes, %v", len(wrapped), err)
		}
	})
	if private != len(algorithms()) {
		t.Errorf("looked at %d private keys", private)
	}
}

func TestAKeyThatCouldLeaveTheTokenIsNotOpened(t *testing.T) {
	t.Parallel()
	label := newToken(t)
	c := open(t, settings(t, label))
	_, reference, err := c.Generate(t.Context(), keys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	id := idOf(t, reference)
	if err := c.Destroy(t.Context(), reference); err != nil {
		t.Fatal(err)
	}
	p := officer(t)
	session := writing(t, p, label)
	_, _, err = p.GenerateKeyPair(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_ID, id),
			pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07})},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_ID, id),
			pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(t.Context(), reference); err == nil || !strings.Contains(err.Error(), "could leave the token") {
		t.Errorf("opened: %v", err)
	}
}

func TestManySignAtOnce(t *testing.T) {
	t.Parallel()
	c := open(t, settings(t, newToken(t)))
	var wg sync.WaitGroup
	for _, alg := range algorithms() {
		private, _, err := c.Generate(t.Context(), alg)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			wg.Go(func() {
				for range 5 {
					if _, err := checkSigning(alg, private); err != nil {
						t.Errorf("%s: %v", alg, err)
					}
				}
			})
		}
	}
	wg.Wait()
}

func TestAKeySignsOnlyWhatItsAlgorithmSigns(t *testing.T) {
	t.Parallel()
	c := open(t, settings(t, newToken(t)))
	digest := make([]byte, 32)
	for _, alg := range algorithms() {
		private, _, err := c.Generate(t.Context(), alg)
		if err != nil {
			t.Fatal(err)
		}
		refused := []crypto.SignerOpts{crypto.SHA384, crypto.SHA1, nil}
		if alg == keys.EdDSA {
			refused = append(refused, crypto.SHA256)
		} else {
			refused = append(refused, crypto.Hash(0))
		}
		if alg == keys.RS256 {
			refused = append(refused, &rsa.PSSOptions{Hash: crypto.SHA256})
		}
		for _, opts := range refused {
			if _, err := private.Sign(nil, digest, opts); err == nil {
				t.Errorf("%s: signed under %v", alg, opts)
			}
		}
	}
	if _, _, err := c.Generate(t.Context(), "HS256"); !errors.Is(err, errdefs.ErrInvalid) {
		t.Errorf("HS256: %v", err)
	}
}

func TestWhatCannotBeOpenedSaysWhyWithoutThePIN(t *testing.T) {
	t.Parallel()
	label := newToken(t)
	twins := newTwins(t)
	noModule := filepath.Join(t.TempDir(), "libnone.so")
	notes := filepath.Join(t.TempDir(), "notes.so")
	if err := os.WriteFile(notes, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*hsm.Config)
		want   string
	}{
		"a wrong PIN":        {func(c *hsm.Config) { c.PIN = secret.New("0000-wrong-pin") }, "keys.pkcs11_pin: the token \"" + label + "\" refused it"},
		"a PIN too short":    {func(c *hsm.Config) { c.PIN = secret.New("0") }, "keys.pkcs11_pin: the token \"" + label + "\" refused it"},
		"another token":      {func(c *hsm.Config) { c.Token = "signet prod" }, "keys.pkcs11_token: no token is labelled \"signet prod\"; those that " + module(t) + " shows: [\""},
		"two tokens of one":  {func(c *hsm.Config) { c.Token = twins }, "keys.pkcs11_token: several tokens are labelled"},
		"no module":          {func(c *hsm.Config) { c.Module = noModule }, "keys.pkcs11_module: stat " + noModule + ": no such file"},
		"what is no library": {func(c *hsm.Config) { c.Module = notes }, "keys.pkcs11_module: " + notes + " is no PKCS#11 module"},
		"some other library": {func(c *hsm.Config) { c.Module = otherLibrary(t) }, " is no PKCS#11 module"},
		"nothing":            {func(c *hsm.Config) { *c = hsm.Config{} }, "are required"},
	} {
		s := settings(t, label)
		c.change(&s)
		custodian, err := hsm.Open(t.Context(), s)
		if err == nil {
			custodian.Close()
			t.Errorf("%s: opened", name)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		for _, secret := range []string{pin, "0000-wrong-pin"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error holds a PIN: %v", name, err)
			}
		}
	}
}

// otherLibrary is a shared library that every system has and that speaks no PKCS#11.
func otherLibrary(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"/lib/*/libm.so.6", "/lib64/libm.so.6", "/usr/lib/libm.so.6"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("no libm")
	return ""
}

func TestAReferenceThatIsNoneFindsAndDestroysNothing(t *testing.T) {
	t.Parallel()
	label := newToken(t)
	c := open(t, settings(t, label))
	_, reference, err := c.Generate(t.Context(), keys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		``, `null`, `{}`, `[]`, "\x00", string(reference) + "{}", string(reference[:len(reference)-1]),
		strings.Replace(string(reference), `"v":1`, `"v":2`, 1),
		`{"v":1,"alg":"ES256","id":"","token":"","serial":""}`,
		`{"v":1,"alg":"ES256","id":"AAAA","token":"","serial":""}`,
		strings.Replace(string(reference), `"v":1`, `"v":1,"extractable":true`, 1),
	} {
		if _, err := c.Open(t.Context(), []byte(bad)); !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("opened %q: %v", bad, err)
		}
		if err := c.Destroy(t.Context(), []byte(bad)); !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("destroyed %q: %v", bad, err)
		}
	}
	if _, err := c.Open(t.Context(), []byte(strings.Replace(string(reference), "ES256", "RS256", 1))); err == nil {
		t.Error("an ES256 key was opened as RS256")
	}
	if _, err := c.Open(t.Context(), reference); err != nil {
		t.Errorf("the key itself: %v", err)
	}
	if bytes.Contains(reference, []byte(pin)) {
		t.Error("the reference holds the PIN")
	}
}

func TestASecondProcessSignsWithTheSameKey(t *testing.T) {
	t.Parallel()
	label := newToken(t)
	c := open(t, settings(t, label))
	for _, alg := range algorithms() {
		private, reference, err := c.Generate(t.Context(), alg)
		if err != nil {
			t.Fatal(err)
		}
		kid, err := checkSigning(alg, private)
		if err != nil {
			t.Fatal(err)
		}
		second := exec.CommandContext(t.Context(), os.Args[0])
		second.Env = append(os.Environ(), childToken+"="+label)
		second.Stdin = bytes.NewReader(append([]byte(alg+" "), reference...))
		out, err := second.CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != kid {
			t.Errorf("%s: the second process says %s, %v; the first %s", alg, out, err, kid)
		}
	}
}

// child is the second process: it reads an algorithm and a reference and prints the kid.
func child() int {
	kid, err := func() (string, error) {
		path, err := findModule()
		if err != nil {
			return "", err
		}
		input, err := io.ReadAll(os.Stdin)
		if err != nil {
			return "", err
		}
		alg, reference, _ := strings.Cut(string(input), " ")
		c, err := hsm.Open(context.Background(), hsm.Config{Module: path, Token: os.Getenv(childToken), PIN: secret.New(pin), Now: time.Now})
		if err != nil {
			return "", err
		}
		defer c.Close()
		private, err := c.Open(context.Background(), []byte(reference))
		if err != nil {
			return "", err
		}
		return checkSigning(keys.Algorithm(alg), private)
	}()
	fmt.Println(kid)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}
