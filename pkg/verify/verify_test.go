package verify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/verify"
)

func TestAllClaimsAreRead(t *testing.T) {
	t.Parallel()
	for alg, p := range pairs() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			v := build(t, nil)
			token := mint(t, p, map[string]any{"nbf": t0.Unix()})
			for range 2 { // first seen, seen again
				c, err := v.Verify(t.Context(), token)
				if err != nil {
					t.Fatal(err)
				}
				if string(c.Raw()) != payload(t, map[string]any{"nbf": t0.Unix()}) {
					t.Errorf("Raw = %s", c.Raw())
				}
				got := *c
				want := verify.Claims{
					Issuer: issuer, Subject: "usr_1", Audience: []string{audience},
					Expiry: t0.Add(time.Hour), IssuedAt: t0, NotBefore: t0,
					ID: "jti_1", ClientID: "web", Scopes: []string{"openid", "orders:read"},
					AuthTime: t0.Add(-time.Minute), ACR: "1", AMR: []string{"pwd"},
					SessionID: "ses_1", GrantID: "gra_1", TenantID: "ten_1", Tenant: "acme",
					Roles: []string{"clerk"}, Permissions: []string{"orders:read", "orders:write"},
				}
				if g, w := fields(got), fields(want); !reflect.DeepEqual(g, w) {
					t.Errorf("claims:\n%v\nwant\n%v", g, w)
				}
			}
		})
	}
}

// fields returns the exported fields by name.
func fields(c verify.Claims) map[string]any {
	m := map[string]any{}
	r := reflect.ValueOf(c)
	for i := range r.NumField() {
		if f := r.Type().Field(i); f.IsExported() {
			m[f.Name] = r.Field(i).Interface()
		}
	}
	return m
}

// go-jose is the independent producer: nothing of ours makes these tokens.
func TestTokensOfAnotherLibraryVerify(t *testing.T) {
	t.Parallel()
	for alg, p := range pairs() {
		for _, typ := range []jose.ContentType{"at+jwt", "application/at+jwt", "AT+JWT"} {
			t.Run(fmt.Sprint(alg, " ", typ), func(t *testing.T) {
				t.Parallel()
				signer, err := jose.NewSigner(
					jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: p.private},
					(&jose.SignerOptions{}).WithType(typ).WithHeader("kid", p.ID))
				if err != nil {
					t.Fatal(err)
				}
				token, err := jwt.Signed(signer).Claims(jwt.Claims{
					Issuer: issuer, Subject: "usr_1", Audience: jwt.Audience{"billing", audience}, ID: "jti_1",
					Expiry: jwt.NewNumericDate(t0.Add(time.Hour)), IssuedAt: jwt.NewNumericDate(t0), NotBefore: jwt.NewNumericDate(t0),
				}).Claims(map[string]any{"client_id": "web", "scope": "a b", "deep": map[string]any{"x": []any{1, nil, "é\n"}}}).Serialize()
				if err != nil {
					t.Fatal(err)
				}
				c, err := build(t, nil).Verify(t.Context(), token)
				if err != nil {
					t.Fatal(err)
				}
				if c.Subject != "usr_1" || !c.HasScope("b") || c.HasScope("c") || !c.Expiry.Equal(t0.Add(time.Hour)) {
					t.Errorf("claims = %+v", c)
				}
			})
		}
	}
}

func TestRefusesWhatIsNoAccessTokenForThisService(t *testing.T) {
	t.Parallel()
	es, ed := pairs()[keys.ES256], pairs()[keys.EdDSA]
	good := mint(t, es, nil)
	s := strings.Split(good, ".")
	stranger, private, err := keys.Generate(keys.ES256, nil)
	if err != nil {
		t.Fatal(err)
	}
	alg := func(alg, more string) string {
		return fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt"%s}`, alg, ed.ID, more)
	}
	plain := payload(t, nil)
	for _, c := range []struct {
		name, token string
		want        error
	}{
		{"nothing", "", verify.ErrMalformed},
		{"dots", "..", verify.ErrMalformed},
		{"a word", "null", verify.ErrMalformed},
		{"three words", "null.null.x", verify.ErrMalformed},
		{"two segments", s[0] + "." + s[1], verify.ErrMalformed},
		{"four segments", good + ".x", verify.ErrMalformed},
		{"a token in front of another", good + " " + good, verify.ErrNested},
		{"an encrypted token", b64(`{"alg":"dir","enc":"A256GCM"}`) + "..aaaa.bbbb.cccc", verify.ErrNested},
		{"five segments of a good one", good + ".x.y", verify.ErrNested},
		{"white space around", " " + good, verify.ErrMalformed},
		{"a trailing line break", good + "\n", verify.ErrMalformed},
		{"base64 with padding", good + "=", verify.ErrMalformed},
		{"the other base64 alphabet", s[0] + "." + s[1] + ".+/" + s[2][2:], verify.ErrMalformed},
		{"trailing bits in the signature", good[:len(good)-1] + string(good[len(good)-1]+1), verify.ErrMalformed},
		{"too large", good + strings.Repeat("x", verify.MaxTokenSize), verify.ErrTooLarge},
		{"one byte too large", strings.Repeat("x", verify.MaxTokenSize+1), verify.ErrTooLarge},
		{"as large as may be, and nonsense", strings.Repeat("x", verify.MaxTokenSize), verify.ErrMalformed},

		{"an ID token", forge(t, fmt.Sprintf(`{"alg":"EdDSA","kid":%q,"typ":"JWT"}`, ed.ID), plain), verify.ErrType},
		{"no typ", forge(t, fmt.Sprintf(`{"alg":"EdDSA","kid":%q}`, ed.ID), plain), verify.ErrType},
		{"another typ with the same end", forge(t, fmt.Sprintf(`{"alg":"EdDSA","kid":%q,"typ":"dpop+at+jwt"}`, ed.ID), plain), verify.ErrType},
		{"a typ that is no string", forge(t, fmt.Sprintf(`{"alg":"EdDSA","kid":%q,"typ":["at+jwt"]}`, ed.ID), plain), verify.ErrMalformed},

		{"alg none", b64(alg("none", "")) + "." + b64(plain) + ".", verify.ErrAlgorithm},
		{"alg none with a signature", forge(t, alg("none", ""), plain), verify.ErrAlgorithm},
		{"alg None", b64(alg("None", "")) + "." + b64(plain) + ".", verify.ErrAlgorithm},
		{"no alg", forge(t, fmt.Sprintf(`{"kid":%q,"typ":"at+jwt"}`, ed.ID), plain), verify.ErrAlgorithm},
		{"an alg that nobody knows", forge(t, alg("ES512", ""), plain), verify.ErrAlgorithm},
		{"the alg of another key", forge(t, alg("ES256", ""), plain), verify.ErrAlgorithm},
		{"no signature", s[0] + "." + s[1] + ".", verify.ErrSignature},

		{"no kid", forge(t, `{"alg":"EdDSA","typ":"at+jwt"}`, plain), verify.ErrUnknownKey},
		{"an empty kid", forge(t, `{"alg":"EdDSA","kid":"","typ":"at+jwt"}`, plain), verify.ErrUnknownKey},
		{"a kid that is not published", mint(t, pair{stranger, private}, nil), verify.ErrUnknownKey},
		{"a kid that is a path", forge(t, `{"alg":"EdDSA","kid":"../../etc/passwd","typ":"at+jwt"}`, plain), verify.ErrUnknownKey},
		{"another key under a published kid", mintAs(t, pair{stranger, private}, es.ID), verify.ErrSignature},
		{"a changed payload", s[0] + "." + b64(payload(t, map[string]any{"sub": "usr_2"})) + "." + s[2], verify.ErrSignature},
		{"the signature of another token", s[0] + "." + s[1] + "." + strings.Split(mint(t, es, map[string]any{"jti": "2"}), ".")[2], verify.ErrSignature},
		{"a signature in ASN.1's length", s[0] + "." + s[1] + "." + b64(strings.Repeat("\x30", 70)), verify.ErrSignature},
		{"a signature of zeros", s[0] + "." + s[1] + "." + b64(strings.Repeat("\x00", 64)), verify.ErrSignature},

		{"crit", forge(t, head(`,"crit":["exp"]`), plain), verify.ErrMalformed},
		{"an unencoded payload", forge(t, head(`,"b64":false,"crit":["b64"]`), plain), verify.ErrMalformed},
		{"a compressed payload", forge(t, head(`,"zip":"DEF"`), plain), verify.ErrMalformed},
		{"a header with two kids", forge(t, head(`,"kid":"x"`), plain), verify.ErrMalformed},
		{"a header with two algs, one behind an escape", forge(t, head(`,"\u0061lg":"none"`), plain), verify.ErrMalformed},
		{"a header that is an array", forge(t, `[]`, plain), verify.ErrMalformed},
		{"cty JWT", forge(t, head(`,"cty":"JWT"`), plain), verify.ErrNested},
		{"cty jwt, as a media type", forge(t, head(`,"cty":"application/jwt"`), plain), verify.ErrNested},
		{"cty at+jwt", forge(t, head(`,"cty":"at+jwt"`), plain), verify.ErrNested},
		{"cty JWT in what is no access token", forge(t, fmt.Sprintf(`{"alg":"EdDSA","kid":%q,"typ":"JWT","cty":"JWT"}`, ed.ID), plain), verify.ErrNested},
		{"no access token, with an alg that is not known", forge(t, fmt.Sprintf(`{"alg":"ES512","kid":%q,"typ":"JWT"}`, ed.ID), plain), verify.ErrAlgorithm},
		{"a token as payload, without cty", forge(t, head(""), good), verify.ErrMalformed},
		{"a token as JSON payload, without cty", forge(t, head(""), `"`+good+`"`), verify.ErrMalformed},

		{"another issuer", mint(t, es, map[string]any{"iss": "https://evil.example"}), verify.ErrIssuer},
		{"the issuer with a slash", mint(t, es, map[string]any{"iss": issuer + "/"}), verify.ErrIssuer},
		{"the issuer in capitals", mint(t, es, map[string]any{"iss": "https://ID.example.com"}), verify.ErrIssuer},
		{"another audience", mint(t, es, map[string]any{"aud": "billing"}), verify.ErrAudience},
		{"other audiences", mint(t, es, map[string]any{"aud": []string{"billing", "orders2", "Orders", "orders "}}), verify.ErrAudience},
		{"an audience that contains the name", mint(t, es, map[string]any{"aud": "billing orders"}), verify.ErrAudience},
		{"no audiences", mint(t, es, map[string]any{"aud": []string{}}), verify.ErrAudience},
		{"an empty audience", mint(t, es, map[string]any{"aud": ""}), verify.ErrAudience},
		{"a token bound to a key", mint(t, es, map[string]any{"cnf": map[string]any{"jkt": "x"}}), verify.ErrBound},
		{"a cnf of null", mintRaw(t, es, strings.Replace(plain, `"acr":"1"`, `"cnf":null`, 1)), verify.ErrBound},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := build(t, nil)
			for range 2 { // what was refused once is refused again
				got, err := v.Verify(t.Context(), c.token)
				refused(t, err, c.want)
				if got != nil {
					t.Errorf("claims came with the error: %+v", got)
				}
			}
		})
	}
}

// mintAs signs with p under another key's kid.
func mintAs(t *testing.T, p pair, kid string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(p.Algorithm), Key: p.private},
		(&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", kid))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims(nil)).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

var reasons = []error{
	verify.ErrMalformed, verify.ErrTooLarge, verify.ErrNested, verify.ErrType, verify.ErrAlgorithm, verify.ErrUnknownKey,
	verify.ErrSignature, verify.ErrIssuer, verify.ErrAudience, verify.ErrExpired, verify.ErrNotYetValid,
	verify.ErrMissingClaim, verify.ErrBound, verify.ErrRevoked, verify.ErrRevocationStale, verify.ErrUnavailable,
}

// refused checks that err gives want as its only reason, and says rightly whether the token is bad.
func refused(t *testing.T, err, want error) {
	t.Helper()
	for _, reason := range reasons {
		if errors.Is(err, reason) != errors.Is(want, reason) {
			t.Errorf("error = %v, want %v", err, want)
			return
		}
	}
	bad := want != nil && !errors.Is(want, verify.ErrUnavailable) && !errors.Is(want, verify.ErrRevocationStale)
	if errors.Is(err, verify.ErrInvalidToken) != bad {
		t.Errorf("%v: invalid token = %v", err, !bad)
	}
	if err != nil && len(err.Error()) > 800 {
		t.Errorf("the text has %d bytes: a token could fill the log", len(err.Error()))
	}
}

func TestHeaderMembersThatBringKeysAreIgnored(t *testing.T) {
	t.Parallel()
	v := build(t, nil)
	token := forge(t, head(`,"jku":"https://evil.example/jwks","x5u":"https://evil.example/cert","x5c":["MII"],"jwk":{"kty":"OKP"},"cty":"json"`), payload(t, nil))
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
	stranger, private, err := keys.Generate(keys.ES256, nil)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := keys.MarshalJWK(stranger)
	if err != nil {
		t.Fatal(err)
	}
	input := b64(fmt.Sprintf(`{"alg":"ES256","kid":%q,"typ":"at+jwt","jwk":%s}`, pairs()[keys.ES256].ID, jwk)) + "." + b64(payload(t, nil))
	other := strings.Split(mint(t, pair{stranger, private}, nil), ".")[2]
	_, err = v.Verify(t.Context(), input+"."+other)
	refused(t, err, verify.ErrSignature)
}

// A kid is up to whoever sends the token; it must not grow the log.
func TestLongUntrustedTextIsCutInErrors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 4000)
	for name, token := range map[string]string{
		"kid": forge(t, `{"alg":"EdDSA","kid":"`+long+`","typ":"at+jwt"}`, "{}"),
		"typ": forge(t, `{"alg":"EdDSA","kid":"k","typ":"`+long+`"}`, "{}"),
		"alg": forge(t, `{"alg":"`+long+`","kid":"k","typ":"at+jwt"}`, "{}"),
		"cty": forge(t, head(`,"cty":"`+long+`+jwt"`), "{}"),
		"two": forge(t, `{"`+long+`":1,"`+long+`":2}`, "{}"),
	} {
		_, err := build(t, nil).Verify(t.Context(), token)
		if err == nil || len(err.Error()) > 300 {
			t.Errorf("%s: %d bytes of error", name, len(fmt.Sprint(err)))
		}
	}
}

func TestOnlyAlgorithmsOnTheListAreTaken(t *testing.T) {
	t.Parallel()
	source := everyKey()
	v := build(t, func(c *verify.Config) { c.Algorithms, c.Keys = []keys.Algorithm{keys.EdDSA, keys.RS256}, source })
	for alg, p := range pairs() {
		_, err := v.Verify(t.Context(), mint(t, p, nil))
		if alg == keys.ES256 {
			refused(t, err, verify.ErrAlgorithm)
		} else if err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
	stranger, private, err := keys.Generate(keys.ES256, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Verify(t.Context(), mint(t, pair{stranger, private}, nil))
	refused(t, err, verify.ErrAlgorithm)
	if source.asked != 0 {
		t.Error("the issuer was asked for a key that could not be used")
	}
}

// An HMAC whose secret is the public key, in every form in which it is public, is no signature.
func TestSymmetricSignaturesWithThePublicKeyAreRefused(t *testing.T) {
	t.Parallel()
	for alg, p := range pairs() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			v := build(t, nil)
			der, err := x509.MarshalPKIXPublicKey(p.Public)
			if err != nil {
				t.Fatal(err)
			}
			jwk, err := keys.MarshalJWK(p.Key)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range [][]byte{jwk, der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), []byte(p.ID), {}} {
				// As written, and claiming to be of the key's own algorithm.
				for name, want := range map[string]error{"HS256": verify.ErrAlgorithm, string(alg): verify.ErrSignature} {
					input := b64(fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt"}`, name, p.ID)) + "." + b64(payload(t, nil))
					mac := hmac.New(sha256.New, secret)
					mac.Write([]byte(input))
					_, err := v.Verify(t.Context(), input+"."+b64(string(mac.Sum(nil))))
					refused(t, err, want)
				}
			}
		})
	}
}

// What another library signs symmetrically is refused too.
func TestSymmetricTokensOfAnotherLibraryAreRefused(t *testing.T) {
	t.Parallel()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("k", 32))},
		(&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", pairs()[keys.ES256].ID))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims(nil)).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	_, err = build(t, nil).Verify(t.Context(), token)
	refused(t, err, verify.ErrAlgorithm)
}

func TestTokensOfAnotherLibraryThatAreEncryptedOrNestedAreRefused(t *testing.T) {
	t.Parallel()
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: []byte(strings.Repeat("k", 32))},
		(&jose.EncrypterOptions{}).WithType("at+jwt").WithContentType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := encrypter.Encrypt([]byte(mint(t, pairs()[keys.ES256], nil)))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwe.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	_, err = build(t, nil).Verify(t.Context(), token)
	refused(t, err, verify.ErrNested)
}
