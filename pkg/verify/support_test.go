package verify_test

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/verify"
)

const (
	issuer   = "https://id.example.com"
	audience = "orders"
)

var t0 = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// pair is a key with its private half.
type pair struct {
	keys.Key
	private crypto.Signer
}

// pairs generates one key of each algorithm per test binary: RSA keys are slow to make.
var pairs = sync.OnceValue(func() map[keys.Algorithm]pair {
	m := make(map[keys.Algorithm]pair)
	for _, alg := range []keys.Algorithm{keys.ES256, keys.RS256, keys.EdDSA} {
		k, private, err := keys.Generate(alg, nil)
		if err != nil {
			panic(err)
		}
		m[alg] = pair{k, private}
	}
	return m
})

// published is a KeySource whose keys come and go.
type published struct {
	mu    sync.Mutex
	keys  map[string]keys.Key
	err   error // instead of ErrUnknownKey
	asked int   // calls of Key
}

func publish(pairs ...pair) *published {
	p := &published{keys: map[string]keys.Key{}}
	for _, k := range pairs {
		p.keys[k.ID] = k.Key
	}
	return p
}

func (p *published) Key(_ context.Context, kid string) (keys.Key, error) {
	p.mu.Lock()
	p.asked++
	err := p.err
	p.mu.Unlock()
	if k, ok := p.Lookup(kid); ok {
		return k, nil
	}
	if err == nil {
		err = verify.ErrUnknownKey
	}
	return keys.Key{}, err
}

func (p *published) Lookup(kid string) (keys.Key, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, ok := p.keys[kid]
	return k, ok
}

func (p *published) set(kid string, k keys.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys[kid] = k
}

func (p *published) withdraw(kid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.keys, kid)
}

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

// everyKey is a KeySource with one key of each algorithm.
func everyKey() *published {
	all := pairs()
	return publish(all[keys.ES256], all[keys.RS256], all[keys.EdDSA])
}

// build returns a verifier with every key published, whose clock stands at t0, after change.
func build(t testing.TB, change func(*verify.Config)) *verify.Verifier {
	t.Helper()
	c := verify.Config{Issuer: issuer, Audience: audience, Keys: everyKey(), Now: func() time.Time { return t0 }}
	if change != nil {
		change(&c)
	}
	v, err := verify.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// claims are those of a person's token at t0, with changes: a nil removes a claim.
func claims(changes map[string]any) map[string]any {
	all := map[string]any{
		"iss": issuer, "sub": "usr_1", "aud": audience, "exp": t0.Add(time.Hour).Unix(), "iat": t0.Unix(),
		"jti": "jti_1", "client_id": "web", "scope": "openid orders:read", "auth_time": t0.Add(-time.Minute).Unix(),
		"acr": "1", "amr": []string{"pwd"}, "sid": "ses_1", "grant_id": "gra_1", "tenant_id": "ten_1", "tenant": "acme",
		"roles": []string{"clerk"}, "permissions": []string{"orders:read", "orders:write"}, "https://acme.example/plan": "gold",
	}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

func payload(t testing.TB, changes map[string]any) string {
	t.Helper()
	b, err := json.Marshal(claims(changes))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// mint signs the claims as Signet does.
func mint(t testing.TB, p pair, changes map[string]any) string {
	t.Helper()
	return mintRaw(t, p, payload(t, changes))
}

func mintRaw(t testing.TB, p pair, payload string) string {
	t.Helper()
	s, err := keys.NewSigner(p.Key, p.private)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Sign(context.Background(), "at+jwt", []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge signs any header and payload with the Ed25519 key, whose signatures need no conversion.
func forge(t testing.TB, header, payload string) string {
	t.Helper()
	input := b64(header) + "." + b64(payload)
	signature, err := pairs()[keys.EdDSA].private.Sign(nil, []byte(input), crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + b64(string(signature))
}

// head is the header of tokens that the Ed25519 key signs, with more members, such as `,"x":1`.
func head(more string) string {
	return fmt.Sprintf(`{"alg":"EdDSA","kid":%q,"typ":"at+jwt"%s}`, pairs()[keys.EdDSA].ID, more)
}

// twin returns an ES256 token with the other solution of its signature, n − s.
func twin(t testing.TB, token string) string {
	t.Helper()
	dot := strings.LastIndex(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		t.Fatal(err)
	}
	s := new(big.Int).SetBytes(raw[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(raw[32:])
	return token[:dot+1] + base64.RawURLEncoding.EncodeToString(raw)
}

// revocations is a Revocation as simple as can be.
type revocations func(c *verify.Claims, now time.Time) error

func (r revocations) Check(c *verify.Claims, now time.Time) error { return r(c, now) }
