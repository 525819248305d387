package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
)

// Algorithm is a JWS signature algorithm by its registered name (RFC 7518 §3.1, RFC 8037 §3.1).
// There is no "none" and no symmetric algorithm.
type Algorithm string

// The algorithms.
const (
	// ES256 is ECDSA on P-256 with SHA-256: small tokens, fast signatures; the default choice.
	ES256 Algorithm = "ES256"
	// RS256 is RSASSA-PKCS1-v1_5 with SHA-256: for verifiers that know nothing else. OpenID
	// Connect Core §15.1 requires every provider to offer it.
	RS256 Algorithm = "RS256"
	// EdDSA is Ed25519 under the name of RFC 8037.
	EdDSA Algorithm = "EdDSA"
)

const (
	minRSABits = 2048
	// maxRSABits bounds the work that a foreign public key can cause.
	maxRSABits = 8192
)

var (
	// ErrAlgorithm says that an algorithm is unknown, or not the one the key is for.
	ErrAlgorithm = errors.New("keys: algorithm not allowed")
	// ErrKey says that a key is malformed, of an unsupported kind or too weak.
	ErrKey = errors.New("keys: unusable key")
)

// ParseAlgorithm returns the algorithm of that name; the comparison is exact (RFC 7515 §4.1.1).
// Anything else, "none" included, is ErrAlgorithm.
func ParseAlgorithm(name string) (Algorithm, error) {
	switch a := Algorithm(name); a {
	case ES256, RS256, EdDSA:
		return a, nil
	default:
		return "", fmt.Errorf("%w: %.64q is none of ES256, RS256, EdDSA", ErrAlgorithm, name)
	}
}

// Generate makes a key pair for alg: P-256, RSA with 2048 bits, or Ed25519. A nil random means
// crypto/rand. The Key carries its ID (the RFC 7638 thumbprint) and no timestamps: it is the
// caller's to say when it was created and when it is to be published.
//
// RSA takes some hundred milliseconds, the others some microseconds.
func Generate(alg Algorithm, random io.Reader) (Key, crypto.Signer, error) {
	if random == nil {
		random = rand.Reader
	}
	private, err := generate(alg, random)
	if err != nil {
		return Key{}, nil, err
	}
	k, err := NewKey(alg, private.Public())
	return k, private, err
}

func generate(alg Algorithm, random io.Reader) (crypto.Signer, error) {
	switch alg {
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), random)
	case RS256:
		return rsa.GenerateKey(random, minRSABits)
	case EdDSA:
		_, private, err := ed25519.GenerateKey(random)
		return private, err
	default:
		return nil, fmt.Errorf("%w: %q", ErrAlgorithm, alg)
	}
}

// check says whether public can be used with alg.
func check(alg Algorithm, public crypto.PublicKey) error {
	switch alg {
	case ES256:
		if p, ok := public.(*ecdsa.PublicKey); ok && p != nil && p.Curve == elliptic.P256() {
			return nil
		}
		return fmt.Errorf("%w: ES256 needs an ECDSA key on P-256, not %T", ErrKey, public)
	case RS256:
		p, ok := public.(*rsa.PublicKey)
		if !ok || p == nil {
			return fmt.Errorf("%w: RS256 needs an RSA key, not %T", ErrKey, public)
		}
		return checkRSA(p)
	case EdDSA:
		if p, ok := public.(ed25519.PublicKey); ok && len(p) == ed25519.PublicKeySize {
			return nil
		}
		return fmt.Errorf("%w: EdDSA needs an Ed25519 key, not %T", ErrKey, public)
	default:
		return fmt.Errorf("%w: %q", ErrAlgorithm, alg)
	}
}

func checkRSA(p *rsa.PublicKey) error {
	if p.N == nil || p.N.BitLen() < minRSABits || p.N.BitLen() > maxRSABits {
		// RFC 7518 §3.3 sets the lower bound.
		return fmt.Errorf("%w: RSA keys need %d to %d bits", ErrKey, minRSABits, maxRSABits)
	}
	if p.N.Bit(0) == 0 {
		return fmt.Errorf("%w: the RSA modulus is even", ErrKey)
	}
	if p.E < 3 || p.E&1 == 0 {
		return fmt.Errorf("%w: the RSA exponent must be odd and at least 3", ErrKey)
	}
	return nil
}
