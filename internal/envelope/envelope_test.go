package envelope_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

func key(first byte) []byte {
	b := make([]byte, envelope.KeySize)
	for i := range b {
		b[i] = first + byte(i)*7
	}
	return b
}

func master(t testing.TB, first byte) envelope.Master {
	t.Helper()
	m, err := envelope.NewMaster(key(first))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func seal(t testing.TB, e *envelope.Envelope, plaintext, aad []byte) envelope.Sealed {
	t.Helper()
	s, err := e.Seal(plaintext, aad)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseMaster(t *testing.T) {
	t.Parallel()
	raw := key(0xfb) // its base64 contains + and /
	want := master(t, 0xfb).ID()
	for _, c := range []struct{ name, text string }{
		{"base64", base64.StdEncoding.EncodeToString(raw)},
		{"base64 with a line break, as openssl and files have it", base64.StdEncoding.EncodeToString(raw) + "\n"},
		{"base64 without padding", base64.RawStdEncoding.EncodeToString(raw)},
		{"base64url", base64.URLEncoding.EncodeToString(raw)},
		{"base64url without padding", base64.RawURLEncoding.EncodeToString(raw)},
		{"hexadecimal", hex.EncodeToString(raw)},
		{"upper-case hexadecimal with a line break", strings.ToUpper(hex.EncodeToString(raw)) + "\r\n"},
		{"raw", string(raw)},
		{"raw with a line break", string(raw) + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, err := envelope.ParseMaster(secret.New(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if m.ID() != want {
				t.Errorf("another key: %s, want %s", m.ID(), want)
			}
		})
	}
}

func TestParseMasterRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, says string }{
		{"nothing", "", "empty"},
		{"white space", " \n", "empty"},
		{"a pass phrase", "correct horse battery staple!", "neither base64 nor hexadecimal"},
		{"a pass phrase of 32 bytes", "correct-horse-battery-staple-123", "it is text"},
		{"a pass phrase of 32 bytes in another script", "правильнаялошадь", "it is text"},
		{"16 bytes in hexadecimal", "0123456789abcdef0123456789abcdef", "it is text"},
		{"16 bytes in base64", base64.StdEncoding.EncodeToString(key(1)[:16]), "16 bytes and needs 32"},
		{"33 bytes in base64", base64.StdEncoding.EncodeToString(append(key(1), 1)), "33 bytes and needs 32"},
		{"31 raw bytes", string(key(0xf0)[:31]), "31 bytes are neither"},
		{"zeros", strings.Repeat("00", 32), "all its bytes are the same"},
		{"raw zeros", strings.Repeat("\x00", 32), "all its bytes are the same"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := envelope.ParseMaster(secret.New(c.text))
			if !errors.Is(err, errdefs.ErrInvalid) {
				t.Fatalf("error = %v", err)
			}
			for _, want := range []string{c.says, "openssl rand -base64 32"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if text := strings.TrimSpace(c.text); text != "" && strings.Contains(err.Error(), text) {
				t.Errorf("%q repeats the input", err)
			}
		})
	}
}

func TestMasterDoesNotPrint(t *testing.T) {
	t.Parallel()
	m := master(t, 3)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "master", m)
	j, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %s", m, m, m, log.String(), j)
	for _, form := range []string{hex.EncodeToString(key(3)), base64.StdEncoding.EncodeToString(key(3)), string(key(3)), fmt.Sprint(key(3))} {
		if strings.Contains(printed, form) {
			t.Errorf("the key is in %s", printed)
		}
	}
}

func TestSealOpens(t *testing.T) {
	t.Parallel()
	e := envelope.New(master(t, 1))
	for _, plaintext := range []string{"", "x", strings.Repeat("secret", 1000)} {
		s := seal(t, e, []byte(plaintext), []byte("row"))
		got, err := e.Open(s, []byte("row"))
		if err != nil || string(got) != plaintext {
			t.Errorf("Open = %q, %v", got, err)
		}
		if plaintext != "" && len(plaintext) > 8 && bytes.Contains(s.Ciphertext, []byte(plaintext)) {
			t.Error("the ciphertext is the plaintext")
		}
	}
	a, b := seal(t, e, []byte("x"), nil), seal(t, e, []byte("x"), nil)
	if bytes.Equal(a.Ciphertext, b.Ciphertext) || bytes.Equal(a.WrappedKey, b.WrappedKey) {
		t.Error("two seals of one value are equal")
	}
}

func TestTamperingIsSeen(t *testing.T) {
	t.Parallel()
	e := envelope.New(master(t, 1))
	aad := envelope.Identity("signing-key", "kid")
	s := seal(t, e, []byte("a private key"), aad)
	encoded, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for i := range encoded {
		for _, flip := range []byte{0x01, 0x80} {
			changed := bytes.Clone(encoded)
			changed[i] ^= flip
			var s envelope.Sealed
			if err := s.UnmarshalBinary(changed); err != nil {
				continue
			}
			if got, err := e.Open(s, aad); err == nil {
				t.Fatalf("opens with byte %d changed: %q", i, got)
			}
		}
	}
	for i := range encoded {
		var s envelope.Sealed
		if err := s.UnmarshalBinary(encoded[:i]); err == nil {
			t.Fatalf("decodes when cut to %d bytes", i)
		}
	}
}

func TestAssociatedDataBinds(t *testing.T) {
	t.Parallel()
	e := envelope.New(master(t, 1))
	a, b := envelope.Identity("secret", "root", "1"), envelope.Identity("secret", "root", "2")
	sealedA, sealedB := seal(t, e, []byte("a"), a), seal(t, e, []byte("b"), b)
	for _, c := range []struct {
		name   string
		sealed envelope.Sealed
	}{
		{"another row's value", sealedB},
		{"another row's ciphertext", envelope.Sealed{MasterID: sealedA.MasterID, WrappedKey: sealedA.WrappedKey, Ciphertext: sealedB.Ciphertext}},
		{"another row's data key", envelope.Sealed{MasterID: sealedA.MasterID, WrappedKey: sealedB.WrappedKey, Ciphertext: sealedA.Ciphertext}},
		{"nothing", envelope.Sealed{MasterID: sealedA.MasterID}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, err := e.Open(c.sealed, a); !errors.Is(err, envelope.ErrDamaged) {
				t.Errorf("Open = %q, %v", got, err)
			}
		})
	}
}

func TestIdentityIsUnambiguous(t *testing.T) {
	t.Parallel()
	lists := [][]string{{"a"}, {"a", ""}, {"", "a"}, {"a", "b"}, {"ab"}, {"a", "b", ""}, {"a\x00b"}, {""}}
	seen := map[string][]string{}
	for _, l := range lists {
		id := string(envelope.Identity(l[0], l[1:]...))
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q are the same", l, other)
		}
		seen[id] = l
	}
}

func TestMasterRotation(t *testing.T) {
	t.Parallel()
	older, newer, aad := master(t, 1), master(t, 2), []byte("row")
	s := seal(t, envelope.New(older), []byte("x"), aad)

	_, err := envelope.New(newer).Open(s, aad)
	if !errors.Is(err, envelope.ErrUnknownMaster) {
		t.Fatalf("error = %v", err)
	}
	for _, want := range []string{older.ID(), newer.ID(), "configure that key again"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	both := envelope.New(newer, older)
	if got, err := both.Open(s, aad); err != nil || string(got) != "x" {
		t.Errorf("with the older key: %q, %v", got, err)
	}
	if s := seal(t, both, []byte("y"), aad); s.MasterID != newer.ID() {
		t.Errorf("sealed under %s, not the current key", s.MasterID)
	}
	moved, err := both.Rewrap(s, aad)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := envelope.New(newer).Open(moved, aad); err != nil || string(got) != "x" {
		t.Errorf("rewrapped: %q, %v", got, err)
	}
	if _, err := both.Rewrap(s, []byte("other row")); !errors.Is(err, envelope.ErrDamaged) {
		t.Errorf("rewrapped another row's value: %v", err)
	}
	relabelled := s
	relabelled.MasterID = newer.ID()
	if _, err := both.Open(relabelled, aad); !errors.Is(err, envelope.ErrDamaged) {
		t.Errorf("relabelled: %v", err)
	}
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	e := envelope.New(master(t, 1))
	s := seal(t, e, []byte("x"), nil)
	text, err := s.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var fromText envelope.Sealed
	if err := fromText.UnmarshalText(text); err != nil {
		t.Fatal(err)
	}
	if got, err := e.Open(fromText, nil); err != nil || string(got) != "x" {
		t.Errorf("from text: %q, %v", got, err)
	}
	// The stored form must never change its meaning.
	fixed := envelope.Sealed{MasterID: "0011", WrappedKey: []byte{1, 2}, Ciphertext: []byte{0xff}}
	b, err := fixed.MarshalBinary()
	if err != nil || hex.EncodeToString(b) != "01"+"00000004"+"30303131"+"00000002"+"0102"+"00000001"+"ff" {
		t.Errorf("binary = %x, %v", b, err)
	}
	if text, err := fixed.MarshalText(); err != nil || string(text) != "env1.0011.AQI._w" {
		t.Errorf("text = %s, %v", text, err)
	}
	for _, bad := range []string{"", "env1", "env2.0011.AQI._w", "env1.0011.AQI", "env1.0011.AQI._w.x", "env1.0011.AQ=._w", "env1.0011.AQJ._w"} {
		if err := new(envelope.Sealed).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("reads %q", bad)
		}
	}
}

func FuzzSealed(f *testing.F) {
	b, err := envelope.Sealed{MasterID: "0011", WrappedKey: []byte{1, 2}, Ciphertext: []byte{3}}.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		var s envelope.Sealed
		if s.UnmarshalBinary(data) != nil {
			return
		}
		if again, err := s.MarshalBinary(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x became %x, %v", data, again, err)
		}
	})
}

func FuzzParseMaster(f *testing.F) {
	f.Add(base64.StdEncoding.EncodeToString(key(1)))
	f.Add(hex.EncodeToString(key(1)))
	f.Add(string(key(1)))
	f.Fuzz(func(t *testing.T, text string) {
		m, err := envelope.ParseMaster(secret.New(text))
		if (err == nil) != (len(m.ID()) == 16) {
			t.Fatalf("ParseMaster = %v, %v", m, err)
		}
	})
}
