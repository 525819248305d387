package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// MaxTokenSize is the size in bytes beyond which Verify does not look at a token.
const MaxTokenSize = 16 << 10

// The reasons for which Verify refuses, besides ErrAlgorithm and ErrKey. Tell a caller outside
// no more than "invalid token".
var (
	// ErrMalformed says that the token is no compact JWS, or too large.
	ErrMalformed = errors.New("keys: malformed token")
	// ErrUnknownKey says that no key of that kid is accepted.
	ErrUnknownKey = errors.New("keys: unknown key")
	// ErrType says that the token is of another kind than the caller accepts.
	ErrType = errors.New("keys: wrong token type")
	// ErrSignature says that the signature does not match.
	ErrSignature = errors.New("keys: invalid signature")
)

// Header is what Verify read from a token's header.
type Header struct {
	Algorithm Algorithm
	KeyID     string
	// Type is the typ as written, possibly with the prefix "application/".
	Type string
}

// Verify checks the signature of a compact JWS against the key that lookup returns for its kid
// and returns the payload. It checks no claims: expiry, issuer and audience are the caller's.
//
// The token's alg must be the key's (RFC 8725 §3.1) and its typ one of want, compared without
// regard to case and to a prefix "application/" (RFC 7515 §4.1.9); with no want nothing
// verifies. A header with crit is refused, since no extension is understood (RFC 7515
// §4.1.11); jku, jwk, x5u and x5c are ignored: a token never brings its own key.
//
// ES256 signatures are malleable: never identify a token by its signature or its bytes.
func Verify(token string, lookup func(kid string) (Key, bool), want ...string) ([]byte, Header, error) {
	if len(token) > MaxTokenSize {
		return nil, Header{}, fmt.Errorf("%w: larger than %d bytes", ErrMalformed, MaxTokenSize)
	}
	head, rest, ok := strings.Cut(token, ".")
	body, tail, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || strings.Contains(tail, ".") {
		return nil, Header{}, fmt.Errorf("%w: not three segments", ErrMalformed)
	}
	h, err := parseHeader(head)
	if err != nil {
		return nil, Header{}, err
	}
	if !matches(h.Type, want) {
		return nil, Header{}, fmt.Errorf("%w: %q", ErrType, h.Type)
	}
	k, ok := lookup(h.KeyID)
	if !ok {
		return nil, Header{}, fmt.Errorf("%w: kid %q", ErrUnknownKey, h.KeyID)
	}
	if h.Algorithm != k.Algorithm {
		return nil, Header{}, fmt.Errorf("%w: %q with a key for %s", ErrAlgorithm, h.Algorithm, k.Algorithm)
	}
	if err := check(k.Algorithm, k.Public); err != nil {
		return nil, Header{}, err
	}
	signature, err := decodeBase64(tail)
	if err != nil {
		return nil, Header{}, fmt.Errorf("%w: signature: %w", ErrMalformed, err)
	}
	if !valid(k, []byte(token[:len(head)+1+len(body)]), signature) {
		return nil, Header{}, ErrSignature
	}
	payload, err := decodeBase64(body)
	if err != nil {
		return nil, Header{}, fmt.Errorf("%w: payload: %w", ErrMalformed, err)
	}
	return payload, h, nil
}

func parseHeader(segment string) (Header, error) {
	data, err := decodeBase64(segment)
	if err != nil {
		return Header{}, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	members, err := object(data)
	if err != nil {
		return Header{}, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	for _, name := range []string{"crit", "b64", "zip", "enc"} {
		// Each of the others changes how the payload is read and is void without crit.
		if _, ok := members[name]; ok {
			return Header{}, fmt.Errorf("%w: header member %q is not understood", ErrMalformed, name)
		}
	}
	var h Header
	var name string
	for _, f := range []struct {
		name string
		to   *string
	}{{"alg", &name}, {"kid", &h.KeyID}, {"typ", &h.Type}} {
		if *f.to, err = text(members, f.name); err != nil {
			return Header{}, fmt.Errorf("%w: header: %w", ErrMalformed, err)
		}
	}
	h.Algorithm, err = ParseAlgorithm(name)
	return h, err
}

func matches(typ string, want []string) bool {
	if typ == "" {
		return false
	}
	typ = bare(typ)
	for _, w := range want {
		if strings.EqualFold(typ, bare(w)) {
			return true
		}
	}
	return false
}

func bare(typ string) string {
	const prefix = "application/"
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		return typ[len(prefix):]
	}
	return typ
}

// valid checks a signature with a key that passed check.
func valid(k Key, input, signature []byte) bool {
	switch p := k.Public.(type) {
	case *ecdsa.PublicKey:
		if len(signature) != 64 { // never ASN.1 (RFC 7518 §3.4)
			return false
		}
		digest := sha256.Sum256(input)
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(p, digest[:], r, s)
	case *rsa.PublicKey:
		digest := sha256.Sum256(input)
		return rsa.VerifyPKCS1v15(p, crypto.SHA256, digest[:], signature) == nil
	case ed25519.PublicKey:
		return len(signature) == ed25519.SignatureSize && ed25519.Verify(p, input, signature)
	default:
		return false
	}
}
