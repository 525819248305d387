package keys_test

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/signet-id/signet/keys"
)

const typ = "at+jwt"

var payload = []byte(`{"iss":"https://id.example","sub":"usr_1"}`)

var allAlgorithms = []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.EdDSA}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func signer(t testing.TB, p pair) *keys.Signer {
	t.Helper()
	s, err := keys.NewSigner(p.key, p.private)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t testing.TB, p pair, typ string, payload []byte) string {
	t.Helper()
	token, err := signer(t, p).Sign(context.Background(), typ, payload)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func only(k keys.Key) func(string) (keys.Key, bool) {
	return func(kid string) (keys.Key, bool) { return k, kid == k.ID }
}

// forge signs any header with the private half of p, an Ed25519 key.
func forge(t testing.TB, p pair, header string, payload []byte) string {
	t.Helper()
	input := b64(header) + "." + b64(string(payload))
	signature, err := p.private.Sign(nil, []byte(input), crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + b64(string(signature))
}

func TestOursVerifiesEverywhere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p pair) {
		for _, payload := range [][]byte{payload, {}, []byte(strings.Repeat("x", 8000))} {
			token := sign(t, p, typ, payload)
			got, h, err := keys.Verify(token, only(p.key), typ)
			if err != nil || string(got) != string(payload) {
				t.Fatalf("Verify = %q, %v", got, err)
			}
			if h != (keys.Header{Algorithm: p.key.Algorithm, KeyID: p.key.ID, Type: typ}) {
				t.Errorf("header = %+v", h)
			}
			theirs, err := jose.ParseSignedCompact(token, allAlgorithms)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := theirs.Verify(p.key.Public); err != nil || string(got) != string(payload) {
				t.Errorf("go-jose verifies %q, %v", got, err)
			}
		}
	})
}

func TestTheirsVerifiesHere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p pair) {
		s, err := jose.NewSigner(
			jose.SigningKey{Algorithm: jose.SignatureAlgorithm(p.key.Algorithm), Key: p.private},
			(&jose.SignerOptions{}).WithType(typ).WithHeader("kid", p.key.ID))
		if err != nil {
			t.Fatal(err)
		}
		jws, err := s.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		token, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := keys.Verify(token, only(p.key), typ); err != nil || string(got) != string(payload) {
			t.Errorf("Verify = %q, %v", got, err)
		}
	})
}

// TestConfusion lets every key answer for every other one's kid.
func TestConfusion(t *testing.T) {
	t.Parallel()
	other, private, err := keys.Generate(keys.ES256, nil)
	if err != nil {
		t.Fatal(err)
	}
	for signed, p := range pairs() {
		token := sign(t, p, typ, payload)
		for held, q := range pairs() {
			_, _, err := keys.Verify(token, func(string) (keys.Key, bool) { return q.key, true }, typ)
			if signed == held && err != nil || signed != held && !errors.Is(err, keys.ErrAlgorithm) {
				t.Errorf("%s token with %s key: %v", signed, held, err)
			}
		}
	}
	token := sign(t, pair{other, private}, typ, payload)
	imposter := only(keys.Key{ID: other.ID, Algorithm: keys.ES256, Public: pairs()[keys.ES256].key.Public})
	if _, _, err := keys.Verify(token, imposter, typ); !errors.Is(err, keys.ErrSignature) {
		t.Errorf("another key of the same algorithm: %v", err)
	}
	mismatch := only(keys.Key{ID: other.ID, Algorithm: keys.ES256, Public: pairs()[keys.RS256].key.Public})
	if _, _, err := keys.Verify(token, mismatch, typ); !errors.Is(err, keys.ErrKey) {
		t.Errorf("a key that does not fit its own algorithm: %v", err)
	}
}

func TestSymmetricConfusion(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p pair) {
		jwk, err := keys.MarshalJWK(p.key)
		if err != nil {
			t.Fatal(err)
		}
		for _, alg := range []string{"HS256", "none", "", "es256", "ES256K", "PS256"} {
			input := b64(`{"alg":"`+alg+`","kid":"`+p.key.ID+`","typ":"at+jwt"}`) + "." + b64(string(payload))
			mac := hmac.New(sha256.New, jwk)
			mac.Write([]byte(input))
			for _, signature := range []string{b64(string(mac.Sum(nil))), ""} {
				if _, _, err := keys.Verify(input+"."+signature, only(p.key), typ); !errors.Is(err, keys.ErrAlgorithm) {
					t.Errorf("alg %q: %v", alg, err)
				}
			}
		}
	})
}

func TestType(t *testing.T) {
	t.Parallel()
	p := pairs()[keys.ES256]
	for _, c := range []struct {
		name, typ string
		want      []string
		ok        bool
	}{
		{"the same type", "at+jwt", []string{"at+jwt"}, true},
		{"another case", "AT+JWT", []string{"at+jwt"}, true},
		{"with the media type's prefix", "application/at+jwt", []string{"at+jwt"}, true},
		{"with the prefix in another case", "Application/AT+jwt", []string{"at+jwt"}, true},
		{"wanted with the prefix", "at+jwt", []string{"application/at+jwt"}, true},
		{"one of several", "JWT", []string{"at+jwt", "JWT"}, true},
		{"another type", "JWT", []string{"at+jwt"}, false},
		{"a suffix of the type", "x-at+jwt", []string{"at+jwt"}, false},
		{"another tree", "text/at+jwt", []string{"at+jwt"}, false},
		{"no type wanted", "at+jwt", nil, false},
		{"the empty type wanted", "at+jwt", []string{""}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := keys.Verify(sign(t, p, c.typ, payload), only(p.key), c.want...)
			if c.ok && err != nil || !c.ok && !errors.Is(err, keys.ErrType) {
				t.Errorf("error = %v", err)
			}
		})
	}
	ed := pairs()[keys.EdDSA]
	untyped := forge(t, ed, `{"alg":"EdDSA","kid":"`+ed.key.ID+`"}`, payload)
	for _, want := range [][]string{nil, {""}, {typ}} {
		if _, _, err := keys.Verify(untyped, only(ed.key), want...); !errors.Is(err, keys.ErrType) {
			t.Errorf("a token without typ, wanted %q: %v", want, err)
		}
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	p := pairs()[keys.EdDSA]
	kid := p.key.ID
	base := `"alg":"EdDSA","kid":"` + kid + `","typ":"at+jwt"`
	for _, c := range []struct {
		name, header string
		want         error
	}{
		{"the plain header", `{` + base + `}`, nil},
		{"white space", " {\n" + base + " }\t", nil},
		{"unknown members are ignored", `{` + base + `,"x":{"alg":"none","y":[1,{"z":null}]}}`, nil},
		{"jku, jwk, x5u and x5c are ignored", `{` + base + `,"jku":"https://evil","jwk":{"kty":"oct"},"x5u":"u","x5c":["c"]}`, nil},
		{"names are compared exactly", `{` + base + `,"ALG":"none","Kid":"x"}`, nil},
		{"crit", `{` + base + `,"crit":["exp"]}`, keys.ErrMalformed},
		{"empty crit", `{` + base + `,"crit":[]}`, keys.ErrMalformed},
		{"null crit", `{` + base + `,"crit":null}`, keys.ErrMalformed},
		{"an unencoded payload", `{` + base + `,"b64":false}`, keys.ErrMalformed},
		{"a duplicate alg", `{` + base + `,"alg":"EdDSA"}`, keys.ErrMalformed},
		{"a duplicate of an unknown member", `{` + base + `,"x":1,"x":1}`, keys.ErrMalformed},
		{"a duplicate behind an escape", `{` + base + `,"al\u0067":"none"}`, keys.ErrMalformed},
		{"trailing data", `{` + base + `}{}`, keys.ErrMalformed},
		{"a trailing comma", `{` + base + `,}`, keys.ErrMalformed},
		{"an array", `[` + base + `]`, keys.ErrMalformed},
		{"null", `null`, keys.ErrMalformed},
		{"nothing", ``, keys.ErrMalformed},
		{"invalid UTF-8", "{" + base + ",\"x\":\"\xff\"}", keys.ErrMalformed},
		{"a byte-order mark", "\ufeff{" + base + "}", keys.ErrMalformed},
		{"a kid that is no string", `{"alg":"EdDSA","kid":1,"typ":"at+jwt"}`, keys.ErrMalformed},
		{"a null alg", `{"alg":null,"kid":"` + kid + `","typ":"at+jwt"}`, keys.ErrMalformed},
		{"an alg in an array", `{"alg":["EdDSA"],"kid":"` + kid + `","typ":"at+jwt"}`, keys.ErrMalformed},
		{"no alg", `{"kid":"` + kid + `","typ":"at+jwt"}`, keys.ErrAlgorithm},
		{"no kid", `{"alg":"EdDSA","typ":"at+jwt"}`, keys.ErrUnknownKey},
		{"another kid", `{"alg":"EdDSA","kid":"x","typ":"at+jwt"}`, keys.ErrUnknownKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, _, err := keys.Verify(forge(t, p, c.header, payload), only(p.key), typ)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("error = %v, want %v", err, c.want)
			}
			if err != nil && got != nil {
				t.Errorf("a payload came with the error: %q", got)
			}
		})
	}
}

func TestCompactForm(t *testing.T) {
	t.Parallel()
	p := pairs()[keys.ES256]
	token := sign(t, p, typ, payload)
	s := strings.Split(token, ".")
	last := token[:len(token)-1]
	// 64 bytes leave four unused bits in the last character: it is one of A, Q, g, w.
	nonCanonical := last + string(token[len(token)-1]+1)
	for _, c := range []struct {
		name, token string
		want        error
	}{
		{"nothing", "", keys.ErrMalformed},
		{"dots", "..", keys.ErrMalformed},
		{"two segments", s[0] + "." + s[1], keys.ErrMalformed},
		{"four segments", token + ".", keys.ErrMalformed},
		{"five segments", token + ".a.b", keys.ErrMalformed},
		{"nulls", "null.null.x", keys.ErrMalformed},
		{"no payload", s[0] + ".." + s[2], keys.ErrSignature},
		{"no signature", s[0] + "." + s[1] + ".", keys.ErrSignature},
		{"padding", token + "=", keys.ErrMalformed},
		{"trailing white space", token + " ", keys.ErrMalformed},
		{"a trailing line break", token + "\n", keys.ErrMalformed},
		{"a line break inside", s[0] + "." + s[1] + "." + s[2][:10] + "\r\n" + s[2][10:], keys.ErrMalformed},
		{"a line break in the header", s[0][:4] + "\n" + s[0][4:] + "." + s[1] + "." + s[2], keys.ErrMalformed},
		{"trailing bits", nonCanonical, keys.ErrMalformed},
		{"the other base64 alphabet", s[0] + "." + s[1] + "." + "+/" + s[2][2:], keys.ErrMalformed},
		{"a changed payload", s[0] + "." + b64(`{"sub":"usr_2"}`) + "." + s[2], keys.ErrSignature},
		{"a payload that is not base64", s[0] + ".!." + s[2], keys.ErrSignature},
		{"an all-zero signature", s[0] + "." + s[1] + "." + b64(strings.Repeat("\x00", 64)), keys.ErrSignature},
		{"a longer signature", s[0] + "." + s[1] + "." + b64(strings.Repeat("\x01", 65)), keys.ErrSignature},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, _, err := keys.Verify(c.token, only(p.key), typ); !errors.Is(err, c.want) {
				t.Errorf("error = %v, want %v", err, c.want)
			}
		})
	}
}

func TestSizeLimit(t *testing.T) {
	t.Parallel()
	p := pairs()[keys.EdDSA]
	// Not every length of base64 exists, so the type makes up for the rest.
	sized := func(size int) (token, typ string) {
		for _, typ := range []string{"t", "ty", "typ", "type"} {
			rest := size - len(sign(t, p, typ, nil))
			token := sign(t, p, typ, make([]byte, rest*3/4))
			if len(token) == size {
				return token, typ
			}
		}
		t.Fatalf("no token of %d bytes", size)
		return "", ""
	}
	token, typ := sized(keys.MaxTokenSize)
	if _, _, err := keys.Verify(token, only(p.key), typ); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	token, typ = sized(keys.MaxTokenSize + 1)
	if _, _, err := keys.Verify(token, only(p.key), typ); !errors.Is(err, keys.ErrMalformed) {
		t.Errorf("beyond the limit: %v", err)
	}
}

// TestMalleableSignature pins that the other solution of an ECDSA signature verifies, as the
// standard has it, so that nobody comes to identify tokens by their bytes.
func TestMalleableSignature(t *testing.T) {
	t.Parallel()
	p := pairs()[keys.ES256]
	token := sign(t, p, typ, payload)
	dot := strings.LastIndex(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		t.Fatal(err)
	}
	s := new(big.Int).SetBytes(raw[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(raw[32:])
	twin := token[:dot+1] + base64.RawURLEncoding.EncodeToString(raw)
	if twin == token {
		t.Fatal("the twin is the token")
	}
	if _, _, err := keys.Verify(twin, only(p.key), typ); err != nil {
		t.Error(err)
	}
}

// TestSignaturesOfEveryShape: r and s may begin with zeros or with a high bit, which ASN.1 writes
// differently from RFC 7518 §3.4.
func TestSignaturesOfEveryShape(t *testing.T) {
	t.Parallel()
	p := pairs()[keys.ES256]
	missing := map[string]func(r, s byte) bool{
		"r begins with a zero":     func(r, _ byte) bool { return r == 0 },
		"s begins with a zero":     func(_, s byte) bool { return s == 0 },
		"r begins with a high bit": func(r, _ byte) bool { return r >= 0x80 },
		"s begins with a high bit": func(_, s byte) bool { return s >= 0x80 },
		"neither":                  func(r, s byte) bool { return 0 < r && r < 0x80 && 0 < s && s < 0x80 },
	}
	for n := 0; len(missing) > 0; n++ {
		token := sign(t, p, typ, []byte{byte(n), byte(n >> 8), byte(n >> 16)})
		raw, err := base64.RawURLEncoding.DecodeString(token[strings.LastIndex(token, ".")+1:])
		if err != nil {
			t.Fatal(err)
		}
		for shape, is := range missing {
			if !is(raw[0], raw[32]) {
				continue
			}
			delete(missing, shape)
			if _, _, err := keys.Verify(token, only(p.key), typ); err != nil {
				t.Errorf("%s: %v", shape, err)
			}
		}
	}
	token := sign(t, p, typ, payload)
	dot := strings.LastIndex(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		t.Fatal(err)
	}
	r, s, zero := string(raw[:32]), string(raw[32:]), strings.Repeat("\x00", 32)
	order := string(elliptic.P256().Params().N.Bytes())
	for name, signature := range map[string]string{
		"r is zero": zero + s, "s is zero": r + zero, "r is the order": order + s, "s is the order": r + order,
		"r is as great as can be": strings.Repeat("\xff", 32) + s, "s is as great as can be": r + strings.Repeat("\xff", 32),
		"r and s changed places": s + r, "a byte is missing": r + s[:31], "a byte too many": r + s + "\x00", "only r": r,
		"a zero between": r + "\x00" + s, "a zero before": "\x00" + r + s,
	} {
		if _, _, err := keys.Verify(token[:dot+1]+b64(signature), only(p.key), typ); !errors.Is(err, keys.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	p := pairs()[keys.ES256]
	token := sign(t, p, typ, payload)
	u, err := keys.Parse(token)
	if err != nil || u.Header != (keys.Header{Algorithm: keys.ES256, KeyID: p.key.ID, Type: typ}) {
		t.Fatalf("Parse = %+v, %v", u.Header, err)
	}
	if !u.IsType("JWT", "application/at+jwt") || u.IsType() || u.IsType("JWT") {
		t.Error("its type is at+jwt")
	}
	if got, err := u.Verify(p.key); err != nil || string(got) != string(payload) {
		t.Errorf("Verify = %q, %v", got, err)
	}
	if got, err := u.Verify(pairs()[keys.EdDSA].key); !errors.Is(err, keys.ErrAlgorithm) || got != nil {
		t.Errorf("with a key of another algorithm: %q, %v", got, err)
	}
	if got, err := (keys.Unverified{}).Verify(p.key); err == nil || got != nil {
		t.Errorf("nothing verifies: %q", got)
	}
	if got, err := (keys.Unverified{}).Verify(keys.Key{}); err == nil || got != nil {
		t.Errorf("nothing verifies with no key: %q", got)
	}
	ed := pairs()[keys.EdDSA]
	u, err = keys.Parse(forge(t, ed, `{"alg":"EdDSA","kid":"k","typ":"t","cty":"JWT"}`, payload))
	if err != nil || u.ContentType != "JWT" {
		t.Errorf("cty = %q, %v", u.ContentType, err)
	}
	if _, err := keys.Parse(forge(t, ed, `{"alg":"EdDSA","cty":1}`, payload)); !errors.Is(err, keys.ErrMalformed) {
		t.Errorf("a cty that is no string: %v", err)
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	p := pairs()[keys.ES256]
	if _, err := signer(t, p).Sign(t.Context(), "", payload); !errors.Is(err, keys.ErrType) {
		t.Errorf("without typ: %v", err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := signer(t, p).Sign(done, typ, payload); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done: %v", err)
	}
	k := p.key
	k.ID = "chosen"
	if _, err := keys.NewSigner(k, p.private); !errors.Is(err, keys.ErrKey) {
		t.Errorf("with a kid that is no thumbprint: %v", err)
	}
	if _, err := keys.NewSigner(p.key, pairs()[keys.EdDSA].private); !errors.Is(err, keys.ErrKey) {
		t.Errorf("with another private half: %v", err)
	}
	if _, err := keys.NewSigner(p.key, nil); !errors.Is(err, keys.ErrKey) {
		t.Errorf("without a private half: %v", err)
	}
}

func TestSignerQuotesTheType(t *testing.T) {
	t.Parallel()
	const odd = `a"b\u0000<é`
	p := pairs()[keys.EdDSA]
	if _, h, err := keys.Verify(sign(t, p, odd, payload), only(p.key), odd); err != nil || h.Type != odd {
		t.Errorf("header = %+v, %v", h, err)
	}
	s := signer(t, p)
	for i := range 200 { // more types than are remembered
		want := "t" + strings.Repeat("x", i)
		token, err := s.Sign(t.Context(), want, payload)
		if err != nil {
			t.Fatal(err)
		}
		if _, h, err := keys.Verify(token, only(p.key), want); err != nil || h.Type != want {
			t.Fatalf("header = %+v, %v", h, err)
		}
	}
}

// remote is a private key somewhere else, as a KMS client would be.
type remote struct {
	public crypto.PublicKey
	sign   func(digest []byte) ([]byte, error)
}

func (r remote) Public() crypto.PublicKey { return r.public }
func (r remote) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	return r.sign(digest)
}

func TestRemoteSigner(t *testing.T) {
	t.Parallel()
	p := pairs()[keys.ES256]
	for _, c := range []struct {
		name string
		der  string
		want string // r || s, "" for an error
	}{
		{"short numbers are padded", "\x30\x06\x02\x01\x05\x02\x01\x07", strings.Repeat("\x00", 31) + "\x05" + strings.Repeat("\x00", 31) + "\x07"},
		{"a sign byte is dropped", "\x30\x08\x02\x02\x00\x85\x02\x02\x00\xff", strings.Repeat("\x00", 31) + "\x85" + strings.Repeat("\x00", 31) + "\xff"},
		{"already fixed size", strings.Repeat("\x01", 64), ""},
		{"nothing", "", ""},
		{"a negative number", "\x30\x06\x02\x01\x85\x02\x01\x07", ""},
		{"trailing data", "\x30\x06\x02\x01\x05\x02\x01\x07\x00", ""},
		{"too long", "\x30\x26\x02\x21\x01" + strings.Repeat("\x00", 32) + "\x02\x01\x07", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := keys.NewSigner(p.key, remote{p.key.Public, func([]byte) ([]byte, error) { return []byte(c.der), nil }})
			if err != nil {
				t.Fatal(err)
			}
			token, err := s.Sign(t.Context(), typ, payload)
			if c.want == "" {
				if err == nil {
					t.Errorf("made a token: %s", token)
				}
				return
			}
			if err != nil || !strings.HasSuffix(token, "."+b64(c.want)) {
				t.Errorf("Sign = %s, %v", token, err)
			}
		})
	}
	down := errors.New("KMS is down")
	s, err := keys.NewSigner(p.key, remote{p.key.Public, func([]byte) ([]byte, error) { return nil, down }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign(t.Context(), typ, payload); !errors.Is(err, down) {
		t.Errorf("error = %v", err)
	}
	s, err = keys.NewSigner(p.key, remote{p.key.Public, func(d []byte) ([]byte, error) { return p.private.Sign(nil, d, crypto.SHA256) }})
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Sign(t.Context(), typ, payload)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := keys.Verify(token, only(p.key), typ); err != nil {
		t.Error(err)
	}
}

// FuzzVerify: Ed25519 signatures are unique and the encoding is strict, so no token but the one
// that was signed may verify.
func FuzzVerify(f *testing.F) {
	p := pairs()[keys.EdDSA]
	token := sign(f, p, typ, payload)
	for _, seed := range []string{token, token + "=", "a.b.c", "..", "null.null.x", sign(f, pairs()[keys.ES256], typ, payload)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, candidate string) {
		lookup := func(string) (keys.Key, bool) { return p.key, true }
		if got, _, err := keys.Verify(candidate, lookup, typ); err == nil && candidate != token {
			t.Fatalf("verified %q as %q", candidate, got)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	claims, err := json.Marshal(map[string]any{
		"iss": "https://id.example.com", "sub": "usr_01jc5k2m3n4p5q6r7s8t9v0w1x", "aud": []string{"orders"},
		"exp": 1, "iat": 1, "jti": strings.Repeat("j", 22), "client_id": "cli_01jc5k2m3n4p5q6r7s8t9v0w1x",
		"roles": []string{"admin"}, "permissions": []string{"orders:read", "orders:write"},
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, alg := range []keys.Algorithm{keys.ES256, keys.EdDSA, keys.RS256} {
		b.Run(string(alg), func(b *testing.B) {
			s := signer(b, pairs()[alg])
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Sign(b.Context(), typ, claims); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, alg := range []keys.Algorithm{keys.ES256, keys.EdDSA, keys.RS256} {
		b.Run(string(alg), func(b *testing.B) {
			p := pairs()[alg]
			token, lookup := sign(b, p, typ, payload), only(p.key)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := keys.Verify(token, lookup, typ); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGenerate(b *testing.B) {
	for _, alg := range []keys.Algorithm{keys.ES256, keys.EdDSA, keys.RS256} {
		b.Run(string(alg), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := keys.Generate(alg, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
