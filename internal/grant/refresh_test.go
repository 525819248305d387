package grant_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
)

// mac is HMAC-SHA256 under the text as key.
type mac string

func (m mac) Sum(data []byte) (out [32]byte) {
	h := hmac.New(sha256.New, []byte(m))
	h.Write(data)
	h.Sum(out[:0])
	return out
}

func (m mac) Check(data, code []byte) bool {
	want := m.Sum(data)
	return hmac.Equal(want[:], code)
}

// anything accepts every code, so that only the shape of a token is left to refuse it.
type anything struct{ mac }

func (anything) Check([]byte, []byte) bool { return true }

var example = grant.RefreshToken{Family: id.GrantFromUUID([16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}), Generation: 7}

func TestARefreshTokenReadsBackAsWhatItNames(t *testing.T) {
	t.Parallel()
	for _, generation := range []uint32{0, 1, 9, 10, 1<<31 - 1} {
		in := grant.RefreshToken{Family: example.Family, Generation: generation}
		text := in.Format(mac("k")).Reveal()
		if again := in.Format(mac("k")).Reveal(); again != text {
			t.Errorf("formatted twice: %q and %q", text, again)
		}
		if out, err := grant.ParseRefreshToken(text, mac("k")); err != nil || out != in {
			t.Errorf("%q read back as %v, %v", text, out, err)
		}
		if _, err := grant.ParseRefreshToken(text, mac("another")); !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("generation %d passed under another key: %v", generation, err)
		}
	}
}

func TestAnyChangedByteOfARefreshTokenIsRefused(t *testing.T) {
	t.Parallel()
	good := example.Format(mac("k")).Reveal()
	for i := range len(good) {
		for _, b := range []byte{good[i] ^ 1, '\n', '\r', ' ', '.', '=', '0', 'A', 0, 0xff} {
			if b == good[i] {
				continue
			}
			bad := good[:i] + string([]byte{b}) + good[i+1:]
			if _, err := grant.ParseRefreshToken(bad, mac("k")); err == nil {
				t.Errorf("byte %d as %#x: %q passed", i, b, bad)
			}
		}
		if _, err := grant.ParseRefreshToken(good[:i]+good[i+1:], mac("k")); err == nil {
			t.Errorf("passed without byte %d", i)
		}
	}
}

func TestOnlyTheCanonicalShapeOfARefreshTokenParses(t *testing.T) {
	t.Parallel()
	good := strings.Split(strings.TrimPrefix(example.Format(mac("k")).Reveal(), "srt_"), ".")
	family, code := good[0], good[2]
	join := func(parts ...string) string { return "srt_" + strings.Join(parts, ".") }
	if _, err := grant.ParseRefreshToken(join(family, "7", code), anything{}); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for name, s := range map[string]string{
		"empty":                              "",
		"the prefix alone":                   "srt_",
		"another prefix":                     "sat_" + strings.Join(good, "."),
		"no prefix":                          strings.Join(good, "."),
		"two parts":                          join(family, code),
		"four parts":                         join(family, "7", code, ""),
		"no generation":                      join(family, "", code),
		"a leading zero":                     join(family, "07", code),
		"a plus sign":                        join(family, "+7", code),
		"a negative generation":              join(family, "-7", code),
		"a generation in hexadecimal":        join(family, "0x7", code),
		"a generation with underscores":      join(family, "1_0", code),
		"a generation beyond 31 bits":        join(family, "2147483648", code),
		"a generation beyond 64 bits":        join(family, "18446744073709551616", code),
		"line breaks for the family's end":   join(family[:20]+"\n\n", "7", code),
		"line breaks all over the family":    join(strings.Repeat("\r\n", 11), "7", code),
		"line breaks for the code's end":     join(family, "7", code[:41]+"\r\n"),
		"bits behind the family's last byte": join(family[:21]+"B", "7", code),
		"bits behind the code's last byte":   join(family, "7", code[:42]+"B"),
		"padding":                            join(family+"==", "7", code+"="),
		"the alphabet of standard base64":    join("++++++++++++++++++++++", "7", code),
		"very long":                          join(family, strings.Repeat("1", 1<<16), code),
		"a NUL at the end":                   join(family, "7", code) + "\x00",
	} {
		if out, err := grant.ParseRefreshToken(s, anything{}); !errors.Is(err, errdefs.ErrInvalid) || out != (grant.RefreshToken{}) {
			t.Errorf("%s: %v, %v", name, out, err)
		}
	}
}

func FuzzParseRefreshToken(f *testing.F) {
	good := example.Format(mac("k")).Reveal()
	f.Add(good)
	f.Add("")
	f.Add("srt_" + strings.Repeat("A", 20) + "\n\n.0." + strings.Repeat("A", 43))
	f.Add("srt_" + strings.Repeat("A", 22) + ".0." + strings.Repeat("A", 43))
	f.Add("srt_" + strings.Repeat("A", 22) + ".2147483648." + strings.Repeat("A", 43))
	f.Add(good[:len(good)-1] + "\n")
	f.Fuzz(func(t *testing.T, s string) {
		if out, err := grant.ParseRefreshToken(s, mac("k")); err == nil && out.Format(mac("k")).Reveal() != s {
			t.Fatalf("%q parsed to what prints as %q", s, out.Format(mac("k")).Reveal())
		}
		// Whatever a key accepts, the text before the code is canonical.
		out, err := grant.ParseRefreshToken(s, anything{"k"})
		if err != nil {
			if !errors.Is(err, errdefs.ErrInvalid) || out != (grant.RefreshToken{}) {
				t.Fatalf("%q: %v, %v", s, out, err)
			}
			return
		}
		u := out.Family.UUID()
		want := fmt.Sprintf("srt_%s.%d.", base64.RawURLEncoding.EncodeToString(u[:]), out.Generation)
		if s[:len(s)-43] != want {
			t.Fatalf("%q begins otherwise than %q", s, want)
		}
	})
}
