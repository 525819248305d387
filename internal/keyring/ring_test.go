package keyring_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

// kidOf reads the kid from a token's header.
func kidOf(t testing.TB, token string) string {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var h struct{ Kid string }
	if err := json.Unmarshal(b, &h); err != nil {
		t.Fatal(err)
	}
	return h.Kid
}

func published(t testing.TB, r *keyring.Ring) []string {
	t.Helper()
	body, _ := r.Document()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	var kids []string
	for _, k := range set.Keys {
		kids = append(kids, k.KeyID)
	}
	return kids
}

func TestFirstStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open(t) // the defaults
	if got := r.Algorithms(); !slices.Equal(got, []keys.Algorithm{keys.ES256, keys.RS256}) {
		t.Errorf("Algorithms = %v", got)
	}
	if len(w.keys) != 2 || len(w.secrets) != 1 {
		t.Errorf("Open stored %d keys and %d secrets; RSA keys are for later", len(w.keys), len(w.secrets))
	}
	// Nobody is to keep a document that lacks keys which sign as soon as they are made.
	if got := r.CacheControl(); got != "public, max-age=0, stale-while-revalidate=0, stale-if-error=86400" {
		t.Errorf("CacheControl without RSA keys = %s", got)
	}
	for _, alg := range r.Algorithms() {
		token := sign(t, r, alg, w.Now().Add(time.Hour))
		if payload, err := r.Verify(token, typ); err != nil || string(payload) != "payload" {
			t.Errorf("%s: Verify = %q, %v", alg, payload, err)
		}
	}
	states := map[string]int{}
	for _, k := range r.Keys() {
		states[string(k.Algorithm)+" "+string(k.State(w.Now()))]++
	}
	want := map[string]int{"ES256 active": 1, "ES256 next": 1, "RS256 active": 1, "RS256 next": 1}
	if fmt.Sprint(states) != fmt.Sprint(want) {
		t.Errorf("keys = %v, want %v", states, want)
	}
	if len(published(t, r)) != 4 {
		t.Errorf("published %v", published(t, r))
	}
	if r.CacheControl() != keys.DefaultSchedule().CacheControl() {
		t.Errorf("CacheControl = %s", r.CacheControl())
	}
}

func TestReplicasShareTheKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var rings [4]*keyring.Ring
	var wait sync.WaitGroup
	for i := range rings {
		wait.Go(func() {
			var err error
			if rings[i], err = keyring.Open(context.Background(), w.config(quick...)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
	if len(w.keys) != 4 || len(w.secrets) != 1 {
		t.Errorf("stored %d keys and %d secrets", len(w.keys), len(w.secrets))
	}
	token := sign(t, rings[0], keys.ES256, w.Now().Add(time.Hour))
	mac := rings[0].MAC("p").Sum([]byte("x"))
	_, etag := rings[0].Document()
	for i, r := range rings {
		if _, err := r.Verify(token, typ); err != nil {
			t.Errorf("replica %d: %v", i, err)
		}
		if !r.MAC("p").Check([]byte("x"), mac[:]) {
			t.Errorf("replica %d has another root secret", i)
		}
		if _, other := r.Document(); other != etag {
			t.Errorf("replica %d publishes another document", i)
		}
	}
}

func TestConcurrentFirstUseCreatesOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open(t)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := r.Sign(context.Background(), keys.RS256, typ, nil, w.Now().Add(time.Hour)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if len(w.keys) != 4 {
		t.Errorf("stored %d keys", len(w.keys))
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open(t, quick...)
	token := sign(t, r, keys.ES256, w.Now().Add(time.Hour))
	foreign := sign(t, newWorld(t).open(t, quick...), keys.ES256, w.Now().Add(time.Hour))
	for _, c := range []struct {
		name, token string
		typ         []string
		want        error
	}{
		{"another type", token, []string{"JWT"}, keys.ErrType},
		{"no type", token, nil, keys.ErrType},
		{"another issuer's key", foreign, []string{typ}, keys.ErrUnknownKey},
		{"nonsense", "null.null.x", []string{typ}, keys.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := r.Verify(c.token, c.typ...); !errors.Is(err, c.want) || !errors.Is(err, errdefs.ErrUnauthenticated) {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open(t, keys.ES256)
	soon := w.Now().Add(time.Hour)
	if _, err := r.Sign(t.Context(), keys.RS256, typ, nil, soon); !errors.Is(err, errdefs.ErrInvalid) {
		t.Errorf("an algorithm that is not in use: %v", err)
	}
	if _, err := r.Sign(t.Context(), keys.ES256, typ, nil, time.Time{}); !errors.Is(err, errdefs.ErrInvalid) {
		t.Errorf("no expiry: %v", err)
	}
	if _, err := r.Sign(t.Context(), keys.ES256, "", nil, soon); !errors.Is(err, keys.ErrType) {
		t.Errorf("no type: %v", err)
	}
}

func TestADumpHoldsNoUsableKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open(t)
	sign(t, r, keys.RS256, w.Now().Add(time.Hour))
	if len(w.keys) != 4 {
		t.Fatalf("%d keys", len(w.keys))
	}
	var dump bytes.Buffer
	for _, k := range w.keys {
		b, err := k.Sealed.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		dump.Write(b)
		dump.Write(k.PublicJWK)
	}
	for _, s := range w.secrets {
		b, err := s.Sealed.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		dump.Write(b)
	}
	contains := func(secret []byte) bool {
		for _, form := range []string{string(secret), fmt.Sprintf("%x", secret), base64.StdEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret)} {
			if strings.Contains(dump.String(), form) {
				return true
			}
		}
		return false
	}
	for _, k := range w.keys {
		der, err := w.envelope.Open(k.Sealed, envelope.Identity("signing-key", k.KID))
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range privateParts(t, private) {
			if len(part) < 32 {
				t.Fatalf("a private part of %d bytes proves nothing", len(part))
			}
			if contains(part) {
				t.Errorf("a private part of the %s key is in the dump", k.Algorithm)
			}
		}
	}
	root, err := w.envelope.Open(w.secrets[0].Sealed, envelope.Identity("secret", "root", "1"))
	if err != nil {
		t.Fatal(err)
	}
	if contains(root) {
		t.Error("the root secret is in the dump")
	}
	if !contains(w.keys[0].Sealed.Ciphertext) {
		t.Error("the search finds nothing at all")
	}
}

func TestWrongMasterKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(t, quick...)
	c := w.config(quick...)
	c.Envelope = envelope.New(newMaster(t))
	_, err := keyring.Open(t.Context(), c)
	if !errors.Is(err, envelope.ErrUnknownMaster) {
		t.Fatalf("error = %v", err)
	}
	for _, want := range []string{w.envelope.MasterID(), c.Envelope.MasterID(), "configure that key again"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestMasterKeyIsReplaced(t *testing.T) {
	t.Parallel()
	older, newer := newMaster(t), newMaster(t)
	w := newWorld(t)
	w.envelope = envelope.New(older)
	token := sign(t, w.open(t, quick...), keys.ES256, w.Now().Add(time.Hour))
	w.envelope = envelope.New(newer, older)
	if _, err := w.open(t, quick...).Verify(token, typ); err != nil {
		t.Error(err)
	}
}

// TestInjectedKeys: who can write to the database but has no master key cannot make Signet
// accept a key, nor swap one for another.
func TestInjectedKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(t *testing.T, m *memory)
	}{
		{"another public half", func(t *testing.T, m *memory) {
			m.row(t, keys.ES256, true).PublicJWK = m.row(t, keys.ES256, false).PublicJWK
		}},
		{"another private half", func(t *testing.T, m *memory) {
			m.row(t, keys.ES256, true).Sealed = m.row(t, keys.ES256, false).Sealed
		}},
		{"another kid", func(t *testing.T, m *memory) { m.row(t, keys.ES256, true).KID = "chosen" }},
		{"another algorithm", func(t *testing.T, m *memory) { m.row(t, keys.ES256, true).Algorithm = "EdDSA" }},
		{"the algorithm none", func(t *testing.T, m *memory) { m.row(t, keys.ES256, true).Algorithm = "none" }},
		{"a key sealed under a master key of theirs", func(t *testing.T, m *memory) {
			k, private, err := keys.Generate(keys.ES256, nil)
			if err != nil {
				t.Fatal(err)
			}
			k.PublishedAt = time.Unix(1, 0)
			row, err := keyring.SealKey(envelope.New(newMaster(t)), k, private)
			if err != nil {
				t.Fatal(err)
			}
			m.keys = append(m.keys, row)
		}},
		{"a truncated secret", func(_ *testing.T, m *memory) { m.secrets[0].Sealed.Ciphertext = m.secrets[0].Sealed.Ciphertext[:20] }},
		{"no secret at all", func(_ *testing.T, m *memory) { m.secrets = nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.open(t, quick...)
			token := sign(t, r, keys.ES256, w.Now().Add(time.Hour))
			_, etag := r.Document()
			w.change(func(m *memory) { c.change(t, m) })
			if err := r.Reload(t.Context()); err == nil && len(r.Damaged()) == 0 {
				t.Error("nothing was noticed")
			}
			if _, err := r.Verify(token, typ); err != nil {
				t.Errorf("the ring lost its keys: %v", err)
			}
			if _, after := r.Document(); after != etag {
				t.Error("the document changed")
			}
		})
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, change := range map[string]func(*keyring.Config){
		"no store":              func(c *keyring.Config) { c.Store = nil },
		"no envelope":           func(c *keyring.Config) { c.Envelope = nil },
		"no clock":              func(c *keyring.Config) { c.Now = nil },
		"no log":                func(c *keyring.Config) { c.Log = nil },
		"an unknown algorithm":  func(c *keyring.Config) { c.Algorithms = []keys.Algorithm{"HS256"} },
		"a schedule too narrow": func(c *keyring.Config) { c.Schedule = keys.DefaultSchedule(); c.Schedule.Lead = time.Minute },
	} {
		c := w.config(quick...)
		change(&c)
		if _, err := keyring.Open(t.Context(), c); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}
