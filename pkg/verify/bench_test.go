package verify_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/verify"
)

// benchToken is as large as a person's token of Signet, and good for long by any clock.
func benchToken(b *testing.B) string {
	b.Helper()
	return mint(b, pairs()[keys.ES256], map[string]any{
		"exp": 1 << 33, "iat": 0, "sub": "usr_01jc5k2m3n4p5q6r7s8t9v0w1x", "jti": strings.Repeat("j", 26), "client_id": "cli_01jc5k2m3n4p5q6r7s8t9v0w1x",
		"sid": "ses_01jc5k2m3n4p5q6r7s8t9v0w1x", "grant_id": "gra_01jc5k2m3n4p5q6r7s8t9v0w1x", "tenant_id": "ten_01jc5k2m3n4p5q6r7s8t9v0w1x",
		"permissions": []string{"orders:read", "orders:write", "orders:refund", "customers:read"},
	})
}

// BenchmarkBareES256 is the floor: decode the signature, hash, crypto/ecdsa; nothing is read.
func BenchmarkBareES256(b *testing.B) {
	token := benchToken(b)
	dot := strings.LastIndexByte(token, '.')
	public := pairs()[keys.ES256].Public.(*ecdsa.PublicKey)
	b.ReportAllocs()
	for b.Loop() {
		raw, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
		if err != nil {
			b.Fatal(err)
		}
		hash := sha256.Sum256([]byte(token[:dot]))
		if !ecdsa.Verify(public, hash[:], new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])) {
			b.Fatal("does not verify")
		}
	}
}

// service is a verifier as services have it: keys from the network, the machine's clock.
func service(b *testing.B, cacheSize int) *verify.Verifier {
	b.Helper()
	v, err := verify.New(b.Context(), verify.Config{
		Issuer: issuer, Audience: audience, CacheSize: cacheSize, JWKSURL: remote(b, new(atomic.Bool)).URL + "/id/.well-known/jwks.json",
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := v.Ready(b.Context()); err != nil {
		b.Fatal(err)
	}
	return v
}

func BenchmarkFirstSeen(b *testing.B) { run(b, service(b, -1), benchToken(b)) }

// BenchmarkFirstSeenRemembered adds what it costs to look for the token and to remember it.
func BenchmarkFirstSeenRemembered(b *testing.B) {
	v := service(b, 0)
	p := pairs()[keys.ES256]
	tokens := make([]string, 20000) // more than are remembered
	for i := range tokens {
		tokens[i] = mint(b, p, map[string]any{"jti": fmt.Sprint(i), "exp": 1 << 33, "iat": 0})
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := v.Verify(context.Background(), tokens[i%len(tokens)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkSeenAgain(b *testing.B) { run(b, service(b, 0), benchToken(b)) }

func BenchmarkSeenAgainParallel(b *testing.B) {
	v, token := service(b, 0), benchToken(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := v.Verify(context.Background(), token); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkRefused is the cost of a token that anybody can make.
func BenchmarkRefused(b *testing.B) {
	good := benchToken(b)
	for name, token := range map[string]string{
		"nonsense":       strings.Repeat("x", 1000),
		"largest header": b64(`{`+strings.TrimSuffix(strings.Repeat(`"":0,`, 2400), ",")+`}`) + ".e30.AA",
		"many members":   b64(`{`+manyMembers(1200)+`}`) + ".e30.AA",
		"unknown kid":    forge(b, `{"alg":"EdDSA","kid":"x","typ":"at+jwt"}`, "{}"),
		"signature":      good[:len(good)-20] + strings.Repeat("A", 20),
	} {
		b.Run(name, func(b *testing.B) {
			v := build(b, nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(context.Background(), token); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

func manyMembers(n int) string {
	var s strings.Builder
	for i := range n {
		if i > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, `"%x":0`, i)
	}
	return s.String()
}

// BenchmarkGoOIDC is for orientation: go-oidc with the key at hand, which checks less.
func BenchmarkGoOIDC(b *testing.B) {
	token := benchToken(b)
	set := &oidc.StaticKeySet{PublicKeys: nil}
	set.PublicKeys = append(set.PublicKeys, pairs()[keys.ES256].Public)
	v := oidc.NewVerifier(issuer, set, &oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{"ES256"}, SkipExpiryCheck: true})
	b.ReportAllocs()
	for b.Loop() {
		t, err := v.Verify(context.Background(), token)
		if err != nil {
			b.Fatal(err)
		}
		var c struct {
			Scope string   `json:"scope"`
			Roles []string `json:"roles"`
		}
		if err := t.Claims(&c); err != nil {
			b.Fatal(err)
		}
	}
}

func run(b *testing.B, v *verify.Verifier, token string) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(context.Background(), token); err != nil {
			b.Fatal(err)
		}
	}
}
