package keys_test

import (
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/signet-id/signet/keys"
)

// pairsWeakModulus returns an odd number of 1024 bits.
func pairsWeakModulus() *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), 1023)
	return n.SetBit(n, 0, 1)
}

// The RSA key of RFC 7638 §3.1 and the Ed25519 key of RFC 8037 appendix A.2.
const (
	rfc7638N = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	rfc8037X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
)

func TestThumbprintVectors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, jwk, want string }{
		{"RFC 7638 §3.1", `{"kty":"RSA","n":"` + rfc7638N + `","e":"AQAB","alg":"RS256"}`, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
		{"RFC 8037 A.3", `{"kty":"OKP","crv":"Ed25519","x":"` + rfc8037X + `"}`, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k, err := keys.ParseJWK([]byte(c.jwk))
			if err != nil {
				t.Fatal(err)
			}
			if k.ID != c.want {
				t.Errorf("thumbprint = %s, want %s", k.ID, c.want)
			}
		})
	}
}

func TestThumbprintAgreesWithGoJose(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p pair) {
		sum, err := (&jose.JSONWebKey{Key: p.key.Public}).Thumbprint(crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if want := base64.RawURLEncoding.EncodeToString(sum); p.key.ID != want {
			t.Errorf("kid = %s, want %s", p.key.ID, want)
		}
	})
}

func TestJWKRoundTrip(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p pair) {
		b, err := keys.MarshalJWK(p.key)
		if err != nil {
			t.Fatal(err)
		}
		k, err := keys.ParseJWK(b)
		if err != nil {
			t.Fatal(err)
		}
		if k.ID != p.key.ID || k.Algorithm != p.key.Algorithm || !equal(k.Public, p.key.Public) {
			t.Errorf("came back as %+v", k)
		}
		var theirs jose.JSONWebKey
		if err := theirs.UnmarshalJSON(b); err != nil || !theirs.Valid() || !theirs.IsPublic() ||
			!equal(theirs.Key, p.key.Public) || theirs.Use != "sig" {
			t.Errorf("go-jose reads %+v, %v", theirs, err)
		}
		back, err := theirs.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if k, err := keys.ParseJWK(back); err != nil || !equal(k.Public, p.key.Public) {
			t.Errorf("of go-jose's JWK: %+v, %v", k, err)
		}
	})
}

func equal(a, b crypto.PublicKey) bool {
	e, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && e.Equal(b)
}

func TestParseJWKRefuses(t *testing.T) {
	t.Parallel()
	ec, err := keys.MarshalJWK(pairs()[keys.ES256].key)
	if err != nil {
		t.Fatal(err)
	}
	with := func(members string) string { return strings.TrimSuffix(string(ec), "}") + "," + members + "}" }
	var m map[string]string
	if err := json.Unmarshal(ec, &m); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.ParseJWK([]byte(with(`"key_ops":["verify"],"x5c":[]`))); err != nil {
		t.Fatalf("the key that the cases start from: %v", err)
	}
	okp := func(x string) string { return `{"kty":"OKP","crv":"Ed25519","x":"` + x + `"}` }
	rsaKey := func(n, e string) string { return `{"kty":"RSA","n":"` + n + `","e":"` + e + `"}` }
	for _, c := range []struct {
		name, jwk string
		want      error
	}{
		{"nothing", ``, keys.ErrKey},
		{"null", `null`, keys.ErrKey},
		{"an array", `[]`, keys.ErrKey},
		{"an empty object", `{}`, keys.ErrKey},
		{"trailing data", string(ec) + `{}`, keys.ErrKey},
		{"a private EC key", with(`"d":"AA"`), keys.ErrKey},
		{"a private member that is null", with(`"d":null`), keys.ErrKey},
		{"a symmetric key", `{"kty":"oct","k":"AAAA"}`, keys.ErrKey},
		{"an encryption key", strings.Replace(string(ec), `"use":"sig"`, `"use":"enc"`, 1), keys.ErrKey},
		{"a key for other operations", with(`"key_ops":["sign"]`), keys.ErrKey},
		{"a duplicate member", with(`"kty":"RSA"`), keys.ErrKey},
		{"a duplicate member behind an escape", with(`"k\u0074y":"RSA"`), keys.ErrKey},
		{"a member of the wrong type", strings.Replace(string(ec), `"EC"`, `5`, 1), keys.ErrKey},
		{"another algorithm's name", strings.Replace(string(ec), `"ES256"`, `"RS256"`, 1), keys.ErrAlgorithm},
		{"a point off the curve", strings.Replace(string(ec), m["y"], m["x"], 1), keys.ErrKey},
		{"a short coordinate", strings.Replace(string(ec), m["x"], m["x"][:40], 1), keys.ErrKey},
		{"an unknown curve", strings.Replace(string(ec), "P-256", "P-521", 1), keys.ErrKey},
		{"a short Ed25519 key", okp("AAAA"), keys.ErrKey},
		{"padding", okp(rfc8037X + "="), keys.ErrKey},
		{"non-canonical base64", okp(rfc8037X[:42] + "p"), keys.ErrKey},
		{"a line break in base64", okp(rfc8037X[:20] + `\n` + rfc8037X[20:]), keys.ErrKey},
		{"an RSA exponent of zero", rsaKey(rfc7638N, ""), keys.ErrKey},
		{"an RSA exponent of one", rsaKey(rfc7638N, "AQ"), keys.ErrKey},
		{"an RSA exponent that overflows", rsaKey(rfc7638N, "_____w"), keys.ErrKey},
		{"a short RSA modulus", rsaKey(rfc7638N[:172], "AQAB"), keys.ErrKey},
		{"invalid UTF-8", "{\"kty\":\"\xff\"}", keys.ErrKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if k, err := keys.ParseJWK([]byte(c.jwk)); !errors.Is(err, c.want) {
				t.Errorf("ParseJWK = %+v, %v; want %v", k, err, c.want)
			}
		})
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	at := func(k keys.Key, created, published, activated, retired, removed int) keys.Key {
		hour := func(n int) time.Time {
			if n < 0 {
				return time.Time{}
			}
			return t0.Add(time.Duration(n) * time.Hour)
		}
		k.CreatedAt, k.PublishedAt, k.ActivatedAt = hour(created), hour(published), hour(activated)
		k.RetiredAt, k.RemovedAt = hour(retired), hour(removed)
		return k
	}
	first := at(pairs()[keys.RS256].key, 0, 0, 0, 3, 5)
	second := at(pairs()[keys.ES256].key, 1, 2, 3, -1, -1)
	third := at(pairs()[keys.EdDSA].key, 2, -1, -1, -1, -1)

	read := func(hour int, all ...keys.Key) (kids []string, etag string) {
		t.Helper()
		body, etag, err := keys.Document(all, t0.Add(time.Duration(hour)*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(body, &set); err != nil {
			t.Fatal(err)
		}
		for _, k := range set.Keys {
			if !k.IsPublic() || k.Use != "sig" || k.Algorithm == "" {
				t.Errorf("published %+v", k)
			}
			kids = append(kids, k.KeyID)
		}
		return kids, etag
	}
	join := func(kids []string) string { return strings.Join(kids, " ") }

	only, tagOnly := read(1, third, second, first)
	if join(only) != first.ID {
		t.Errorf("before publication: %v", only)
	}
	both, tagBoth := read(2, third, second, first)
	if join(both) != first.ID+" "+second.ID {
		t.Errorf("after publication, oldest first: %v", both)
	}
	swapped, tagSwapped := read(2, first, second, third)
	if join(swapped) != join(both) || tagSwapped != tagBoth {
		t.Error("the document depends on the order of its input")
	}
	if _, tag := read(4, third, second, first); tag != tagBoth {
		t.Error("the entity tag changed with an activation, which changes no key")
	}
	last, tagLast := read(5, third, second, first)
	if join(last) != second.ID || tagLast == tagBoth || tagLast == tagOnly || tagBoth == tagOnly {
		t.Errorf("after removal: %v, tags %s %s %s", last, tagOnly, tagBoth, tagLast)
	}
	if !strings.HasPrefix(tagOnly, `"`) || !strings.HasSuffix(tagOnly, `"`) || len(tagOnly) != 45 {
		t.Errorf("%s is not a strong entity tag", tagOnly)
	}
	body, _, err := keys.Document(nil, t0)
	if err != nil || string(body) != `{"keys":[]}` {
		t.Errorf("no keys: %s, %v", body, err)
	}
	broken := keys.Key{ID: "x", Algorithm: keys.ES256, Public: first.Public, PublishedAt: t0}
	if _, _, err := keys.Document([]keys.Key{broken}, t0); !errors.Is(err, keys.ErrKey) {
		t.Errorf("a key that does not fit its algorithm: %v", err)
	}
}

// TestPrivateKeysDoNotMarshal: whatever a caller puts into Public, only public parts come out.
func TestPrivateKeysDoNotMarshal(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p pair) {
		k := p.key
		k.Public = p.private
		if b, err := keys.MarshalJWK(k); err == nil {
			t.Errorf("marshalled a private key: %s", b)
		}
	})
	k := pairs()[keys.RS256]
	b, err := keys.MarshalJWK(k.key)
	if err != nil {
		t.Fatal(err)
	}
	d := base64.RawURLEncoding.EncodeToString(k.private.(*rsa.PrivateKey).D.Bytes())
	if strings.Contains(string(b), d) {
		t.Error("the private exponent is in the JWK")
	}
}

func FuzzParseJWK(f *testing.F) {
	for _, p := range pairs() {
		b, err := keys.MarshalJWK(p.key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"kty":"OKP","crv":"Ed25519","x":"` + rfc8037X + `"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := keys.ParseJWK(data)
		if err != nil {
			return
		}
		b, err := keys.MarshalJWK(k)
		if err != nil {
			t.Fatalf("accepted but does not marshal: %v", err)
		}
		again, err := keys.ParseJWK(b)
		if err != nil || again.ID != k.ID || !equal(again.Public, k.Public) {
			t.Fatalf("%s became %s: %v", data, b, err)
		}
	})
}
