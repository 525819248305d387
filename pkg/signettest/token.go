package signettest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"

	"github.com/signet-id/signet/keys"
)

// Token mints a token, a good one unless an option says otherwise: of the person usr_test in the
// tenant ten_test ("test"), for DefaultAudience, without scopes, roles and permissions, for ten
// minutes. What cannot be minted fails the test and yields "".
func (i *Issuer) Token(options ...TokenOption) string {
	i.tb.Helper()
	token, err := i.token(options)
	if err != nil {
		i.tb.Errorf("signettest: Token: %v", err)
		return ""
	}
	return token
}

func (i *Issuer) token(options []TokenOption) (string, error) {
	d := i.draft(i.Now())
	for _, o := range i.defaults {
		o(d)
	}
	for _, o := range options {
		o(d)
	}
	key, kid, err := i.keyFor(d)
	if err != nil {
		return "", err
	}
	payload, err := d.body()
	if err != nil {
		return "", err
	}
	switch d.finish {
	case unsigned:
		return compact(d, "none", kid, payload, func([]byte) ([]byte, error) { return nil, nil })
	case publicKey:
		return compact(d, "HS256", kid, payload, func(input []byte) ([]byte, error) { return hmacWithPublicKey(key, input) })
	case stranger:
		if _, key.private, err = keys.Generate(key.Algorithm, nil); err != nil {
			return "", err
		}
	}
	token, err := compact(d, string(key.Algorithm), kid, payload, func(input []byte) ([]byte, error) {
		signature, err := sign(key, input)
		if err == nil && d.finish == malleated && key.Algorithm == keys.ES256 {
			otherForm(key, signature)
		}
		return signature, err
	})
	if err != nil || d.finish != tampered {
		return token, err
	}
	return tamper(token)
}

// keyFor returns a copy of the key that signs, and the kid that the header says.
func (i *Issuer) keyFor(d *draft) (pair, string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if d.kid != nil {
		if p, ok := i.known[*d.kid]; ok {
			if d.algorithm != "" && d.algorithm != p.Algorithm {
				return pair{}, "", fmt.Errorf("key %s is for %s, not %s", p.ID, p.Algorithm, d.algorithm)
			}
			return *p, p.ID, nil
		}
	}
	alg := d.algorithm
	if alg == "" {
		alg = i.order[0]
	}
	r, err := i.ring(alg)
	if err != nil {
		return pair{}, "", err
	}
	p := r.active()
	if d.kid != nil {
		return *p, *d.kid, nil
	}
	return *p, p.ID, nil
}

// compact returns the compact serialization (RFC 7515 §7.1).
func compact(d *draft, alg, kid string, payload []byte, signature func(input []byte) ([]byte, error)) (string, error) {
	header, err := d.head(alg, kid)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	input := enc.EncodeToString(header) + "." + enc.EncodeToString(payload)
	s, err := signature([]byte(input))
	return input + "." + enc.EncodeToString(s), err
}

func sign(key pair, input []byte) ([]byte, error) {
	if key.Algorithm == keys.EdDSA {
		return key.private.Sign(rand.Reader, input, crypto.Hash(0))
	}
	digest := sha256.Sum256(input)
	der, err := key.private.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil || key.Algorithm == keys.RS256 {
		return der, err
	}
	// JWS wants r || s, 32 bytes each (RFC 7518 §3.4).
	var ec struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &ec); err != nil {
		return nil, err
	}
	out := make([]byte, 64)
	ec.R.FillBytes(out[:32])
	ec.S.FillBytes(out[32:])
	return out, nil
}

// otherForm replaces s by n − s in an ES256 signature.
func otherForm(key pair, signature []byte) {
	public, ok := key.Public.(*ecdsa.PublicKey)
	if !ok {
		return
	}
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(public.Curve.Params().N, s).FillBytes(signature[32:])
}

func hmacWithPublicKey(key pair, input []byte) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key.Public)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	mac.Write(input)
	return mac.Sum(nil), nil
}

// tamper changes sub and keeps the signature.
func tamper(token string) (string, error) {
	parts := bytes.Split([]byte(token), []byte("."))
	payload, err := base64.RawURLEncoding.DecodeString(string(parts[1]))
	if err != nil {
		return "", err
	}
	var claims map[string]any
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber() // 1764000000 stays what it is
	if d.Decode(&claims) != nil || claims == nil {
		return "", errors.New("Tampered needs a payload that is a JSON object")
	}
	claims["sub"] = unique("usr_")
	if payload, err = json.Marshal(claims); err != nil {
		return "", err
	}
	parts[1] = []byte(base64.RawURLEncoding.EncodeToString(payload))
	return string(bytes.Join(parts, []byte("."))), nil
}
