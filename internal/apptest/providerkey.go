package apptest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"testing"
)

// ProviderKey signs what a Provider says. Unlike the keys of a real one it signs whatever it is
// given, under whatever header.
type ProviderKey struct {
	ID  string // kid
	Alg string // RS256, ES256 or EdDSA
	key crypto.Signer
}

// NewProviderKey generates a key for an algorithm. RS256 takes a moment.
func NewProviderKey(t testing.TB, alg string) *ProviderKey {
	t.Helper()
	k := &ProviderKey{ID: rand.Text(), Alg: alg}
	var err error
	switch alg {
	case "RS256":
		k.key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		k.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, k.key, err = ed25519.GenerateKey(rand.Reader)
	default:
		t.Fatalf("no keys for %s", alg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// JWK is the public key as it is published (RFC 7517).
func (k *ProviderKey) JWK() map[string]any {
	out := map[string]any{"kid": k.ID, "alg": k.Alg, "use": "sig"}
	switch pub := k.key.Public().(type) {
	case *rsa.PublicKey:
		out["kty"], out["n"], out["e"] = "RSA", encoded(pub.N.Bytes()), encoded(big.NewInt(int64(pub.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := pub.Bytes()
		if err != nil {
			panic(err) // a point that was just generated
		}
		out["kty"], out["crv"], out["x"], out["y"] = "EC", "P-256", encoded(point[1:33]), encoded(point[33:])
	case ed25519.PublicKey:
		out["kty"], out["crv"], out["x"] = "OKP", "Ed25519", encoded(pub)
	}
	return out
}

// Public is the public key.
func (k *ProviderKey) Public() crypto.PublicKey { return k.key.Public() }

// Sign makes a JWT, whatever its header says.
func (k *ProviderKey) Sign(header, claims map[string]any) string {
	return SignJWT(header, claims, func(input []byte) []byte {
		sum := sha256.Sum256(input)
		var out []byte
		var err error
		switch key := k.key.(type) {
		case *ecdsa.PrivateKey:
			r, s, failed := ecdsa.Sign(rand.Reader, key, sum[:])
			out, err = make([]byte, 64), failed
			if err == nil {
				r.FillBytes(out[:32])
				s.FillBytes(out[32:])
			}
		case *rsa.PrivateKey:
			out, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		case ed25519.PrivateKey:
			out = ed25519.Sign(key, input)
		}
		if err != nil {
			panic(err) // keys of this file sign
		}
		return out
	})
}

// SignJWT makes a JWT with any signature.
func SignJWT(header, claims map[string]any, sign func(input []byte) []byte) string {
	input := encodedJSON(header) + "." + encodedJSON(claims)
	return input + "." + encoded(sign([]byte(input)))
}

// Unsigned is for SignJWT: no signature, as with alg none.
func Unsigned([]byte) []byte { return nil }

// HMAC is for SignJWT: HS256 with the secret.
func HMAC(secret []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		m := hmac.New(sha256.New, secret)
		m.Write(input)
		return m.Sum(nil)
	}
}

func encoded(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func encodedJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // values of tests
	}
	return encoded(b)
}
