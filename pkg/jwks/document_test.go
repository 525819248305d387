package jwks

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/signet-id/signet/keys"
)

// foreign are entries that RFC 7517 §5 says to ignore: of kinds that are not understood, or without
// what their kind needs.
func foreign(t testing.TB) map[string]string {
	return map[string]string{
		"an unknown kty":                      `{"kty":"AKP","kid":"f1","alg":"ML-DSA-44","pub":"AAAA"}`,
		"another curve":                       `{"kty":"EC","kid":"f2","crv":"P-384","x":"AA","y":"AA"}`,
		"an encryption key":                   jwk(t, "f3", map[string]any{"use": "enc"}),
		"an algorithm that does not fit":      jwk(t, "f4", map[string]any{"alg": "RS256"}),
		"an algorithm that is not accepted":   jwk(t, "f5", map[string]any{"alg": "none"}),
		"a point that is not on the curve":    jwk(t, "f6", map[string]any{"x": strings.Repeat("A", 43)}),
		"a key without its coordinates":       jwk(t, "f7", map[string]any{"x": nil, "y": nil}),
		"an RSA key that is too short":        `{"kty":"RSA","kid":"f8","n":"u1W7","e":"AQAB"}`,
		"a key for other operations":          jwk(t, "f9", map[string]any{"key_ops": []string{"encrypt"}}),
		"a key without kty":                   `{"kid":"f10"}`,
		"a kid that no token header can bear": jwk(t, strings.Repeat("k", maxKeyID+1), nil),
		"kty in the wrong case":               jwk(t, "f11", map[string]any{"kty": "ec"}),
	}
}

func TestKeysThatAreNotUnderstoodArePassedOver(t *testing.T) {
	t.Parallel()
	for name, entry := range foreign(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, skipped, err := parse([]byte(jwkSet(entry, jwk(t, "good", nil))))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(d.kids, []string{"good"}) {
				t.Errorf("kids %q", d.kids)
			}
			if len(skipped) != 1 {
				t.Errorf("skipped %v", skipped)
			}
			if _, _, err := parse([]byte(jwkSet(entry))); !errors.Is(err, ErrEmpty) {
				t.Errorf("alone: %v, want ErrEmpty", err)
			}
		})
	}
}

func TestEveryAlgorithmIsRead(t *testing.T) {
	t.Parallel()
	for _, alg := range []keys.Algorithm{keys.ES256, keys.RS256, keys.EdDSA} {
		k, _, err := keys.Generate(alg, nil)
		if err != nil {
			t.Fatal(err)
		}
		d, _, err := parse([]byte(documentOf(t, k)))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.keys[k.ID]; got == nil || !same(got, &k) {
			t.Errorf("%s: got %v, want %v", alg, got, k)
		}
	}
}

func TestAKeyWithoutKidIsKnownByItsThumbprint(t *testing.T) {
	t.Parallel()
	d, _, err := parse([]byte(jwkSet(jwk(t, "x", map[string]any{"kid": nil}))))
	if err != nil {
		t.Fatal(err)
	}
	for kid, k := range d.keys {
		if want, _ := keys.Thumbprint(k.Public); kid != want {
			t.Errorf("kid %q, want %q", kid, want)
		}
	}
}

func TestOtherMembersOfTheDocumentAreIgnored(t *testing.T) {
	t.Parallel()
	body := `{"issuer":"x","keys":[` + jwk(t, "a", map[string]any{"x5c": []string{"MII"}, "exp": 1}) + `],"KEYS":5}`
	if _, _, err := parse([]byte(body)); err != nil {
		t.Error(err)
	}
}

func TestDocumentsThatAreRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	good := jwk(t, "good", nil)
	many := make([]string, MaxKeys+1)
	for i := range many {
		many[i] = fmt.Sprintf(`{"kty":"unknown","kid":"%d"}`, i)
	}
	many[0] = good
	tests := []struct {
		name, body string
		want       error
	}{
		{"nothing", "", ErrMalformed},
		{"a web page", "<html>", ErrMalformed},
		{"cut off", jwkSet(good)[:100], ErrMalformed},
		{"something after the end", jwkSet(good) + "{}", ErrMalformed},
		{"a byte order mark", "\ufeff" + jwkSet(good), ErrMalformed},
		{"no object", "[" + good + "]", ErrMalformed},
		{"null", "null", ErrMalformed},
		{"a single key", good, ErrMalformed},
		{"keys in the wrong case", `{"Keys":[` + good + `]}`, ErrMalformed},
		{"keys is null", `{"keys":null}`, ErrMalformed},
		{"keys is an object", `{"keys":{}}`, ErrMalformed},
		{"two lists of keys", `{"keys":[` + good + `],"keys":[]}`, ErrMalformed},
		{"two lists of keys, one name escaped", `{"keys":[` + good + `],"k\u0065ys":[]}`, ErrMalformed},
		{"a key that is no object", jwkSet(good, "5"), ErrMalformed},
		{"a key that is null", jwkSet(good, "null"), ErrMalformed},
		{"a member twice", jwkSet(strings.Replace(good, "{", `{"kid":"other",`, 1)), ErrMalformed},
		{"a kid that is no string", jwkSet(good, `{"kty":"unknown","kid":5}`), ErrMalformed},
		{"not UTF-8", jwkSet(strings.Replace(good, "good", "go\xffd", 1)), ErrMalformed},
		{"no keys", `{"keys":[]}`, ErrEmpty},
		{"the same kid twice", jwkSet(good, jwk(t, "good", nil)), ErrDuplicateKey},
		{"the same key twice", jwkSet(good, good), ErrDuplicateKey},
		{"the same kid, escaped", jwkSet(good, strings.Replace(jwk(t, "good", nil), "good", `go\u006fd`, 1)), ErrDuplicateKey},
		{"the same kid for another use", jwkSet(good, jwk(t, "good", map[string]any{"use": "enc"})), ErrDuplicateKey},
		{"the same key twice without kid", jwkSet(strings.Replace(good, `"kid"`, `"note"`, 1), strings.Replace(good, `"kid"`, `"note"`, 1)), ErrDuplicateKey},
		{"a private EC key", jwkSet(good, jwk(t, "b", map[string]any{"d": "AAAA"})), ErrPrivateKey},
		{"a private member that is empty", jwkSet(good, jwk(t, "b", map[string]any{"d": ""})), ErrPrivateKey},
		{"an RSA prime", jwkSet(good, `{"kty":"RSA","kid":"b","n":"AA","e":"AQAB","p":"AA"}`), ErrPrivateKey},
		{"a symmetric key", jwkSet(good, `{"kty":"oct","kid":"b","k":"AAAA"}`), ErrPrivateKey},
		{"a private encryption key", jwkSet(good, jwk(t, "b", map[string]any{"use": "enc", "d": "AA"})), ErrPrivateKey},
		{"a private key of an unknown kind", jwkSet(good, `{"kty":"AKP","kid":"b","priv":"AA"}`), ErrPrivateKey},
		{"too many keys, of whatever kind", jwkSet(many...), ErrTooLarge},
		{"too many bytes", jwkSet(good) + strings.Repeat(" ", MaxDocumentSize), ErrTooLarge},
		{"nested too deeply", `{"keys":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, ErrMalformed},
	}
	all := []error{ErrTooLarge, ErrMalformed, ErrEmpty, ErrDuplicateKey, ErrPrivateKey}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := parse([]byte(tt.body))
			for _, e := range all {
				if errors.Is(err, e) != errors.Is(tt.want, e) {
					t.Errorf("error %v, want %v and nothing else", err, tt.want)
				}
			}
		})
	}
	if _, _, err := parse([]byte(jwkSet(many[:MaxKeys]...))); err != nil {
		t.Errorf("%d keys: %v", MaxKeys, err)
	}
}

func TestAnErrorDoesNotRepeatAPrivateKey(t *testing.T) {
	t.Parallel()
	_, _, err := parse([]byte(jwkSet(jwk(t, "b", map[string]any{"d": "SECRETSECRET"}))))
	if err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("error %v", err)
	}
}

func FuzzParse(f *testing.F) {
	good := jwk(f, "good", nil)
	f.Add([]byte(jwkSet(good)))
	f.Add([]byte(jwkSet(good, jwk(f, "b", map[string]any{"d": "AAAA"}))))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}],"keys":[]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AA"},null,5,[]]}`))
	f.Add([]byte(`{"ke\u0079s":[` + good + `]}`))
	for _, entry := range foreign(f) {
		f.Add([]byte(jwkSet(entry, good)))
	}
	known := []error{ErrTooLarge, ErrMalformed, ErrEmpty, ErrDuplicateKey, ErrPrivateKey}
	f.Fuzz(func(t *testing.T, body []byte) {
		d, _, err := parse(body)
		if err != nil {
			if d != nil || !slices.ContainsFunc(known, func(e error) bool { return errors.Is(err, e) }) {
				t.Fatalf("document %v, error %v", d, err)
			}
			return
		}
		if len(d.keys) == 0 || len(d.keys) > MaxKeys || len(d.kids) != len(d.keys) || !slices.IsSorted(d.kids) {
			t.Fatalf("kids %q", d.kids)
		}
		for kid, k := range d.keys {
			if kid == "" || kid != k.ID || len(kid) > maxKeyID {
				t.Errorf("kid %q of key %q", kid, k.ID)
			}
			// What was accepted is good enough to be published again, and public.
			if _, err := keys.MarshalJWK(*k); err != nil {
				t.Error(err)
			}
		}
	})
}
