package keys

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxHeaders bounds how many encoded headers a Signer remembers. An issuer has a handful of
// token types; more only means that a caller passes unbounded text.
const maxHeaders = 64

// Signer makes compact JWS with one key. It is safe for concurrent use.
type Signer struct {
	key     Key
	private crypto.Signer
	// headers maps a typ to the encoded header and its dot; replaced, never changed.
	headers atomic.Pointer[map[string]string]
}

// NewSigner returns the signer of k. private may be any implementation, such as one that asks
// a KMS. The error is ErrKey when private is not the private half of k or k.ID is not the
// thumbprint of its public half.
func NewSigner(k Key, private crypto.Signer) (*Signer, error) {
	want, err := NewKey(k.Algorithm, k.Public)
	if err != nil {
		return nil, err
	}
	if want.ID != k.ID {
		return nil, fmt.Errorf("%w: kid %q is not the thumbprint %q", ErrKey, k.ID, want.ID)
	}
	if private == nil {
		return nil, fmt.Errorf("%w: key %s has no private half", ErrKey, k.ID)
	}
	public, ok := private.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(k.Public) {
		return nil, fmt.Errorf("%w: the private half does not belong to key %s", ErrKey, k.ID)
	}
	s := &Signer{key: k, private: private}
	s.headers.Store(&map[string]string{})
	return s, nil
}

// Key returns the key with which s signs.
func (s *Signer) Key() Key { return s.key }

// Sign returns the compact serialization (RFC 7515 §7.1) of payload with a header of alg, kid
// and typ, and nothing else. typ must not be empty: it is what keeps one kind of token from
// passing for another (RFC 8725 §3.11).
//
// ctx is consulted before the private key is used; crypto.Signer cannot be interrupted.
func (s *Signer) Sign(ctx context.Context, typ string, payload []byte) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	header, err := s.header(typ)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	const ecSignature = 64
	buf := make([]byte, 0, len(header)+enc.EncodedLen(len(payload))+1+enc.EncodedLen(max(ecSignature, s.rsaSize())))
	buf = append(buf, header...)
	buf = enc.AppendEncode(buf, payload)
	signature, err := s.sign(buf)
	if err != nil {
		return "", fmt.Errorf("sign with key %s: %w", s.key.ID, err)
	}
	buf = append(buf, '.')
	return string(enc.AppendEncode(buf, signature)), nil
}

func (s *Signer) rsaSize() int {
	if p, ok := s.key.Public.(interface{ Size() int }); ok {
		return p.Size()
	}
	return 0
}

func (s *Signer) header(typ string) (string, error) {
	known := s.headers.Load()
	if h, ok := (*known)[typ]; ok {
		return h, nil
	}
	if typ == "" {
		return "", fmt.Errorf("%w: a token needs a typ", ErrType)
	}
	b, err := json.Marshal(struct {
		Alg Algorithm `json:"alg"`
		Kid string    `json:"kid"`
		Typ string    `json:"typ"`
	}{s.key.Algorithm, s.key.ID, typ})
	if err != nil {
		return "", err
	}
	h := base64.RawURLEncoding.EncodeToString(b) + "."
	if len(*known) < maxHeaders {
		grown := maps.Clone(*known)
		grown[typ] = h
		s.headers.CompareAndSwap(known, &grown) // losing costs the next caller the same work
	}
	return h, nil
}

func (s *Signer) sign(input []byte) ([]byte, error) {
	if s.key.Algorithm == EdDSA {
		return s.private.Sign(rand.Reader, input, crypto.Hash(0))
	}
	digest := sha256.Sum256(input)
	signature, err := s.private.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil || s.key.Algorithm != ES256 {
		return signature, err
	}
	return fixedSize(signature)
}

// fixedSize turns the ASN.1 form that crypto.Signer yields into the 64 bytes r || s of
// RFC 7518 §3.4.
func fixedSize(der []byte) ([]byte, error) {
	var inner cryptobyte.String
	var r, s []byte
	input := cryptobyte.String(der)
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !input.Empty() ||
		!inner.ReadASN1Integer(&r) || !inner.ReadASN1Integer(&s) || !inner.Empty() ||
		len(r) > 32 || len(s) > 32 {
		return nil, errors.New("the signer returned no ECDSA signature in ASN.1")
	}
	out := make([]byte, 64)
	copy(out[32-len(r):], r)
	copy(out[64-len(s):], s)
	return out, nil
}
