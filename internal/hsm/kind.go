//go:build pkcs11

package hsm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"

	"github.com/miekg/pkcs11"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/keys"
)

// What PKCS #11 v3.0 added for Ed25519 (§2.3.14, §6.3.16), which the binding does not name.
const (
	ckkECEdwards           = 0x40
	ckmECEdwardsKeyPairGen = 0x1055
	ckmEdDSA               = 0x1057
)

// mechanism is one operation of a token by number and name.
type mechanism struct {
	number uint
	name   string
}

// kind is what an algorithm is on a token.
type kind struct {
	algorithm      keys.Algorithm
	keyType        uint
	generate, sign mechanism
	// shapes are the attributes that shape the public half, in alternative spellings: the first
	// that the token understands is taken.
	shapes [][]*pkcs11.Attribute
	// attributes are those from which public makes the public half.
	attributes []uint
	public     func(values [][]byte) (crypto.PublicKey, error)
	// input turns what crypto.Signer is given into what the token signs.
	input func(digest []byte, opts crypto.SignerOpts) ([]byte, error)
	// signature turns what the token returned into what crypto.Signer promises.
	signature func(raw []byte) ([]byte, error)
}

func kindOf(alg keys.Algorithm) (kind, error) {
	switch alg {
	case keys.ES256:
		return kind{
			algorithm: alg, keyType: pkcs11.CKK_EC,
			generate: mechanism{pkcs11.CKM_EC_KEY_PAIR_GEN, "CKM_EC_KEY_PAIR_GEN"},
			sign:     mechanism{pkcs11.CKM_ECDSA, "CKM_ECDSA"},
			// The OID of P-256 (RFC 5480 §2.1.1.1).
			shapes:     [][]*pkcs11.Attribute{{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07})}},
			attributes: []uint{pkcs11.CKA_EC_POINT},
			public:     func(v [][]byte) (crypto.PublicKey, error) { return p256(v[0]) },
			input:      sha256Digest,
			signature:  derSignature,
		}, nil
	case keys.RS256:
		return kind{
			algorithm: alg, keyType: pkcs11.CKK_RSA,
			generate: mechanism{pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, "CKM_RSA_PKCS_KEY_PAIR_GEN"},
			sign:     mechanism{pkcs11.CKM_RSA_PKCS, "CKM_RSA_PKCS"},
			shapes: [][]*pkcs11.Attribute{{
				pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, 2048),
				pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{0x01, 0x00, 0x01}),
			}},
			attributes: []uint{pkcs11.CKA_MODULUS, pkcs11.CKA_PUBLIC_EXPONENT},
			public:     func(v [][]byte) (crypto.PublicKey, error) { return rsaKey(v[0], v[1]) },
			input:      digestInfo,
			signature:  func(raw []byte) ([]byte, error) { return raw, nil },
		}, nil
	case keys.EdDSA:
		return kind{
			algorithm: alg, keyType: ckkECEdwards,
			generate: mechanism{ckmECEdwardsKeyPairGen, "CKM_EC_EDWARDS_KEY_PAIR_GEN"},
			sign:     mechanism{ckmEdDSA, "CKM_EDDSA"},
			shapes: [][]*pkcs11.Attribute{
				{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, []byte{0x06, 0x03, 0x2b, 0x65, 0x70})},          // RFC 8410 §3
				{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, append([]byte{0x13, 0x0c}, "edwards25519"...))}, // PKCS #11 v3.0 §2.3.5
			},
			attributes: []uint{pkcs11.CKA_EC_POINT},
			public:     func(v [][]byte) (crypto.PublicKey, error) { return edwards25519(v[0]) },
			input:      message,
			signature:  func(raw []byte) ([]byte, error) { return raw, nil },
		}, nil
	default:
		return kind{}, fmt.Errorf("no %q keys on PKCS#11 tokens: %w", alg, errdefs.ErrInvalid)
	}
}

// p256 reads a CKA_EC_POINT: an uncompressed point, as an OCTET STRING in DER as the
// specification says, or bare as some tokens have it. The length tells which.
func p256(point []byte) (crypto.PublicKey, error) {
	const bare = 65
	if len(point) != bare {
		point = unwrapped(point)
	}
	k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, fmt.Errorf("the token's public key is no point of P-256: %w", err)
	}
	return k, nil
}

// edwards25519 reads a CKA_EC_POINT: 32 bytes (RFC 8032 §5.1.2), bare since PKCS #11 v3.1, in a
// DER string of octets or bits before that.
func edwards25519(point []byte) (crypto.PublicKey, error) {
	if len(point) != ed25519.PublicKeySize {
		point = unwrapped(point)
	}
	if len(point) != ed25519.PublicKeySize {
		return nil, errors.New("the token's public key is none of Ed25519")
	}
	return ed25519.PublicKey(point), nil
}

// unwrapped returns what is in an OCTET STRING or a BIT STRING; nil when it is neither, and
// nothing else.
func unwrapped(der []byte) []byte {
	var octets cryptobyte.String
	if input := cryptobyte.String(der); input.ReadASN1(&octets, asn1.OCTET_STRING) && input.Empty() {
		return octets
	}
	var bits []byte
	if input := cryptobyte.String(der); input.ReadASN1BitStringAsBytes(&bits) && input.Empty() {
		return bits
	}
	return nil
}

func rsaKey(modulus, exponent []byte) (crypto.PublicKey, error) {
	e := new(big.Int).SetBytes(exponent)
	const largest = 1 << 31 // as crypto/rsa has it; keys.NewKey checks the rest
	if !e.IsInt64() || e.Int64() >= largest {
		return nil, errors.New("the token's RSA key has too large an exponent")
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(e.Int64())}, nil
}

func sha256Digest(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts == nil || opts.HashFunc() != crypto.SHA256 || len(digest) != sha256.Size {
		return nil, errors.New("this key signs SHA-256 digests alone")
	}
	return digest, nil
}

// digestInfo prepends what CKM_RSA_PKCS leaves to its caller (RFC 8017 §9.2).
func digestInfo(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if _, pss := opts.(*rsa.PSSOptions); pss {
		return nil, errors.New("this key signs with PKCS#1 v1.5 alone")
	}
	digest, err := sha256Digest(digest, opts)
	if err != nil {
		return nil, err
	}
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	return append(prefix, digest...), nil
}

func message(message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts == nil || opts.HashFunc() != 0 {
		return nil, errors.New("Ed25519 signs messages, not digests")
	}
	if o, ok := opts.(*ed25519.Options); ok && (o.Hash != 0 || o.Context != "") {
		return nil, errors.New("this key signs with plain Ed25519 alone")
	}
	return message, nil
}

// derSignature turns r || s, which tokens return, into the ASN.1 that crypto.Signer promises for
// ECDSA (RFC 3279 §2.2.3).
func derSignature(raw []byte) ([]byte, error) {
	if len(raw) == 0 || len(raw)%2 != 0 {
		return nil, fmt.Errorf("the token returned an ECDSA signature of %d bytes", len(raw))
	}
	half := len(raw) / 2
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(raw[:half]))
		b.AddASN1BigInt(new(big.Int).SetBytes(raw[half:]))
	})
	return b.Bytes()
}
